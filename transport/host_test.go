package transport

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// script is a machine that a test writes.
type script func(core.Event) ([]core.Effect, error)

func (s script) Step(event core.Event) ([]core.Effect, error) { return s(event) }

// exchanges is a Fetcher that a test writes.
type exchanges func(ctx context.Context, fetch *core.Fetch, tell func(core.Event))

func (e exchanges) Fetch(ctx context.Context, fetch *core.Fetch, body Body, tell func(core.Event)) {
	fetch.Body, _ = io.ReadAll(body.Reader())
	e(ctx, fetch, tell)
}

// relay is a machine that makes one fetch for a call and hands the reply on: a
// chunk is a delta, the end is the result. The chunks "error" and "panic" are
// its death.
func relay() core.Machine {
	return script(func(event core.Event) ([]core.Effect, error) {
		switch event := event.(type) {
		case *core.Call:
			return []core.Effect{&core.Fetch{ID: event.ID | 1, Provider: event.Tool}}, nil
		case *core.Chunk:
			switch text := string(event.Body); text {
			case "error":
				return nil, errors.New("the reply was poison")
			case "panic":
				panic("the reply was poison")
			default:
				return []core.Effect{&core.Delta{ID: event.ID.Call(), Text: text}}, nil
			}
		case *core.End:
			return []core.Effect{&core.Result{ID: event.ID.Call(), Body: []byte("done")}}, nil
		case *core.Fail:
			return []core.Effect{&core.Result{ID: event.ID.Call(), Kind: event.Kind}}, nil
		case *core.Cancel:
			return []core.Effect{&core.Abort{ID: event.ID | 1}, &core.Result{ID: event.ID, Kind: provider.Canceled}}, nil
		}
		return nil, nil
	})
}

// always is an Open that gives the same machine.
func always(machine core.Machine) func(context.Context) (core.Machine, error) {
	return func(context.Context) (core.Machine, error) { return machine, nil }
}

// configured is a real core that knows one provider.
func configured(context.Context) (core.Machine, error) {
	machine := core.New()
	_, err := machine.Step(&core.Configure{Config: core.Config{
		Target: "native", DefaultModel: "imitated",
		Providers: []provider.Row{{Name: "memory", Form: "openai-chat", Endpoint: "https://memory.invalid/v1"}},
	}})
	return machine, err
}

// hello are arguments that the real core accepts.
const hello = `{"messages":[{"role":"user","content":"Hello"}]}`

// launch runs a call in a goroutine of its own.
func launch(ctx context.Context, host *Host, tool string, text func(string)) <-chan *core.Result {
	result := make(chan *core.Result, 1)
	go func() { result <- host.Call(ctx, tool, []byte(hello), text) }()
	return result
}

// wantKind waits for a result and checks its kind; "" is success.
func wantKind(t *testing.T, result <-chan *core.Result, kind provider.Kind) *core.Result {
	t.Helper()
	got := <-result
	if got.Kind != kind {
		t.Errorf("the result is of kind %q, want %q: %s", got.Kind, kind, got.Body)
	}
	return got
}

// untilAborted is an exchange in which nothing comes before its context ends.
func untilAborted(ctx context.Context, _ *core.Fetch, tell func(core.Event)) {
	<-ctx.Done()
	kind := provider.Canceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		kind = provider.Timeout
	}
	tell(&core.Fail{Kind: kind, Reason: "nothing came"})
}

func TestCallEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls []*core.Call
		host := NewHost(HostConfig{Open: always(script(func(event core.Event) ([]core.Effect, error) {
			call := event.(*core.Call)
			calls = append(calls, call)
			return []core.Effect{&core.Result{ID: call.ID, Body: []byte("answer")}}, nil
		}))})
		time.Sleep(time.Second)
		host.Call(t.Context(), "one", []byte(` {"a" : 1}`), nil)
		host.Call(t.Context(), "two", nil, func(string) {})
		one, two := calls[0], calls[1]
		if one.Tool != "one" || string(one.Arguments) != ` {"a" : 1}` || one.Deltas {
			t.Errorf("the machine got %+v", one)
		}
		if two.Tool != "two" || two.Arguments != nil || !two.Deltas {
			t.Errorf("the machine got %+v", two)
		}
		if one.ID == 0 || one.ID != one.ID.Call() || one.ID == two.ID {
			t.Errorf("ids %v and %v, want two different calls", one.ID, two.ID)
		}
		if one.Seed == two.Seed {
			t.Error("two calls have the same seed")
		}
		if one.AtMS != time.Now().UnixMilli() {
			t.Errorf("AtMS is %d, want %d", one.AtMS, time.Now().UnixMilli())
		}
	})
}

func TestCallResult(t *testing.T) {
	t.Run("once", func(t *testing.T) {
		host := NewHost(HostConfig{Open: always(script(func(event core.Event) ([]core.Effect, error) {
			id := event.(*core.Call).ID
			return []core.Effect{
				&core.Result{ID: id + core.CallID(9), Body: []byte("of nobody")},
				&core.Delta{ID: id + core.CallID(9), Text: "of nobody"},
				&core.Result{ID: id, Body: []byte("first")},
				&core.Result{ID: id, Kind: provider.Internal, Body: []byte("second")},
				&core.Delta{ID: id, Text: "late"},
				&core.Fetch{ID: id | 1},
				&core.Timer{ID: id | 2},
			}, nil
		}))})
		for range 3 {
			result := host.Call(t.Context(), "tool", nil, func(text string) { t.Errorf("got the text %q", text) })
			if string(result.Body) != "first" || result.Kind != "" {
				t.Errorf("got %q of kind %q, want first", result.Body, result.Kind)
			}
		}
	})
	t.Run("of the real core", func(t *testing.T) {
		host := NewHost(HostConfig{Open: configured, Fetcher: exchanges(func(_ context.Context, fetch *core.Fetch, tell func(core.Event)) {
			tell(&core.Head{Status: 200})
			tell(&core.Chunk{Body: []byte(`{"choices":[{"message":{"content":"Hi`)})
			tell(&core.Chunk{Body: []byte(` there"},"finish_reason":"stop"}]}`)})
			tell(&core.End{})
		})})
		result := host.Call(t.Context(), "chat_completion", []byte(hello), nil)
		if result.Kind != "" || !strings.Contains(string(result.Body), `"Hi there"`) {
			t.Errorf("kind %q: %s", result.Kind, result.Body)
		}
		result = host.Call(t.Context(), "no_such_tool", []byte(hello), nil)
		if result.Kind != provider.InvalidRequest {
			t.Errorf("kind %q: %s", result.Kind, result.Body)
		}
	})
}

func TestCallDeltas(t *testing.T) {
	// speak tells a piece a second.
	speak := exchanges(func(_ context.Context, _ *core.Fetch, tell func(core.Event)) {
		tell(&core.Head{Status: 200})
		for _, piece := range []string{"a", "b", "c", "d", "e", "f"} {
			tell(&core.Chunk{Body: []byte(piece)})
			time.Sleep(time.Second)
		}
		tell(&core.Chunk{Body: []byte(".")})
		tell(&core.End{}) // in the same moment
	})
	for _, test := range []struct {
		name string
		busy func(piece string) time.Duration
		want []string
	}{
		{"in order", func(string) time.Duration { return 0 }, []string{"a", "b", "c", "d", "e", "f", "."}},
		{"as one while the receiver is busy", func(piece string) time.Duration {
			if piece == "b" {
				return 3500 * time.Millisecond
			}
			return 0
		}, []string{"a", "b", "cde", "f", "."}},
		{"all that came before the result", func(string) time.Duration { return time.Minute }, []string{"a", "bcdef."}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				host := NewHost(HostConfig{Open: always(relay()), Fetcher: speak})
				var got []string
				returned := false
				result := host.Call(t.Context(), "tool", nil, func(piece string) {
					if returned {
						t.Errorf("%q came after Call had returned", piece)
					}
					got = append(got, piece)
					time.Sleep(test.busy(piece))
				})
				returned = true
				time.Sleep(time.Hour)
				if string(result.Body) != "done" {
					t.Errorf("the result is %q", result.Body)
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		})
	}
	t.Run("not asked for", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			host := NewHost(HostConfig{Open: always(relay()), Fetcher: speak})
			if result := host.Call(t.Context(), "tool", nil, nil); string(result.Body) != "done" {
				t.Errorf("the result is %q", result.Body)
			}
		})
	})
}

func TestCallCanceled(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		host := NewHost(HostConfig{Open: always(script(func(event core.Event) ([]core.Effect, error) {
			t.Errorf("the machine got a %T", event)
			return nil, nil
		}))})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		wantKind(t, launch(ctx, host, "tool", nil), provider.Canceled)
	})
	for _, machine := range []struct {
		name string
		open func(context.Context) (core.Machine, error)
	}{{"script", always(relay())}, {"real core", configured}} {
		t.Run(machine.name+" before a reply", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, aborted := time.Now(), time.Time{}
				host := NewHost(HostConfig{Open: machine.open, Fetcher: exchanges(func(ctx context.Context, fetch *core.Fetch, tell func(core.Event)) {
					untilAborted(ctx, fetch, tell)
					aborted = time.Now()
				})})
				ctx, cancel := context.WithCancel(t.Context())
				result := launch(ctx, host, "chat_completion", nil)
				time.Sleep(time.Second)
				cancel()
				wantKind(t, result, provider.Canceled)
				synctest.Wait()
				if aborted.Sub(began) != time.Second {
					t.Errorf("the exchange was aborted after %v, want 1s", aborted.Sub(began))
				}
			})
		})
		t.Run(machine.name+" within a stream", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := 0
				host := NewHost(HostConfig{Open: machine.open, Fetcher: exchanges(func(ctx context.Context, _ *core.Fetch, tell func(core.Event)) {
					tell(&core.Head{Status: 200, Header: []provider.Field{{Name: "content-type", Value: "text/event-stream"}}})
					for ctx.Err() == nil {
						tell(&core.Chunk{Body: []byte("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"}}]}\n\n")})
						told++
						time.Sleep(time.Second)
					}
				})})
				ctx, cancel := context.WithCancel(t.Context())
				heard := 0
				result := launch(ctx, host, "chat_completion", func(text string) {
					if ctx.Err() != nil {
						t.Errorf("%q came after the cancellation", text)
					}
					heard++
				})
				time.Sleep(2500 * time.Millisecond)
				cancel()
				wantKind(t, result, provider.Canceled)
				time.Sleep(time.Minute)
				synctest.Wait()
				if heard != 3 || told != 3 {
					t.Errorf("%d pieces were told and %d heard, want 3 and 3", told, heard)
				}
			})
		})
	}
	t.Run("by a machine that goes on talking", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			host := NewHost(HostConfig{Open: always(script(func(event core.Event) ([]core.Effect, error) {
				switch event := event.(type) {
				case *core.Cancel:
					return []core.Effect{&core.Delta{ID: event.ID, Text: "late"}, &core.Timer{ID: event.ID | 1, AfterMS: 1000}}, nil
				case *core.Fire:
					return []core.Effect{&core.Delta{ID: event.ID.Call(), Text: "later"}, &core.Result{ID: event.ID.Call(), Kind: provider.Canceled}}, nil
				}
				return nil, nil
			}))})
			ctx, cancel := context.WithCancel(t.Context())
			result := launch(ctx, host, "tool", func(text string) { t.Errorf("%q came after the cancellation", text) })
			synctest.Wait()
			cancel()
			wantKind(t, result, provider.Canceled)
		})
	})
	t.Run("between attempts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			attempts := 0
			host := NewHost(HostConfig{Open: configured, Fetcher: exchanges(func(_ context.Context, _ *core.Fetch, tell func(core.Event)) {
				attempts++
				tell(&core.Head{Status: 503, Header: []provider.Field{{Name: "retry-after", Value: "30"}}})
				tell(&core.End{})
			})})
			ctx, cancel := context.WithCancel(t.Context())
			began := time.Now()
			result := launch(ctx, host, "chat_completion", nil)
			time.Sleep(10 * time.Second)
			cancel()
			wantKind(t, result, provider.Canceled)
			if took := time.Since(began); took != 10*time.Second {
				t.Errorf("the call ended after %v, want 10s", took)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			if attempts != 1 {
				t.Errorf("there were %d attempts, want 1", attempts)
			}
		})
	})
}

func TestCallTimeout(t *testing.T) {
	for _, machine := range []struct {
		name string
		open func(context.Context) (core.Machine, error)
	}{{"script", always(relay())}, {"real core", configured}} {
		t.Run(machine.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				host := NewHost(HostConfig{Open: machine.open, Fetcher: exchanges(untilAborted), Timeout: 7 * time.Second})
				began := time.Now()
				wantKind(t, launch(t.Context(), host, "chat_completion", nil), provider.Timeout)
				if took := time.Since(began); took != 7*time.Second {
					t.Errorf("the call took %v, want 7s", took)
				}
			})
		})
	}
	t.Run("holds for all attempts together", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var deadlines []time.Time
			host := NewHost(HostConfig{Open: configured, Timeout: time.Minute, Fetcher: exchanges(func(ctx context.Context, fetch *core.Fetch, tell func(core.Event)) {
				deadline, _ := ctx.Deadline()
				deadlines = append(deadlines, deadline)
				tell(&core.Fail{Kind: provider.Network, Reason: "no luck", Retry: true})
			})})
			want := time.Now().Add(time.Minute)
			wantKind(t, launch(t.Context(), host, "chat_completion", nil), provider.Network)
			if len(deadlines) != 3 || slices.ContainsFunc(deadlines, func(deadline time.Time) bool { return !deadline.Equal(want) }) {
				t.Errorf("the attempts end at %v, want three times %v", deadlines, want)
			}
		})
	})
	t.Run("0 is none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			host := NewHost(HostConfig{Open: configured, Fetcher: exchanges(func(ctx context.Context, fetch *core.Fetch, tell func(core.Event)) {
				if deadline, bounded := ctx.Deadline(); bounded {
					t.Errorf("the exchange must end at %v", deadline)
				}
				time.Sleep(24 * time.Hour)
				tell(&core.Fail{Kind: provider.Network, Reason: "no luck"})
			})})
			wantKind(t, launch(t.Context(), host, "chat_completion", nil), provider.Network)
		})
	})
}

// record is a machine's history.
type record struct{ events []core.Event }

// of records what comes to a machine.
func (r *record) of(machine core.Machine) core.Machine {
	return script(func(event core.Event) ([]core.Effect, error) {
		r.events = append(r.events, event)
		return machine.Step(event)
	})
}

func TestTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var history record
		host := NewHost(HostConfig{Open: always(history.of(script(func(event core.Event) ([]core.Effect, error) {
			switch event := event.(type) {
			case *core.Call:
				return []core.Effect{
					&core.Timer{ID: event.ID | 1, AfterMS: 1000}, // ends the call
					&core.Timer{ID: event.ID | 2, AfterMS: 500},  // fires first
					&core.Timer{ID: event.ID | 3, AfterMS: 800},  // is aborted
					&core.Timer{ID: event.ID | 4, AfterMS: 1500}, // is too late
				}, nil
			case *core.Fire:
				if event.ID == event.ID.Call()|2 {
					return []core.Effect{&core.Abort{ID: event.ID.Call() | 3}}, nil
				}
				return []core.Effect{&core.Result{ID: event.ID.Call()}}, nil
			}
			return nil, nil
		})))})
		began := time.Now()
		result := <-launch(t.Context(), host, "tool", nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		var fired []core.Fire
		for _, event := range history.events[1:] {
			fired = append(fired, *event.(*core.Fire))
		}
		start := began.UnixMilli()
		if want := []core.Fire{{ID: result.ID | 2, AtMS: start + 500}, {ID: result.ID | 1, AtMS: start + 1000}}; !slices.Equal(fired, want) {
			t.Errorf("got %v, want %v", fired, want)
		}
	})
}

func TestEventsFilledIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var history record
		host := NewHost(HostConfig{Open: always(history.of(relay())), Fetcher: exchanges(func(_ context.Context, _ *core.Fetch, tell func(core.Event)) {
			tell(&core.Head{ID: 77, Status: 200})
			time.Sleep(time.Second)
			tell(&core.Chunk{ID: 77, Body: []byte("a")})
			tell(&core.Configure{}) // not a fetcher's to tell
			time.Sleep(time.Second)
			tell(&core.End{ID: 77})
		})})
		began := time.Now().UnixMilli()
		id := (<-launch(t.Context(), host, "tool", nil)).ID
		synctest.Wait()
		if len(history.events) != 4 {
			t.Fatalf("the machine got %v, want 4 events", history.events)
		}
		head, chunk, end := history.events[1].(*core.Head), history.events[2].(*core.Chunk), history.events[3].(*core.End)
		if head.ID != id|1 || chunk.ID != id|1 || end.ID != id|1 {
			t.Errorf("the events are for %v, %v and %v, want %v", head.ID, chunk.ID, end.ID, id|1)
		}
		if head.AtMS != began || chunk.AtMS != began+1000 || end.AtMS != began+2000 {
			t.Errorf("the events came at %d, %d and %d, want %d and 1 s more each", head.AtMS, chunk.AtMS, end.AtMS, began)
		}
	})
}
