package core

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// messageNames are the fields of a message. Some only come back from an answer
// of ours that a caller sends on: they are read where they say something.
var messageNames = []string{
	"role", "content", "name", "tool_calls", "tool_call_id", "refusal",
	"reasoning_content", "reasoning", "reasoning_details", "annotations", "images", "audio",
	"function_call",
}

// messages reads the conversation.
func (a *arguments) messages() []provider.Message {
	list := unquoted(a.fields["messages"])
	all := elements(list) // once: it is a full scan
	if !list.IsArray() && !list.IsObject() || len(all) == 0 {
		a.fault("messages", given(list), `a list such as [{"role": "user", "content": "Hello"}]`)
		return nil
	}
	messages := make([]provider.Message, 0, len(all))
	for i, element := range all {
		path := "messages[" + strconv.Itoa(i) + "]"
		element = unquoted(element)
		if !element.IsObject() {
			a.fault(path, given(element), `an object such as {"role": "user", "content": "Hello"}`)
			continue
		}
		messages = append(messages, a.message(path, len(messages), element))
		if messages[len(messages)-1].Role == roleFunction {
			a.functionResult(path, messages)
		}
	}
	a.pairs(messages)
	return messages
}

// message reads one turn of the conversation, which has a place in it.
func (a *arguments) message(path string, at int, element json.Value) provider.Message {
	var message provider.Message
	var content, called json.Value
	a.each(path+".", element, messageNames, func(name string, value json.Value) {
		field := path + "." + name
		switch name {
		case "role":
			message.Role = provider.Role(value.String())
		case "name":
			message.Name = a.string(field, value)
		case "tool_call_id":
			message.ToolCallID = a.string(field, value)
		case "reasoning_content", "reasoning":
			message.Reasoning = cmp.Or(message.Reasoning, a.string(field, value)) // some send both, with the same text
		case "reasoning_details":
			for _, detail := range elements(value) {
				message.ReasoningDetails = append(message.ReasoningDetails, json.RawMessage(detail.Raw))
			}
		case "refusal":
			if text := a.string(field, value); text != "" {
				message.Parts = append(message.Parts, provider.Part{Type: provider.RefusalPart, Text: text})
			}
		case "tool_calls":
			message.ToolCalls = a.toolCalls(field, value)
		case "images":
			for i, image := range elements(value) {
				message.Images = append(message.Images, a.image(field+"["+strconv.Itoa(i)+"]", image))
			}
		case "audio":
			message.Spoken = a.spoken(field, value)
		case "function_call":
			called = a.object(field, value)
		case "content":
			content = value
		}
	})
	switch message.Role {
	case provider.System, provider.Developer, provider.User, provider.Assistant, provider.RoleTool, roleFunction:
	default:
		a.fault(path+".role", given(element.Get("role")), "system, developer, user, assistant or tool")
	}
	if len(message.ToolCalls) > 0 && message.Role != provider.Assistant {
		a.fault(path+".tool_calls", "calls in a message of role "+shorten(string(message.Role)), "calls in an assistant's message")
	}
	if message.Role == provider.RoleTool && message.ToolCallID == "" {
		a.fault(path+".tool_call_id", "nothing", "the id of the call that this is the result of")
	}
	// Some servers write an empty function_call into every message.
	if called.Get("name").String() != "" || called.Get("arguments").String() != "" {
		a.functionCall(path, at, called, &message)
	}
	made := len(message.Images) > 0 || message.Spoken != nil
	if made && message.Role != provider.Assistant {
		a.fault(path, "images or audio beside content, of role "+shorten(string(message.Role)), "parts of content such as "+partAllowed[len("a part such as "):])
	}
	// An assistant that calls tools, thinks, shows or refuses need not say anything.
	silent := made || len(message.ToolCalls) > 0 || len(message.Parts) > 0 || len(message.ReasoningDetails) > 0
	if !silent || !isEmpty(content) {
		message.Parts = append(a.parts(path+".content", content), message.Parts...)
	}
	return message
}

// roleFunction is the role that results had until 2023.
const roleFunction provider.Role = "function"

// functionCall makes a tool call of function_call, the one call that a message
// could have until 2023. An id is not known there: it is the place in the
// conversation, which the same conversation always has.
func (a *arguments) functionCall(path string, at int, called json.Value, message *provider.Message) {
	switch {
	case message.Role != provider.Assistant:
		a.fault(path+".function_call", "a call in a message of role "+shorten(string(message.Role)), "a call in an assistant's message")
		return
	case len(message.ToolCalls) > 0:
		a.fault(path+".function_call", "a call", "nothing beside tool_calls, its newer name")
		return
	}
	message.ToolCalls = []provider.ToolCall{a.toolCall(path+".function_call", legacyID(at), called)}
	a.adapted("messages[].function_call", "renamed", "it went as tool_calls, its newer name")
}

// functionResult makes the latest message, of the role function, the result of
// the call in the message before.
func (a *arguments) functionResult(path string, messages []provider.Message) {
	at := len(messages) - 1
	message := &messages[at]
	message.Role = provider.RoleTool
	a.adapted("messages[].role", "renamed", "function went as tool, its newer name")
	if at > 0 && len(messages[at-1].ToolCalls) == 1 {
		call := messages[at-1].ToolCalls[0]
		if call.Function != nil && message.Name == call.Function.Name && call.ID == legacyID(at-1) {
			message.Name, message.ToolCallID = "", call.ID
		}
	}
	if message.ToolCallID == "" {
		a.fault(path+".name", strconv.Quote(shorten(message.Name)), "the name of the function_call in the message before")
	}
}

// legacyID is the id of a call that came without one.
func legacyID(at int) string { return "call_" + strconv.Itoa(at) }

// isEmpty knows the content of a message that says nothing.
func isEmpty(content json.Value) bool {
	switch {
	case content.Type == json.String:
		return content.Str == ""
	case content.IsArray():
		empty := true
		content.ForEach(func(_, _ json.Value) bool { empty = false; return false })
		return empty
	}
	return !content.Exists()
}

// string reads a string that stands at a path.
func (a *arguments) string(path string, value json.Value) string {
	if value.Type != json.String {
		a.fault(path, given(value), "a string")
	}
	return value.String()
}

// toolCalls reads the calls that an assistant's message asked for.
func (a *arguments) toolCalls(path string, list json.Value) []provider.ToolCall {
	var calls []provider.ToolCall
	for i, element := range elements(unquoted(list)) {
		path := path + "[" + strconv.Itoa(i) + "]"
		id := element.Get("id")
		if id.String() == "" {
			a.fault(path+".id", given(id), "the id that the call came with")
		}
		var call provider.ToolCall
		if custom := element.Get("custom"); custom.IsObject() && !element.Get("function").IsObject() {
			call = a.customCall(path+".custom", id.String(), custom)
		} else {
			call = a.toolCall(path+".function", id.String(), element.Get("function"))
		}
		if extra := element.Get("extra_content"); extra.IsObject() {
			call.ExtraContent = json.RawMessage(extra.Raw)
		}
		calls = append(calls, call)
	}
	return calls
}

// toolCall reads the call of a function.
func (a *arguments) toolCall(path, id string, function json.Value) provider.ToolCall {
	call := provider.ToolCall{ID: id, Type: "function", Function: &provider.FunctionCall{Name: function.Get("name").String()}}
	if call.Function.Name == "" {
		a.fault(path+".name", given(function.Get("name")), "the name of the function")
	}
	// The text of an object, as the model wrote it; some clients send the object.
	switch arguments := function.Get("arguments"); {
	case arguments.IsObject():
		call.Function.Arguments = arguments.Raw
	case strings.TrimSpace(arguments.String()) == "":
		call.Function.Arguments = "{}"
	case arguments.Type == json.String && json.Valid([]byte(arguments.String())) && json.Parse([]byte(arguments.String())).IsObject():
		call.Function.Arguments = arguments.String()
	default:
		a.fault(path+".arguments", given(arguments), "the text of a JSON object")
	}
	return call
}

// customCall reads the call of a custom tool of OpenAI's, whose input is free text.
func (a *arguments) customCall(path, id string, custom json.Value) provider.ToolCall {
	call := &provider.CustomCall{Name: custom.Get("name").String()}
	if call.Name == "" {
		a.fault(path+".name", given(custom.Get("name")), "the name of the tool")
	}
	if input := custom.Get("input"); input.Exists() {
		call.Input = a.string(path+".input", input)
	}
	return provider.ToolCall{ID: id, Type: "custom", Custom: call}
}

// pairs checks that every call has one result, and every result a call: all
// providers refuse anything else, in words that say little.
func (a *arguments) pairs(messages []provider.Message) {
	open := map[string]bool{} // ids of the latest calls without a result
	var order []string
	missing := func() {
		for _, id := range order {
			if open[id] {
				a.note("messages: the tool call " + strconv.Quote(shorten(id)) + " has no result; allowed: one message of role tool for each call, right after the assistant's message")
			}
		}
		clear(open)
		order = nil
	}
	for i, message := range messages {
		if message.Role == provider.RoleTool {
			if !open[message.ToolCallID] && message.ToolCallID != "" {
				a.fault("messages["+strconv.Itoa(i)+"].tool_call_id", strconv.Quote(shorten(message.ToolCallID)), "the id of a call in the assistant's message before, once")
			}
			open[message.ToolCallID] = false
			continue
		}
		missing()
		for _, call := range message.ToolCalls {
			if call.ID == "" {
				continue // told already
			}
			if open[call.ID] {
				a.fault("messages["+strconv.Itoa(i)+"].tool_calls", "the id "+strconv.Quote(shorten(call.ID))+" twice", "an id of its own for each call")
			}
			open[call.ID] = true
			order = append(order, call.ID)
		}
	}
	missing()
}

// partAllowed is what may stand in a list of content.
const partAllowed = `a part such as {"type": "text", "text": "Hello"} or {"type": "image_url", "image_url": {"url": "https://..."}}`

// parts reads a message's content.
func (a *arguments) parts(path string, content json.Value) []provider.Part {
	if content.Type == json.String {
		return []provider.Part{{Type: provider.TextPart, Text: content.String()}}
	}
	all := elements(content) // once: it is a full scan
	if !content.IsArray() && !content.IsObject() || len(all) == 0 {
		a.fault(path, given(content), "a string, or a list of parts such as "+partAllowed[len("a part such as "):])
		return nil
	}
	parts := make([]provider.Part, 0, len(all))
	for i, element := range all {
		path := path + "[" + strconv.Itoa(i) + "]"
		if element.Type == json.String {
			parts = append(parts, provider.Part{Type: provider.TextPart, Text: element.String()})
			continue
		}
		if !element.IsObject() {
			a.fault(path, given(element), partAllowed)
			continue
		}
		parts = append(parts, a.part(path, element))
	}
	return parts
}

// part reads one part: its type, and what stands under the type's name.
func (a *arguments) part(path string, element json.Value) provider.Part {
	part := provider.Part{Type: provider.PartType(element.Get("type").String())}
	name := string(part.Type)
	switch part.Type {
	case provider.TextPart, provider.RefusalPart, provider.ImagePart, provider.AudioPart, provider.FilePart, provider.VideoPart:
	default:
		a.fault(path+".type", given(element.Get("type")), "text, image_url, input_audio, file, video_url or refusal")
		return part
	}
	var content json.Value
	a.each(path+".", element, partNames, func(field string, value json.Value) {
		switch field {
		case "type":
		case name:
			content = value
		case "cache_control":
			part.CacheControl = a.cacheControl(path+".cache_control", value)
		default:
			a.fault(path+"."+field, given(value), "nothing, in a part of type "+name)
		}
	})
	path += "." + name
	switch part.Type {
	case provider.TextPart, provider.RefusalPart:
		part.Text = a.string(path, content)
	case provider.ImagePart, provider.VideoPart:
		if content.Type == json.String {
			part.Media = a.media(path, content)
			break
		}
		a.each(path+".", a.object(path, content), []string{"url", "detail", "format"}, func(field string, value json.Value) {
			switch field {
			case "url":
				part.Media = merged(part.Media, a.media(path+".url", value))
			case "detail":
				part.Media.Detail = a.string(path+".detail", value)
				if !slices.Contains([]string{"", "low", "high", "auto", "original"}, part.Media.Detail) {
					a.fault(path+".detail", given(value), "low, high, auto, original")
				}
			case "format":
				part.Media.Type = a.string(path+".format", value)
			}
		})
		if content.IsObject() && content.Get("url").Type == json.Null {
			a.fault(path+".url", given(content.Get("url")), "an https:// URL or a data: URL")
		}
	case provider.AudioPart:
		a.each(path+".", a.object(path, content), []string{"data", "format"}, func(field string, value json.Value) {
			switch field {
			case "data":
				part.Media.Data = a.base64(path+".data", value)
			case "format":
				part.Media.Type = "audio/" + a.string(path+".format", value)
			}
		})
		if part.Media.Data == "" || part.Media.Type == "" {
			a.fault(path, "no data or no format", `{"data": base64, "format": "wav" or "mp3"}`)
		}
	case provider.FilePart:
		a.each(path+".", a.object(path, content), []string{"file_data", "file_url", "file_id", "filename"}, func(field string, value json.Value) {
			switch field {
			case "file_data", "file_url":
				part.Media = merged(part.Media, a.media(path+"."+field, value))
			case "file_id":
				part.Media.ID = a.string(path+".file_id", value)
			case "filename":
				part.Media.Filename = a.string(path+".filename", value)
			}
		})
		if part.Media.URL == "" && part.Media.Data == "" && part.Media.ID == "" {
			a.fault(path, "no file", `{"file_data": "data:application/pdf;base64,...", "filename": "a.pdf"}, or file_id or file_url in its place`)
		}
	}
	return part
}

// image reads an image that an assistant's message brought.
func (a *arguments) image(path string, element json.Value) provider.Part {
	url := element.Get("image_url")
	if url.IsObject() {
		url = url.Get("url")
	}
	return provider.Part{Type: provider.ImagePart, Media: a.media(path+".image_url.url", url)}
}

// spoken reads the audio that an assistant's message brought. Some servers
// write one of empty fields.
func (a *arguments) spoken(path string, value json.Value) *provider.Spoken {
	value = a.object(path, value)
	spoken := &provider.Spoken{ID: value.Get("id").String(), Transcript: value.Get("transcript").String()}
	if data := value.Get("data"); data.String() != "" {
		spoken.Media = provider.Media{Data: a.base64(path+".data", data), Type: value.Get("mime_type").String()}
	}
	if *spoken == (provider.Spoken{}) {
		return nil
	}
	return spoken
}

// partNames are the fields of all parts. Some clients send those of other types
// as null.
var partNames = []string{"type", "text", "image_url", "input_audio", "file", "video_url", "refusal", "cache_control"}

// cacheControl reads the mark of what a provider should keep.
func (a *arguments) cacheControl(path string, value json.Value) json.RawMessage {
	if !value.IsObject() || value.Get("type").String() != "ephemeral" {
		a.fault(path, given(value), `{"type": "ephemeral"}, with a ttl or without`)
	}
	return json.Compact([]byte(value.Raw))
}

// object is the value, if it is an object.
func (a *arguments) object(path string, value json.Value) json.Value {
	if value = unquoted(value); !value.IsObject() {
		a.fault(path, given(value), "an object")
		return json.Value{}
	}
	return value
}

// merged keeps what was known of a medium beside where it is.
func merged(known, found provider.Media) provider.Media {
	known.URL, known.Data = found.URL, found.Data
	if found.Type != "" {
		known.Type = found.Type
	}
	return known
}

// media reads a URL: where something is, or the thing itself as a data URL.
func (a *arguments) media(path string, value json.Value) (media provider.Media) {
	text := a.string(path, value)
	scheme, rest, _ := strings.Cut(text, ":")
	switch strings.ToLower(scheme) {
	case "https", "http", "gs":
		media.URL = text
	case "data":
		kind, data, found := strings.Cut(rest, ",")
		kind, encoded := strings.CutSuffix(kind, ";base64")
		kind, _, _ = strings.Cut(kind, ";")
		if !found || !encoded || kind == "" {
			a.fault(path, "a data: URL of another form", "data:TYPE;base64,DATA")
			break
		}
		media.Type, media.Data = strings.ToLower(kind), data
		a.checkBase64(path, data)
	default:
		a.fault(path, given(value), "an https:// URL or a data: URL")
	}
	return media
}

// base64 reads data that stands without a URL around it.
func (a *arguments) base64(path string, value json.Value) string {
	text := a.string(path, value)
	if rest, ok := strings.CutPrefix(text, "data:"); ok {
		_, text, _ = strings.Cut(rest, ",")
	}
	a.checkBase64(path, text)
	return text
}

// checkBase64 looks for what no base64 holds. It is not decoded: images are
// large, and the provider will.
func (a *arguments) checkBase64(path, data string) {
	data = strings.TrimRight(data, "=")
	for i := range len(data) {
		switch c := data[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '+', c == '/':
		default:
			a.fault(path, strconv.Quote(string(rune(c)))+" at byte "+strconv.Itoa(i)+" of the data", "base64")
			return
		}
	}
	if data == "" {
		a.fault(path, "no data", "base64")
	}
}
