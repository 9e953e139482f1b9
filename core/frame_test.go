package core_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/coretest"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// at is any id and any time.
const at, anID = int64(1_700_000_000_123), core.ID(7<<32 | 2)

var events = []core.Event{
	&core.Configure{AtMS: at, Config: coretest.DefaultConfig},
	&core.Describe{AtMS: at},
	&core.Call{ID: anID.Call(), AtMS: at, Tool: "chat_completion", Seed: 1<<64 - 1, Deltas: true, Arguments: []byte("{\"a\":\n\"\xff\"}")},
	&core.Cancel{ID: anID.Call(), AtMS: at},
	&core.Head{ID: anID, AtMS: at, Status: 429, Header: []provider.Field{{Name: "retry-after", Value: "1"}}},
	&core.Chunk{ID: anID, AtMS: at, Body: []byte{0, 255, '\n'}},
	&core.End{ID: anID, AtMS: at},
	&core.Fail{ID: anID, AtMS: at, Kind: provider.Network, Reason: "x", Next: "y", Retry: true},
	&core.Fire{ID: anID, AtMS: at},
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
	&core.Result{ID: anID.Call(), Kind: provider.Budget, Body: []byte(`{}`)},
	&core.Log{ID: anID.Call(), Text: "x"},
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

// FuzzDecode: whatever bytes come, decoding neither panics nor reads beyond,
// and what decodes encodes to the same meaning.
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
	f.Fuzz(func(t *testing.T, data []byte) {
		if event, rest, err := core.DecodeEvent(data); err == nil {
			frame, err := core.AppendEvent(nil, event)
			if err != nil {
				t.Fatal(err)
			}
			again, tail, err := core.DecodeEvent(append(frame, rest...))
			if err != nil || !reflect.DeepEqual(again, event) || !bytes.Equal(tail, rest) {
				t.Fatalf("%+v came back as %+v, %v", event, again, err)
			}
		}
		if effect, rest, err := core.DecodeEffect(data); err == nil {
			frame, err := core.AppendEffect(nil, effect)
			if err != nil {
				t.Fatal(err)
			}
			again, tail, err := core.DecodeEffect(append(frame, rest...))
			if err != nil || !reflect.DeepEqual(again, effect) || !bytes.Equal(tail, rest) {
				t.Fatalf("%+v came back as %+v, %v", effect, again, err)
			}
		}
		if event, err := core.DecodeEventLine(data); err == nil && event == nil {
			t.Fatal("neither an event nor an error")
		}
	})
}
