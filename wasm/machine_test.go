package wasm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// die is the frame that makes a guest die in the numbered way of
// guest/reactor/die.go.
func die(how uint64) []byte {
	frame := make([]byte, 32)
	frame[0] = 255
	binary.LittleEndian.PutUint64(frame[16:], how)
	return frame
}

func TestNative(t *testing.T) {
	// One chunk that a guest gets in several, and one that says nothing.
	long := &core.Chunk{ID: core.CallID(2) | 1, Body: []byte(`{"choices":[{"index":0,"message":{"content":"` +
		strings.Repeat("ä\\n😀", 50_000) + `"},"finish_reason":"stop"}]}`)}
	if len(long.Body) < 5*chunkLimit {
		t.Fatal("the long chunk is short")
	}
	events := []core.Event{configure, &core.Describe{}, call(1), call(2)}
	events = append(events, reply(1, "Hel", "", "lo <&> \u2028 \x00\"")...)
	events = append(events,
		&core.Head{ID: core.CallID(2) | 1, Status: 200}, &core.Chunk{ID: core.CallID(2) | 1}, long, &core.End{ID: core.CallID(2) | 1},
		call(3), &core.Fail{ID: core.CallID(3) | 1, Kind: provider.Network, Reason: "connection refused", Retry: true},
		&core.Cancel{ID: core.CallID(3)}, &core.Fire{ID: core.CallID(3) | 2})

	native, guest := core.New(), open(t, gateway(t))
	for i, event := range events {
		want, err := native.Step(event)
		if err != nil {
			t.Fatal(err)
		}
		got, err := guest.Step(event)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("event %d, %T: the guest gives\n%s\nnative\n%s", i, event, frames(t, got), frames(t, want))
		}
	}
}

func frames(t *testing.T, effects []core.Effect) (text []byte) {
	t.Helper()
	for _, effect := range effects {
		var err error
		if text, err = core.AppendEffectLine(text, effect); err != nil {
			t.Fatal(err)
		}
	}
	return text
}

// TestSeveralFrames holds gw_step to its promise to hosts that collect events.
func TestSeveralFrames(t *testing.T) {
	events := append([]core.Event{configure, call(1)}, reply(1, "Hel", "lo")...)
	want := steps(t, core.New(), events...)
	var input []byte
	for _, event := range events {
		var err error
		if input, err = core.AppendEvent(input, event); err != nil {
			t.Fatal(err)
		}
	}
	got, err := open(t, gateway(t)).deliver(input)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("all at once: %s, %v\nwant %s", frames(t, got), err, frames(t, want))
	}
	if effects, err := open(t, gateway(t)).deliver(nil); err != nil || len(effects) != 0 {
		t.Errorf("no frame at all: %v, %v", effects, err)
	}
	if effects, err := open(t, gateway(t)).deliver(die(99)); err != nil || len(effects) != 0 {
		t.Errorf("an unknown way to die: %v, %v", effects, err)
	}
}

// TestDeath is the table of what may befall a guest.
func TestDeath(t *testing.T) {
	frame := func(event core.Event) []byte {
		frame, err := core.AppendEvent(nil, event)
		if err != nil {
			t.Fatal(err)
		}
		return frame
	}
	changed := func(frame []byte, at int, to byte) []byte {
		frame[at] = to
		return frame
	}
	tests := []struct {
		name  string
		frame []byte
		is    error  // among the causes, if it has a name
		says  string // in the error's text
	}{
		{"panic", die(1), nil, `"panic: a test asked for it"`},
		{"out of memory", die(2), nil, "out of memory"},
		{"exit", die(3), nil, "exit_code(3)"},
		{"no frame", []byte("{}"), core.ErrFrame, "malformed"},
		{"half a frame", frame(call(7))[:40], core.ErrFrame, "malformed"},
		{"a frame and a half", append(frame(&core.Cancel{}), 3), core.ErrFrame, "malformed"},
		{"no such kind", changed(frame(call(7)), 0, 77), core.ErrFrame, "malformed"},
		{"reserved byte", changed(frame(call(7)), 13, 1), core.ErrFrame, "malformed"},
		{"meta is no JSON", changed(frame(call(7)), 32, '['), core.ErrFrame, "malformed"},
		{"lengths beyond all memory", bytes.Repeat([]byte{byte(core.KindChunk), 0, 0, 0, 255, 255, 255, 255}, 8), core.ErrFrame, "malformed"},
		{"call in flight again", frame(call(1)), core.ErrContract, "contract"},
		{"chunk before head", frame(&core.Chunk{ID: core.CallID(1) | 1, Body: []byte("x")}), core.ErrContract, "contract"},
	}
	module := gateway(t)
	other := open(t, module)
	steps(t, other, configure)
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			number := uint32(i + 1)
			steps(t, other, call(number))
			machine := open(t, module)
			steps(t, machine, configure, call(1))

			effects, err := machine.deliver(test.frame)
			if !errors.Is(err, ErrDead) || len(effects) != 0 {
				t.Fatalf("the step gave %v and %v", effects, err)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
			if !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error says %q", err)
			}
			for _, event := range []core.Event{&core.Cancel{ID: core.CallID(1)}, configure, &core.Chunk{Body: make([]byte, 2*chunkLimit)}} {
				if effects, again := machine.Step(event); again != err || len(effects) != 0 {
					t.Errorf("dead, it answers %T with %v and %v", event, effects, again)
				}
			}
			if machine.Memory() != 0 || machine.Close() != nil {
				t.Error("dead, it still holds something")
			}

			if got := text(t, steps(t, other, reply(number, "still ", "here")...)); got != "still here" {
				t.Errorf("the other machine's call in flight answers %q", got)
			}
			fresh := open(t, module)
			steps(t, fresh, configure, call(1))
			if got := text(t, steps(t, fresh, reply(1, "born ", "again")...)); got != "born again" {
				t.Errorf("a fresh machine answers %q", got)
			}
		})
	}
}

// TestBrokenHeap holds the module to refuse by itself, should a host not throw
// it away: wazero, as others, lets a trapped instance be called again.
func TestBrokenHeap(t *testing.T) {
	frame, err := core.AppendEvent(nil, configure)
	if err != nil {
		t.Fatal(err)
	}
	for _, death := range [][]byte{die(1), []byte("{}")} {
		machine := open(t, gateway(t))
		if _, err := machine.exchange(death); err == nil {
			t.Fatalf("it survived %q", death)
		}
		if effects, err := machine.exchange(frame); err == nil || !strings.Contains(err.Error(), "reason 4") {
			t.Errorf("after %q it answers %v, %v", death, effects, err)
		}
	}
}

func TestStepTimeout(t *testing.T) {
	module, err := Compile(context.Background(), guestBytes(t, "gateway.wasm"), Config{CacheDir: cacheDir(), StepTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer module.Close()
	machine, other := open(t, module), open(t, module)
	steps(t, other, configure, call(1))
	if _, err := machine.deliver(die(4)); !errors.Is(err, ErrDead) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an endless loop ends with %v", err)
	}
	if got := text(t, steps(t, other, reply(1, "still ", "here")...)); got != "still here" {
		t.Errorf("the other machine answers %q", got)
	}
}

// TestLies feeds a machine with what a broken or hostile module may return.
func TestLies(t *testing.T) {
	tests := []struct {
		name  string
		guest tinyGuest
		says  string
	}{
		{"output is no frame", tinyGuest{version: core.ABIVersion, step: 40}, "makes no sense"},
		{"output beyond the end", tinyGuest{version: core.ABIVersion, step: 65530<<32 | 7}, "outside"},
		{"output in the last byte of the address space", tinyGuest{version: core.ABIVersion, step: -1<<32 | 0xfffffffe}, "outside"},
		{"input buffer beyond the end", tinyGuest{version: core.ABIVersion, buffer: 65530}, "outside"},
		{"an unknown reason", tinyGuest{version: core.ABIVersion, step: 9<<32 | 0xffffffff}, "reason 9"},
	}
	for _, test := range tests {
		module, err := Compile(context.Background(), test.guest.bytes(), Config{CacheDir: NoCache})
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		effects, err := open(t, module).Step(configure)
		if !errors.Is(err, ErrDead) || !strings.Contains(err.Error(), test.says) || len(effects) != 0 {
			t.Errorf("%s: %v, %v", test.name, effects, err)
		}
		module.Close()
	}
}

// TestConcurrent is for -race, and for wazero, which dies of two calls at once.
func TestConcurrent(t *testing.T) {
	machine := open(t, gateway(t))
	steps(t, machine, configure)
	var group sync.WaitGroup
	for worker := range uint32(8) {
		group.Go(func() {
			for i := range uint32(20) {
				number := 1 + worker + 8*i
				effects, err := machine.Step(call(number))
				for _, event := range reply(number, "Hel", "lo") {
					more, failed := machine.Step(event)
					effects, err = append(effects, more...), errors.Join(err, failed)
				}
				if err != nil || text(t, effects) != "Hello" {
					t.Errorf("call %d: %v", number, err)
				}
				if machine.Memory() == 0 {
					t.Error("no memory")
				}
			}
		})
	}
	group.Wait()
	group.Go(func() { machine.Close() })
	for range 8 {
		group.Go(func() { machine.Step(configure) })
	}
	group.Wait()
	if _, err := machine.Step(configure); !errors.Is(err, ErrDead) {
		t.Errorf("closed, it gives %v", err)
	}
}
