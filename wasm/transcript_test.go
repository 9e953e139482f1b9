package wasm

import (
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/coretest"
)

// TestTranscripts holds the guest to the same goldens as the native engine.
func TestTranscripts(t *testing.T) {
	module := gateway(t)
	coretest.Run(t, "../core/testdata/transcripts", func(t *testing.T) core.Machine { return open(t, module) })
}
