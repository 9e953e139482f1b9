package provider

import (
	"slices"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// What a model thought goes back unchanged and in its place; both directions
// stand here, for one undoes the other.

// turn writes an assistant's message: what it thought, what it said, what it
// called, in this order unless its reasoning_details tell another: an entry
// that is no thought of its own marks where a message or a call stood.
//
// A thought has to stand right before what it led to: "Item 'rs_...' of type
// 'reasoning' was provided without its required following item" (recorded).
func (e *openAIResponsesEncoding) turn(message Message, content []openAIResponsesPart) {
	if message.Reasoning != "" && len(message.ReasoningDetails) == 0 {
		e.adjusted.note("messages[].reasoning_content", "dropped", "the Responses API takes back only what came as reasoning_details")
	}
	thoughts := 0 // at the end of the input, before anything else of this turn
	said := len(content) == 0
	speak := func() {
		if !said {
			e.item(openAIResponsesMessage{"message", Assistant, content})
			said, thoughts = true, 0
		}
	}
	called := make([]bool, len(message.ToolCalls))
	call := func(i int) {
		if !called[i] {
			e.call(message.ToolCalls[i])
			called[i], thoughts = true, 0
		}
	}
	for _, detail := range message.ReasoningDetails {
		value := json.Parse(detail)
		switch text(value.Get("type")) {
		case "reasoning":
			if e.row.has(OpenAIModels) && text(value.Get("encrypted_content")) == "" {
				// It would be looked for under its id, and nothing is stored.
				e.adjusted.note("messages[].reasoning_details", "dropped", "OpenAI takes reasoning back with its encrypted_content only")
				continue
			}
			e.wire.Input = append(e.wire.Input, detail)
			thoughts++
		case "message":
			speak()
		case "function_call", "custom_tool_call":
			id := text(value.Get("call_id"))
			if i := slices.IndexFunc(message.ToolCalls, func(c ToolCall) bool { return c.ID == id }); i >= 0 {
				call(i)
			}
		default:
			if isResponsesOwn(value) {
				e.wire.Input = append(e.wire.Input, detail)
				thoughts = 0
				continue
			}
			e.adjusted.note("messages[].reasoning_details", "dropped", "the reasoning is of another API, which alone can read it")
		}
	}
	speak()
	for i := range message.ToolCalls {
		call(i)
	}
	if thoughts > 0 {
		e.wire.Input = e.wire.Input[:len(e.wire.Input)-thoughts]
		e.adjusted.note("messages[].reasoning_details", "dropped", "OpenAI refuses reasoning that nothing of the same turn follows")
	}
}

// details are the thoughts as they came, since they go back unchanged, and in
// their place. [openAIResponsesEncoding.turn] puts thoughts before what was said
// and that before the calls: where the model had another order, an entry for
// each other item but those at the end says so.
func (a *responsesAssembly) details() (details []json.RawMessage) {
	ranks := map[string]int{"reasoning": 1, responsesOwn: 1, "message": 2, "function_call": 3, "custom_tool_call": 3}
	var order []*responsesItem
	sorted, last := true, -1
	for _, item := range a.items {
		rank := ranks[item.sort()]
		if rank == 0 || rank == 1 && item.done == nil {
			continue
		}
		if n := len(order); n > 0 && ranks[order[n-1].sort()] > rank {
			sorted = false
		}
		if rank == 1 {
			last = len(order)
		}
		order = append(order, item)
	}
	if last < 0 {
		return nil
	}
	for i, item := range order {
		switch {
		case ranks[item.sort()] == 1:
			details = append(details, item.done)
		case sorted || i == len(order)-1:
		case item.kind == "message":
			details = append(details, json.RawMessage(`{"type":"message"}`))
		default:
			if marker, err := json.Marshal(responsesMarker{item.kind, item.callID}); err == nil {
				details = append(details, marker)
			}
		}
	}
	return details
}

// responsesOwn is the sort of items that tell what OpenAI's own tools did, or what
// the API did with the conversation. Nobody reads them here, and they go back as
// they came.
const responsesOwn = "own"

// sort is an item's type, or that it is such a one.
func (i *responsesItem) sort() string {
	if i.done != nil && isResponsesOwn(json.Parse(i.done)) {
		return responsesOwn
	}
	return i.kind
}

// isResponsesOwn knows such an item by its type.
// https://platform.openai.com/docs/api-reference/responses/object
func isResponsesOwn(item json.Value) bool {
	kind := text(item.Get("type"))
	switch {
	case strings.HasSuffix(kind, "_tool_use"), strings.HasSuffix(kind, "_tool_result"):
		return false // Anthropic's
	case kind == "compaction":
		return item.Get("encrypted_content").Exists()
	}
	return slices.ContainsFunc(responsesOwnTools, func(tool string) bool { return strings.HasPrefix(kind, tool) })
}

// responsesOwnTools are how the types of such items begin.
var responsesOwnTools = []string{
	"web_search_", "file_search_", "code_interpreter_", "computer_", "mcp_", "tool_search_", "program", "shell_", "local_shell_", "apply_patch_",
}

// responsesMarker stands among reasoning_details for a call.
type responsesMarker struct {
	Type   string `json:"type"`
	CallID string `json:"call_id"`
}
