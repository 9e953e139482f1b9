//go:build !wasip1 && !stdjson

package json

import "github.com/goccy/go-json"

// Library names what encodes and decodes in this build.
const Library = "goccy/go-json"

func marshal(v any) ([]byte, error) {
	return json.MarshalWithOption(v, json.DisableHTMLEscape())
}

func unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }
