package core

import (
	"cmp"
	"io"
	"iter"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// call is one tool call in flight: a coroutine and what it waits for. A call that
// does several things at once has children, each a coroutine of its own, which
// share its ID, its fetches' numbers and its end.
type call struct {
	engine    *Engine
	id        ID
	config    *Config
	catalogue *catalogue
	parent    *call // nil: this is the call itself
	seed      uint64
	deltas    bool  // the host wants the text as it comes
	timeout   int64 // milliseconds; 0: none
	began     int64 // Unix milliseconds

	resume   func() (struct{}, bool)
	stop     func()
	yield    func(struct{}) bool
	event    Event // that woke it
	canceled bool
	ended    bool // the Result is out, or the child is done
	children int  // that are not done
	gathers  bool // it is parked until they are

	last    uint32 // the number of the latest fetch, timer or check; of the call itself
	waits   []wait // in the order of their numbers; of the call itself
	spoke   bool   // text of the answer has left the gateway
	reached []attempt
	skipped []provider.Adjustment // fallbacks that could not be asked
	lists   []List                // that were read, for the host to keep
	bound   ID                    // a timer: what is done now may take no longer; 0: none
	bounded int64                 // for how long, in milliseconds
	lessons provider.Lessons
	learned []provider.Lesson // for the host
}

// wait is a fetch, timer or check that the host has not ended.
type wait struct {
	id     ID
	owner  *call
	awaits Kind // Head, Fire or Checked
	head   bool // the Head came
}

// accepts judges whether the event may come now, and notes what it says.
func (w *wait) accepts(event Event) bool {
	switch event.(type) {
	case *Head:
		first := w.awaits == KindHead && !w.head
		w.head = true
		return first
	case *Chunk, *End:
		return w.head
	case *Fail:
		return w.awaits == KindHead
	case *Fire:
		return w.awaits == KindFire
	case *Checked:
		return w.awaits == KindChecked
	}
	return false
}

// run makes main the call's coroutine. Whatever main does, the call gets one
// Result, and what it left open is aborted.
func (c *call) run(main func()) {
	c.resume, c.stop = iter.Pull(func(yield func(struct{}) bool) {
		c.yield = yield
		defer func() {
			if fault := recover(); fault != nil {
				text := "a call failed inside the gateway"
				if known, ok := fault.(runtimeError); ok {
					text += ": " + known.Error()
				}
				c.engine.emit(&Log{ID: c.id, Text: text})
			}
			switch {
			case c.parent != nil:
				c.ended = true
				c.parent.children--
			case !c.ended:
				c.fail(errInside, nil)
			}
		}()
		main()
	})
}

// runtimeError is runtime.Error, which cannot be imported here. Its sentences,
// such as "index out of range [3] with length 2", are the same on every target
// and quote no data.
type runtimeError interface {
	RuntimeError()
	Error() string
}

// park waits for the next event of this call. A canceled call does not wait:
// it is told so again until it ends. So is one whose engine was closed.
func (c *call) park() Event {
	if !c.canceled && !c.yield(struct{}{}) {
		c.canceled = true
	}
	if c.canceled {
		return &Cancel{ID: c.id, AtMS: c.engine.now}
	}
	return c.event
}

// errInside ends a call that broke down in the gateway itself.
var errInside = &provider.Error{Kind: provider.Internal, Message: "the gateway failed inside; this is a fault of its own"}

// errCanceled ends whatever a canceled call was doing.
var errCanceled = &provider.Error{Kind: provider.Canceled, Message: "the client canceled the call"}

// root is the call itself.
func (c *call) root() *call {
	for c.parent != nil {
		c = c.parent
	}
	return c
}

// gather runs some mains at once, each in a child, and returns when all are
// done. Where the call is canceled, so is each of them.
func (c *call) gather(mains []func(child *call)) {
	children := make([]*call, len(mains))
	for i, main := range mains {
		child := &call{
			engine: c.engine, id: c.id, config: c.config, catalogue: c.catalogue, parent: c,
			seed: chance(c.seed, i), timeout: c.timeout, began: c.began, canceled: c.canceled,
			lessons: provider.Lessons{Before: c.lessons.Before},
		}
		children[i] = child
		c.children++
		child.run(func() { main(child) })
		child.resume()
	}
	for c.children > 0 {
		c.gathers = true
		c.park()
		c.gathers = false
		if !c.canceled {
			continue
		}
		for _, child := range children {
			if !child.ended {
				child.canceled = true
				child.resume() // a canceled call does not park again
			}
		}
	}
	for _, child := range children {
		c.learned = append(c.learned, child.learned...)
	}
}

// open numbers a new fetch, timer or check, by the kind that answers it first.
func (c *call) open(awaits Kind) ID {
	root := c.root()
	root.last++
	id := c.id | ID(root.last)
	root.waits = append(root.waits, wait{id: id, owner: c, awaits: awaits})
	return id
}

func (c *call) waiting(id ID) *wait {
	root := c.root()
	for i := range root.waits {
		if root.waits[i].id == id {
			return &root.waits[i]
		}
	}
	return nil
}

// closed forgets a fetch, timer or check that is over.
func (c *call) closed(id ID) {
	root := c.root()
	for i := range root.waits {
		if root.waits[i].id == id {
			root.waits = append(root.waits[:i], root.waits[i+1:]...)
			return
		}
	}
}

// abort ends a fetch, timer or check from our side, if the host has not.
func (c *call) abort(id ID) {
	if c.waiting(id) != nil {
		c.engine.emit(&Abort{ID: id})
		c.closed(id)
	}
}

// abandon ends all that a child has open.
func (c *call) abandon() {
	root := c.root()
	for i := len(root.waits) - 1; i >= 0; i-- {
		if root.waits[i].owner == c {
			c.abort(root.waits[i].id)
		}
	}
	c.bound = 0
}

// fetch asks for an exchange and waits for the head of its reply, whose body
// parks the call while it is read. The caller ends it with abort or closed.
func (c *call) fetch(effect *Fetch) (*provider.Reply, error) {
	effect.ID = c.open(KindHead)
	c.engine.emit(effect)
	switch event := c.park().(type) {
	case *Head:
		header := make([]provider.Field, len(event.Header))
		for i, field := range event.Header {
			header[i] = provider.Field{Name: field.Name, Value: legible(field.Value)}
		}
		return &provider.Reply{Status: event.Status, Header: header, Body: &body{call: c, id: effect.ID}, At: c.engine.now}, nil
	case *Fail:
		c.closed(effect.ID)
		return nil, failed(event)
	case *Fire:
		c.abort(effect.ID)
		return nil, c.late()
	}
	return nil, errCanceled
}

// within bounds an exchange that begins now: after ms the wait for its head or
// its reply ends with kind timeout. The bound is taken away by the function that it
// returns, and by text that leaves, since then there is something to wait for.
func (c *call) within(ms int64) (lift func()) {
	c.bound, c.bounded = c.open(KindFire), ms
	c.engine.emit(&Timer{ID: c.bound, AfterMS: ms})
	return c.lift
}

func (c *call) lift() {
	if c.bound != 0 {
		c.abort(c.bound)
		c.bound = 0
	}
}

// late is the error for what took longer than its bound.
func (c *call) late() *provider.Error {
	c.closed(c.bound)
	c.bound = 0
	return &provider.Error{Kind: provider.Timeout, Message: "no complete answer within " + seconds(c.bounded)}
}

// body is the body of a reply, as it comes.
type body struct {
	call  *call
	id    ID
	bytes []byte // of the event that is being handled, so nothing is copied
	err   error
}

func (b *body) Read(p []byte) (int, error) {
	for len(b.bytes) == 0 && b.err == nil {
		switch event := b.call.park().(type) {
		case *Chunk:
			b.bytes = event.Body
		case *End:
			b.call.closed(b.id)
			b.err = io.EOF
		case *Fail:
			b.call.closed(b.id)
			b.err = failed(event)
		case *Fire:
			b.err = b.call.late()
		default:
			b.err = errCanceled
		}
	}
	if len(b.bytes) == 0 {
		return 0, b.err
	}
	n := copy(p, b.bytes)
	b.bytes = b.bytes[n:]
	return n, nil
}

// failed gives the host's Fail the form of an error.
func failed(event *Fail) *provider.Error {
	return &provider.Error{
		Kind: cmp.Or(provider.Kind(legible(string(event.Kind))), provider.Network), Message: legible(event.Reason), Next: legible(event.Next),
		Retry: event.Retry, RetryAfterMS: max(0, event.RetryAfterMS), Unsent: event.Refused,
	}
}

// sleep waits, and reports false where the call was canceled meanwhile.
func (c *call) sleep(ms int64) bool {
	id := c.open(KindFire)
	c.engine.emit(&Timer{ID: id, AfterMS: ms})
	_, fired := c.park().(*Fire)
	if fired {
		c.closed(id)
	}
	return fired
}

// delta hands on a piece of the answer's text.
func (c *call) delta(text string) {
	c.lift()
	if c.deltas {
		c.spoke = true
		c.engine.emit(&Delta{ID: c.id, Text: text})
	}
}

// end gives the call its Result.
func (c *call) end(kind provider.Kind, body []byte) {
	for len(c.waits) > 0 {
		c.abort(c.waits[0].id)
	}
	c.ended = true
	c.engine.emit(&Result{ID: c.id, Kind: kind, Learned: c.learned, Lists: c.lists, Body: body})
}

// since is the time from a moment to now, in milliseconds. A host's clock may
// step back; no duration is negative.
func (c *call) since(moment int64) int64 { return max(0, c.engine.now-moment) }
