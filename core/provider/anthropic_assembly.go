package provider

import (
	"slices"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// anthropicAssembly puts a [Response] together from the events of a stream. A
// whole message is one start that brings everything.
type anthropicAssembly struct {
	delta func(text string)

	began, done  bool // some of an answer came; message_stop came, or all of a document
	id, model    string
	blocks       []*anthropicBlock // in the order in which they began
	stopReason   string
	stopSequence string
	explanation  string // of a refusal
	usage        anthropicUsage
	fault        *Error // a limit was passed
}

// anthropicBlock is one block of an answer. Only what is handed on is kept.
type anthropicBlock struct {
	index     int64
	kind      string
	start     json.RawMessage // as it began, of a thought and of what Anthropic's own tools did
	text      []byte          // of a text, of a thought; the arguments of a call
	signature []byte
	id, name  string
	input     json.RawMessage // of a call that came in one piece
	citations []json.RawMessage
	ended     bool
}

// anthropicBlockLimit is the most blocks of one answer. One with web searches
// has some hundred.
const anthropicBlockLimit = 4096

func (a *anthropicAssembly) document(value json.Value) *Error {
	a.delta = nil
	content := value.Get("content")
	if content.IsArray() || content.Type == json.String || text(value.Get("type")) == "message" {
		a.done = true
		a.start(value)
		a.stop(value)
	}
	return a.fault
}

func (a *anthropicAssembly) carries(name string) bool {
	return name == "" || strings.HasPrefix(name, "message") || strings.HasPrefix(name, "content_block")
}

// end does nothing: message_stop, or a stop_reason, is this form's end.
func (a *anthropicAssembly) end() {}

func (a *anthropicAssembly) over() bool { return a.done }

// complete takes a stop_reason for as good as a message_stop: it comes after
// all blocks and the usage.
func (a *anthropicAssembly) complete() bool { return a.began && (a.done || a.stopReason != "") }

// add reads one event. Pings and events of unknown types say nothing.
func (a *anthropicAssembly) add(value json.Value) *Error {
	switch text(value.Get("type")) {
	case "message_start":
		a.start(value.Get("message"))
	case "content_block_start":
		a.begin(value.Get("index").Int(), value.Get("content_block"))
	case "content_block_delta":
		a.extend(value.Get("index").Int(), value.Get("delta"))
	case "content_block_stop":
		if block := a.block(value.Get("index").Int()); block != nil {
			block.ended = true
		}
	case "message_delta":
		a.stop(value.Get("delta"))
		a.usage.read(value.Get("usage"))
	case "message_stop":
		a.done = a.began
	}
	return a.fault
}

// start reads a message. A gateway that tries again was recorded to send
// message_start twice; the second brings nothing new but usage.
func (a *anthropicAssembly) start(message json.Value) {
	a.usage.read(message.Get("usage"))
	if a.id == "" {
		a.id = text(message.Get("id"))
	}
	if a.model == "" {
		a.model = text(message.Get("model"))
	}
	if a.began {
		return
	}
	a.began = true
	if content := message.Get("content"); content.Type == json.String {
		// As some compatible servers write a lone text.
		a.write(a.begin(0, emptyText), content.String())
		return
	}
	for i, content := range message.Get("content").Array() {
		if block := a.begin(int64(i), content); block != nil {
			block.ended = true
		}
	}
}

// The beginnings of blocks that a stream left out.
var (
	emptyText    = json.Parse([]byte(`{"type":"text"}`))
	emptyThought = json.Parse([]byte(`{"type":"thinking","thinking":""}`))
)

// begin reads the start of a block, or all of one. Indices from outside are
// only compared: they may have gaps.
func (a *anthropicAssembly) begin(index int64, content json.Value) *anthropicBlock {
	if len(a.blocks) == anthropicBlockLimit {
		a.fault = tooMany(anthropicBlockLimit, "blocks")
		return nil
	}
	a.began = true
	block := &anthropicBlock{index: index, kind: text(content.Get("type"))}
	a.blocks = append(a.blocks, block)
	if isText(block.kind) {
		block.kind = "text"
	}
	switch block.kind {
	case "text":
		a.write(block, text(content.Get("text")))
		block.citations = appendRaw(nil, content.Get("citations"))
	case "thinking":
		block.start = json.Compact([]byte(content.Raw))
		block.text = []byte(text(content.Get("thinking")))
		block.signature = []byte(text(content.Get("signature")))
	case "redacted_thinking":
		block.start = json.Compact([]byte(content.Raw))
	case "tool_use":
		block.id, block.name = text(content.Get("id")), text(content.Get("name"))
		if input := content.Get("input"); input.IsObject() {
			block.input = json.Compact([]byte(input.Raw))
		}
	case "fallback":
		// Another model goes on with the answer.
		if model := text(content.Get("to.model")); model != "" {
			a.model = model
		}
	}
	if isAnthropicOwn(content) {
		block.kind, block.start = anthropicOwn, json.Compact([]byte(content.Raw))
	}
	return block
}

// block returns the latest block of an index.
func (a *anthropicAssembly) block(index int64) *anthropicBlock {
	for i := len(a.blocks) - 1; i >= 0; i-- {
		if a.blocks[i].index == index {
			return a.blocks[i]
		}
	}
	return nil
}

// extend reads a delta. One that does not belong to its block's kind is left
// alone. Some servers leave the start of a text or a thought out, or the type
// of a delta.
func (a *anthropicAssembly) extend(index int64, delta json.Value) {
	kind := text(delta.Get("type"))
	if kind == "" {
		for _, known := range []struct{ field, kind string }{
			{"text", "text_delta"},
			{"citation", "citations_delta"},
			{"thinking", "thinking_delta"},
			{"signature", "signature_delta"},
			{"partial_json", "input_json_delta"},
		} {
			if delta.Get(known.field).Exists() {
				kind = known.kind
				break
			}
		}
	}
	block := a.block(index)
	if block == nil {
		switch kind {
		case "text_delta":
			block = a.begin(index, emptyText)
		case "thinking_delta":
			block = a.begin(index, emptyThought)
		}
	}
	if block == nil {
		return
	}
	switch {
	case kind == "text_delta" && block.kind == "text":
		a.write(block, text(delta.Get("text")))
	case kind == "citations_delta" && block.kind == "text":
		if citation := delta.Get("citation"); citation.IsObject() {
			block.citations = append(block.citations, json.Compact([]byte(citation.Raw)))
		}
	case kind == "thinking_delta" && block.kind == "thinking":
		block.text = append(block.text, text(delta.Get("thinking"))...)
	case kind == "signature_delta" && block.kind == "thinking":
		block.signature = append(block.signature, text(delta.Get("signature"))...)
	case kind == "input_json_delta" && (block.kind == "tool_use" || block.kind == anthropicOwn):
		block.text = append(block.text, text(delta.Get("partial_json"))...)
	case kind == "compaction_delta" && block.kind == anthropicOwn:
		block.text = append(block.text, text(delta.Get("content"))...)
	}
}

func (a *anthropicAssembly) write(block *anthropicBlock, piece string) {
	block.text = append(block.text, piece...)
	if piece != "" && a.delta != nil {
		a.delta(piece)
	}
}

// stop reads how a message ended, from the message or from a message_delta.
func (a *anthropicAssembly) stop(message json.Value) {
	if reason := text(message.Get("stop_reason")); reason != "" {
		a.stopReason = reason
	}
	if sequence := text(message.Get("stop_sequence")); sequence != "" {
		a.stopSequence = sequence
	}
	if explanation := text(message.Get("stop_details.explanation")); explanation != "" {
		a.explanation = explanation
	}
}

// result returns what was put together so far. Texts stand in the order in which
// their blocks began, even if their deltas, which were handed on, took turns.
func (a *anthropicAssembly) result() *Response {
	response := &Response{ID: a.id, Object: "chat.completion", Model: a.model, Choices: []Choice{}, Usage: a.usage.result()}
	if !a.began {
		return response
	}
	choice := Choice{NativeFinishReason: a.stopReason, StopSequence: a.stopSequence}
	message := &choice.Message
	message.Role = Assistant
	var content, reasoning []byte
	finished := a.complete()
	said := false
	for _, block := range a.blocks {
		switch block.kind {
		case "text":
			said = true
			content = append(content, block.text...)
			message.Annotations = append(message.Annotations, block.citations...)
		case "thinking":
			reasoning = append(reasoning, block.text...)
			if block.ended || finished { // a cut thought has no valid signature
				message.ReasoningDetails = append(message.ReasoningDetails, block.thought())
			}
		case "redacted_thinking":
			message.ReasoningDetails = append(message.ReasoningDetails, block.start)
		case anthropicOwn:
			if block.ended || finished { // what is half goes nowhere
				message.ReasoningDetails = append(message.ReasoningDetails, block.own())
			}
		case "tool_use":
			message.ToolCalls = append(message.ToolCalls, ToolCall{
				ID: block.id, Type: "function", Function: &FunctionCall{Name: block.name, Arguments: block.arguments(finished)},
			})
		}
	}
	message.ReasoningContent = string(reasoning)
	if a.stopReason == "refusal" {
		message.Refusal = a.explanation
	}
	choice.FinishReason = FinishError // never invent a finish
	if finished {
		choice.FinishReason = finishReason(a.stopReason, len(message.ToolCalls) > 0)
	}
	// An answer may be empty: content [] with end_turn was recorded. Nothing
	// said beside calls or a refusal is null, as in OpenAI's form.
	if said || finished && len(message.ToolCalls) == 0 && a.stopReason != "refusal" {
		text := string(content)
		message.Content = &text
	}
	response.Choices = append(response.Choices, choice)
	return response
}

// thought returns a thinking block in the provider's form, since it must go
// back as it came: the block as it began, with what the deltas brought.
func (b *anthropicBlock) thought() json.RawMessage {
	brought := []anthropicField{{"thinking", quoted(b.text)}}
	if len(b.signature) > 0 || json.Parse(b.start).Get("signature").Exists() {
		brought = append(brought, anthropicField{"signature", quoted(b.signature)})
	}
	return b.with(brought...)
}

// anthropicOwn is the kind of blocks that tell what Anthropic's own tools were
// asked and answered, or what the API did with the conversation. Nobody reads
// them here, and they go back as they came.
const anthropicOwn = "own"

// isAnthropicOwn knows such a block by its type: server_tool_use, mcp_tool_use,
// web_search_tool_result and other results, compaction, fallback.
// https://platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools
func isAnthropicOwn(block json.Value) bool {
	switch kind := text(block.Get("type")); kind {
	case "server_tool_use", "mcp_tool_use", "fallback", "container_upload":
		return true
	case "compaction": // OpenAI's holds encrypted_content
		return !block.Get("encrypted_content").Exists()
	default:
		return strings.HasSuffix(kind, "_tool_result")
	}
}

// own returns such a block whole.
func (b *anthropicBlock) own() json.RawMessage {
	switch {
	case len(b.text) == 0:
		return b.start
	case json.Parse(b.start).Get("type").String() == "compaction":
		return b.with(anthropicField{"content", quoted(b.text)})
	case json.Valid(b.text):
		return b.with(anthropicField{"input", json.Compact(b.text)})
	}
	return b.start
}

// anthropicField is a member of a block that deltas brought.
type anthropicField struct {
	name  string
	value []byte // JSON
}

// quoted is a text as JSON.
func quoted(text []byte) []byte {
	value, err := json.Marshal(string(text))
	if err != nil {
		return []byte(`""`) // a string is always JSON
	}
	return value
}

// with is the block as it began, with other values of some members, or with these
// members at its end.
func (b *anthropicBlock) with(brought ...anthropicField) json.RawMessage {
	out := []byte{'{'}
	member := func(key string, value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	json.Parse(b.start).ForEach(func(key, value json.Value) bool {
		at := slices.IndexFunc(brought, func(field anthropicField) bool { return field.name == key.String() })
		if at < 0 {
			member(key.Raw, []byte(value.Raw))
			return true
		}
		member(key.Raw, brought[at].value)
		brought = slices.Delete(brought, at, at+1)
		return true
	})
	for _, field := range brought {
		member(`"`+field.name+`"`, field.value)
	}
	return append(out, '}')
}

// arguments returns a call's arguments. In a stream the block begins with an
// empty input, and a call without arguments has no pieces.
func (b *anthropicBlock) arguments(finished bool) string {
	switch {
	case len(b.text) > 0:
		return string(b.text)
	case !b.ended && !finished:
		return ""
	case len(b.input) > 0:
		return string(b.input)
	}
	return "{}"
}
