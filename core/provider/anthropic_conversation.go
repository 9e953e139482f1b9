package provider

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// conversation writes the messages as turns. Neighbours of one role become one
// turn: the API joins them as well, other servers of this form refuse them. The
// results of tools are a user's turn, in front of what the user says.
func (e *anthropicEncoding) conversation(request *Request) *Error {
	messages := request.Messages
	last := len(messages) - 1 // the one that is to be answered
	for last > 0 && (messages[last].Role == System || messages[last].Role == Developer) {
		last--
	}
	for i, message := range messages {
		if message.Name != "" {
			e.adjusted.note("messages[].name", "dropped", "Anthropic's messages carry no names")
		}
		path := "messages[" + strconv.Itoa(i) + "].content"
		blocks, fault := e.blocks(path, message)
		if fault != nil {
			return fault
		}
		if len(blocks) == 0 {
			if message.Role == User && i == last {
				return &Error{
					Kind:    InvalidRequest,
					Message: path + ": got nothing but white space, allowed: a text, since Anthropic refuses empty messages",
					Next:    "Write something in that message, or leave it out.",
				}
			}
			continue
		}
		role := message.Role
		switch role {
		case System, Developer:
			if len(e.wire.Messages) == 0 {
				for _, block := range blocks {
					e.wire.System = append(e.wire.System, block.(*anthropicContent))
				}
				continue
			}
			role = System
			if !e.model.systemTurns || !e.mayInstruct(messages[i+1:]) {
				role = User
				for _, block := range blocks {
					text := &block.(*anthropicContent).Text
					*text = "<system>" + *text + "</system>"
				}
				e.adjusted.note("messages[].role", "renamed", e.wire.Model+" takes no system message at that place of a conversation: it went into the user's turn as <system> text")
			}
		case RoleTool:
			role = User
		}
		if last := len(e.wire.Messages) - 1; last >= 0 && e.wire.Messages[last].Role == role {
			e.wire.Messages[last].Content = append(e.wire.Messages[last].Content, blocks...)
		} else {
			e.wire.Messages = append(e.wire.Messages, anthropicTurn{role, blocks})
		}
	}
	if len(e.wire.Messages) == 0 {
		if len(e.wire.System) == 0 {
			return &Error{Kind: InvalidRequest, Message: "messages: got nothing but white space, allowed: at least one message with a text"}
		}
		turn := anthropicTurn{Role: User}
		for _, block := range e.wire.System {
			turn.Content = append(turn.Content, block)
		}
		e.wire.Messages, e.wire.System = []anthropicTurn{turn}, nil
		e.adjusted.note("messages[].role", "renamed", "Anthropic wants at least one message of a user: the system messages were sent as one")
	}
	return e.prefill()
}

// blocks writes one message: thoughts, content, calls, in the order that the
// API wants; of a tool's message one block that holds the others.
func (e *anthropicEncoding) blocks(path string, message Message) (blocks []any, fault *Error) {
	message.Parts = e.adjusted.silenced(message, "Anthropic")
	contents, fault := e.contents(path, message)
	if fault != nil {
		return nil, fault
	}
	if message.Role == RoleTool {
		result := &anthropicContent{Type: "tool_result", ToolUseID: e.callID(message.ToolCallID), Content: contents}
		for _, content := range contents {
			// What is inside of a block is cached with it.
			if content.CacheControl != nil {
				result.CacheControl, content.CacheControl = content.CacheControl, nil
			}
		}
		return []any{result}, nil
	}
	own := e.thoughts(message)
	paused := len(own) // where the last call of an own tool stands that has no result
	if paused > 0 && strings.HasSuffix(text(json.Parse(own[paused-1]).Get("type")), "_tool_use") {
		paused--
	}
	for _, thought := range own[:paused] {
		blocks = append(blocks, thought)
	}
	for _, content := range contents {
		blocks = append(blocks, content)
	}
	for _, call := range own[paused:] { // the API goes on from there
		blocks = append(blocks, call)
	}
	for i, call := range message.ToolCalls {
		if call.Function == nil {
			return nil, e.refused(strings.TrimSuffix(path, "content")+"tool_calls["+strconv.Itoa(i)+"]", "a call of type "+call.Type, "calls of functions")
		}
		input := json.RawMessage("{}")
		if arguments := []byte(call.Function.Arguments); !blank(call.Function.Arguments) {
			if !json.Valid(arguments) || !json.Parse(arguments).IsObject() {
				return nil, e.refused(strings.TrimSuffix(path, "content")+"tool_calls["+strconv.Itoa(i)+"].function.arguments", "something else", "the text of a JSON object")
			}
			input = json.Compact(arguments)
		}
		if call.ExtraContent != nil {
			e.adjusted.note("messages[].tool_calls[].extra_content", "dropped", "it is another provider's")
		}
		blocks = append(blocks, &anthropicContent{Type: "tool_use", ID: e.callID(call.ID), Name: call.Function.Name, Input: input})
	}
	return blocks, nil
}

// anthropicIDLength is how long the ids of calls are at most: as long as any
// provider's own.
const anthropicIDLength = 64

// callID is a call's id in the letters that the API takes.
func (e *anthropicEncoding) callID(id string) string {
	accepted := e.ids.plain(id, anthropicIDLength)
	if accepted != id {
		e.adjusted.note("messages[].tool_calls[].id", "renamed", "Anthropic takes ids of letters, digits, _ and -: here and in the results")
	}
	return accepted
}

// refused is the error for what this form cannot carry.
func (e *anthropicEncoding) refused(field, got, allowed string) *Error {
	return &Error{
		Kind: InvalidRequest, Message: field + ": got " + got + ", allowed by Anthropic: " + allowed,
		Next: "Leave it out, or choose another provider.",
	}
}

// thoughts are what an assistant's message thought, as Anthropic gave and
// signed it, and what its own tools did: it has to come back unchanged and in its
// order, in front of the turn, and what others thought is refused. Where in the
// text it stood nobody minds.
func (e *anthropicEncoding) thoughts(message Message) (own []json.RawMessage) {
	for _, detail := range message.ReasoningDetails {
		thought := json.Parse(detail)
		_, _, claude := claudeVersion(e.wire.Model)
		signed := text(thought.Get("signature")) != "" || !claude
		switch kind := text(thought.Get("type")); {
		case kind == "thinking" && signed, kind == "redacted_thinking", isAnthropicOwn(thought):
			own = append(own, detail)
		default:
			e.adjusted.note("messages[].reasoning_details", "dropped", "Anthropic takes back only thoughts that it has signed")
		}
	}
	if len(message.ReasoningDetails) == 0 && message.Reasoning != "" {
		e.adjusted.note("messages[].reasoning_content", "dropped", "Anthropic takes back only thoughts that it has signed: reasoning_details")
	}
	return own
}

// contents writes the parts that say something. Anthropic answers 400 to a
// block without text or of nothing but white space.
func (e *anthropicEncoding) contents(path string, message Message) ([]*anthropicContent, *Error) {
	contents := make([]*anthropicContent, 0, len(message.Parts))
	for i, part := range message.Parts {
		path := path + "[" + strconv.Itoa(i) + "]"
		var content *anthropicContent
		switch {
		case part.Type == TextPart || part.Type == RefusalPart:
			if blank(part.Text) {
				if part.Text != "" || message.Role != RoleTool { // a result may be empty
					e.adjusted.note("messages[].content", "dropped", "Anthropic refuses empty text")
				}
				continue
			}
			content = &anthropicContent{Type: "text", Text: part.Text}
		case message.Role != User && message.Role != RoleTool:
			return nil, e.refused(path, "a part of type "+string(part.Type)+" in a message of role "+string(message.Role), "text there")
		case part.Type == ImagePart, part.Type == FilePart && strings.HasPrefix(part.Media.Type, "image/"):
			source, fault := e.image(path, part.Media)
			if fault != nil {
				return nil, fault
			}
			content = &anthropicContent{Type: "image", Source: source}
		case part.Type == FilePart:
			source, fault := e.document(path, part.Media)
			if fault != nil {
				return nil, fault
			}
			content = &anthropicContent{Type: "document", Source: source, Title: part.Media.Filename}
		default:
			return nil, e.refused(path+".type", string(part.Type), "text, image_url, file")
		}
		content.CacheControl = part.CacheControl
		contents = append(contents, content)
	}
	return contents, nil
}

// anthropicImages are the media types of images, and how their bytes begin as
// base64: the API refuses an image that is not what it is called.
var anthropicImages = []struct{ mediaType, beginning string }{
	{"image/jpeg", "/9j/"},
	{"image/png", "iVBORw0KGgo"},
	{"image/gif", "R0lGOD"},
	{"image/webp", "UklGR"},
}

// image writes where an image is, or the image.
func (e *anthropicEncoding) image(path string, media Media) (*anthropicSource, *Error) {
	if media.Detail != "" && media.Detail != "auto" {
		e.adjusted.note("messages[].content[].image_url.detail", "dropped", "Anthropic has none")
	}
	if media.URL != "" {
		return e.address(path+".image_url.url", media.URL)
	}
	kind := media.Type
	if kind == "image/jpg" {
		kind = "image/jpeg"
	}
	known := false
	for _, image := range anthropicImages {
		known = known || image.mediaType == kind
	}
	for _, image := range anthropicImages {
		if strings.HasPrefix(media.Data, image.beginning) {
			kind, known = image.mediaType, true
		}
	}
	if !known {
		return nil, e.refused(path+".image_url.url", "an image of type "+media.Type, "image/jpeg, image/png, image/gif, image/webp")
	}
	if kind != media.Type {
		e.adjusted.note("messages[].content[].image_url.url", "renamed", "the image of type "+media.Type+" is "+kind)
	}
	return &anthropicSource{Type: "base64", MediaType: kind, Data: media.Data}, nil
}

// document writes a file: a PDF as it is, a text as its text.
func (e *anthropicEncoding) document(path string, media Media) (*anthropicSource, *Error) {
	switch {
	case media.ID != "":
		if !slices.Contains(e.beta, anthropicFiles) {
			e.beta = append(e.beta, anthropicFiles)
		}
		return &anthropicSource{Type: "file", FileID: media.ID}, nil
	case media.URL != "":
		return e.address(path+".file.file_url", media.URL)
	case media.Type == "application/pdf":
		return &anthropicSource{Type: "base64", MediaType: media.Type, Data: media.Data}, nil
	case !strings.HasPrefix(media.Type, "text/"):
		return nil, e.refused(path+".file.file_data", "a file of type "+media.Type, "application/pdf, text/plain and other text, images")
	}
	words, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(media.Data, "="))
	if err != nil || !utf8.Valid(words) || blank(string(words)) {
		return nil, e.refused(path+".file.file_data", "data of type "+media.Type+" that are no text", "base64 of text in UTF-8")
	}
	return &anthropicSource{Type: "text", MediaType: "text/plain", Data: string(words)}, nil
}

// address writes where something is. The API fetches https only.
func (e *anthropicEncoding) address(path, url string) (*anthropicSource, *Error) {
	if scheme, _, _ := strings.Cut(url, ":"); !strings.EqualFold(scheme, "https") {
		return nil, e.refused(path, "a URL that begins with "+scheme+":", "https: and data: URLs")
	}
	return &anthropicSource{Type: "url", URL: url}, nil
}

// mayInstruct reports whether a system turn may stand at the end of the turns
// written so far, before the messages that follow: it has to come right after
// a user's turn, and before an assistant's or at the end.
// https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages
func (e *anthropicEncoding) mayInstruct(follow []Message) bool {
	if e.wire.Messages[len(e.wire.Messages)-1].Role == Assistant {
		return false
	}
	for _, message := range follow {
		if message.Role == System || message.Role == Developer {
			continue // part of the same turn
		}
		if len(message.ToolCalls) > 0 {
			return true
		}
		for _, part := range message.Parts {
			if part.Type != TextPart || !blank(part.Text) {
				return message.Role == Assistant
			}
		}
	}
	return true
}

// begun reports whether the last turn is an answer that was begun for the model.
// One in which an own tool of Anthropic's was at work (stop_reason pause_turn) is
// none: sent back, it is gone on with.
func (e *anthropicEncoding) begun() bool {
	last := e.wire.Messages[len(e.wire.Messages)-1]
	return last.Role == Assistant && !slices.ContainsFunc(last.Content, func(block any) bool {
		raw, ok := block.(json.RawMessage)
		return ok && isAnthropicOwn(json.Parse(raw))
	})
}

// prefill looks at a last turn of the assistant's, an answer begun for it.
func (e *anthropicEncoding) prefill() *Error {
	if !e.begun() {
		return nil
	}
	if !e.model.prefill {
		return &Error{
			Kind: InvalidRequest, Message: "messages: got one of the assistant as the last, allowed: one of the user, since " + e.wire.Model + " does not continue an answer begun for it",
			Next: "End with a user's message, or choose a model up to Claude 4.5.",
		}
	}
	last := e.wire.Messages[len(e.wire.Messages)-1].Content
	end, ok := last[len(last)-1].(*anthropicContent)
	if !ok {
		return nil
	}
	if trimmed := strings.TrimRightFunc(end.Text, unicode.IsSpace); trimmed != end.Text {
		end.Text = trimmed
		e.adjusted.note("messages[].content", "clamped", "Anthropic refuses white space at the end of an answer begun for it")
	}
	return nil
}

// anthropicBreakpoints is the most marks of cache_control that a request may
// have.
const anthropicBreakpoints = 4

// breakpoints takes away the marks of cache_control that are too many. Those of
// tools and system stay, since every conversation shares them, and of the
// messages the latest, since they cover the most.
func (e *anthropicEncoding) breakpoints() {
	var marks []*json.RawMessage
	mark := func(control *json.RawMessage) {
		if *control != nil {
			marks = append(marks, control)
		}
	}
	for i := range e.wire.Tools {
		mark(&e.wire.Tools[i].CacheControl)
	}
	for _, block := range e.wire.System {
		mark(&block.CacheControl)
	}
	shared := len(marks)
	for _, turn := range e.wire.Messages {
		for _, block := range turn.Content {
			if content, ok := block.(*anthropicContent); ok {
				mark(&content.CacheControl)
			}
		}
	}
	most := anthropicBreakpoints
	if e.wire.CacheControl != nil {
		most-- // a mark of the whole prompt is one as well
	}
	for len(marks) > most {
		at := shared
		if at >= len(marks) {
			at = 0
		}
		*marks[at] = nil
		marks = slices.Delete(marks, at, at+1)
		e.adjusted.note("cache_control", "dropped", "Anthropic takes at most 4: the earliest were left out, of the messages first")
	}
	if e.wire.CacheControl != nil {
		marks = append(marks, &e.wire.CacheControl)
	}
	e.lasting(marks)
}

// lasting shortens marks that shall last longer than one before them: "a
// ttl='1h' cache_control block must not come after a ttl='5m' cache_control block".
func (e *anthropicEncoding) lasting(marks []*json.RawMessage) {
	short := false
	for _, mark := range marks {
		if text(json.Parse(*mark).Get("ttl")) != "1h" {
			short = true
		} else if short {
			*mark = json.RawMessage(`{"type":"ephemeral"}`)
			e.adjusted.note("cache_control", "clamped", "Anthropic takes no ttl of 1h after a shorter one: it went without")
		}
	}
}
