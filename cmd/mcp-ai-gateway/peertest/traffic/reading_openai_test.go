package traffic

import (
	"encoding/json"
	"slices"
)

// readOpenAI reads a reply in the form of Chat Completions.
func readOpenAI(r *recording) *answer {
	a := &answer{}
	var chunks []node
	ended := true
	if !r.isStream() {
		whole, _ := parse(string(r.body))
		chunks = []node{whole}
		if whole.at("error").value != nil {
			return &answer{failed: true, message: wordsOf(r.body)}
		}
	} else {
		ended = false
		for _, event := range events(r.body) {
			if event.data == "[DONE]" {
				ended = true
				continue
			}
			chunk, _ := parse(event.data)
			chunks = append(chunks, chunk)
			if said := wordsOf([]byte(event.data)); event.name == "error" || chunk.at("error").isObject() {
				a.failed, a.message = true, said
			}
		}
	}
	for _, chunk := range chunks {
		if a.id == "" {
			a.id = chunk.at("id").text()
		}
		if a.model == "" {
			a.model = chunk.at("model").text()
		}
		if a.created == 0 {
			a.created = chunk.at("created").number()
		}
		if u := chunk.at("usage"); u.isObject() {
			a.usage = usageOpenAI(u)
		}
		for _, piece := range chunk.at("choices").list() {
			a.choice(int(piece.at("index").number())).extend(piece, r.isStream())
		}
	}
	for i := range a.choices {
		c := &a.choices[i]
		if c.finish == "" && !ended && !a.failed {
			a.failed = true // cut
		}
		c.finish = finishOpenAI(c.finish, len(c.calls) > 0, ended && !a.failed) // [DONE] may follow an error
	}
	a.partial = len(a.choices) > 0 || a.usage != nil
	a.failed = a.failed || len(a.choices) == 0
	return a
}

func (a *answer) choice(index int) *choice {
	for i := range a.choices {
		if a.choices[i].index == index {
			return &a.choices[i]
		}
	}
	a.choices = append(a.choices, choice{index: index})
	return &a.choices[len(a.choices)-1]
}

// extend adds what one choice of a chunk, or of a whole completion, brings.
func (c *choice) extend(piece node, streamed bool) {
	message := piece.at("message")
	if streamed {
		message = piece.at("delta")
	}
	c.text += message.at("content").text()
	for _, part := range message.at("content").list() { // Mistral
		c.text += part.at("text").text()
		c.reasoning += part.at("thinking").text()
		for _, thought := range part.at("thinking").list() {
			c.reasoning += thought.at("text").text()
		}
	}
	c.refusal += message.at("refusal").text()
	if thought := message.at("reasoning_content").text(); thought != "" {
		c.reasoning += thought
	} else {
		c.reasoning += message.at("reasoning").text()
	}
	c.details = append(c.details, plains(message.at("reasoning_details").list())...)
	c.annotations = append(c.annotations, plains(message.at("annotations").list())...)
	c.images = append(c.images, plains(message.at("images").list())...)
	if audio := message.at("audio"); audio.at("data").text() != "" {
		c.audio = audio.plain()
	}
	for position, call := range message.at("tool_calls").list() {
		c.call(call, position, streamed)
	}
	if call := message.at("function_call"); call.at("name").text() != "" {
		c.calls = append(c.calls, toolCall{"", call.at("name").text(), call.at("arguments").text()})
	}
	if finish := piece.at("finish_reason").text(); finish != "" {
		c.finish, c.native = finish, finish
	}
	if native := piece.at("native_finish_reason").text(); native != "" {
		c.native = native
	}
	if logprobs, ok := piece.at("logprobs").plain().(map[string]any); ok {
		joined, _ := c.logprobs.(map[string]any)
		if joined == nil {
			joined = map[string]any{}
		}
		for name, value := range logprobs {
			list, isList := value.([]any)
			if before, known := joined[name].([]any); known || isList {
				joined[name] = append(append([]any{}, before...), list...)
				continue
			}
			joined[name] = value
		}
		c.logprobs = joined
	}
}

// call adds a tool call or a piece of one. Every recorded stream numbers them,
// and Gemini's brings whole calls that all have the number 0.
func (c *choice) call(call node, position int, streamed bool) {
	id, name := call.at("id").text(), call.at("function", "name").text()+call.at("custom", "name").text()
	arguments := call.at("function", "arguments").text() + call.at("custom", "input").text()
	if call.at("function", "arguments").isObject() {
		data, _ := json.Marshal(call.at("function", "arguments").value)
		arguments = string(data)
	}
	if number := int(call.at("index").number()); streamed && number < len(c.calls) && (id == "" || id == c.calls[number].id) {
		c.calls[number].arguments += arguments
		return
	}
	c.extra(len(c.calls), call.at("extra_content").plain())
	c.calls = append(c.calls, toolCall{id, name, arguments})
}

// finishOpenAI is the unified word for a provider's.
func finishOpenAI(native string, calls, ended bool) string {
	switch {
	case native == "" && !ended:
		return "error"
	case slices.Contains([]string{"length", "model_length"}, native):
		return "length"
	case native == "content_filter", native == "error":
		return native
	case calls, native == "tool_calls", native == "function_call":
		return "tool_calls"
	}
	return "stop"
}

// usageOpenAI is the arithmetic of inclusive counts: what a total holds beyond
// prompt and completion is reasoning that was left out of the completion, or
// audio that was left out of the prompt.
func usageOpenAI(u node) *usage {
	if u.at("prompt_tokens").value == nil && u.at("completion_tokens").value == nil {
		return nil
	}
	made := &usage{
		prompt: u.at("prompt_tokens").number(), completion: u.at("completion_tokens").number(), total: u.at("total_tokens").number(),
		cached:    u.at("prompt_tokens_details", "cached_tokens").number(),
		written:   u.at("prompt_tokens_details", "cache_write_tokens").number(),
		reasoning: u.at("completion_tokens_details", "reasoning_tokens").number(),
	}
	for _, name := range []string{"prompt_cache_hit_tokens", "num_cached_tokens"} {
		if u.at("prompt_tokens_details", "cached_tokens").value == nil && u.at(name).value != nil {
			made.cached = u.at(name).number()
		}
	}
	made.include(u.at("prompt_tokens_details", "audio_tokens").number())
	return made
}

func (u *usage) include(audio int64) {
	switch beyond := u.total - u.prompt - u.completion; {
	case u.total == 0:
		u.total = u.prompt + u.completion
	case beyond > 0 && beyond == audio:
		u.prompt += audio
	case beyond > 0:
		u.completion = u.total - u.prompt
	}
}
