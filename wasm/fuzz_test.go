package wasm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"reflect"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/coretest"
)

// reused keeps one guest over many inputs of a fuzzer: to start one takes a
// hundred times longer than an input.
type reused struct {
	machine *Machine
	inputs  int
}

// The most that one guest goes through, and the size at which it is replaced:
// its memory never shrinks.
const (
	inputsPerGuest = 500
	grownGuest     = 48 << 20
)

func (r *reused) open(t *testing.T, module *Module) *Machine {
	t.Helper()
	if r.machine != nil && (r.inputs >= inputsPerGuest || r.machine.Memory() > grownGuest || r.machine.Memory() == 0) {
		r.close()
	}
	if r.machine == nil {
		machine, err := module.New(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		r.machine, r.inputs = machine, 0
	}
	r.inputs++
	return r.machine
}

func (r *reused) close() {
	if r.machine != nil {
		r.machine.Close()
		r.machine = nil
	}
}

// FuzzNative holds the guest to the native engine over any history of events:
// the same effects, byte for byte.
func FuzzNative(f *testing.F) {
	coretest.AddHistories(f)
	var guests reused
	f.Cleanup(guests.close)
	f.Fuzz(func(t *testing.T, data []byte) {
		complaint := differ(t, guests.open(t, gateway(t)), data)
		if complaint == "" {
			return
		}
		guests.close()
		fresh := open(t, gateway(t))
		if again := differ(t, fresh, data); again != complaint {
			t.Fatalf("%s\nbut a fresh guest gives %q: something of earlier histories was left", complaint, again)
		}
		t.Fatal(complaint)
	})
}

// differ tells where a guest departs from the native engine.
func differ(t *testing.T, guest *Machine, data []byte) (complaint string) {
	native := core.New()
	coretest.NewHistory(data).Events(func(event core.Event) []core.Effect {
		want, err := native.Step(event)
		if err != nil {
			t.Fatalf("native: %T: %v", event, err)
		}
		if complaint != "" {
			return want
		}
		got, err := guest.Step(event)
		switch {
		case err != nil:
			complaint = "the guest: " + err.Error()
		case !reflect.DeepEqual(got, want):
			complaint = "the guest gives\n" + string(frames(t, got)) + "native\n" + string(frames(t, want))
		}
		return want
	})
	return complaint
}

// FuzzGuest: a guest that is told anything gives effects or refuses, as the
// native engine does behind the same frames. It never traps, nor writes beyond
// its memory's limit.
func FuzzGuest(f *testing.F) {
	good, err := core.AppendEvent(nil, configure)
	if err == nil {
		for _, event := range append([]core.Event{call(1)}, reply(1, "Hel", "lo")...) {
			if good, err = core.AppendEvent(good, event); err != nil {
				f.Fatal(err)
			}
		}
	}
	f.Add(good, []byte(nil))
	f.Add([]byte(nil), []byte{1, 0, 0, 0, 3, 1, 1, 20, 5, 1, 2, 0, 6, 2, 0, 3})
	f.Add(good[:40], []byte{3, 2, 3, 50, '{', '}'})
	f.Add(die(0), []byte{4, 5, 6})
	var guests reused
	f.Cleanup(guests.close)
	f.Fuzz(func(t *testing.T, raw, drawn []byte) {
		input := append(assembled(drawn), raw...)
		if bytes.Contains(input, die(0)[:16]) {
			return // the one declared way to die
		}
		guest := guests.open(t, gateway(t))
		native, beginning := core.New(), []core.Event{configure, call(1), call(2), reply(2)[0]}
		steps(t, native, beginning...)
		steps(t, guest, beginning...)

		var want []core.Effect
		wantErr := error(nil)
		for rest := input; len(rest) > 0 && wantErr == nil; {
			var event core.Event
			var effects []core.Effect
			if event, rest, wantErr = core.DecodeEvent(rest); wantErr == nil {
				if effects, wantErr = native.Step(event); wantErr == nil {
					want = append(want, effects...)
				}
			}
		}
		got, err := guest.deliver(input)
		if wantErr != nil {
			guests.close()
			if !errors.Is(err, wantErr) {
				t.Fatalf("%q: the guest gives %v and %s, native %v", input, err, frames(t, got), wantErr)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q: the guest gives %v", input, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: the guest gives\n%snative\n%s", input, frames(t, got), frames(t, want))
		}
		// What is in flight ends here, or the next input would meet it.
		ended := []core.Event{&core.Cancel{ID: core.CallID(1)}, &core.Cancel{ID: core.CallID(2)}}
		for rest := input; len(rest) > 0; {
			var event core.Event
			if event, rest, err = core.DecodeEvent(rest); err != nil {
				t.Fatal(err)
			}
			if call, ok := event.(*core.Call); ok {
				ended = append(ended, &core.Cancel{ID: call.ID})
			}
		}
		steps(t, guest, ended...)
	})
}

// metas are objects for frames, some of which belong to other kinds.
var metas = []string{
	``, `{}`, `null`, `[]`, `{"config":{"target":"t","providers":[{"name":"p","form":"anthropic","endpoint":"http://x"}]}}`, `{"config":null}`,
	`{"tool":"chat_completion","seed":"7","deltas":true}`, `{"tool":"chat_completion","seed":7}`, `{"TOOL":"chat_completion","seed":"-1","seed":"1"}`,
	`{"status":200,"header":[{"name":"Content-Type","value":"text/event-stream"},null]}`, `{"status":1e3}`, `{"status":9223372036854775808}`,
	`{"kind":"network","reason":"\ud800","retry":true}`, "{\"kind\":\"\xff\",\"reason\":null}", ` {"timeout_ms":1.0}`, `{"config":{"default_temperature":1e400}}`,
}

var bodies = []string{
	"", `{"messages":"hi"}`, `{"messages":[{"role":"user","content":"x"}]}`, `{"messages":[{"role":"user","content":"x"}],"stream":true}`,
	"data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n", "{", "\xff", "[DONE]",
}

// assembled makes frames of four bytes each: kind, id, meta and body. Lengths
// are true in most of them.
func assembled(drawn []byte) (frames []byte) {
	source := coretest.NewBytes(drawn)
	for source.More() {
		kind, id := source.Number(128)%12, core.CallID(uint32(source.Number(4)))
		meta, body := coretest.Pick(source, metas), coretest.Pick(source, bodies)
		header := make([]byte, 32)
		header[0] = byte(kind)
		switch kind { // what has none gets none, most often
		case 2, 4, 6, 7, 9:
			meta = ""
		}
		switch kind {
		case 1, 2, 4, 5, 7, 8, 9:
			body = ""
		}
		if kind >= 5 && kind <= 9 {
			id |= 1
		}
		if odd := source.Number(32); odd == 31 {
			header[source.Number(32)] ^= byte(source.Number(256))
		} else if odd == 30 {
			meta = string(source.Take(32))
		}
		binary.LittleEndian.PutUint32(header[4:], uint32(len(meta))^binary.LittleEndian.Uint32(header[4:]))
		binary.LittleEndian.PutUint32(header[8:], uint32(len(body))^binary.LittleEndian.Uint32(header[8:]))
		binary.LittleEndian.PutUint64(header[16:], uint64(id)^binary.LittleEndian.Uint64(header[16:]))
		frames = append(append(append(frames, header...), meta...), body...)
	}
	return frames
}
