package wasm

import (
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/coretest"
)

// TestExam lets the guest take the exam of the providers.
func TestExam(t *testing.T) { coretest.Exam(t, open(t, gateway(t))) }
