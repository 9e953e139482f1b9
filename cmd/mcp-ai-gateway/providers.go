package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/cmd/mcp-ai-gateway/config"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/gate"
)

// world is what the file's keys are fetched from.
func (s *settings) world() config.World {
	return config.World{Getenv: s.env, ReadFile: s.from.readFile, Run: config.Run, Home: s.from.home}
}

// readFile reads the configuration file, where there is one.
func (s *settings) readFile() *config.File {
	path, named := config.Path(s.from.config, s.env("MCP_AI_GATEWAY_CONFIG"), s.from.folder)
	if path == "" {
		return &config.File{}
	}
	data, err := s.from.readFile(path)
	if err != nil {
		why := "cannot be read"
		switch {
		case errors.Is(err, fs.ErrNotExist) && !named:
			return &config.File{}
		case errors.Is(err, fs.ErrNotExist):
			why = "is not there"
		case errors.Is(err, fs.ErrPermission):
			why = "may not be read by this user"
		}
		s.notes = append(s.notes, "the configuration file "+path+" "+why+": nothing of it is used")
		return &config.File{}
	}
	file, faults := config.Read(path, data, s.world())
	for _, fault := range faults {
		s.notes = append(s.notes, fault.String())
	}
	return file
}

// readProviders puts the providers in their order: the one of the original's
// variables, the file's, those whose usual variable is set. Each name comes once.
func (s *settings) readProviders(file *config.File) {
	var others []provider.Row
	for _, p := range file.Providers {
		others = append(others, p.Row)
	}
	for _, row := range s.usual() {
		if !slices.ContainsFunc(others, func(other provider.Row) bool { return other.Name == row.Name }) {
			others = append(others, row)
		}
	}
	if named := s.env(apiKey) + s.env("API_FORMAT") + s.env("API_ENDPOINT"); named != "" || len(others) == 0 {
		row := s.original()
		s.config.Providers = append(s.config.Providers, row)
		others = slices.DeleteFunc(others, func(other provider.Row) bool { return other.Name == row.Name })
	}
	s.config.Providers = append(s.config.Providers, others...)
	for _, p := range file.Providers {
		s.readKey(p)
		if slices.ContainsFunc(others, func(other provider.Row) bool { return other.Name == p.Row.Name }) {
			continue
		}
		s.notes = append(s.notes, p.Row.Name+" has the key and endpoint of API_KEY and API_ENDPOINT, and not those of the configuration file")
	}
	for name, secret := range file.Hidden() {
		s.hidden[name] = secret
	}
	s.readWays(file)
}

// readKey finds the key of a provider of the file, if that takes no time.
func (s *settings) readKey(p config.Provider) {
	name := p.Row.Credential.Name
	switch {
	case name == "":
	case p.Key == nil:
		s.readVariable(name, cmp.Or(s.set(name), name), p.Row.Name)
	case p.Key.Kind == "env":
		s.readVariable(name, p.Key.What, p.Row.Name)
	default:
		s.keys[name] = *p.Key
	}
}

// readVariable finds a credential in a variable.
func (s *settings) readVariable(name, variable, row string) {
	value := s.env(variable)
	if config.IsKey(value) {
		s.secrets[name] = value
		return
	}
	s.keys[name] = config.Reference{Kind: "env", What: variable} // each call says what is wrong
	if value == "" {
		s.notes = append(s.notes, variable+" is not set: "+row+" will not be asked without a key")
	}
}

// elsewhere are variables that many machines have set for other purposes. They
// switch nothing on.
var elsewhere = []string{"GITHUB_TOKEN", "HF_TOKEN"}

// secondNames are other variables that vendors' own SDKs read.
var secondNames = map[string]string{"GEMINI_API_KEY": "GOOGLE_API_KEY"}

// keyVariables are all that may hold a provider's key.
func keyVariables() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, row := range provider.Rows {
			for _, name := range []string{row.Credential.Name, secondNames[row.Credential.Name]} {
				if name != "" && !yield(name) {
					return
				}
			}
		}
	}
}

// set is the variable that holds a row's key, "" where none does.
func (s *settings) set(variable string) string {
	for _, name := range []string{variable, secondNames[variable]} {
		if name != "" && s.env(name) != "" {
			return name
		}
	}
	return ""
}

// usual are the rows whose usual variable is set. Where two have the same one,
// the first counts.
func (s *settings) usual() (rows []provider.Row) {
	done := map[string]bool{}
	for _, row := range provider.Rows {
		name := row.Credential.Name
		if name == "" || done[name] || slices.Contains(elsewhere, name) {
			continue
		}
		done[name] = true
		variable := s.set(name)
		if variable == "" {
			continue
		}
		wanted := config.Wanted{Name: row.Name, Form: row.Name, Credential: name, Key: s.env(variable), Version: s.env("ANTHROPIC_VERSION")}
		if row.Name == provider.Rows[0].Name {
			wanted.Organization = s.env("OPENAI_ORGANIZATION") // OpenAI's, and nobody else's
		}
		address := ""
		if row.Endpoint == "" { // each of its customers has an address of their own
			address = strings.TrimSuffix(name, "_API_KEY") + "_ENDPOINT"
			wanted.Endpoint, wanted.AzureVersion = s.env(address), s.env("AZURE_OPENAI_API_VERSION")
			if wanted.Endpoint == "" {
				s.notes = append(s.notes, name+" is set, but "+address+" is not: "+row.Name+" is not asked")
				continue
			}
		}
		row, hidden, wrong := wanted.Row()
		for _, w := range wrong {
			named := originals[w.Field]
			if w.Field == "endpoint" {
				named = address
			}
			s.notes = append(s.notes, named+w.Text)
		}
		if slices.ContainsFunc(wrong, func(w config.Wrong) bool { return w.Field == "endpoint" }) {
			continue
		}
		for parameter, secret := range hidden {
			s.hidden[row.Name+", "+parameter] = secret
		}
		s.readVariable(name, variable, row.Name)
		rows = append(rows, row)
	}
	return rows
}

// original makes the row of the original's variables: API_FORMAT, API_ENDPOINT,
// API_KEY.
func (s *settings) original() provider.Row {
	key := s.env(apiKey)
	s.secrets[apiKey] = key
	if key != "" && !config.IsKey(key) {
		s.faults = append(s.faults, "API_KEY: holds a line break, a blank or a character that no key has, such as a typographic quote")
	}
	wanted := config.Wanted{
		Form: strings.ToLower(cmp.Or(s.env("API_FORMAT"), provider.Rows[0].Name)), Endpoint: s.env("API_ENDPOINT"), Key: key,
		Organization: s.env("OPENAI_ORGANIZATION"), Version: s.env("ANTHROPIC_VERSION"), AzureVersion: s.env("AZURE_OPENAI_API_VERSION"),
	}
	if key != "" {
		wanted.Credential = apiKey
	}
	row, hidden, wrong := wanted.Row()
	for _, w := range wrong {
		s.faults = append(s.faults, originals[w.Field]+w.Text)
	}
	for parameter, secret := range hidden {
		s.hidden["API_ENDPOINT, "+parameter] = secret
	}
	if row.Credential.Name == "" || key != "" {
		return row
	}
	if variable := s.set(row.Credential.Name); variable != "" { // its own one does as well
		s.readVariable(row.Credential.Name, variable, row.Name)
		return row
	}
	row.Credential.Name = apiKey
	s.notes = append(s.notes, "API_KEY is not set: "+row.Name+" will not be asked without a key")
	return row
}

// originals are the variables of a [config.Wanted]'s fields.
var originals = map[string]string{
	"form": "API_FORMAT", "endpoint": "API_ENDPOINT", "organization": "OPENAI_ORGANIZATION", "version": "ANTHROPIC_VERSION",
}

// readWays reads the ways to the providers: the environment's, and those of
// the file over them.
func (s *settings) readWays(file *config.File) {
	own := map[string]config.Provider{}
	for _, p := range file.Providers {
		own[p.Row.Name] = p
	}
	var endpoints []*url.URL // of those that the environment's proxies are for
	for _, row := range s.config.Providers {
		if endpoint, err := url.Parse(row.Endpoint); err == nil && own[row.Name].Network.Proxy == "" {
			endpoints = append(endpoints, endpoint)
		}
	}
	s.readProxies(endpoints)
	s.readAuthority()
	for _, p := range file.Providers {
		name, wanted := p.Row.Name, p.Network
		if limits := (gate.Limits{Concurrency: p.Concurrency, PerMinute: p.PerMinute}); limits != (gate.Limits{}) {
			s.limits[name] = limits
		}
		if wanted == (config.Network{}) {
			continue
		}
		network := s.network()
		switch wanted.Proxy {
		case "":
		case "none":
			network.Proxy = transport.ProxyConfig{}
		default:
			network.Proxy = transport.ProxyConfig{All: wanted.Proxy}
		}
		if wanted.CAFile != "" {
			pool, allowed := s.certificates(wanted.CAFile)
			if allowed != "" {
				s.notes = append(s.notes, fmt.Sprintf("providers.%s.ca_file: got %s, allowed: %s", name, strconv.Quote(wanted.CAFile), allowed))
			} else {
				network.RootCAs = pool
			}
		}
		if wanted.Connect != nil {
			network.Deadlines.Connect = *wanted.Connect
		}
		if wanted.FirstByte != nil {
			network.Deadlines.FirstByte = *wanted.FirstByte
		}
		if wanted.Silence != nil {
			network.Deadlines.Silence = *wanted.Silence
		}
		s.networks[name] = network
	}
}

// network is the way to all providers for which the file has no other.
func (s *settings) network() transport.Network {
	return transport.Network{Proxy: s.proxy, RootCAs: s.authority, Deadlines: transport.Deadlines{Silence: silence}}
}

// readModels takes the file's models of providers that are configured.
func (s *settings) readModels(file *config.File) {
	missing := map[string]bool{}
	for _, model := range file.Models {
		if slices.ContainsFunc(s.config.Providers, func(row provider.Row) bool { return row.Name == model.Provider }) {
			s.config.Models = append(s.config.Models, model)
			continue
		}
		if !missing[model.Provider] {
			missing[model.Provider] = true
			s.notes = append(s.notes, "models."+model.Full()+": "+model.Provider+" is not among the providers, so its models are not used")
		}
	}
}
