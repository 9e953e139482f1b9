//go:build stdjson && !wasip1

package json

import (
	"bytes"
	"encoding/json"
)

// Library names what encodes and decodes in this build.
const Library = "encoding/json"

func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

func unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }
