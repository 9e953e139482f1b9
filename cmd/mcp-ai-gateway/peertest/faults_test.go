package peertest

import (
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// mishap is something that goes wrong upstream, and what a client is told.
type mishap struct {
	fault    string // the imitation's, or an endpoint's
	kind     string // empty: the call succeeds in the end
	status   int    // that the provider sent; 0: none
	attempts int    // of a call; 0: depends on where the test runs
	partial  bool   // of a stream half of the answer comes
	at       place
}

// place is where a question goes. Each has a process of its own.
type place int

const (
	anywhere  place = iota
	impatient       // with a REQUEST_TIMEOUT
	refused         // no one listens there
	unknown         // there is no such host
	insecure        // the key would be readable on the way
	places
)

var mishaps = []mishap{
	{fault: "status=400", kind: "invalid_request", status: 400, attempts: 1},
	{fault: "status=401", kind: "authentication", status: 401, attempts: 1},
	{fault: "status=402", kind: "quota", status: 402, attempts: 1},
	{fault: "status=403", kind: "permission", status: 403, attempts: 1},
	{fault: "status=404", kind: "not_found", status: 404, attempts: 1},
	{fault: "status=408", kind: "timeout", status: 408, attempts: 3},
	{fault: "status=409", kind: "overloaded", status: 409, attempts: 3},
	{fault: "status=413", kind: "too_large", status: 413, attempts: 1},
	{fault: "status=418", kind: "invalid_request", status: 418, attempts: 1},
	{fault: "status=422", kind: "invalid_request", status: 422, attempts: 1},
	{fault: "status=429", kind: "rate_limit", status: 429, attempts: 3},
	{fault: "status=429&retry_after=3600", kind: "rate_limit", status: 429, attempts: 1},
	{fault: "status=429&retry_after=1&times=1", attempts: 2},
	{fault: "status=429&times=2", attempts: 3},
	{fault: "status=500", kind: "overloaded", status: 500, attempts: 3},
	{fault: "status=500&times=1", attempts: 2},
	{fault: "status=502", kind: "overloaded", status: 502, attempts: 3},
	{fault: "status=503", kind: "overloaded", status: 503, attempts: 3},
	{fault: "status=504", kind: "timeout", status: 504, attempts: 3},
	{fault: "status=503&times=2", attempts: 3},
	{fault: "status=529", kind: "overloaded", status: 529, attempts: 3},
	{fault: "status=529&times=2", attempts: 3},
	{fault: "fault=cut", kind: "network", status: 200, attempts: 3, partial: true},
	{fault: "fault=end", kind: "bad_reply", status: 200, partial: true},
	{fault: "fault=error", kind: "overloaded", status: 200, attempts: 3, partial: true},
	{fault: "fault=html", kind: "overloaded", status: 502, attempts: 3},
	{fault: "fault=html&times=1", attempts: 2},
	{fault: "fault=empty", kind: "bad_reply", status: 200, attempts: 3},
	{fault: "fault=garbage", kind: "bad_reply", status: 200},
	{fault: "fault=reset", kind: "network", attempts: 3},
	{fault: "fault=reset&times=1", attempts: 2},
	{fault: "fault=hang", kind: "timeout", attempts: 1, at: impatient},
	{fault: "fault=stall", kind: "timeout", status: 200, attempts: 1, partial: true, at: impatient},
	{fault: "connection refused", kind: "network", attempts: 3, at: refused},
	{fault: "unknown host", kind: "network", at: unknown},
	{fault: "key over plain http", kind: "invalid_request", at: insecure},
}

// told is what the tests of faults read of a result's _meta.
type told struct {
	Completion *toldCompletion `json:"mcp-ai-gateway/completion"`
	Error      *struct {
		Kind     string            `json:"kind"`
		Status   int               `json:"status"`
		Attempts []json.RawMessage `json:"attempts"`
	} `json:"mcp-ai-gateway/error"`
}

type toldCompletion struct {
	Choices []struct {
		Message struct {
			Content *string `json:"content"`
		} `json:"message"`
		NativeFinishReason string `json:"native_finish_reason"`
	} `json:"choices"`
	Gateway struct {
		Partial  bool              `json:"partial"`
		Attempts []json.RawMessage `json:"attempts"`
	} `json:"gateway"`
}

// empty reports whether nothing had come. In the form of Responses a failure may
// be an answer that has failed, with an id and usage but no text.
func (c *toldCompletion) empty() bool {
	return c == nil || len(c.Choices) == 1 && c.Choices[0].NativeFinishReason == "failed" && c.Choices[0].Message.Content == nil
}

// aStatus finds what looks like the status of a failure.
var aStatus = regexp.MustCompile(`\b[45][0-9][0-9]\b`)

// TestFaultTable: whatever goes wrong upstream, and in whatever form it is said,
// the client gets one sentence that says so, the kind of it, and no status but
// the provider's own.
func TestFaultTable(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		for _, form := range forms {
			t.Run(form.format, func(t *testing.T) {
				t.Parallel() // it mostly waits
				_, endpoint := ownProvider(t)
				format := "API_FORMAT=" + form.format
				var peers [places]*peer
				peers[anywhere] = connect(t, on, versions[0], endpoint, format)
				peers[impatient] = connect(t, on, versions[0], endpoint, format, "REQUEST_TIMEOUT=2")
				peers[refused] = connect(t, on, versions[0], closedEndpoint(t), format)
				peers[unknown] = connect(t, on, versions[0], "https://provider.invalid/v1", format)
				peers[insecure] = connect(t, on, versions[0], "http://provider.invalid/v1", format)

				rows := make([]string, 2*len(mishaps))
				var asking sync.WaitGroup
				for i := range rows {
					asking.Go(func() {
						m := mishaps[i/2]
						rows[i] = m.happen(t, form, peers[m.at], i%2 == 1)
					})
				}
				asking.Wait()
				t.Logf("fault, mode, kind, attempts, first block\n%s", strings.Join(rows, "\n"))
			})
		}
	})
}

// closedEndpoint is an endpoint on a port that was just free.
func closedEndpoint(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return "http://" + listener.Addr().String() + "/v1"
}

// happen has it happen to a call and returns a row of the table. It is called
// in goroutines: it may complain, but not end the test.
func (m mishap) happen(t *testing.T, form spoken, p *peer, stream bool) string {
	mode := "plain"
	if stream {
		mode = "stream"
	}
	name := m.fault + " " + mode
	q := question{model: "imitated", text: "What goes wrong today?", stream: stream}
	if m.at <= impatient {
		// A model of its own for each mode: both get a fault as often, and what one
		// brings upon the model is not the other's.
		q.model += "?chunks=10&" + m.fault + "&id=" + fmt.Sprintf("%x", name)
	}
	params := &mcp.CallToolParams{Name: "chat_completion", Arguments: q.arguments()}
	params.SetProgressToken(name) // or nothing leaves the gateway, and a broken stream may be tried again
	result, err := p.CallTool(timeLimit(t), params)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return name
	}
	var texts []string
	for _, content := range result.Content {
		text, ok := content.(*mcp.TextContent)
		if !ok {
			t.Errorf("%s: a block is a %T", name, content)
			return name
		}
		texts = append(texts, text.Text)
	}
	var meta told
	if raw, err := json.Marshal(result.Meta); err != nil || json.Unmarshal(raw, &meta) != nil || len(texts) == 0 {
		t.Errorf("%s: this is no result: %+v", name, result)
		return name
	}
	row := func(kind string, attempts int) string {
		return fmt.Sprintf("%-34s %-6s %-15s %d  %.100s", m.fault, mode, kind, attempts, texts[0])
	}

	if m.kind == "" {
		if result.IsError || texts[0] != said(q.text) || meta.Completion == nil || len(meta.Completion.Gateway.Attempts) != m.attempts || meta.Completion.Gateway.Partial {
			t.Errorf("%s: not answered in %d attempts: %q, %+v", name, m.attempts, texts, meta.Completion)
			return row("?", 0)
		}
		return row("-", m.attempts)
	}

	sentence := texts[0]
	if !result.IsError || meta.Error == nil {
		t.Errorf("%s: this is no error: %q", name, texts)
		return row("?", 0)
	}
	if meta.Error.Kind != m.kind || !strings.Contains(sentence, "kind "+m.kind) {
		t.Errorf("%s: the kind is %s, not %s: %s", name, meta.Error.Kind, m.kind, sentence)
	}
	if !strings.HasSuffix(sentence, ".") || strings.ContainsAny(sentence, "\r\n\t") || len(sentence) > 1000 {
		t.Errorf("%s: this is no sentence: %q", name, sentence)
	}
	// A status below 400 is no failure's and need not be told.
	if got := meta.Error.Status; got != m.status && (got != 0 || m.status >= 400) {
		t.Errorf("%s: the status is %d, and the provider sent %d", name, got, m.status)
	}
	for _, status := range aStatus.FindAllString(sentence, -1) {
		inBody := form.format == "gemini" && m.fault == "fault=error" && status == "500" // Gemini's errors repeat their status
		if status != fmt.Sprint(m.status) && !inBody {
			t.Errorf("%s: nobody sent %s: %s", name, status, sentence)
		}
	}
	if m.status >= 400 && !strings.Contains(sentence, fmt.Sprintf("answered %d", m.status)) {
		t.Errorf("%s: the sentence does not tell the status %d: %s", name, m.status, sentence)
	}
	attempts := m.attempts
	if m.partial && stream {
		attempts = 1 // the client has seen its beginning
	}
	if got := len(meta.Error.Attempts); attempts > 0 && got != attempts {
		t.Errorf("%s: %d attempts, not %d", name, got, attempts)
	}
	if m.partial && stream {
		whole := said(q.text)
		half := whole[:len(whole)/2]
		if len(texts) != 2 || texts[1] != half || !strings.HasSuffix(sentence, "follows.") {
			t.Errorf("%s: half of the answer is %q, not %q", name, texts, half)
		}
		if meta.Completion == nil || !meta.Completion.Gateway.Partial {
			t.Errorf("%s: the half is not marked as such: %+v", name, meta.Completion)
		}
	} else if len(texts) != 1 || !meta.Completion.empty() {
		t.Errorf("%s: nothing had come, but there is %q, %+v", name, texts[1:], meta.Completion)
	}
	return row(meta.Error.Kind, len(meta.Error.Attempts))
}

// TestFaultTableCancel: a canceled call leaves no connection to a provider,
// which would go on being paid, be it before the answer or in its middle.
func TestFaultTableCancel(t *testing.T) {
	const calls = 40 // every other one a stream
	onBoth(t, func(t *testing.T, on target) {
		t.Parallel() // it mostly waits
		provider, endpoint := ownProvider(t)
		p := open(t, on, endpoint, cache)
		p.send(initialize)
		p.result("0")
		var lines, cancels []string
		for i := 1; i <= calls; i++ {
			id := fmt.Sprint(i)
			q := question{model: "imitated?latency=30s", text: "Hello"}
			if i%2 == 0 {
				// 20 s of pieces, of which the answer must have enough
				q = question{model: "imitated?chunks=100&gap=200ms", text: strings.Repeat("many words ", 20), stream: true}
			}
			lines = append(lines, callLine(id, q, `{"progressToken":`+id+`}`))
			cancels = append(cancels, cancelLine(id))
		}
		p.send(lines...)
		begun := map[string]bool{}
		for len(begun) < calls/2 {
			m := p.next()
			if m.Method != "notifications/progress" {
				t.Fatalf("this is no progress: %s", m)
			}
			begun[string(m.Params.ProgressToken)] = true
		}
		eventually(t, deadline, "the provider has all requests", func() bool { return len(provider.Requests()) == calls })

		canceled := time.Now()
		p.send(append(cancels, request(`"ping"`, "ping"))...)
		eventually(t, 10*time.Second, "the provider sees every abort", func() bool {
			for _, request := range provider.Requests() {
				if !request.Aborted {
					return false
				}
			}
			return true
		})
		t.Logf("%d calls were aborted upstream within %s", calls, time.Since(canceled).Round(time.Millisecond))
		ponged := false
		for _, m := range p.end() {
			if string(m.ID) == `"ping"` {
				ponged = true
			} else if m.Method == "" {
				t.Errorf("a canceled call is answered: %s", m)
			}
		}
		if !ponged {
			t.Error("the ping is not answered")
		}
	})
}
