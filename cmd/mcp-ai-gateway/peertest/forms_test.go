package peertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/imitation"
)

// spoken is a wire form between the program and its provider.
type spoken struct {
	format string // API_FORMAT
	path   string // part of that of each request
	model  string // of the imitation, of which the gateway knows that it keeps to schemas
}

var forms = []spoken{
	{"openai", "/chat/completions", "imitated"},
	{"openai-responses", "/responses", "imitated"},
	{"anthropic", "/messages", "claude-opus-5"},
	{"gemini", "enerateContent", "imitated"},
}

// onForms runs a test on both targets with each wire form, with an imitated
// provider and a process of its own.
func onForms(t *testing.T, test func(t *testing.T, p *peer, form spoken, provider *imitation.Provider)) {
	onBoth(t, func(t *testing.T, on target) {
		for _, form := range forms {
			t.Run(form.format, func(t *testing.T) {
				t.Parallel() // some mostly wait
				provider, endpoint := ownProvider(t)
				p := connect(t, on, versions[0], endpoint, "API_FORMAT="+form.format, "OUTPUT=structured")
				test(t, p, form, provider)
				for _, request := range provider.Requests() {
					if !strings.Contains(request.Path, form.path) {
						t.Errorf("a request went to %s", request.Path)
					}
				}
			})
		}
	})
}

// structured is what the tests of forms read of a result with OUTPUT=structured.
type structured struct {
	Model   string `json:"model"`
	Choices []struct {
		Message      json.RawMessage `json:"message"`
		FinishReason string          `json:"finish_reason"`
	} `json:"choices"`
	Usage struct {
		PromptTokens     int `json:"prompt_tokens"`
		CompletionTokens int `json:"completion_tokens"`
	} `json:"usage"`
	Gateway struct {
		Validated *bool             `json:"validated"`
		Attempts  []json.RawMessage `json:"attempts"`
		Partial   bool              `json:"partial"`
	} `json:"gateway"`
}

// spokenMessage is what they read of an answer's message.
type spokenMessage struct {
	Content          *string `json:"content"`
	ReasoningContent string  `json:"reasoning_content"`
	ToolCalls        []struct {
		ID       string `json:"id"`
		Function struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

// completion calls chat_completion and reads the result, which is no error.
func (p *peer) completion(t *testing.T, arguments map[string]any) (structured, spokenMessage) {
	t.Helper()
	result, err := p.CallTool(timeLimit(t), &mcp.CallToolParams{Name: "chat_completion", Arguments: arguments})
	if err != nil {
		t.Fatal(err)
	}
	if result.IsError {
		t.Fatalf("an error: %s", textOf(t, result, 0))
	}
	raw, err := json.Marshal(result.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	var read structured
	var message spokenMessage
	if err := json.Unmarshal(raw, &read); err != nil || len(read.Choices) != 1 {
		t.Fatalf("%v: %s", err, raw)
	}
	if err := json.Unmarshal(read.Choices[0].Message, &message); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return read, message
}

func userSays(content any) map[string]any { return map[string]any{"role": "user", "content": content} }

func TestFormsPlain(t *testing.T) {
	onForms(t, func(t *testing.T, p *peer, form spoken, _ *imitation.Provider) {
		read, message := p.completion(t, map[string]any{
			"model": "imitated?reasoning=Let+me+see", "messages": []any{map[string]any{"role": "system", "content": "Be brief."}, userSays("Is this <thing> on?")},
		})
		if message.Content == nil || *message.Content != said("Is this <thing> on?") || message.ReasoningContent != "Let me see" || read.Choices[0].FinishReason != "stop" {
			t.Errorf("the answer is %s", read.Choices[0].Message)
		}
		if read.Model != "imitated?reasoning=Let+me+see" || read.Usage.PromptTokens != 6 || read.Usage.CompletionTokens != 11 || len(read.Gateway.Attempts) != 1 {
			t.Errorf("the completion is %+v", read)
		}
	})
}

func TestFormsStream(t *testing.T) {
	onForms(t, func(t *testing.T, p *peer, form spoken, _ *imitation.Provider) {
		q := question{model: "imitated?chunks=20&gap=20ms&reasoning=Hm", text: "Piece by piece: Größe, 東京, 🙂.", stream: true}
		params := &mcp.CallToolParams{Name: "chat_completion", Arguments: q.arguments()}
		params.SetProgressToken("a token")
		result, err := p.CallTool(timeLimit(t), params)
		if err != nil {
			t.Fatal(err)
		}
		if answer := textOf(t, result, 0); result.IsError || answer != said(q.text) {
			t.Errorf("the answer is %q", answer)
		}
		text := ""
		for _, progress := range p.progressOfOne(t) {
			text += progress.Message
		}
		if text != said(q.text) {
			t.Errorf("the progress is %q", text)
		}
	})
}

func TestFormsImage(t *testing.T) {
	image := map[string]any{"type": "image_url", "image_url": map[string]any{"url": "data:image/png;base64,iVBORw0KGgo="}}
	onForms(t, func(t *testing.T, p *peer, form spoken, provider *imitation.Provider) {
		_, message := p.completion(t, map[string]any{
			"model": "imitated", "messages": []any{userSays([]any{map[string]any{"type": "text", "text": "Compare."}, image, image})},
		})
		if want := `You said: "Compare.". I see 2 images. I am an imitated model.`; message.Content == nil || *message.Content != want {
			t.Errorf("the answer is %+v", message)
		}
		if got := strings.Count(string(provider.Requests()[0].Body), "iVBORw0KGgo="); got != 2 {
			t.Errorf("%d of 2 images arrived: %s", got, provider.Requests()[0].Body)
		}
	})
}

// TestFormsToolLoop calls a tool, hands the message back as it came with the
// tool's result behind it, and has the final answer.
func TestFormsToolLoop(t *testing.T) {
	onForms(t, func(t *testing.T, p *peer, form spoken, provider *imitation.Provider) {
		for _, stream := range []bool{false, true} {
			arguments := map[string]any{
				"model": "imitated?tool=get_weather&reasoning=Hm", "messages": []any{userSays("How warm is Oslo?")}, "stream": stream,
				"tools": []any{map[string]any{"type": "function", "function": map[string]any{
					"name": "get_weather", "parameters": map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}},
				}}},
			}
			read, message := p.completion(t, arguments)
			if read.Choices[0].FinishReason != "tool_calls" || len(message.ToolCalls) != 1 || message.Content != nil && *message.Content != "" {
				t.Fatalf("the answer is %s, %s", read.Choices[0].FinishReason, read.Choices[0].Message)
			}
			call := message.ToolCalls[0]
			if call.ID == "" || call.Function.Name != "get_weather" || call.Function.Arguments != `{"city":"Oslo"}` {
				t.Errorf("the call is %+v", call)
			}
			arguments["messages"] = append(arguments["messages"].([]any), read.Choices[0].Message,
				map[string]any{"role": "tool", "tool_call_id": call.ID, "content": "4 degrees"})
			read, message = p.completion(t, arguments)
			if want := `The tool said: "4 degrees". I am an imitated model.`; message.Content == nil || *message.Content != want || read.Choices[0].FinishReason != "stop" {
				t.Errorf("the final answer is %s", read.Choices[0].Message)
			}
			requests := provider.Requests()
			back := string(requests[len(requests)-1].Body)
			for format, want := range map[string]string{
				"openai-responses": "encrypted_imitated_", "anthropic": "signature_imitated_", "gemini": "aW1pdGF0ZWQ=",
			} {
				if format == form.format && !strings.Contains(back, want) {
					t.Errorf("what the provider wants back, %s, did not go: %s", want, back)
				}
			}
		}
	})
}

func TestFormsSchema(t *testing.T) {
	schema := json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"array","items":{"type":"object","properties":{"warm":{"type":"boolean"},"degrees":{"type":"number"}},"required":["degrees","warm"],"additionalProperties":false}}},"required":["city","days"],"additionalProperties":false}`)
	onForms(t, func(t *testing.T, p *peer, form spoken, _ *imitation.Provider) {
		for query, want := range map[string]struct {
			content string
			valid   bool
		}{
			"":                 {`{"city":"imitated","days":[{"degrees":1,"warm":true}]}`, true},
			`?text={"city":1}`: {`{"city":1}`, false},
		} {
			read, message := p.completion(t, map[string]any{
				"model": form.model + query, "messages": []any{userSays("Plan a week.")},
				"response_format": map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": "plan", "schema": schema}},
			})
			if message.Content == nil || *message.Content != want.content {
				t.Errorf("the answer is %s", read.Choices[0].Message)
			}
			if read.Gateway.Validated == nil || *read.Gateway.Validated != want.valid {
				t.Errorf("%s: gateway is %+v", want.content, read.Gateway)
			}
		}
	})
}

// TestFormsRetry: who is told to wait waits as long as the form's own sign says,
// and gets the answer.
func TestFormsRetry(t *testing.T) {
	onForms(t, func(t *testing.T, p *peer, form spoken, provider *imitation.Provider) {
		began := time.Now()
		read, message := p.completion(t, map[string]any{
			"model": "imitated?status=429&retry_after=2&times=1", "messages": []any{userSays("Hello")},
		})
		if message.Content == nil || *message.Content != said("Hello") || len(read.Gateway.Attempts) != 2 || len(provider.Requests()) != 2 {
			t.Errorf("the answer is %s after %d attempts, %d requests", read.Choices[0].Message, len(read.Gateway.Attempts), len(provider.Requests()))
		}
		if waited := time.Since(began); waited < 2*time.Second {
			t.Errorf("it was asked again after %s, though it wanted 2 s", waited)
		}
	})
}

func TestFormsErrorInStream(t *testing.T) {
	onForms(t, func(t *testing.T, p *peer, form spoken, provider *imitation.Provider) {
		q := question{model: "imitated?chunks=4&fault=error&text=abcdefgh", text: "Go on.", stream: true}
		params := &mcp.CallToolParams{Name: "chat_completion", Arguments: q.arguments()}
		params.SetProgressToken(1)
		result, err := p.CallTool(timeLimit(t), params)
		if err != nil {
			t.Fatal(err)
		}
		sentence := textOf(t, result, 0)
		if fault := readMeta(t, result.Meta).Error; !result.IsError || fault == nil || fault.Kind != "overloaded" || !strings.HasSuffix(sentence, "follows.") {
			t.Errorf("the error is %+v: %s", fault, sentence)
		}
		if half := textOf(t, result, 1); half != "abcd" {
			t.Errorf("what had come is %q", half)
		}
		if asked := len(provider.Requests()); asked != 1 {
			t.Errorf("it was asked %d times though the client has seen its beginning", asked)
		}
	})
}

func TestFormsCancel(t *testing.T) {
	onForms(t, func(t *testing.T, p *peer, form spoken, provider *imitation.Provider) {
		for i, q := range []question{
			{model: "imitated?latency=30s", text: "Before the answer."},
			{model: "imitated?chunks=100&gap=50ms", text: strings.Repeat("many words ", 20), stream: true},
		} {
			ctx, cancel := context.WithCancel(timeLimit(t))
			params := &mcp.CallToolParams{Name: "chat_completion", Arguments: q.arguments()}
			params.SetProgressToken(fmt.Sprint(i))
			over := make(chan error, 1)
			go func() {
				_, err := p.CallTool(ctx, params)
				over <- err
			}()
			eventually(t, deadline, "the provider has the request", func() bool { return len(provider.Requests()) == i+1 })
			if q.stream {
				eventually(t, deadline, "the answer has begun", func() bool { return len(p.delivered()) > 1 })
			}
			if provider.Requests()[i].Aborted {
				t.Errorf("%s: the request was aborted before the client wanted it", q.model)
			}
			cancel()
			if err := <-over; !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: the call ended with %v", q.model, err)
			}
			eventually(t, 10*time.Second, q.model+": the provider sees the abort", func() bool { return provider.Requests()[i].Aborted })
		}
	})
}
