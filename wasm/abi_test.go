package wasm

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

// TestPage holds docs/abi.md, by which strangers write hosts, to the truth.
func TestPage(t *testing.T) {
	data, err := os.ReadFile("../docs/abi.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)

	if version := fmt.Sprintf("This is version **%d** of the interface.", core.ABIVersion); !strings.Contains(page, version) {
		t.Errorf("it does not say %q", version)
	}
	for _, export := range exports {
		if !strings.Contains(page, "| `"+export.name+"` |") {
			t.Errorf("it lacks the export %s", export.name)
		}
	}
	kinds := 0
	for kind := range core.Kind(255) {
		if name := kind.String(); name != "" {
			kinds++
			if row := fmt.Sprintf("\n| %d | `%s` |", kind, name); !strings.Contains(page, row) {
				t.Errorf("it lacks the row %q", row)
			}
		}
	}
	if rows := regexp.MustCompile("(?m)^\\| \\d+ \\| `").FindAllString(page, -1); len(rows) != kinds {
		t.Errorf("it has %d kinds, the core %d", len(rows), kinds)
	}

	// The examples of metas, in the order of the page.
	metas := []any{new(core.Configure), new(core.Call), new(core.Head), new(core.Fail), new(core.Checked), new(core.Fetch), new(core.Result)}
	examples := regexp.MustCompile("(?m)^```json\n(.*)\n```$").FindAllStringSubmatch(page, -1)
	if len(examples) != len(metas) {
		t.Fatalf("it has %d examples", len(examples))
	}
	for i, meta := range metas {
		decoder := json.NewDecoder(strings.NewReader(examples[i][1]))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(meta); err != nil {
			t.Errorf("%T: %v", meta, err)
		}
	}

	// The session: each line that the host says, with what it hears behind it.
	engine, said := core.New(), 0
	var expected []string
	for line := range strings.Lines(page) {
		if heard, ok := strings.CutPrefix(line, "< "); ok {
			if len(expected) == 0 || heard != expected[0] {
				t.Fatalf("it hears %sthe engine says %q", heard, expected)
			}
			expected = expected[1:]
		}
		if line, ok := strings.CutPrefix(line, "> "); ok {
			event, err := core.DecodeEventLine([]byte(line))
			if err != nil || len(expected) > 0 {
				t.Fatalf("%v, or %q is left out, before %s", err, expected, line)
			}
			expected = slices.Collect(strings.Lines(string(frames(t, steps(t, engine, event)))))
			said++
		}
	}
	if said == 0 || len(expected) > 0 {
		t.Errorf("a session of %d lines leaves out %q", said, expected)
	}
}
