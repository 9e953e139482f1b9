//go:build !wasip1

package json

import (
	"bytes"
	"encoding/json"
)

// RawMessage is JSON that is carried unread.
type RawMessage = json.RawMessage

func compact(data []byte) ([]byte, error) {
	var out bytes.Buffer
	err := json.Compact(&out, data)
	return out.Bytes(), err
}

func indent(data []byte) ([]byte, error) {
	var out bytes.Buffer
	err := json.Indent(&out, data, "", "  ")
	return out.Bytes(), err
}
