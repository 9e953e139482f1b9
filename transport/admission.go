package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/gate"
)

// Admission is a [Fetcher] that asks two gates before each exchange and tells them
// how it went: that of the provider, which has the user's limits and learns whether
// the provider can be reached, and that of the model, which learns whether it
// answers. So a model that is overloaded, or asks for a pause, keeps nobody from
// the other models of its provider. It gives the gates their clock and lock, which
// is taken twice for an exchange that need not wait.
type Admission struct {
	next Fetcher

	mu        sync.Mutex
	providers door
	models    door
	seen      []model          // that were asked, in the order of the first time
	names     map[model]string // of those, at the models' gate
	failed    bool             // something did, so that somebody may be on trial
}

// model is a model of a provider.
type model struct{ provider, id string }

// door is a gate, and who waits in front of it.
type door struct {
	gate    *gate.Gate
	waiting map[uint64]chan *gate.Refuse // fetches that have no answer; nil admits
	alarm   *time.Timer
}

// NewAdmission returns a fetcher in front of another, with limits by provider.
func NewAdmission(next Fetcher, limits map[string]gate.Limits) *Admission {
	return &Admission{
		next: next, names: map[model]string{},
		providers: door{gate: gate.New(limits), waiting: map[uint64]chan *gate.Refuse{}},
		models:    door{gate: gate.New(nil), waiting: map[uint64]chan *gate.Refuse{}},
	}
}

// Fetch performs one exchange, when both gates admit it.
func (a *Admission) Fetch(ctx context.Context, fetch *core.Fetch, body Body, tell func(core.Event)) {
	ofModel := gate.Done{Fetch: uint64(fetch.ID), Kind: provider.Canceled} // where nothing else is told
	ofProvider := ofModel
	passed, fail := a.pass(ctx, fetch)
	if fail == nil {
		trial := a.onTrial()
		a.next.Fetch(ctx, fetch, body, func(event core.Event) {
			switch event := event.(type) {
			case *core.Head:
				ofProvider.Kind = "" // it was reached
				if ofModel.Kind, ofModel.RetryAfterMS = outcome(event); ofModel.Kind == "" {
					ofModel.Kind = provider.Canceled // until the end has come
				}
				if trial {
					a.began(ofModel)
				}
			case *core.End:
				if ofModel.Kind == provider.Canceled {
					ofModel.Kind = ""
				}
			case *core.Fail:
				ofModel.Kind, ofModel.RetryAfterMS = event.Kind, event.RetryAfterMS
				if ofProvider.Kind != "" { // nothing had come
					ofProvider.Kind = event.Kind
				}
			}
			tell(event)
		})
	}
	a.mu.Lock()
	ofModel.AtMS, ofProvider.AtMS = now(), now()
	a.failed = a.failed || ofModel.Kind != "" && ofModel.Kind != provider.Canceled
	if passed > 0 {
		a.perform(&a.models, a.models.gate.Step(&ofModel))
	}
	if passed > 1 {
		a.perform(&a.providers, a.providers.gate.Step(&ofProvider))
	}
	a.mu.Unlock()
	if fail != nil {
		tell(fail)
	}
}

// onTrial reports whether somebody may be, whom a reply that begins well clears.
func (a *Admission) onTrial() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

// began tells the gates that a reply has begun.
func (a *Admission) began(ofModel gate.Done) {
	a.mu.Lock()
	defer a.mu.Unlock()
	head := gate.Head{Fetch: ofModel.Fetch, AtMS: now()}
	if ofModel.Kind == provider.Canceled {
		a.perform(&a.models, a.models.gate.Step(&head))
	}
	a.perform(&a.providers, a.providers.gate.Step(&head))
}

// pass waits until both gates admit an exchange. It returns how many did, and what
// is to be told where that were not both.
func (a *Admission) pass(ctx context.Context, fetch *core.Fetch) (passed int, fail *core.Fail) {
	event := gate.Ask{Fetch: uint64(fetch.ID), Call: uint64(fetch.ID.Call())}
	if deadline, ok := ctx.Deadline(); ok {
		event.DeadlineMS = deadline.UnixMilli()
	}
	asked := model{fetch.Provider, fetch.Model}
	a.mu.Lock()
	name, known := a.names[asked]
	if !known {
		name = asked.provider + "/" + asked.id
		a.names[asked] = name
		a.seen = append(a.seen, asked)
	}
	for _, at := range []struct {
		door *door
		name string
	}{{&a.models, name}, {&a.providers, fetch.Provider}} {
		event.Provider, event.AtMS = at.name, now()
		refuse, waits := a.ask(at.door, &event)
		if waits != nil {
			a.mu.Unlock()
			refuse, fail = a.await(ctx, at.door, event.Fetch, waits)
			a.mu.Lock()
		}
		if refuse != nil {
			fail = refused(refuse)
		}
		if fail != nil {
			break
		}
		passed++
	}
	a.mu.Unlock()
	return passed, fail
}

// ask asks a gate. Where it has no answer yet, waits receives it. The lock is held.
func (a *Admission) ask(d *door, event *gate.Ask) (refuse *gate.Refuse, waits chan *gate.Refuse) {
	waits = make(chan *gate.Refuse, 1)
	d.waiting[event.Fetch] = waits
	a.perform(d, d.gate.Step(event))
	select {
	case refuse = <-waits:
		return refuse, nil
	default:
		return nil, waits
	}
}

// await waits for a gate's answer, as long as anybody does.
func (a *Admission) await(ctx context.Context, d *door, id uint64, waits chan *gate.Refuse) (*gate.Refuse, *core.Fail) {
	select {
	case refuse := <-waits:
		return refuse, nil
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case refuse := <-waits: // it came first
		return refuse, nil
	default:
	}
	delete(d.waiting, id)
	a.perform(d, d.gate.Step(&gate.Leave{Fetch: id}))
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, &core.Fail{Kind: provider.Timeout, Reason: "it was not asked within the time allowed, since others were before it"}
	}
	return nil, Aborted()
}

// refused gives a gate's refusal the form of a failure.
func refused(refuse *gate.Refuse) *core.Fail {
	return &core.Fail{
		Kind: refuse.Kind, Reason: refuse.Reason, Next: refuse.Next, Refused: true,
		Retry: refuse.RetryAfterMS > 0, RetryAfterMS: refuse.RetryAfterMS,
	}
}

// step gives a gate an event.
func (a *Admission) step(d *door, event gate.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.perform(d, d.gate.Step(event))
}

// perform does what a gate wants done. The lock is held.
func (a *Admission) perform(d *door, effects []gate.Effect) {
	answer := func(id uint64, refuse *gate.Refuse) {
		if waits := d.waiting[id]; waits != nil {
			delete(d.waiting, id)
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
			if d.alarm == nil {
				d.alarm = time.AfterFunc(wait, func() { a.step(d, &gate.Tick{AtMS: now()}) })
			} else {
				d.alarm.Reset(wait)
			}
		}
	}
}

// States say of some providers what is not as usual, of them or their models.
func (a *Admission) States(providers []string) (states []core.State) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := now()
	for _, name := range providers {
		if text := state(a.providers.gate.Status(name, at), at); text != "" {
			states = append(states, core.State{Provider: name, Text: text})
		}
		for _, asked := range a.seen {
			if asked.provider != name {
				continue
			}
			if text := state(a.models.gate.Status(a.names[asked], at), at); text != "" {
				states = append(states, core.State{Provider: name, Text: cmp.Or(asked.id, "its list") + " is " + text})
			}
		}
	}
	return states
}

// state says what is not as usual of a provider or model, or nothing.
func state(status gate.Status, at int64) string {
	switch {
	case status.Circuit == gate.Open:
		return fmt.Sprintf("not asked for %d s, since it failed %d times in a row (%s)", (status.OpenUntilMS-at+999)/1000, status.Failures, status.Last)
	case status.PausedUntilMS > at:
		return fmt.Sprintf("not asked for %d s, as it wants", (status.PausedUntilMS-at+999)/1000)
	case status.Queued > 0:
		return fmt.Sprintf("busy: %d in flight, %d waiting in line", status.InFlight, status.Queued)
	}
	return ""
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
