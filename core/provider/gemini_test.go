package provider

import (
	"reflect"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

func decodeGemini(t *testing.T, body string) (*Response, error) {
	t.Helper()
	return gemini{}.Decode(&Reply{Status: 200, Body: strings.NewReader(body)}, nil)
}

// TestGeminiRoundTrip: what a model's turn held goes back part for part, with
// the signatures that it came with.
func TestGeminiRoundTrip(t *testing.T) {
	for _, parts := range []string{
		`[{"text":"a"}]`,
		`[{"text":"a","thoughtSignature":"s/+="}]`,
		`[{"text":"ä","thoughtSignature":"s-_="},{"text":"b"},{"text":"c","thoughtSignature":"t"}]`,
		`[{"text":"t","thought":true,"thoughtSignature":"s"},{"text":"a"}]`,
		`[{"functionCall":{"id":"1","name":"f","args":{"b":1,"a":[2.50]}},"thoughtSignature":"s"},{"functionCall":{"id":"2","name":"f","args":{}}}]`,
		`[{"text":"a","thoughtSignature":"s"},{"functionCall":{"id":"1","name":"f","args":{}},"thoughtSignature":"t"},{"text":"","thoughtSignature":"u"}]`,
		`[{"executableCode":{"language":"PYTHON","code":"1 < 2"},"thoughtSignature":"s"},{"codeExecutionResult":{"outcome":"OUTCOME_OK"}},{"text":"a"}]`,
		`[{"thoughtSignature":"s","toolCall":{"toolType":"X","id":"q"}},{"toolResponse":{"id":"q"}},{"text":"a","thoughtSignature":"t"}]`,
	} {
		response, err := decodeGemini(t, `{"candidates":[{"content":{"parts":`+parts+`},"finishReason":"STOP"}]}`)
		if err != nil {
			t.Fatal(err)
		}
		answer := response.Choices[0].Message
		message := Message{Role: Assistant, ToolCalls: answer.ToolCalls, ReasoningDetails: answer.ReasoningDetails}
		if answer.Content != nil && *answer.Content != "" {
			message.Parts = []Part{{Type: TextPart, Text: *answer.Content}}
		}
		user := Message{Role: User, Parts: []Part{{Type: TextPart, Text: "x"}}}
		http, _, err := gemini{}.Encode(&Row{Endpoint: "https://x.example/v1beta"}, &Request{Model: "gemini-3-flash", Messages: []Message{user, message}})
		if got := json.Parse(http.Body).Get("contents.1.parts").Raw; err != nil || got != parts {
			t.Errorf("came %s\nwent %s, %v", parts, got, err)
		}
	}
}

// TestGeminiImageSignature: it goes back with its image, if that does.
func TestGeminiImageSignature(t *testing.T) {
	details := []json.RawMessage{[]byte(`{"type":"gemini.thought_signature","part":"image","content":0,"calls":0,"length":1,"signature":"s"}`)}
	image := Part{Type: ImagePart, Media: Media{Type: "image/png", Data: "QUJD"}}
	for _, test := range []struct {
		parts []Part
		want  string
	}{
		{[]Part{image, image}, `[{"inlineData":{"mimeType":"image/png","data":"QUJD"}},{"inlineData":{"mimeType":"image/png","data":"QUJD"},"thoughtSignature":"s"}]`},
		{[]Part{image}, `[{"inlineData":{"mimeType":"image/png","data":"QUJD"}}]`},
	} {
		http, _, err := gemini{}.Encode(&Row{}, &Request{Model: "gemini-3-pro-image", Messages: []Message{{Role: Assistant, Parts: test.parts, ReasoningDetails: details}}})
		if got := json.Parse(http.Body).Get("contents.0.parts").Raw; err != nil || got != test.want {
			t.Errorf("%s, %v, want %s", got, err, test.want)
		}
	}
}

// TestGeminiCutArguments: arguments that a stream did not finish stay open.
func TestGeminiCutArguments(t *testing.T) {
	begin := `data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","willContinue":true}}]}}]}` + "\r\n\r\n"
	piece := func(args string) string {
		return `data: {"candidates":[{"content":{"parts":[{"functionCall":{"partialArgs":[` + args + `],"willContinue":true}}]}}]}` + "\r\n\r\n"
	}
	for stream, want := range map[string]string{
		begin: "",
		begin + piece(`{"jsonPath":"$.a","stringValue":"x","willContinue":true}`):                                                 `{"a":"x`,
		begin + piece(`{"jsonPath":"$.a","stringValue":"x"},{"jsonPath":"$.b[0].c","numberValue":1}`):                             `{"a":"x","b":[{"c":1`,
		begin + piece(`{"jsonPath":"$.a","boolValue":false},{"jsonPath":"","stringValue":"x"},{"jsonPath":"odd[","nullValue":0}`): `{"a":false,"odd":{"":null`,
	} {
		response, err := decodeGemini(t, stream)
		fault, ok := err.(*Error)
		if !ok || !fault.Retry || len(response.Choices) != 1 || response.Choices[0].FinishReason != FinishError {
			t.Fatalf("%s: %v", stream, err)
		}
		if got := response.Choices[0].Message.ToolCalls[0].Function.Arguments; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestGeminiWholeArguments: what is no stream is not cut, and neither is what a
// filter ended; the caller gets an object that can be read.
func TestGeminiWholeArguments(t *testing.T) {
	open := func(path string) string {
		return `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","partialArgs":[{"jsonPath":"` + path + `","stringValue":"x"}],"willContinue":true}}]}}]}`
	}
	for body, want := range map[string]string{
		open("$.a[0].b"): `{"a":[{"b":"x"}]}`,
		open("$[0]"):     `{"[0]":"x"}`,
		"data: " + open("$.a[0].b") + "\n\ndata: " + `{"promptFeedback":{"blockReason":"SAFETY"}}` + "\n\n": `{"a":[{"b":"x"}]}`,
	} {
		response, err := decodeGemini(t, body)
		if err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if got := response.Choices[0].Message.ToolCalls[0].Function.Arguments; got != want {
			t.Errorf("%s: the arguments are %s", body, got)
		}
	}
}

func TestGeminiPathNames(t *testing.T) {
	for path, want := range map[string][]string{
		"": nil, "$": nil, "$.a": {"a"}, "$.a.b[0][12].c": {"a", "b", "[0]", "[12]", "c"}, "$['a.b'][\"c]\"]": {"a.b", "c]"},
		"a": {"a"}, "$..": nil, "$['a": {"['a"},
	} {
		if got := geminiPathNames(path); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestGeminiModelOf(t *testing.T) {
	for id, want := range map[string]geminiModel{
		"gemini-2.5-flash":                        {generation: 205, kind: "flash"},
		"models/gemini-2.5-flash-lite":            {generation: 205, kind: "flash-lite"},
		"gemini-2.5-pro-preview-03-25":            {generation: 205, kind: "pro"},
		"gemini-3-pro-preview":                    {generation: 300, kind: "pro"},
		"gemini-3.1-flash-lite":                   {generation: 301, kind: "flash-lite"},
		"publishers/google/models/gemini-12.0-up": {generation: 1200},
		"gemini-2.0-flash-001":                    {generation: 200, kind: "flash"},
		"gemini-flash-latest":                     {generation: newestGemini, kind: "flash"},
		"gemini-exp-1206":                         {generation: newestGemini},
		"gemini-robotics-er-1.5-preview":          {generation: 205},
		"gemini-2.5-flash-image":                  {generation: 205, kind: "flash", makesMedia: true},
		"gemma-3-27b-it":                          {generation: 300, gemma: true},
		"tunedModels/my-model":                    {generation: newestGemini},
	} {
		if got := geminiModelOf(id); got != want {
			t.Errorf("%s: %+v, want %+v", id, got, want)
		}
	}
}

// TestGeminiURL: the model's name stays one segment, and alt=sse stands beside
// the endpoint's query.
func TestGeminiURL(t *testing.T) {
	for _, test := range []struct{ endpoint, model, want string }{
		{"https://x.example/v1beta", "gemini-2.5-pro", "https://x.example/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"},
		{"https://x.example/v1beta?a=1", "a/b?c#d", "https://x.example/v1beta/models/a%2Fb%3Fc%23d:streamGenerateContent?a=1&alt=sse"},
		{"https://x.example/v1beta", "tunedModels/t", "https://x.example/v1beta/tunedModels/t:streamGenerateContent?alt=sse"},
		{"https://x.example/v1beta", "my-models/t", "https://x.example/v1beta/models/my-models%2Ft:streamGenerateContent?alt=sse"},
		{"https://x.example/v1/publishers/google", "publishers/google/models/m", "https://x.example/v1/publishers/google/models/m:streamGenerateContent?alt=sse"},
	} {
		http, _, err := gemini{}.Encode(&Row{Endpoint: test.endpoint}, &Request{Model: test.model, Stream: true, Messages: []Message{{Role: User, Parts: []Part{{Type: TextPart, Text: "x"}}}}})
		if err != nil || http.URL != test.want {
			t.Errorf("%s, %v, want %s", http.URL, err, test.want)
		}
	}
}

// TestGeminiOrphan: a result whose call is not there has no name.
func TestGeminiOrphan(t *testing.T) {
	_, _, err := gemini{}.Encode(&Row{}, &Request{Model: "m", Messages: []Message{{Role: RoleTool, ToolCallID: "a", Parts: []Part{{Type: TextPart, Text: "x"}}}}})
	if fault, ok := err.(*Error); !ok || fault.Kind != InvalidRequest {
		t.Errorf("%v", err)
	}
}
