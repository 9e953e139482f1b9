package json

import (
	"bytes"
	stdjson "encoding/json"
	"math"
	"reflect"
	"testing"
)

type (
	word  string
	shown string
	deep  struct {
		Word   word `json:"word,omitempty"`
		Hidden int  `json:"text"`
		Both   int  `json:"both"`
		Number uint8
	}
	deeper struct {
		Both int `json:"both"`
		Only bool
	}
	Deepest struct{ Bottom []int }
	form    struct {
		deep
		*deeper
		*Deepest
		Text    string       `json:"text"`
		Seed    uint64       `json:"seed,string"`
		Signed  int64        `json:"signed,omitempty,string"`
		Raw     RawMessage   `json:"raw"`
		Raws    []RawMessage `json:"raws,omitempty"`
		Maybe   *RawMessage  `json:"maybe,omitempty"`
		Float   float64      `json:"float,omitempty"`
		Floats  []*float64   `json:"floats"`
		Flag    *bool        `json:"flag,omitempty"`
		Shown   shown        `json:"shown"`
		Nested  []form       `json:"nested,omitempty"`
		Next    *form        `json:"next,omitempty"`
		Zero    deeper       `json:"zero,omitzero"`
		Kept    deeper       `json:"kept,omitempty"`
		Small   int8         `json:"small,omitempty"`
		Away    string       `json:"-"`
		private int
	}
	open struct {
		Any  any   `json:"any"`
		List []any `json:"list,omitempty"`
	}
)

func (s shown) MarshalJSON() ([]byte, error) {
	if s == "" {
		return []byte(" null "), nil
	}
	return ownMarshal(string(s))
}

// same holds what is written of v against encoding/json.
func same(t *testing.T, v any) {
	t.Helper()
	var out bytes.Buffer
	encoder := stdjson.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	wantErr := encoder.Encode(v)
	want := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	got, err := ownMarshal(v)
	if (err == nil) != (wantErr == nil) || err == nil && string(got) != string(want) {
		t.Errorf("%+v is written as\n%s, %v\nencoding/json writes\n%s, %v", v, got, err, want, wantErr)
	}
}

func TestOwnMarshal(t *testing.T) {
	flag, raw, numbers := true, RawMessage(`{"b" : [ 1 , "\" ]\\" ] }`), []float64{0, math.Copysign(0, -1), 1e21, 1e-7, 1e-10, 123.456, 1e20, 9.999999e-7, -1e100, math.MaxFloat64, 5e-324}
	full := form{
		deep: deep{Word: "w", Both: 1, Number: 7}, deeper: &deeper{Both: 2, Only: true}, Text: "<&>\u2028\u2029\x00\x7f\xff\xc3(\b\f\n\r\t\"\\\ufffd😀é",
		Seed: math.MaxUint64, Signed: -5, Raw: raw, Raws: []RawMessage{raw, nil}, Maybe: &raw, Float: 0.1, Flag: &flag, Shown: "s", Small: -1,
	}
	for i := range numbers {
		full.Floats = append(full.Floats, &numbers[i], nil)
	}
	full.Nested, full.Next = []form{full, {}}, &form{Nested: []form{}}
	notNumber := math.NaN()
	for _, v := range []any{
		form{},
		full, &full, (*form)(nil), nil, "text", 5, 2.5, true,
		[]string{},
		[]string(nil),
		[]form{full},
		raw, RawMessage(nil),
		RawMessage{},
		RawMessage(`{`), shown("x"),
		open{},
		open{Any: "x", List: []any{full, &full, nil, raw, []string{"a"}, 1, int64(2), false}},
		open{Any: []deep{{}}},
		form{Floats: []*float64{&notNumber}},
		form{Raw: RawMessage("")},
		form{Raw: RawMessage(" 1 ")},
		form{Raw: RawMessage("1 2")},
		form{Zero: deeper{Both: 1}},
	} {
		same(t, v)
	}
	for _, v := range []any{map[string]int{"a": 1}, []byte("x"), [1]int{1}, func() {}, float32(1)} {
		if out, err := ownMarshal(v); err == nil {
			t.Errorf("%T is written as %s", v, out)
		}
	}
}

// FuzzOwn holds reading, writing and layout against encoding/json.
func FuzzOwn(f *testing.F) {
	for _, text := range []string{
		`null`, `{}`, ` {"text" : "a\ud800\u0041\n", "raw" : [ 1, {} ] } `, `{"TEXT":"x","text":null,"ſeed":"5","seed":"18446744073709551615"}`,
		`{"seed":5}`, `{"seed":"null"}`, `{"seed":"01"}`, `{"seed":null,"signed":"-7"}`, `{"signed":"+7"}`, `{"signed":""}`, `{"small":128}`, `{"small":1.0}`, `{"Number":255,"number":256}`,
		`{"floats":[1,null,1e400]}`, `{"floats":[1e-400,-0.0,1E5]}`, `{"nested":[{"text":"a"},{}],"nested":[{},{"raws":[null,1]}],"nested":[]}`, `{"next":{"next":{"flag":true}},"next":{"flag":null}}`,
		`{"maybe":null}`, `{"maybe": [ ] }`, `{"raw":null}`, `{"Only":true,"word":"w"}`, `{"both":1,"bottom":[1,2],"Bottom":[3]}`, `{"bottom":null}`, `{"kept":{"both":3},"zero":{},"shown":"x"}`, `{"kept":[]}`, `[]`, `"x"`, "\"\xff\"", `{"floats":{}}`, `{"text":1}`,
		"{\"text\":\"\xff\xc3\",\"-\":1,\"Away\":2}\n\n", `[[],{"a":[ ]},"\\\"",{"b":{"c":null}}]`, `{"\u0074ext":"k"}`, `{"flag":"x"}`, `{"seed":"\u0031"}`, `{"seed":"1 "}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !Valid(data) {
			return
		}
		var want, got form
		wantErr, err := stdjson.Unmarshal(data, &want), ownUnmarshal(data, &got)
		if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%q is read as\n%+v, %v\nencoding/json reads\n%+v, %v", data, got, err, want, wantErr)
		}
		if err == nil {
			same(t, got)
		}
		same(t, string(data))
		same(t, RawMessage(data))
		var out bytes.Buffer
		if err := stdjson.Indent(&out, data, "", "  "); err != nil {
			t.Fatal(err)
		}
		if got, err := ownIndent(data); err != nil || string(got) != out.String() {
			t.Errorf("%q is laid out as\n%s, %v\nencoding/json does it as\n%s", data, got, err, &out)
		}
		out.Reset()
		if err := stdjson.Compact(&out, data); err != nil {
			t.Fatal(err)
		}
		if got, err := ownCompact(data); err != nil || string(got) != out.String() {
			t.Errorf("%q is compacted to\n%s, %v\nencoding/json makes it\n%s", data, got, err, &out)
		}
	})
}
