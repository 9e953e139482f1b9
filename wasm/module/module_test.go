package module_test

import (
	"bytes"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm/module"
)

func TestReactor(t *testing.T) {
	first, err := module.Reactor()
	if err != nil || !bytes.HasPrefix(first, []byte("\x00asm\x01\x00\x00\x00")) || len(first) > 6<<20 {
		t.Fatalf("%d bytes, %v", len(first), err)
	}
	clear(first)
	if second, err := module.Reactor(); err != nil || len(second) != len(first) || bytes.Equal(second, first) {
		t.Errorf("the second call gives the first one's bytes, or %v", err)
	}
}
