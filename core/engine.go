package core

import (
	"errors"
	"maps"
	"slices"
)

// Engine is the gateway as a [Machine]. It holds only what belongs to calls in
// flight; what calls share is the host's.
type Engine struct {
	config  *Config
	calls   map[ID]*call // by the call's ID; looked up, never walked
	effects []Effect     // of the current Step
	now     int64        // of the current event, Unix milliseconds
}

// New returns an engine that waits for its first [*Configure].
func New() *Engine { return &Engine{calls: make(map[ID]*call)} }

// ErrContract says that a host sent an event that makes no sense: a call
// before Configure, a number that is in flight, a Chunk before its Head.
var ErrContract = errors.New("core: the host broke the contract of events")

// Step takes one event and returns what is to be done, in order.
func (e *Engine) Step(event Event) ([]Effect, error) {
	e.now = *event.event().at
	var err error
	switch event := event.(type) {
	case *Configure:
		e.config = event.Config.legible()
	case *Describe:
		if e.config == nil {
			err = ErrContract
			break
		}
		e.emit(describe(e.config))
	case *Call:
		err = e.begin(event)
	case *Cancel:
		if c := e.calls[event.ID.Call()]; c != nil && !c.canceled {
			c.canceled = true
			e.wake(c, event)
		}
	case *Head:
		err = e.answer(event.ID, event)
	case *Chunk:
		err = e.answer(event.ID, event)
	case *End:
		err = e.answer(event.ID, event)
	case *Fail:
		err = e.answer(event.ID, event)
	case *Fire:
		err = e.answer(event.ID, event)
	case *Checked:
		err = e.answer(event.ID, event)
	}
	effects := e.effects
	e.effects = nil
	return effects, err
}

func (e *Engine) emit(effect Effect) { e.effects = append(e.effects, effect) }

// begin starts a call.
func (e *Engine) begin(event *Call) error {
	if e.config == nil || event.ID == 0 || event.ID != event.ID.Call() || e.calls[event.ID] != nil {
		return ErrContract
	}
	c := &call{
		engine: e, id: event.ID, config: e.config,
		seed: event.Seed, deltas: event.Deltas, timeout: event.TimeoutMS, began: e.now,
		lessons: knownLessons(event),
	}
	e.start(c, func() { c.tool(event) })
	return nil
}

// start runs main as the coroutine of c, up to where it first parks.
func (e *Engine) start(c *call, main func()) {
	e.calls[c.id] = c
	c.run(main)
	e.wake(c, nil)
}

// answer hands an event to the call that waits for it. Events for what has
// ended are ignored.
func (e *Engine) answer(id ID, event Event) error {
	c := e.calls[id.Call()]
	if c == nil {
		return nil
	}
	wait := c.waiting(id)
	if wait == nil {
		return nil
	}
	if !wait.accepts(event) {
		return ErrContract
	}
	e.wake(c, event)
	return nil
}

// wake resumes a call with an event, until it parks again or ends.
func (e *Engine) wake(c *call, event Event) {
	c.event = event
	if _, parked := c.resume(); !parked {
		delete(e.calls, c.id)
	}
	c.event = nil
}

// Close ends the coroutines of calls in flight, whose results are lost. An
// engine without calls has nothing to close.
func (e *Engine) Close() error {
	for _, id := range slices.Sorted(maps.Keys(e.calls)) {
		e.calls[id].stop()
	}
	e.calls, e.effects = make(map[ID]*call), nil
	return nil
}
