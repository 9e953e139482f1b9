package provider

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// conversation writes the messages as contents. Neighbours of one role become
// one content; parts are never joined, since a thoughtSignature belongs to its
// part alone. Results of tools keep a content of their own, as Gemini counts
// them against the calls before; two contents of the user in a row were
// recorded to work.
func (e *geminiEncoding) conversation(messages []Message) *Error {
	var system []any
	var calls []ToolCall // of the latest message that calls
	var results []Message
	for i, message := range messages {
		at := "messages[" + strconv.Itoa(i) + "]"
		if message.Name != "" {
			e.adjusted.note("messages[].name", "dropped", "Gemini's messages carry no names")
		}
		if message.Role == RoleTool {
			results = append(results, message)
			if i == len(messages)-1 || messages[i+1].Role != RoleTool {
				if fault := e.results(calls, results); fault != nil {
					return fault
				}
				results = nil
			}
			continue
		}
		switch message.Role {
		case System, Developer:
			parts, fault := e.systemParts(at, message.Parts, len(e.wire.Contents) > 0)
			if fault != nil {
				return fault
			}
			if len(e.wire.Contents) == 0 {
				system = append(system, parts...)
			} else {
				e.turn("user", parts)
			}
		case Assistant:
			if len(message.ToolCalls) > 0 {
				calls = message.ToolCalls
			}
			parts, fault := e.answer(at, message)
			if fault != nil {
				return fault
			}
			e.turn("model", parts)
		default:
			parts, fault := e.parts(at+".content", message.Parts)
			if fault != nil {
				return fault
			}
			e.turn("user", parts)
		}
	}
	return e.instruct(system)
}

// turn adds parts, to the last content if that is of the same role.
func (e *geminiEncoding) turn(role string, parts []any) {
	if len(parts) == 0 {
		return
	}
	if last := len(e.wire.Contents) - 1; last >= 0 && e.wire.Contents[last].Role == role && !e.ofResults(last) {
		e.wire.Contents[last].Parts = append(e.wire.Contents[last].Parts, parts...)
		return
	}
	e.wire.Contents = append(e.wire.Contents, geminiContent{role, parts})
}

// ofResults reports whether a content holds results of tools.
func (e *geminiEncoding) ofResults(at int) bool {
	part, ok := e.wire.Contents[at].Parts[0].(geminiPart)
	return ok && part.FunctionResponse != nil
}

// systemParts writes a system message. One inside the conversation has no
// equivalent: moved to the top it would come before what it follows.
func (e *geminiEncoding) systemParts(at string, parts []Part, inside bool) (texts []any, fault *Error) {
	for _, part := range parts {
		if part.Type != TextPart && part.Type != RefusalPart {
			return nil, &Error{
				Kind: InvalidRequest, Message: at + ".content: got a part of type " + string(part.Type) + " in a message of role system, allowed: text, since Gemini's instructions are text",
				Next: "Move it into a user's message.",
			}
		}
		e.uncached(part)
		if part.Text == "" {
			e.adjusted.note("messages[].content", "dropped", "Gemini takes no empty text")
			continue
		}
		text := part.Text
		if inside {
			text = "<system>" + text + "</system>"
			e.adjusted.note("messages[].role", "renamed", "Gemini takes system messages at the beginning only: one inside the conversation went into the user's turn as <system> text")
		}
		texts = append(texts, textPart(text))
	}
	return texts, nil
}

// instruct ends the contents with what the system messages at the beginning
// said, and sees that the contents are some that Gemini takes.
func (e *geminiEncoding) instruct(system []any) *Error {
	switch {
	case len(system) == 0:
	case len(e.wire.Contents) == 0:
		e.turn("user", system)
		e.adjusted.note("messages[].role", "renamed", "Gemini wants at least one message of a user: the system messages were sent as one")
	case e.model.systemInstruction():
		e.wire.SystemInstruction = &geminiContent{Parts: system}
	default:
		if first := &e.wire.Contents[0]; first.Role == "user" {
			first.Parts = append(system, first.Parts...)
		} else {
			e.wire.Contents = append([]geminiContent{{"user", system}}, e.wire.Contents...)
		}
		e.adjusted.note("messages[].role", "moved", e.name+" takes no system messages: they went to the beginning of the user's")
	}
	if len(e.wire.Contents) == 0 {
		return &Error{
			Kind: InvalidRequest, Message: "messages: got nothing but empty content, allowed: at least one message that says something",
			Next: "Write something in a message.",
		}
	}
	if first := e.wire.Contents[0]; first.Role == "model" {
		for _, part := range first.Parts {
			if call, ok := part.(geminiPart); ok && call.FunctionCall != nil {
				// 400 "function call turn comes immediately after a user turn"
				e.wire.Contents = append([]geminiContent{{"user", []any{textPart(".")}}}, e.wire.Contents...)
				e.adjusted.note("messages", "added", "Gemini wants a user's message before the first call: one with a full stop was put there")
				break
			}
		}
	}
	return nil
}

func textPart(text string) geminiPart { return geminiPart{Text: &text} }

// parts writes what a user's message holds.
func (e *geminiEncoding) parts(at string, parts []Part) (wire []any, fault *Error) {
	for i, part := range parts {
		e.uncached(part)
		if part.Type != TextPart && part.Type != RefusalPart {
			media, fault := e.media(at+"["+strconv.Itoa(i)+"]", part)
			if fault != nil {
				return nil, fault
			}
			wire = append(wire, media)
			continue
		}
		if part.Text == "" {
			e.adjusted.note("messages[].content", "dropped", "Gemini takes no empty text")
			continue
		}
		wire = append(wire, textPart(part.Text))
	}
	return wire, nil
}

// uncached notes a mark that has no equivalent: what Gemini keeps by name is
// made beforehand, and named by cachedContent.
func (e *geminiEncoding) uncached(part Part) {
	if part.CacheControl != nil {
		e.adjusted.note("messages[].content[].cache_control", "dropped", "Gemini keeps prefixes by itself")
	}
}

// answer writes a message of the assistant's: its parts in the order in which
// they came, as far as the details tell it, each with its signature.
func (e *geminiEncoding) answer(at string, message Message) (wire []any, fault *Error) {
	calls, fault := e.calls(at, message.ToolCalls)
	if fault != nil {
		return nil, fault
	}
	details := readGeminiDetails(message.ReasoningDetails)
	switch {
	case len(details) < len(message.ReasoningDetails):
		e.adjusted.note("messages[].reasoning_details", "dropped", "the reasoning is of another API, which alone can read it")
	case len(details) == 0 && message.Reasoning != "":
		e.adjusted.note("messages[].reasoning_content", "dropped", "Gemini takes back only what came as reasoning_details")
	}
	images := slices.Clip(message.Images)
	switch spoken := message.Spoken; {
	case spoken == nil:
	case spoken.Media.Type != "":
		images = append(images, Part{Type: AudioPart, Media: spoken.Media})
	default:
		message.Images = nil
		message.Parts = e.adjusted.silenced(message, "Gemini")
	}
	if len(details) == 0 {
		wire, fault = e.parts(at+".content", slices.Concat(message.Parts, images))
		return append(wire, calls...), fault
	}
	var content strings.Builder
	media := images
	for _, part := range message.Parts {
		if part.Type == TextPart || part.Type == RefusalPart {
			content.WriteString(part.Text)
		} else {
			media = append(media, part)
		}
		e.uncached(part)
	}
	shown, fault := e.parts(at+".content", media)
	if fault != nil {
		return nil, fault
	}
	rest, called := content.String(), 0
	// A caller may have changed the text: positions are only where to look.
	take := func(n int) string {
		n = max(0, min(n, len(rest)))
		for n < len(rest) && n > 0 && rest[n]&0xC0 == 0x80 {
			n-- // not into the middle of a character
		}
		text := rest[:n]
		rest = rest[n:]
		return text
	}
	for _, detail := range details {
		if text := take(detail.Content - (content.Len() - len(rest))); text != "" {
			wire = append(wire, textPart(text))
		}
		for ; called < min(detail.Calls, len(calls)); called++ {
			wire = append(wire, calls[called])
		}
		switch {
		case detail.Type == geminiPartDetail:
			wire = append(wire, detail.Value)
		case detail.Part == "text":
			text := take(detail.Length)
			wire = append(wire, geminiPart{Text: &text, ThoughtSignature: detail.Signature})
		case detail.Part == "thought":
			wire = append(wire, geminiPart{Text: &detail.Text, Thought: true, ThoughtSignature: detail.Signature})
		case detail.Part == "image" && detail.Length < len(shown):
			if part, ok := shown[detail.Length].(geminiPart); ok {
				part.ThoughtSignature = detail.Signature
				shown[detail.Length] = part
			}
		}
	}
	if rest != "" {
		wire = append(wire, textPart(rest))
	}
	return append(append(wire, shown...), calls[called:]...), nil
}

// calls writes the calls that a message of the assistant's asked for. Since
// Gemini 3 the first call of a message needs the signature that it came with;
// for one that has none Google documents a stand-in.
// https://ai.google.dev/gemini-api/docs/thought-signatures#faqs
func (e *geminiEncoding) calls(at string, calls []ToolCall) (wire []any, fault *Error) {
	for i, call := range calls {
		function := geminiFunctionCall{ID: call.ID, Args: json.RawMessage("{}")}
		switch {
		case call.Function != nil:
			function.Name = call.Function.Name
			if arguments := strings.TrimSpace(call.Function.Arguments); arguments != "" {
				if !json.Valid([]byte(arguments)) || !json.Parse([]byte(arguments)).IsObject() {
					return nil, &Error{
						Kind: InvalidRequest, Message: at + ".tool_calls[" + strconv.Itoa(i) + "].function.arguments: got text that is no JSON object, allowed: the text of a JSON object",
						Next: "Correct the arguments, or leave the call and its result out.",
					}
				}
				function.Args = json.Compact([]byte(arguments))
			}
		case call.Custom != nil:
			function.Name = call.Custom.Name
			input, err := json.Marshal(call.Custom.Input)
			if err != nil {
				input = []byte(`""`)
			}
			function.Args = append(append([]byte(`{"input":`), input...), '}')
			e.adjusted.note("messages[].tool_calls[].custom", "renamed", "Gemini knows functions only: the input went as an argument of that name")
		}
		part := geminiPart{FunctionCall: &function}
		if len(call.ExtraContent) > 0 {
			part.ThoughtSignature = text(json.Parse(call.ExtraContent).Get("google.thought_signature"))
		}
		if part.ThoughtSignature == "" && i == 0 && e.model.signed() {
			part.ThoughtSignature = noSignature
			e.adjusted.note("messages[].tool_calls[].extra_content", "added", e.name+" wants the thought signature of a call: for one that came without it went Google's stand-in")
		}
		wire = append(wire, part)
	}
	return wire, nil
}

// noSignature says skip_thought_signature_validator, in base64 since the field
// holds bytes.
const noSignature = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="

// results writes the results of one message's calls as one content, in the
// order of the calls. The name is the call's; what a message of a tool lacks is
// looked up there.
func (e *geminiEncoding) results(calls []ToolCall, results []Message) *Error {
	var parts, shown []any
	answered := 0
	for _, call := range calls {
		for _, result := range results {
			if result.ToolCallID != call.ID {
				continue
			}
			name := ""
			if call.Function != nil {
				name = call.Function.Name
			} else if call.Custom != nil {
				name = call.Custom.Name
			}
			response := &geminiFunctionResponse{ID: call.ID, Name: name}
			more, fault := e.result(response, result.Parts)
			if fault != nil {
				return fault
			}
			parts, shown = append(parts, geminiPart{FunctionResponse: response}), append(shown, more...)
			answered++
		}
	}
	if answered != len(results) {
		return &Error{
			Kind: InvalidRequest, Message: "messages[].tool_call_id: got a result without its call, allowed: the ids of calls in the assistant's message before, once each, since Gemini wants the function's name",
			Next: "Send the assistant's message with the call as well, or leave the result out.",
		}
	}
	e.wire.Contents = append(e.wire.Contents, geminiContent{"user", parts})
	if len(shown) > 0 {
		e.wire.Contents = append(e.wire.Contents, geminiContent{"user", shown})
		e.adjusted.note("messages[].content", "moved", e.name+" takes such media of tools in a user's message only: one follows")
	}
	return nil
}

// result writes what one tool gave: a JSON object as it is, any other text as
// its output. Media that the model does not take there are returned.
func (e *geminiEncoding) result(response *geminiFunctionResponse, parts []Part) (shown []any, fault *Error) {
	var texts []string
	for _, part := range parts {
		e.uncached(part)
		if part.Type == TextPart || part.Type == RefusalPart {
			texts = append(texts, part.Text)
			continue
		}
		media, fault := e.media("messages[].content[]", part)
		if fault != nil {
			return nil, fault
		}
		if media.InlineData != nil && e.model.showsMedia(media.InlineData.MIMEType) {
			response.Parts = append(response.Parts, media)
		} else {
			shown = append(shown, media)
		}
	}
	output := strings.Join(texts, "\n")
	if json.Valid([]byte(output)) && json.Parse([]byte(output)).IsObject() {
		response.Response = json.Compact([]byte(output))
		return shown, nil
	}
	if len(texts) == 0 && len(shown) > 0 {
		output = "See the user's message that follows."
	}
	response.Response = json.RawMessage("{}")
	if output != "" || len(response.Parts) == 0 {
		quoted, err := json.Marshal(output)
		if err != nil {
			quoted = []byte(`""`)
		}
		response.Response = append(append([]byte(`{"output":`), quoted...), '}')
	}
	return shown, nil
}
