package core

import (
	"slices"

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
	// Providers can be asked. The first is asked where nothing else decides.
	Providers []provider.Row `json:"providers"`
	// Checks says that the host answers a [*Check].
	Checks bool `json:"checks,omitempty"`
}

// legible is a copy with every text as a frame brings it.
func (c Config) legible() *Config {
	c.Target, c.Output = legible(c.Target), Output(legible(string(c.Output)))
	c.Description, c.DefaultModel = legible(c.Description), legible(c.DefaultModel)
	c.Providers = slices.Clone(c.Providers)
	for i := range c.Providers {
		row := &c.Providers[i]
		row.Header = slices.Clone(row.Header)
		for _, text := range []*string{
			&row.Name, &row.Form, &row.Endpoint, &row.Version, &row.Credential.Name, &row.Credential.Header, &row.Credential.Prefix,
		} {
			*text = legible(*text)
		}
		for j, field := range row.Header {
			row.Header[j] = provider.Field{Name: legible(field.Name), Value: legible(field.Value)}
		}
	}
	return &c
}

// Output is a form of results.
type Output string

// The forms.
const (
	OutputText       Output = "text"
	OutputStructured Output = "structured"
	OutputRaw        Output = "raw"
)
