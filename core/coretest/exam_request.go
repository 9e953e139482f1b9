package coretest

import (
	"fmt"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// ReadRequest reads the body of a request of a wire form as lines, one for each
// thing said, in order, in words that are the same for all forms:
//
//	system text Be brief.
//	user text Hi
//	user image image/png iVBORw0KGgo=
//	user file application/pdf JVBERi0=
//	assistant thought reasoning_content I should look.
//	assistant call ID weather {"city":"Paris"}
//	result ID sunny
//	tool weather {"type":"object"}
//	schema {"type":"object"}
//
// It shares no code with the gateway. What is not in the form's own shape has no
// line: so an image that is written as another form has it is not there.
func ReadRequest(form string, body []byte) []string {
	r := requestReading{}
	value := json.Parse(body)
	switch form {
	case "openai-chat":
		r.chat(value)
	case "openai-responses":
		r.responses(value)
	case "anthropic":
		r.anthropic(value)
	case "gemini":
		r.gemini(value)
	}
	return r.lines
}

type requestReading struct{ lines []string }

func (r *requestReading) add(words ...string) { r.lines = append(r.lines, strings.Join(words, " ")) }

// addText adds a text, or the texts of a list of parts.
func (r *requestReading) addText(role string, content json.Value, kinds string) {
	if content.Type == json.String {
		r.add(role, "text", content.String())
		return
	}
	for _, part := range elements(content) {
		if strings.Contains(kinds, part.Get("type").String()) && part.Get("text").Exists() {
			r.add(role, "text", part.Get("text").String())
		}
	}
}

// elements are the elements of a list, and none of anything else.
func elements(list json.Value) []json.Value {
	if list.IsArray() {
		return list.Array()
	}
	return nil
}

// plainText is a text, or the texts of a list joined.
func plainText(content json.Value) string {
	if content.Type == json.String {
		return content.String()
	}
	var all []string
	for _, part := range elements(content) {
		all = append(all, part.Get("text").String())
	}
	return strings.Join(all, "")
}

// media takes a data URL apart; an address stays one.
func media(url string) string {
	if data, ok := strings.CutPrefix(url, "data:"); ok {
		return strings.Replace(data, ";base64,", " ", 1)
	}
	return url
}

func (r *requestReading) chat(body json.Value) {
	for _, message := range elements(body.Get("messages")) {
		role, content := message.Get("role").String(), message.Get("content")
		if role == "tool" {
			r.add("result", message.Get("tool_call_id").String(), plainText(content))
			continue
		}
		for _, name := range []string{"reasoning_content", "reasoning"} {
			if thought := message.Get(name); thought.Exists() {
				r.add(role, "thought", name, thought.String())
			}
		}
		if details := message.Get("reasoning_details"); details.Exists() {
			r.add(role, "thought reasoning_details", details.Raw)
		}
		if content.Type == json.String {
			r.addText(role, content, "")
		}
		for _, part := range elements(content) {
			switch part.Get("type").String() {
			case "text":
				r.add(role, "text", part.Get("text").String())
			case "image_url":
				r.add(role, "image", media(part.Get("image_url.url").String()))
			case "file":
				r.add(role, "file", media(part.Get("file.file_data").String()))
			case "document_url":
				r.add(role, "file", media(part.Get("document_url").String()))
			}
		}
		for _, call := range elements(message.Get("tool_calls")) {
			r.add(role, "call", call.Get("id").String(), call.Get("function.name").String(), call.Get("function.arguments").String())
		}
	}
	for _, tool := range elements(body.Get("tools")) {
		r.add("tool", tool.Get("function.name").String(), tool.Get("function.parameters").Raw)
	}
	if schema := body.Get("response_format.json_schema.schema"); schema.Exists() {
		r.add("schema", schema.Raw)
	}
}

func (r *requestReading) responses(body json.Value) {
	if instructions := body.Get("instructions"); instructions.Type == json.String {
		r.add("system text", instructions.String())
	}
	if input := body.Get("input"); input.Type == json.String {
		r.add("user text", input.String())
	}
	for _, item := range elements(body.Get("input")) {
		role := item.Get("role").String()
		switch item.Get("type").String() {
		case "reasoning":
			r.add("assistant thought", item.Raw)
		case "function_call":
			r.add("assistant call", item.Get("call_id").String(), item.Get("name").String(), item.Get("arguments").String())
		case "function_call_output":
			r.add("result", item.Get("call_id").String(), plainText(item.Get("output")))
		case "message", "":
			if content := item.Get("content"); content.Type == json.String {
				r.add(role, "text", content.String())
			}
			for _, part := range elements(item.Get("content")) {
				switch part.Get("type").String() {
				case "input_text", "output_text":
					if (role == "assistant") == (part.Get("type").String() == "output_text") {
						r.add(role, "text", part.Get("text").String())
					}
				case "input_image":
					r.add(role, "image", media(part.Get("image_url").String()))
				case "input_file":
					r.add(role, "file", media(part.Get("file_data").String()))
				}
			}
		}
	}
	for _, tool := range elements(body.Get("tools")) {
		r.add("tool", tool.Get("name").String(), tool.Get("parameters").Raw)
	}
	if body.Get("text.format.type").String() == "json_schema" {
		r.add("schema", body.Get("text.format.schema").Raw)
	}
}

func (r *requestReading) anthropic(body json.Value) {
	r.addText("system", body.Get("system"), "text")
	for _, message := range elements(body.Get("messages")) {
		role := message.Get("role").String()
		if content := message.Get("content"); content.Type == json.String {
			r.add(role, "text", content.String())
		}
		for _, block := range elements(message.Get("content")) {
			source := block.Get("source")
			held := source.Get("media_type").String() + " " + source.Get("data").String()
			if source.Get("type").String() == "url" {
				held = source.Get("url").String()
			}
			switch block.Get("type").String() {
			case "text":
				r.add(role, "text", block.Get("text").String())
			case "image":
				r.add(role, "image", held)
			case "document":
				r.add(role, "file", held)
			case "thinking", "redacted_thinking":
				r.add(role, "thought", block.Raw)
			case "tool_use":
				r.add(role, "call", block.Get("id").String(), block.Get("name").String(), block.Get("input").Raw)
			case "tool_result":
				r.add("result", block.Get("tool_use_id").String(), plainText(block.Get("content")))
			}
		}
	}
	for _, tool := range elements(body.Get("tools")) {
		r.add("tool", tool.Get("name").String(), tool.Get("input_schema").Raw)
	}
	if body.Get("output_config.format.type").String() == "json_schema" {
		r.add("schema", body.Get("output_config.format.schema").Raw)
	}
}

// gemini reads calls and results, which may have no ids, by their order.
func (r *requestReading) gemini(body json.Value) {
	for _, part := range elements(body.Get("systemInstruction.parts")) {
		r.add("system text", part.Get("text").String())
	}
	calls, results := 0, 0
	id := func(given json.Value, count *int) string {
		*count++
		if given.Exists() {
			return given.String()
		}
		return fmt.Sprintf("#%d", *count)
	}
	for _, content := range elements(body.Get("contents")) {
		role := content.Get("role").String()
		if role == "model" {
			role = "assistant"
		}
		for _, part := range elements(content.Get("parts")) {
			if signature := part.Get("thoughtSignature"); signature.Exists() {
				r.add(role, "thought", signature.String())
			}
			data, call, result := part.Get("inlineData"), part.Get("functionCall"), part.Get("functionResponse")
			held := data.Get("mimeType").String() + " " + data.Get("data").String()
			switch {
			case call.Exists():
				r.add(role, "call", id(call.Get("id"), &calls), call.Get("name").String(), call.Get("args").Raw)
			case result.Get("name").String() != "" && result.Get("response").IsObject():
				said := result.Get("response.output")
				if !said.Exists() {
					said = result.Get("response")
				}
				r.add("result", id(result.Get("id"), &results), said.String())
			case strings.HasPrefix(held, "image/"):
				r.add(role, "image", held)
			case data.Exists():
				r.add(role, "file", held)
			case part.Get("text").String() != "" && !part.Get("thought").Bool():
				r.add(role, "text", part.Get("text").String())
			}
		}
	}
	for _, tool := range elements(body.Get("tools")) {
		for _, function := range elements(tool.Get("functionDeclarations")) {
			schema := function.Get("parametersJsonSchema").Raw
			if schema == "" {
				schema = function.Get("parameters").Raw
			}
			r.add("tool", function.Get("name").String(), schema)
		}
	}
	if body.Get("generationConfig.responseMimeType").String() == "application/json" {
		if schema := body.Get("generationConfig.responseJsonSchema"); schema.Exists() {
			r.add("schema", schema.Raw)
		}
	}
}
