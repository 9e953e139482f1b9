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
	"strconv"
	"sync"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// Fetcher performs the exchanges that a machine asks for. What is sent is body;
// fetch has none. Fetch returns when the exchange is over or ctx ends. Meanwhile
// it tells what comes: one *core.Head, any number of *core.Chunk, one *core.End,
// or at any point one *core.Fail. The host fills in ids and times. The bytes of a
// chunk are the fetcher's again when tell returns.
type Fetcher interface {
	Fetch(ctx context.Context, fetch *core.Fetch, body Body, tell func(core.Event))
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
	// Timeout bounds a call, all attempts together, from when it has a
	// machine. 0 means no bound.
	Timeout time.Duration
	// Heartbeat is how long a call is quiet before its text receives an empty
	// piece, as a sign of life. 0 means never.
	Heartbeat time.Duration
	// Longest bounds what a machine is given of a call's arguments, in bytes:
	// base64 of 32 kB and more in messages and extra_body does not enter one.
	// LongestWhole bounds the arguments as they come. 0 means no bound.
	Longest, LongestWhole int
	// Warm machines are opened as calls come in at once, and kept when idle.
	// At most Machines are open, more than Warm only as those that are open
	// have Calls in flight. Beyond that, calls wait for their turn. 0 means 1,
	// Warm and no bound.
	Warm, Machines, Calls int
	// Secrets are the credentials, by name, that no result, progress or log
	// line may show, in whatever encoding somebody echoes them.
	Secrets map[string]string
	// Worn reports that a machine should be replaced once its calls have
	// ended. Nil: never.
	Worn func(core.Machine) bool
	// Idle is called when no call has come for a while after the last one: the
	// time to give memory back. Nil: nothing is done.
	Idle func()
	// States say of providers what is not as usual, for calls that list models.
	// Nil: nobody knows.
	States func() []core.State
	// Lists takes providers' lists of models that a call has read, before the call's
	// result goes out. Nil: they are read again by the next call that needs them.
	Lists func([]core.List)
	// Log takes lines for the operator. Nil: nobody reads them.
	Log func(string)
}

// Host drives machines: it gives each call a machine, performs the effects and
// hands the results out. All concurrency between calls and machines is here and
// in running.go. A machine is a bulkhead: if it dies, its calls are answered with kind
// internal, and no other call notices.
//
// Two locks are taken in this order: a slot's, then the host's. That of the
// lessons is taken last, alone.
type Host struct {
	config   HostConfig
	redactor *redactor
	lessons  lessons

	mu       sync.Mutex
	slots    []*slot         // that take calls
	open     int             // machines, those that only finish their calls included
	waiting  []chan struct{} // calls without a slot, the first come first
	closed   bool
	lastCall uint32
	resting  *time.Timer
}

// NewHost returns a host. It opens no machine before the first call.
func NewHost(config HostConfig) *Host {
	config.Warm = max(config.Warm, 1)
	config.Machines = max(config.Machines, config.Warm)
	return &Host{config: config, redactor: newRedactor(config.Secrets)}
}

// Log gives the operator a line, without secrets.
func (h *Host) Log(text string) {
	if h.config.Log != nil {
		h.config.Log(h.redactor.text(text))
	}
}

// slot is the place of one machine, and its calls.
type slot struct {
	load    int  // calls that were given this slot; guarded by Host.mu
	retired bool // takes no new calls; guarded by Host.mu

	mu      sync.Mutex   // held while the machine opens or steps
	machine core.Machine // nil before the first call
	fault   error        // why the machine could not be opened, or is dead
	died    bool         // it was alive once
	calls   map[core.ID]*running
}

var (
	errCanceled = &provider.Error{Kind: provider.Canceled, Message: "the client canceled the call"}
	errClosed   = &provider.Error{Kind: provider.Internal, Message: "the gateway is ending"}
)

// Call runs one tool call and returns its result, which is never nil. While it
// runs, text receives the answer as it comes, in this goroutine, and never
// after Call has returned or ctx has ended; pieces that came while text was
// busy come as one; an empty piece is a heartbeat. When ctx ends, the call is canceled, its exchange aborted,
// and the result is of kind canceled.
func (h *Host) Call(ctx context.Context, tool string, arguments []byte, text func(string)) *core.Result {
	result := h.call(ctx, tool, arguments, text)
	result.Body = h.redactor.bytes(result.Body)
	return result
}

func (h *Host) call(ctx context.Context, tool string, arguments []byte, text func(string)) *core.Result {
	whole := len(arguments)
	arguments, payloads := takeOut(arguments)
	if fault := h.tooLong(whole, len(arguments)); fault != nil {
		return core.Failure(0, fault)
	}
	s, r, fault := h.begin(ctx, &core.Call{
		Tool: tool, Seed: rand.Uint64(), Deltas: text != nil,
		TimeoutMS: h.config.Timeout.Milliseconds(), Arguments: arguments,
	}, payloads)
	if fault != nil {
		return core.Failure(0, fault)
	}
	defer h.release(s)
	shown := h.redactor.stream()
	show := func(piece string) {
		if piece != "" && text != nil && ctx.Err() == nil {
			text(piece)
		}
	}
	beat := newBeat(h.config.Heartbeat, text != nil)
	defer beat.stop()
	done := ctx.Done()
	for {
		select {
		case <-beat.due:
			if ctx.Err() == nil {
				text("")
			}
			beat.rest()
		case <-done:
			done = nil
			h.tell(s, &core.Cancel{ID: r.id, AtMS: now()})
		case <-r.news:
			piece, result := r.take()
			show(shown.add(piece))
			beat.rest()
			if result != nil {
				show(shown.rest())
				result.Body = payloads.told(result.Body)
				return result
			}
		}
	}
}

// tooLong refuses arguments that are too long as they came, or without their
// payloads.
func (h *Host) tooLong(whole, lean int) *provider.Error {
	got, most := strconv.Itoa(whole)+" bytes", h.config.LongestWhole
	if most <= 0 || whole <= most {
		if most = h.config.Longest; most <= 0 || lean <= most {
			return nil
		}
		if lean < whole {
			got = strconv.Itoa(lean) + " bytes beside images and files"
		}
	}
	return &provider.Error{Kind: provider.TooLarge, Message: "arguments: got " + got + ", allowed: at most " + strconv.Itoa(most)}
}

// begin finds a slot for a call and starts it on the slot's machine. Where the
// machine has died meanwhile it finds another.
func (h *Host) begin(ctx context.Context, event *core.Call, payloads *payloads) (*slot, *running, *provider.Error) {
	for {
		s, fault := h.acquire(ctx)
		if fault != nil {
			return nil, nil, fault
		}
		r, fault := h.start(ctx, s, event, payloads)
		if r != nil {
			return s, r, nil
		}
		h.release(s)
		if fault != nil {
			return nil, nil, fault
		}
	}
}

// acquire gives a call a slot. Calls that find none wait in line.
func (h *Host) acquire(ctx context.Context) (*slot, *provider.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for first := true; ; first = false {
		if h.closed {
			return nil, errClosed
		}
		if !first || len(h.waiting) == 0 {
			if s := h.place(); s != nil {
				s.load++
				return s, nil
			}
		}
		turn := make(chan struct{})
		h.waiting = append(h.waiting, turn)
		h.mu.Unlock()
		select {
		case <-turn:
			h.mu.Lock()
		case <-ctx.Done():
			h.mu.Lock()
			if i := slices.Index(h.waiting, turn); i >= 0 {
				h.waiting = slices.Delete(h.waiting, i, i+1)
			} else {
				h.next() // it was our turn: pass it on
			}
			return nil, errCanceled
		}
	}
}

// next lets the first call in line look for a slot.
func (h *Host) next() {
	if len(h.waiting) > 0 {
		close(h.waiting[0])
		h.waiting = h.waiting[1:]
	}
}

// place returns the slot for the next call, or nil where all are full.
func (h *Host) place() *slot {
	best := (*slot)(nil)
	if len(h.slots) > 0 {
		best = slices.MinFunc(h.slots, func(a, b *slot) int { return cmp.Compare(a.load, b.load) })
	}
	full := best == nil || h.config.Calls > 0 && best.load >= h.config.Calls
	switch {
	case best != nil && best.load == 0:
	case h.open < h.config.Warm, full && h.open < h.config.Machines:
		best = &slot{calls: map[core.ID]*running{}}
		h.slots = append(h.slots, best)
		h.open++
	case full:
		return nil
	}
	return best
}

// release gives a slot back, and lets go of a machine that is not kept.
func (h *Host) release(s *slot) {
	s.mu.Lock()
	worn := s.fault != nil || h.config.Worn != nil && s.machine != nil && h.config.Worn(s.machine)
	s.mu.Unlock()
	h.mu.Lock()
	s.load--
	if worn || h.closed || s.load == 0 && h.open > h.config.Warm {
		h.retire(s)
	}
	last := s.retired && s.load == 0
	if last {
		h.open--
	}
	h.next()
	h.rest()
	h.mu.Unlock()
	if last {
		s.close()
	}
}

// restAfter is how long a host has no calls before it counts as idle: long
// enough that what is done then does not disturb an assistant at work.
const restAfter = 3 * time.Second

// rest has HostConfig.Idle called when no call comes for a while. The host is
// locked.
func (h *Host) rest() {
	if h.config.Idle == nil || h.closed || h.busy() {
		return
	}
	if h.resting == nil {
		h.resting = time.AfterFunc(restAfter, func() {
			h.mu.Lock()
			busy := h.busy()
			h.mu.Unlock()
			if !busy {
				h.config.Idle()
			}
		})
		return
	}
	h.resting.Reset(restAfter)
}

// busy reports whether a slot that takes calls has one. The host is locked.
func (h *Host) busy() bool {
	return slices.ContainsFunc(h.slots, func(s *slot) bool { return s.load > 0 })
}

// Configure gives every machine that is open a configuration, which configure
// makes for it. Machines that are opened later are the business of Open.
func (h *Host) Configure(configure func(core.Machine) *core.Configure) {
	h.mu.Lock()
	slots := slices.Clone(h.slots)
	h.mu.Unlock()
	for _, s := range slots {
		s.mu.Lock()
		if s.machine != nil && s.fault == nil {
			h.step(s, configure(s.machine))
		}
		s.mu.Unlock()
	}
}

// retire keeps new calls from a slot.
func (h *Host) retire(s *slot) {
	s.retired = true
	h.slots = slices.DeleteFunc(h.slots, func(other *slot) bool { return other == s })
}

// Close closes the idle machines and refuses new calls. Calls in flight go on;
// their machines are closed as they end.
func (h *Host) Close() {
	h.mu.Lock()
	h.closed = true
	if h.resting != nil {
		h.resting.Stop()
	}
	var idle []*slot
	for _, s := range slices.Clone(h.slots) {
		if s.load == 0 {
			idle = append(idle, s)
			h.retire(s)
			h.open--
		}
	}
	for len(h.waiting) > 0 {
		h.next()
	}
	h.mu.Unlock()
	for _, s := range idle {
		s.close()
	}
}

func (s *slot) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if closer, ok := s.machine.(io.Closer); ok {
		_ = closer.Close() // nothing is lost: the machine has no calls
	}
	s.machine, s.fault = nil, errClosed
}

// start opens the slot's machine if need be, and starts the call on it. Where
// the machine is dead it returns nothing.
func (h *Host) start(ctx context.Context, s *slot, event *core.Call, payloads *payloads) (*running, *provider.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.machine == nil && s.fault == nil {
		// Other calls wait for this machine too: it does not end with this one.
		s.machine, s.fault = h.config.Open(context.WithoutCancel(ctx))
	}
	if ctx.Err() != nil {
		return nil, errCanceled
	}
	if s.died {
		return nil, nil
	}
	if s.fault != nil {
		var fault *provider.Error
		if !errors.As(s.fault, &fault) {
			fault = &provider.Error{Kind: provider.Internal, Message: s.fault.Error()}
		}
		return nil, fault
	}
	h.mu.Lock()
	h.lastCall = max(1, h.lastCall+1)
	event.ID = core.CallID(h.lastCall)
	h.mu.Unlock()
	r := &running{
		id: event.ID, payloads: payloads, news: make(chan struct{}, 1),
		fetches: map[core.ID]context.CancelFunc{}, timers: map[core.ID]*time.Timer{},
	}
	// The call's time begins here: a machine that had to be compiled is not
	// the provider's delay.
	event.AtMS = now()
	event.Lessons = h.lessons.all()
	if h.config.States != nil && event.Tool == core.ListModels {
		event.States = h.config.States()
	}
	if h.config.Timeout > 0 {
		r.deadline = time.Now().Add(h.config.Timeout)
	}
	s.calls[r.id] = r
	h.step(s, event)
	return r, nil
}

// tell hands an event to the machine of a slot.
func (h *Host) tell(s *slot, event core.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == nil {
		h.step(s, event)
	}
}

// step performs one Step and its effects. The slot is locked: nothing here
// waits for anything.
func (h *Host) step(s *slot, event core.Event) {
	effects, err := stepSafely(s.machine, event)
	for _, effect := range effects {
		h.perform(s, effect)
	}
	if err == nil {
		return
	}
	h.Log("a machine died: " + err.Error())
	s.fault, s.died = err, true
	h.mu.Lock()
	h.retire(s)
	h.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.calls)) {
		for _, abort := range s.calls[id].fetches {
			abort() // nobody will read them
		}
		h.finish(s, core.Failure(id, &provider.Error{
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
func (h *Host) perform(s *slot, effect core.Effect) {
	switch effect := effect.(type) {
	case *core.Fetch:
		if r := s.calls[effect.ID.Call()]; r != nil {
			h.fetch(s, r, effect)
		}
	case *core.Abort:
		if r := s.calls[effect.ID.Call()]; r != nil {
			r.abort(effect.ID)
		}
	case *core.Timer:
		if r := s.calls[effect.ID.Call()]; r != nil {
			r.timers[effect.ID] = time.AfterFunc(time.Duration(effect.AfterMS)*time.Millisecond, func() {
				h.tell(s, &core.Fire{ID: effect.ID, AtMS: now()})
			})
		}
	case *core.Check:
		if r := s.calls[effect.ID.Call()]; r != nil {
			h.check(s, r, effect)
		}
	case *core.Delta:
		if r := s.calls[effect.ID]; r != nil {
			r.add(effect.Text, nil)
		}
	case *core.Result:
		h.lessons.add(effect.Learned)
		if h.config.Lists == nil || len(effect.Lists) == 0 {
			h.finish(s, effect)
			break
		}
		go func() { // they may be written to a file, and this very slot be configured with them
			h.config.Lists(effect.Lists)
			s.mu.Lock()
			defer s.mu.Unlock()
			h.finish(s, effect)
		}()
	case *core.Log:
		h.Log(effect.Text)
	case *core.Manifest: // nobody asked
	}
}

// lastBytes is how long the rest of a reply may take once the call has its
// result: a reply that was read to its end leaves a connection to use again.
const lastBytes = time.Second

// finish ends a call with its result.
func (h *Host) finish(s *slot, result *core.Result) {
	r := s.calls[result.ID]
	if r == nil {
		return
	}
	delete(s.calls, result.ID)
	for _, timer := range r.timers {
		timer.Stop()
	}
	for id, abort := range r.fetches {
		r.timers[id] = time.AfterFunc(lastBytes, abort)
	}
	r.add("", result)
}

// fetch starts an exchange.
func (h *Host) fetch(s *slot, r *running, effect *core.Fetch) {
	ctx, abort := r.begin(effect.ID)
	tell := func(event core.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.fault == nil && s.calls[r.id] == r {
			h.step(s, event)
		}
	}
	go func() {
		defer abort()
		ended := false
		h.exchange(ctx, r, effect, func(event core.Event) {
			if ended {
				return
			}
			switch event := event.(type) {
			case *core.Head:
				event.ID, event.AtMS = effect.ID, now()
			case *core.Chunk:
				event.ID, event.AtMS = effect.ID, now()
			case *core.End:
				event.ID, event.AtMS, ended = effect.ID, now(), true
			case *core.Fail:
				event.ID, event.AtMS, ended = effect.ID, now(), true
			default:
				return
			}
			tell(event)
		})
		if !ended {
			tell(&core.Fail{ID: effect.ID, AtMS: now(), Kind: provider.Internal, Reason: "the exchange ended without an end"})
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(r.fetches, effect.ID)
		if timer := r.timers[effect.ID]; timer != nil {
			timer.Stop() // the last bytes came
		}
	}()
}

// check starts a check, in a goroutine of its own: nothing may hold the slot.
func (h *Host) check(s *slot, r *running, effect *core.Check) {
	ctx, abort := r.begin(effect.ID)
	go func() {
		defer abort()
		verdict := checkSchema(ctx, effect.Schema, effect.Text)
		verdict.ID, verdict.AtMS = effect.ID, now()
		s.mu.Lock()
		delete(r.fetches, effect.ID)
		s.mu.Unlock()
		h.tell(s, verdict)
	}()
}

// exchange has a fetch performed, with the call's payloads in its body.
func (h *Host) exchange(ctx context.Context, r *running, effect *core.Fetch, tell func(core.Event)) {
	body, whole := r.payloads.body(effect.Body)
	if !whole {
		tell(&core.Fail{Kind: provider.Internal, Reason: "the data of an image or file were lost on their way through the gateway"})
		return
	}
	effect.Body = nil
	h.config.Fetcher.Fetch(ctx, effect, body, tell)
}

func now() int64 { return time.Now().UnixMilli() }
