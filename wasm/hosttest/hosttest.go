// Package hosttest holds hosts of the module to what every host must do. A host
// in Go gives its [Host.Call]; one that is a program that speaks MCP on stdin and
// stdout, in whatever language, is started by [Command].
package hosttest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/imitation"
)

// Host is a host under test.
type Host struct {
	Name, Version string // for the table
	// Call runs the tool chat_completion and returns MCP's CallToolResult. Where
	// text is not nil it is given the pieces of the answer as they come, in
	// order. When ctx ends, the call is canceled and Call returns; what it
	// returns then is not looked at.
	Call func(ctx context.Context, arguments []byte, text func(string)) (result []byte, err error)
}

const row = "%-12s %-15s %8s  %-6s %-6s %-6s %-6s %-6s %-6s\n"

// Run starts a host and holds it to the checks. The provider at endpoint is of
// form openai-chat; it is the host's only one and wants the key as "Bearer ".
// With -v, Run prints a row of the table.
func Run(t *testing.T, start func(t *testing.T, endpoint, key string) Host) {
	p := &provider{Provider: imitation.New(), key: "sesame-" + fmt.Sprint(time.Now().UnixNano())}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { p.followed.Store(true) }))
	t.Cleanup(thief.Close)
	p.elsewhere = thief.URL

	began := time.Now()
	h := &host{provider: p}
	h.Host = start(t, server.URL+"/v1", p.key)
	h.must(t, `{"model":"imitated","messages":[{"role":"user","content":"Are you there?"}]}`, nil)
	cells := []any{h.Name, h.Version, fmt.Sprintf("%d ms", time.Since(began).Milliseconds())}
	for _, check := range []struct {
		name string
		run  func(*testing.T)
	}{{"call", h.call}, {"stream", h.stream}, {"cancel", h.cancel}, {"idle", h.idle}, {"errors", h.errors}, {"key", h.secret}} {
		cell := "FAILED"
		if t.Run(check.name, check.run) {
			cell = "ok"
		}
		cells = append(cells, cell)
	}
	if testing.Verbose() {
		fmt.Printf(row, cells...)
	}
}

// provider is the imitated one, and keeps count.
type provider struct {
	*imitation.Provider
	key       string
	elsewhere string       // where the model "elsewhere" is redirected to
	followed  atomic.Bool  // somebody went there
	strangers atomic.Int64 // requests without the key
	open      atomic.Int64 // requests being served
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.open.Add(1)
	defer p.open.Add(-1)
	if r.Header.Get("Authorization") != "Bearer "+p.key {
		p.strangers.Add(1)
	}
	body, _ := io.ReadAll(r.Body) // what is missing is missed by the imitation
	r.Body = io.NopCloser(bytes.NewReader(body))
	if bytes.Contains(body, []byte(`"elsewhere"`)) {
		http.Redirect(w, r, p.elsewhere, http.StatusFound) // not 307, which Node cannot follow with a body
		return
	}
	p.Provider.ServeHTTP(w, r)
	if bytes.Contains(body, []byte(`"lingering"`)) { // the answer is whole, its body has not ended
		_ = http.NewResponseController(w).Flush() // or the client is gone, which ends the context
		<-r.Context().Done()
	}
}

type host struct {
	Host
	provider *provider
}

// patience is for hosts on busy machines; none of it is waited for.
const patience = 30 * time.Second

// result is what the checks look at in a CallToolResult.
type result struct {
	Content []struct{ Text string }
	IsError bool
	Meta    struct {
		Error struct {
			Kind     string
			Attempts []any
		} `json:"mcp-ai-gateway/error"`
		Completion struct {
			Gateway struct{ Attempts []any }
		} `json:"mcp-ai-gateway/completion"`
	} `json:"_meta"`
}

// ask runs a call. It may be used from any goroutine.
func (h *host) ask(arguments string, text func(string)) (result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	body, err := h.Call(ctx, []byte(arguments), text)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return result{}, err
	}
	var r result
	if err := json.Unmarshal(body, &r); err != nil || len(r.Content) == 0 {
		return result{}, fmt.Errorf("%w, or without content: %.500s", err, body)
	}
	return r, nil
}

// must returns the text of an answer.
func (h *host) must(t *testing.T, arguments string, text func(string)) string {
	t.Helper()
	r, err := h.ask(arguments, text)
	if err != nil || r.IsError {
		t.Fatalf("%.200s: %v, %+v", arguments, err, r)
	}
	return r.Content[0].Text
}

// question is arguments of a call.
func question(model, content string, stream bool) string {
	text, _ := json.Marshal(map[string]any{ // of strings and a bool: no error
		"model": model, "stream": stream, "messages": []map[string]string{{"role": "user", "content": content}},
	})
	return string(text)
}

// call: an answer comes as it was sent, whatever its letters and its size, and
// so does the question.
func (h *host) call(t *testing.T) {
	want := `You said: "Grüße, 世界 😀". I am an imitated model.`
	if got := h.must(t, question("imitated", "Grüße, 世界 😀", false), nil); got != want {
		t.Errorf("the answer is %q, want %q", got, want)
	}
	if got := h.must(t, question("imitated?size=300000", "more than a chunk", false), nil); len(got) != 300_000 {
		t.Errorf("of an answer of 300000 bytes came %d", len(got))
	}
	long := strings.Repeat("a long question, ", 20_000)
	h.must(t, question("imitated", long, false), nil)
	requests := h.provider.Requests()
	if last := requests[len(requests)-1]; last.BodySize < len(long) {
		t.Errorf("of a question of %d bytes came %d", len(long), last.BodySize)
	}
}

// stream: the pieces, in order, are the answer, and come before it does.
func (h *host) stream(t *testing.T) {
	for _, model := range []string{"imitated?chunks=1000", "imitated?size=100000&chunks=500", "imitated?crlf=1&comments=1&gap=2ms"} {
		var pieces []string
		answer := h.must(t, question(model, "Grüße, \ufeff世界 😀", true), func(piece string) { pieces = append(pieces, piece) })
		if got := strings.Join(pieces, ""); got != answer {
			t.Errorf("%s: the %d pieces are %.200q, the answer %.200q", model, len(pieces), got, answer)
		}
	}
	// Here the second half never comes, and the first must not wait for it.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var got string
	_, _ = h.Call(ctx, []byte(question("imitated?fault=stall&chunks=20", "Good day", true)), func(piece string) {
		if got += piece; strings.Contains(got, "You said") {
			cancel()
		}
	})
	if ctx.Err() != context.Canceled {
		t.Errorf("before a reply has ended there is only %q of it", got)
	}
}

// cancel: the provider sees that nobody waits any more, before its head and
// in the middle of its answer.
func (h *host) cancel(t *testing.T) {
	for _, model := range []string{"imitated?fault=hang", "imitated?fault=stall"} {
		before := len(h.provider.Requests())
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = h.Call(ctx, []byte(question(model, "Wait", true)), func(string) {})
		}()
		eventually(t, model+": its request comes", func() bool { return len(h.provider.Requests()) == before+1 })
		cancel()
		eventually(t, model+": its request is aborted", func() bool { return h.provider.Requests()[before].Aborted })
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatalf("%s: a canceled call does not return", model)
		}
	}
}

// idle: no call waits for another, each gets its own answer, and in the end
// nothing is left, not even of a reply that does not end.
func (h *host) idle(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	before := len(h.provider.Requests())
	go func() { _, _ = h.Call(ctx, []byte(question("imitated?fault=hang", "Wait", false)), nil) }()
	eventually(t, "a call hangs", func() bool { return len(h.provider.Requests()) == before+1 })
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			content := strings.Repeat(fmt.Sprint(i), 50)
			var pieces strings.Builder
			r, err := h.ask(question("imitated?chunks=30&gap=3ms", content, true), func(piece string) { pieces.WriteString(piece) })
			if err != nil || !strings.Contains(r.Content[0].Text, content) || pieces.String() != r.Content[0].Text {
				t.Errorf("call %d: %v, %q, %+v", i, err, &pieces, r)
			}
		})
	}
	group.Wait()
	h.must(t, question("lingering", "Are you still there?", true), nil)
	cancel()
	eventually(t, "no exchange is open", func() bool { return h.provider.open.Load() == 0 })
	h.must(t, question("imitated", "And now?", false), nil)
}

// errors: whatever goes wrong comes as a result with the kind that the module
// gave it, and what may pass is tried again after a while.
func (h *host) errors(t *testing.T) {
	for _, test := range []struct {
		arguments, kind string
		attempts        int
	}{
		{`{}`, "invalid_request", 0},
		{question("imitated?status=401", "Hello", false), "authentication", 1},
		{question("imitated?status=404", "Hello", true), "not_found", 1},
		{question("imitated?status=429&retry_after=0&times=1&id=once", "Hello", false), "", 2},
		{question("imitated?fault=html&times=1&id=page", "Hello", false), "", 2},
		{question("imitated?fault=reset", "Hello", false), "network", 3},
		{question("imitated?fault=cut&gap=20ms", "Hello", true), "network", 1},
		{question("imitated?fault=garbage", "Hello", false), "bad_reply", 1},
	} {
		r, err := h.ask(test.arguments, func(string) {})
		attempts := max(len(r.Meta.Error.Attempts), len(r.Meta.Completion.Gateway.Attempts))
		if err != nil || r.Meta.Error.Kind != test.kind || r.IsError != (test.kind != "") || attempts != test.attempts {
			t.Errorf("%s: %v, %+v\nwant kind %q after %d attempts", test.arguments, err, r, test.kind, test.attempts)
		}
	}
}

// secret: the key goes with every request, and not where a provider sends us.
func (h *host) secret(t *testing.T) {
	if r, err := h.ask(question("elsewhere", "Follow me", false), nil); err != nil || !r.IsError || h.provider.followed.Load() {
		t.Errorf("a redirect to another host was followed, or not told: %v, %+v", err, r)
	}
	if n := h.provider.strangers.Load(); n > 0 {
		t.Errorf("%d requests came without the key", n)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never comes to this: %s", what)
		}
	}
}
