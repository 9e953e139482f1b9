package provider

import (
	"slices"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// responsesAssembly puts a [Response] together from the items of a response. A
// whole response is one last event that brings everything.
type responsesAssembly struct {
	delta func(text string)

	began    bool // some of an answer came, or its end
	response Response
	items    []*responsesItem // by output_index
	parts    int              // of all items
	status   string           // completed, incomplete, failed, cancelled; "" of a whole response without one
	ended    bool
	reason   string // why it is incomplete
	fault    *Error // a limit was passed
}

// responsesItem is one item of the output. It goes by its index: ids of one
// item were recorded to change between events (Copilot).
type responsesItem struct {
	index                   int64
	kind                    string
	id                      string           // of one without an index
	parts                   []*responsesPart // by place and type
	callID, name, arguments string
	pieces                  []byte          // of the arguments
	image                   string          // as a data URL
	done                    json.RawMessage // the whole item, unread
}

// responsesPart is a text of an item: of a message, a refusal, a thought or
// the summary of one.
type responsesPart struct {
	kind        string // output_text, refusal, reasoning_text or summary_text
	index       int64
	text        []byte
	annotations []json.RawMessage
	logprobs    []json.RawMessage
}

// responsesLimit is the most items of one answer, and the most texts of all of
// them. One with web searches has some hundred.
const responsesLimit = 4096

func (a *responsesAssembly) document(value json.Value) *Error {
	a.delta = nil
	status := text(value.Get("status"))
	if value.Get("output").IsArray() && status != "queued" && status != "in_progress" {
		a.finish(value, status)
	}
	return a.fault
}

func (a *responsesAssembly) carries(name string) bool {
	return name == "" || strings.HasPrefix(name, "response.")
}

// end does nothing: only one of the three last events says how it ended.
func (a *responsesAssembly) end() {}

func (a *responsesAssembly) over() bool { return a.ended }

func (a *responsesAssembly) complete() bool { return a.ended }

// add reads one event. Those of other types say nothing.
func (a *responsesAssembly) add(event json.Value) *Error {
	switch kind := text(event.Get("type")); kind {
	case "response.completed", "response.incomplete", "response.failed", "response.cancelled":
		a.finish(event.Get("response"), strings.TrimPrefix(kind, "response."))
	case "response.output_item.added":
		if item := a.item(event, event.Get("item")); item != nil {
			item.callID, item.name = text(event.Get("item.call_id")), text(event.Get("item.name"))
		}
	case "response.output_item.done":
		if item := a.item(event, event.Get("item")); item != nil {
			a.fill(item, event.Get("item"))
		}
	case "response.content_part.added", "response.content_part.done":
		if kind := text(event.Get("part.type")); isResponsesText(kind) {
			a.fillPart(a.part(event, kind, "content_index"), event.Get("part"))
		}
	case "response.output_text.delta":
		part := a.part(event, "output_text", "content_index")
		a.write(part, text(event.Get("delta")))
		if part != nil {
			part.logprobs = appendRaw(part.logprobs, event.Get("logprobs"))
		}
	case "response.output_text.done":
		a.fillPart(a.part(event, "output_text", "content_index"), event)
	case "response.output_text.annotation.added":
		if part := a.part(event, "output_text", "content_index"); part != nil && event.Get("annotation").IsObject() {
			part.annotations = append(part.annotations, json.Compact([]byte(event.Get("annotation").Raw)))
		}
	case "response.refusal.delta":
		a.write(a.part(event, "refusal", "content_index"), text(event.Get("delta")))
	case "response.refusal.done":
		a.fillPart(a.part(event, "refusal", "content_index"), event)
	case "response.reasoning_text.delta":
		a.write(a.part(event, "reasoning_text", "content_index"), text(event.Get("delta")))
	case "response.reasoning_text.done":
		a.fillPart(a.part(event, "reasoning_text", "content_index"), event)
	case "response.reasoning_summary_text.delta":
		a.write(a.part(event, "summary_text", "summary_index"), text(event.Get("delta")))
	case "response.reasoning_summary_text.done":
		a.fillPart(a.part(event, "summary_text", "summary_index"), event)
	case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta":
		if item := a.at(event, callOf(kind)); item != nil {
			item.pieces = append(item.pieces, text(event.Get("delta"))...)
		}
	case "response.function_call_arguments.done", "response.custom_tool_call_input.done":
		if item := a.at(event, callOf(kind)); item != nil {
			item.read(event)
		}
	default:
		a.about(event.Get("response")) // created, in_progress, queued
	}
	return a.fault
}

// callOf is the type of the item to which an event of a call belongs.
func callOf(event string) string {
	if strings.HasPrefix(event, "response.custom") {
		return "custom_tool_call"
	}
	return "function_call"
}

// about reads what is said of the whole response.
func (a *responsesAssembly) about(response json.Value) {
	if a.response.ID == "" { // some gateways give each event another
		a.response.ID = text(response.Get("id"))
	}
	if model := text(response.Get("model")); model != "" {
		a.response.Model = model
	}
	if created := readCount(response.Get("created_at")); created.n > 0 {
		a.response.Created = created.n
	}
	if usage := readResponsesUsage(response.Get("usage")); usage != nil {
		a.response.Usage = usage
	}
}

// finish reads the whole response, which the last event brings. Its output may
// be empty although items came (ChatGPT's backend, Copilot).
func (a *responsesAssembly) finish(response json.Value, status string) {
	a.began, a.ended, a.status = true, true, status
	a.about(response)
	a.reason = text(response.Get("incomplete_details.reason"))
	seen := map[string]int{}
	for _, item := range objects(response.Get("output")) {
		// The nth of a type is the nth that came: neither index nor id holds everywhere.
		kind := text(item.Get("type"))
		known, nth := (*responsesItem)(nil), seen[kind]
		seen[kind]++
		for _, candidate := range a.items {
			if candidate.kind == kind {
				if nth == 0 {
					known = candidate
					break
				}
				nth--
			}
		}
		if known == nil {
			next := int64(0)
			if n := len(a.items); n > 0 {
				next = a.items[n-1].index + 1
			}
			if known = a.begin(next, kind); known == nil {
				return
			}
		}
		a.fill(known, item)
	}
}

// at finds the item that an event speaks of, or begins it: some servers leave
// the first event of an item out.
func (a *responsesAssembly) at(event json.Value, kind string) *responsesItem {
	number := event.Get("output_index")
	if number.Type != json.Number {
		return a.named(event, kind)
	}
	index := number.Int()
	for _, item := range a.items {
		if item.index == index {
			if item.kind != kind {
				return a.named(event, kind) // it counts otherwise
			}
			return item
		}
	}
	return a.begin(index, kind)
}

// named finds the latest item of a type and an id, for servers that do not
// count items, or begins it.
func (a *responsesAssembly) named(event json.Value, kind string) *responsesItem {
	id, next := text(event.Get("item_id"))+text(event.Get("item.id")), int64(0)
	for _, item := range slices.Backward(a.items) {
		if item.kind == kind && (id == "" || item.id == id) {
			return item
		}
		next = max(next, item.index+1)
	}
	item := a.begin(next, kind)
	if item != nil {
		item.id = id
	}
	return item
}

// item reads the beginning of an item.
func (a *responsesAssembly) item(event, value json.Value) *responsesItem {
	kind := text(value.Get("type"))
	if kind == "" {
		return nil
	}
	return a.at(event, kind)
}

func (a *responsesAssembly) begin(index int64, kind string) *responsesItem {
	if len(a.items) == responsesLimit {
		a.fault = tooMany(responsesLimit, "items")
		return nil
	}
	a.began = true
	item := &responsesItem{index: index, kind: kind}
	place := len(a.items)
	for place > 0 && a.items[place-1].index > index {
		place--
	}
	a.items = slices.Insert(a.items, place, item)
	return item
}

// part finds the text that an event speaks of, or begins it.
func (a *responsesAssembly) part(event json.Value, kind, index string) *responsesPart {
	of := "message"
	if kind == "reasoning_text" || kind == "summary_text" {
		of = "reasoning"
	}
	item := a.at(event, of)
	if item == nil {
		return nil
	}
	return a.partOf(item, kind, event.Get(index).Int())
}

func (a *responsesAssembly) partOf(item *responsesItem, kind string, index int64) *responsesPart {
	for _, part := range item.parts {
		if part.kind == kind && part.index == index {
			return part
		}
	}
	if a.parts == responsesLimit {
		a.fault = tooMany(responsesLimit, "pieces of text")
		return nil
	}
	a.parts++
	part := &responsesPart{kind: kind, index: index}
	item.parts = append(item.parts, part)
	return part
}

// write adds to a text, and hands on what the answer says.
func (a *responsesAssembly) write(part *responsesPart, piece string) {
	if part == nil || piece == "" {
		return
	}
	part.text = append(part.text, piece...)
	if part.kind == "output_text" && a.delta != nil {
		a.delta(piece)
	}
}

// fillPart reads a whole text: of what came in pieces only what they left out.
func (a *responsesAssembly) fillPart(part *responsesPart, value json.Value) {
	if part == nil {
		return
	}
	whole := text(value.Get("text"))
	if part.kind == "refusal" {
		whole = text(value.Get("refusal"))
	}
	if rest, continues := strings.CutPrefix(whole, string(part.text)); continues {
		a.write(part, rest)
	} else if whole != "" {
		part.text = []byte(whole)
	}
	if annotations := appendRaw(nil, value.Get("annotations")); len(annotations) > 0 {
		part.annotations = annotations
	}
	if logprobs := appendRaw(nil, value.Get("logprobs")); len(logprobs) > 0 {
		part.logprobs = logprobs
	}
}

// fill reads a whole item.
func (a *responsesAssembly) fill(item *responsesItem, value json.Value) {
	switch item.kind {
	case "message":
		content := value.Get("content")
		if content.Type == json.String { // a lone text, as compatible servers may write it
			part := a.partOf(item, "output_text", 0)
			if part != nil && len(part.text) == 0 {
				a.write(part, content.String())
			}
		}
		a.fillParts(item, content)
	case "reasoning":
		item.done = json.Compact([]byte(value.Raw))
		a.fillParts(item, value.Get("summary"))
		a.fillParts(item, value.Get("content"))
	case "function_call", "custom_tool_call":
		item.read(value)
	case "image_generation_call":
		if data := text(value.Get("result")); data != "" {
			format := text(value.Get("output_format"))
			if format == "" {
				format = "png"
			}
			item.image = "data:image/" + format + ";base64," + data
		}
	default:
		if isResponsesOwn(value) {
			item.done = json.Compact([]byte(value.Raw))
		}
	}
}

func (a *responsesAssembly) fillParts(item *responsesItem, list json.Value) {
	for i, part := range objects(list) {
		if kind := text(part.Get("type")); isResponsesText(kind) {
			a.fillPart(a.partOf(item, kind, int64(i)), part)
		}
	}
}

func isResponsesText(kind string) bool {
	return kind == "output_text" || kind == "refusal" || kind == "reasoning_text" || kind == "summary_text"
}

// read takes from a call what is there.
func (i *responsesItem) read(value json.Value) {
	if id := text(value.Get("call_id")); id != "" {
		i.callID = id
	}
	if name := text(value.Get("name")); name != "" {
		i.name = name
	}
	given := value.Get("arguments")
	if i.kind == "custom_tool_call" {
		given = value.Get("input")
	}
	if given.IsObject() {
		i.arguments = string(json.Compact([]byte(given.Raw)))
	} else if words := text(given); words != "" {
		i.arguments = words
	}
}

// result returns what was put together so far.
func (a *responsesAssembly) result() *Response {
	response := a.response
	response.Object, response.Choices = "chat.completion", []Choice{}
	if !a.began {
		return &response
	}
	choice := Choice{Message: AnswerMessage{Role: Assistant}}
	message := &choice.Message
	var content, refusal []byte
	var thoughts []string
	var tokens []json.RawMessage
	said, counted := false, false
	for _, item := range a.items {
		for _, part := range item.parts {
			switch part.kind {
			case "output_text":
				said = true
				content = append(content, part.text...)
				message.Annotations = append(message.Annotations, part.annotations...)
				tokens, counted = append(tokens, part.logprobs...), counted || len(part.logprobs) > 0
			case "refusal":
				refusal = append(refusal, part.text...)
			default:
				// The full thought and its summary may be the same text.
				if thought := string(part.text); thought != "" && !slices.Contains(thoughts, thought) {
					thoughts = append(thoughts, thought)
				}
			}
		}
		switch item.kind {
		case "function_call":
			call := &FunctionCall{Name: item.name, Arguments: item.given()}
			if call.Arguments == "" && a.ended {
				call.Arguments = "{}"
			}
			message.ToolCalls = append(message.ToolCalls, ToolCall{ID: item.callID, Type: "function", Function: call})
		case "custom_tool_call":
			message.ToolCalls = append(message.ToolCalls, ToolCall{ID: item.callID, Type: "custom", Custom: &CustomCall{Name: item.name, Input: item.given()}})
		case "image_generation_call":
			if url, err := json.Marshal(item.image); err == nil && item.image != "" {
				message.Images = append(message.Images, json.RawMessage(`{"type":"image_url","image_url":{"url":`+string(url)+`}}`))
			}
		}
	}
	message.Refusal = string(refusal)
	message.ReasoningContent = strings.Join(thoughts, "\n\n")
	message.ReasoningDetails = a.details()
	if counted {
		var joined logprobs
		for _, token := range tokens {
			joined.add(json.Parse(append(append([]byte(`{"content":[`), token...), "]}"...)))
		}
		choice.Logprobs = joined.result()
	}
	// Nothing said beside calls or a refusal is null, as in OpenAI's chat.
	if said || a.ended && len(message.ToolCalls) == 0 && message.Refusal == "" {
		text := string(content)
		message.Content = &text
	}
	choice.FinishReason, choice.NativeFinishReason = a.finishReason(len(message.ToolCalls) > 0)
	response.Choices = append(response.Choices, choice)
	return &response
}

// given are a call's arguments, or its pieces while it is not whole.
func (i *responsesItem) given() string {
	if i.arguments != "" {
		return i.arguments
	}
	return string(i.pieces)
}

// finishReason maps how a response ended. A cut one stays cut whatever calls
// it holds, for they may be cut as well.
func (a *responsesAssembly) finishReason(calls bool) (reason FinishReason, native string) {
	switch {
	case !a.ended:
		return FinishError, "" // never invent a finish
	case a.status == "incomplete" || a.status == "" && a.reason != "":
		native, reason = a.reason, FinishLength // max_output_tokens, max_messages
		if native == "" {
			native = a.status
		}
		if native == "content_filter" {
			reason = FinishContentFilter
		}
		return reason, native
	case a.status == "failed", a.status == "cancelled":
		return FinishError, a.status
	case calls:
		return FinishToolCalls, a.status
	case a.status == "":
		return "", "" // a whole answer, whose server did not say why it ended
	}
	return FinishStop, a.status
}
