package gate

import (
	"slices"
	"strconv"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// lane is the way to one provider. Its times are the gate's.
type lane struct {
	Limits
	circuit
	name   string
	flying int
	turns  []turn  // the queue: calls in the order of their turns
	queued int     // fetches of all turns
	expiry int64   // before it nobody in the queue is overdue
	paused int64   // the provider wants nothing until then
	starts []int64 // when exchanges began: the latest ones, up to PerMinute
	oldest int     // of starts, which is a ring once it is full
}

// turn is a call in the queue. Its line is never empty.
type turn struct {
	call uint64
	line []waiting
}

// waiting is a fetch in the queue, which may begin until a time.
type waiting struct {
	fetch uint64
	until int64
}

// The queue.

func (l *lane) find(call uint64) int {
	return slices.IndexFunc(l.turns, func(t turn) bool { return t.call == call })
}

func (l *lane) join(call uint64, w waiting) {
	i := l.find(call)
	if i < 0 {
		i = len(l.turns)
		l.turns = append(l.turns, turn{call: call})
	}
	l.turns[i].line = append(l.turns[i].line, w)
	if l.queued == 0 {
		l.expiry = forever // it was of those who are gone
	}
	l.queued++
	l.expiry = min(l.expiry, w.until)
}

// next takes the fetch out whose turn it is.
func (l *lane) next() waiting {
	t := l.turns[0]
	w := t.line[0]
	t.line = t.line[1:]
	l.turns = slices.Delete(l.turns, 0, 1)
	if len(t.line) > 0 {
		l.turns = append(l.turns, t)
	}
	l.queued--
	return w
}

func (l *lane) drop(call, fetch uint64) {
	t := &l.turns[l.find(call)]
	t.line = slices.DeleteFunc(t.line, func(w waiting) bool { return w.fetch == fetch })
	l.tidy()
	l.queued--
}

// tidy takes those calls out that have nothing in the queue any more.
func (l *lane) tidy() {
	l.turns = slices.DeleteFunc(l.turns, func(t turn) bool { return len(t.line) == 0 })
}

// before counts the fetches that begin before the next one of a call.
func (l *lane) before(call uint64) int {
	own := l.find(call)
	depth := 0
	if own >= 0 {
		depth = len(l.turns[own].line)
	}
	n := depth
	for i, t := range l.turns {
		switch {
		case own < 0 || i < own:
			n += min(len(t.line), depth+1)
		case i > own:
			n += min(len(t.line), depth)
		}
	}
	return n
}

// overdue takes those out who can no longer begin in time. The rest of the
// queue cannot begin now.
func (l *lane) overdue(now int64) (fetches []uint64) {
	if now < l.expiry {
		return nil
	}
	l.expiry = forever
	for i := range l.turns {
		t := &l.turns[i]
		t.line = slices.DeleteFunc(t.line, func(w waiting) bool {
			if w.until <= now || w.until < l.paused {
				fetches = append(fetches, w.fetch)
				return true
			}
			l.expiry = min(l.expiry, w.until)
			return false
		})
	}
	l.tidy()
	l.queued -= len(fetches)
	return fetches
}

// due is when a Tick changes something.
func (l *lane) due(now int64) int64 {
	if l.queued == 0 {
		return forever
	}
	if l.full() {
		return l.expiry
	}
	return min(l.expiry, l.earliest(0, now))
}

// Places, rate and pause.

func (l *lane) full() bool { return l.Concurrency > 0 && l.flying >= l.Concurrency }

// ready reports whether an exchange may begin.
func (l *lane) ready(now int64) bool { return !l.full() && l.earliest(0, now) <= now }

// earliest is when the fetch with n others ahead may begin, as far as rate
// and pause are concerned.
func (l *lane) earliest(n int, now int64) int64 {
	when := max(now, l.paused)
	if l.PerMinute <= 0 {
		return when
	}
	windows := int64(0) // that pass before one begins which was noted
	for n >= l.PerMinute {
		n -= l.PerMinute
		windows++
	}
	if i := len(l.starts) + n - l.PerMinute; i >= 0 {
		when = max(when, l.starts[(l.oldest+i)%len(l.starts)]+60_000)
	}
	return when + windows*60_000
}

// note keeps the time at which an exchange began.
func (l *lane) note(now int64) {
	switch {
	case len(l.starts) < l.PerMinute:
		l.starts = append(l.starts, now)
	case l.PerMinute > 0:
		l.starts[l.oldest] = now
		l.oldest = (l.oldest + 1) % l.PerMinute
	}
}

// pause lets nothing begin until a time.
func (l *lane) pause(until int64) {
	l.paused = max(l.paused, until)
	l.expiry = 0 // for some it may be too late now
}

// Refusals.

const (
	elsewhere       = "Try again later, or choose a model of another provider."
	elsewhereOrMore = "Try again later, choose a model of another provider, or raise this limit in the gateway's configuration."
)

func (l *lane) crowded() Refuse {
	return Refuse{
		Kind:   provider.Overloaded,
		Reason: strconv.Itoa(l.queued) + " requests to " + l.name + " wait already, and no more may",
		Next:   elsewhere,
	}
}

// late refuses a fetch that could only begin too late.
func (l *lane) late(begin, now int64) Refuse {
	switch {
	case begin <= now:
		return Refuse{
			Kind:   provider.Overloaded,
			Reason: "the limit of requests in flight to " + l.name + ", " + strconv.Itoa(l.Concurrency) + ", left no place in time",
			Next:   elsewhereOrMore,
		}
	case begin <= l.paused:
		return Refuse{
			Kind:   provider.RateLimit,
			Reason: l.name + " asked for a pause, which lasts another " + seconds(begin-now) + ": too long for this request",
			Next:   elsewhere, RetryAfterMS: begin - now,
		}
	}
	return Refuse{
		Kind: provider.RateLimit,
		Reason: "the limit of requests a minute to " + l.name + ", " + strconv.Itoa(l.PerMinute) + ", leaves room in " + seconds(begin-now) +
			": too late for this request",
		Next: elsewhereOrMore, RetryAfterMS: begin - now,
	}
}

// seconds writes a time, rounded up.
func seconds(ms int64) string { return strconv.FormatInt((ms+999)/1000, 10) + " s" }
