package wasm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

// ErrDead is what every Step of a machine returns once its guest has trapped,
// exited, taken too long, said something that makes no sense or been told
// something that makes none ([core.ErrContract]), beside the cause. The calls
// in flight in that machine are lost; other machines go on. Nothing of a dead
// guest is used again: after a trap a Go guest still answers, but from a
// broken heap.
var ErrDead = errors.New("wasm: the guest is dead")

// Machine is the core in a guest of its own. It is a [core.Machine] that may
// be used by several goroutines, which wait for each other: two at once in one
// guest would be the end of the program.
type Machine struct {
	mutex   sync.Mutex
	guest   api.Module
	memory  api.Memory
	buffer  api.Function
	step    api.Function
	words   *firstWords
	timeout time.Duration
	frame   []byte // of the current event
	stack   [1]uint64
	dead    error
}

// chunkLimit is the longest piece of a reply's body, in bytes, that one step
// takes: a step cannot be interrupted, not even by the host's garbage collector.
const chunkLimit = 64 << 10

// frameKept is the longest frame whose buffer is kept for the next.
const frameKept = 1 << 20

// Step takes one event and returns what is to be done, in order. The effects
// belong to the caller. Any error is an [ErrDead] and the last word of this
// machine.
func (m *Machine) Step(event core.Event) ([]core.Effect, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	chunk, ok := event.(*core.Chunk)
	if !ok || len(chunk.Body) <= chunkLimit {
		return m.carry(event)
	}
	var effects []core.Effect
	for body := range slices.Chunk(chunk.Body, chunkLimit) {
		more, err := m.carry(&core.Chunk{ID: chunk.ID, AtMS: chunk.AtMS, Body: body})
		if err != nil {
			return nil, err
		}
		effects = append(effects, more...)
	}
	return effects, nil
}

// carry takes one event into the guest.
func (m *Machine) carry(event core.Event) ([]core.Effect, error) {
	if m.dead != nil {
		return nil, m.dead
	}
	frame, err := core.AppendEvent(m.frame[:0], event)
	if err != nil {
		return nil, m.die(err)
	}
	if cap(frame) <= frameKept {
		m.frame = frame
	}
	return m.deliver(frame)
}

// deliver takes frames into the guest, which does not survive an error.
func (m *Machine) deliver(frames []byte) ([]core.Effect, error) {
	effects, err := m.exchange(frames)
	if err != nil {
		return nil, m.die(m.words.explain(err))
	}
	return effects, nil
}

// exchange writes frames into the guest, has it step, and reads its effects.
// After an error the guest is not to be used again.
func (m *Machine) exchange(frames []byte) ([]core.Effect, error) {
	ctx := context.Background() // never a request's: its end would be the guest's
	if m.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, m.timeout)
		defer cancel()
	}
	m.stack[0] = api.EncodeU32(uint32(len(frames)))
	if err := m.buffer.CallWithStack(ctx, m.stack[:]); err != nil {
		return nil, err
	}
	if !m.memory.Write(api.DecodeU32(m.stack[0]), frames) {
		return nil, errors.New("its input buffer lies outside of its memory")
	}
	m.stack[0] = api.EncodeU32(uint32(len(frames)))
	if err := m.step.CallWithStack(ctx, m.stack[:]); err != nil {
		return nil, err
	}
	where, length := uint32(m.stack[0]>>32), uint32(m.stack[0])
	if length == failed {
		return nil, refusal(where)
	}
	rest, ok := m.memory.Read(where, length)
	if !ok {
		return nil, errors.New("its output lies outside of its memory")
	}
	var effects []core.Effect
	for len(rest) > 0 {
		var effect core.Effect
		var err error
		if effect, rest, err = core.DecodeEffect(rest); err != nil {
			return nil, fmt.Errorf("its output makes no sense: %w", err)
		}
		effects = append(effects, effect)
	}
	return effects, nil
}

// failed in place of a length says that gw_step refused, and why in place of
// the address.
const failed = 0xffffffff

func refusal(why uint32) error {
	switch why {
	case 1:
		return core.ErrFrame
	case 2:
		return core.ErrContract
	}
	return fmt.Errorf("gw_step failed for reason %d", why)
}

// die closes the guest for good.
func (m *Machine) die(cause error) error {
	m.dead = fmt.Errorf("%w: %w", ErrDead, cause)
	m.guest.Close(context.Background())
	m.frame = nil
	return m.dead
}

// Memory returns the size of the guest's linear memory in bytes, 0 where it is
// dead. It never shrinks, so a host that keeps machines for long replaces
// those that grew. It waits for a Step that is under way.
func (m *Machine) Memory() uint64 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.dead != nil {
		return 0
	}
	return uint64(m.memory.Size())
}

var errClosed = errors.New("it was closed")

// Close ends the guest, after a Step that is under way, and gives back its
// memory. It may be called again.
func (m *Machine) Close() error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.dead == nil {
		m.die(errClosed)
	}
	return nil
}

// firstWords is a guest's stderr: it keeps the beginning, where Go says what
// it dies of, and drops the rest.
type firstWords struct{ text []byte }

// wordsKept is how much of stderr is kept, in bytes.
const wordsKept = 4 << 10

func (w *firstWords) Write(p []byte) (int, error) {
	w.text = append(w.text, p[:min(len(p), wordsKept-len(w.text))]...)
	return len(p), nil
}

// explain puts the guest's own first line in front of an error, quoted, since
// it may hold anything. wazero's stack traces stay out.
func (w *firstWords) explain(err error) error {
	first, _, _ := strings.Cut(string(w.text), "\n")
	return &fault{line: first, cause: err}
}

// fault is why a guest died.
type fault struct {
	line  string // what it said itself; may be empty
	cause error
}

func (f *fault) Error() string {
	text, _, _ := strings.Cut(f.cause.Error(), "\n")
	if f.line != "" {
		text = fmt.Sprintf("%s, after it wrote %.200q", text, f.line)
	}
	return text
}

func (f *fault) Unwrap() error { return f.cause }
