package gate_test

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/gate"
)

// TestHistories holds what the package comment promises over random histories.
func TestHistories(t *testing.T) {
	var total history
	for seed := range int64(300) {
		data := make([]byte, 3000)
		rand.New(rand.NewSource(seed)).Read(data)
		h := play(t, data)
		total.admitted += h.admitted
		total.queued += h.queued
		total.refused += h.refused
		total.probes += h.probes
	}
	t.Logf("%d admitted, %d of them from a queue, %d refused, %d in half-open circuits", total.admitted, total.queued, total.refused, total.probes)
	if min(total.admitted-total.queued, total.queued, total.refused, total.probes) < 1000 {
		t.Error("the histories are too tame to show anything")
	}
}

func FuzzGate(f *testing.F) {
	for seed := range int64(4) {
		data := make([]byte, 500)
		rand.New(rand.NewSource(seed)).Read(data)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { play(t, data) })
}

var historyLimits = map[string]gate.Limits{
	"one": {Concurrency: 1}, "three": {Concurrency: 3}, "rate": {PerMinute: 3}, "both": {Concurrency: 2, PerMinute: 10},
}

var historyProviders = []string{"free", "one", "three", "rate", "both"}

// history is a gate and what is to be true of it.
type history struct {
	*testing.T
	data  []byte
	gate  *gate.Gate
	host  int64 // the host's time
	now   int64 // without its steps back
	wake  int64 // of now; 0: no Wake is outstanding
	asked *asked
	all   []*asked // ever asked
	seq   int
	lanes map[string]*historyLane

	admitted, queued, refused, probes int
}

type asked struct {
	id, call uint64
	provider string
	at       int64 // of now
	until    int64 // of now; 0: none
	state    string
}

const (
	waits = "waits"
	flies = "flies"
	over  = "over"
)

type historyLane struct {
	flying int
	begins []int64
	lines  map[uint64][]*asked // who waits, by call
	joined map[uint64]int      // when the call came to the end of the queue
}

func play(t *testing.T, data []byte) *history {
	h := &history{T: t, data: data, gate: gate.New(historyLimits), host: epoch, now: 1, lanes: map[string]*historyLane{}}
	for _, name := range historyProviders {
		h.lanes[name] = &historyLane{lines: map[uint64][]*asked{}, joined: map[uint64]int{}}
	}
	for len(h.data) > 0 {
		h.event()
	}
	h.drain()
	return h
}

func (h *history) chance(n int) int {
	if len(h.data) == 0 {
		return 0
	}
	b := int(h.data[0])
	h.data = h.data[1:]
	return b % n
}

func (h *history) pass(ms int64) {
	h.host += ms
	h.now += max(0, ms)
	h.step(&gate.Head{Fetch: 1 << 50, AtMS: h.host}) // so that the gate has seen the same steps
}

func (h *history) event() {
	switch h.chance(12) {
	case 0:
		h.pass(int64(-h.chance(250)) * 1000)
	case 1:
		h.pass(int64(h.chance(40)) * 1000)
	case 2, 3:
		if h.wake > h.now {
			h.pass(h.wake - h.now + int64(h.chance(3)))
		}
	default:
		h.pass(int64(h.chance(200)))
	}
	switch h.chance(16) {
	case 0, 1, 2, 3, 4, 5, 6:
		h.ask(historyProviders[h.chance(len(historyProviders))])
	case 7, 8, 9, 10:
		if a := h.some(flies); a != nil {
			h.done(a, h.kind())
		}
	case 11:
		if a := h.some(waits); a != nil {
			h.remove(a)
			h.step(&gate.Leave{Fetch: a.id})
		}
	case 12:
		if a := h.some(waits); a != nil { // it leaves, and nothing is learned
			before := h.gate.Status(a.provider, h.host)
			h.remove(a)
			h.step(&gate.Done{Fetch: a.id, AtMS: h.host, Kind: provider.Network})
			if after := h.gate.Status(a.provider, h.host); after.Failures != before.Failures || after.Last != before.Last {
				h.Fatalf("what was never admitted taught %+v", after)
			}
		}
	case 13:
		if a := h.some(flies); a != nil {
			h.step(&gate.Head{Fetch: a.id, AtMS: h.host})
		}
	case 14:
		h.odd()
	case 15:
		h.tick()
	}
}

// some picks a fetch of a state.
func (h *history) some(state string) *asked {
	var all []*asked
	for _, a := range h.all {
		if a.state == state {
			all = append(all, a)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[h.chance(len(all))]
}

func (h *history) kind() provider.Kind {
	kinds := []provider.Kind{"", "", "", provider.Network, provider.Timeout, provider.Overloaded, provider.RateLimit, provider.Canceled, provider.InvalidRequest}
	if h.chance(3) > 0 { // an outage
		return provider.BadReply
	}
	return kinds[h.chance(len(kinds))]
}

func (h *history) ask(name string) *asked {
	a := &asked{id: uint64(len(h.all) + 1), call: uint64(h.chance(5) + 1), provider: name, at: h.now, state: "new"}
	event := &gate.Ask{Fetch: a.id, Call: a.call, Provider: name, AtMS: h.host}
	if h.chance(4) == 0 {
		wait := int64(h.chance(60)) * 1000
		event.DeadlineMS, a.until = h.host+wait, h.now+wait
	}
	h.all = append(h.all, a)
	before := h.gate.Status(name, h.host)
	h.asked = a
	h.step(event)
	h.asked = nil
	if a.state == "new" {
		a.state = waits
		lane := h.lanes[name]
		if lane.joined[a.call] == 0 {
			h.seq++
			lane.joined[a.call] = h.seq
		}
		lane.lines[a.call] = append(lane.lines[a.call], a)
	}
	switch {
	case before.Circuit == gate.Open && a.state != over:
		h.Fatalf("%s is open, and %d %s", name, a.id, a.state)
	case before.Circuit == gate.HalfOpen:
		h.probes++
	}
	h.check()
	return a
}

func (h *history) done(a *asked, kind provider.Kind) {
	a.state = over
	h.lanes[a.provider].flying--
	h.step(&gate.Done{Fetch: a.id, AtMS: h.host, Kind: kind, RetryAfterMS: int64(h.chance(90)) * 1000})
}

func (h *history) tick() {
	h.wake = 0
	h.step(&gate.Tick{AtMS: h.host})
	for _, a := range h.all {
		if a.state == waits && (a.until != 0 && a.until <= h.now || historyLimits[a.provider].PerMinute > 0 && a.at+60_000 <= h.now) {
			h.Fatalf("%+v still waits at %d", a, h.now)
		}
	}
}

// odd says what means nothing.
func (h *history) odd() {
	id := uint64(1 << 40)
	if a := h.some(over); a != nil {
		id = a.id
	}
	for _, event := range []gate.Event{
		&gate.Leave{Fetch: id}, &gate.Head{Fetch: id, AtMS: h.host}, &gate.Done{Fetch: id, AtMS: h.host, Kind: provider.Network},
	} {
		h.step(event)
	}
	for _, state := range []string{waits, flies} {
		if a := h.some(state); a != nil {
			h.step(&gate.Ask{Fetch: a.id, Call: a.call + 1, Provider: "free", AtMS: h.host})
		}
	}
	if a := h.some(flies); a != nil {
		h.step(&gate.Leave{Fetch: a.id})
	}
}

func (h *history) step(event gate.Event) {
	for _, effect := range h.gate.Step(event) {
		switch effect := effect.(type) {
		case *gate.Admit:
			h.admit(h.of(effect.Fetch))
		case *gate.Refuse:
			a := h.of(effect.Fetch)
			h.refused++
			if effect.Kind != provider.Overloaded && effect.Kind != provider.RateLimit || effect.Reason == "" || effect.Next == "" ||
				effect.RetryAfterMS < 0 || effect.RetryAfterMS > 300_000 {
				h.Fatalf("a refusal %+v", effect)
			}
			if a.state == waits {
				h.remove(a)
			}
			a.state = over
		case *gate.Wake:
			at := h.now + effect.AtMS - h.host
			if at < h.now || h.wake != 0 && at >= h.wake {
				h.Fatalf("a wake at %d, now %d, outstanding %d", at, h.now, h.wake)
			}
			h.wake = at
		}
	}
	if h.asked == nil {
		h.check()
	}
}

// of is the fetch that an effect speaks of.
func (h *history) of(id uint64) *asked {
	if id == 0 || id > uint64(len(h.all)) || h.all[id-1].state != waits && h.all[id-1] != h.asked || h.all[id-1].state == flies || h.all[id-1].state == over {
		h.Fatalf("an effect for %d, which does not wait", id)
	}
	return h.all[id-1]
}

func (h *history) admit(a *asked) {
	lane, limits := h.lanes[a.provider], historyLimits[a.provider]
	h.admitted++
	if a.state == waits {
		h.queued++
		for call, joined := range lane.joined {
			if joined < lane.joined[a.call] {
				h.Fatalf("call %d is admitted at %s before call %d, whose turn it is", a.call, a.provider, call)
			}
		}
		if lane.lines[a.call][0] != a {
			h.Fatalf("%d is admitted before %d of the same call", a.id, lane.lines[a.call][0].id)
		}
		h.remove(a)
		if lane.joined[a.call] != 0 {
			h.seq++
			lane.joined[a.call] = h.seq
		}
	} else if len(lane.joined) > 0 {
		h.Fatalf("%d is admitted at %s past those who wait", a.id, a.provider)
	}
	a.state = flies
	lane.flying++
	if limits.Concurrency > 0 && lane.flying > limits.Concurrency {
		h.Fatalf("%d in flight at %s", lane.flying, a.provider)
	}
	lane.begins = append(lane.begins, h.now)
	if i := len(lane.begins) - 1 - limits.PerMinute; limits.PerMinute > 0 && i >= 0 && h.now-lane.begins[i] < 60_000 {
		h.Fatalf("%d began within %d ms at %s", limits.PerMinute+1, h.now-lane.begins[i], a.provider)
	}
}

// remove takes a fetch out of its line.
func (h *history) remove(a *asked) {
	lane := h.lanes[a.provider]
	a.state = over
	lane.lines[a.call] = slices.DeleteFunc(lane.lines[a.call], func(other *asked) bool { return other == a })
	if len(lane.lines[a.call]) == 0 {
		delete(lane.joined, a.call)
	}
}

// check compares what the gate shows, and that whoever waits can hope.
func (h *history) check() {
	for _, name := range historyProviders {
		lane, bound, queued := h.lanes[name], historyLimits[name].Concurrency, 0
		for _, line := range lane.lines {
			queued += len(line)
		}
		s := h.gate.Status(name, h.host)
		if s.InFlight != lane.flying || s.Queued != queued {
			h.Fatalf("%s: status %+v, and there are %d in flight, %d queued", name, s, lane.flying, queued)
		}
		if s.OpenUntilMS != 0 && s.OpenUntilMS <= h.host || s.PausedUntilMS != 0 && s.PausedUntilMS <= h.host || s.Circuit == gate.Open && queued > 0 {
			h.Fatalf("%s: status %+v at %d", name, s, h.host)
		}
		if queued > 0 && h.wake == 0 && (bound == 0 || lane.flying < bound) {
			h.Fatalf("%s: %d wait, a place is free, and no Tick is to come", name, queued)
		}
	}
}

// drain ends everything, ticking only when the gate asks for it: nobody is
// forgotten, and no place is lost.
func (h *history) drain() {
	for h.some(waits) != nil || h.some(flies) != nil {
		if a := h.some(flies); a != nil {
			h.done(a, "")
			continue
		}
		if h.wake == 0 {
			h.Fatal("fetches wait, nothing is in flight, and no Tick is to come")
		}
		h.pass(max(0, h.wake-h.now))
		h.tick()
	}
	h.pass(400_000) // beyond all windows, pauses and circuits
	for _, name := range historyProviders {
		first := h.ask(name) // the probe, if the circuit was open
		if first.state != flies {
			h.Fatalf("%s is at rest, and %+v", name, first)
		}
		h.done(first, "")
		room := max(historyLimits[name].Concurrency, 1)
		for range room {
			if a := h.ask(name); a.state != flies {
				h.Fatalf("%s is at rest, and %+v", name, a)
			}
		}
	}
}
