package core_test

import (
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/coretest"
)

// TestExam: every provider takes the same exam, and docs/providers.md tells how
// it went. Rules 5, 9, 20, 23, 33, 37, 43, 50, 51, 52, 55, 57, 58.
func TestExam(t *testing.T) {
	const page = "../docs/providers.md"
	recorded := coretest.ReadRecorded(t, "testdata/exam/recorded.txt")
	table := coretest.ExamTable(coretest.Exam(t, core.New()), recorded)
	t.Log("\n" + table)
	if !t.Failed() {
		coretest.Generated(t, page, "exam", table)
	}
	coretest.Generated(t, page, "providers", coretest.ProviderTable())
}
