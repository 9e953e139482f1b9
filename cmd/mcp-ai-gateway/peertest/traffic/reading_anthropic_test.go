package traffic

import (
	"encoding/json"
	"slices"
	"strings"
)

// readAnthropic reads a reply in the form of the Messages API.
func readAnthropic(r *recording) *answer {
	a := &answer{}
	if !r.isStream() {
		message, _ := parse(string(r.body))
		if message.at("error").value != nil || len(message.at("content").list()) == 0 && message.at("content").value == nil {
			return &answer{failed: true, message: wordsOf(r.body)}
		}
		a.fromMessage(message, message.at("content").list(), message.at("stop_reason").text(), message.at("stop_details", "explanation").text())
		a.usage = usageAnthropic([]node{message.at("usage")})
		return a
	}
	var message node
	var blocks []*block
	var counts []node
	var reason, explanation string
	ended := false
	for _, event := range events(r.body) {
		value, _ := parse(event.data)
		switch index := value.at("index").number(); value.at("type").text() {
		case "message_start":
			if message.value == nil {
				message = value.at("message")
			}
			counts = append(counts, value.at("message", "usage"))
		case "content_block_start":
			blocks = append(blocks, &block{index: index, start: value.at("content_block")})
		case "content_block_delta":
			for _, b := range slices.Backward(blocks) {
				if b.index == index {
					b.deltas = append(b.deltas, value.at("delta"))
					break
				}
			}
		case "content_block_stop":
			for _, b := range blocks {
				b.ended = b.ended || b.index == index
			}
		case "message_delta":
			if said := value.at("delta", "stop_reason").text(); said != "" {
				reason = said
			}
			if said := value.at("delta", "stop_details", "explanation").text(); said != "" {
				explanation = said
			}
			counts = append(counts, value.at("usage"))
		case "message_stop":
			ended = true
		case "error":
			a.failed, a.message = true, wordsOf([]byte(event.data))
		}
		if ended {
			break
		}
	}
	var content []node
	for _, b := range blocks {
		content = append(content, b.whole(!b.ended && !ended && reason == ""))
	}
	a.failed = a.failed || message.value == nil || !ended && reason == ""
	a.fromMessage(message, content, reason, explanation)
	a.usage = usageAnthropic(counts)
	return a
}

// block is a block of a stream, as it began and with what came for it.
type block struct {
	index  int64
	start  node
	deltas []node
	ended  bool
}

// whole is the block as it would stand in a plain reply. One that was cut has
// no input but what came.
func (b *block) whole(cut bool) node {
	object, _ := b.start.value.(map[string]any)
	var input strings.Builder
	for _, delta := range b.deltas {
		for _, name := range []string{"text", "thinking", "signature"} {
			if piece := delta.at(name).text(); piece != "" {
				object[name] = node{object[name]}.text() + piece
			}
		}
		input.WriteString(delta.at("partial_json").text())
		if summary := delta.at("content").text(); summary != "" && object["type"] == "compaction" {
			object["content"] = node{object["content"]}.text() + summary
		}
		if citation := delta.at("citation"); citation.isObject() {
			list, _ := object["citations"].([]any)
			object["citations"] = append(list, citation.value)
		}
	}
	own := isOwnBlock(node{object})
	switch asked, whole := parse(input.String()); {
	case own && whole && input.Len() > 0:
		object["input"] = asked.value
	case own:
	case input.Len() > 0 || cut && object["type"] == "tool_use":
		object["input"] = input.String()
	}
	if cut && (own || object["type"] == "thinking") {
		object["cut"] = true
	}
	return node{object}
}

func (a *answer) fromMessage(message node, content []node, reason, explanation string) {
	a.id, a.model = message.at("id").text(), message.at("model").text()
	c := choice{native: reason}
	for _, part := range content {
		switch part.at("type").text() {
		case "text":
			c.text += part.at("text").text()
			c.annotations = append(c.annotations, plains(part.at("citations").list())...)
		case "thinking":
			c.reasoning += part.at("thinking").text()
			if part.at("cut").value == nil { // else it cannot go back
				c.details = append(c.details, part.plain())
			}
		case "redacted_thinking":
			c.details = append(c.details, part.plain())
		case "tool_use":
			c.calls = append(c.calls, toolCall{part.at("id").text(), part.at("name").text(), argumentsOf(part.at("input"))})
		case "fallback":
			a.model = part.at("to", "model").text()
		}
		if isOwnBlock(part) && part.at("cut").value == nil {
			c.details = append(c.details, part.plain())
		}
	}
	if reason == "refusal" {
		c.refusal = explanation
	}
	if c.finish = finishAnthropic(reason, len(c.calls) > 0); reason == "" && a.failed {
		c.finish = "error"
	}
	a.choices, a.partial = []choice{c}, message.value != nil
}

// isOwnBlock knows what Anthropic's own tools and the API itself did: it goes back.
func isOwnBlock(block node) bool {
	kind := block.at("type").text()
	return slices.Contains([]string{"server_tool_use", "mcp_tool_use", "compaction", "fallback", "container_upload"}, kind) || strings.HasSuffix(kind, "_tool_result")
}

// finishAnthropic is the unified word for a stop_reason.
func finishAnthropic(reason string, calls bool) string {
	switch {
	case reason == "max_tokens", reason == "model_context_window_exceeded":
		return "length"
	case reason == "refusal":
		return "content_filter"
	case calls, reason == "tool_use":
		return "tool_calls"
	}
	return "stop"
}

// argumentsOf are a call's arguments as JSON: the streamed text as it came, a
// whole input in an order that does not matter.
func argumentsOf(input node) string {
	if text, ok := input.value.(string); ok {
		return text
	}
	data, _ := json.Marshal(input.value)
	return string(data)
}

// usageAnthropic: each count is the last that was told, and the prompt holds
// what was read from and written to the cache. Where a prompt was compacted,
// the steps are added up.
func usageAnthropic(counts []node) *usage {
	last := map[string]int64{}
	for _, u := range counts {
		for _, name := range []string{"input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"} {
			if u.at(name).value != nil {
				last[name] = u.at(name).number()
			}
		}
		if n := u.at("output_tokens_details", "thinking_tokens"); n.value != nil {
			last["thinking"] = n.number()
		}
		steps := u.at("iterations").list()
		if slices.ContainsFunc(steps, func(step node) bool { return step.at("type").text() == "compaction" }) {
			sums := map[string]int64{"thinking": last["thinking"]}
			for _, step := range steps {
				for _, name := range []string{"input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"} {
					sums[name] += step.at(name).number()
				}
			}
			last = sums
		}
	}
	if len(last) == 0 {
		return nil
	}
	made := &usage{
		prompt:     last["input_tokens"] + last["cache_read_input_tokens"] + last["cache_creation_input_tokens"],
		completion: last["output_tokens"], cached: last["cache_read_input_tokens"],
		written: last["cache_creation_input_tokens"], reasoning: last["thinking"],
	}
	made.total = made.prompt + made.completion
	return made
}
