package provider

import "github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"

// anthropicAssembly puts a [Response] together from the events of a stream. A
// whole message is one start that brings everything.
type anthropicAssembly struct {
	delta func(text string)

	began, done bool // some of an answer came; message_stop came
	id, model   string
	blocks      []*anthropicBlock
	stopReason  string
	explanation string // of a refusal
	usage       anthropicUsage
}

// anthropicBlock is one block of an answer. Only what is handed on is kept.
type anthropicBlock struct {
	index     int64
	kind      string
	start     json.RawMessage // a thought as it began
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

// add reads one event. Pings and events of unknown types say nothing.
func (a *anthropicAssembly) add(value json.Value) {
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
	for i, content := range message.Get("content").Array() {
		if block := a.begin(int64(i), content); block != nil {
			block.ended = true
		}
	}
}

// begin reads the start of a block, or all of one. Indices from outside are
// only compared: they may have gaps.
func (a *anthropicAssembly) begin(index int64, content json.Value) *anthropicBlock {
	if len(a.blocks) == anthropicBlockLimit {
		return nil
	}
	a.began = true
	block := &anthropicBlock{index: index, kind: text(content.Get("type"))}
	a.blocks = append(a.blocks, block)
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

// extend reads a delta. One that does not belong to its block's kind, or to no
// block, is left alone.
func (a *anthropicAssembly) extend(index int64, delta json.Value) {
	block := a.block(index)
	if block == nil {
		return
	}
	switch kind := text(delta.Get("type")); {
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
	case kind == "input_json_delta" && block.kind == "tool_use":
		block.text = append(block.text, text(delta.Get("partial_json"))...)
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
	if explanation := text(message.Get("stop_details.explanation")); explanation != "" {
		a.explanation = explanation
	}
}

// result returns what was put together so far.
func (a *anthropicAssembly) result() *Response {
	response := &Response{ID: a.id, Object: "chat.completion", Model: a.model, Choices: []Choice{}, Usage: a.usage.result()}
	if !a.began {
		return response
	}
	choice := Choice{NativeFinishReason: a.stopReason}
	message := &choice.Message
	message.Role = Assistant
	var content, reasoning []byte
	finished := a.done || a.stopReason != ""
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
		case "tool_use":
			message.ToolCalls = append(message.ToolCalls, ToolCall{
				ID: block.id, Type: "function", Function: FunctionCall{Name: block.name, Arguments: block.arguments(finished)},
			})
		}
	}
	message.ReasoningContent = string(reasoning)
	if a.stopReason == "refusal" {
		message.Refusal = a.explanation
	}
	choice.FinishReason = FinishError // never invent a finish
	if finished {
		choice.FinishReason = anthropicFinish(a.stopReason, len(message.ToolCalls) > 0)
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
	thinking, err := json.Marshal(string(b.text))
	if err != nil {
		return b.start
	}
	signature, err := json.Marshal(string(b.signature))
	if err != nil {
		return b.start
	}
	out := []byte{'{'}
	signed := false
	json.Parse(b.start).ForEach(func(key, value json.Value) bool {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(out, key.Raw...), ':')
		switch key.String() {
		case "thinking":
			out = append(out, thinking...)
		case "signature":
			out, signed = append(out, signature...), true
		default:
			out = append(out, value.Raw...)
		}
		return true
	})
	if !signed && len(b.signature) > 0 {
		out = append(append(out, `,"signature":`...), signature...)
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

// anthropicUsage holds the counts as they come: message_start has some,
// message_delta is cumulative and, since 2026, repeats those of the input.
// The last value of each field counts; nothing is added up over events.
type anthropicUsage struct {
	input, output, cached, written, thinking count
}

// count is a number that may be missing.
type count struct {
	n     int64
	known bool
}

func (c *count) read(value json.Value) {
	if value.Type == json.Number {
		*c = count{value.Int(), true}
	}
}

func (u *anthropicUsage) read(value json.Value) {
	u.input.read(value.Get("input_tokens"))
	u.output.read(value.Get("output_tokens"))
	u.cached.read(value.Get("cache_read_input_tokens"))
	u.written.read(value.Get("cache_creation_input_tokens"))
	u.thinking.read(value.Get("output_tokens_details.thinking_tokens"))
	u.readIterations(value.Get("iterations"))
}

// readIterations counts the steps of an answer whose prompt was compacted on
// the way: the sums beside them leave the compaction out. They are right for
// other steps (fallback, advisor).
func (u *anthropicUsage) readIterations(iterations json.Value) {
	compacted := false
	var sum anthropicUsage
	iterations.ForEach(func(_, step json.Value) bool {
		kind := text(step.Get("type"))
		compacted = compacted || kind == "compaction"
		if kind == "compaction" || kind == "message" {
			sum.input.add(step.Get("input_tokens"))
			sum.output.add(step.Get("output_tokens"))
			sum.cached.add(step.Get("cache_read_input_tokens"))
			sum.written.add(step.Get("cache_creation_input_tokens"))
		}
		return true
	})
	if compacted {
		sum.thinking = u.thinking
		*u = sum
	}
}

func (c *count) add(value json.Value) {
	if value.Type == json.Number {
		*c = count{c.n + value.Int(), true}
	}
}

// result gives the counts OpenAI's form: input_tokens leaves cache reads and
// writes out, prompt_tokens holds them.
func (u *anthropicUsage) result() *Usage {
	if !u.input.known && !u.output.known {
		return nil
	}
	usage := &Usage{PromptTokens: u.input.n + u.cached.n + u.written.n, CompletionTokens: u.output.n}
	usage.TotalTokens = usage.PromptTokens + usage.CompletionTokens
	if u.cached.known || u.written.known {
		usage.PromptTokensDetails = &PromptDetails{CachedTokens: u.cached.n, CacheWriteTokens: u.written.n}
	}
	if u.thinking.known {
		usage.CompletionTokensDetails = &CompletionDetails{ReasoningTokens: u.thinking.n}
	}
	return usage
}
