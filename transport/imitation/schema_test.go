package imitation

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func TestFitting(t *testing.T) {
	nested := strings.Repeat(`{"type":"object","required":["a"],"properties":{"a":`, maxDepth+10) + "{}" + strings.Repeat("}}", maxDepth+10)
	for _, test := range []struct{ schema, want string }{
		{
			`{"type":"object","required":["s","n","i","b","l","o","z"],"properties":{"s":{"type":"string"},"n":{"type":"number"},"i":{"type":"integer"},"b":{"type":"boolean"},` +
				`"l":{"type":"array","items":{"type":"string"}},"o":{"type":"object","properties":{"not":{},"yes":{"type":"null"}},"required":["yes"]},"z":{"enum":["x","y"]},"left":{}}}`,
			`{"s":"imitated","n":1,"i":1,"b":true,"l":["imitated"],"o":{"yes":null},"z":"x"}`,
		},
		{`{"type":"object","properties":{"a":{}}}`, `{}`},
		{`{"properties":{"a":{"const":{"b":2}}},"required":["a"]}`, `{"a":{"b":2}}`},
		{`{"type":["null","string"]}`, `"imitated"`},
		{`{"anyOf":[{"type":"integer"},{"type":"string"}]}`, `1`},
		{`{"oneOf":[{"type":"boolean"}]}`, `true`},
		{`{"allOf":[{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}]}`, `{"a":"imitated"}`},
		{`{"$ref":"#/$defs/a~1b","$defs":{"a/b":{"type":"array","items":{"$ref":"#/$defs/c"}},"c":{"type":"integer"}}}`, `[1]`},
		{`{"type":"array","minItems":3,"items":{"type":"integer"}}`, `[1,1,1]`},
		{`{"type":"array"}`, `[1]`},
		{`{"type":"integer","minimum":7.5}`, `8`},
		{`{"type":"number","maximum":-2}`, `-2`},
		{`{"type":"string","minLength":10}`, `"imitated.."`},
		{`{"type":"string","maxLength":3}`, `"imi"`},
		{`{}`, `"imitated"`},
		{`true`, `null`},
		{`{"type":"object","required":["<a>"],"additionalProperties":true}`, `{"<a>":null}`},
	} {
		got := fitting([]byte(test.schema))
		if string(got) != test.want {
			t.Errorf("%s: got %s, want %s", test.schema, got, test.want)
		}
		if err := validate(test.schema, got); err != nil {
			t.Errorf("%s: %v", test.schema, err)
		}
	}
	// What nothing fits, or nothing of this size, still ends.
	for _, endless := range []string{
		nested,
		`{"$ref":"#"}`,
		`{"type":"object","required":["a","b"],"properties":{"a":{"$ref":"#"},"b":{"$ref":"#"}}}`,
		`{"type":"array","minItems":1000000000,"items":{"type":"array","minItems":1000000000,"items":{}}}`,
	} {
		if got := fitting([]byte(endless)); len(got) > 1<<20 || !bytes.Contains(got, []byte("null")) {
			t.Errorf("%.80s: got %d bytes, %.80s", endless, len(got), got)
		}
	}
}

// validate checks with the library that the gateway's hosts check with.
func validate(schema string, value []byte) error {
	compiler := jsonschema.NewCompiler()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		return err
	}
	if err := compiler.AddResource("schema.json", document); err != nil {
		return err
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		return err
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return err
	}
	return compiled.Validate(instance)
}
