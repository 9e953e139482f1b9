package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// settings are what the environment says.
type settings struct {
	config  core.Config       // without a target: whoever opens a machine knows it
	secrets map[string]string // by the names of credentials
	timeout time.Duration
	sandbox string // off, auto or required
	faults  []string
}

// defaultTimeout is the original's.
const defaultTimeout = 60 * time.Second

// openAI is the default endpoint.
const openAI = "https://api.openai.com/v1"

// apiKey is the name of the one credential.
const apiKey = "API_KEY"

// readSettings reads the environment. A wrong value is noted, not fatal: the
// server still starts and lists its tools, and calls say what is wrong.
func readSettings(getenv func(string) string, sandbox string) *settings {
	env := func(name string) string { return strings.TrimSpace(getenv(name)) }
	s := &settings{
		config: core.Config{
			DefaultModel: env("DEFAULT_MODEL"),
			Description:  env("DESCRIPTION"),
			Output:       core.Output(env("OUTPUT")),
		},
		secrets: map[string]string{apiKey: env("API_KEY")},
		timeout: defaultTimeout,
		sandbox: strings.TrimSpace(sandbox),
	}
	if strings.ContainsFunc(s.secrets[apiKey], unicode.IsControl) {
		s.faults = append(s.faults, "API_KEY: holds a line break or another control character, which no key does")
	}
	switch s.config.Output {
	case "", core.OutputText, core.OutputStructured, core.OutputRaw:
	default:
		s.wrong("OUTPUT", string(s.config.Output), "text, structured or raw")
	}
	switch s.sandbox {
	case "":
		s.sandbox = "off"
	case "off", "auto", "required":
	default:
		s.wrong("SANDBOX", s.sandbox, "off, auto or required")
	}
	if format := env("API_FORMAT"); format != "" && format != "openai" {
		s.wrong("API_FORMAT", format, "openai")
	}
	if text := env("REQUEST_TIMEOUT"); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || seconds <= 0 || seconds > 86400 {
			s.wrong("REQUEST_TIMEOUT", text, "a number of seconds above 0 and up to 86400")
		} else {
			s.timeout = time.Duration(seconds * float64(time.Second))
		}
	}
	s.config.Providers = []provider.Row{s.row(env("API_ENDPOINT"))}
	return s
}

// row makes the provider's row of an endpoint.
func (s *settings) row(endpoint string) provider.Row {
	row := provider.Row{
		Name: "openai", Form: "openai-chat", Endpoint: openAI, MaxTokens: "max_completion_tokens",
		Credential: provider.Credential{Name: apiKey, Header: "authorization", Prefix: "Bearer "},
	}
	if endpoint == "" {
		return row
	}
	address, err := url.Parse(endpoint)
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Host == "" || address.User != nil {
		// What stands there is not repeated: it may be a key, put in the wrong place.
		s.faults = append(s.faults, "API_ENDPOINT: allowed: a URL that begins with https:// or http://, without a name or password, such as "+openAI)
		return row
	}
	address.Fragment = ""
	address.Host = strings.ToLower(address.Host)
	address.Path = strings.TrimSuffix(strings.TrimRight(address.Path, "/"), "/chat/completions")
	official := address.Host == "api.openai.com"
	if official && address.Path == "" {
		address.Path = "/v1"
	}
	row.Endpoint = address.String()
	if !official {
		row.Name, row.MaxTokens = address.Host, ""
		if s.secrets[apiKey] == "" {
			row.Credential = provider.Credential{} // many servers of one's own want none
		}
	}
	return row
}

// wrong notes a value that is not allowed.
func (s *settings) wrong(name, value, allowed string) {
	s.faults = append(s.faults, fmt.Sprintf("%s: got %q, allowed: %s", name, value, allowed))
}

// fault is what was wrong as one error, or nil.
func (s *settings) fault() *provider.Error {
	if len(s.faults) == 0 {
		return nil
	}
	return &provider.Error{
		Kind: provider.InvalidRequest, Message: "wrong settings: " + strings.Join(s.faults, "; "),
		Next: `Correct them in the "env" of this server in the client's configuration, then restart the server.`,
	}
}
