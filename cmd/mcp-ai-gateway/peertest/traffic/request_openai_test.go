package traffic

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/openai/openai-go/v3"
)

// OpenAI's chat form, and what its compatible servers made of it.

// canonicalOpenAI writes contents as lists of parts, stops as a list, the
// arguments of calls as what they say, and leaves out what is said by default.
func canonicalOpenAI(body map[string]any) map[string]any {
	body = cloned(body)
	if body["stream"] == false {
		delete(body, "stream")
	}
	if options, ok := body["stream_options"].(map[string]any); ok && body["stream"] != true || len(options) == 0 {
		delete(body, "stream_options") // it says nothing there
	}
	if stop, ok := body["stop"].(string); ok {
		body["stop"] = []any{stop}
	}
	if functions, ok := take(body, "functions"); ok { // the names until 2023
		var tools []any
		for _, function := range objects(functions) {
			tools = append(tools, map[string]any{"type": "function", "function": function})
		}
		body["tools"] = tools
	}
	if call, ok := take(body, "function_call"); ok {
		if body["tool_choice"] = call; at(call, "name") != nil {
			body["tool_choice"] = map[string]any{"type": "function", "function": call}
		}
	}
	if tools, ok := body["tools"].([]any); ok && len(tools) == 0 {
		delete(body, "tools")
	}
	functionsFirst(body, func(tool map[string]any) bool { return tool["function"] != nil })
	if body["tool_choice"] == "auto" {
		delete(body, "tool_choice")
	}
	for _, tool := range objects(body["tools"]) {
		if function, ok := tool["function"].(map[string]any); ok {
			if function["description"] == "" {
				delete(function, "description")
			}
			if tool["type"] == nil {
				tool["type"] = "function" // Mistral's default
			}
		}
	}
	for _, message := range objects(body["messages"]) {
		switch content := message["content"].(type) {
		case string:
			message["content"] = []any{map[string]any{"type": "text", "text": content}}
			if content == "" && message["tool_calls"] != nil {
				delete(message, "content") // beside calls, nothing is nothing
			}
		case []any:
			for i, part := range content {
				if text, ok := part.(string); ok {
					content[i] = map[string]any{"type": "text", "text": text}
				}
			}
		}
		if content, ok := message["content"].([]any); ok && len(content) == 0 && message["tool_calls"] != nil {
			delete(message, "content")
		}
		if thought, ok := take(message, "reasoning_content"); ok {
			message["reasoning"] = thought // two names; strict sees that it is the right one
		}
		for _, part := range objects(message["content"]) {
			for _, name := range []string{"image_url", "document_url"} {
				if address, ok := part[name].(string); ok {
					part[name] = map[string]any{"url": address}
				}
			}
			if image, ok := part["image_url"].(map[string]any); ok && image["detail"] == "auto" {
				delete(image, "detail")
			}
		}
		if message["prefix"] == false { // Mistral's default
			delete(message, "prefix")
		}
		for _, call := range objects(message["tool_calls"]) {
			delete(call, "index") // of a stream; here the place says it
			if function, ok := call["function"].(map[string]any); ok {
				function["arguments"] = meant(function["arguments"])
			}
		}
	}
	return body
}

// functionsFirst puts the provider's own tools behind the functions: where they
// stand says nothing.
func functionsFirst(body map[string]any, isFunction func(tool map[string]any) bool) {
	tools, _ := body["tools"].([]any)
	slices.SortStableFunc(tools, func(a, b any) int {
		first, _ := a.(map[string]any)
		second, _ := b.(map[string]any)
		switch {
		case isFunction(first) && !isFunction(second):
			return -1
		case isFunction(second) && !isFunction(first):
			return 1
		}
		return 0
	})
}

// meant is what a text of JSON says; no text is an object of nothing.
func meant(arguments any) any {
	text, ok := arguments.(string)
	if !ok {
		return arguments
	}
	if strings.TrimSpace(text) == "" {
		return map[string]any{}
	}
	if value, ok := parse(text); ok {
		return value.plain()
	}
	return text
}

// worded is the text of a JSON value, as calls carry their arguments.
func worded(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(raw)
}

func readOpenAIRequest(q *question, body map[string]any) {
	delete(body, "stream_options") // the gateway says it in every stream
	for _, message := range objects(body["messages"]) {
		q.openAIMessage(message)
	}
	if messages, ok := body["messages"].([]any); ok && len(messages) > 0 {
		if last, ok := messages[len(messages)-1].(map[string]any); ok && last["role"] == "assistant" {
			delete(last, "prefix") // it has to be, and the gateway says it
		}
	}
	for _, message := range objects(body["messages"]) {
		q.unknown(message, "messages[].", "role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal",
			"reasoning", "reasoning_details", "annotations", "images", "audio")
	}
	tools, _ := take(body, "tools")
	var functions, own []any
	for _, tool := range objects(tools) {
		if function, ok := tool["function"].(map[string]any); ok {
			q.unknown(tool, "tools[].", "type", "function", "cache_control")
			q.unknown(function, "tools[].function.", "name", "description", "parameters", "strict")
			functions = append(functions, tool)
		} else {
			own = append(own, tool)
		}
	}
	q.tools(functions, own)
	switch q.row.Name {
	case "mistral":
		// https://docs.mistral.ai/api/#tag/chat
		if body["tool_choice"] == "any" {
			body["tool_choice"] = "required"
		}
		q.move(body, "random_seed", "seed")
	case "openrouter":
		// https://openrouter.ai/docs/use-cases/reasoning-tokens
		if reasoning, ok := body["reasoning"].(map[string]any); ok {
			if effort, ok := take(reasoning, "effort"); ok {
				q.set("reasoning_effort", effort, "reasoning.effort")
			}
			if len(reasoning) == 0 {
				delete(body, "reasoning")
			}
		}
	case "deepseek":
		// https://api-docs.deepseek.com/guides/thinking_mode
		if thinking, ok := body["thinking"].(map[string]any); ok && len(thinking) == 1 && thinking["type"] == "disabled" {
			delete(body, "thinking")
			q.set("reasoning_effort", "none", "thinking.type")
		}
	}
	for name, value := range body {
		q.set(name, value, name)
	}
}

// openAIMessage rewrites a message in the names that the tool takes.
func (q *question) openAIMessage(message map[string]any) {
	for _, call := range objects(message["tool_calls"]) {
		if function, ok := call["function"].(map[string]any); ok {
			function["arguments"] = worded(function["arguments"])
		}
		q.unknown(call, "messages[].tool_calls[].", "id", "type", "function", "extra_content")
	}
	for _, part := range objects(message["content"]) {
		kind, _ := part["type"].(string)
		switch kind {
		case "text", "image_url", "input_audio", "file", "video_url", "refusal":
		case "document_url": // Mistral's form of a file
			address, _ := take(part, "document_url")
			file := map[string]any{"file_url": address.(map[string]any)["url"]}
			if name, ok := take(part, "document_name"); ok {
				file["filename"] = name
			}
			part["type"], part["file"], kind = "file", file, "file"
		default:
			q.leave("messages[].content[type " + kind + "]")
			continue
		}
		q.unknown(part, "messages[].content[].", "type", kind, "cache_control")
	}
}

// coversOpenAI are the places of an adjusted parameter.
var coversOpenAI = map[string][]string{
	"max_completion_tokens":        {"max_tokens", "max_completion_tokens"},
	"max_tokens":                   {"max_tokens", "max_completion_tokens"},
	"seed":                         {"seed", "random_seed"},
	"reasoning_effort":             {"reasoning_effort", "reasoning.effort", "thinking.type"},
	"cache_control":                {"messages[].content[].cache_control", "tools[].cache_control"},
	"messages[].content":           {"messages"},
	"messages[].content[].type":    {"messages[].content[]"},
	"messages[].reasoning_content": {"messages[].reasoning"},
	"messages[].tool_calls[].id":   {"messages[].tool_calls[].id", "messages[].tool_call_id"},
}

func againOpenAI(body []byte) ([]byte, error) {
	body, err := withoutStream(body)
	if err != nil {
		return nil, err
	}
	var params openai.ChatCompletionNewParams
	if err := json.Unmarshal(body, &params); err != nil {
		return nil, err
	}
	// The SDK takes each choice of one tool for the last of its types.
	var chosen struct {
		ToolChoice json.RawMessage `json:"tool_choice"`
	}
	if err := json.Unmarshal(body, &chosen); err != nil {
		return nil, err
	}
	if value, _ := parse(string(chosen.ToolChoice)); value.at("type").text() == "function" {
		named := &openai.ChatCompletionNamedToolChoiceParam{}
		if err := json.Unmarshal(chosen.ToolChoice, named); err != nil {
			return nil, err
		}
		params.ToolChoice = openai.ChatCompletionToolChoiceOptionUnionParam{OfFunctionToolChoice: named}
	}
	return json.Marshal(params)
}
