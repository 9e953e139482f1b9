package main

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// settings are what the environment says.
type settings struct {
	config    core.Config       // without a target: whoever opens a machine knows it
	secrets   map[string]string // by the names of credentials
	timeout   time.Duration
	sandbox   string // off, auto or required
	proxies   proxies
	authority *x509.CertPool // nil: the system's
	allowHTTP bool
	faults    []string
	peer      peer

	getenv func(string) string
}

// proxies are the proxies by the scheme of the endpoint, and the hosts that
// are asked directly.
type proxies struct{ http, https, no string }

const (
	defaultTimeout = 60 * time.Second // the original's
	openAI         = "https://api.openai.com/v1"
	anthropicAPI   = "https://api.anthropic.com/v1"
	apiKey         = "API_KEY" // the name of the one credential, too
)

// readSettings reads the environment. A wrong value is noted, not fatal: the
// server still starts and lists its tools, and calls say what is wrong.
func readSettings(getenv func(string) string, sandbox string) *settings {
	s := &settings{getenv: getenv, timeout: defaultTimeout}
	s.secrets = map[string]string{apiKey: s.env(apiKey)}
	s.sandbox = s.choice("SANDBOX", cmp.Or(sandbox, s.env("SANDBOX"), "off"), "off", "auto", "required")
	s.config = core.Config{
		DefaultModel:       s.env("DEFAULT_MODEL"),
		Description:        s.env("DESCRIPTION"),
		Output:             core.Output(s.choice("OUTPUT", cmp.Or(s.env("OUTPUT"), "text"), "text", "structured", "raw")),
		DefaultTemperature: s.number("DEFAULT_TEMPERATURE", 0, 2),
	}
	if most := s.number("DEFAULT_MAX_TOKENS", 1, 1<<53-1); most != nil {
		if whole := int64(*most); float64(whole) == *most {
			s.config.DefaultMaxTokens = &whole
		} else {
			s.wrong("DEFAULT_MAX_TOKENS", s.env("DEFAULT_MAX_TOKENS"), "a whole number")
		}
	}
	if seconds := s.number("REQUEST_TIMEOUT", 0.001, 86400); seconds != nil {
		s.timeout = time.Duration(*seconds * float64(time.Second))
	}
	if strings.ContainsFunc(s.secrets[apiKey], unicode.IsControl) {
		s.faults = append(s.faults, "API_KEY: holds a line break or another control character, which no key does")
	}
	s.allowHTTP = s.choice("ALLOW_HTTP", cmp.Or(s.env("ALLOW_HTTP"), "0"), "0", "1") == "1"
	s.config.Providers = []provider.Row{s.row()}
	s.readProxies()
	s.readAuthority()
	return s
}

// placeholder is what clients hand over for a variable of theirs that is not
// set, such as ${API_KEY} or ${user_config.key}.
var placeholder = regexp.MustCompile(`^\$\{[^}]*\}$`)

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
func (s *settings) number(name string, lowest, highest float64) *float64 {
	text := s.env(name)
	if text == "" {
		return nil
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || !(number >= lowest && number <= highest) {
		s.wrong(name, text, fmt.Sprintf("a number from %s to %s", strconv.FormatFloat(lowest, 'f', -1, 64), strconv.FormatFloat(highest, 'f', -1, 64)))
		return nil
	}
	return &number
}

// row makes the provider's row.
func (s *settings) row() provider.Row {
	row := provider.Row{
		Name: "openai", Form: "openai-chat", Endpoint: openAI, OpenAI: true,
		Credential: provider.Credential{Name: apiKey, Header: "authorization", Prefix: "Bearer "},
	}
	if organization := s.env("OPENAI_ORGANIZATION"); organization != "" {
		row.Header = []provider.Field{{Name: "openai-organization", Value: organization}}
	}
	version := s.env("ANTHROPIC_VERSION")
	if version != "" && !regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`).MatchString(version) {
		s.wrong("ANTHROPIC_VERSION", version, "a date such as 2023-06-01")
		version = ""
	}
	if s.choice("API_FORMAT", cmp.Or(s.env("API_FORMAT"), "openai"), "openai", "anthropic") == "anthropic" {
		row = provider.Row{
			Name: "anthropic", Form: "anthropic", Endpoint: anthropicAPI, Version: version,
			Credential: provider.Credential{Name: apiKey, Header: "x-api-key"},
		}
	}
	pasted := s.env("API_ENDPOINT")
	if pasted == "" {
		return row
	}
	endpoint, ok := provider.Endpoint(row.Form, pasted)
	if !ok {
		// What stands there is not repeated: it may be a key, put in the wrong place.
		s.faults = append(s.faults, "API_ENDPOINT: allowed: a URL that begins with https:// or http://, without a name or password, such as "+row.Endpoint)
		return row
	}
	official := strings.HasPrefix(endpoint, strings.TrimSuffix(row.Endpoint, "v1"))
	row.Endpoint = endpoint
	if address, err := url.Parse(endpoint); err == nil && !official {
		row.Name, row.OpenAI = address.Host, false
		if s.secrets[apiKey] == "" {
			row.Credential = provider.Credential{} // many servers of one's own want none
		}
	}
	return row
}

// readProxies reads the proxies: PROXY_URL is for everything, the others have
// the meaning that they have for other programs, in either case.
func (s *settings) readProxies() {
	proxy := func(names ...string) string {
		for _, name := range names {
			value := s.env(name)
			if value == "" {
				continue
			}
			if !strings.Contains(value, "://") {
				value = "http://" + value // as curl and others take it
			}
			address, err := url.Parse(value)
			if err == nil && address.Host != "" {
				switch address.Scheme {
				case "http", "https", "socks5", "socks5h":
					return value
				}
			}
			// It may hold a password.
			s.faults = append(s.faults, name+": allowed: a URL that begins with http://, https://, socks5:// or socks5h://")
		}
		return ""
	}
	all := proxy("PROXY_URL")
	rest := proxy("ALL_PROXY", "all_proxy")
	s.proxies = proxies{
		http:  cmp.Or(all, proxy("HTTP_PROXY", "http_proxy"), rest),
		https: cmp.Or(all, proxy("HTTPS_PROXY", "https_proxy"), rest),
		no:    cmp.Or(s.env("NO_PROXY"), s.env("no_proxy")),
	}
	for _, proxy := range []string{s.proxies.http, s.proxies.https} {
		if address, err := url.Parse(proxy); err == nil && address.User != nil {
			if password, ok := address.User.Password(); ok {
				s.secrets["proxy "+address.Host] = password
			}
		}
	}
}

// readAuthority reads certificates that are trusted beside the system's.
func (s *settings) readAuthority() {
	name := "CA_FILE"
	path := s.env(name)
	if path == "" {
		name = "NODE_EXTRA_CA_CERTS" // what users of the original have set
		path = s.env(name)
	}
	if path == "" {
		return
	}
	certificates, err := os.ReadFile(path)
	if err != nil {
		s.wrong(name, path, "a file that can be read")
		return
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(certificates) {
		s.wrong(name, path, "a file with certificates in PEM form")
		return
	}
	s.authority = pool
}

// wrong notes a value that is not allowed. What may be a key in the wrong
// place is not repeated.
func (s *settings) wrong(name, value, allowed string) {
	if value == s.secrets[apiKey] || strings.HasPrefix(value, "sk-") || len(value) > 30 && !strings.ContainsAny(value, " /") {
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
