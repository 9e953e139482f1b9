package core_test

import (
	"bytes"
	"encoding/binary"
	stdjson "encoding/json"
	"reflect"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/coretest"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// at is any id and any time.
const at, anID = int64(1_700_000_000_123), core.ID(7<<32 | 2)

var lesson = provider.Lesson{
	Endpoint: "https://x/v1", Form: "f", Model: "<m>", Effort: "low",
	Refusal: provider.Refusal{Parameter: "p", Instead: "q", Beside: "r"},
}

var events = []core.Event{
	&core.Configure{AtMS: at, Config: coretest.DefaultConfig},
	&core.Describe{AtMS: at},
	&core.Call{ID: anID.Call(), AtMS: at, Tool: "chat_completion", Seed: 1<<64 - 1, Deltas: true, Lessons: []provider.Lesson{lesson}, Arguments: []byte("{\"a\":\n\"\xff\"}")},
	&core.Cancel{ID: anID.Call(), AtMS: at},
	&core.Head{ID: anID, AtMS: at, Status: 429, Header: []provider.Field{{Name: "retry-after", Value: "1"}}},
	&core.Chunk{ID: anID, AtMS: at, Body: []byte{0, 255, '\n'}},
	&core.End{ID: anID, AtMS: at},
	&core.Fail{ID: anID, AtMS: at, Kind: provider.Network, Reason: "x", Next: "y", Retry: true},
	&core.Fire{ID: anID, AtMS: at},
	&core.Checked{ID: anID, AtMS: at, Verdict: core.Invalid, Faults: []core.SchemaFault{{Place: "/a", Fault: "<f>"}}, More: 1, Reason: "r"},
}

var effects = []core.Effect{
	&core.Manifest{Instructions: "<i>", Tools: []core.Tool{{Name: "n", InputSchema: json.RawMessage(`{"type":"object"}`), Annotations: core.Annotations{OpenWorldHint: true}}}},
	&core.Fetch{
		ID: anID, Provider: "p", Model: "m", Credential: provider.Credential{Name: "k", Header: "authorization", Prefix: "Bearer "},
		HTTPRequest: provider.HTTPRequest{Method: "POST", URL: "https://x/?a=b&c", Header: []provider.Field{{Name: "a", Value: "b"}}, Body: []byte(`{"<":1}`)},
	},
	&core.Abort{ID: anID},
	&core.Timer{ID: anID, AfterMS: 5},
	&core.Delta{ID: anID.Call(), Text: "é\n"},
	&core.Result{ID: anID.Call(), Kind: provider.Budget, Learned: []provider.Lesson{lesson, {}}, Body: []byte(`{}`)},
	&core.Log{ID: anID.Call(), Text: "x"},
	&core.Check{ID: anID, Schema: json.RawMessage(`{"type":"object"}`), Text: "{\"é\":\n1}"},
}

// TestFrames sends every kind there and back, several in a row.
func TestFrames(t *testing.T) {
	var frames []byte
	var err error
	for _, event := range events {
		if frames, err = core.AppendEvent(frames, event); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range events {
		var got core.Event
		if got, frames, err = core.DecodeEvent(frames); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%T came back as %+v, %v", want, got, err)
		}
	}
	for _, effect := range effects {
		if frames, err = core.AppendEffect(frames, effect); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range effects {
		var got core.Effect
		if got, frames, err = core.DecodeEffect(frames); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%T came back as %+v, %v", want, got, err)
		}
	}
	if len(frames) != 0 {
		t.Errorf("%d bytes are left", len(frames))
	}
}

// TestHotFrames keeps the frames of a stream free of JSON (docs/RATIONALE.md).
func TestHotFrames(t *testing.T) {
	chunk, err := core.AppendEvent(nil, &core.Chunk{ID: anID, AtMS: at, Body: []byte("abc")})
	if err != nil || len(chunk) != 32+3 {
		t.Errorf("a chunk of 3 bytes makes a frame of %d, %v", len(chunk), err)
	}
	delta, err := core.AppendEffect(nil, &core.Delta{ID: anID, Text: "abc"})
	if err != nil || len(delta) != 32+3 {
		t.Errorf("a delta of 3 bytes makes a frame of %d, %v", len(delta), err)
	}
}

func TestBadFrames(t *testing.T) {
	good, err := core.AppendEvent(nil, events[2])
	if err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, _, err := core.DecodeEvent(good[:n]); err != core.ErrFrame {
			t.Fatalf("the first %d of %d bytes decode: %v", n, len(good), err)
		}
	}
	for _, i := range []int{0, 1, 2, 3, 12, 15, 32} {
		bad := bytes.Clone(good)
		bad[i] ^= 0x55
		if _, _, err := core.DecodeEvent(bad); err != core.ErrFrame {
			t.Errorf("a frame with byte %d changed decodes: %v", i, err)
		}
	}
	effect, err := core.AppendEffect(nil, effects[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := core.DecodeEvent(effect); err != core.ErrFrame {
		t.Error("an effect decodes as an event")
	}
}

func TestID(t *testing.T) {
	for text, want := range map[string]core.ID{"7": 7 << 32, "7.2": 7<<32 | 2, "4294967295.4294967295": 1<<64 - 1} {
		if got, ok := core.ParseID(text); !ok || got != want || got.String() != text {
			t.Errorf("ParseID(%q) = %d, %v; written %q", text, got, ok, got)
		}
	}
	for _, text := range []string{"", "x", "-1", "4294967296", "1.", ".1", "1.x", "1.4294967296"} {
		if id, ok := core.ParseID(text); ok {
			t.Errorf("ParseID(%q) = %v", text, id)
		}
	}
}

// TestLines sends events and effects as the lines of the command module.
func TestLines(t *testing.T) {
	event, err := core.DecodeEventLine([]byte(`{"kind":"call","id":"7","at_ms":5,"meta":{"tool":"t","seed":"18446744073709551615"},"body":"{}"}`))
	want := &core.Call{ID: 7 << 32, AtMS: 5, Tool: "t", Seed: 1<<64 - 1, Arguments: []byte("{}")}
	if err != nil || !reflect.DeepEqual(event, want) {
		t.Errorf("got %+v, %v", event, err)
	}
	event, err = core.DecodeEventLine([]byte(`{"kind":"chunk","id":"7.1","at_ms":5,"body64":"AP8="}`))
	if chunk, ok := event.(*core.Chunk); err != nil || !ok || string(chunk.Body) != "\x00\xff" {
		t.Errorf("got %+v, %v", event, err)
	}
	line, err := core.AppendEffectLine(nil, effects[1])
	if err != nil || !strings.HasPrefix(string(line), `{"kind":"fetch","id":"7.2","meta":{"method":"POST","url":"https://x/?a=b&c",`) ||
		!strings.HasSuffix(string(line), `,"body":"{\"<\":1}"}`+"\n") {
		t.Errorf("got %s, %v", line, err)
	}
	line, err = core.AppendEffectLine(nil, &core.Result{ID: 7 << 32, Body: []byte{255}})
	if err != nil || string(line) != `{"kind":"result","id":"7","meta":{},"body64":"/w=="}`+"\n" {
		t.Errorf("got %s, %v", line, err)
	}
	for _, bad := range []string{``, `{}`, `{"kind":"result","id":"7"}`, `{"kind":"chunk"}`, `{"kind":"call","id":"7"}`, `{"kind":"chunk","id":"7.1","body64":"!"}`, `{"kind":"call","id":"7","meta":[]}`} {
		if event, err := core.DecodeEventLine([]byte(bad)); err != core.ErrFrame {
			t.Errorf("%s decodes as %+v, %v", bad, event, err)
		}
	}
}

// FuzzDecode: whatever bytes come, decoding neither panics, nor reads beyond
// the frame, nor takes memory that the bytes do not account for; what decodes
// encodes to the same meaning; and it means what encoding/json makes of it,
// which reads on the other side of the sandbox.
func FuzzDecode(f *testing.F) {
	for _, event := range events {
		if frame, err := core.AppendEvent(nil, event); err == nil {
			f.Add(frame)
		}
	}
	for _, effect := range effects {
		if frame, err := core.AppendEffect(nil, effect); err == nil {
			f.Add(frame)
		}
	}
	f.Add([]byte(`{"kind":"chunk","id":"7.1","at_ms":5,"body64":"AP8="}`))
	f.Add([]byte(`{"kind":"call","id":"7","meta":{"tool":"t","seed":"1"},"body":"{}"}`))
	f.Add([]byte("\x05\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00aaaaaaaabbbbbbbb"))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := allocated()
		given := bytes.Clone(data)
		if event, rest, err := core.DecodeEvent(data); err == nil {
			frame, err := core.AppendEvent(nil, event)
			if err != nil {
				t.Fatal(err)
			}
			again, tail, err := core.DecodeEvent(append(frame, rest...))
			if err != nil || !reflect.DeepEqual(again, event) || !bytes.Equal(tail, rest) {
				t.Fatalf("%+v came back as %+v, %v", event, again, err)
			}
			checkFrame(t, data, rest, event)
		}
		if effect, rest, err := core.DecodeEffect(data); err == nil {
			frame, err := core.AppendEffect(nil, effect)
			if err != nil {
				t.Fatal(err)
			}
			again, tail, err := core.DecodeEffect(append(bytes.Clone(frame), rest...))
			if err != nil || !bytes.Equal(tail, rest) {
				t.Fatalf("%+v came back as %+v, %v", effect, again, err)
			}
			// Frames, not effects, are compared: a schema left out is written null.
			if frameAgain, err := core.AppendEffect(nil, again); err != nil || !bytes.Equal(frameAgain, frame) {
				t.Fatalf("%+v came back as %+v, %v", effect, again, err)
			}
			checkFrame(t, data, rest, effect)
			clear(data) // the effect owns its bytes
			if frameAgain, err := core.AppendEffect(nil, effect); err != nil || !bytes.Equal(frameAgain, frame) {
				t.Fatalf("%+v lives in the frame that it came in", effect)
			}
			copy(data, given)
		}
		if event, err := core.DecodeEventLine(data); err == nil && event == nil {
			t.Fatal("neither an event nor an error")
		}
		if !bytes.Equal(data, given) {
			t.Fatal("the frame was written to")
		}
		if n := allocated() - before; n > 4<<20+200*uint64(len(data)) {
			t.Fatalf("%d bytes take %d of memory", len(data), n)
		}
	})
}

// allocated is how many bytes the program ever allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// checkFrame holds a decoded event or effect against a plain reading of the
// frame.
func checkFrame(t *testing.T, data, rest []byte, decoded any) {
	meta, body := int(binary.LittleEndian.Uint32(data[4:])), int(binary.LittleEndian.Uint32(data[8:]))
	if len(data)-len(rest) != 32+meta+body {
		t.Fatalf("%d bytes were read of a frame of %d", len(data)-len(rest), 32+meta+body)
	}
	got := reflect.ValueOf(decoded).Elem()
	want := reflect.New(got.Type())
	if meta > 0 {
		if err := stdjson.Unmarshal(data[32:32+meta], want.Interface()); err != nil {
			t.Fatalf("%q is taken for %+v, and not by encoding/json: %v", data[32:32+meta], decoded, err)
		}
	}
	for i := range got.NumField() { // what is outside of meta
		if got.Type().Field(i).Tag.Get("json") == "-" {
			want.Elem().Field(i).Set(got.Field(i))
		}
	}
	if fetch, ok := want.Interface().(*core.Fetch); ok {
		fetch.Body = decoded.(*core.Fetch).Body
	}
	if !reflect.DeepEqual(want.Interface(), decoded) {
		t.Fatalf("%q is %+v, for encoding/json %+v", data[32:32+meta], decoded, want)
	}
	for name, value := range map[string]int64{"ID": int64(binary.LittleEndian.Uint64(data[16:])), "AtMS": int64(binary.LittleEndian.Uint64(data[24:]))} {
		field := got.FieldByName(name)
		if field.IsValid() && (field.CanInt() && field.Int() != value || field.CanUint() && field.Uint() != uint64(value)) {
			t.Fatalf("%s is %v, not %d", name, field, value)
		}
	}
	for _, name := range []string{"Arguments", "Body", "Text"} {
		field := got.FieldByName(name)
		if field.IsValid() && data[0] != byte(core.KindLog) && string(field.Convert(reflect.TypeFor[[]byte]()).Bytes()) != string(data[32+meta:32+meta+body]) {
			t.Fatalf("%s is %q", name, field)
		}
	}
}
