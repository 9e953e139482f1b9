package gate

import (
	"strconv"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// Circuit is whether a provider is asked at all. The set is closed.
type Circuit string

// The states.
const (
	Closed   Circuit = "closed"    // it is asked
	Open     Circuit = "open"      // it is not
	HalfOpen Circuit = "half-open" // the next request is a probe, or one is out
)

// circuit judges a provider by the exchanges that ended.
type circuit struct {
	state    Circuit // Open stays Open when its time is over; HalfOpen: a probe is out
	until    int64   // of Open
	failures int     // in a row; FailureLimit or more while closed: on trial
	openings int     // in a row
	last     provider.Kind
	// era counts the openings. Between an opening and the next closing, only
	// the probe is admitted: it is known by its era.
	era uint32
}

// at is the state as it is to be shown.
func (c *circuit) at(now int64) Circuit {
	if c.state == Open && now >= c.until {
		return HalfOpen
	}
	return c.state
}

// refuses reports whether nothing may begin or wait.
func (c *circuit) refuses(now int64) bool {
	return c.state == HalfOpen || c.state == Open && now < c.until
}

// try makes what was just let in the probe, where one is needed.
func (c *circuit) try() {
	if c.state == Open {
		c.state = HalfOpen
	}
}

// unsure gives up a probe that told nothing.
func (c *circuit) unsure() {
	if c.state == HalfOpen {
		c.state = Open
	}
}

// trust closes the circuit on trial: a long answer must not keep everybody out.
func (c *circuit) trust() {
	if c.state == HalfOpen {
		c.state = Closed
	}
}

// learn takes the outcome of an exchange of this era, and reports whether the
// circuit opened by it.
func (c *circuit) learn(kind provider.Kind, now int64) (opened bool) {
	switch kind {
	case provider.Overloaded, provider.Timeout, provider.Network, provider.BadReply:
		c.last = kind
		c.failures++
		if c.failures < FailureLimit {
			return false
		}
		c.state = Open
		c.until = now + min(int64(shortestOpen)<<min(c.openings, 10), longestOpen)
		c.openings++
		c.era++
		return true
	case "", provider.InvalidRequest, provider.Authentication, provider.Permission, provider.NotFound, provider.ContextLength,
		provider.TooLarge, provider.ContentFilter, provider.RateLimit, provider.Quota:
		c.state, c.failures, c.openings, c.last = Closed, 0, 0, kind
	default: // the gateway's own
		c.unsure()
	}
	return false
}

// broken refuses a fetch because of the circuit.
func (l *lane) broken(now int64) Refuse {
	why := Refuse{
		Kind:   provider.Overloaded,
		Reason: l.name + " failed " + strconv.Itoa(l.failures) + " times in a row, last with " + string(l.last) + ", and ",
		Next:   elsewhere,
	}
	if l.state == HalfOpen {
		why.Reason += "one request is just trying it again"
		return why
	}
	why.RetryAfterMS = l.until - now
	why.Reason += "is tried again in " + seconds(why.RetryAfterMS)
	return why
}
