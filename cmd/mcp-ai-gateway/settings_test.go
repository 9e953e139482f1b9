package main

import (
	"errors"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/gate"
)

// environment is one that holds only what a test says.
type environment map[string]string

func (e environment) get(name string) string { return e[name] }

// sources are the environment alone.
func (e environment) sources() sources { return sources{getenv: e.get, readFile: readFile} }

// TestSettings reads environments and shows the parts that they decide.
func TestSettings(t *testing.T) {
	for _, test := range []struct {
		name string
		env  environment
		want []string // parts of the configuration as JSON
	}{
		{"nothing", environment{}, []string{`"output":"text"`, `"endpoint":"https://api.openai.com/v1"`, `"traits":["openai_models"`, `"name":"API_KEY","header":"authorization","prefix":"Bearer "`}},
		{"D6, Anthropic's bare host", environment{"API_FORMAT": "anthropic", "API_ENDPOINT": "https://api.anthropic.com", "API_KEY": "k"}, []string{
			`"name":"anthropic","form":"anthropic","endpoint":"https://api.anthropic.com/v1"`, `"header":"x-api-key"`,
		}},
		{"D8, a slash at the end", environment{"API_ENDPOINT": "https://openrouter.ai/api/v1/chat/completions/", "API_KEY": "k"}, []string{`"name":"openrouter"`, `"endpoint":"https://openrouter.ai/api/v1"`}},
		{"D22, D23, defaults, and 0 counts", environment{"DEFAULT_TEMPERATURE": "0", "DEFAULT_MAX_TOKENS": "512"}, []string{`"default_temperature":0,"default_max_tokens":512`}},
		{"the organization", environment{"OPENAI_ORGANIZATION": "org-1"}, []string{`"header":[{"name":"openai-organization","value":"org-1"}]`}},
		{"the version", environment{"API_FORMAT": "Anthropic", "ANTHROPIC_VERSION": "2023-01-01"}, []string{`"version":"2023-01-01"`}},
		{"what a client left", environment{"API_ENDPOINT": "${user_config.endpoint}", "API_FORMAT": "$API_FORMAT", "REQUEST_TIMEOUT": "%REQUEST_TIMEOUT%", "DEFAULT_MAX_TOKENS": "0", "DEFAULT_MODEL": "${X}", "OUTPUT": "raw"}, []string{`"output":"raw"`, `"endpoint":"https://api.openai.com/v1"`}},
		{"Responses", environment{"API_FORMAT": "openai-responses"}, []string{`"name":"openai-responses","form":"openai-responses","endpoint":"https://api.openai.com/v1"`}},
		{"Responses of another's", environment{"API_FORMAT": "openai-responses", "API_ENDPOINT": "https://a.example/v1", "API_KEY": "k"}, []string{`"name":"a.example","form":"openai-responses","endpoint":"https://a.example/v1","credential":{"name":"API_KEY","header":"authorization","prefix":"Bearer "}}`}},
		{"a provider's name", environment{"API_FORMAT": "groq", "API_KEY": "k"}, []string{`"name":"groq","form":"openai-chat","endpoint":"https://api.groq.com/openai/v1"`}},
		{"Azure by its address", environment{"API_ENDPOINT": "https://x.openai.azure.com", "API_KEY": "k", "OPENAI_ORGANIZATION": "org-1"}, []string{
			`"name":"azure","form":"openai-chat","endpoint":"https://x.openai.azure.com/openai/v1","credential":{"name":"API_KEY","header":"api-key"},"traits"`,
		}},
		{"Azure's version", environment{"API_FORMAT": "azure", "API_ENDPOINT": "https://x.openai.azure.com/openai/deployments/d/chat/completions", "API_KEY": "k", "AZURE_OPENAI_API_VERSION": "2025-01-01-preview", "OPENAI_ORGANIZATION": "org-1"}, []string{
			`"name":"azure","form":"openai-chat","endpoint":"https://x.openai.azure.com/openai/deployments/d?api-version=2025-01-01-preview","credential":{"name":"API_KEY","header":"api-key"},"traits"`,
		}},
		{"Azure's Responses", environment{"API_FORMAT": "openai-responses", "API_ENDPOINT": "https://x.openai.azure.com", "API_KEY": "k"}, []string{
			`"name":"azure","form":"openai-responses","endpoint":"https://x.openai.azure.com/openai/v1","credential":{"name":"API_KEY","header":"api-key"},"traits"`,
		}},
		{"Azure behind another host", environment{"API_FORMAT": "azure", "API_ENDPOINT": "https://a.example/openai/deployments/d", "API_KEY": "k"}, []string{
			`"name":"azure","form":"openai-chat","endpoint":"https://a.example/openai/deployments/d?api-version=2024-10-21"`, `"header":"api-key"`,
		}},
		{"Gemini's key", environment{"API_FORMAT": "gemini", "API_KEY": "AIza"}, []string{`"header":"x-goog-api-key"`, `"endpoint":"https://generativelanguage.googleapis.com/v1beta"`}},
		{"Vertex AI's key", environment{"API_FORMAT": "gemini", "API_ENDPOINT": "https://aiplatform.googleapis.com", "API_KEY": "AQ.x"}, []string{`"header":"x-goog-api-key"`, `"endpoint":"https://aiplatform.googleapis.com/v1/publishers/google"`}},
		{"Vertex AI's token", environment{"API_FORMAT": "gemini", "API_ENDPOINT": "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1", "API_KEY": "ya29.x"}, []string{`"credential":{"name":"API_KEY","header":"authorization","prefix":"Bearer "}`}},
		{"D33, no key for a server of one's own", environment{"API_ENDPOINT": "http://nas.local:11434/v1"}, []string{`"endpoint":"http://nas.local:11434/v1"}`}},
	} {
		s := readSettings(test.env.sources())
		config, err := json.Marshal(s.config)
		if err != nil || s.fault() != nil {
			t.Errorf("%s: %v, %v", test.name, err, s.fault())
		}
		for _, part := range test.want {
			if !strings.Contains(string(config), part) {
				t.Errorf("%s: %s lacks %s", test.name, config, part)
			}
		}
	}
	if s := readSettings(environment{"REQUEST_TIMEOUT": "1.5"}.sources()); s.timeout != 1500*time.Millisecond {
		t.Errorf("the timeout is %v", s.timeout)
	}
}

// TestWrongSettings: the error names the variable, what was given and what is
// allowed, and never what may be a key.
func TestWrongSettings(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"API_FORMAT", "telepathy", `API_FORMAT: got "telepathy", allowed: openai, openai-responses, azure, anthropic, gemini`}, // D9
		{"API_FORMAT", "azure", `API_ENDPOINT: got nothing, allowed: the address of your Azure resource, such as https://RESOURCE.openai.azure.com`},
		{"REQUEST_TIMEOUT", "abc", `REQUEST_TIMEOUT: got "abc", allowed: a number of seconds, at most 86400; 0 for no limit`},
		{"REQUEST_TIMEOUT", "-1", `got "-1"`},
		{"REQUEST_TIMEOUT", "NaN", `got "NaN"`},
		{"DEFAULT_TEMPERATURE", "abc", `allowed: a number from 0 to 2`},
		{"DEFAULT_TEMPERATURE", "2.5", `got "2.5"`},
		{"DEFAULT_MAX_TOKENS", "12abc", `got "12abc"`},
		{"DEFAULT_MAX_TOKENS", "-1", `got "-1"`},
		{"DEFAULT_MAX_TOKENS", "1.5", `allowed: a whole number`},
		{"OUTPUT", "json", `allowed: text, structured, raw`},
		{"SANDBOX", "yes", `allowed: off, auto, required`},
		{"ANTHROPIC_VERSION", "latest", `allowed: a date`},
		{"ALLOW_HTTP", "maybe", `allowed: 0, 1`},
		{"PROXY_URL", "ftp://name:hunter2@proxy", `PROXY_URL: allowed: a URL`},
		{"HTTPS_PROXY", "http://", `HTTPS_PROXY: allowed: a URL`},
		{"CA_FILE", "/no/such/file", `CA_FILE: got "/no/such/file", allowed: a file, and there is none of this name`},
		{"API_ENDPOINT", "https://name:hunter2@x.example", `API_ENDPOINT: allowed: a URL`},
		{"API_ENDPOINT", "https://x.example:99999/v1", `API_ENDPOINT, the port: got "99999", allowed: 1 to 65535`},
		{"OPENAI_ORGANIZATION", "org\nx", `OPENAI_ORGANIZATION: holds a line break`},
		{"PROXY_URL", "http://user:hunter2#x@proxy:1", `write @ as %40`},
		{"API_KEY", "a\nb", `API_KEY: holds a line break`},
		{"API_KEY", "“hunter2”", `API_KEY: holds`},
		{"OUTPUT", "sk-0123456789", `OUTPUT: got something else`},
	} {
		env := environment{test.name: test.value}
		if test.name == "ANTHROPIC_VERSION" {
			env["API_FORMAT"] = "anthropic"
		}
		fault := readSettings(env.sources()).fault()
		if fault == nil || !strings.Contains(fault.Message, test.want) {
			t.Errorf("%s=%s: %v", test.name, test.value, fault)
		} else if strings.Contains(fault.Message, "hunter2") || strings.Contains(fault.Message, "0123456789") {
			t.Errorf("%s=%s is shown: %v", test.name, test.value, fault)
		}
	}
}

func TestProxySettings(t *testing.T) {
	type proxy = transport.ProxyConfig
	for _, test := range []struct {
		env  environment
		want proxy
	}{
		{environment{}, proxy{}},
		{environment{"HTTPS_PROXY": "http://a:1", "HTTP_PROXY": "http://b:2", "NO_PROXY": "x"}, proxy{HTTP: "http://b:2", HTTPS: "http://a:1", No: "x"}},
		{environment{"https_proxy": "http://a:1", "http_proxy": "b:2", "no_proxy": "x"}, proxy{HTTP: "http://b:2", HTTPS: "http://a:1", No: "x"}},
		{environment{"ALL_PROXY": "socks5://a:1"}, proxy{All: "socks5://a:1"}},
		{environment{"ALL_PROXY": "socks://a:1/"}, proxy{All: "socks5://a:1/"}},
		{environment{"all_proxy": "socks5h://a:1", "HTTPS_PROXY": "https://b:2"}, proxy{HTTPS: "https://b:2", All: "socks5h://a:1"}},
		{environment{"PROXY_URL": "http://a:1", "HTTPS_PROXY": "http://b:2", "NO_PROXY": "x"}, proxy{All: "http://a:1", No: "x"}},
		// What is wrong elsewhere does not matter here.
		{environment{"HTTP_PROXY": "ftp://a:1"}, proxy{}},
		{environment{"HTTPS_PROXY": "http://b:2", "ALL_PROXY": "ftp://a:1"}, proxy{HTTPS: "http://b:2"}},
		{environment{"HTTPS_PROXY": "http://u:p%zz@h:1", "API_ENDPOINT": "http://127.0.0.1:11434/v1"}, proxy{}},
		{environment{"ALL_PROXY": "ftp://a:1", "NO_PROXY": "*"}, proxy{No: "*"}},
	} {
		s := readSettings(test.env.sources())
		if s.proxy != test.want || s.fault() != nil {
			t.Errorf("%v: %+v, %v", test.env, s.proxy, s.fault())
		}
		if wrong := strings.Contains(test.env["HTTP_PROXY"]+test.env["HTTPS_PROXY"]+test.env["ALL_PROXY"], "ftp:"); wrong && !strings.Contains(strings.Join(s.notes, ""), "of no use") {
			t.Errorf("%v: nobody is told: %q", test.env, s.notes)
		}
	}
	s := readSettings(environment{
		"HTTP_PROXY": "http://me:letmein-123@a:1", "HTTPS_PROXY": "http://me:letmein-456@a:1", "ALL_PROXY": "http://token-as-user@b:1",
		"API_ENDPOINT": "https://x.example/v1?api-key=in-the-query&v=1",
	}.sources())
	hidden := slices.Sorted(maps.Values(s.hidden))
	if want := []string{"in-the-query", "letmein-123", "letmein-456", "token-as-user"}; !slices.Equal(hidden, want) {
		t.Errorf("hidden are %q, want %q", hidden, want)
	}
}

// TestProviders: who is configured, in which order, with which credential, by
// variables and a file; and what the user is told.
func TestProviders(t *testing.T) {
	for _, test := range []struct {
		name  string
		env   environment
		file  string
		want  string // NAME=CREDENTIAL@ENDPOINT's host
		notes string // part of the notes; "": there are none
	}{
		{"nothing", environment{}, "", "openai=API_KEY@api.openai.com", "API_KEY is not set: openai"},
		{"keys alone, in the rows' order", environment{"OPENROUTER_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}, "", "openai=OPENAI_API_KEY@api.openai.com anthropic=ANTHROPIC_API_KEY@api.anthropic.com openrouter=OPENROUTER_API_KEY@openrouter.ai", ""},
		{"the original's first", environment{"API_KEY": "k", "API_ENDPOINT": "https://a.example/v1", "OPENAI_API_KEY": "k"}, "", "a.example=API_KEY@a.example openai=OPENAI_API_KEY@api.openai.com", ""},
		{"the original's, and a key for the same", environment{"API_KEY": "k", "OPENAI_API_KEY": "k"}, "", "openai=API_KEY@api.openai.com", ""},
		{"API_FORMAT with its own key", environment{"API_FORMAT": "anthropic", "ANTHROPIC_API_KEY": "k"}, "", "anthropic=ANTHROPIC_API_KEY@api.anthropic.com", ""},
		{"another's endpoint does not get OpenAI's key", environment{"API_ENDPOINT": "https://api.groq.com/openai/v1", "OPENAI_API_KEY": "k", "GROQ_API_KEY": "k"}, "", "groq=GROQ_API_KEY@api.groq.com openai=OPENAI_API_KEY@api.openai.com", ""},
		{"nor does one's own", environment{"OPENAI_API_KEY": "k"}, "providers: {mine: {form: openai, endpoint: 'https://m.example'}, groq2: {form: openai, endpoint: api.groq.com/openai/v1}}", "mine=@m.example groq2=GROQ_API_KEY@api.groq.com openai=OPENAI_API_KEY@api.openai.com", "GROQ_API_KEY is not set: groq2"},
		{"Google's other name", environment{"GOOGLE_API_KEY": "k"}, "", "gemini=GEMINI_API_KEY@generativelanguage.googleapis.com", ""},
		{"what has other purposes", environment{"GITHUB_TOKEN": "k", "HF_TOKEN": "k", "GROQ_API_KEY": "k"}, "", "groq=GROQ_API_KEY@api.groq.com", ""},
		{"API_FORMAT takes it", environment{"GITHUB_TOKEN": "k", "API_FORMAT": "github"}, "", "github=GITHUB_TOKEN@models.github.ai", ""},
		{"the file takes it", environment{"GITHUB_TOKEN": "k"}, "providers: {github: }", "github=GITHUB_TOKEN@models.github.ai", ""},
		{"Azure with its address", environment{"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com"}, "", "azure=AZURE_OPENAI_API_KEY@x.openai.azure.com", ""},
		{"Azure without", environment{"AZURE_OPENAI_API_KEY": "k", "XAI_API_KEY": "k"}, "", "xai=XAI_API_KEY@api.x.ai", "AZURE_OPENAI_API_KEY is set, but AZURE_OPENAI_ENDPOINT is not: azure is not asked"},
		{"what a client left", environment{"OPENAI_API_KEY": "${OPENAI_API_KEY}", "XAI_API_KEY": "k"}, "", "xai=XAI_API_KEY@api.x.ai", ""},
		{"a key that is none", environment{"XAI_API_KEY": "“k”"}, "", "xai=XAI_API_KEY@api.x.ai", ""},
		{"the file before keys", environment{"OPENAI_API_KEY": "k", "XAI_API_KEY": "k"}, "providers: {ollama: , openai: {endpoint: 'https://relay.example', key: 'cmd:x'}}", "ollama=@localhost:11434 openai=openai.key@relay.example xai=XAI_API_KEY@api.x.ai", ""},
		{"the original's before the file", environment{"API_KEY": "k"}, "providers: {ollama: , openai: {key: 'env:OTHER'}}", "openai=API_KEY@api.openai.com ollama=@localhost:11434", "openai has the key and endpoint of API_KEY and API_ENDPOINT"},
		{"the file's key is not set", environment{}, "providers: {mine: {form: anthropic, endpoint: 'https://m.example', key: 'env:MINE'}}", "mine=MINE@m.example", "MINE is not set: mine will not be asked without a key"},
		{"a fault in the file", environment{"XAI_API_KEY": "k"}, "providers: {mine: {form: telepathy}, ollama: }", "ollama=@localhost:11434 xai=XAI_API_KEY@api.x.ai", "config.yaml:1:26: providers.mine.form: got \"telepathy\""},
		{"no YAML", environment{"XAI_API_KEY": "k"}, "providers: {", "xai=XAI_API_KEY@api.x.ai", "config.yaml:1:12"},
		{"a model of nobody's", environment{"XAI_API_KEY": "k"}, "models: {openai/gpt-5: {context: 1}}", "xai=XAI_API_KEY@api.x.ai", "models.openai/gpt-5: openai is not among the providers"},
	} {
		from := test.env.sources()
		if test.file != "" {
			from.folder = t.TempDir()
			path := filepath.Join(from.folder, "mcp-ai-gateway", "config.yaml")
			if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(test.file), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		s := readSettings(from)
		var got []string
		for _, row := range s.config.Providers {
			endpoint, err := url.Parse(row.Endpoint)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, row.Name+"="+row.Credential.Name+"@"+endpoint.Host)
		}
		if all := strings.Join(got, " "); all != test.want || s.fault() != nil {
			t.Errorf("%s: %s, %v", test.name, all, s.fault())
		}
		if notes := strings.Join(s.notes, "\n"); !strings.Contains(notes, test.notes) || (notes == "") != (test.notes == "") {
			t.Errorf("%s: told is %q", test.name, notes)
		}
	}
}

// TestFileAndVariables: a flag goes before a variable, and a variable before the
// file; and what the file says of networks arrives.
func TestFileAndVariables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	text := "{default_model: file, description: file, output: raw, timeout: 5s, sandbox: required, defaults: {temperature: 1, max_tokens: 7}, tools: [chat_completion]," +
		" providers: {ollama: {concurrency: 1, requests_per_minute: 9, proxy: 'socks5://u:letmein-123@p:1', deadlines: {connect: 3s, silence: 0}, ca_file: none.pem}, vllm: {proxy: none}, xai: {key: 'env:X'}}}"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := environment{"MCP_AI_GATEWAY_CONFIG": path, "HTTPS_PROXY": "http://a:1", "X": "sk-x"}
	s := readSettings(env.sources())
	if c := s.config; c.DefaultModel != "file" || c.Description != "file" || c.Output != "raw" || *c.DefaultTemperature != 1 || *c.DefaultMaxTokens != 7 || !slices.Equal(c.Tools, []string{"chat_completion"}) {
		t.Errorf("of the file: %+v", c)
	}
	if s.timeout != 5*time.Second || s.sandbox != "required" || s.secrets["X"] != "sk-x" || s.fault() != nil {
		t.Errorf("of the file: %v, %s, %v, %v", s.timeout, s.sandbox, s.secrets, s.fault())
	}
	want := map[string]transport.Network{
		"ollama": {Proxy: transport.ProxyConfig{All: "socks5://u:letmein-123@p:1"}, Deadlines: transport.Deadlines{Connect: 3 * time.Second}},
		"vllm":   {Deadlines: transport.Deadlines{Silence: silence}},
	}
	if !maps.Equal(s.networks, want) || s.proxy.HTTPS != "http://a:1" {
		t.Errorf("networks: %+v, %+v", s.networks, s.proxy)
	}
	if limits := (map[string]gate.Limits{"ollama": {Concurrency: 1, PerMinute: 9}}); !maps.Equal(s.limits, limits) {
		t.Errorf("limits: %+v", s.limits)
	}
	if hidden := slices.Collect(maps.Values(s.hidden)); !slices.Equal(hidden, []string{"letmein-123"}) {
		t.Errorf("hidden: %q", hidden)
	}
	if notes := strings.Join(s.notes, "\n"); !strings.Contains(notes, "providers.ollama.ca_file: got ") || len(s.notes) != 1 {
		t.Errorf("told is %q", notes)
	}
	maps.Copy(env, environment{"DEFAULT_MODEL": "env", "DESCRIPTION": "env", "OUTPUT": "text", "REQUEST_TIMEOUT": "0", "SANDBOX": "auto", "DEFAULT_TEMPERATURE": "0", "DEFAULT_MAX_TOKENS": "8"})
	from := env.sources()
	from.sandbox = "off"
	s = readSettings(from)
	if c := s.config; c.DefaultModel != "env" || c.Description != "env" || c.Output != "text" || *c.DefaultTemperature != 0 || *c.DefaultMaxTokens != 8 {
		t.Errorf("of the environment: %+v", c)
	}
	if s.timeout != 0 || s.sandbox != "off" {
		t.Errorf("of the environment: %v, %s", s.timeout, s.sandbox)
	}
	from.config = filepath.Join(t.TempDir(), "none.yaml")
	if s := readSettings(from); len(s.notes) != 2 || s.notes[0] != "the configuration file "+from.config+" is not there: nothing of it is used" {
		t.Errorf("a file that is not there: %q", s.notes)
	}
}

// TestVariables holds the README's table, and the help text, against what the
// program reads.
func TestVariables(t *testing.T) {
	read := map[string]bool{}
	readSettings(sources{getenv: func(name string) string {
		read[name] = true
		if name == "AZURE_OPENAI_API_KEY" {
			return "a-key" // its endpoint is read if it is set
		}
		return ""
	}})
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `[A-Z].*$").FindAllString(string(readme), -1) {
		for _, name := range regexp.MustCompile("`([A-Z][A-Z_]+)`").FindAllStringSubmatch(row, -1) {
			told[name[1]] = true
		}
	}
	for name := range told {
		if !read[name] {
			t.Errorf("the README tells of %s, which is not read", name)
		}
	}
	for name := range read {
		if !told[strings.ToUpper(name)] {
			t.Errorf("the README does not tell of %s", name)
		}
		if !strings.Contains(usage, strings.ToUpper(name)) && name != "NODE_EXTRA_CA_CERTS" {
			t.Errorf("the help does not tell of %s", name)
		}
	}
	if len(told) < 15 {
		t.Errorf("only %d variables were found", len(told))
	}
}
