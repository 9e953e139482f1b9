package main

import (
	"cmp"
	"crypto/x509"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/cmd/mcp-ai-gateway/config"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/gate"
)

// sources are where settings come from.
type sources struct {
	getenv          func(string) string
	readFile        func(string) ([]byte, error)
	sandbox, config string // the flags
	home            string // "": ~ stands for nothing
	folder          string // the user's for configurations; "": only a file that is named is read
	cache           string // the user's for caches; "": nothing is kept
}

// settings are what the environment and the configuration file say.
type settings struct {
	config    core.Config                 // without a target: whoever opens a machine knows it
	secrets   map[string]string           // the credentials that are known, by their names
	keys      map[string]config.Reference // the others
	hidden    map[string]string           // what else nobody may see, by the variable or field
	timeout   time.Duration               // 0: none
	sandbox   string                      // off, auto or required
	proxy     transport.ProxyConfig
	authority *x509.CertPool               // nil: the system's
	networks  map[string]transport.Network // of providers that have one of their own
	limits    map[string]gate.Limits
	allowHTTP bool
	faults    []string // why no call is carried out
	notes     []string // what the user should know all the same
	peer      peer

	from sources
}

const (
	defaultTimeout = 60 * time.Second // the original's
	apiKey         = "API_KEY"        // the name of the original's one credential, too
)

// readSettings reads the environment and the file. What is wrong is noted, not
// fatal: the server still starts and lists its tools. A wrong variable is said by
// each call; a wrong entry of the file costs itself.
func readSettings(from sources) *settings {
	s := &settings{
		from: from, timeout: defaultTimeout, secrets: map[string]string{}, keys: map[string]config.Reference{}, hidden: map[string]string{},
		networks: map[string]transport.Network{}, limits: map[string]gate.Limits{},
	}
	file := s.readFile()
	s.sandbox = s.choice("SANDBOX", cmp.Or(s.env("SANDBOX"), file.Sandbox, "off"), "off", "auto", "required")
	if from.sandbox != "" {
		s.sandbox = s.choice("--sandbox", from.sandbox, "off", "auto", "required")
	}
	s.config = core.Config{
		Checks:             true, // package transport's host can
		DefaultModel:       cmp.Or(s.env("DEFAULT_MODEL"), file.DefaultModel),
		Description:        cmp.Or(s.env("DESCRIPTION"), file.Description),
		Output:             core.Output(s.choice("OUTPUT", cmp.Or(s.env("OUTPUT"), string(file.Output), "text"), "text", "structured", "raw")),
		DefaultTemperature: cmp.Or(s.number("DEFAULT_TEMPERATURE", "a number from 0 to 2", 0, 2), file.DefaultTemperature),
		DefaultMaxTokens:   file.DefaultMaxTokens,
		Aliases:            file.Aliases,
		Fallbacks:          file.Fallbacks,
		FallbackOn:         file.FallbackOn,
		Allow:              file.Allow,
		Deny:               file.Deny,
		Tools:              s.tools(file.Tools),
	}
	if most := s.number("DEFAULT_MAX_TOKENS", "a whole number of at least 1", 0, core.MostInteger); most != nil && *most != 0 {
		if whole := int64(*most); float64(whole) == *most {
			s.config.DefaultMaxTokens = &whole
		} else {
			s.wrong("DEFAULT_MAX_TOKENS", s.env("DEFAULT_MAX_TOKENS"), "a whole number of at least 1")
		}
	}
	if file.Timeout != nil {
		s.timeout = *file.Timeout
	}
	if seconds := s.number("REQUEST_TIMEOUT", "a number of seconds, at most 86400; 0 for no limit", 0, 86400); seconds != nil {
		s.timeout = time.Duration(*seconds * float64(time.Second))
	}
	allow := s.choice("ALLOW_HTTP", cmp.Or(s.env("ALLOW_HTTP"), "0"), "0", "1", "false", "true", "no", "yes")
	s.allowHTTP = allow == "1" || allow == "true" || allow == "yes"
	s.readProviders(file)
	s.readModels(file)
	return s
}

// placeholder is what clients hand over for a variable of theirs that is not
// set, such as ${API_KEY}, ${user_config.key}, $API_KEY or %API_KEY%.
var placeholder = regexp.MustCompile(`^(\$\{[^}]*\}|\$[A-Za-z_]\w*|%[A-Za-z_]\w*%)$`)

// env is a variable's value, "" where it is not set.
func (s *settings) env(name string) string {
	value := strings.TrimSpace(s.from.getenv(name))
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

// tools are those that TOOLS names, or else the file.
func (s *settings) tools(file []string) (names []string) {
	named := s.env("TOOLS")
	if named == "" {
		return file
	}
	for name := range strings.SplitSeq(named, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, s.choice("TOOLS", name, core.ToolNames...))
		}
	}
	return names
}

// providers are the names of the providers.
func (s *settings) providers() (names []string) {
	for _, row := range s.config.Providers {
		names = append(names, row.Name)
	}
	return names
}

// concealed is everything that nobody may see, by name.
func (s *settings) concealed() map[string]string {
	all := maps.Clone(s.secrets)
	maps.Copy(all, s.hidden)
	return all
}

// wrong notes a value that is not allowed.
func (s *settings) wrong(name, value, allowed string) {
	s.faults = append(s.faults, name+": "+config.Given(value, allowed))
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
