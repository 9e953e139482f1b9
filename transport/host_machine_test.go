package transport

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// fleet opens machines and keeps a book of them.
type fleet struct {
	t    *testing.T
	make func() core.Machine

	mu     sync.Mutex
	crafts []*craft
}

// craft is one machine of a fleet.
type craft struct {
	core.Machine
	fleet   *fleet
	calls   map[core.ID]bool // in flight
	carried int              // all calls so far
	dead    bool
	closed  int
}

func (f *fleet) open(context.Context) (core.Machine, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := &craft{Machine: f.make(), fleet: f, calls: map[core.ID]bool{}}
	f.crafts = append(f.crafts, c)
	return c, nil
}

func (c *craft) Step(event core.Event) (effects []core.Effect, err error) {
	alive := false
	defer func() {
		c.fleet.mu.Lock()
		defer c.fleet.mu.Unlock()
		if c.dead || c.closed > 0 {
			c.fleet.t.Errorf("a machine that is dead (%t) or closed (%d) got a %T", c.dead, c.closed, event)
		}
		c.dead = !alive || err != nil
		if call, ok := event.(*core.Call); ok {
			c.calls[call.ID] = true
			c.carried++
		}
		for _, effect := range effects {
			if result, ok := effect.(*core.Result); ok {
				delete(c.calls, result.ID)
			}
		}
	}()
	effects, err = c.Machine.Step(event)
	alive = true
	return effects, err
}

func (c *craft) Close() error {
	c.fleet.mu.Lock()
	defer c.fleet.mu.Unlock()
	c.closed++
	if c.closed > 1 {
		c.fleet.t.Errorf("a machine was closed %d times", c.closed)
	}
	if len(c.calls) > 0 && !c.dead {
		c.fleet.t.Errorf("a machine was closed with %d calls on it", len(c.calls))
	}
	return nil
}

// loads are the calls in flight by machine, and the closed machines -1.
func (f *fleet) loads() (loads []int) {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.crafts {
		if c.closed > 0 {
			loads = append(loads, -1)
		} else {
			loads = append(loads, len(c.calls))
		}
	}
	return loads
}

func (f *fleet) want(loads ...int) {
	f.t.Helper()
	if got := f.loads(); !slices.Equal(got, loads) {
		f.t.Errorf("the machines carry %v, want %v", got, loads)
	}
}

// telling is a Fetcher whose exchanges end as their text says, after the time
// it says: the tool "3s panic" is told "panic" after 3 s, and "3s" just ends.
func telling(ctx context.Context, fetch *core.Fetch, tell func(core.Event)) {
	wait, text, _ := strings.Cut(fetch.Provider, " ")
	duration, err := time.ParseDuration(wait)
	if err != nil {
		panic(err)
	}
	tell(&core.Head{Status: 200})
	select {
	case <-time.After(duration):
	case <-ctx.Done():
		tell(&core.Fail{Kind: provider.Canceled, Reason: "aborted"})
		return
	}
	if text != "" {
		tell(&core.Chunk{Body: []byte(text)})
	}
	tell(&core.End{})
}

// bubble runs a test with virtual time, on a host with a fleet of relays.
func bubble(t *testing.T, name string, config HostConfig, test func(*testing.T, *Host, *fleet)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fleet{t: t, make: relay}
			config.Open, config.Fetcher = f.open, exchanges(telling)
			host := NewHost(config)
			test(t, host, f)
			host.Close()
			time.Sleep(2 * lastBytes) // the exchanges of dead machines end
			for i, load := range f.loads() {
				if load != -1 {
					t.Errorf("machine %d was not closed", i)
				}
			}
		})
	})
}

func TestMachineDies(t *testing.T) {
	for _, death := range []string{"error", "panic"} {
		var lines []string
		config := HostConfig{Warm: 2, Log: func(line string) { lines = append(lines, line) }}
		bubble(t, "by "+death, config, func(t *testing.T, host *Host, f *fleet) {
			first := launch(t.Context(), host, "5s", nil)
			f.want(1)
			other := launch(t.Context(), host, "20s", nil)
			f.want(1, 1)
			poison := launch(t.Context(), host, "1s "+death, nil)
			f.want(2, 1)
			began := time.Now()
			for _, result := range []*core.Result{wantKind(t, first, provider.Internal), wantKind(t, poison, provider.Internal)} {
				if !strings.Contains(string(result.Body), "died") || strings.Contains(string(result.Body), "poison") {
					t.Errorf("the result is %s, want it to say that the machine died and no more", result.Body)
				}
			}
			if took := time.Since(began); took != time.Second {
				t.Errorf("the calls ended after %v, want 1s", took)
			}
			f.want(-1, 1)
			next := launch(t.Context(), host, "10s", nil)
			f.want(-1, 1, 1)
			wantKind(t, next, "")
			wantKind(t, other, "")
			if len(lines) != 1 || !strings.Contains(lines[0], "the reply was poison") {
				t.Errorf("the operator read %q, want one line with the cause", lines)
			}
		})
	}
	bubble(t, "while its call is in the receiver's hands", HostConfig{}, func(t *testing.T, host *Host, f *fleet) {
		busy := launch(t.Context(), host, "0s text", func(string) { time.Sleep(time.Minute) })
		poison := launch(t.Context(), host, "1s error", nil)
		wantKind(t, poison, provider.Internal)
		f.mu.Lock()
		closed := f.crafts[0].closed
		f.mu.Unlock()
		if closed != 0 {
			t.Error("the machine was closed before its last call had left")
		}
		wantKind(t, launch(t.Context(), host, "0s", nil), "")
		wantKind(t, busy, "")
	})
	bubble(t, "in its first step", HostConfig{}, func(t *testing.T, host *Host, f *fleet) {
		f.make = func() core.Machine {
			return script(func(core.Event) ([]core.Effect, error) { return nil, core.ErrContract })
		}
		wantKind(t, launch(t.Context(), host, "0s", nil), provider.Internal)
		f.want(-1)
		f.make = relay
		wantKind(t, launch(t.Context(), host, "0s", nil), "")
	})
	bubble(t, "with the last effects still performed", HostConfig{}, func(t *testing.T, host *Host, f *fleet) {
		f.make = func() core.Machine {
			return script(func(event core.Event) ([]core.Effect, error) {
				id := event.(*core.Call).ID
				return []core.Effect{&core.Delta{ID: id, Text: "last words"}, &core.Result{ID: id}}, core.ErrContract
			})
		}
		heard := ""
		wantKind(t, launch(t.Context(), host, "0s", func(text string) { heard += text }), "")
		if heard != "last words" {
			t.Errorf("heard %q", heard)
		}
	})
	bubble(t, "again and again", HostConfig{Machines: 4, Calls: 8}, func(t *testing.T, host *Host, f *fleet) {
		var results []<-chan *core.Result
		for n := range 200 {
			tool := fmt.Sprintf("%dms", n)
			if n%20 == 7 {
				tool += " panic"
			}
			results = append(results, launch(t.Context(), host, tool, nil))
		}
		kinds := map[provider.Kind]int{}
		for _, result := range results {
			kinds[(<-result).Kind]++
		}
		if kinds[""] == 0 || kinds[provider.Internal] < 10 || kinds[""]+kinds[provider.Internal] != 200 {
			t.Errorf("the results are of kinds %v, want success and internal", kinds)
		}
	})
}

func TestMachineNotOpened(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		kind provider.Kind
		text string
	}{
		{"plain error", errors.New("no memory left"), provider.Internal, "no memory left"},
		{"error with a kind", &provider.Error{Kind: provider.InvalidRequest, Message: "wrong settings"}, provider.InvalidRequest, "Wrong settings"},
		{"wrapped", fmt.Errorf("open: %w", &provider.Error{Kind: provider.Permission, Message: "not allowed"}), provider.Permission, "Not allowed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			attempts := 0
			host := NewHost(HostConfig{Open: func(context.Context) (core.Machine, error) {
				if attempts++; attempts < 3 {
					return nil, test.err
				}
				return script(func(event core.Event) ([]core.Effect, error) {
					return []core.Effect{&core.Result{ID: event.(*core.Call).ID}}, nil
				}), nil
			}})
			for range 2 {
				result := wantKind(t, launch(t.Context(), host, "tool", nil), test.kind)
				if !strings.Contains(strings.ToLower(string(result.Body)), strings.ToLower(test.text)) {
					t.Errorf("the result is %s, want it to say %q", result.Body, test.text)
				}
			}
			wantKind(t, launch(t.Context(), host, "tool", nil), "")
			host.Close()
		})
	}
	t.Run("does not end with the call that opens it", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		opened := 0
		host := NewHost(HostConfig{Fetcher: exchanges(telling), Open: func(ctx context.Context) (core.Machine, error) {
			cancel()
			opened++
			return relay(), ctx.Err()
		}})
		wantKind(t, launch(ctx, host, "0s", nil), provider.Canceled)
		wantKind(t, launch(t.Context(), host, "0s", nil), "")
		if opened != 1 {
			t.Errorf("%d machines were opened, want 1", opened)
		}
	})
}

func TestPlacement(t *testing.T) {
	for _, test := range []struct {
		name   string
		config HostConfig
		calls  int
		want   []int
		idle   []int // once all calls have ended
	}{
		{"one machine by default", HostConfig{}, 30, []int{30}, []int{0}},
		{"warm ones first", HostConfig{Warm: 3}, 7, []int{3, 2, 2}, []int{0, 0, 0}},
		{"no more than needed", HostConfig{Warm: 3}, 2, []int{1, 1}, []int{0, 0}},
		{"more when the warm ones are full", HostConfig{Warm: 2, Machines: 4, Calls: 3}, 8, []int{3, 3, 2}, []int{-1, 0, 0}},
		{"as many as there may be", HostConfig{Machines: 3, Calls: 2}, 6, []int{2, 2, 2}, []int{-1, -1, 0}},
		{"the rest waits", HostConfig{Machines: 2, Calls: 2}, 9, []int{2, 2}, nil},
		{"one call a machine", HostConfig{Machines: 3, Calls: 1}, 5, []int{1, 1, 1}, nil},
		{"warm beats machines", HostConfig{Warm: 3, Machines: 1, Calls: 1}, 5, []int{1, 1, 1}, []int{0, 0, 0}},
	} {
		bubble(t, test.name, test.config, func(t *testing.T, host *Host, f *fleet) {
			var results []<-chan *core.Result
			for n := range test.calls {
				results = append(results, launch(t.Context(), host, fmt.Sprintf("%ds", n+1), nil))
				synctest.Wait()
			}
			f.want(test.want...)
			for _, result := range results {
				wantKind(t, result, "")
			}
			if test.idle != nil {
				f.want(test.idle...)
			}
		})
	}
	bubble(t, "an idle one before a new one", HostConfig{Warm: 3, Machines: 5, Calls: 1}, func(t *testing.T, host *Host, f *fleet) {
		for range 4 {
			wantKind(t, launch(t.Context(), host, "1s", nil), "")
			synctest.Wait()
		}
		f.want(0)
	})
}

func TestWaiting(t *testing.T) {
	bubble(t, "takes the place that gets free", HostConfig{Machines: 2, Calls: 1}, func(t *testing.T, host *Host, f *fleet) {
		began := time.Now()
		one, two := launch(t.Context(), host, "10s", nil), launch(t.Context(), host, "4s", nil)
		f.want(1, 1)
		three := launch(t.Context(), host, "1s", nil)
		f.want(1, 1)
		wantKind(t, three, "")
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("the waiting call ended after %v, want 5s", took)
		}
		wantKind(t, two, "")
		wantKind(t, one, "")
	})
	bubble(t, "can be canceled", HostConfig{Calls: 1}, func(t *testing.T, host *Host, f *fleet) {
		one := launch(t.Context(), host, "10s", nil)
		f.want(1)
		ctx, cancel := context.WithCancel(t.Context())
		two := launch(ctx, host, "10s", nil)
		three := launch(t.Context(), host, "10s", nil)
		f.want(1)
		began := time.Now()
		cancel()
		wantKind(t, two, provider.Canceled)
		if took := time.Since(began); took != 0 {
			t.Errorf("the waiting call ended %v after it was canceled", took)
		}
		wantKind(t, one, "")
		wantKind(t, three, "")
		if carried := f.crafts[0].carried; carried != 2 || len(f.crafts) != 1 {
			t.Errorf("%d machines, the first of which carried %d calls, want 1 and 2", len(f.crafts), carried)
		}
	})
	bubble(t, "takes the place of a canceled call", HostConfig{Calls: 1}, func(t *testing.T, host *Host, f *fleet) {
		ctx, cancel := context.WithCancel(t.Context())
		one := launch(ctx, host, "10s", nil)
		f.want(1)
		two := launch(t.Context(), host, "1s", nil)
		f.want(1)
		began := time.Now()
		cancel()
		wantKind(t, one, provider.Canceled)
		wantKind(t, two, "")
		if took := time.Since(began); took != time.Second {
			t.Errorf("the second call ended after %v, want 1s", took)
		}
	})
	bubble(t, "takes the place of a dead machine", HostConfig{Calls: 1}, func(t *testing.T, host *Host, f *fleet) {
		one := launch(t.Context(), host, "1s error", nil)
		f.want(1)
		two := launch(t.Context(), host, "1s", nil)
		wantKind(t, one, provider.Internal)
		f.want(-1, 1)
		wantKind(t, two, "")
	})
}

func TestWorn(t *testing.T) {
	// A machine is worn after two calls.
	worn := func(machine core.Machine) bool {
		c := machine.(*craft)
		c.fleet.mu.Lock()
		defer c.fleet.mu.Unlock()
		return c.carried >= 2
	}
	bubble(t, "replaced", HostConfig{Worn: worn}, func(t *testing.T, host *Host, f *fleet) {
		for range 6 {
			wantKind(t, launch(t.Context(), host, "1s", nil), "")
		}
		f.want(-1, -1, -1)
	})
	bubble(t, "drained", HostConfig{Worn: worn, Machines: 2}, func(t *testing.T, host *Host, f *fleet) {
		long, short := launch(t.Context(), host, "10s", nil), launch(t.Context(), host, "1s", nil)
		f.want(2)
		wantKind(t, short, "")
		f.want(1)
		next := launch(t.Context(), host, "20s", nil)
		f.want(1, 1)
		wantKind(t, long, "")
		f.want(-1, 1)
		wantKind(t, next, "")
		f.want(-1, 0)
	})
	// A machine that only finishes its calls counts: its memory is still taken.
	bubble(t, "no more at once than Machines", HostConfig{Worn: worn}, func(t *testing.T, host *Host, f *fleet) {
		long, short := launch(t.Context(), host, "10s", nil), launch(t.Context(), host, "1s", nil)
		wantKind(t, short, "")
		next := launch(t.Context(), host, "1s", nil)
		f.want(1)
		wantKind(t, long, "")
		f.want(-1, 1)
		wantKind(t, next, "")
	})
}

func TestClose(t *testing.T) {
	bubble(t, "before the first call", HostConfig{}, func(t *testing.T, host *Host, f *fleet) {
		host.Close()
		f.want()
	})
	bubble(t, "idle machines at once", HostConfig{Warm: 2}, func(t *testing.T, host *Host, f *fleet) {
		one := launch(t.Context(), host, "1s", nil)
		f.want(1)
		two := launch(t.Context(), host, "5s", nil)
		wantKind(t, one, "")
		host.Close()
		f.want(-1, 1)
		wantKind(t, two, "")
		f.want(-1, -1)
		host.Close()
	})
	bubble(t, "the others as their last call ends", HostConfig{}, func(t *testing.T, host *Host, f *fleet) {
		one, two := launch(t.Context(), host, "1s", nil), launch(t.Context(), host, "5s", nil)
		f.want(2)
		host.Close()
		f.want(2)
		wantKind(t, one, "")
		f.want(1)
		wantKind(t, two, "")
		f.want(-1)
	})
}
