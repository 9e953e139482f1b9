package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// TestAnthropicStrictness: what a model can be held to.
func TestAnthropicStrictness(t *testing.T) {
	closed := func(rest string) string { return `{"type":"object","additionalProperties":false` + rest + `}` }
	many := func(n int, property string) string {
		var properties []string
		for i := range n {
			properties = append(properties, fmt.Sprintf(`"p%d":%s`, i, property))
		}
		return `,"properties":{` + strings.Join(properties, ",") + `}`
	}
	tests := []struct {
		schema string
		able   bool
	}{
		{closed(""), true},
		{`{"type":"object"}`, false},
		{`{"type":"object","additionalProperties":true}`, false},
		{`{"type":"object","additionalProperties":{"type":"string"}}`, false},
		{closed(many(24, `{"type":"string"}`)), true},
		{closed(many(25, `{"type":"string"}`)), false},
		{closed(many(16, `{"type":["string","null"]}`)), true},
		{closed(many(17, `{"anyOf":[{"type":"string"},{"type":"null"}]}`)), false},
		{closed(`,"properties":{"a":true}`), false},
		{closed(`,"properties":{"a":{"type":"integer","maximum":3}}`), false},
		{closed(`,"properties":{"a":{"type":"array","minItems":1,"items":{"type":"string"}}}`), true},
		{closed(`,"properties":{"a":{"type":"object"}}`), false},
		{closed(`,"properties":{"a":{"oneOf":[{"type":"string"}]}}`), false},
		{closed(`,"properties":{"a":{"$ref":"#/$defs/A"},"b":{"$ref":"#/$defs/A"}},"$defs":{"A":{"type":"string"}}`), true},
		{closed(`,"properties":{"a":{"$ref":"#/$defs/A"}},"$defs":{"A":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/B"}]},"B":{"$ref":"#/$defs/A"}}`), false},
		{closed(`,"properties":{"a":{"$ref":"#"}}`), false},
		{closed(`,"properties":{"a":{"$ref":"https://a.example/s.json"}}`), false},
		{closed(`,"properties":{"$ref":{"type":"string"}}`), true},
		{closed(`,"properties":{"a":{"enum":[{"$ref":"x"}]}}`), false}, // not a reference, but nobody's harm
	}
	for _, test := range tests {
		var strictness anthropicStrictness
		if able := strictness.admits(json.Parse([]byte(test.schema))); able != test.able {
			t.Errorf("%s: %v", test.schema, able)
		}
		if !test.able && strictness != (anthropicStrictness{}) {
			t.Errorf("%s was counted: %+v", test.schema, strictness)
		}
	}
	var strictness anthropicStrictness
	for i := range 21 {
		if able := strictness.admits(json.Parse([]byte(closed("")))); able != (i < 20) {
			t.Errorf("tool %d: %v", i, able)
		}
	}
}

// TestAnthropicInput: type object comes to the root, and nothing else moves.
func TestAnthropicInput(t *testing.T) {
	tests := []struct{ parameters, want, description, fault string }{
		{``, `{"type":"object","properties":{}}`, "", ""},
		{`{}`, `{"type":"object"}`, "", ""},
		{`{"properties":{"z":{},"a":{}}}`, `{"type":"object","properties":{"z":{},"a":{}}}`, "", ""},
		{`{"z":1,"type":"object","a":1.0}`, `{"z":1,"type":"object","a":1.0}`, "", ""},
		{`{"z":1,"type":["null","object"]}`, `{"z":1,"type":"object"}`, "", ""},
		{`{"$ref":"#/$defs/a~1b","$defs":{"a/b":{"required":[],"type":"object"}}}`, `{"required":[],"type":"object","$defs":{"a/b":{"required":[],"type":"object"}}}`, "", ""},
		{`{"anyOf":[{}]}`, `{"type":"object"}`, `The input also has to match this JSON schema: {"anyOf":[{}]}`, ""},
		{`{"type":["string","null"]}`, "", "", `p.type: got ["string","null"], allowed by Anthropic: object`},
		{`{"$ref":"#/$defs/A","$defs":{"A":{"type":"string"}}}`, "", "", `p.$ref: got "#/$defs/A", allowed by Anthropic: the name of a schema of type object in $defs of the same schema`},
	}
	for _, test := range tests {
		var tool anthropicTool
		_, fault := (&anthropicEncoding{}).input(&tool, "p", json.RawMessage(test.parameters))
		switch {
		case fault != nil && fault.Message != test.fault, fault == nil && test.fault != "":
			t.Errorf("%s: %v", test.parameters, fault)
		case fault == nil && (string(tool.InputSchema) != test.want || tool.Description != test.description):
			t.Errorf("%s: got %s %q", test.parameters, tool.InputSchema, tool.Description)
		}
	}
}

func FuzzAnthropicInput(f *testing.F) {
	f.Add([]byte(`{"$ref":"#/$defs/A","$defs":{"A":{"type":"object","properties":{"a":{"$ref":"#/$defs/A"}}}}}`))
	f.Add([]byte(`{"type":["object"],"anyOf":[true],"type":"string"}`))
	f.Fuzz(func(t *testing.T, schema []byte) {
		if !json.Valid(schema) || !json.Parse(schema).IsObject() {
			return
		}
		var tool anthropicTool
		if _, fault := (&anthropicEncoding{}).input(&tool, "p", json.Compact(schema)); fault != nil {
			return
		}
		written := json.Parse(tool.InputSchema)
		if !json.Valid(tool.InputSchema) || text(written.Get("type")) != "object" {
			t.Fatalf("%s became %s", schema, tool.InputSchema)
		}
		new(anthropicStrictness).admits(written)
	})
}
