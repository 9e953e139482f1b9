package traffic

import (
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/openai/openai-go/v3/responses"
)

// OpenAI's Responses.

// canonicalResponses writes the input as items with lists of parts, the
// instructions as a system message in front, the arguments of calls as what
// they say, and leaves out what is said by default and the ids under which a
// server would look for what it stored.
func canonicalResponses(body map[string]any) map[string]any {
	body = cloned(body)
	if body["stream"] == false {
		delete(body, "stream")
	}
	var items []any
	if instructions, ok := body["instructions"].(string); ok {
		delete(body, "instructions")
		items = append(items, map[string]any{"type": "message", "role": "system", "content": instructions})
	}
	switch input := body["input"].(type) {
	case string:
		items = append(items, map[string]any{"type": "message", "role": "user", "content": input})
	case []any:
		items = append(items, input...)
	}
	for _, item := range objects(items) {
		if item["type"] == nil && item["role"] != nil {
			item["type"] = "message"
		}
		switch item["type"] {
		case "message":
			delete(item, "id")
			delete(item, "status")
			kind := "input_text"
			if item["role"] == "assistant" {
				kind = "output_text"
			}
			if text, ok := item["content"].(string); ok {
				item["content"] = []any{map[string]any{"type": kind, "text": text}}
			}
			for _, part := range objects(item["content"]) {
				for _, name := range []string{"annotations", "logprobs"} {
					if list, ok := part[name].([]any); ok && len(list) == 0 {
						delete(part, name)
					}
				}
				withoutDetail(part)
			}
		case "function_call", "custom_tool_call":
			delete(item, "id")
			delete(item, "status")
			if _, ok := item["arguments"]; ok {
				item["arguments"] = meant(item["arguments"])
			}
		case "function_call_output", "custom_tool_call_output":
			delete(item, "id")
			delete(item, "status")
			if text, ok := item["output"].(string); ok {
				item["output"] = []any{map[string]any{"type": "input_text", "text": text}}
			}
			for _, part := range objects(item["output"]) {
				withoutDetail(part)
			}
		case "reasoning":
			delete(item, "status")
			if list, ok := item["content"].([]any); ok && len(list) == 0 {
				delete(item, "content")
			}
		}
	}
	body["input"] = items
	functionsFirst(body, func(tool map[string]any) bool { return tool["type"] == "function" })
	if body["tool_choice"] == "auto" {
		delete(body, "tool_choice")
	}
	for _, tool := range objects(body["tools"]) {
		if tool["description"] == "" {
			delete(tool, "description")
		}
	}
	if tools, ok := body["tools"].([]any); ok && len(tools) == 0 {
		delete(body, "tools")
	}
	return body
}

// withoutDetail leaves out the detail that images have by default.
func withoutDetail(part map[string]any) {
	if part["detail"] == "auto" {
		delete(part, "detail")
	}
}

// dataURL is a thing itself, as a URL.
func dataURL(mediaType, data string) string { return "data:" + mediaType + ";base64," + data }

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func readResponsesRequest(q *question, body map[string]any) {
	items, _ := take(body, "input")
	q.arguments["messages"] = q.responsesMessages(objects(items))
	q.move(body, "model", "model", "temperature", "temperature", "top_p", "top_p", "max_output_tokens", "max_tokens",
		"stream", "stream", "parallel_tool_calls", "parallel_tool_calls", "user", "user", "metadata", "metadata",
		"service_tier", "service_tier", "prompt_cache_key", "prompt_cache_key", "top_logprobs", "top_logprobs",
		"prompt_cache_options", "prompt_cache_options", "moderation", "moderation")
	if body["store"] == false {
		delete(body, "store") // the gateway always says so
	}
	if include, ok := body["include"].([]any); ok {
		delete(body, "include")
		var more []any
		for _, what := range include {
			switch what {
			case "reasoning.encrypted_content":
			case "message.output_text.logprobs":
				q.arguments["logprobs"] = true
			default:
				more = append(more, what)
			}
		}
		if len(more) > 0 {
			q.beside(more, "include")
		}
	}
	if reasoning, ok := body["reasoning"].(map[string]any); ok {
		if effort, ok := take(reasoning, "effort"); ok {
			q.arguments["reasoning_effort"] = effort
			if reasoning["summary"] == "auto" && effort != "none" {
				delete(reasoning, "summary") // the gateway says it
			}
		}
		if len(reasoning) == 0 {
			delete(body, "reasoning")
		}
	}
	if text, ok := body["text"].(map[string]any); ok {
		if format, ok := take(text, "format"); ok {
			format := format.(map[string]any)
			if kind := takeText(format, "type"); kind == "json_schema" {
				q.arguments["response_format"] = map[string]any{"type": kind, "json_schema": format}
			} else {
				q.arguments["response_format"] = map[string]any{"type": kind}
			}
		}
		if verbosity, ok := take(text, "verbosity"); ok {
			q.set("verbosity", verbosity, "text.verbosity")
		}
		if len(text) == 0 {
			delete(body, "text")
		}
	}
	q.responsesTools(body)
	for name, value := range body {
		q.beside(value, name)
	}
}

// responsesTools reads the tools, and the choice among them.
func (q *question) responsesTools(body map[string]any) {
	listed, _ := take(body, "tools")
	var tools, own []any
	for _, tool := range objects(listed) {
		if tool["type"] != "function" {
			own = append(own, tool)
			continue
		}
		delete(tool, "type")
		function := map[string]any{}
		for _, name := range []string{"name", "description", "parameters", "strict"} {
			if value, ok := take(tool, name); ok {
				function[name] = value
			}
		}
		q.rest(tool, "tools[].")
		tools = append(tools, map[string]any{"type": "function", "function": function})
	}
	q.tools(tools, own)
	switch choice := body["tool_choice"].(type) {
	case string:
		q.arguments["tool_choice"] = choice
	case map[string]any:
		switch choice["type"] {
		case "function":
			q.arguments["tool_choice"] = map[string]any{"type": "function", "function": map[string]any{"name": choice["name"]}}
		case "allowed_tools":
			var allowed []any
			for _, tool := range objects(choice["tools"]) {
				allowed = append(allowed, map[string]any{"type": tool["type"], "function": map[string]any{"name": tool["name"]}})
			}
			q.set("tool_choice", map[string]any{
				"type": "allowed_tools", "allowed_tools": map[string]any{"mode": choice["mode"], "tools": allowed},
			}, "tool_choice")
		default:
			q.leave("tool_choice[type " + takeText(choice, "type") + "]")
		}
	}
	delete(body, "tool_choice")
}

// responsesMessages reads items as messages. What an assistant thought, said
// and called without anything between is one message; where the order is
// another, its reasoning_details tell it.
func (q *question) responsesMessages(items []map[string]any) (messages []any) {
	var turn map[string]any // of the assistant, that is open
	var details, order []any
	last := 0
	closed := func() {
		if turn == nil {
			return
		}
		if sorted := order == nil; !sorted {
			details = order
		}
		if len(details) > 0 {
			turn["reasoning_details"] = details
		}
		messages = append(messages, turn)
		turn, details, order, last = nil, nil, nil, 0
	}
	// add notes an item of the turn: its rank in the order that goes unsaid,
	// and what stands for it in one that is said.
	var marks []any
	add := func(rank int, mark any) {
		if turn == nil {
			turn, marks = map[string]any{"role": "assistant"}, nil
		}
		if marks = append(marks, mark); rank < last {
			order = marks
		} else if order != nil {
			order = marks
		}
		last = max(last, rank)
	}
	for _, item := range items {
		kind, _ := item["type"].(string)
		switch kind {
		case "reasoning":
			add(1, item)
			details = append(details, item)
		case "function_call", "custom_tool_call":
			add(3, map[string]any{"type": kind, "call_id": item["call_id"]})
			calls, _ := turn["tool_calls"].([]any)
			turn["tool_calls"] = append(calls, map[string]any{"id": item["call_id"], "type": "function", "function": map[string]any{
				"name": item["name"], "arguments": worded(item["arguments"]),
			}})
			if kind != "function_call" {
				q.leave("input[type " + kind + "]")
			}
			q.unknown(item, "input[].", "type", "call_id", "name", "arguments")
		case "function_call_output":
			closed()
			messages = append(messages, map[string]any{
				"role": "tool", "tool_call_id": item["call_id"], "content": q.responsesParts(item["output"]),
			})
			q.unknown(item, "input[].", "type", "call_id", "output")
		case "message":
			q.unknown(item, "input[].", "type", "role", "content")
			if item["role"] != "assistant" {
				closed()
				messages = append(messages, map[string]any{"role": item["role"], "content": q.responsesParts(item["content"])})
				break
			}
			if turn != nil && turn["content"] != nil {
				closed() // a second one
			}
			add(2, map[string]any{"type": "message"})
			turn["content"] = q.responsesParts(item["content"])
		default:
			q.leave("input[type " + kind + "]")
		}
	}
	closed()
	return messages
}

// unknown leaves the members of an object that are not named.
func (q *question) unknown(object map[string]any, path string, known ...string) {
	for name := range object {
		if !slices.Contains(known, name) {
			q.leave(path + name)
		}
	}
}

func (q *question) responsesParts(content any) (parts []any) {
	for _, part := range objects(content) {
		kind := takeText(part, "type")
		made := map[string]any{}
		switch kind {
		case "input_text", "output_text":
			made["type"], made["text"] = "text", takeText(part, "text")
		case "refusal":
			made["type"], made["refusal"] = "refusal", takeText(part, "refusal")
		case "input_image":
			image := map[string]any{}
			if address, ok := take(part, "image_url"); ok {
				image["url"] = address
			}
			if detail, ok := take(part, "detail"); ok {
				image["detail"] = detail
			}
			made["type"], made["image_url"] = "image_url", image
		case "input_file":
			file := map[string]any{}
			for _, name := range []string{"file_data", "file_url", "file_id", "filename"} {
				if value, ok := take(part, name); ok {
					file[name] = value
				}
			}
			made["type"], made["file"] = "file", file
		default:
			q.leave("input[].content[type " + kind + "]")
			continue
		}
		q.rest(part, "input[].content[].")
		parts = append(parts, made)
	}
	return parts
}

var coversResponses = map[string][]string{
	"max_tokens":                         {"max_output_tokens"},
	"reasoning_effort":                   {"reasoning.effort"},
	"tools[].cache_control":              nil,
	"messages[].role":                    {"input[].role"},
	"messages[].name":                    nil,
	"messages[].reasoning_details":       {"input"},
	"messages[].content[].cache_control": nil,
	"messages[].content[].file.filename": {"input[].content[].filename", "input[].output[].filename"},
	"response_format.json_schema.name":   {"text.format.name"},
}

func againResponses(body []byte) ([]byte, error) {
	body, err := withoutStream(body)
	if err != nil {
		return nil, err
	}
	var params responses.ResponseNewParams
	if err := json.Unmarshal(body, &params); err != nil {
		return nil, err
	}
	return json.Marshal(params)
}
