package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// Fetcher performs the exchanges that a machine asks for. Fetch returns when
// the exchange is over or ctx ends. Meanwhile it tells what comes: one
// *core.Head, any number of *core.Chunk, one *core.End, or at any point one
// *core.Fail. The host fills in ids and times. The bytes of a chunk are the
// fetcher's again when tell returns.
type Fetcher interface {
	Fetch(ctx context.Context, fetch *core.Fetch, tell func(core.Event))
}

// HostConfig is what a [Host] is made of.
type HostConfig struct {
	// Open returns a machine that has been configured. If it is an io.Closer
	// it is closed when the host is done with it. A call that finds no machine
	// is answered with the error, whose kind is internal or that of a
	// *provider.Error.
	Open func(context.Context) (core.Machine, error)
	// Fetcher performs exchanges.
	Fetcher Fetcher
	// Timeout bounds a call, all attempts together. 0 means no bound.
	Timeout time.Duration
	// Warm machines are opened as calls come in at once, and kept when idle.
	// At most Machines are opened, as those that are open have Calls in flight.
	// Beyond that, calls wait. 0 means 1, 1 and no bound.
	Warm, Machines, Calls int
	// Worn reports that a machine should be replaced once its calls have
	// ended. Nil: never.
	Worn func(core.Machine) bool
	// Log takes lines for the operator. Nil: nobody reads them.
	Log func(string)
}

// Host drives machines: it gives each call a machine, performs the effects and
// hands the results out. All concurrency between calls and machines is in this
// file. A machine is a bulkhead: if it dies, its calls are answered with kind
// internal, and no other call notices.
type Host struct {
	config HostConfig

	mu       sync.Mutex
	berths   []*berth
	vacancy  chan struct{} // closed and replaced when a place may be free
	lastCall uint32
}

// NewHost returns a host. It opens no machine before the first call.
func NewHost(config HostConfig) *Host {
	config.Warm = max(config.Warm, 1)
	config.Machines = max(config.Machines, config.Warm)
	if config.Log == nil {
		config.Log = func(string) {}
	}
	return &Host{config: config, vacancy: make(chan struct{})}
}

// berth is one machine and its calls.
type berth struct {
	load int  // calls that were given this berth; guarded by Host.mu
	gone bool // no new calls; guarded by Host.mu

	mu      sync.Mutex   // held while the machine opens or steps
	machine core.Machine // nil before the first call
	fault   error        // why the machine is dead
	flights map[core.ID]*flight
}

var errClosed = errors.New("the machine was closed")

// flight is one call.
type flight struct {
	id       core.ID
	deadline time.Time // zero: none
	fetches  map[core.ID]context.CancelFunc
	timers   map[core.ID]*time.Timer

	mu     sync.Mutex
	text   strings.Builder // of deltas not yet handed out
	result *core.Result
	news   chan struct{} // holds one token when text or result is there
}

// Call runs one tool call and returns its result, which is never nil. While it
// runs, text receives the answer as it comes, in this goroutine, and never
// after Call has returned; pieces that came while text was busy come as one.
// When ctx ends, the call is canceled, its exchange aborted, and the result is
// of kind canceled.
func (h *Host) Call(ctx context.Context, tool string, arguments []byte, text func(string)) *core.Result {
	b, err := h.board(ctx)
	if err != nil {
		return core.Failure(0, errCanceled)
	}
	defer h.leave(b)

	h.mu.Lock()
	h.lastCall = max(1, h.lastCall+1)
	id := core.CallID(h.lastCall)
	h.mu.Unlock()

	f := &flight{
		id: id, news: make(chan struct{}, 1),
		fetches: map[core.ID]context.CancelFunc{}, timers: map[core.ID]*time.Timer{},
	}
	if err := h.takeOff(ctx, b, f, &core.Call{
		ID: id, Tool: tool, Seed: rand.Uint64(), Deltas: text != nil, Arguments: arguments,
	}); err != nil {
		return core.Failure(id, err)
	}
	done := ctx.Done()
	for {
		select {
		case <-done:
			done = nil
			text = nil
			h.tell(b, &core.Cancel{ID: id, AtMS: now()})
		case <-f.news:
			piece, result := f.take()
			if piece != "" && text != nil {
				text(piece)
			}
			if result != nil {
				return result
			}
		}
	}
}

var errCanceled = &provider.Error{Kind: provider.Canceled, Message: "the client canceled the call"}

// board finds a place for a call.
func (h *Host) board(ctx context.Context) (*berth, error) {
	for {
		h.mu.Lock()
		if b := h.place(); b != nil {
			b.load++
			h.mu.Unlock()
			return b, nil
		}
		vacancy := h.vacancy
		h.mu.Unlock()
		select {
		case <-vacancy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// place returns the berth for the next call, or nil where all are full.
func (h *Host) place() *berth {
	best := (*berth)(nil)
	if len(h.berths) > 0 {
		best = slices.MinFunc(h.berths, func(a, b *berth) int { return cmp.Compare(a.load, b.load) })
	}
	full := best != nil && h.config.Calls > 0 && best.load >= h.config.Calls
	switch {
	case best == nil, best.load > 0 && len(h.berths) < h.config.Warm, full && len(h.berths) < h.config.Machines:
		best = &berth{flights: map[core.ID]*flight{}}
		h.berths = append(h.berths, best)
	case full:
		return nil
	}
	return best
}

// leave gives a place back, and lets go of a machine that is not kept.
func (h *Host) leave(b *berth) {
	b.mu.Lock()
	worn := b.fault != nil || h.config.Worn != nil && b.machine != nil && h.config.Worn(b.machine)
	b.mu.Unlock()
	h.mu.Lock()
	b.load--
	if !b.gone && (worn || b.load == 0 && len(h.berths) > h.config.Warm) {
		b.gone = true
		h.berths = slices.DeleteFunc(h.berths, func(other *berth) bool { return other == b })
	}
	last := b.gone && b.load == 0
	close(h.vacancy)
	h.vacancy = make(chan struct{})
	h.mu.Unlock()
	if last {
		b.close()
	}
}

// Close closes the idle machines. Calls in flight go on; their machines are
// closed as they end.
func (h *Host) Close() {
	h.mu.Lock()
	berths := h.berths
	h.berths = nil
	for _, b := range berths {
		b.gone = true
	}
	idle := slices.DeleteFunc(berths, func(b *berth) bool { return b.load > 0 })
	h.mu.Unlock()
	for _, b := range idle {
		b.close()
	}
}

func (b *berth) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if closer, ok := b.machine.(io.Closer); ok {
		_ = closer.Close() // nothing is lost: the machine has no calls
	}
	b.machine, b.fault = nil, errClosed
}

// takeOff opens the berth's machine if need be, and starts the call on it.
func (h *Host) takeOff(ctx context.Context, b *berth, f *flight, event *core.Call) *provider.Error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.machine == nil && b.fault == nil {
		// Other calls wait for this machine too: it does not end with this one.
		b.machine, b.fault = h.config.Open(context.WithoutCancel(ctx))
	}
	if b.fault != nil {
		var fault *provider.Error
		if !errors.As(b.fault, &fault) {
			fault = &provider.Error{Kind: provider.Internal, Message: b.fault.Error()}
		}
		return fault
	}
	if ctx.Err() != nil {
		return errCanceled
	}
	// The call's time begins here: a machine that had to be compiled is not
	// the provider's delay.
	event.AtMS = now()
	if h.config.Timeout > 0 {
		f.deadline = time.Now().Add(h.config.Timeout)
	}
	b.flights[f.id] = f
	h.step(b, event)
	return nil
}

// tell hands an event to the machine of a berth.
func (h *Host) tell(b *berth, event core.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fault == nil {
		h.step(b, event)
	}
}

// step performs one Step and its effects. The berth is locked: nothing here
// waits for anything.
func (h *Host) step(b *berth, event core.Event) {
	effects, err := stepSafely(b.machine, event)
	for _, effect := range effects {
		h.perform(b, effect)
	}
	if err == nil {
		return
	}
	h.config.Log("a machine died: " + err.Error())
	b.fault = err
	for _, id := range slices.Sorted(maps.Keys(b.flights)) {
		h.land(b, core.Failure(id, &provider.Error{
			Kind: provider.Internal, Message: "the machine that carried this call died",
			Next: "Try again: a fresh one takes its place.",
		}))
	}
}

// stepSafely makes of a panic in native code what it is in a guest: the death
// of one machine, not of the program.
func stepSafely(machine core.Machine, event core.Event) (effects []core.Effect, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			effects, err = nil, fmt.Errorf("panic: %v", fault)
		}
	}()
	return machine.Step(event)
}

// perform does what the machine wants done.
func (h *Host) perform(b *berth, effect core.Effect) {
	switch effect := effect.(type) {
	case *core.Fetch:
		if f := b.flights[effect.ID.Call()]; f != nil {
			h.fetch(b, f, effect)
		}
	case *core.Abort:
		if f := b.flights[effect.ID.Call()]; f != nil {
			f.abort(effect.ID)
		}
	case *core.Timer:
		if f := b.flights[effect.ID.Call()]; f != nil {
			f.timers[effect.ID] = time.AfterFunc(time.Duration(effect.AfterMS)*time.Millisecond, func() {
				h.tell(b, &core.Fire{ID: effect.ID, AtMS: now()})
			})
		}
	case *core.Delta:
		if f := b.flights[effect.ID]; f != nil {
			f.add(effect.Text, nil)
		}
	case *core.Result:
		h.land(b, effect)
	case *core.Log:
		h.config.Log(effect.Text)
	case *core.Manifest: // nobody asked
	}
}

// lastBytes is how long the rest of a reply may take once the call has its
// result: a reply that was read to its end leaves a connection to use again.
const lastBytes = time.Second

// land ends a flight with its result.
func (h *Host) land(b *berth, result *core.Result) {
	f := b.flights[result.ID]
	if f == nil {
		return
	}
	delete(b.flights, result.ID)
	for _, timer := range f.timers {
		timer.Stop()
	}
	for _, abort := range f.fetches {
		time.AfterFunc(lastBytes, abort)
	}
	f.add("", result)
}

// fetch starts an exchange.
func (h *Host) fetch(b *berth, f *flight, effect *core.Fetch) {
	ctx, abort := context.WithCancel(context.Background())
	if !f.deadline.IsZero() {
		ctx, abort = context.WithDeadline(context.Background(), f.deadline)
	}
	f.fetches[effect.ID] = abort
	go func() {
		defer abort()
		h.config.Fetcher.Fetch(ctx, effect, func(event core.Event) {
			at := now()
			switch event := event.(type) {
			case *core.Head:
				event.ID, event.AtMS = effect.ID, at
			case *core.Chunk:
				event.ID, event.AtMS = effect.ID, at
			case *core.End:
				event.ID, event.AtMS = effect.ID, at
			case *core.Fail:
				event.ID, event.AtMS = effect.ID, at
			default:
				return
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.fault == nil && b.flights[f.id] == f {
				h.step(b, event)
			}
		})
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(f.fetches, effect.ID)
	}()
}

func (f *flight) abort(id core.ID) {
	if abort := f.fetches[id]; abort != nil {
		abort()
	}
	if timer := f.timers[id]; timer != nil {
		timer.Stop()
	}
}

// add leaves text or the result for the caller to take.
func (f *flight) add(text string, result *core.Result) {
	f.mu.Lock()
	f.text.WriteString(text)
	if result != nil {
		f.result = result
	}
	f.mu.Unlock()
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// take returns what was added since the last time.
func (f *flight) take() (string, *core.Result) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text := f.text.String()
	f.text.Reset()
	return text, f.result
}

func now() int64 { return time.Now().UnixMilli() }
