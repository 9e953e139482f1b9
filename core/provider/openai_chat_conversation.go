package provider

import (
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// conversation writes the messages.
func (e *openAIChatEncoding) conversation(request *Request) *Error {
	messages := e.led(request.Messages)
	joined := len(request.Messages) - len(messages)
	var shown []Part // images of tools, which a user's message has to show
	show := func() *Error {
		content, fault := e.content("messages[].content", shown)
		if len(shown) > 0 && fault == nil {
			e.wire.Messages = append(e.wire.Messages, openAIChatMessage{Role: User, Content: content})
			shown = nil
		}
		return fault
	}
	for i, message := range messages {
		if message.Role != RoleTool {
			if fault := show(); fault != nil {
				return fault
			}
		}
		wire := openAIChatMessage{Role: message.Role, Name: message.Name}
		switch speaks := message.Role == Developer || message.Role == System; {
		case speaks && e.row.has(OpenAIModels) && openAIModelOf(e.wire.Model).noSystem:
			wire.Role = User
			e.adjusted.note("messages[].role", "renamed", e.wire.Model+" takes no system or developer messages: they went as the user's")
		case message.Role == Developer && !e.row.has(DeveloperRole):
			wire.Role = System
			e.adjusted.note("messages[].role", "renamed", "developer is OpenAI's own role: it went as system")
		}
		if wire.Role == System && i == len(messages)-1 && e.row.has(PrefixMark) {
			// "Expected last role User or Tool (or Assistant with prefix True)"
			wire.Role = User
			e.adjusted.note("messages[].role", "renamed", e.row.Name+" takes no system message at the end: it went as the user's")
		}
		if message.Name != "" && e.row.has(NoNames) {
			wire.Name = ""
			e.adjusted.note("messages[].name", "dropped", e.row.Name+" refuses it")
		}
		parts := e.made(&wire, message)
		if message.Role == RoleTool {
			wire.ToolCallID = e.callID(message.ToolCallID)
			if !e.row.has(ToolImages) {
				parts, shown = e.withoutMedia(parts, shown)
			}
		}
		for _, call := range message.ToolCalls {
			call.ID = e.callID(call.ID)
			switch {
			case call.ExtraContent == nil:
			case e.row.has(KnownFields):
				call.ExtraContent = nil
				e.adjusted.note("messages[].tool_calls[].extra_content", "dropped", e.row.Name+" refuses it")
			case len(e.row.Traits)+len(e.row.Lacks) > 0 && json.Parse(call.ExtraContent).Get("google").Exists() && !strings.Contains(e.wire.Model, "gemini"):
				// A server that is not known may call a Gemini model anything.
				call.ExtraContent = nil
				e.adjusted.note("messages[].tool_calls[].extra_content", "dropped", "it is the thought signature of a Gemini model, and "+e.wire.Model+" is none")
			}
			wire.ToolCalls = append(wire.ToolCalls, call)
		}
		e.thoughts(&wire, &message)
		var fault *Error
		if wire.Content, fault = e.content("messages["+strconv.Itoa(joined+i)+"].content", parts); fault != nil {
			return fault
		}
		if message.Role == Assistant && wire.Content == nil && len(wire.ToolCalls) == 0 && wire.Audio == nil {
			wire.Content = "" // null is refused where nothing else is said
		}
		if message.Role == Assistant && i == len(messages)-1 && e.row.has(PrefixMark) {
			wire.Prefix = true
			e.adjusted.note("messages[].prefix", "added", e.row.Name+" goes on with a last message of the assistant's only if it is marked so")
		}
		e.wire.Messages = append(e.wire.Messages, wire)
	}
	fault := show()
	if e.row.has(Alternating) {
		e.alternate()
	}
	return fault
}

// made writes the images and the sound of an assistant's message, where the
// server takes them back, and returns what remains as parts.
func (e *openAIChatEncoding) made(wire *openAIChatMessage, message Message) []Part {
	if e.row.has(ImagesBack) {
		for _, image := range message.Images {
			wire.Images = append(wire.Images, openAIChatPart{Type: ImagePart, ImageURL: &openAIChatURL{URL: image.Media.DataURL()}})
		}
		message.Images = nil
	}
	// A sound of a known type is not OpenAI's.
	if spoken := message.Spoken; spoken != nil && spoken.ID != "" && spoken.Media.Type == "" && e.row.has(OpenAIModels) {
		wire.Audio = &openAIChatSpoken{spoken.ID}
		message.Spoken = nil
	}
	return e.adjusted.silenced(message, e.row.Name)
}

// alternate makes one message of neighbours of one role, and of a later system
// message text of the user's.
func (e *openAIChatEncoding) alternate() {
	var turns []openAIChatMessage
	for _, message := range e.wire.Messages {
		if len(turns) == 0 {
			turns = append(turns, message)
			continue
		}
		last := &turns[len(turns)-1]
		if message.Role == System && last.Role != System {
			message.Role = User
			parts := contentParts(message.Content)
			for i := range parts {
				if parts[i].Type != TextPart {
					continue
				}
				parts[i].Text = "<system>" + parts[i].Text + "</system>"
			}
			message.Content = plain(parts)
			e.adjusted.note("messages[].role", "renamed", e.row.Name+" takes system messages at the beginning only: one inside the conversation went into the user's turn as <system> text")
		}
		same := last.Role == message.Role && len(last.ToolCalls)+len(message.ToolCalls) == 0
		if !same || message.Role != User && message.Role != Assistant {
			turns = append(turns, message)
			continue
		}
		last.Content = plain(append(contentParts(last.Content), contentParts(message.Content)...))
		e.adjusted.note("messages", "moved", e.row.Name+" wants the user and the assistant to take turns: neighbours of one role went as one")
	}
	e.wire.Messages = turns
}

// contentParts is content as a list of parts.
func contentParts(content any) []openAIChatPart {
	switch content := content.(type) {
	case string:
		return []openAIChatPart{{Type: TextPart, Text: content}}
	case []openAIChatPart:
		return content
	}
	return nil
}

// plain is content as one text, where it is nothing else.
func plain(parts []openAIChatPart) any {
	var texts []string
	for _, part := range parts {
		if part.Type != TextPart || part.CacheControl != nil {
			return parts
		}
		texts = append(texts, part.Text)
	}
	return strings.Join(texts, "\n\n")
}

// led is the conversation with its leading system messages as one, where no
// more can be relied on: many a model's template wants one, in front.
func (e *openAIChatEncoding) led(messages []Message) []Message {
	if e.row.has(DeveloperRole) {
		return messages
	}
	var texts []string
	for _, message := range messages {
		if message.Role != System && message.Role != Developer || message.Name != "" {
			break
		}
		var words strings.Builder
		for _, part := range message.Parts {
			if part.Type != TextPart || part.CacheControl != nil {
				return messages
			}
			words.WriteString(part.Text)
		}
		texts = append(texts, words.String())
	}
	if len(texts) < 2 {
		return messages
	}
	e.adjusted.note("messages", "moved", "many servers take one system message only: the first "+strconv.Itoa(len(texts))+" went as one")
	one := Message{Role: System, Parts: []Part{{Type: TextPart, Text: strings.Join(texts, "\n\n")}}}
	return append([]Message{one}, messages[len(texts):]...)
}

// thoughts writes what a message thought, where the server wants it back.
func (e *openAIChatEncoding) thoughts(wire *openAIChatMessage, message *Message) {
	words := message.Reasoning
	if len(message.ReasoningDetails) > 0 {
		reason := e.row.Name + " does not take them back"
		if e.row.has(ReasoningDetailsBack) {
			reason = "the reasoning is of another API or another maker's model, which alone can read it"
		}
		for _, detail := range message.ReasoningDetails {
			if e.row.has(ReasoningDetailsBack) && isRouted(detail, e.wire.Model) {
				wire.ReasoningDetails = append(wire.ReasoningDetails, detail)
			} else {
				e.adjusted.note("messages[].reasoning_details", "dropped", reason)
			}
		}
		words = "" // they would be the same once more, or somebody else's as well
	}
	switch {
	case e.row.has(ReasoningBack) && (words != "" || e.thinks && len(message.ToolCalls) > 0):
		wire.ReasoningContent = &words
	case e.row.has(ReasoningFieldBack), e.row.has(ReasoningDetailsBack): // OpenRouter's name for the text as well
		wire.Reasoning = words
	case words != "":
		e.adjusted.note("messages[].reasoning_content", "dropped", e.row.Name+" does not take it back")
	}
}

// isRouted reports whether a detail is one of a router's, which names the form
// of the model that it came from, and of the same maker as the model.
// https://openrouter.ai/docs/use-cases/reasoning-tokens#reasoning_details-array-structure
func isRouted(detail json.RawMessage, model string) bool {
	value := json.Parse(detail)
	if !strings.HasPrefix(text(value.Get("type")), "reasoning.") {
		return false
	}
	model, format := strings.ToLower(model), text(value.Get("format"))
	for _, maker := range []struct{ format, model string }{
		{"anthropic-", "claude"}, {"google-gemini-", "gemini"}, {"openai-", "openai/"}, {"azure-openai-", "openai/"}, {"xai-", "grok"},
	} {
		if strings.HasPrefix(format, maker.format) {
			return strings.Contains(model, maker.model) || strings.HasPrefix(model, "openrouter/") // it chooses the model
		}
	}
	return true
}

// callID is a tool call's id, in the form that the server takes: OpenAI's own
// service up to 40 characters.
func (e *openAIChatEncoding) callID(id string) string {
	accepted := id
	switch {
	case e.row.has(ShortCallIDs):
		accepted = e.ids.short(id)
	case e.row.has(OpenAIModels) && len(id) > openAIIDLength:
		accepted = e.ids.plain(id, openAIIDLength)
	}
	if accepted != id {
		e.adjusted.note("messages[].tool_calls[].id", "renamed", e.row.Name+" takes ids of another form: here and in the results")
	}
	return accepted
}

const openAIIDLength = 40

// withoutMedia takes what is not text out of a tool's message, since the
// server takes it in a user's message only, and adds it to what is shown there.
func (e *openAIChatEncoding) withoutMedia(parts, shown []Part) (text, all []Part) {
	for _, part := range parts {
		if part.Type == TextPart {
			text = append(text, part)
			continue
		}
		shown = append(shown, part)
		e.adjusted.note("messages[].content", "moved", e.row.Name+" takes images of tools in a user's message only: one follows")
	}
	if len(text) == 0 {
		text = []Part{{Type: TextPart, Text: "See the user's message that follows."}}
	}
	return text, shown
}

// content writes a message's parts. A lone text goes as a string: every
// compatible server reads that, not every one reads a list of parts.
func (e *openAIChatEncoding) content(path string, parts []Part) (any, *Error) {
	list := make([]openAIChatPart, 0, len(parts))
	for i, part := range parts {
		path := path + "[" + strconv.Itoa(i) + "]"
		wire := openAIChatPart{Type: part.Type, CacheControl: e.cacheControl(part.CacheControl)}
		switch media := part.Media; {
		case part.Type == TextPart || part.Type == RefusalPart:
		case e.row.has(TextOnly):
			return nil, e.refused(path+".type", string(part.Type), "text only")
		case e.row.has(ImagesOnly) && part.Type != ImagePart:
			return nil, e.refused(path+".type", string(part.Type), "text, image_url")
		case e.row.has(DataURLs) && part.Type == ImagePart && media.URL != "":
			return nil, e.refused(path+".image_url.url", "an address", "data: URLs, since it fetches nothing")
		case e.row.has(OpenAIModels) && part.Type == VideoPart:
			return nil, e.refused(path+".type", "video_url", "text, image_url, input_audio, file")
		}
		switch part.Type {
		case TextPart:
			wire.Text = part.Text
		case RefusalPart:
			if wire.Refusal = part.Text; !e.row.has(DeveloperRole) {
				wire.Type, wire.Text, wire.Refusal = TextPart, part.Text, ""
				e.adjusted.note("messages[].content[].type", "renamed", "refusal is OpenAI's own part: it went as text")
			}
		case ImagePart:
			wire.ImageURL = &openAIChatURL{URL: part.Media.DataURL(), Detail: part.Media.Detail}
		case VideoPart:
			wire.VideoURL = &openAIChatURL{URL: part.Media.DataURL()}
		case AudioPart:
			wire.InputAudio = &openAIAudio{Data: part.Media.Data, Format: strings.TrimPrefix(part.Media.Type, "audio/")}
		case FilePart:
			if e.row.has(DocumentURLPart) && part.Media.ID == "" {
				wire.Type, wire.DocumentURL, wire.DocumentName = "document_url", part.Media.DataURL(), part.Media.Filename
				e.adjusted.note("messages[].content[].type", "renamed", e.row.Name+" calls a file document_url")
				break
			}
			wire.File = &openAIChatFile{FileID: part.Media.ID, Filename: part.Media.Filename}
			if part.Media.ID == "" {
				wire.File.FileData = part.Media.DataURL()
				if wire.File.Filename == "" && e.row.has(OpenAIModels) {
					wire.File.Filename = part.Media.anyName()
					e.adjusted.note("messages[].content[].file.filename", "added", e.row.Name+" wants one")
				}
			}
		}
		list = append(list, wire)
	}
	switch {
	case len(list) == 0:
		return nil, nil
	case len(list) == 1 && list[0].Type == TextPart && list[0].CacheControl == nil:
		return list[0].Text, nil
	}
	return list, nil
}
