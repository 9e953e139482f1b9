package provider

import (
	"slices"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// assembly puts a [Response] together from pieces in OpenAI's chat form. A
// plain completion is one piece: a message is a delta that brings everything.
type assembly struct {
	whole    bool // one document, not a stream
	delta    func(text string)
	response Response
	choices  []*choiceAssembly
	done     bool // the provider said that nothing follows
}

type choiceAssembly struct {
	index                                     int64
	content, refusal, reasoning               []byte
	saidContent                               bool // content was a string, be it empty
	finish, native                            string
	calls                                     []*callAssembly
	details, annotations, images, logContents []json.RawMessage
	logprobs, audio                           json.RawMessage
}

type callAssembly struct {
	index     int64
	id, name  string
	arguments []byte
}

// The most choices and tool calls of one response. An index from outside is
// only looked up, never used to grow a slice.
const (
	choiceLimit = 128
	callLimit   = 1024
)

// add reads one chunk or one whole completion.
func (a *assembly) add(value json.Value) {
	// The first non-empty value wins: Azure's first chunk has "" for both.
	if a.response.ID == "" {
		a.response.ID = text(value.Get("id"))
	}
	if a.response.Model == "" {
		a.response.Model = text(value.Get("model"))
	}
	if a.response.Created == 0 {
		a.response.Created = value.Get("created").Int()
	}
	if usage := readUsage(value.Get("usage")); usage != nil {
		a.response.Usage = usage
	}
	for _, choice := range objects(value.Get("choices")) {
		if c := a.choice(choice.Get("index").Int()); c != nil {
			a.addChoice(c, choice)
		}
	}
}

// objects returns the objects of a list, and nothing of anything else: null in
// place of a list is common.
func objects(list json.Value) []json.Value {
	if !list.IsArray() {
		return nil
	}
	return slices.DeleteFunc(list.Array(), func(element json.Value) bool { return !element.IsObject() })
}

func (a *assembly) choice(index int64) *choiceAssembly {
	for _, c := range a.choices {
		if c.index == index {
			return c
		}
	}
	if len(a.choices) == choiceLimit {
		return nil
	}
	c := &choiceAssembly{index: index}
	a.choices = append(a.choices, c)
	return c
}

func (a *assembly) addChoice(c *choiceAssembly, choice json.Value) {
	// Perplexity sends both: in a stream the message is all so far, in a whole
	// reply the delta is empty.
	message, other := choice.Get("delta"), choice.Get("message")
	if a.whole && other.IsObject() || !message.IsObject() {
		message = other
	}
	message.ForEach(func(key, value json.Value) bool {
		switch key.String() {
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
			// Snowflake sends an empty object where there is no audio.
			if value.IsObject() && value.Get("data").Exists() {
				c.audio = json.Compact([]byte(value.Raw))
			}
		case "tool_calls":
			for _, call := range objects(value) {
				c.addCall(call, a.whole)
			}
		case "function_call":
			// The legacy form of one call; some send it empty, or beside the other.
			if !message.Get("tool_calls").IsArray() && (text(value.Get("name")) != "" || text(value.Get("arguments")) != "") {
				c.addPiece(0, "", value)
			}
		}
		return true
	})
	if finish := text(choice.Get("finish_reason")); finish != "" {
		c.finish, c.native = finish, finish
	}
	// OpenRouter translates, and keeps its provider's word beside.
	if native := text(choice.Get("native_finish_reason")); native != "" {
		c.native = native
	}
	if logprobs := choice.Get("logprobs"); logprobs.IsObject() {
		if contents := logprobs.Get("content"); contents.IsArray() {
			c.logContents = appendRaw(c.logContents, contents)
		}
		c.logprobs = json.Compact([]byte(logprobs.Raw))
	}
}

// addContent reads content as text or, from Mistral and Cohere, as a list of
// text and thinking parts.
func (a *assembly) addContent(c *choiceAssembly, value json.Value) {
	switch {
	case value.Type == json.String:
		c.saidContent = true
		a.addText(c, value.String())
	case value.IsArray():
		for _, part := range objects(value) {
			switch text(part.Get("type")) {
			case "thinking":
				c.reasoning = append(c.reasoning, text(part.Get("thinking"))...)
				for _, thought := range objects(part.Get("thinking")) {
					c.reasoning = append(c.reasoning, text(thought.Get("text"))...)
				}
			case "text", "output_text", "":
				c.saidContent = true
				a.addText(c, text(part.Get("text")))
			}
		}
	}
}

func (a *assembly) addText(c *choiceAssembly, piece string) {
	c.content = append(c.content, piece...)
	if piece != "" && c.index == 0 && a.delta != nil {
		a.delta(piece)
	}
}

// addCall reads one entry of tool_calls. In a whole message each is a call of
// its own, whatever its index and id.
func (c *choiceAssembly) addCall(call json.Value, whole bool) {
	index := int64(-1)
	if number := call.Get("index"); number.Type == json.Number {
		index = number.Int()
	}
	if whole {
		index = int64(len(c.calls))
	}
	c.addPiece(index, text(call.Get("id")), call.Get("function"))
}

// addPiece adds a piece of a tool call. A piece belongs to the latest call of
// its index or id, unless it brings another id: Gemini's compatible endpoint
// gives every call index 0. Without index and id a name begins a new call.
func (c *choiceAssembly) addPiece(index int64, id string, function json.Value) {
	name := text(function.Get("name"))
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
	if arguments := function.Get("arguments"); arguments.Type == json.String {
		call.arguments = append(call.arguments, arguments.String()...)
	} else if arguments.IsObject() {
		call.arguments = append(call.arguments, json.Compact([]byte(arguments.Raw))...)
	}
}

// finished reports whether every choice was ended by the provider.
func (a *assembly) finished() bool {
	for _, c := range a.choices {
		if c.finish == "" {
			return false
		}
	}
	return true
}

// result returns what was put together so far.
func (a *assembly) result() *Response {
	response := a.response
	response.Object = "chat.completion"
	response.Choices = make([]Choice, 0, len(a.choices))
	for _, c := range a.choices {
		response.Choices = append(response.Choices, c.result(a.done))
	}
	return &response
}

func (c *choiceAssembly) result(done bool) Choice {
	choice := Choice{
		Index:              int(c.index),
		FinishReason:       finishReason(c.finish, len(c.calls) > 0),
		NativeFinishReason: c.native,
		Logprobs:           c.logprobs,
		Message: AnswerMessage{
			Role:             Assistant,
			Refusal:          string(c.refusal),
			ReasoningContent: string(c.reasoning),
			ReasoningDetails: c.details,
			Annotations:      c.annotations,
			Images:           c.images,
			Audio:            c.audio,
		},
	}
	if c.finish == "" && !done {
		choice.FinishReason = FinishError // never invent a finish
	}
	if c.saidContent {
		content := string(c.content)
		choice.Message.Content = &content
	}
	for _, call := range c.calls {
		choice.Message.ToolCalls = append(choice.Message.ToolCalls, ToolCall{
			ID: call.id, Type: "function",
			Function: FunctionCall{Name: call.name, Arguments: string(call.arguments)},
		})
	}
	if len(c.logContents) > 0 {
		if logprobs, err := json.Marshal(struct {
			Content []json.RawMessage `json:"content"`
		}{c.logContents}); err == nil {
			choice.Logprobs = logprobs
		}
	}
	return choice
}

// finishReason maps a provider's word. A stop beside tool calls means the
// calls (Ollama, Gemini's compatible endpoint); a cut or filtered answer stays
// what it is, since its calls may be cut as well.
func finishReason(native string, calls bool) FinishReason {
	switch strings.ToLower(native) {
	case "length", "model_length", "max_tokens":
		return FinishLength
	case "content_filter":
		return FinishContentFilter
	case "tool_calls", "function_call":
		return FinishToolCalls
	case "error", "insufficient_system_resource":
		return FinishError
	}
	if calls {
		return FinishToolCalls
	}
	return FinishStop
}

// readUsage reads OpenAI's usage object and its relatives; nil where there is
// none. total tells where reasoning was left outside of completion_tokens
// (xAI chat) or not told at all (Gemini's compatible endpoint).
func readUsage(value json.Value) *Usage {
	prompt, completion := value.Get("prompt_tokens"), value.Get("completion_tokens")
	if prompt.Type != json.Number && completion.Type != json.Number {
		return nil
	}
	usage := &Usage{
		PromptTokens:     tokens(prompt),
		CompletionTokens: tokens(completion),
		TotalTokens:      tokens(value.Get("total_tokens")),
	}
	cached := value.Get("prompt_tokens_details.cached_tokens")
	if !cached.Exists() {
		cached = value.Get("prompt_cache_hit_tokens") // DeepSeek
	}
	if !cached.Exists() {
		cached = value.Get("num_cached_tokens") // Mistral
	}
	written := value.Get("prompt_tokens_details.cache_write_tokens")
	if cached.Exists() || written.Exists() {
		usage.PromptTokensDetails = &PromptDetails{CachedTokens: tokens(cached), CacheWriteTokens: tokens(written)}
	}
	if reasoning := value.Get("completion_tokens_details.reasoning_tokens"); reasoning.Exists() {
		usage.CompletionTokensDetails = &CompletionDetails{ReasoningTokens: tokens(reasoning)}
	}
	if hidden := usage.TotalTokens - usage.PromptTokens - usage.CompletionTokens; hidden > 0 {
		if hidden == tokens(value.Get("prompt_tokens_details.audio_tokens")) {
			usage.PromptTokens += hidden // Mistral counts heard audio in the total alone
		} else {
			usage.CompletionTokens += hidden
		}
	} else if usage.TotalTokens == 0 {
		usage.TotalTokens = usage.PromptTokens + usage.CompletionTokens
	}
	return usage
}

// tokens is a count, which is never negative.
func tokens(value json.Value) int64 { return max(0, value.Int()) }

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
