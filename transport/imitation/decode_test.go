package imitation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// exchangeOf sends a request as the gateway writes it for a form, and reads the
// reply as the gateway reads it.
func exchangeOf(t *testing.T, form, url string, request *provider.Request) (response *provider.Response, deltas string, err error) {
	t.Helper()
	translator := provider.Translators[form]
	if translator == nil {
		t.Fatalf("the gateway has no form %s", form)
	}
	written, _, err := translator.Encode(&provider.Row{Name: "imitated", Form: form, Endpoint: url}, request)
	if err != nil {
		t.Fatalf("%s: %v", form, err)
	}
	sent, err := http.NewRequestWithContext(t.Context(), written.Method, written.URL, bytes.NewReader(written.Body))
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range written.Header {
		sent.Header.Set(field.Name, field.Value)
	}
	got, err := http.DefaultClient.Do(sent)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	reply := &provider.Reply{Status: got.StatusCode, Body: got.Body}
	for name := range got.Header {
		reply.Header = append(reply.Header, provider.Field{Name: name, Value: got.Header.Get(name)})
	}
	response, err = translator.Decode(reply, func(text string) { deltas += text })
	return response, deltas, err
}

func user(text string, more ...provider.Part) provider.Message {
	return provider.Message{Role: provider.User, Parts: append([]provider.Part{{Type: provider.TextPart, Text: text}}, more...)}
}

// onForms runs a test for every form of the gateway, plain and streamed.
func onForms(t *testing.T, test func(t *testing.T, form string, stream bool)) {
	for form := range provider.Translators {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s,stream=%v", form, stream), func(t *testing.T) { test(t, form, stream) })
		}
	}
}

// TestDecode: whatever the form, the gateway reads the same out of it.
func TestDecode(t *testing.T) {
	onForms(t, func(t *testing.T, form string, stream bool) {
		_, url := serve(t)
		request := &provider.Request{
			Model: "imitated?reasoning=Let+me+see", Stream: stream, ReasoningEffort: "low",
			Messages: []provider.Message{user("What is this?", provider.Part{
				Type: provider.ImagePart, Media: provider.Media{Type: "image/png", Data: "aW1hZ2U="},
			})},
		}
		response, deltas, err := exchangeOf(t, form, url, request)
		if err != nil {
			t.Fatal(err)
		}
		const want = `You said: "What is this?". I see 1 image. I am an imitated model.`
		choice := response.Choices[0]
		if choice.Message.Content == nil || *choice.Message.Content != want || choice.Message.ReasoningContent != "Let me see" || choice.FinishReason != provider.FinishStop {
			t.Errorf("got %+v", choice)
		}
		if stream != (deltas == want) {
			t.Errorf("the deltas are %q", deltas)
		}
		if response.Model != request.Model || !strings.Contains(response.ID, "imitated") {
			t.Errorf("the model is %s, the id %s", response.Model, response.ID)
		}
		switch usage := response.Usage; {
		case form == "openai-chat" && stream && usage == nil:
			t.Error("usage was not asked for") // the gateway asks
		case usage == nil || usage.PromptTokens != 3 || usage.CompletionTokens != 14 || usage.TotalTokens != 17:
			t.Errorf("the usage is %+v", usage)
		}
		details := string(bytes.Join(rawDetails(response), nil))
		if form == "anthropic" && !strings.Contains(details, "signature_imitated_1") || form == "openai-responses" && !strings.Contains(details, "encrypted_imitated_1") {
			t.Errorf("the reasoning comes without what has to go back: %s", details)
		}
	})
}

func rawDetails(response *provider.Response) (details [][]byte) {
	for _, detail := range response.Choices[0].Message.ReasoningDetails {
		details = append(details, detail)
	}
	return details
}

// TestDecodeToolLoop calls a tool, sends back what came with its result, and
// gets a text.
func TestDecodeToolLoop(t *testing.T) {
	onForms(t, func(t *testing.T, form string, stream bool) {
		_, url := serve(t)
		request := &provider.Request{
			Model: "imitated?tool=get_weather&reasoning=Hm", Stream: stream, Messages: []provider.Message{user("How warm is Oslo?")},
			Tools: []provider.Tool{{Name: "get_weather", Parameters: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}}}`)}},
		}
		response, deltas, err := exchangeOf(t, form, url, request)
		if err != nil {
			t.Fatal(err)
		}
		choice := response.Choices[0]
		if len(choice.Message.ToolCalls) != 1 || choice.FinishReason != provider.FinishToolCalls || deltas != "" {
			t.Fatalf("got %+v", choice)
		}
		call := choice.Message.ToolCalls[0]
		if call.Function == nil || call.Function.Name != "get_weather" || call.Function.Arguments != toolArguments || call.ID == "" {
			t.Errorf("the call is %+v", call)
		}
		if signed := strings.Contains(string(call.ExtraContent), geminiSignature); signed != (form == "gemini") {
			t.Errorf("the call comes with %s", call.ExtraContent)
		}
		request.Messages = append(request.Messages,
			provider.Message{Role: provider.Assistant, ToolCalls: choice.Message.ToolCalls, Reasoning: choice.Message.ReasoningContent, ReasoningDetails: choice.Message.ReasoningDetails},
			provider.Message{Role: provider.RoleTool, ToolCallID: call.ID, Parts: []provider.Part{{Type: provider.TextPart, Text: "4 degrees"}}})
		response, _, err = exchangeOf(t, form, url, request)
		if err != nil {
			t.Fatal(err)
		}
		const want = `The tool said: "4 degrees". I am an imitated model.`
		if choice := response.Choices[0]; choice.Message.Content == nil || *choice.Message.Content != want || len(choice.Message.ToolCalls) != 0 {
			t.Errorf("got %+v", choice)
		}
	})
}

func TestDecodeSchema(t *testing.T) {
	const schema = `{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"array","items":{"type":"object","properties":{"warm":{"type":"boolean"}},"required":["warm"]}}},"required":["city","days"]}`
	onForms(t, func(t *testing.T, form string, stream bool) {
		_, url := serve(t)
		model := "imitated"
		if form == "anthropic" {
			model = "claude-opus-5" // only of those it knows does the gateway ask it
		}
		response, _, err := exchangeOf(t, form, url, &provider.Request{
			Model: model, Stream: stream, Messages: []provider.Message{user("Plan.")},
			ResponseFormat: &provider.ResponseFormat{Type: "json_schema", JSONSchema: json.RawMessage(`{"name":"plan","schema":` + schema + `}`)},
		})
		if err != nil {
			t.Fatal(err)
		}
		content := *response.Choices[0].Message.Content
		if content != `{"city":"imitated","days":[{"warm":true}]}` {
			t.Errorf("got %s", content)
		}
		if err := validate(schema, []byte(content)); err != nil {
			t.Error(err)
		}
	})
}

// TestDecodeEndings: how an answer ends, and how it fails, is told in words that
// the gateway knows.
func TestDecodeEndings(t *testing.T) {
	onForms(t, func(t *testing.T, form string, stream bool) {
		_, url := serve(t)
		for finish, want := range map[string]provider.FinishReason{
			"stop": provider.FinishStop, "length": provider.FinishLength, "content_filter": provider.FinishContentFilter,
		} {
			response, _, err := exchangeOf(t, form, url, &provider.Request{
				Model: "imitated?finish=" + finish, Stream: stream, Messages: []provider.Message{user("x")},
			})
			if err != nil || response.Choices[0].FinishReason != want {
				t.Errorf("%s: %v, %+v", finish, err, response)
			}
		}
		for query, want := range map[string]provider.Kind{
			"status=400": provider.InvalidRequest, "status=401": provider.Authentication, "status=403": provider.Permission,
			"status=404": provider.NotFound, "status=413": provider.TooLarge, "status=429&retry_after=7": provider.RateLimit,
			"status=500": provider.Overloaded, "status=503": provider.Overloaded, "status=529": provider.Overloaded,
			"status=504": provider.Timeout, "fault=html": provider.Overloaded, "fault=empty": provider.BadReply,
			"fault=garbage": provider.BadReply, "fault=end": provider.BadReply, "fault=error": provider.Overloaded,
		} {
			_, deltas, err := exchangeOf(t, form, url, &provider.Request{
				Model: "imitated?chunks=4&text=abcdefgh&" + query, Stream: stream, Messages: []provider.Message{user("x")},
			})
			fault, ok := err.(*provider.Error)
			if !ok || fault.Kind != want {
				t.Errorf("%s: got %+v, want %s", query, err, want)
				continue
			}
			if query == "status=429&retry_after=7" && (fault.RetryAfterMS != 7000 || !fault.Retry) {
				t.Errorf("%s: %+v", query, fault)
			}
			half := stream && (query == "fault=end" || query == "fault=error")
			if half != (deltas == "abcd") {
				t.Errorf("%s: the deltas are %q", query, deltas)
			}
		}
	})
}
