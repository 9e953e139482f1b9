package transport

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/gate"
)

// Admission is a [Fetcher] that asks a gate before each exchange and tells it
// how the exchange went. It gives the gate its clock and its lock.
type Admission struct {
	next Fetcher

	mu      sync.Mutex
	gate    *gate.Gate
	waiting map[uint64]chan *gate.Refuse // fetches that have no answer; nil admits
	alarm   *time.Timer
}

// NewAdmission returns a fetcher in front of another, with limits by provider.
func NewAdmission(next Fetcher, limits map[string]gate.Limits) *Admission {
	return &Admission{next: next, gate: gate.New(limits), waiting: map[uint64]chan *gate.Refuse{}}
}

// Fetch performs one exchange, when the gate admits it.
func (a *Admission) Fetch(ctx context.Context, fetch *core.Fetch, body Body, tell func(core.Event)) {
	id := uint64(fetch.ID)
	if refuse, left := a.ask(ctx, fetch); left {
		tell(&core.Fail{Kind: provider.Canceled, Reason: "the exchange was aborted"})
		return
	} else if refuse != nil {
		tell(&core.Fail{
			Kind: refuse.Kind, Reason: refuse.Reason, Next: refuse.Next,
			Retry: refuse.RetryAfterMS > 0, RetryAfterMS: refuse.RetryAfterMS,
		})
		return
	}
	done := gate.Done{Fetch: id, Kind: provider.Canceled} // where nothing else is told
	a.next.Fetch(ctx, fetch, body, func(event core.Event) {
		switch event := event.(type) {
		case *core.Head:
			done.Kind, done.RetryAfterMS = outcome(event)
			if done.Kind == "" {
				done.Kind = provider.Canceled // until the end has come
				a.step(&gate.Head{Fetch: id, AtMS: now()})
			}
		case *core.End:
			if done.Kind == provider.Canceled {
				done.Kind = ""
			}
		case *core.Fail:
			done.Kind, done.RetryAfterMS = event.Kind, event.RetryAfterMS
		}
		tell(event)
	})
	done.AtMS = now()
	a.step(&done)
}

// ask waits for the gate's answer. The exchange left where nobody wants it any more.
func (a *Admission) ask(ctx context.Context, fetch *core.Fetch) (refuse *gate.Refuse, left bool) {
	id := uint64(fetch.ID)
	event := gate.Ask{Fetch: id, Call: uint64(fetch.ID.Call()), Provider: fetch.Provider, AtMS: now()}
	if deadline, ok := ctx.Deadline(); ok {
		event.DeadlineMS = deadline.UnixMilli()
	}
	answer := make(chan *gate.Refuse, 1)
	a.mu.Lock()
	a.waiting[id] = answer
	a.perform(a.gate.Step(&event))
	a.mu.Unlock()
	select {
	case refuse = <-answer:
		return refuse, false
	default:
	}
	select {
	case refuse = <-answer:
		return refuse, false
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case refuse = <-answer: // it came first
		return refuse, false
	default:
	}
	delete(a.waiting, id)
	a.perform(a.gate.Step(&gate.Leave{Fetch: id}))
	return nil, true
}

// step gives the gate an event.
func (a *Admission) step(event gate.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.perform(a.gate.Step(event))
}

// perform does what the gate wants done. The lock is held.
func (a *Admission) perform(effects []gate.Effect) {
	answer := func(id uint64, refuse *gate.Refuse) {
		if waits := a.waiting[id]; waits != nil {
			delete(a.waiting, id)
			waits <- refuse // it has room for one
		}
	}
	for _, effect := range effects {
		switch effect := effect.(type) {
		case *gate.Admit:
			answer(effect.Fetch, nil)
		case *gate.Refuse:
			answer(effect.Fetch, effect)
		case *gate.Wake:
			wait := time.Duration(max(0, effect.AtMS-now())) * time.Millisecond
			if a.alarm == nil {
				a.alarm = time.AfterFunc(wait, func() { a.step(&gate.Tick{AtMS: now()}) })
			} else {
				a.alarm.Reset(wait)
			}
		}
	}
}

// States say of some providers what is not as usual.
func (a *Admission) States(providers []string) (states []core.State) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := now()
	for _, name := range providers {
		status := a.gate.Status(name, at)
		say := func(text string) { states = append(states, core.State{Provider: name, Text: text}) }
		switch {
		case status.Circuit == gate.Open:
			say(fmt.Sprintf("not asked for %d s, since it failed %d times in a row (%s)", (status.OpenUntilMS-at+999)/1000, status.Failures, status.Last))
		case status.PausedUntilMS > at:
			say(fmt.Sprintf("it asked to wait for %d s", (status.PausedUntilMS-at+999)/1000))
		}
		if status.Queued > 0 {
			say(fmt.Sprintf("%d in flight, %d waiting in line", status.InFlight, status.Queued))
		}
	}
	return states
}

// outcome is what a reply's head says of how the exchange went; empty: well.
func outcome(head *core.Head) (kind provider.Kind, retryAfterMS int64) {
	reply := provider.Reply{Status: head.Status, Header: head.Header, At: now()}
	switch {
	case head.Status < 400:
		return "", 0
	case head.Status == 429:
		return provider.RateLimit, reply.RetryAfterMS()
	case head.Status == 408, head.Status == 504, head.Status == 524:
		return provider.Timeout, 0
	case head.Status >= 500:
		return provider.Overloaded, 0
	}
	return provider.InvalidRequest, 0
}
