package provider

import (
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// item is an output item of a type, as a server sends it.
func responsesItemOf(kind, name string) string {
	switch kind {
	case "r":
		return `{"type":"reasoning","id":"` + name + `","summary":[],"encrypted_content":"e"}`
	case "m":
		return `{"type":"message","content":[{"type":"output_text","text":"` + name + `"}]}`
	}
	return `{"type":"function_call","call_id":"` + name + `","name":"f","arguments":"{}"}`
}

// TestResponsesOrder: an answer that is sent back as the unified response has
// it stands in the order in which the model gave it. An item is written as its
// letter and its name.
func TestResponsesOrder(t *testing.T) {
	for _, order := range []string{
		"m:a", "c:1", "r:1 m:a", "r:1 c:1", "r:1 m:a c:1 c:2", "r:1 r:2 m:a", "r:1 c:1 r:2 c:2", "r:1 c:1 c:2 m:a",
		"r:1 m:a r:2 c:1", "m:a r:1 c:1", "c:1 r:1 m:a c:2", "r:1 c:1 r:2 c:2 r:3 m:a",
	} {
		var items []string
		for _, word := range strings.Fields(order) {
			kind, name, _ := strings.Cut(word, ":")
			items = append(items, responsesItemOf(kind, name))
		}
		body := `{"id":"r","status":"completed","output":[` + strings.Join(items, ",") + `]}`
		response, err := openAIResponses{}.Decode(&Reply{Status: 200, Body: strings.NewReader(body)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer := response.Choices[0].Message
		message := Message{Role: Assistant, ToolCalls: answer.ToolCalls, ReasoningDetails: answer.ReasoningDetails}
		if answer.Content != nil {
			message.Parts = []Part{{Type: TextPart, Text: *answer.Content}}
		}
		http, _, err := openAIResponses{}.Encode(&Rows[1], &Request{Model: "gpt-5.5", Messages: []Message{said(User, "x"), message}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, item := range json.Parse(http.Body).Get("input").Array()[1:] {
			switch item.Get("type").String() {
			case "reasoning":
				got = append(got, "r:"+item.Get("id").String())
			case "message":
				got = append(got, "m:"+item.Get("content.0.text").String())
			default:
				got = append(got, "c:"+item.Get("call_id").String())
			}
		}
		if strings.Join(got, " ") != order {
			t.Errorf("%s came back as %s", order, strings.Join(got, " "))
		}
	}
}

// TestFormFor: which API is asked.
func TestFormFor(t *testing.T) {
	azure := Row{Form: "openai-chat", Endpoint: "https://x.openai.azure.com/openai/v1", Traits: []Trait{OpenAIModels}}
	tools := []Tool{{Name: "f"}}
	file := []Message{{Role: User, Parts: []Part{{Type: FilePart, Media: Media{ID: "f"}}}}}
	for _, test := range []struct {
		name    string
		row     Row
		request Request
		want    string
	}{
		{"plain", Rows[0], Request{Model: "gpt-5.6"}, "openai-chat"},
		{"tools", Rows[0], Request{Model: "gpt-5.6", Tools: tools}, "openai-responses"},
		{"tools and none", Rows[0], Request{Model: "gpt-5.6", Tools: tools, ReasoningEffort: "none"}, "openai-chat"},
		{"tools and none, newest", Rows[0], Request{Model: "gpt-6.2-sol", Tools: tools, ReasoningEffort: "none"}, "openai-responses"},
		{"tools, older", Rows[0], Request{Model: "gpt-5.2", Tools: tools, ReasoningEffort: "high"}, "openai-chat"},
		{"pro", Rows[0], Request{Model: "o1-pro"}, "openai-responses"},
		{"file", Rows[0], Request{Model: "gpt-4o", Messages: file}, "openai-chat"},
		{"thought", Rows[0], Request{Model: "gpt-5-mini", Messages: []Message{{Role: Assistant, ReasoningDetails: []json.RawMessage{json.RawMessage(`{"type":"reasoning","encrypted_content":"e"}`)}}}}, "openai-responses"},
		{"file by URL", Rows[0], Request{Model: "gpt-4o", Messages: []Message{{Role: User, Parts: []Part{{Type: FilePart, Media: Media{URL: "https://x.example/a.pdf"}}}}}}, "openai-responses"},
		{"file at Azure", azure, Request{Model: "gpt-4o", Messages: file}, "openai-responses"},
		{"another's", Row{Form: "openai-chat"}, Request{Model: "gpt-5.6", Tools: tools}, "openai-chat"},
		{"said", Rows[1], Request{Model: "gpt-4o"}, "openai-responses"},
	} {
		if got := FormFor(&test.row, &test.request); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// TestResponsesRefusals: what this form cannot say is refused by name.
func TestResponsesRefusals(t *testing.T) {
	two := int64(2)
	media := func(role Role, kind PartType) []Message {
		return []Message{{Role: role, Parts: []Part{{Type: kind, Media: Media{Data: "AAAA", Type: "x/y"}}}}}
	}
	for _, test := range []struct {
		request Request
		want    string
	}{
		{Request{Messages: []Message{said(User, "x")}, N: &two}, "n: got 2, allowed: 1"},
		{Request{Messages: media(User, AudioPart)}, "messages[0].content[0].type: got input_audio, allowed: text, image_url and file"},
		{Request{Messages: media(User, VideoPart)}, "messages[0].content[0].type: got video_url, allowed: text, image_url and file"},
		{Request{Messages: media(Assistant, ImagePart)}, "messages[0].content[0].type: got image_url, allowed: text and refusal"},
		{Request{Messages: []Message{{Role: Assistant}}}, "messages: got nothing that could be sent"},
	} {
		_, _, err := openAIResponses{}.Encode(&Rows[1], &test.request)
		if fault, ok := err.(*Error); !ok || fault.Kind != InvalidRequest || !strings.HasPrefix(fault.Message, test.want) {
			t.Errorf("%s: got %v", test.want, err)
		}
	}
}

// TestResponsesUncounted: a server that counts nothing is understood by its ids.
func TestResponsesUncounted(t *testing.T) {
	body := `data: {"type":"response.output_item.added","item":{"id":"m","type":"message"}}

data: {"type":"response.output_text.delta","item_id":"m","delta":"a"}

data: {"type":"response.reasoning_text.delta","output_index":0,"item_id":"r","delta":"t"}

data: {"type":"response.output_item.added","item":{"id":"f1","type":"function_call","call_id":"c1","name":"f"}}

data: {"type":"response.output_item.added","item":{"id":"f2","type":"function_call","call_id":"c2","name":"g"}}

data: {"type":"response.function_call_arguments.delta","item_id":"f1","delta":"{\"x\":1}"}

data: {"type":"response.output_item.done","item":{"id":"f2","type":"function_call","call_id":"c2","name":"g","arguments":"{}"}}

data: {"type":"response.completed"}

`
	response, err := openAIResponses{}.Decode(&Reply{Status: 200, Body: strings.NewReader(body)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	calls, err := json.Marshal(response.Choices[0].Message.ToolCalls)
	const want = `[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]`
	if err != nil || string(calls) != want || *response.Choices[0].Message.Content != "a" || response.Choices[0].Message.ReasoningContent != "t" {
		t.Fatalf("%s, %v", calls, err)
	}
}
