package provider

import (
	"slices"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// chatAssembly puts a [Response] together from pieces in OpenAI's chat form. A
// plain completion is one piece: a message is a delta that brings everything.
type chatAssembly struct {
	whole    bool // one document, not a stream
	delta    func(text string)
	response Response
	choices  []*choiceAssembly
	ended    bool   // [DONE] came, or all of a document
	fault    *Error // a limit was passed
}

type choiceAssembly struct {
	index                        int64
	content                      pieces
	refusal, reasoning           []byte
	saidContent                  bool // content was a string, be it empty
	finish, native, stop         string
	saidNothing                  bool // finish_reason was "", Snowflake's word for stop
	calls                        []*callAssembly
	details, annotations, images []json.RawMessage
	audio                        chatAudio
	logprobs                     logprobs
}

type callAssembly struct {
	index     int64
	id, name  string
	arguments []byte
	custom    bool // the arguments are free text, called input
}

// The most choices and tool calls of one response. An index from outside is
// only looked up, never used to grow a slice.
const (
	choiceLimit = 128
	callLimit   = 1024
)

func (a *chatAssembly) document(value json.Value) *Error {
	a.whole, a.ended, a.delta = true, true, nil
	return a.add(value)
}

func (a *chatAssembly) carries(name string) bool { return name == "" || name == "message" }

func (a *chatAssembly) end() { a.ended = true }

func (a *chatAssembly) over() bool { return a.ended }

// complete asks for a finish_reason of every choice: the usage may follow it.
func (a *chatAssembly) complete() bool {
	unfinished := func(c *choiceAssembly) bool { return c.finish == "" }
	return len(a.choices) > 0 && (a.ended || !slices.ContainsFunc(a.choices, unfinished))
}

// add reads one chunk or one whole completion.
func (a *chatAssembly) add(value json.Value) *Error {
	var choices json.Value
	value.ForEach(func(key, field json.Value) bool {
		switch key.Str {
		case "id":
			// The first non-empty value wins: Azure's first chunk has "" for both.
			if a.response.ID == "" {
				a.response.ID = text(field)
			}
		case "model":
			if a.response.Model == "" {
				a.response.Model = text(field)
			}
		case "created":
			if a.response.Created == 0 {
				a.response.Created = readCount(field).n
			}
		case "usage":
			if usage := readUsage(field); usage != nil {
				a.response.Usage = usage
			}
		case "choices":
			choices = field
		}
		return true
	})
	for position, object := range objects(choices) {
		choice := readChatChoice(object)
		if a.whole && !choice.message.IsObject() && !choice.delta.IsObject() && choice.text.Type != json.String &&
			finishReason(text(choice.finish), false) != FinishContentFilter {
			continue // no answer; of a filtered one Azure sends nothing else
		}
		index := int64(position)
		if choice.index.Type == json.Number {
			index = choice.index.Int()
		}
		if c := a.choice(index); c != nil {
			a.addChoice(c, choice)
		}
	}
	return a.fault
}

// chatChoice is the fields of a choice. They are found in one scan: this is
// where the time of a stream goes.
type chatChoice struct {
	index, delta, message, text, finish, native, stop, logprobs json.Value
}

func readChatChoice(object json.Value) (c chatChoice) {
	object.ForEach(func(key, value json.Value) bool {
		switch key.Str {
		case "index":
			c.index = value
		case "delta":
			c.delta = value
		case "message":
			c.message = value
		case "text":
			c.text = value
		case "finish_reason":
			c.finish = value
		case "native_finish_reason":
			c.native = value
		case "stop_reason":
			c.stop = value
		case "logprobs":
			c.logprobs = value
		}
		return true
	})
	return c
}

// objects returns the objects of a list, and nothing of anything else: null in
// place of a list is common.
func objects(list json.Value) []json.Value {
	if !list.IsArray() {
		return nil
	}
	return slices.DeleteFunc(list.Array(), func(element json.Value) bool { return !element.IsObject() })
}

func (a *chatAssembly) choice(index int64) *choiceAssembly {
	for _, c := range a.choices {
		if c.index == index {
			return c
		}
	}
	if len(a.choices) == choiceLimit {
		a.fault = tooMany(choiceLimit, "choices")
		return nil
	}
	c := &choiceAssembly{index: index}
	a.choices = append(a.choices, c)
	return c
}

func (a *chatAssembly) addChoice(c *choiceAssembly, choice chatChoice) {
	// Perplexity sends both: in a stream the message is all so far, in a whole
	// reply the delta is empty.
	message, other := choice.delta, choice.message
	if a.whole && other.IsObject() || !message.IsObject() {
		message = other
	}
	if !message.IsObject() {
		a.addContent(c, choice.text) // the legacy form
	}
	message.ForEach(func(key, value json.Value) bool {
		switch key.Str {
		case "content":
			a.addContent(c, value)
		case "refusal":
			c.refusal = append(c.refusal, text(value)...)
		case "reasoning_content":
			c.reasoning = append(c.reasoning, text(value)...)
		case "reasoning":
			// Some send both names with the same text.
			if text(message.Get("reasoning_content")) == "" {
				c.reasoning = append(c.reasoning, text(value)...)
			}
		case "reasoning_details":
			c.details = appendRaw(c.details, value)
		case "annotations":
			c.annotations = appendRaw(c.annotations, value)
		case "images":
			c.images = appendRaw(c.images, value)
		case "audio":
			c.audio.add(value)
		case "tool_calls":
			for _, call := range objects(value) {
				a.addCall(c, call)
			}
		case "function_call":
			// The legacy form of one call; some send it empty, or beside the other.
			if !message.Get("tool_calls").IsArray() && (text(value.Get("name")) != "" || text(value.Get("arguments")) != "") {
				a.addPiece(c, 0, "", value, false)
			}
		}
		return true
	})
	if finish := text(choice.finish); finish != "" {
		c.finish, c.native = finish, finish
	} else if choice.finish.Type == json.String {
		c.saidNothing = true
	}
	// OpenRouter translates, and keeps its provider's word beside.
	if native := text(choice.native); native != "" {
		c.native = native
	}
	if stop := text(choice.stop); stop != "" {
		c.stop = stop // vLLM's; a number there is a token's
	}
	c.logprobs.add(choice.logprobs)
}

// addContent reads content as text or, from Mistral and Cohere, as a list of
// text and thinking parts.
func (a *chatAssembly) addContent(c *choiceAssembly, value json.Value) {
	switch {
	case value.Type == json.String:
		c.saidContent = true
		a.addText(c, value.String())
	case value.IsArray():
		for _, part := range value.Array() {
			switch kind := text(part.Get("type")); {
			case part.Type == json.String:
				c.saidContent = true
				a.addText(c, part.String())
			case kind == "thinking":
				c.reasoning = append(c.reasoning, text(part.Get("thinking"))...)
				for _, thought := range objects(part.Get("thinking")) {
					c.reasoning = append(c.reasoning, text(thought.Get("text"))...)
				}
			case kind == "refusal":
				c.refusal = append(c.refusal, text(part.Get("refusal"))...)
			case isText(kind):
				c.saidContent = true
				a.addText(c, text(part.Get("text")))
			}
		}
	}
}

// pieces are a text that came in one piece, as most large ones do and which is
// not copied, or in many.
type pieces struct {
	first string
	all   []byte // once there are more
}

func (p *pieces) add(piece string) {
	switch {
	case p.all != nil:
		p.all = append(p.all, piece...)
	case p.first == "":
		p.first = piece
	case piece != "":
		p.all = append([]byte(p.first), piece...)
	}
}

func (p *pieces) text() string {
	if p.all != nil {
		return string(p.all)
	}
	return p.first
}

// isText knows the types of a text: text, output_text, none.
func isText(kind string) bool { return kind == "" || strings.HasSuffix(kind, "text") }

func (a *chatAssembly) addText(c *choiceAssembly, piece string) {
	c.content.add(piece)
	if piece != "" && c.index == 0 && a.delta != nil {
		a.delta(piece)
	}
}

// addCall reads one entry of tool_calls. In a whole message each is a call of
// its own, whatever its index and id.
func (a *chatAssembly) addCall(c *choiceAssembly, call json.Value) {
	index := int64(-1)
	if number := call.Get("index"); number.Type == json.Number {
		index = number.Int()
	}
	if a.whole {
		index = int64(len(c.calls))
	}
	called, custom := call.Get("function"), false
	if !called.IsObject() {
		called = call.Get("custom")
		custom = called.IsObject()
	}
	a.addPiece(c, index, text(call.Get("id")), called, custom)
}

// addPiece adds a piece of a tool call. A piece belongs to the latest call of
// its index or id, unless it brings another id: Gemini's compatible endpoint
// gives every call index 0. Without index and id a name begins a new call.
func (a *chatAssembly) addPiece(c *choiceAssembly, index int64, id string, called json.Value, custom bool) {
	name := text(called.Get("name"))
	var call *callAssembly
	for _, known := range c.calls {
		if (index >= 0 && known.index == index) || (index < 0 && id != "" && known.id == id) {
			call = known
		}
	}
	if call == nil && index < 0 && id == "" && name == "" && len(c.calls) > 0 {
		call = c.calls[len(c.calls)-1]
	}
	if call == nil || (id != "" && call.id != "" && id != call.id) {
		if len(c.calls) == callLimit {
			a.fault = tooMany(callLimit, "tool calls")
			return
		}
		call = &callAssembly{index: index}
		c.calls = append(c.calls, call)
	}
	if id != "" {
		call.id = id
	}
	if name != "" {
		call.name = name
	}
	arguments := called.Get("arguments")
	if custom {
		call.custom, arguments = true, called.Get("input")
	}
	if arguments.Type == json.String {
		call.arguments = append(call.arguments, arguments.String()...)
	} else if arguments.IsObject() {
		call.arguments = append(call.arguments, json.Compact([]byte(arguments.Raw))...)
	}
}

// result returns what was put together so far.
func (a *chatAssembly) result() *Response {
	response := a.response
	response.Object = "chat.completion"
	response.Choices = make([]Choice, 0, len(a.choices))
	a.nameCalls()
	for _, c := range a.choices {
		response.Choices = append(response.Choices, c.result(a.ended, a.whole))
	}
	return &response
}

// nameCalls gives ids to calls without: Gemini's compatible endpoint (recorded)
// and the legacy form have none.
func (a *chatAssembly) nameCalls() {
	source := a.response.ID
	var ids []string
	for _, c := range a.choices {
		for _, call := range c.calls {
			ids = append(ids, call.id)
			if a.response.ID == "" {
				source += "\x00" + call.name + "\x00" + string(call.arguments)
			}
		}
	}
	ids = nameCalls(source, ids)
	for _, c := range a.choices {
		for i := range c.calls {
			c.calls[i].id, ids = ids[0], ids[1:]
		}
	}
}

func (c *choiceAssembly) result(ended, whole bool) Choice {
	choice := Choice{
		Index:              int(c.index),
		FinishReason:       finishReason(c.finish, len(c.calls) > 0),
		NativeFinishReason: c.native,
		StopSequence:       c.stop,
		Logprobs:           c.logprobs.result(),
		Message: AnswerMessage{
			Role:             Assistant,
			Refusal:          string(c.refusal),
			ReasoningContent: string(c.reasoning),
			ReasoningDetails: c.details,
			Annotations:      c.annotations,
			Images:           c.images,
			Audio:            c.audio.result(),
		},
	}
	switch {
	case c.finish != "":
	case !ended:
		choice.FinishReason = FinishError // never invent a finish
	case len(c.calls) > 0:
		choice.FinishReason = FinishToolCalls
	case c.saidNothing, !whole:
		choice.FinishReason = FinishStop // of a stream [DONE] says as much
	}
	if c.saidContent {
		content := c.content.text()
		choice.Message.Content = &content
	}
	for _, call := range c.calls {
		choice.Message.ToolCalls = append(choice.Message.ToolCalls, call.result())
	}
	return choice
}

func (c *callAssembly) result() ToolCall {
	if c.custom {
		return ToolCall{ID: c.id, Type: "custom", Custom: &CustomCall{Name: c.name, Input: string(c.arguments)}}
	}
	return ToolCall{ID: c.id, Type: "function", Function: &FunctionCall{Name: c.name, Arguments: string(c.arguments)}}
}

// appendRaw adds the elements of a JSON list, unread.
func appendRaw(list []json.RawMessage, value json.Value) []json.RawMessage {
	if !value.IsArray() {
		return list
	}
	value.ForEach(func(_, element json.Value) bool {
		list = append(list, json.Compact([]byte(element.Raw)))
		return true
	})
	return list
}
