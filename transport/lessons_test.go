package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

func lessonOf(model string, refusal provider.Refusal) provider.Lesson {
	return provider.Lesson{Endpoint: "https://memory.invalid/v1", Form: "openai-chat", Model: model, Refusal: refusal}
}

func TestLessonsKept(t *testing.T) {
	var kept lessons
	if all := kept.all(); len(all) != 0 {
		t.Errorf("a host knows %v from the beginning", all)
	}
	other := lessonOf("a", provider.Refusal{Parameter: "stop"})
	old := lessonOf("a", provider.Refusal{Parameter: "max_tokens", Instead: "max_tokens"})
	kept.add([]provider.Lesson{old, other})
	before := kept.all()
	newer := lessonOf("a", provider.Refusal{Parameter: "max_tokens", Instead: "max_completion_tokens"})
	kept.add([]provider.Lesson{newer, newer})
	if all := kept.all(); !slices.Equal(all, []provider.Lesson{other, newer}) {
		t.Errorf("kept are %v, want the newer lesson behind the other", all)
	}
	if !slices.Equal(before, []provider.Lesson{old, other}) {
		t.Errorf("what a call holds changed to %v", before)
	}
}

func TestLessonsBounded(t *testing.T) {
	var kept lessons
	kept.add([]provider.Lesson{lessonOf(strings.Repeat("m", longestLesson), provider.Refusal{Parameter: "stop"})})
	if all := kept.all(); len(all) != 0 {
		t.Errorf("%d lessons longer than %d bytes are kept", len(all), longestLesson)
	}
	for i := range mostLessons + 10 {
		kept.add([]provider.Lesson{lessonOf(strconv.Itoa(i), provider.Refusal{Parameter: "stop"})})
	}
	all := kept.all()
	if len(all) != mostLessons || all[0].Model != "10" || all[mostLessons-1].Model != strconv.Itoa(mostLessons+9) {
		t.Errorf("%d lessons are kept, of the models %s to %s", len(all), all[0].Model, all[len(all)-1].Model)
	}
}

// fussy is a provider in memory that refuses a temperature.
type fussy struct {
	mu      sync.Mutex
	refused int
	asked   int
}

func (f *fussy) Fetch(_ context.Context, _ *core.Fetch, sent Body, tell func(core.Event)) {
	var request struct{ Temperature *float64 }
	if err := json.Unmarshal(bytes.Join(sent, nil), &request); err != nil {
		tell(&core.Fail{Kind: provider.InvalidRequest, Reason: "not JSON"})
		return
	}
	f.mu.Lock()
	f.asked++
	if request.Temperature != nil {
		f.refused++
	}
	f.mu.Unlock()
	status, body := 200, `{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}`
	if request.Temperature != nil {
		status = 400
		body = `{"error":{"message":"Unsupported value: 'temperature'.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}`
	}
	tell(&core.Head{Status: status, Header: []provider.Field{{Name: "content-type", Value: "application/json"}}})
	tell(&core.Chunk{Body: []byte(body)})
	tell(&core.End{})
}

// TestLessonsShared: what one call learned spares the next an exchange, on
// whichever machine; another model has to be asked itself.
func TestLessonsShared(t *testing.T) {
	server := &fussy{}
	host := NewHost(HostConfig{Open: configured, Fetcher: server, Machines: 2, Calls: 1})
	defer host.Close()
	call := func(model string) string {
		t.Helper()
		result := host.Call(t.Context(), "chat_completion", []byte(`{"model":"`+model+`","temperature":0.5,"messages":[{"role":"user","content":"Hello"}]}`), nil)
		if result.Kind != "" {
			t.Fatalf("%s: %s", model, result.Body)
		}
		return string(result.Body)
	}
	for _, step := range []struct {
		model  string
		asked  int
		reason string
	}{
		{"a", 2, "a refused it (400)"},
		{"a", 3, "a refused it before"},
		{"b", 5, "b refused it (400)"},
		{"a", 6, "a refused it before"},
	} {
		body := call(step.model)
		if server.asked != step.asked || !strings.Contains(body, step.reason) {
			t.Errorf("%s: the server was asked %d times in all, want %d, and the result should say %q: %s", step.model, server.asked, step.asked, step.reason, body)
		}
	}
	if server.refused != 2 {
		t.Errorf("the server refused %d times, want once for each of two models", server.refused)
	}
}

// TestLessonsAtOnce is for the race detector: calls learn and are told at once.
func TestLessonsAtOnce(t *testing.T) {
	server := &fussy{}
	host := NewHost(HostConfig{Open: configured, Fetcher: server, Machines: 4, Calls: 4})
	defer host.Close()
	const models, rounds = 8, 20
	var group sync.WaitGroup
	for model := range models {
		for range 2 {
			group.Go(func() {
				for range rounds {
					arguments := fmt.Sprintf(`{"model":"m%d","temperature":0.5,"messages":[{"role":"user","content":"Hello"}]}`, model)
					if result := host.Call(t.Context(), "chat_completion", []byte(arguments), nil); result.Kind != "" {
						t.Errorf("%s", result.Body)
					}
				}
			})
		}
	}
	group.Wait()
	if len(host.lessons.all()) != models {
		t.Errorf("%d lessons were kept of %d models", len(host.lessons.all()), models)
	}
	if server.refused < models || server.refused > 2*models {
		t.Errorf("the server refused %d times, want once or twice for each of %d models", server.refused, models)
	}
}
