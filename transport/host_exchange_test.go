package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

func TestExchangeAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The first exchange is given up for the second when it begins.
		machine := script(func(event core.Event) ([]core.Effect, error) {
			switch event := event.(type) {
			case *core.Call:
				return []core.Effect{&core.Fetch{ID: event.ID | 1, Provider: "slow"}}, nil
			case *core.Head:
				if event.ID == event.ID.Call()|1 {
					return []core.Effect{&core.Abort{ID: event.ID}, &core.Fetch{ID: event.ID.Call() | 2, Provider: "other"}}, nil
				}
			case *core.End:
				return []core.Effect{&core.Result{ID: event.ID.Call()}}, nil
			}
			return nil, nil
		})
		began := time.Now()
		var aborted time.Duration
		host := NewHost(HostConfig{Open: always(machine), Fetcher: exchanges(func(ctx context.Context, fetch *core.Fetch, tell func(core.Event)) {
			tell(&core.Head{Status: 200})
			if fetch.Provider == "slow" {
				<-ctx.Done()
				aborted = time.Since(began)
				return
			}
			time.Sleep(5 * time.Second)
			if ctx.Err() != nil {
				t.Error("the second exchange was aborted too")
			}
			tell(&core.End{})
		})})
		wantKind(t, launch(t.Context(), host, "tool", nil), "")
		synctest.Wait()
		if aborted != 0 || time.Since(began) != 5*time.Second {
			t.Errorf("aborted after %v, ended after %v, want 0s and 5s", aborted, time.Since(began))
		}
	})
}

// TestExchangeOutlivesResult: what comes after the result is read to keep the
// connection, for a second, and no machine hears of it.
func TestExchangeOutlivesResult(t *testing.T) {
	for _, test := range []struct {
		name  string
		rest  time.Duration
		ended time.Duration
	}{
		{"a short rest", 300 * time.Millisecond, 300 * time.Millisecond},
		{"a long rest", time.Hour, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var history record
				machine := history.of(script(func(event core.Event) ([]core.Effect, error) {
					switch event := event.(type) {
					case *core.Call:
						return []core.Effect{&core.Fetch{ID: event.ID | 1}}, nil
					case *core.Chunk:
						return []core.Effect{&core.Result{ID: event.ID.Call()}}, nil
					}
					return nil, nil
				}))
				var result time.Time
				var ended time.Duration
				host := NewHost(HostConfig{Open: always(machine), Fetcher: exchanges(func(ctx context.Context, _ *core.Fetch, tell func(core.Event)) {
					tell(&core.Head{Status: 200})
					tell(&core.Chunk{Body: []byte("[DONE]")})
					result = time.Now()
					tell(&core.Chunk{Body: []byte("late")})
					select {
					case <-time.After(test.rest):
						tell(&core.End{})
					case <-ctx.Done():
						tell(&core.Fail{Kind: provider.Canceled})
					}
					ended = time.Since(result)
				})})
				wantKind(t, launch(t.Context(), host, "tool", nil), "")
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				if ended != test.ended {
					t.Errorf("the exchange ended %v after the result, want %v", ended, test.ended)
				}
				if len(history.events) != 3 {
					t.Errorf("the machine got %d events, want call, head and chunk", len(history.events))
				}
			})
		})
	}
}

// answering is a provider in memory: it repeats what was said.
type answering struct{}

func (answering) Fetch(_ context.Context, _ *core.Fetch, body Body, tell func(core.Event)) {
	var request struct {
		Messages []struct{ Content string }
		Stream   bool
	}
	if err := json.Unmarshal(bytes.Join(body, nil), &request); err != nil {
		tell(&core.Fail{Kind: provider.InvalidRequest, Reason: "not JSON"})
		return
	}
	kind, reply := "application/json", ""
	if request.Stream {
		kind = "text/event-stream"
		for _, word := range strings.SplitAfter(request.Messages[0].Content, " ") {
			reply += fmt.Sprintf("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", word)
		}
		reply += "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
	} else {
		reply = fmt.Sprintf(`{"choices":[{"message":{"content":%q},"finish_reason":"stop"}]}`, request.Messages[0].Content)
	}
	tell(&core.Head{Status: 200, Header: []provider.Field{{Name: "content-type", Value: kind}}})
	buffer := make([]byte, 200)
	for body := strings.NewReader(reply); body.Len() > 0; {
		n, _ := body.Read(buffer)
		tell(&core.Chunk{Body: buffer[:n]})
	}
	clear(buffer) // a chunk is ours again
	tell(&core.End{})
}

func TestManyCalls(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, test := range []struct {
		name   string
		calls  int
		config HostConfig
	}{
		{"one machine", 500, HostConfig{}},
		{"some machines", 100, HostConfig{Warm: 2, Machines: 8, Calls: 16}},
		{"a machine a call", 100, HostConfig{Machines: 4, Calls: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := test.config
			config.Open, config.Fetcher = configured, answering{}
			host := NewHost(config)
			defer host.Close()
			var group sync.WaitGroup
			for n := range test.calls {
				group.Go(func() {
					said := fmt.Sprintf("call %d said %s.", n, strings.Repeat("and more ", 5))
					arguments := fmt.Sprintf(`{"messages":[{"role":"user","content":%q}],"stream":%t}`, said, n%2 == 0)
					heard := ""
					result := host.Call(t.Context(), "chat_completion", []byte(arguments), func(piece string) { heard += piece })
					var body struct{ Content []struct{ Text string } }
					if err := json.Unmarshal(result.Body, &body); err != nil || result.Kind != "" || body.Content[0].Text != said {
						t.Errorf("call %d: kind %q, %v: %s", n, result.Kind, err, result.Body)
					}
					if n%2 == 0 && heard != said {
						t.Errorf("call %d heard %q, want %q", n, heard, said)
					}
				})
			}
			group.Wait()
		})
	}
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

// TestManyCallsCanceled cancels at all sorts of moments.
func TestManyCallsCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := NewHost(HostConfig{
			Open: configured, Machines: 3, Calls: 20, Timeout: 80 * time.Millisecond,
			Fetcher: exchanges(func(ctx context.Context, fetch *core.Fetch, tell func(core.Event)) {
				select {
				case <-time.After(50 * time.Millisecond):
					answering{}.Fetch(ctx, fetch, Body{fetch.Body}, tell)
				case <-ctx.Done():
					untilAborted(ctx, fetch, tell)
				}
			}),
		})
		kinds := map[provider.Kind]int{}
		var results []<-chan *core.Result
		for n := range 200 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*time.Millisecond)
			defer cancel()
			results = append(results, launch(ctx, host, "chat_completion", func(string) {}))
		}
		for _, result := range results {
			kinds[(<-result).Kind]++
		}
		if kinds[""] == 0 || kinds[provider.Canceled] == 0 || kinds[""]+kinds[provider.Canceled] != 200 {
			t.Errorf("the results are of kinds %v, want some of success, the rest canceled", kinds)
		}
		host.Close()
	})
}
