package main

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport"
)

// settings are what the environment says.
type settings struct {
	config    core.Config       // without a target: whoever opens a machine knows it
	secrets   map[string]string // the credentials, by their names
	hidden    map[string]string // what else nobody may see, by the variable
	timeout   time.Duration     // 0: none
	sandbox   string            // off, auto or required
	proxy     transport.ProxyConfig
	authority *x509.CertPool // nil: the system's
	allowHTTP bool
	faults    []string // why no call is carried out
	notes     []string // what the user should know all the same
	peer      peer

	getenv func(string) string
}

const (
	defaultTimeout = 60 * time.Second // the original's
	apiKey         = "API_KEY"        // the name of the one credential, too
)

// readSettings reads the environment. A wrong value is noted, not fatal: the
// server still starts and lists its tools, and calls say what is wrong.
func readSettings(getenv func(string) string, sandbox string) *settings {
	s := &settings{getenv: getenv, timeout: defaultTimeout, hidden: map[string]string{}}
	s.secrets = map[string]string{apiKey: s.env(apiKey)}
	s.sandbox = s.choice("SANDBOX", cmp.Or(s.env("SANDBOX"), "off"), "off", "auto", "required")
	if sandbox != "" {
		s.sandbox = s.choice("--sandbox", sandbox, "off", "auto", "required")
	}
	s.config = core.Config{
		Checks:             true, // package transport's host can
		DefaultModel:       s.env("DEFAULT_MODEL"),
		Description:        s.env("DESCRIPTION"),
		Output:             core.Output(s.choice("OUTPUT", cmp.Or(s.env("OUTPUT"), "text"), "text", "structured", "raw")),
		DefaultTemperature: s.number("DEFAULT_TEMPERATURE", "a number from 0 to 2", 0, 2),
	}
	if most := s.number("DEFAULT_MAX_TOKENS", "a whole number of at least 1", 0, 1<<53-1); most != nil && *most != 0 {
		if whole := int64(*most); float64(whole) == *most {
			s.config.DefaultMaxTokens = &whole
		} else {
			s.wrong("DEFAULT_MAX_TOKENS", s.env("DEFAULT_MAX_TOKENS"), "a whole number of at least 1")
		}
	}
	if seconds := s.number("REQUEST_TIMEOUT", "a number of seconds, at most 86400; 0 for no limit", 0, 86400); seconds != nil {
		s.timeout = time.Duration(*seconds * float64(time.Second))
	}
	if strings.ContainsFunc(s.secrets[apiKey], func(c rune) bool { return c <= ' ' || c > '~' }) {
		s.faults = append(s.faults, "API_KEY: holds a line break, a blank or a character that no key has, such as a typographic quote")
	}
	allow := s.choice("ALLOW_HTTP", cmp.Or(s.env("ALLOW_HTTP"), "0"), "0", "1", "false", "true", "no", "yes")
	s.allowHTTP = allow == "1" || allow == "true" || allow == "yes"
	row := s.row()
	s.config.Providers = []provider.Row{row}
	if row.Credential.Name != "" && s.secrets[apiKey] == "" {
		s.notes = append(s.notes, "API_KEY is not set: "+row.Name+" will not be asked without a key")
	}
	if endpoint, err := url.Parse(row.Endpoint); err == nil {
		s.readProxies(endpoint)
	}
	s.readAuthority()
	return s
}

// placeholder is what clients hand over for a variable of theirs that is not
// set, such as ${API_KEY}, ${user_config.key}, $API_KEY or %API_KEY%.
var placeholder = regexp.MustCompile(`^(\$\{[^}]*\}|\$[A-Za-z_]\w*|%[A-Za-z_]\w*%)$`)

// env is a variable's value, "" where it is not set.
func (s *settings) env(name string) string {
	value := strings.TrimSpace(s.getenv(name))
	if placeholder.MatchString(value) {
		return ""
	}
	return value
}

// choice is one of a few values.
func (s *settings) choice(name, value string, allowed ...string) string {
	for _, one := range allowed {
		if strings.EqualFold(value, one) {
			return one
		}
	}
	s.wrong(name, value, strings.Join(allowed, ", "))
	return allowed[0]
}

// number is a number from lowest to highest, nil where the variable is not set.
func (s *settings) number(name, allowed string, lowest, highest float64) *float64 {
	text := s.env(name)
	if text == "" {
		return nil
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || !(number >= lowest && number <= highest) {
		s.wrong(name, text, allowed)
		return nil
	}
	return &number
}

// row makes the provider's row.
func (s *settings) row() provider.Row {
	row := s.format()
	switch {
	case row.Credential.Name != "":
		row.Credential.Name = apiKey
	case s.secrets[apiKey] != "": // it wants none, and the user has one all the same
		row.Credential = provider.Credential{Name: apiKey, Header: "authorization", Prefix: "Bearer "}
	}
	organization, version := s.env("OPENAI_ORGANIZATION"), s.env("ANTHROPIC_VERSION")
	switch {
	case row.Form == "anthropic":
		if row.Version = version; version != "" && !regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`).MatchString(version) {
			s.wrong("ANTHROPIC_VERSION", version, "a date such as 2023-06-01")
			row.Version = ""
		}
	case strings.ContainsFunc(organization, unicode.IsControl):
		s.faults = append(s.faults, "OPENAI_ORGANIZATION: holds a line break or another control character")
	case organization != "" && strings.HasPrefix(row.Form, "openai-") && row.Name != azure:
		row.Header = []provider.Field{{Name: "openai-organization", Value: organization}}
	}
	pasted, azureVersion := s.env("API_ENDPOINT"), s.env("AZURE_OPENAI_API_VERSION")
	if pasted == "" {
		if row.Name == azure {
			s.faults = append(s.faults, "API_ENDPOINT: got nothing, allowed: the address of your Azure resource, such as "+azureExample)
		}
		return row
	}
	example := cmp.Or(row.Endpoint, azureExample)
	endpoint, ok := provider.Endpoint(row.Form, pasted)
	if !ok {
		// What stands there is not repeated: it may be a key, put in the wrong place.
		s.faults = append(s.faults, "API_ENDPOINT: allowed: a URL that begins with https:// or http://, without a name or password, such as "+example)
		return row
	}
	address, err := url.Parse(endpoint)
	if err != nil {
		return row
	}
	if port, err := strconv.Atoi(cmp.Or(address.Port(), "443")); err != nil || port < 1 || port > 65535 {
		s.wrong("API_ENDPOINT, the port", address.Port(), "1 to 65535")
	}
	for name, values := range address.Query() {
		if secretName.MatchString(name) {
			s.hidden["API_ENDPOINT, "+name] = values[0]
		}
	}
	row.Endpoint = endpoint
	known, official := provider.RowAt(row.Form, address.Host)
	switch {
	case official:
		row.Name = known.Name
		row.TakeAfter(known)
		if row.Credential.Name != "" && known.Credential.Name != "" {
			row.Credential.Header, row.Credential.Prefix = known.Credential.Header, known.Credential.Prefix
		}
	case slices.Contains([]string{"openai", "openai-responses", "anthropic", "gemini"}, row.Name):
		// These are forms as well: it is somebody else who speaks them.
		row.Name = address.Host
		row.TakeAfter(provider.Row{})
	}
	if row.Name == azure {
		row.Header = nil // OpenAI's organizations are none of Azure's
		row.Endpoint = provider.AzureVersion(endpoint, azureVersion)
	}
	if row.Form == "gemini" && strings.HasPrefix(s.secrets[apiKey], "ya29.") && isVertex(address) {
		// A token of a Google account, which is no API key.
		row.Credential = provider.Credential{Name: apiKey, Header: "authorization", Prefix: "Bearer "}
	}
	if s.secrets[apiKey] == "" && (!official || known.Credential.Name == "") {
		row.Credential = provider.Credential{} // many servers of one's own want none
	}
	return row
}

// azure is the name of the row whose customers each have an address of their
// own, azureExample one of those.
const azure, azureExample = "azure", "https://RESOURCE.openai.azure.com"

// isVertex knows Gemini at Vertex AI, where a path names the publisher.
func isVertex(address *url.URL) bool {
	return strings.HasSuffix(address.Hostname(), "aiplatform.googleapis.com") || strings.Contains(address.Path, "/publishers/")
}

// format finds the row that API_FORMAT names: a wire form, or a provider.
func (s *settings) format() provider.Row {
	named := strings.ToLower(cmp.Or(s.env("API_FORMAT"), "openai"))
	var names []string
	for _, row := range provider.Rows {
		if row.Name == named {
			return row
		}
		names = append(names, row.Name)
	}
	s.wrong("API_FORMAT", named, strings.Join(names, ", "))
	return provider.Rows[0]
}

// secretName knows the parameters of a query that carry secrets.
var secretName = regexp.MustCompile(`(?i)key|token|secret|sig|pass|code|auth`)

// concealed is everything that nobody may see, by name.
func (s *settings) concealed() map[string]string {
	all := maps.Clone(s.secrets)
	maps.Copy(all, s.hidden)
	return all
}

// wrong notes a value that is not allowed. What may be a key in the wrong
// place is not repeated.
func (s *settings) wrong(name, value, allowed string) {
	if strings.HasPrefix(value, "sk-") || len(value) > 30 && !strings.ContainsAny(value, " /") {
		s.faults = append(s.faults, fmt.Sprintf("%s: got something else, allowed: %s", name, allowed))
		return
	}
	s.faults = append(s.faults, fmt.Sprintf("%s: got %q, allowed: %s", name, value, allowed))
}

// fault is what was wrong as one error, or nil.
func (s *settings) fault() *provider.Error {
	if len(s.faults) == 0 {
		return nil
	}
	return &provider.Error{
		Kind: provider.InvalidRequest, Message: "wrong settings: " + strings.Join(s.faults, "; "),
		Next: "Correct them in the " + s.peer.place() + ", then restart the server.",
	}
}
