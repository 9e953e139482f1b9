package config

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// fallbackKinds are the failures at which another model may be asked.
var fallbackKinds = []string{
	string(provider.InvalidRequest), string(provider.Authentication), string(provider.Permission), string(provider.NotFound),
	string(provider.ContextLength), string(provider.TooLarge), string(provider.ContentFilter), string(provider.RateLimit), string(provider.Quota),
	string(provider.Overloaded), string(provider.Timeout), string(provider.Network), string(provider.BadReply), string(provider.Internal),
}

// topFields are the fields of the file.
var topFields = []field[File]{
	{"providers", readProviders},
	{"models", readModels},
	{"aliases", readAliases},
	{"fallbacks", readFallbacks},
	{"fallback_on", func(r *reader, e entry, file *File) {
		for _, kind := range r.some(e, fallbackKinds) {
			file.FallbackOn = append(file.FallbackOn, provider.Kind(kind))
		}
	}},
	{"allow", func(r *reader, e entry, file *File) { file.Allow = r.list(e, patternAllowed) }},
	{"deny", func(r *reader, e entry, file *File) { file.Deny = r.list(e, patternAllowed) }},
	{"default_model", func(r *reader, e entry, file *File) {
		file.DefaultModel, _ = r.words(e, "the name of a model or alias")
	}},
	{"defaults", func(r *reader, e entry, file *File) {
		var defaults provider.ModelDefaults
		readSection(r, e, "", defaultFields, &defaults)
		file.DefaultTemperature, file.DefaultMaxTokens = defaults.Temperature, defaults.MaxTokens
	}},
	{"description", func(r *reader, e entry, file *File) { file.Description, _ = r.words(e, "a text") }},
	{"tools", func(r *reader, e entry, file *File) { file.Tools = r.some(e, core.ToolNames) }},
	{"output", func(r *reader, e entry, file *File) {
		output, _ := r.choice(e, string(core.OutputText), string(core.OutputStructured), string(core.OutputRaw))
		file.Output = core.Output(output)
	}},
	{"timeout", func(r *reader, e entry, file *File) { file.Timeout = r.deadline(e, "; 0 for no limit") }},
	{"sandbox", func(r *reader, e entry, file *File) { file.Sandbox, _ = r.choice(e, "off", "auto", "required") }},
}

const patternAllowed = "PROVIDER/MODEL or MODEL, where * stands for anything"

// defaultFields are what holds for all models where a call says nothing.
var defaultFields = []field[provider.ModelDefaults]{
	{"temperature", func(r *reader, e entry, defaults *provider.ModelDefaults) {
		if number, ok := r.number(e, 0, 2, "a number from 0 to 2"); ok {
			defaults.Temperature = &number
		}
	}},
	{"max_tokens", func(r *reader, e entry, defaults *provider.ModelDefaults) {
		if number, ok := r.integer(e, 1, core.MostInteger, "a whole number of at least 1"); ok {
			defaults.MaxTokens = &number
		}
	}},
}

// modelDefaultFields are what holds for one model.
var modelDefaultFields = append(slices.Clone(defaultFields), field[provider.ModelDefaults]{
	"reasoning_effort", func(r *reader, e entry, defaults *provider.ModelDefaults) {
		defaults.ReasoningEffort, _ = r.choice(e, provider.Efforts...)
	},
})

// modelFields are the fields of a model.
var modelFields = []field[provider.Model]{
	{"name", func(r *reader, e entry, model *provider.Model) { model.Name, _ = r.words(e, "a text") }},
	{"description", func(r *reader, e entry, model *provider.Model) { model.Description, _ = r.words(e, "a text") }},
	{"strengths", func(r *reader, e entry, model *provider.Model) { model.Strengths, _ = r.words(e, "a text") }},
	{"context", func(r *reader, e entry, model *provider.Model) {
		model.Context, _ = r.integer(e, 1, core.MostInteger, "a whole number of tokens")
	}},
	{"output", func(r *reader, e entry, model *provider.Model) {
		model.Output, _ = r.integer(e, 1, core.MostInteger, "a whole number of tokens")
	}},
	{"price", func(r *reader, e entry, model *provider.Model) {
		var price provider.Price
		if readSection(r, e, "", priceFields, &price) && price != (provider.Price{}) {
			model.Price = &price
		}
	}},
	{"abilities", func(r *reader, e entry, model *provider.Model) {
		said := r.some(e, provider.Abilities)
		for _, ability := range provider.Abilities {
			if slices.Contains(said, ability) {
				model.Abilities = append(model.Abilities, ability)
			}
		}
		model.KnowsAbilities = true
	}},
	{"defaults", func(r *reader, e entry, model *provider.Model) {
		var defaults provider.ModelDefaults
		if readSection(r, e, "", modelDefaultFields, &defaults) && defaults != (provider.ModelDefaults{}) {
			model.Defaults = &defaults
		}
	}},
}

// priceFields are the parts of a price.
var priceFields = []field[provider.Price]{
	{"prompt", func(r *reader, e entry, price *provider.Price) { price.Prompt = r.dollars(e) }},
	{"completion", func(r *reader, e entry, price *provider.Price) { price.Completion = r.dollars(e) }},
	{"cache_read", func(r *reader, e entry, price *provider.Price) { price.CacheRead = r.dollars(e) }},
	{"cache_write", func(r *reader, e entry, price *provider.Price) { price.CacheWrite = r.dollars(e) }},
}

// mostDollars bounds a price: beyond it somebody mistook the unit.
const mostDollars = 1e5

func (r *reader) dollars(e entry) *float64 {
	if number, ok := r.number(e, 0, mostDollars, "a number of US dollars for a million tokens; 0 is free"); ok {
		return &number
	}
	return nil
}

// providerFields are the fields of a provider.
var providerFields = []field[draft]{
	{"form", func(r *reader, e entry, d *draft) {
		d.at["form"] = e
		var ok bool
		if d.wanted.Form, ok = r.choice(e, rowNames()...); !ok {
			d.lost = true
		}
	}},
	{"endpoint", func(r *reader, e entry, d *draft) {
		d.at["endpoint"] = e
		var ok bool
		if d.wanted.Endpoint, ok = r.words(e, "a URL"); !ok {
			d.lost = true
		}
	}},
	{"key", func(r *reader, e entry, d *draft) {
		from, ok := readReference(strings.TrimSpace(r.text(e.value)), r.folder, r.world.Home)
		if !ok {
			// What stands there is not repeated: it may be the key.
			from.Fault = r.fault(e.place(&r.document), e.path, "allowed: %s", keyAllowed).Sentence()
		}
		d.Key = &from
	}},
	{"headers", readHeaders},
	{"organization", func(r *reader, e entry, d *draft) {
		d.at["organization"] = e
		d.wanted.Organization, _ = r.words(e, "a text")
	}},
	{"version", func(r *reader, e entry, d *draft) {
		version, ok := r.words(e, versionAllowed)
		if ok && !dated().MatchString(version) {
			r.wrong(e, versionAllowed)
			return
		}
		d.wanted.Version = version
	}},
	{"api_version", func(r *reader, e entry, d *draft) {
		d.wanted.AzureVersion, _ = r.words(e, "a version of Azure's API, such as 2024-10-21")
	}},
	{"proxy", readProxy},
	{"ca_file", func(r *reader, e entry, d *draft) {
		path, ok := r.words(e, "the path of a file with certificates in PEM form")
		if !ok {
			return
		}
		from, _ := readReference("file:"+path, r.folder, r.world.Home)
		d.Network.CAFile = filepath.Clean(from.What)
	}},
	{"deadlines", func(r *reader, e entry, d *draft) {
		readSection(r, e, "", deadlineFields, &d.Network)
	}},
	{"concurrency", func(r *reader, e entry, d *draft) { d.Concurrency = r.count(e) }},
	{"requests_per_minute", func(r *reader, e entry, d *draft) { d.PerMinute = r.count(e) }},
}

// deadlineFields are the parts of an exchange that are bounded.
var deadlineFields = []field[Network]{
	{"connect", func(r *reader, e entry, network *Network) { network.Connect = r.deadline(e, "") }},
	{"first_byte", func(r *reader, e entry, network *Network) { network.FirstByte = r.deadline(e, "; 0 for no limit") }},
	{"silence", func(r *reader, e entry, network *Network) { network.Silence = r.deadline(e, "; 0 for no limit") }},
}

func (r *reader) deadline(e entry, zero string) *time.Duration {
	if duration, ok := r.duration(e, zero); ok {
		return &duration
	}
	return nil
}

// count reads a limit.
func (r *reader) count(e entry) int {
	number, _ := r.integer(e, 1, 1_000_000, "a whole number from 1 to 1000000")
	return int(number)
}

// some reads a list of some of a few words.
func (r *reader) some(e entry, allowed []string) (words []string) {
	for _, one := range r.items(e) {
		lower, ok := r.choice(one, allowed...)
		if !ok {
			continue
		}
		if !slices.Contains(words, lower) {
			words = append(words, lower)
		}
	}
	return words
}

// ours are headers that the gateway sets itself. A key in one of them would be
// shown to the core, and in what it reports.
var ours = []string{"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "host", "content-length", "content-type", "transfer-encoding", "connection", "user-agent"}

func readHeaders(r *reader, e entry, d *draft) {
	entries, ok := r.mapping(e, "a mapping of names to texts")
	if !ok {
		d.lost = true
	}
	for _, e := range entries {
		name := strings.ToLower(e.name)
		value := strings.TrimSpace(r.text(e.value))
		switch {
		case slices.Contains(ours, name):
			r.fault(e.key, e.path, "the gateway sets this header itself; a key belongs into key")
			d.lost = true
		case !httpguts.ValidHeaderFieldName(name) || looksSecret(name):
			r.fault(e.key, "providers."+d.wanted.Name+".headers", "allowed: names of letters, digits and -")
			d.lost = true
		case !r.isText(e.value) || value == "" || !httpguts.ValidHeaderFieldValue(value):
			r.fault(e.place(&r.document), e.path, "allowed: a text on one line")
			d.lost = true
		default:
			d.Row.Header = append(d.Row.Header, provider.Field{Name: name, Value: value})
			if secretName().MatchString(name) {
				d.hide("header "+name, value)
			}
		}
	}
}

// proxyAllowed says what a proxy's URL looks like.
const proxyAllowed = "allowed: none, or a URL with a host that begins with http://, https://, socks5:// or socks5h://"

func readProxy(r *reader, e entry, d *draft) {
	text, ok := r.words(e, "none, or a URL")
	if !ok {
		d.lost = true
		return
	}
	if strings.EqualFold(text, "none") {
		d.Network.Proxy = "none"
		return
	}
	address, secret, ok := Proxy(text)
	if !ok {
		// What stands there is not repeated: it may hold a password.
		r.fault(e.place(&r.document), e.path, "%s", proxyAllowed)
		d.lost = true
		return
	}
	d.Network.Proxy = address
	if secret != "" {
		d.hide("proxy", secret)
	}
}

// Proxy makes a proxy's URL of what people write for one. The secret is the
// password in it, or the user where there is none: some proxies take a token
// there.
func Proxy(text string) (address, secret string, ok bool) {
	if !strings.Contains(text, "://") {
		text = "http://" + text // as curl and others take it
	}
	if rest, found := strings.CutPrefix(text, "socks://"); found {
		text = "socks5://" + rest // as desktops write it
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, parsed.Scheme) {
		return "", "", false
	}
	if password, set := parsed.User.Password(); set {
		secret = password
	} else if parsed.User != nil {
		secret = parsed.User.Username()
	}
	return text, secret, true
}
