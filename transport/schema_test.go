package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

// told is a verdict as one text.
func told(c *core.Checked) string {
	text := string(c.Verdict)
	for _, fault := range c.Faults {
		text += "\n" + fault.Place + ": " + fault.Fault
	}
	if c.More > 0 {
		text += fmt.Sprintf("\n%d more", c.More)
	}
	if c.Reason != "" {
		text += "\n" + c.Reason
	}
	return text
}

// person is a schema like most.
const person = `{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0}},"required":["name","age"],"additionalProperties":false}`

type schemaTest struct{ name, schema, text, want string }

var schemaTests = []schemaTest{
	{"valid", person, ` {"name": "A", "age": 3}` + "\n", "valid"},
	{"an integer with a point", person, `{"name": "A", "age": 3.0}`, "valid"},
	{"faults by place", person, `{"age": -1.5, "zip": 1, "b": 2}`, "invalid\n: additional properties 'b', 'zip' not allowed\n: missing property 'name'\n/age: got number, want integer"},
	{"no JSON", person, `{"name": `, "invalid\n: the answer is not JSON"},
	{"two values", person, `{} {}`, "invalid\n: the answer is not JSON"},
	{"a pointer is escaped", `{"additionalProperties":{"type":"null"}}`, `{"a/b~c": 1}`, "invalid\n/a~1b~0c: got number, want null"},
	{"many faults", `{"items":{"type":"null"}}`, `[1,1,1,1,1,1,1,1,1,1]`, "invalid\n/0: got number, want null\n/1: got number, want null\n/2: got number, want null\n/3: got number, want null\n/4: got number, want null\n/5: got number, want null\n/6: got number, want null\n/7: got number, want null\n2 more"},
	{"alternatives", `{"properties":{"p":{"anyOf":[{"type":"string"},{"properties":{"q":{"type":"null"}}}]}}}`, `{"p": {"q": 1}}`, "invalid\n/p: it is none of the alternatives: got object, want string; or /q: got number, want null"},
	{"two alternatives at once", `{"oneOf":[{"type":"number"},{"minimum":1}]}`, `2`, "invalid\n: 'oneOf' failed, subschemas 0, 1 matched"},
	{"not", `{"not":{"type":"string"}}`, `"a"`, "invalid\n: it is what the schema excludes (not)"},
	{"no schema allows it", `{"properties":{"a":false}}`, `{"a": 1}`, "invalid\n/a: nothing is allowed here"},
	{"names", `{"properties":{"a":{"propertyNames":{"maxLength":1}}}}`, `{"a": {"bb": 1}}`, "invalid\n: invalid propertyName 'bb'"},
	{"a pattern", `{"pattern":"^[a-z]+$"}`, `"A"`, "invalid\n: 'A' does not match pattern '^[a-z]+$'"},
	{"an enum", `{"enum":["a",1,null]}`, `"b"`, "invalid\n: want one of \"a\", 1, null"},
	{"references inside", `{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"next":{"$ref":"#/$defs/node"},"n":{"type":"number"}}}}}`, `{"next": {"next": {"n": "x"}}}`, "invalid\n/next/next/n: got string, want number"},
	{"a reference by id", `{"$ref":"other","$defs":{"o":{"$id":"other","type":"null"}}}`, `1`, "invalid\n: got number, want null"},
	{"no format is held", `{"format":"email"}`, `"x"`, "valid"},
	{"nor in draft 7", `{"$schema":"http://json-schema.org/draft-07/schema#","format":"email"}`, `"x"`, "valid"},
	{"draft 7", `{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string"}],"additionalItems":false,"definitions":{}}`, `["a",1]`, "invalid\n: last 1 additionalItem(s) not allowed"},
	{"2020-12", `{"$schema":"https://json-schema.org/draft/2020-12/schema","prefixItems":[{"type":"string"}],"items":false}`, `["a",1]`, "invalid\n/1: nothing is allowed here"},
	{"a number beyond float64", `{"maximum":9007199254740992}`, `9007199254740993`, "invalid\n: got 9007199254740993, want at most 9007199254740992"},
	{"numbers", `{"properties":{"a":{"multipleOf":0.1},"b":{"exclusiveMinimum":0.5},"c":{"exclusiveMaximum":1e3},"d":{"minimum":1e30}}}`, `{"a":0.25,"b":0.5,"c":1000,"d":1}`, "invalid\n/a: got 0.25, want a multiple of 0.1\n/b: got 0.5, want more than 0.5\n/c: got 1000, want less than 1000\n/d: got 1, want at least 1000000000000000000000000000000"},
	{"lengths", `{"properties":{"a":{"minLength":2000},"b":{"maxLength":1},"c":{"minItems":1},"d":{"maxItems":0},"e":{"minProperties":1},"f":{"maxProperties":0},"g":{"const":[null]}}}`, `{"a":"é","b":"éé","c":[],"d":[1],"e":{},"f":{"x":1},"g":0}`, "invalid\n/a: got 1, want at least 2000 characters\n/b: got 2, want at most 1 characters\n/c: got 0, want at least 1 items\n/d: got 1, want at most 0 items\n/e: got 0, want at least 1 properties\n/f: got 1, want at most 0 properties\n/g: want [null]"},
	{"everything", `{}`, `[{"a": null}]`, "valid"},

	{"no schema", `{"type":"strnig"}`, `1`, "unknown\nthe schema is no JSON schema; at \"/type\": it is none of the alternatives: want one of \"array\", \"boolean\", \"integer\", \"null\", \"number\", \"object\", \"string\"; or got string, want array"},
	{"a schema that is no JSON", `{`, `1`, "unknown\nthe schema is not JSON"},
	{"a reference to nothing", `{"$ref":"#/$defs/x"}`, `1`, "unknown\nthe schema is not understood: json-pointer in \"#/$defs/x\" not found"},
	{"a reference to a name", `{"$ref":"other.json"}`, `1`, "unknown\nthe schema refers to what is not in it, \"other.json\""},
	{"a draft of its own", `{"$schema":"https://x.invalid/draft"}`, `1`, "unknown\nthe schema refers to what is not in it, \"https://x.invalid/draft\""},
	{"a dynamic reference", `{"$dynamicRef":"#x","$defs":{"a":{"$dynamicAnchor":"x"}}}`, `1`, "unknown\nthe schema has a dynamic reference"},
	{"a pattern of another language", `{"pattern":"(?!a)b"}`, `"b"`, "unknown\nthe schema has a pattern that is not understood, \"(?!a)b\""},
}

func TestCheckSchema(t *testing.T) {
	for _, test := range schemaTests {
		if got := told(checkSchema(t.Context(), []byte(test.schema), test.text)); got != test.want {
			t.Errorf("%s: %s of %s is\n%s\nwant\n%s", test.name, test.text, test.schema, got, test.want)
		}
	}
}

// TestSchemaLoadsNothing: whatever a schema refers to, no address is asked and
// no file is read.
func TestSchemaLoadsNothing(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write([]byte(`{"type":"null"}`))
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "schema.json")
	if err := os.WriteFile(file, []byte(`{"type":"null"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{server.URL + "/s", "file://" + file, file, "//" + strings.TrimPrefix(server.URL, "http://"), "https://schema.invalid/other"} {
		for _, schema := range []string{`{"$ref":%q}`, `{"$schema":%q}`, `{"$dynamicRef":%q}`, `{"allOf":[{"$id":%q,"$ref":"x"}]}`, `{"$id":%q,"$ref":"x"}`} {
			schema = fmt.Sprintf(schema, address)
			if got := checkSchema(t.Context(), []byte(schema), `1`); got.Verdict != core.Unknown {
				t.Errorf("%s: %s", schema, told(got))
			}
		}
	}
	if asked != 0 {
		t.Errorf("an address was asked %d times", asked)
	}
}

// doubled is a schema whose work doubles with each of its n levels.
func doubled(n int, wrap, leaf string) string {
	var s strings.Builder
	s.WriteString(`{"$ref":"#/$defs/0","$defs":{`)
	for i := range n {
		next := fmt.Sprintf(`{"$ref":"#/$defs/%d"}`, i+1)
		fmt.Fprintf(&s, `"%d":`+wrap+`,`, i, next, next)
	}
	fmt.Fprintf(&s, `"%d":%s}}`, n, leaf)
	return s.String()
}

func repeated(text string, n int) string { return strings.TrimSuffix(strings.Repeat(text, n), ",") }

// TestHostileSchemas: what is made to take for ever ends in a verdict, and what
// the schema costs is the text's fault as little as anybody's.
func TestHostileSchemas(t *testing.T) {
	nested := func(open, shut string, n int) string { return strings.Repeat(open, n) + "1" + strings.Repeat(shut, n) }
	const long = "unknown\nthe check takes too long"
	chain := doubled(800, `{"allOf":[%s],"x":%s}`, `{}`)
	var names strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&names, `"n%d",`, i)
	}
	for _, test := range []struct{ name, schema, text, want string }{
		{"allOf", doubled(60, `{"allOf":[%s,%s]}`, `{}`), `1`, long},
		{"anyOf that fails", doubled(60, `{"anyOf":[%s,%s]}`, `false`), `1`, long},
		{"oneOf that fails, in not", strings.Replace(doubled(60, `{"oneOf":[%s,%s]}`, `{"type":"null"}`), `{"$ref":"#/$defs/0"`, `{"not":{"$ref":"#/$defs/0"}`, 1), `1`, long},
		{"dependencies in not", strings.Replace(doubled(60, `{"dependencies":{"a":%s,"b":%s}}`, `false`), `{"$ref":"#/$defs/0"`, `{"$schema":"http://json-schema.org/draft-07/schema#","not":{"$ref":"#/$defs/0"}`, 1), `{"a":1,"b":1}`, long},
		{"dependentSchemas", doubled(60, `{"dependentSchemas":{"a":%s,"b":%s}}`, `false`), `{"a":1,"b":1}`, long},
		{"if", doubled(60, `{"if":%s,"else":%s}`, `false`), `1`, long},
		{"a way down", doubled(60, `{"anyOf":[{"items":%s},{"items":%s}]}`, `false`), nested("[", "]", 60), long},
		{"itself", `{"$ref":"#"}`, `1`, "unknown\nthe schema refers to itself without end"},
		{"itself below", `{"anyOf":[{"items":{"$ref":"#"}},{"items":{"$ref":"#"}},{"items":{"$ref":"#"}}],"not":{"type":"number"}}`, nested("[", "]", 40), long},
		{"required", `{"items":{"required":[` + repeated(names.String(), 1) + `]}}`, `[` + repeated(`{},`, 100_000) + `]`, long},
		{"enum", `{"items":{"enum":[` + repeated(`0,`, 30_000) + `]}}`, `[` + repeated(`1,`, 100_000) + `]`, long},
		{"a long chain", chain, nested("[", "]", 40), "unknown\nthe schema branches too deep"},
		{"a chain that is just short enough", doubled(240, `{"allOf":[%s],"x":%s}`, `{"items":{"$ref":"#"}}`), nested("[", "]", 40), "valid"},
		{"a slow pattern", `{"pattern":"^(a+)+$"}`, `"` + strings.Repeat("a", 200_000) + `!"`, "invalid"},
		{"a pattern over much text", `{"items":{"pattern":"(x+x+)+(y|z){300}$"}}`, `[` + repeated(`"`+strings.Repeat("x", 1000)+`",`, 900) + `]`, long},
		{"a pattern that is large", `{"pattern":"(` + strings.Repeat("abcdefghij", 300) + `){900}"}`, `"a"`, "unknown\nthe schema has a pattern that is too large"},
		{"a pattern that is too large for Go", `{"pattern":"((a{100}){100}){100}"}`, `"a"`, "unknown\nthe schema has a pattern that is not understood"},
		{"many patterns", `{"patternProperties":{` + manyPatterns(1500) + `}}`, `{"a":1}`, long},
		{"a number with a million digits", `{"multipleOf":1e-999999}`, `1`, "unknown\nthe schema holds a number"},
		{"and in the text", `{"multipleOf":3}`, `1e999999999999999999999`, "unknown\nthe answer holds a number"},
		{"a text that is deep", `{}`, nested("[", "]", 5000), "unknown\nthe answer is nested too deep"},
		{"a schema that is deep", nested(`{"items":`, "}", 5000), `1`, "unknown\nthe schema is nested too deep"},
		{"a schema that is long", `{"title":"` + strings.Repeat("x", 64<<10) + `"}`, `1`, "unknown\nthe schema is longer than 64 kB"},
		{"a text that is long", `{}`, `"` + strings.Repeat("x", 1<<20) + `"`, "unknown\nthe answer is longer than 1024 kB"},
		{"many ids", `{"allOf":[` + manyNamed(1800, `{"$id":"i%d"},`) + `]}`, `1`, "valid"},
		{"many anchors", `{"allOf":[` + manyNamed(1800, `{"$anchor":"i%d"},`) + `]}`, `1`, "valid"},
		{"references to where no schema is", `{"x":[` + repeated(`{},`, 2000) + `],"allOf":[` + manyNamed(2000, `{"$ref":"#/x/%d"},`) + `]}`, `1`, long},
		{"and some of them", `{"x":[` + repeated(`{},`, 300) + `],"allOf":[` + manyNamed(300, `{"$ref":"#/x/%d"},`) + `]}`, `1`, "valid"},
		{"wide", `{"properties":{` + manyNamed(4000, `"p%d":{},`) + `}}`, `{"p1":1}`, "valid"},
	} {
		got := told(checkSchema(t.Context(), []byte(test.schema), test.text))
		if !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %.300s, want %s", test.name, got, test.want)
		}
	}
}

func manyNamed(n int, each string) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, each, i)
	}
	return strings.TrimSuffix(s.String(), ",")
}

func manyPatterns(n int) string { return manyNamed(n, `"^a{0,999}%d":{},`) }

// TestCheckEndsWithItsContext: a check does not outlive its call.
func TestCheckEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := told(checkSchema(ctx, []byte(`{"minimum":0}`), `1`)); got != "unknown\nthe check takes too long" {
		t.Error(got)
	}
}

// TestCheckedIsTheSame: the library finds faults in no order; a verdict has one.
func TestCheckedIsTheSame(t *testing.T) {
	schema := []byte(`{"additionalProperties":{"anyOf":[{"type":"null"},{"minimum":9},{"properties":{"a":false,"b":false,"c":{"type":"null"}}}],"multipleOf":2},"required":["x","y"]}`)
	text := `{"a":1,"b":3,"c":5,"d":7,"e":{"a":1,"b":2,"c":3},"f":{"c":1,"b":1}}`
	want := checkSchema(t.Context(), schema, text)
	for range 50 {
		if got := checkSchema(t.Context(), schema, text); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\nand then\n%s", told(want), told(got))
		}
	}
}

// FuzzCheckSchema: whatever is checked, there is a verdict, the same each time,
// and each fault is at a place that is there.
func FuzzCheckSchema(f *testing.F) {
	for _, test := range schemaTests {
		f.Add([]byte(test.schema), test.text)
	}
	f.Fuzz(func(t *testing.T, schema []byte, text string) {
		got := checkSchema(t.Context(), schema, text)
		switch got.Verdict {
		case core.Valid, core.Unknown:
			if len(got.Faults) > 0 || (got.Reason == "") != (got.Verdict == core.Valid) || !utf8.ValidString(got.Reason) {
				t.Fatalf("%+v", got)
			}
			return
		case core.Invalid:
		default:
			t.Fatalf("%+v", got)
		}
		if again := checkSchema(t.Context(), schema, text); again.Verdict == got.Verdict && !reflect.DeepEqual(again, got) {
			t.Fatalf("%s\nand then\n%s", told(got), told(again))
		}
		if len(got.Faults) == 0 || len(got.Faults) > core.FaultLimit || got.More < 0 {
			t.Fatalf("%+v", got)
		}
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			return
		}
		for _, fault := range got.Faults {
			if len(fault.Fault) > longestFaultText+len("…") || fault.Fault == "" || !utf8.ValidString(fault.Place+fault.Fault) {
				t.Errorf("a fault %q", fault)
			}
			at := value
			for _, name := range strings.Split(fault.Place, "/")[1:] {
				name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
				i, err := strconv.Atoi(name)
				switch container := at.(type) {
				case map[string]any:
					inside, ok := container[name]
					if !ok {
						t.Fatalf("there is no %q in %s", fault.Place, text)
					}
					at = inside
				case []any:
					if err == nil && i < len(container) {
						at = container[i]
						continue
					}
					t.Fatalf("there is no %q in %s", fault.Place, text)
				default:
					t.Fatalf("there is no %q in %s", fault.Place, text)
				}
			}
		}
	})
}
