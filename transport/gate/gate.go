// Package gate decides when an exchange with a provider may begin. It holds
// what calls share about providers: how many exchanges are in flight, who waits
// for one, and which providers keep failing. It is a function of its history:
// no I/O, clock, chance, goroutine or lock. The host holds a lock of its own
// around [Gate.Step] and [Gate.Status], and performs the effects.
//
// A host says [Ask] before every exchange and begins it when [Admit] comes, or
// fails it as [Refuse] says: every Ask has exactly one of the two, in the same
// Step or in a later one, unless [Leave] comes first. Whatever was admitted is
// ended by one [Done], a canceled exchange too, or its place is lost. [Wake]
// asks for a [Tick].
//
// # Order
//
// Every provider has a queue of its own and never waits for another. In a queue
// the calls take turns. A call joins at the end when it has nothing in the
// queue yet. When something may begin, the first call's oldest fetch does, and
// the call goes to the end if it has more. So the fetches of a call begin in
// the order in which they were asked for, calls with one fetch each begin in
// that order too, and a call that asks eight models delays one that came later
// by one exchange, not by eight. What is in flight counts for nobody's turn. A
// queue holds [QueueLimit] fetches; more are refused as overloaded.
//
// # Rates
//
// PerMinute is a sliding window: in no 60 s do more begin, and each begin makes
// room for another 60 s later. A token bucket would let twice as many through
// in its first minute, and the provider would refuse them. A provider's own
// rate_limit with a delay pauses its queue for that long, at most 60 s;
// without a delay nothing pauses, since the caller's own patience is enough.
//
// A fetch that cannot begin within 60 s because of a rate, or before its
// deadline because of a rate or pause, is refused at once as rate_limit, so
// that another provider can be asked. What cannot be foreseen is refused when
// it has come true: where there is a rate, nothing waits longer than 60 s, and
// nothing waits beyond its deadline, give or take how late the Tick comes. Else a
// fetch waits for a place as long as it takes: a local model that answers one
// call after the other is not broken.
//
// # Circuits
//
// [FailureLimit] exchanges in a row that end as overloaded, timeout, network or
// bad_reply open the provider's circuit: what waits and what comes is refused
// at once as overloaded, for 15 s. The first Ask after that is the probe. While
// it is out, others are refused still: who has a fallback wants to know now.
// If the probe fails, the circuit is open again for twice as long, up to 5 min.
// If it succeeds, or fails for a reason that shows a provider at work (such as
// invalid_request or rate_limit), the circuit closes. If it is canceled, the
// next Ask is the probe. A [Head] closes the circuit before the answer has
// ended, but the next failure opens it again. Canceled, budget and internal say
// nothing about a provider. Nor does an exchange that began before the circuit
// opened: it tells of the past.
//
// # Time
//
// The gate's time is the sum of the host's steps forward. Where the host's
// clock steps back, no time has passed. One step is a day at most.
package gate

import (
	"math"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// Limits are what the user allows of one provider.
type Limits struct {
	// Concurrency is how many exchanges may be in flight. 0: no bound.
	Concurrency int
	// PerMinute is how many exchanges may begin in any 60 s. 0: no bound.
	PerMinute int
}

// What holds for every provider.
const (
	QueueLimit   = 1000 // fetches that wait
	FailureLimit = 5    // failures in a row that open a circuit

	longestWait  = 60_000 // ms, of a rate or pause
	shortestOpen = 15_000 // ms, of a circuit
	longestOpen  = 300_000
)

// Event is what the host tells a [Gate]: one of [*Ask], [*Leave], [*Head],
// [*Done] and [*Tick]. The set is closed. AtMS is the host's time in Unix
// milliseconds. Fetch and Call are the host's numbers, such as the core's IDs; a
// Fetch is unique among those that wait or are in flight. A gate keeps no event.
type Event interface{ event() }

// Ask wants to begin an exchange. It is ignored where the Fetch is known.
type Ask struct {
	Fetch, Call uint64
	Provider    string
	AtMS        int64
	// DeadlineMS is the host's time after which it is useless to begin. One that
	// is more than a day away counts as a day. 0: none.
	DeadlineMS int64
}

// Leave says that a fetch need not begin any more. It is ignored unless the
// fetch waits.
type Leave struct{ Fetch uint64 }

// Head says that the reply of an admitted fetch began, with a status below
// 400. It only matters to a probe; a host may leave it out.
type Head struct {
	Fetch uint64
	AtMS  int64
}

// Done says how an admitted fetch ended. A fetch that waits leaves by it, and
// nothing is learned. It is ignored where the Fetch is not known.
type Done struct {
	Fetch uint64
	AtMS  int64
	// Kind is empty where the exchange succeeded.
	Kind provider.Kind
	// RetryAfterMS is the delay that the provider asked for, or 0.
	RetryAfterMS int64
}

// Tick says that the time of a [Wake] has come. One that nobody asked for, or
// that comes early, does no harm.
type Tick struct{ AtMS int64 }

func (*Ask) event()   {}
func (*Leave) event() {}
func (*Head) event()  {}
func (*Done) event()  {}
func (*Tick) event()  {}

// Effect is what a [Gate] wants of the host: one of [*Admit], [*Refuse] and
// [*Wake]. The set is closed. Effects are to be performed in order; they belong
// to the host, which may call Step while it performs them.
type Effect interface{ effect() }

// Admit lets a fetch begin.
type Admit struct{ Fetch uint64 }

// Refuse fails a fetch, which is forgotten.
type Refuse struct {
	Fetch uint64
	// Kind is overloaded or rate_limit.
	Kind provider.Kind
	// Reason is a sentence for the user, lower case, without full stop.
	Reason string
	// Next says what to do about it.
	Next string
	// RetryAfterMS is when it may go better, or 0 where nobody knows.
	RetryAfterMS int64
}

// Wake asks for a [*Tick] at AtMS, the host's time. A host keeps one timer: a
// Wake replaces the one before.
type Wake struct{ AtMS int64 }

func (*Admit) effect()  {}
func (*Refuse) effect() {}
func (*Wake) effect()   {}

// Gate is the gate. Its methods are not to be called from two goroutines at
// once.
type Gate struct {
	clock
	limits  map[string]Limits
	lanes   map[string]*lane
	order   []*lane          // in the order in which they were first asked for
	fetches map[uint64]fetch // that wait or are in flight
	waiting int              // fetches in all queues
	wake    int64            // when a Tick is to come; forever: none
	effects []Effect         // of this Step
}

// fetch is what is known of a fetch.
type fetch struct {
	lane     *lane
	call     uint64
	admitted bool
	era      uint32 // of the circuit, when it was admitted
}

// New returns a gate with limits by provider. It keeps the map, which must not
// change any more. A provider that is not in it has no limits, but a circuit.
func New(limits map[string]Limits) *Gate {
	return &Gate{limits: limits, lanes: map[string]*lane{}, fetches: map[uint64]fetch{}, wake: forever}
}

// Step takes an event and returns what is to be done about it.
func (g *Gate) Step(event Event) []Effect {
	g.effects = nil
	switch event := event.(type) {
	case *Ask:
		g.pass(event.AtMS)
		g.ask(event)
	case *Leave:
		if f, ok := g.fetches[event.Fetch]; ok && !f.admitted {
			g.leave(f, event.Fetch)
		}
	case *Head:
		g.pass(event.AtMS)
		if f := g.fetches[event.Fetch]; f.admitted && f.era == f.lane.era {
			f.lane.trust()
		}
	case *Done:
		g.pass(event.AtMS)
		g.done(event)
	case *Tick:
		g.pass(event.AtMS)
		g.wake = forever
		for _, l := range g.order {
			g.pump(l)
		}
	default:
		panic("gate: an event that is none")
	}
	if g.waiting > 0 {
		g.rouse()
	}
	return g.effects
}

func (g *Gate) ask(ask *Ask) {
	if _, known := g.fetches[ask.Fetch]; known {
		return
	}
	l := g.lane(ask.Provider)
	g.pump(l) // if the Tick is late, who waits goes first nevertheless
	if l.refuses(g.now) {
		g.refuse(ask.Fetch, l.broken(g.now))
		return
	}
	f := fetch{lane: l, call: ask.Call}
	if l.ready(g.now) { // so nobody waits
		l.try()
		g.admit(f, ask.Fetch)
		return
	}
	if l.queued >= QueueLimit {
		g.refuse(ask.Fetch, l.crowded())
		return
	}
	until := int64(forever)
	if l.PerMinute > 0 {
		until = g.now + longestWait
	}
	if ask.DeadlineMS != 0 {
		until = min(until, g.now+g.ahead(ask.DeadlineMS))
	}
	if begin := l.earliest(l.before(ask.Call), g.now); begin > until || until == g.now {
		g.refuse(ask.Fetch, l.late(begin, g.now))
		return
	}
	l.try()
	l.join(ask.Call, waiting{ask.Fetch, until})
	g.waiting++
	g.fetches[ask.Fetch] = f
}

func (g *Gate) leave(f fetch, id uint64) {
	f.lane.drop(f.call, id)
	f.lane.unsure()
	delete(g.fetches, id)
	g.waiting--
}

func (g *Gate) done(done *Done) {
	f, known := g.fetches[done.Fetch]
	if !known {
		return
	}
	if !f.admitted {
		g.leave(f, done.Fetch)
		return
	}
	l := f.lane
	delete(g.fetches, done.Fetch)
	l.flying--
	if done.Kind == provider.RateLimit && done.RetryAfterMS > 0 {
		l.pause(g.now + min(done.RetryAfterMS, longestWait))
	}
	if f.era == l.era && l.learn(done.Kind, g.now) {
		for l.queued > 0 {
			g.expel(l.next().fetch, l.broken(g.now))
		}
	}
	g.pump(l)
}

// pump admits those of a queue who may begin, and refuses those for whom it is
// too late. A Tick comes late as a rule: it must not refuse whom it is to admit.
func (g *Gate) pump(l *lane) {
	if l.queued == 0 {
		return
	}
	for l.queued > 0 && l.ready(g.now) {
		id := l.next().fetch
		g.waiting--
		g.admit(g.fetches[id], id)
	}
	for _, id := range l.overdue(g.now) {
		l.unsure()
		g.expel(id, l.late(l.earliest(0, g.now), g.now))
	}
}

func (g *Gate) admit(f fetch, id uint64) {
	l := f.lane
	f.admitted, f.era = true, l.era
	g.fetches[id] = f
	l.flying++
	l.note(g.now)
	if g.effects == nil { // nearly always: one piece of memory for both
		one := &struct {
			admit   Admit
			effects [1]Effect
		}{admit: Admit{id}}
		one.effects[0] = &one.admit
		g.effects = one.effects[:]
		return
	}
	g.effects = append(g.effects, &Admit{id})
}

// expel refuses a fetch that has waited, and is no longer in its queue.
func (g *Gate) expel(id uint64, why Refuse) {
	delete(g.fetches, id)
	g.waiting--
	g.refuse(id, why)
}

func (g *Gate) refuse(id uint64, why Refuse) {
	why.Fetch = id
	g.effects = append(g.effects, &why)
}

// rouse asks for a Tick, if none comes in time.
func (g *Gate) rouse() {
	due := int64(forever)
	for _, l := range g.order {
		due = min(due, l.due(g.now))
	}
	if due < g.wake {
		g.wake = due
		g.effects = append(g.effects, &Wake{g.host + due - g.now})
	}
}

func (g *Gate) lane(name string) *lane {
	l := g.lanes[name]
	if l == nil {
		l = &lane{name: name, Limits: g.limits[name], expiry: forever, circuit: circuit{state: Closed}}
		g.lanes[name] = l
		g.order = append(g.order, l)
	}
	return l
}

// Status is how a provider stands. Times are the host's, in Unix milliseconds.
type Status struct {
	InFlight, Queued int
	Circuit          Circuit
	// OpenUntilMS is when an open circuit is tried again; 0 if it is not open.
	OpenUntilMS int64
	// PausedUntilMS is when the pause ends that the provider asked for; 0: none.
	PausedUntilMS int64
	// Failures is how many exchanges in a row failed in a way that counts.
	Failures int
	// Last is the kind of the latest failure, whether it counts or not; empty
	// where a success came after it.
	Last provider.Kind
}

// Status tells how a provider stands at the host's time at.
func (g *Gate) Status(name string, at int64) Status {
	l := g.lanes[name]
	if l == nil {
		return Status{Circuit: Closed}
	}
	now := g.now + g.ahead(at)
	s := Status{InFlight: l.flying, Queued: l.queued, Circuit: l.at(now), Failures: l.failures, Last: l.last}
	if s.Circuit == Open {
		s.OpenUntilMS = at + l.until - now
	}
	if l.paused > now {
		s.PausedUntilMS = at + l.paused - now
	}
	return s
}

// clock is the gate's time, which begins anywhere and never goes back.
type clock struct {
	now  int64
	host int64 // the host's time at the latest event
}

const forever = math.MaxInt64

// ahead is how far the host's time at lies ahead: nothing where it is past, at
// most a day, so that sums cannot overflow.
func (c *clock) ahead(at int64) int64 {
	const day = 24 * 3600 * 1000
	if at <= c.host {
		return 0
	}
	return int64(min(uint64(at)-uint64(c.host), day))
}

func (c *clock) pass(at int64) {
	c.now += c.ahead(at)
	c.host = at
}
