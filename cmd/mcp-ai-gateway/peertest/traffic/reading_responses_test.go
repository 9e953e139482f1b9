package traffic

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// readResponses reads a reply in the form of the Responses API.
func readResponses(r *recording) *answer {
	a := &answer{}
	if !r.isStream() {
		response, _ := parse(string(r.body))
		status := response.at("status").text()
		if _, ok := response.at("output").value.([]any); !ok || status == "queued" || status == "in_progress" {
			return &answer{failed: true, message: faultOf(response)}
		}
		a.about(response)
		a.fromOutput(wholeItems(response), status, response.at("incomplete_details", "reason").text(), true)
		if status == "failed" || status == "cancelled" || faultOf(response) != nil {
			a.failed, a.message = true, faultOf(response)
		}
		return a
	}
	var response node
	var status string
	items := map[int64]*outputItem{}
	for _, event := range events(r.body) {
		value, _ := parse(event.data)
		response = value.at("response")
		a.about(response)
		switch kind, index := value.at("type").text(), value.at("output_index").number(); kind {
		case "response.completed", "response.incomplete", "response.failed", "response.cancelled":
			status = strings.TrimPrefix(kind, "response.")
		case "response.output_item.added":
			items[index] = &outputItem{start: value.at("item")}
		case "response.output_item.done":
			items[index] = &outputItem{whole: value.at("item")}
		default:
			if item := items[index]; item != nil {
				item.pieces = append(item.pieces, value)
			}
			if kind == "error" || event.name == "error" {
				a.failed, a.message = true, wordsOf([]byte(event.data))
			}
		}
		if status != "" || a.failed {
			break
		}
	}
	output := wholeItems(response)
	if len(output) == 0 { // nothing, though items came (ChatGPT's backend), or it is not there
		for _, index := range slices.Sorted(maps.Keys(items)) {
			output = append(output, items[index])
		}
	}
	if len(output) > 0 || status != "" {
		a.fromOutput(output, status, response.at("incomplete_details", "reason").text(), status != "")
	}
	a.partial = len(a.choices) > 0 || a.usage != nil
	switch {
	case a.failed:
	case status == "failed", status == "cancelled":
		a.failed, a.message = true, faultOf(response)
	case status == "":
		a.failed = true // cut
	}
	return a
}

// about reads what an event says of the whole response.
func (a *answer) about(response node) {
	if a.id == "" {
		a.id = response.at("id").text()
	}
	if model := response.at("model").text(); model != "" {
		a.model = model
	}
	if created := response.at("created_at").number(); created > 0 {
		a.created = created
	}
	if u := usageResponses(response.at("usage")); u != nil {
		a.usage = u
	}
}

// outputItem is an item of a stream: as it began and what came for it, or
// whole.
type outputItem struct {
	start, whole node
	pieces       []node
}

func wholeItems(response node) (items []*outputItem) {
	for _, item := range response.at("output").list() {
		items = append(items, &outputItem{whole: item})
	}
	return items
}

// node is the item as it would stand in a whole response, as far as it came.
func (o *outputItem) node() node {
	if o.whole.isObject() {
		return o.whole
	}
	made := map[string]any{}
	if start, ok := o.start.value.(map[string]any); ok {
		maps.Copy(made, start)
	}
	texts := func(list, kind, field, index string) {
		parts := map[int64]map[string]any{}
		for _, piece := range o.pieces {
			at := piece.at(index).number()
			if parts[at] == nil {
				parts[at] = map[string]any{"type": kind}
			}
			for _, name := range []string{"annotations", "logprobs"} {
				before, _ := parts[at][name].([]any)
				switch came := piece.at("type").text(); {
				case name == "annotations" && came == "response."+kind+".annotation.added":
					parts[at][name] = append(before, piece.at("annotation").value)
				case name == "logprobs" && came == "response."+kind+".delta":
					more, _ := piece.at(name).value.([]any)
					parts[at][name] = append(before, more...)
				}
			}
			if piece.at("type").text() == "response."+kind+".delta" {
				parts[at][field] = node{parts[at][field]}.text() + piece.at("delta").text()
			}
		}
		for _, at := range slices.Sorted(maps.Keys(parts)) {
			before, _ := made[list].([]any)
			made[list] = append(before, parts[at])
		}
	}
	texts("content", "output_text", "text", "content_index")
	texts("content", "refusal", "refusal", "content_index")
	texts("content", "reasoning_text", "text", "content_index")
	texts("summary", "reasoning_summary_text", "text", "summary_index")
	for _, piece := range o.pieces {
		for kind, field := range map[string]string{"function_call_arguments": "arguments", "custom_tool_call_input": "input"} {
			switch piece.at("type").text() {
			case "response." + kind + ".delta":
				made[field] = node{made[field]}.text() + piece.at("delta").text()
			case "response." + kind + ".done":
				made[field] = piece.at(field).text()
			}
		}
	}
	return node{made}
}

func (a *answer) fromOutput(items []*outputItem, status, reason string, ended bool) {
	c := choice{}
	var thoughts []string
	var tokens []any
	for _, o := range items {
		item := o.node()
		content := item.at("content")
		switch item.at("type").text() {
		case "message":
			c.text += content.text()
			for _, part := range content.list() {
				switch part.at("type").text() {
				case "output_text":
					c.text += part.at("text").text()
					c.annotations = append(c.annotations, plains(part.at("annotations").list())...)
					tokens = append(tokens, plains(part.at("logprobs").list())...)
				case "refusal":
					c.refusal += part.at("refusal").text()
				}
			}
		case "reasoning":
			for _, part := range append(item.at("summary").list(), content.list()...) {
				thoughts = append(thoughts, part.at("text").text())
			}
		case "function_call":
			c.calls = append(c.calls, toolCall{item.at("call_id").text(), item.at("name").text(), argumentsText(item, ended)})
		case "custom_tool_call":
			c.calls = append(c.calls, toolCall{item.at("call_id").text(), item.at("name").text(), item.at("input").text()})
		case "image_generation_call":
			if data := item.at("result").text(); data != "" {
				c.images = append(c.images, image("image/"+cmp.Or(item.at("output_format").text(), "png"), data))
			}
		}
	}
	c.reasoning, c.details = joinThoughts(thoughts), thoughtsInOrder(items)
	if tokens != nil {
		c.logprobs = map[string]any{"content": tokens}
	}
	c.finish, c.native = finishResponses(status, reason, len(c.calls) > 0, ended)
	a.choices, a.partial = []choice{c}, true
}

// argumentsText are the arguments of a call; none, of a whole one, are an empty
// object.
func argumentsText(item node, ended bool) string {
	arguments := item.at("arguments")
	switch text := arguments.text(); {
	case arguments.isObject():
		data, _ := json.Marshal(arguments.value)
		return string(data)
	case text == "" && ended:
		return "{}"
	default:
		return text
	}
}

// image is a picture as OpenRouter's chat has it.
func image(mimeType, data string) any {
	return map[string]any{"type": "image_url", "image_url": map[string]any{"url": "data:" + mimeType + ";base64," + data}}
}

// joinThoughts makes one text of several, of which some may be told twice.
func joinThoughts(thoughts []string) string {
	var different []string
	for _, thought := range thoughts {
		if thought != "" && !slices.Contains(different, thought) {
			different = append(different, thought)
		}
	}
	return strings.Join(different, "\n\n")
}

// ownItems tell what OpenAI's own tools did: they go back like thoughts.
var ownItems = []string{
	"web_search_call", "file_search_call", "code_interpreter_call", "computer_call", "computer_call_output", "mcp_call", "mcp_list_tools",
	"mcp_approval_request", "tool_search_call", "tool_search_output", "compaction", "program", "program_call", "program_output",
	"shell_call", "shell_call_output", "local_shell_call", "apply_patch_call", "apply_patch_call_output",
}

// thoughtsInOrder are the items of reasoning, and of OpenAI's own tools. Where they did not all come
// first, then what was said, then the calls, a word for each of the others says
// where it stood, but for the last.
func thoughtsInOrder(items []*outputItem) (details []any) {
	var order []node
	mixed, before := false, ""
	for _, o := range items {
		item := o.node()
		letter := map[string]string{"reasoning": "a", "message": "b", "function_call": "c", "custom_tool_call": "c"}[item.at("type").text()]
		if slices.Contains(ownItems, item.at("type").text()) {
			letter = "a"
		}
		if letter == "" || letter == "a" && o.whole.value == nil {
			continue
		}
		mixed = mixed || letter < before
		order, before = append(order, item), letter
	}
	spoken := func(item node) bool {
		return slices.Contains([]string{"message", "function_call", "custom_tool_call"}, item.at("type").text())
	}
	if !slices.ContainsFunc(order, func(item node) bool { return !spoken(item) }) {
		return nil
	}
	for i, item := range order {
		switch kind := item.at("type").text(); {
		case !spoken(item):
			details = append(details, item.plain())
		case !mixed || i == len(order)-1:
		case kind == "message":
			details = append(details, map[string]any{"type": kind})
		default:
			details = append(details, map[string]any{"type": kind, "call_id": item.at("call_id").text()})
		}
	}
	return details
}

// faultOf are the words of a response that failed.
func faultOf(response node) []string {
	data, err := json.Marshal(response.value)
	if err != nil || response.at("error").value == nil {
		return nil
	}
	return wordsOf(data)
}

// finishResponses is the unified word for how a response ended, and the
// provider's.
func finishResponses(status, reason string, calls, ended bool) (finish, native string) {
	switch {
	case !ended:
		return "error", ""
	case status == "incomplete", status == "" && reason != "":
		finish, native = "length", cmp.Or(reason, status)
		if reason == "content_filter" {
			finish = reason
		}
		return finish, native
	case status == "failed", status == "cancelled":
		return "error", status
	case calls:
		return "tool_calls", status
	case status == "":
		return "", ""
	}
	return "stop", status
}

func usageResponses(u node) *usage {
	if u.at("input_tokens").value == nil && u.at("output_tokens").value == nil {
		return nil
	}
	made := &usage{
		prompt: u.at("input_tokens").number(), completion: u.at("output_tokens").number(), total: u.at("total_tokens").number(),
		cached:    u.at("input_tokens_details", "cached_tokens").number(),
		written:   u.at("input_tokens_details", "cache_write_tokens").number(),
		reasoning: u.at("output_tokens_details", "reasoning_tokens").number(),
	}
	made.include(0)
	return made
}
