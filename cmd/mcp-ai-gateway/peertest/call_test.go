package peertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestCall(t *testing.T) {
	onAll(t, func(t *testing.T, on target, version string) {
		p := connect(t, on, version, endpoint)
		result := p.answerTo(t, question{text: "Is this <thing> on?"})
		if got, want := textOf(t, result, 0), said("Is this <thing> on?"); got != want {
			t.Errorf("the first block is %q, not %q", got, want)
		}
		note, ok := result.Content[len(result.Content)-1].(*mcp.TextContent)
		if !ok || len(result.Content) < 2 || note.Annotations == nil || !slices.Equal(note.Annotations.Audience, []mcp.Role{"user"}) {
			t.Errorf("the last block is no note for the user: %+v", note)
		}
		completion := readMeta(t, result.Meta).Completion
		if completion == nil {
			t.Fatalf("_meta has no completion: %v", result.Meta)
		}
		if completion.Gateway.Target != on.name {
			t.Errorf("the target is %q", completion.Gateway.Target)
		}
		if completion.Model != "imitated" || completion.Gateway.RequestedModel != "imitated" ||
			completion.Usage.PromptTokens != 4 || completion.Usage.CompletionTokens == 0 || len(completion.Gateway.Attempts) != 1 {
			t.Errorf("the completion is %+v", completion)
		}
	})
}

func TestStream(t *testing.T) {
	t.Parallel() // it mostly waits
	onAll(t, func(t *testing.T, on target, version string) {
		p := connect(t, on, version, endpoint)
		q := question{model: "imitated?chunks=20&gap=20ms", text: "Piece by piece: Größe, 東京, 🙂.", stream: true}
		params := &mcp.CallToolParams{Name: "chat_completion", Arguments: q.arguments()}
		params.SetProgressToken("a token")
		result, err := p.CallTool(timeLimit(t), params)
		if err != nil {
			t.Fatal(err)
		}
		answer := textOf(t, result, 0)
		if answer != said(q.text) {
			t.Errorf("the answer is %q", answer)
		}

		received := p.record.received()
		text, last := "", 0.0
		for _, progress := range p.progressOfOne(t) {
			if progress.ProgressToken != "a token" {
				t.Errorf("the token is %v", progress.ProgressToken)
			}
			if progress.Progress <= last {
				t.Errorf("progress goes from %v to %v", last, progress.Progress)
			}
			last = progress.Progress
			text += progress.Message
		}
		if text != answer {
			t.Errorf("the progress is %q, the answer %q", text, answer)
		}

		time.Sleep(silence)
		if late := p.record.received()[len(received):]; len(late) > 0 {
			t.Errorf("after the answer came %+v", late)
		}
	})
}

// TestNoToken: who asks for no progress gets none.
func TestNoToken(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		p := connect(t, on, versions[0], endpoint)
		result := p.answerTo(t, question{model: "imitated?chunks=10", text: "All at once.", stream: true})
		if got := textOf(t, result, 0); got != said("All at once.") {
			t.Errorf("the answer is %q", got)
		}
		if received, responses := p.record.received(), p.record.responses(); len(received) != len(responses) {
			t.Errorf("%d messages, of which %d are responses", len(received), len(responses))
		}
	})
}

func TestErrors(t *testing.T) {
	onAll(t, func(t *testing.T, on target, version string) {
		provider, endpoint := ownProvider(t)
		p := connect(t, on, version, endpoint)

		result, err := p.ask(timeLimit(t), question{model: "imitated?status=404", text: "Anybody there?"})
		if err != nil {
			t.Fatal(err)
		}
		sentence := textOf(t, result, 0)
		if !result.IsError || !strings.Contains(sentence, "answered 404: The model does not exist") ||
			!strings.Contains(sentence, "kind not_found") || !strings.HasSuffix(sentence, ".") {
			t.Errorf("IsError is %t: %s", result.IsError, sentence)
		}
		if fault := readMeta(t, result.Meta).Error; fault == nil || fault.Kind != "not_found" || fault.Status != 404 {
			t.Errorf("the error is %+v", fault)
		}
		if asked := len(provider.Requests()); asked != 1 {
			t.Errorf("the provider was asked %d times for a model that it does not have", asked)
		}

		arguments := question{text: "Is it warm?"}.arguments()
		arguments["temperature"] = "hot"
		result, err = p.CallTool(timeLimit(t), &mcp.CallToolParams{Name: "chat_completion", Arguments: arguments})
		if err != nil {
			t.Fatal(err)
		}
		if sentence := textOf(t, result, 0); !result.IsError || !strings.Contains(sentence, "temperature") || !strings.Contains(sentence, `"hot"`) {
			t.Errorf("IsError is %t: %s", result.IsError, sentence)
		}
		if fault := readMeta(t, result.Meta).Error; fault == nil || fault.Kind != "invalid_request" {
			t.Errorf("the error is %+v", fault)
		}

		result, err = p.CallTool(timeLimit(t), &mcp.CallToolParams{Name: "no_such_tool"})
		var fault *jsonrpc.Error
		if !errors.As(err, &fault) || fault.Code != jsonrpc.CodeInvalidParams || !strings.Contains(fault.Message, "no_such_tool") {
			t.Errorf("an unknown tool gives %+v and %v", result, err)
		}
		if asked := len(provider.Requests()); asked != 1 {
			t.Errorf("the provider was asked for calls that cannot be: %d requests", asked-1)
		}
	})
}

func TestCancel(t *testing.T) {
	t.Parallel() // it mostly waits

	long := strings.Repeat("many words ", 20) // or the stream has fewer pieces
	onAll(t, func(t *testing.T, on target, version string) {
		for _, q := range []question{
			{model: "imitated?latency=30s", text: "Before the answer."},
			{model: "imitated?chunks=100&gap=50ms", text: long, stream: true},
		} {
			provider, endpoint := ownProvider(t)
			p := connect(t, on, version, endpoint)
			handshake := len(p.record.responses())
			ctx, cancel := context.WithCancel(timeLimit(t))
			params := &mcp.CallToolParams{Name: "chat_completion", Arguments: q.arguments()}
			params.SetProgressToken(1)
			over := make(chan error, 1)
			go func() {
				_, err := p.CallTool(ctx, params)
				over <- err
			}()
			eventually(t, deadline, "the provider has the request", func() bool { return len(provider.Requests()) == 1 })
			if q.stream {
				eventually(t, deadline, "the answer has begun", func() bool { return len(p.delivered()) > 1 })
			}
			cancel()
			if err := <-over; !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: the call ended with %v", q.model, err)
			}
			eventually(t, 5*time.Second, q.model+": the provider sees the abort", func() bool { return provider.Requests()[0].Aborted })

			result := p.answerTo(t, question{text: "Still there?"})
			if got := textOf(t, result, 0); got != said("Still there?") {
				t.Errorf("%s: the next answer is %q", q.model, got)
			}
			if got := len(p.record.responses()) - handshake; got != 1 {
				t.Errorf("%s: %d responses to one call that was canceled and one that was not", q.model, got)
			}
			if asked := len(provider.Requests()); asked != 2 {
				t.Errorf("%s: %d requests for two calls", q.model, asked)
			}
		}
	})
}

// TestManyCalls: calls at once are under way at once, and get their own answers.
func TestManyCalls(t *testing.T) {
	const calls = 64
	onBoth(t, func(t *testing.T, on target) {
		provider, endpoint := ownProvider(t)
		p := connect(t, on, versions[0], endpoint)
		p.answerTo(t, question{text: "The first call waits for the module."})
		var running sync.WaitGroup
		for i := range calls {
			running.Go(func() {
				text := fmt.Sprintf("This is question %d.", i)
				result, err := p.ask(timeLimit(t), question{model: "imitated?latency=300ms", text: text})
				if err != nil {
					t.Error(err)
					return
				}
				if block, ok := result.Content[0].(*mcp.TextContent); !ok || result.IsError || block.Text != said(text) {
					t.Errorf("%q is answered with %+v", text, result.Content[0])
				}
			})
		}
		running.Wait()
		if peak := provider.Peak(); peak != calls {
			t.Errorf("%d of %d calls were under way at once", peak, calls)
		}
	})
}
