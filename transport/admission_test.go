package transport

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/gate"
)

// asked performs one exchange of a call with a provider and returns what was
// told of it.
func asked(ctx context.Context, fetcher Fetcher, call uint32, name string) (told []core.Event) {
	fetcher.Fetch(ctx, &core.Fetch{ID: core.CallID(call) | 1, Provider: name}, nil, func(event core.Event) { told = append(told, event) })
	return told
}

// replying is a provider that always answers one status.
func replying(status int, header ...provider.Field) Fetcher {
	return exchanges(func(_ context.Context, _ *core.Fetch, tell func(core.Event)) {
		tell(&core.Head{Status: status, Header: header})
		tell(&core.End{})
	})
}

// TestAdmissionOrder: a provider that takes one exchange at a time is asked in the
// order of the calls, and another is not delayed by those that wait.
func TestAdmissionOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls = 50
		var mu sync.Mutex
		var order []string
		gone := make(chan struct{})
		admission := NewAdmission(exchanges(func(_ context.Context, fetch *core.Fetch, tell func(core.Event)) {
			if fetch.Provider == "slow" {
				mu.Lock()
				order = append(order, fetch.ID.Call().String())
				mu.Unlock()
				<-gone
			}
			tell(&core.Head{Status: 200})
			tell(&core.End{})
		}), map[string]gate.Limits{"slow": {Concurrency: 1}})
		var waiting sync.WaitGroup
		var want []string
		for i := range uint32(calls) {
			want = append(want, core.CallID(i+1).String())
			waiting.Go(func() { asked(t.Context(), admission, i+1, "slow") })
			synctest.Wait() // until it waits, too
		}
		if told := asked(t.Context(), admission, 1000, "fast"); len(told) != 2 {
			t.Errorf("the fast one: %v", told)
		}
		close(gone)
		waiting.Wait()
		if !slices.Equal(order, want) {
			t.Errorf("asked in the order %v", order)
		}
	})
}

// queued is how many exchanges wait for a provider.
func queued(a *Admission, name string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.providers.gate.Status(name, now()).Queued
}

// TestAdmissionLeaves: who no longer wants to wait leaves the line, and the place
// goes to the next.
func TestAdmissionLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := make(chan struct{})
		admission := NewAdmission(exchanges(func(_ context.Context, _ *core.Fetch, tell func(core.Event)) {
			<-gone
			tell(&core.Head{Status: 200})
			tell(&core.End{})
		}), map[string]gate.Limits{"p": {Concurrency: 1}})
		var all sync.WaitGroup
		all.Go(func() { asked(t.Context(), admission, 1, "p") })
		synctest.Wait()
		ctx, leave := context.WithCancel(t.Context())
		var left, served []core.Event
		all.Go(func() { left = asked(ctx, admission, 2, "p") })
		if synctest.Wait(); queued(admission, "p") != 1 {
			t.Fatalf("%d wait", queued(admission, "p"))
		}
		all.Go(func() { served = asked(t.Context(), admission, 3, "p") })
		if synctest.Wait(); queued(admission, "p") != 2 {
			t.Fatalf("%d wait", queued(admission, "p"))
		}
		leave()
		if synctest.Wait(); queued(admission, "p") != 1 {
			t.Fatalf("%d wait", queued(admission, "p"))
		}
		close(gone)
		all.Wait()
		if fail, ok := left[0].(*core.Fail); !ok || fail.Kind != provider.Canceled {
			t.Errorf("who left is told %+v", left)
		}
		if len(served) != 2 {
			t.Errorf("who stayed is told %+v", served)
		}
		if len(admission.providers.waiting) != 0 {
			t.Errorf("%d wait for ever", len(admission.providers.waiting))
		}
	})
}

// TestAdmissionCircuit: a provider that keeps failing is not asked for a while, and
// says so; one that refuses requests works.
func TestAdmissionCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			status int
			opens  bool
		}{{200, false}, {400, false}, {401, false}, {429, false}, {500, true}, {503, true}, {504, true}} {
			asks := 0
			provided := replying(test.status)
			admission := NewAdmission(exchanges(func(ctx context.Context, fetch *core.Fetch, tell func(core.Event)) {
				asks++
				provided.Fetch(ctx, fetch, nil, tell)
			}), nil)
			var last []core.Event
			for call := range uint32(gate.FailureLimit + 1) {
				last = asked(t.Context(), admission, call+1, "p")
			}
			fail, refused := last[0].(*core.Fail)
			if refused != test.opens || (asks == gate.FailureLimit) != test.opens {
				t.Errorf("%d: asked %d times, last told %+v", test.status, asks, last[0])
			}
			states := admission.States([]string{"p", "other"})
			if test.opens && (fail.Kind != provider.Overloaded || fail.RetryAfterMS <= 0 || !fail.Retry || len(states) != 1 || !strings.Contains(states[0].Text, "not asked")) {
				t.Errorf("%d: %+v, %+v", test.status, fail, states)
			}
			if !test.opens && len(states) != 0 {
				t.Errorf("%d: %+v", test.status, states)
			}
		}
	})
}

// TestAdmissionPause: a provider that asks for a wait is not asked meanwhile; who
// cannot wait that long is told at once.
func TestAdmissionPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		admission := NewAdmission(replying(429, provider.Field{Name: "retry-after", Value: "30"}), nil)
		asked(t.Context(), admission, 1, "p")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		told := asked(ctx, admission, 2, "p")
		fail, refused := told[0].(*core.Fail)
		if !refused || fail.Kind != provider.RateLimit || fail.RetryAfterMS < 25_000 {
			t.Errorf("told %+v", told[0])
		}
		if states := admission.States([]string{"p"}); len(states) != 1 || !strings.Contains(states[0].Text, "as it wants") {
			t.Errorf("%+v", states)
		}
	})
}

// TestAdmissionCrowd: many calls at few places, some of which give up: never more
// than the limit at once, and everybody is told one end.
func TestAdmissionCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls, places = 300, 4
		var mu sync.Mutex
		flying, most := 0, 0
		admission := NewAdmission(exchanges(func(_ context.Context, _ *core.Fetch, tell func(core.Event)) {
			mu.Lock()
			flying++
			most = max(most, flying)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			flying--
			mu.Unlock()
			tell(&core.Head{Status: 200})
			tell(&core.End{})
		}), map[string]gate.Limits{"p": {Concurrency: places}})
		var all sync.WaitGroup
		ends := make([]string, calls)
		for i := range uint32(calls) {
			all.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if i%7 == 0 {
					time.AfterFunc(time.Duration(i%20)*time.Millisecond, cancel)
				}
				for _, event := range asked(ctx, admission, i+1, "p") {
					switch event.(type) {
					case *core.End, *core.Fail:
						ends[i] += fmt.Sprintf("%T", event)
					}
				}
			})
		}
		all.Wait()
		for i, end := range ends {
			if end != "*core.End" && end != "*core.Fail" {
				t.Errorf("call %d ends with %q", i, end)
			}
		}
		if most > places {
			t.Errorf("%d at once", most)
		}
		if status := admission.providers.gate.Status("p", now()); status.InFlight != 0 || status.Queued != 0 {
			t.Errorf("left behind: %+v", status)
		}
	})
}

// TestAdmissionModels: a model that fails or wants a pause keeps nobody from the
// others of its provider; one that cannot be reached does.
func TestAdmissionModels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		admission := NewAdmission(exchanges(func(_ context.Context, fetch *core.Fetch, tell func(core.Event)) {
			switch fetch.Model {
			case "tired":
				tell(&core.Head{Status: 429, Header: []provider.Field{{Name: "retry-after", Value: "30"}}})
			case "broken":
				tell(&core.Head{Status: 503})
			case "gone":
				tell(&core.Fail{Kind: provider.Network, Reason: "refused"})
				return
			default:
				tell(&core.Head{Status: 200})
			}
			tell(&core.End{})
		}), nil)
		ask := func(call uint32, id string) core.Event {
			var first core.Event
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			admission.Fetch(ctx, &core.Fetch{ID: core.CallID(call) | 1, Provider: "p", Model: id}, nil, func(event core.Event) {
				if first == nil {
					first = event
				}
			})
			return first
		}
		refused := func(event core.Event) bool {
			fail, ok := event.(*core.Fail)
			return ok && fail.Kind != provider.Network
		}
		ask(1, "tired")
		for call := range uint32(gate.FailureLimit) {
			ask(10+call, "broken")
		}
		if !refused(ask(2, "tired")) || !refused(ask(3, "broken")) || refused(ask(4, "well")) {
			t.Error("each model is judged by itself")
		}
		if states := admission.States([]string{"p"}); len(states) != 2 || !strings.HasPrefix(states[0].Text, "tired is not asked for 30 s") {
			t.Errorf("%+v", states)
		}
		for call := range uint32(gate.FailureLimit) {
			ask(20+call, "gone")
		}
		if !refused(ask(5, "well")) {
			t.Error("who cannot be reached is asked all the same")
		}
	})
}
