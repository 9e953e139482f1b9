package traffic

import (
	"encoding/json"

	"github.com/anthropics/anthropic-sdk-go"
)

// Anthropic's Messages.

// canonicalAnthropic writes contents as lists of blocks, joins neighbours of
// one role into one turn, as the API does, and leaves out what is said by
// default.
func canonicalAnthropic(body map[string]any) map[string]any {
	body = cloned(body)
	if body["stream"] == false {
		delete(body, "stream")
	}
	if system, ok := body["system"]; ok {
		body["system"] = anthropicBlocks(system)
	}
	var turns []any
	for _, message := range objects(body["messages"]) {
		message["content"] = anthropicBlocks(message["content"])
		for _, block := range objects(message["content"]) {
			if block["type"] == "tool_result" {
				if content, ok := block["content"]; ok {
					block["content"] = anthropicBlocks(content)
				}
				if block["is_error"] == false {
					delete(block, "is_error")
				}
				if content, ok := block["content"].([]any); ok && len(content) == 0 {
					delete(block, "content")
				}
			}
		}
		turns = appendTurn(turns, message, "content")
	}
	body["messages"] = turns
	functionsFirst(body, func(tool map[string]any) bool { return tool["type"] == nil || tool["type"] == "custom" })
	for _, tool := range objects(body["tools"]) {
		if tool["type"] == "custom" {
			delete(tool, "type")
		}
		for _, name := range []string{"strict", "defer_loading"} {
			if tool[name] == false {
				delete(tool, name)
			}
		}
		if tool["description"] == "" {
			delete(tool, "description")
		}
		withoutDefaultTTL(tool)
	}
	if choice, ok := body["tool_choice"].(map[string]any); ok && choice["disable_parallel_tool_use"] == false {
		delete(choice, "disable_parallel_tool_use")
	}
	if choice, ok := body["tool_choice"].(map[string]any); ok && choice["type"] == "auto" && len(choice) == 1 {
		delete(body, "tool_choice")
	}
	if tools, ok := body["tools"].([]any); ok && len(tools) == 0 {
		delete(body, "tools")
	}
	withoutDefaultTTL(body)
	return body
}

// anthropicBlocks is a content as a list.
func anthropicBlocks(content any) []any {
	if text, ok := content.(string); ok {
		return []any{map[string]any{"type": "text", "text": text}}
	}
	blocks, _ := content.([]any)
	for _, block := range objects(content) {
		withoutDefaultTTL(block)
	}
	return blocks
}

// withoutDefaultTTL leaves out the five minutes of a cache_control.
func withoutDefaultTTL(object map[string]any) {
	if control, ok := object["cache_control"].(map[string]any); ok && control["ttl"] == "5m" {
		delete(control, "ttl")
	}
}

func readAnthropicRequest(q *question, body map[string]any) {
	var messages []any
	if system, ok := take(body, "system"); ok {
		messages = append(messages, map[string]any{"role": "system", "content": q.anthropicParts(system, "messages[].content")})
	}
	turns, _ := take(body, "messages")
	for _, turn := range objects(turns) {
		messages = append(messages, q.anthropicTurn(turn)...)
	}
	q.arguments["messages"] = messages
	q.move(body, "model", "model", "max_tokens", "max_tokens", "temperature", "temperature", "top_p", "top_p",
		"top_k", "top_k", "stop_sequences", "stop", "stream", "stream", "cache_control", "cache_control", "service_tier", "service_tier")
	q.anthropicTools(body)
	output, _ := body["output_config"].(map[string]any)
	thinking, _ := body["thinking"].(map[string]any)
	if format, ok := output["format"].(map[string]any); ok && len(format) == 2 {
		delete(output, "format")
		q.arguments["response_format"] = map[string]any{
			"type": "json_schema", "json_schema": map[string]any{"name": "answer", "schema": format["schema"]},
		}
	}
	switch {
	case thinking["type"] == "disabled":
		delete(body, "thinking")
		q.arguments["reasoning_effort"] = "none"
	case thinking["type"] == "adaptive" && output["effort"] != nil:
		// The text of thoughts comes with an effort; where it has to be asked
		// for, display does that.
		delete(body, "thinking")
		q.arguments["reasoning_effort"], _ = take(output, "effort")
	}
	if len(output) == 0 {
		delete(body, "output_config")
	}
	if metadata, ok := body["metadata"].(map[string]any); ok && len(metadata) == 1 && metadata["user_id"] != nil {
		delete(body, "metadata")
		q.set("user", metadata["user_id"], "metadata.user_id")
	}
	for name, value := range body {
		q.beside(value, name)
	}
}

// anthropicTurn reads one turn: results of tools are messages of their own.
func (q *question) anthropicTurn(turn map[string]any) (messages []any) {
	role, _ := turn["role"].(string)
	message := map[string]any{"role": role}
	var said, calls, thoughts []any
	for _, block := range objects(turn["content"]) {
		switch block["type"] {
		case "tool_result":
			delete(block, "type")
			result := map[string]any{"role": "tool", "tool_call_id": takeText(block, "tool_use_id"), "content": ""}
			content, _ := take(block, "content")
			if parts := q.anthropicParts(content, "messages[].content"); len(parts) > 0 {
				result["content"] = parts
				if control, ok := take(block, "cache_control"); ok {
					parts[len(parts)-1].(map[string]any)["cache_control"] = control
				}
			}
			q.rest(block, "messages[].content[].")
			messages = append(messages, result)
		case "tool_use":
			delete(block, "type")
			input, _ := take(block, "input")
			calls = append(calls, map[string]any{"id": takeText(block, "id"), "type": "function", "function": map[string]any{
				"name": takeText(block, "name"), "arguments": worded(input),
			}})
			q.rest(block, "messages[].content[].")
		case "thinking", "redacted_thinking":
			thoughts = append(thoughts, block)
		default:
			said = append(said, q.anthropicParts([]any{block}, "messages[].content")...)
		}
	}
	if len(said) > 0 {
		message["content"] = said
	}
	if len(calls) > 0 {
		message["tool_calls"] = calls
	}
	if len(thoughts) > 0 {
		message["reasoning_details"] = thoughts
	}
	if len(message) > 1 {
		messages = append(messages, message)
	}
	return messages
}

// anthropicParts reads blocks that say or show something.
func (q *question) anthropicParts(content any, path string) (parts []any) {
	for _, block := range objects(content) {
		kind := takeText(block, "type")
		part := map[string]any{"type": kind}
		if control, ok := take(block, "cache_control"); ok {
			part["cache_control"] = control
		}
		source, _ := block["source"].(map[string]any)
		switch kind {
		case "text":
			part["text"], _ = take(block, "text")
		case "image":
			part["type"], part["image_url"] = "image_url", map[string]any{"url": anthropicAddress(source)}
			delete(block, "source")
			q.rest(source, path+"[].source.")
		case "document":
			file := map[string]any{}
			if title, ok := take(block, "title"); ok {
				file["filename"] = title
			}
			if id, ok := take(source, "file_id"); ok {
				file["file_id"] = id
				delete(source, "type")
			} else if source["type"] == "url" {
				file["file_url"] = anthropicAddress(source)
			} else {
				file["file_data"] = anthropicAddress(source)
			}
			part["type"], part["file"] = "file", file
			delete(block, "source")
			q.rest(source, path+"[].source.")
		default:
			q.leave(path + "[type " + kind + "]")
			continue
		}
		q.rest(block, path+"[].")
		parts = append(parts, part)
	}
	return parts
}

// anthropicAddress takes a source, which is an address or a thing itself.
func anthropicAddress(source map[string]any) string {
	switch takeText(source, "type") {
	case "base64":
		return dataURL(takeText(source, "media_type"), takeText(source, "data"))
	case "text":
		return dataURL(takeText(source, "media_type"), encoded(takeText(source, "data")))
	}
	return takeText(source, "url")
}

// anthropicTools reads the tools, and the choice among them.
func (q *question) anthropicTools(body map[string]any) {
	listed, _ := take(body, "tools")
	var tools, own []any
	for _, tool := range objects(listed) {
		if tool["type"] != nil {
			own = append(own, tool)
			continue
		}
		made := map[string]any{"type": "function"}
		if control, ok := take(tool, "cache_control"); ok {
			made["cache_control"] = control
		}
		function := map[string]any{}
		for _, names := range [][2]string{{"name", "name"}, {"description", "description"}, {"input_schema", "parameters"}, {"strict", "strict"}} {
			if value, ok := take(tool, names[0]); ok {
				function[names[1]] = value
			}
		}
		made["function"] = function
		q.rest(tool, "tools[].")
		tools = append(tools, made)
	}
	q.tools(tools, own)
	choice, ok := body["tool_choice"].(map[string]any)
	if !ok {
		return
	}
	delete(body, "tool_choice")
	if single, ok := take(choice, "disable_parallel_tool_use"); ok {
		q.arguments["parallel_tool_calls"] = single == false
	}
	switch kind := takeText(choice, "type"); kind {
	case "any":
		q.arguments["tool_choice"] = "required"
	case "tool":
		q.arguments["tool_choice"] = map[string]any{"type": "function", "function": map[string]any{"name": takeText(choice, "name")}}
	default:
		q.arguments["tool_choice"] = kind
	}
	q.rest(choice, "tool_choice.")
}

var coversAnthropic = map[string][]string{
	"stop":                                  {"stop_sequences"},
	"reasoning_effort":                      {"thinking", "output_config.effort"},
	"cache_control":                         {"messages[].content[].cache_control", "messages[].content[].content[].cache_control", "cache_control"},
	"parallel_tool_calls":                   {"tool_choice"},
	"tools":                                 {"tools", "tool_choice"},
	"tools[].function.strict":               {"tools[].strict"},
	"tools[].function.parameters":           {"tools[].input_schema", "tools[].description"},
	"messages[].role":                       {"messages", "system"},
	"messages[].content":                    {"messages"},
	"messages[].name":                       nil,
	"messages[].tool_calls[].id":            {"messages[].content[].id", "messages[].content[].tool_use_id"},
	"messages[].reasoning_details":          {"messages"},
	"response_format":                       {"system", "output_config.format"},
	"response_format.json_schema.schema":    {"output_config.format.schema"},
	"messages[].content[].image_url.url":    {"messages[].content[].source", "messages[].content[].content[].source"},
	"messages[].content[].image_url.detail": nil,
}

func againAnthropic(body []byte) ([]byte, error) {
	body, err := withoutStream(body)
	if err != nil {
		return nil, err
	}
	var params anthropic.MessageNewParams
	if err := json.Unmarshal(body, &params); err != nil {
		return nil, err
	}
	return json.Marshal(params)
}
