package core

import (
	"slices"
	"unicode/utf8"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// Config is what holds for all calls. It comes from the user, through the
// host, which has checked it. It holds no secret.
type Config struct {
	// Target is what runs this machine, native or wasm; results repeat it.
	Target string `json:"target"`
	// Output is the form of results; empty means text.
	Output Output `json:"output,omitempty"`
	// MediaLimit bounds the images and sound in the content of one result, in
	// bytes of base64 together; what is beyond it is only told of. 0: no bound.
	MediaLimit int64 `json:"media_limit,omitempty"`
	// Description is the user's own text for chat_completion.
	Description string `json:"description,omitempty"`
	// DefaultModel is asked where a call names no model; may be empty.
	DefaultModel string `json:"default_model,omitempty"`
	// DefaultTemperature stands where a call says neither temperature nor
	// top_p; 0 counts. DefaultMaxTokens stands where it says nothing.
	DefaultTemperature *float64 `json:"default_temperature,omitempty"`
	DefaultMaxTokens   *int64   `json:"default_max_tokens,omitempty"`
	// Providers can be asked. In doubt about a name, the first that has it is.
	Providers []provider.Row `json:"providers"`
	// Checks says that the host answers a [*Check].
	Checks bool `json:"checks,omitempty"`
	// Models are what the user says of models; Lists what their providers say,
	// as the host keeps it. The user's word goes before theirs.
	Models []provider.Model `json:"models,omitempty"`
	Lists  []List           `json:"lists,omitempty"`
	// Aliases are the user's names for models, Fallbacks what is asked where one
	// fails. Both may name aliases; none leads back to itself.
	Aliases   []Alias `json:"aliases,omitempty"`
	Fallbacks []Alias `json:"fallbacks,omitempty"`
	// FallbackOn are kinds of failure at which the next model is asked, beside
	// those at which it always is.
	FallbackOn []provider.Kind `json:"fallback_on,omitempty"`
	// Allow and Deny are patterns of PROVIDER/MODEL, or of a model's id alone; *
	// stands for anything. No Allow allows all; Deny goes before it.
	Allow []string `json:"allow,omitempty"`
	Deny  []string `json:"deny,omitempty"`
	// Tools are those that are offered; none means all.
	Tools []string `json:"tools,omitempty"`
}

// List is a provider's list of models as it was read at a time.
type List struct {
	Provider string           `json:"provider"`
	AtMS     int64            `json:"at_ms"` // Unix milliseconds
	Models   []provider.Model `json:"models"`
}

// Alias is a name for models, in the order in which they are to be asked.
type Alias struct {
	Name   string   `json:"name"`
	Models []string `json:"models"`
}

// legible is the configuration with every text as a frame brings it. Nearly all
// are so already: only one that is not is written and read.
func (c Config) legible() *Config {
	valid := true
	c.texts(func(texts ...string) {
		for _, text := range texts {
			valid = valid && utf8.ValidString(text)
		}
	})
	if valid {
		return &c
	}
	var read Config
	if raw, err := json.Marshal(&c); err != nil || json.Unmarshal(raw, &read) != nil {
		return &Config{} // it never is: every field can be written
	}
	return &read
}

// texts visits every text of the configuration.
func (c *Config) texts(visit func(...string)) {
	visit(c.Target, string(c.Output), c.Description, c.DefaultModel)
	for i := range c.Providers {
		row := &c.Providers[i]
		visit(row.Name, row.Form, row.Endpoint, row.Version, row.Credential.Name, row.Credential.Header, row.Credential.Prefix)
		visit(row.Families...)
		visit(row.Lacks...)
		for _, trait := range row.Traits {
			visit(string(trait))
		}
		for _, field := range row.Header {
			visit(field.Name, field.Value)
		}
		for _, model := range row.Models {
			visit(model.Name)
			visit(model.Efforts...)
			visit(model.Lacks...)
		}
	}
	models := func(models []provider.Model) {
		for i := range models {
			model := &models[i]
			visit(model.Provider, model.ID, model.Name, model.Description, model.Strengths, model.Retires)
			visit(model.Abilities...)
			visit(model.Aliases...)
			if model.Defaults != nil {
				visit(model.Defaults.ReasoningEffort)
			}
		}
	}
	models(c.Models)
	for i := range c.Lists {
		visit(c.Lists[i].Provider)
		models(c.Lists[i].Models)
	}
	for _, alias := range slices.Concat(c.Aliases, c.Fallbacks) {
		visit(alias.Name)
		visit(alias.Models...)
	}
	for _, kind := range c.FallbackOn {
		visit(string(kind))
	}
	for _, texts := range [][]string{c.Allow, c.Deny, c.Tools} {
		visit(texts...)
	}
}

// Output is a form of results.
type Output string

// The forms.
const (
	OutputText       Output = "text"
	OutputStructured Output = "structured"
	OutputRaw        Output = "raw"
)
