package json_test

import (
	"bytes"
	stdjson "encoding/json"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

type sample struct {
	Text   string            `json:"text"`
	Raw    json.RawMessage   `json:"raw,omitempty"`
	Number *float64          `json:"number,omitempty"`
	Map    map[string]string `json:"map,omitempty"`
	List   []string          `json:"list"`
}

// TestMarshal fixes the bytes that every library behind the door must give.
func TestMarshal(t *testing.T) {
	number := 0.1
	tests := []struct {
		name string
		in   any
		want string
	}{
		{"no HTML escaping", sample{Text: `<a href="x">&</a>`}, `{"text":"<a href=\"x\">&</a>","list":null}`},
		{"controls", sample{Text: "\x00\t\n\x1f\x7f"}, `{"text":"\u0000\t\n\u001f` + "\x7f" + `","list":null}`},
		{"line separators", sample{Text: "\u2028\u2029"}, `{"text":"\u2028\u2029","list":null}`},
		{"invalid UTF-8", sample{Text: "a\xffb"}, `{"text":"a\ufffdb","list":null}`},
		{"beyond the BMP", sample{Text: "😀"}, `{"text":"😀","list":null}`},
		{"raw is compacted", sample{Raw: json.RawMessage("{ \"b\" : 1,\n\"a\": [ 1e3, \"<\" ] }")}, `{"text":"","raw":{"b":1,"a":[1e3,"<"]},"list":null}`},
		{"numbers", sample{Number: &number, List: []string{}}, `{"text":"","number":0.1,"list":[]}`},
		{"maps are sorted", sample{Map: map[string]string{"b": "2", "a": "1", "<": "0"}}, `{"text":"","map":{"<":"0","a":"1","b":"2"},"list":null}`},
	}
	for _, test := range tests {
		got, err := json.Marshal(test.in)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: %s encodes\n%s, %v\nwant\n%s", test.name, json.Library, got, err, test.want)
		}
	}
}

// TestValid holds the door against encoding/json, and adds the limit of depth.
func TestValid(t *testing.T) {
	for _, in := range []string{
		``, ` `, `{}`, `[]`, ` {"a":1} `, `{"a":1}x`, `{"a":1,}`, `{'a':1}`, `nul`, `null`, `01`, `-`, `1e`, `1e400`, `"\ud800"`, `"\x"`,
		"\"a\nb\"", "\"\xff\"", "\ufeff{}", `{"a":1,"a":2}`, `[1 2]`, "\x00", `"`, `{"a"}`, `tru`, `[1,[2,[3]]]`, `NaN`,
	} {
		if got, want := json.Valid([]byte(in)), stdjson.Valid([]byte(in)); got != want {
			t.Errorf("Valid(%q) = %v, encoding/json says %v", in, got, want)
		}
	}
	deep := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if !json.Valid(deep(json.MaxDepth)) || json.Valid(deep(json.MaxDepth+1)) || json.Valid(deep(200_000)) {
		t.Error("the limit of depth is not kept")
	}
	if !json.Valid([]byte(`"` + strings.Repeat("[", 20_000) + `\"["`)) {
		t.Error("quoted brackets count as depth")
	}
}

func TestUnmarshal(t *testing.T) {
	var got sample
	err := json.Unmarshal([]byte(`{"TEXT":"\ud83d\ude00\u0000","raw":{ "a" : 12345678901234567890 },"map":{"k":"v"},"unknown":[]}`), &got)
	if err != nil || got.Text != "😀\x00" || string(got.Raw) != `{ "a" : 12345678901234567890 }` || got.Map["k"] != "v" {
		t.Errorf("%s decodes %+v, %v", json.Library, got, err)
	}
}

// TestPaired holds a scan of text with surrogates against encoding/json.
func TestPaired(t *testing.T) {
	for _, in := range []string{
		`"\ud83d\ude00"`, `"\uD83D\uDE00\ud83d\ude00"`, `"\ud800"`, `"\udc00"`, `"a\ud800\u0041b"`, `"\ud800\ud83d\ude00"`, `"\\\ud800\n\udc00"`,
		`"\\ud800\u0041"`, `"\ude00\ud83d"`, `"\ud800\ud800\ud800x"`, `"x"`,
	} {
		var want string
		if err := stdjson.Unmarshal([]byte(in), &want); err != nil {
			t.Fatal(err)
		}
		if got := json.Parse(json.Paired([]byte(in))).String(); got != want {
			t.Errorf("%s reads as %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{`\`, `\ud`, `\ud80`, `\ud800\`, `\ud800\u`, `\uDxyz`} { // not JSON
		json.Paired([]byte(in))
	}
}

// FuzzValid holds the check against encoding/json's, where no depth is in the way.
func FuzzValid(f *testing.F) {
	for _, text := range []string{"", " ", "0", "-0", "01", "1.", "1e", "1e+5", ".5", "-", "+1", "NaN", "nul", "true ", "{}", "[]", "[1,]", `{"a":1,}`, `{"a"}`, `{a:1}`, `"\u12"`, `"\x"`, "\"\x01\"", "\"\x7f\xff\"", `"`, "1 2", "\ufeff1", "[[[]]]", "{\"a\":{\"b\":[1,2.5e-3,\"c\",null]}}\n", "/**/1", "1\x00"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, want := json.Valid(data), stdjson.Valid(data); got != want && bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) < json.MaxDepth {
			t.Errorf("%q: %v, encoding/json says %v", data, got, want)
		}
	})
}
