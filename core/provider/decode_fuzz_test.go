package provider_test

import (
	"bytes"
	stdjson "encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/coretest"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// decoded is all that comes out of a Decode.
type decoded struct {
	response *provider.Response
	text     string
	err      error
}

func decodeBy(form string, status int, header []provider.Field, body io.Reader) (d decoded) {
	var deltas strings.Builder
	d.response, d.err = provider.Translators[form].Decode(&provider.Reply{Status: status, Header: header, Body: body},
		func(text string) { deltas.WriteString(text) })
	d.text = deltas.String()
	return d
}

// checkDecode: any reply gives an answer or an error that says something, the
// same however its bytes are cut, and one that can be written as JSON, by
// either library to the same bytes.
func checkDecode(t *testing.T, form string, status int, contentType string, body, cuts []byte) {
	header := []provider.Field{{Name: "content-type", Value: contentType}}
	whole := decodeBy(form, status, header, bytes.NewReader(body))
	for way, reader := range provider.Ways(body, cuts) {
		if got := decodeBy(form, status, header, reader); !reflect.DeepEqual(got, whole) {
			t.Fatalf("whole %+v\n%+v\n%s %+v\n%+v", whole, whole.response, way, got, got.response)
		}
	}

	fault, _ := whole.err.(*provider.Error)
	switch {
	case whole.err == nil && (whole.response == nil || len(whole.response.Choices) == 0):
		t.Fatal("neither an answer nor an error")
	case whole.err != nil && (fault == nil || !slices.Contains(kinds, fault.Kind)):
		t.Fatalf("the error is %#v", whole.err)
	case fault != nil && !utf8.ValidString(fault.Message+fault.Code+fault.Next+fault.RequestID):
		t.Fatalf("the error is not UTF-8: %+v", fault)
	case fault != nil && fault.RetryAfterMS < 0:
		t.Fatalf("a wait of %d ms", fault.RetryAfterMS)
	}
	if whole.response == nil {
		if whole.text != "" {
			t.Fatalf("%q went out, and nothing is left of it", whole.text)
		}
		return
	}
	response := whole.response
	if len(response.Raw) > 0 && (!json.Valid(response.Raw) || !utf8.Valid(response.Raw)) {
		t.Fatalf("the raw answer is not JSON: %q", response.Raw)
	}
	first := ""
	for _, choice := range response.Choices {
		if choice.Index == 0 && choice.Message.Content != nil {
			first = *choice.Message.Content
		}
		// Of a document the reason may be left out, and of Anthropic's streams,
		// whose end is another event.
		if unsaid := choice.FinishReason == "" && (len(response.Raw) > 0 || form == "anthropic"); !unsaid && !slices.Contains(finishes, choice.FinishReason) {
			t.Fatalf("the answer ended with %q", choice.FinishReason)
		}
	}
	text := whole.text
	if form == "anthropic" { // of blocks whose pieces are mixed each comes out whole
		text, first = sorted(text), sorted(first)
	}
	// Of Responses a whole item counts, which may be another than its pieces.
	retold := form == "openai-responses"
	if streamed := len(response.Raw) == 0; streamed && text != first && !retold || !streamed && whole.text != "" {
		t.Fatalf("%q went out, and the answer is %q", whole.text, first)
	}

	written, err := json.Marshal(response)
	if err != nil {
		t.Fatalf("the answer cannot be written: %v", err)
	}
	if !stdjson.Valid(written) || !utf8.Valid(written) {
		t.Fatalf("the answer is no JSON: %q", written)
	}
	var other bytes.Buffer
	encoder := stdjson.NewEncoder(&other)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(response); err != nil {
		t.Fatalf("encoding/json cannot write the answer: %v", err)
	}
	if want := bytes.TrimSuffix(other.Bytes(), []byte("\n")); !bytes.Equal(written, want) {
		t.Fatalf("%s writes\n%s\nencoding/json\n%s", json.Library, written, want)
	}
	if usage := response.Usage; usage != nil && (usage.PromptTokens < 0 || usage.CompletionTokens < 0 || usage.TotalTokens < 0) {
		t.Fatalf("negative counts: %+v", usage)
	}
	if whole.err == nil {
		checkBack(t, form, response)
	}
}

// checkBack: an answer can go back to its provider, if its calls can be
// answered, as Gemini's always can: it names few of them.
func checkBack(t *testing.T, form string, response *provider.Response) {
	ids := map[string]bool{}
	for _, choice := range response.Choices {
		answer := choice.Message
		message := provider.Message{Role: provider.Assistant, Reasoning: answer.ReasoningContent, ToolCalls: answer.ToolCalls, ReasoningDetails: answer.ReasoningDetails}
		if answer.Content != nil {
			message.Parts = []provider.Part{{Type: provider.TextPart, Text: *answer.Content}}
		}
		usable := true
		for _, call := range message.ToolCalls {
			named := call.ID != "" && !ids[call.ID]
			ids[call.ID] = true
			if !named || call.Function != nil && !json.Valid([]byte(call.Function.Arguments)) {
				if usable = false; form == "gemini" {
					t.Fatalf("the call %+v %+v cannot be answered", call, call.Function)
				}
			}
		}
		if !usable {
			continue
		}
		user := provider.Message{Role: provider.User, Parts: []provider.Part{{Type: provider.TextPart, Text: "x"}}}
		request := &provider.Request{Model: "gemini-3-pro", Messages: []provider.Message{user, message}}
		if http, _, err := provider.Translators[form].Encode(&provider.Row{Form: form}, request); err != nil || !json.Valid(http.Body) {
			t.Fatalf("%s, %v", http.Body, err)
		}
	}
}

func sorted(text string) string {
	characters := []byte(text)
	slices.Sort(characters)
	return string(characters)
}

var kinds = []provider.Kind{
	provider.InvalidRequest, provider.Authentication, provider.Permission, provider.NotFound, provider.ContextLength, provider.TooLarge, provider.ContentFilter, provider.RateLimit,
	provider.Quota, provider.Overloaded, provider.Timeout, provider.Canceled, provider.Network, provider.BadReply, provider.Budget, provider.Internal,
}

var finishes = []provider.FinishReason{provider.FinishStop, provider.FinishLength, provider.FinishToolCalls, provider.FinishContentFilter, provider.FinishError}

// fuzzDecode takes a body as it is, or one that is assembled from what is
// drawn: a reply of any form, with odd values in the fields that are read.
func fuzzDecode(f *testing.F, form string, cuts []byte) {
	for _, seed := range coretest.HistorySeeds() {
		for kind := range byte(16) {
			f.Add(200, "text/event-stream", []byte(nil), cuts, append([]byte{0, kind}, seed...))
		}
	}
	f.Fuzz(func(t *testing.T, status int, contentType string, body, cuts, drawn []byte) {
		if len(drawn) > 0 {
			body = coretest.Reply(coretest.NewBytes(drawn), form)
		}
		checkDecode(t, form, status, contentType, body, cuts)
	})
}

func FuzzDecodeOpenAIChat(f *testing.F) {
	cuts := []byte{3, 0, 1}
	f.Add(200, "application/json", []byte(`{"id":"c","choices":[{"index":0,"message":{"content":[{"type":"thinking","thinking":[{"text":"a"}]},{"text":"b"}],"tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"finish_reason":"stop","logprobs":{"content":[{"token":"a"}]}}],"usage":{"prompt_tokens":1,"total_tokens":9}}`), cuts, []byte(nil))
	f.Add(200, "text/event-stream", []byte("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\",\"tool_calls\":[{\"index\":0,\"id\":\"x\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}}]}\n\ndata: {\"error\":{\"message\":\"m\"}}\n\ndata: [DONE]\n\n"), cuts, []byte(nil))
	f.Add(200, "text/event-stream", []byte(": wait\r\n\r\ndata: {\"id\":\"\",\"created\":1e3,\"choices\":[{\"index\":1,\"delta\":{\"content\":\"\\ud83d\\ude00\",\"reasoning_details\":[{\"a\" : 1}],\"annotations\":[null],\"images\":[{}],\"audio\":{\"data\":\"x\"},\"refusal\":\"no\",\"function_call\":{\"name\":\"f\"}},\"finish_reason\":\"length\",\"native_finish_reason\":\"MAX\",\"logprobs\":{\"content\":[{}]}}],\"usage\":{\"completion_tokens\":2,\"prompt_cache_hit_tokens\":1,\"completion_tokens_details\":{\"reasoning_tokens\":1}}}\r\n\r\n"), cuts, []byte(nil))
	f.Add(200, "text/event-stream", []byte("data: {\"choices\":[{\"index\":0,\"delta\":{\"audio\":{\"id\":\"a\",\"transcript\":\"M\",\"data\":\"QUI=\"}}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"audio\":{\"data\":\"Qw==\",\"expires_at\":9}}}]}\n\ndata: [DONE]\n\n"), cuts, []byte(nil))
	f.Add(429, "application/json", []byte(`[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","metadata":{"raw":"r"},"details":[{"retryDelay":"34.4s"}]}}]`), cuts, []byte(nil))
	f.Add(500, "text/html", []byte("<html>\xff"), cuts, []byte(nil))
	fuzzDecode(f, "openai-chat", cuts)
}

func FuzzDecodeAnthropic(f *testing.F) {
	cuts := []byte{3, 0, 1}
	f.Add(200, "application/json", []byte(`{"id":"m","model":"claude","type":"message","content":[{"type":"thinking","thinking":"a","signature":"s"},{"type":"text","text":"b","citations":[{"type":"char_location"}]},{"type":"tool_use","id":"t","name":"f","input":{"a":1}},{"type":"server_tool_use"}],"stop_reason":"tool_use","usage":{"input_tokens":1,"cache_read_input_tokens":2,"output_tokens":3,"iterations":[{"type":"compaction","input_tokens":4}]}}`), cuts, []byte(nil))
	f.Add(200, "text/event-stream", []byte("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":1}}}\n\ndata: {\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"s\"}}\n\ndata: {\"type\":\"content_block_stop\",\"index\":3}\n\ndata: {\"type\":\"content_block_start\",\"index\":5,\"content_block\":{\"type\":\"tool_use\",\"input\":{}}}\n\ndata: {\"type\":\"content_block_delta\",\"index\":5,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\"}}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n"), cuts, []byte(nil))
	f.Add(200, "text/event-stream", []byte("data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\ndata: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\",\"text\":\"x\"}}\n\ndata: {\"type\":\"message_stop\"}\n\ndata: [DONE]\n\n"), cuts, []byte(nil))
	f.Add(529, "application/json", []byte(`{"type":"error","error":{"type":"overloaded_error","message":"m"},"request_id":"r"}`), cuts, []byte(nil))
	f.Add(500, "text/html", []byte("<html>\xff"), cuts, []byte(nil))
	fuzzDecode(f, "anthropic", cuts)
}

func FuzzDecodeGemini(f *testing.F) {
	cuts := []byte{3, 0, 1}
	f.Add(200, "application/json", []byte(`{"candidates":[{"content":{"parts":[{"text":"a","thought":true,"thoughtSignature":"s"},{"text":"b","thoughtSignature":"s"},{"functionCall":{"name":"f","args":{"a":1}}},{"inlineData":{"mimeType":"audio/wav","data":"QUJD"}},{"x":1}]},"finishReason":1,"groundingMetadata":{"groundingChunks":[{"web":{"uri":"u"}}],"groundingSupports":[{"segment":{"startIndex":1,"endIndex":9},"groundingChunkIndices":[0,1e300]}]},"logprobsResult":{"chosenCandidates":[{"token":"a"}]}}],"usageMetadata":{"promptTokenCount":1e300,"totalTokenCount":-1}}`), cuts, []byte(nil))
	f.Add(200, "text/event-stream", []byte("data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"willContinue\":true}}]}}]}\r\n\r\ndata: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.a[0]['b']\",\"stringValue\":\"x\"}]}}]},\"finishReason\":\"STOP\"}]}\r\n\r\n{\"error\":{\r\n\"code\":500}}\r\n"), cuts, []byte(nil))
	f.Add(200, "application/json", []byte(`[{"candidates":[{"content":{}}]},{"error":{"message":"m"}}]`), cuts, []byte(nil))
	f.Add(200, "application/json", []byte(`{"promptFeedback":{"blockReason":"SAFETY"}}`), cuts, []byte(nil))
	f.Add(429, "application/json", []byte(`[{"error":{"code":429,"message":"limit: 0","status":"RESOURCE_EXHAUSTED"}}]`), cuts, []byte(nil))
	fuzzDecode(f, "gemini", cuts)
}

func FuzzDecodeResponses(f *testing.F) {
	cuts := []byte{3, 0, 1}
	f.Add(200, "application/json", []byte(`{"id":"r","status":"completed","output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"a"}]},{"type":"message","content":[{"type":"output_text","text":"b","annotations":[{}],"logprobs":[{"token":"b"}]},{"type":"refusal","refusal":"c"}]},{"type":"function_call","call_id":"d","arguments":{"a":1}},{"type":"image_generation_call","result":"AAAA"}],"usage":{"input_tokens":1,"total_tokens":9}}`), cuts, []byte(nil))
	f.Add(200, "text/event-stream", []byte("event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"output_index\":7,\"item\":{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"n\"}}\n\ndata: {\"type\":\"response.custom_tool_call_input.delta\",\"output_index\":7,\"delta\":\"x\"}\n\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":-3,\"content_index\":9,\"delta\":\"y\",\"logprobs\":[{}]}\n\ndata: {\"type\":\"response.incomplete\",\"response\":{\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"output\":[{\"type\":\"message\",\"content\":\"z\"}]}}\n\n"), cuts, []byte(nil))
	f.Add(200, "text/event-stream", []byte("data: {\"type\":\"response.reasoning_text.delta\",\"delta\":\"x\"}\n\ndata: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"reasoning\"}}\n\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\",\"message\":\"m\"}}}\n\n"), cuts, []byte(nil))
	f.Add(200, "text/event-stream", []byte("data: {\"type\":\"error\",\"error\":{\"type\":\"t\",\"message\":\"m\"}}\n\n"), cuts, []byte(nil))
	f.Add(400, "application/json", []byte(`{"error":{"message":"m","param":"input","code":null}}`), cuts, []byte(nil))
	fuzzDecode(f, "openai-responses", cuts)
}
