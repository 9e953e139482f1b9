package provider

import (
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// TestAppendMerged: an object laid over another; order and numbers stay.
func TestAppendMerged(t *testing.T) {
	tests := []struct{ base, over, want, clash string }{
		{`{}`, `{}`, `{}`, ""},
		{`{}`, `{"b":1.0,"a":null}`, `{"b":1.0,"a":null}`, ""},
		{`{"z":1}`, `{}`, `{"z":1}`, ""},
		{`{"z":1,"y":{"b":2}}`, `{"x":3,"y":{"a":[1]}}`, `{"z":1,"y":{"b":2,"a":[1]},"x":3}`, ""},
		{`{"y":{}}`, `{"y":{"a":{}}}`, `{"y":{"a":{}}}`, ""},
		{`{"y":{"x":{"w":1}}}`, `{"y":{"x":{"v":1e400}}}`, `{"y":{"x":{"w":1,"v":1e400}}}`, ""},
		{`{"z":1}`, `{"z":1}`, "", ".z"},
		{`{"y":{"b":2}}`, `{"y":3}`, "", ".y"},
		{`{"y":3}`, `{"y":{}}`, "", ".y"},
		{`{"y":[1]}`, `{"y":[2]}`, "", ".y"},
		{`{"a":1,"y":{"x":{"w":1}}}`, `{"y":{"x":{"w":2}}}`, "", ".y.x.w"},
		{`{"a.b":1}`, `{"a":{"b":2}}`, `{"a.b":1,"a":{"b":2}}`, ""},
		{`{"é\"":1}`, `{"é\"":2}`, "", `.é"`},
		{`{"\u0061":1}`, `{"a":2}`, "", ".a"}, // one name, written in two ways
	}
	for _, test := range tests {
		got, clash := appendMerged(nil, json.Parse([]byte(test.base)), json.Parse([]byte(test.over)), "")
		if string(got) != test.want || clash != test.clash {
			t.Errorf("%s over %s: got %s %q", test.over, test.base, got, clash)
		}
	}
}

func FuzzAppendMerged(f *testing.F) {
	f.Add([]byte(`{"a":{"b":1}}`), []byte(`{"a":{"c":[{}]},"d":"\u00e9"}`))
	f.Add([]byte(`{"a":1,"a":2}`), []byte(`{"b":1,"b":{}}`))
	f.Fuzz(func(t *testing.T, base, over []byte) {
		if !json.Valid(base) || !json.Valid(over) || !json.Parse(base).IsObject() || !json.Parse(over).IsObject() {
			return
		}
		merged, clash := appendMerged(nil, json.Parse(base), json.Parse(over), "")
		if clash == "" && (!json.Valid(merged) || !json.Parse(merged).IsObject()) {
			t.Fatalf("%s over %s: %s", over, base, merged)
		}
	})
}

// TestAdjustmentsOnce: however many messages share one.
func TestAdjustmentsOnce(t *testing.T) {
	var adjusted adjustments
	adjusted.note("a", "dropped", "b")
	adjusted.note("a", "dropped", "b")
	adjusted.note("a", "renamed", "b")
	if len(adjusted) != 2 {
		t.Errorf("got %v", adjusted)
	}
}

// TestPost: a field that both sides have is refused, not overwritten; a row's
// own header comes last.
func TestPost(t *testing.T) {
	row := &Row{Endpoint: "https://a.example/v1?x=y", Header: []Field{{"b", "2"}}}
	http, err := post(row, "/p", map[string]int{"a": 1}, json.RawMessage(`{"c":2}`), Field{"a", "1"})
	if err != nil || http.Method != "POST" || http.URL != "https://a.example/v1/p?x=y" || string(http.Body) != `{"a":1,"c":2}` {
		t.Fatalf("got %+v %s %v", http, http.Body, err)
	}
	if len(http.Header) != 3 || http.Header[0].Name != "content-type" || http.Header[1].Name != "a" || http.Header[2].Name != "b" {
		t.Errorf("got %v", http.Header)
	}
	_, err = post(row, "/p", map[string]int{"a": 1}, json.RawMessage(`{"a":2}`))
	if fault, ok := err.(*Error); !ok || fault.Kind != InvalidRequest {
		t.Errorf("got %v", err)
	}
}
