package peertest

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/imitation"
)

// chaotic is an imitated provider that fails at random, and counts what it was
// asked.
type chaotic struct {
	provider http.Handler
	share    float64 // of requests that fail

	mu     sync.Mutex
	chance *rand.Rand
	asked  int
	faults map[string]int
}

// draw counts a request and draws its fate; "" is none.
func (c *chaotic) draw() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if c.chance.Float64() >= c.share {
		return ""
	}
	fate := []string{"429", "429", "529", "500", "500", "cut", "slow", "hang"}[c.chance.IntN(8)]
	c.faults[fate]++
	return fate
}

func (c *chaotic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch fate := c.draw(); fate {
	case "429":
		w.Header().Set("retry-after-ms", "30")
		http.Error(w, `{"error":{"message":"slow down","code":"rate_limit_exceeded"}}`, 429)
	case "529":
		http.Error(w, `{"error":{"message":"overloaded"}}`, 529)
	case "500":
		http.Error(w, `{"error":{"message":"down"}}`, 500)
	case "cut":
		w.Header().Set("content-type", "application/json")
		w.Header().Set("content-length", "1000")
		fmt.Fprint(w, `{"choices":[{"message":`)
		panic(http.ErrAbortHandler)
	case "hang":
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that the client is gone
		select {
		case <-r.Context().Done():
		case <-time.After(deadline):
		}
	case "slow":
		time.Sleep(50 * time.Millisecond)
		fallthrough
	default:
		c.provider.ServeHTTP(w, r)
	}
}

// tried is an attempt as results tell of it.
type tried struct {
	Provider string `json:"provider"`
	Refused  bool   `json:"refused"`
}

// attemptsIn are the attempts of a call, however it ended.
func attemptsIn(t *testing.T, result *mcp.CallToolResult) []tried {
	t.Helper()
	raw, err := json.Marshal(result.Meta)
	if err != nil {
		t.Fatal(err)
	}
	var meta struct {
		Completion struct {
			Gateway struct {
				Attempts []tried `json:"attempts"`
			} `json:"gateway"`
		} `json:"mcp-ai-gateway/completion"`
		Error struct {
			Attempts []tried `json:"attempts"`
		} `json:"mcp-ai-gateway/error"`
	}
	if err := json.Unmarshal(raw, &meta); err != nil {
		t.Fatal(err)
	}
	if result.IsError {
		return meta.Error.Attempts
	}
	return meta.Completion.Gateway.Attempts
}

// TestChaos: three providers of which each fails three requests in ten, 2,000 calls
// with two fallbacks each: every call is answered once, and the attempts that
// results tell of are those that the providers count.
func TestChaos(t *testing.T) {
	const calls, atOnce = 2000, 64
	onBoth(t, func(t *testing.T, on target) {
		names := []string{"one", "two", "three"}
		servers := map[string]*chaotic{}
		var file strings.Builder
		file.WriteString("timeout: 12\nproviders:\n")
		for i, name := range names {
			servers[name] = &chaotic{provider: imitation.New(), share: 0.3, chance: rand.New(rand.NewPCG(uint64(i), 7)), faults: map[string]int{}}
			server := httptest.NewServer(servers[name])
			t.Cleanup(server.Close)
			fmt.Fprintf(&file, "  %s: {form: openai, endpoint: %q}\n", name, server.URL+"/v1")
		}
		p := connect(t, on, versions[0], endpoint, fileOf(t, file.String())...)

		var mu sync.Mutex
		answered, failed, refused := 0, map[string]int{}, 0
		told := map[string]int{}
		work := make(chan int)
		var all sync.WaitGroup
		for range atOnce {
			all.Go(func() {
				for i := range work {
					result, err := p.CallTool(timeLimit(t), &mcp.CallToolParams{Name: "chat_completion", Arguments: map[string]any{
						"model": names[i%3] + "/imitated", "fallback_models": []any{names[(i+1)%3] + "/imitated", names[(i+2)%3] + "/imitated"},
						"messages": []any{map[string]any{"role": "user", "content": fmt.Sprint("call ", i)}},
					}})
					if err != nil {
						t.Errorf("call %d: %v", i, err)
						continue
					}
					attempts := attemptsIn(t, result)
					mu.Lock()
					switch {
					case result.IsError:
						failed[readMeta(t, result.Meta).Error.Kind]++
					case textOf(t, result, 0) == said(fmt.Sprint("call ", i)):
						answered++
					default:
						t.Errorf("call %d is answered %q", i, textOf(t, result, 0))
					}
					for _, attempt := range attempts {
						if attempt.Refused {
							refused++
						} else {
							told[attempt.Provider]++
						}
					}
					mu.Unlock()
				}
			})
		}
		for i := range calls {
			work <- i
		}
		close(work)
		all.Wait()

		sum := answered
		for _, n := range failed {
			sum += n
		}
		if sum != calls || answered < calls*9/10 {
			t.Errorf("%d of %d calls answered, failed %v", answered, calls, failed)
		}
		for _, name := range names {
			server := servers[name]
			server.mu.Lock()
			t.Logf("%s was asked %d times, of which failed %v; results tell of %d", name, server.asked, server.faults, told[name])
			if server.asked != told[name] || server.asked == 0 {
				t.Errorf("%s was asked %d times, and results tell of %d", name, server.asked, told[name])
			}
			server.mu.Unlock()
		}
		t.Logf("%d answered, failed %v, %d attempts were not let begin", answered, failed, refused)
	})
}

// TestFairness: a hundred calls to a provider that answers one at a time, slowly,
// do not delay calls to another, and are answered in the order in which they came.
func TestFairness(t *testing.T) {
	const calls = 100
	onBoth(t, func(t *testing.T, on target) {
		slow, slowEndpoint := ownProvider(t)
		_, fastEndpoint := ownProvider(t)
		p := connect(t, on, versions[0], endpoint, fileOf(t, fmt.Sprintf(
			"providers:\n  slow: {form: openai, endpoint: %q, concurrency: 1}\n  fast: {form: openai, endpoint: %q}\n", slowEndpoint, fastEndpoint))...)
		ask := func(model, text string) *mcp.CallToolResult {
			result, err := p.CallTool(timeLimit(t), &mcp.CallToolParams{Name: "chat_completion", Arguments: map[string]any{
				"model": model, "messages": []any{map[string]any{"role": "user", "content": text}},
			}})
			if err != nil || result.IsError {
				t.Errorf("%s: %v, %+v", text, err, result)
			}
			return result
		}
		var all sync.WaitGroup
		var order sync.Mutex
		done := 0
		for i := range calls {
			all.Go(func() {
				ask("slow/imitated?latency=5ms", fmt.Sprint(i))
				order.Lock()
				done++
				order.Unlock()
			})
			if i == 0 {
				eventually(t, deadline, "the first call is there", func() bool { return len(slow.Requests()) > 0 })
			}
		}
		order.Lock()
		before := done
		order.Unlock()
		for i := range 20 {
			ask("fast/imitated", fmt.Sprint("fast ", i))
		}
		order.Lock()
		during := done - before
		order.Unlock()
		all.Wait()
		if during >= calls/2 {
			t.Errorf("while 20 fast calls were answered, %d slow ones were: the fast ones waited for them", during)
		}
		if peak := slow.Peak(); peak != 1 {
			t.Errorf("the slow provider was asked %d at once", peak)
		}
		t.Logf("while 20 calls to the fast provider were answered, %d of %d to the slow one were", during, calls)
	})
}
