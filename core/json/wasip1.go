//go:build wasip1

package json

// RawMessage is JSON that is carried unread.
type RawMessage []byte

// Library names what encodes and decodes in this build.
const Library = "core/json"

func marshal(v any) ([]byte, error) { return ownMarshal(v) }

func unmarshal(data []byte, v any) error { return ownUnmarshal(data, v) }

func compact(data []byte) ([]byte, error) { return ownCompact(data) }

func indent(data []byte) ([]byte, error) { return ownIndent(data) }
