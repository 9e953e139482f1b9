package provider

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// geminiAssembly puts a [Response] together from GenerateContentResponses. A
// whole reply is one of them; without alt=sse a stream is an array of them.
type geminiAssembly struct {
	whole bool // one document
	delta func(text string)

	id, model   string
	created     int64
	candidates  []*geminiCandidate
	blocked     string // promptFeedback.blockReason
	blockedText string
	usage       *Usage
	fault       *Error
}

type geminiCandidate struct {
	index              int64
	content, reasoning []byte
	calls              []*geminiCall
	details            []geminiDetail
	images             []json.RawMessage
	sound              []byte
	soundType          string
	grounding          geminiGrounding
	logprobs           []json.RawMessage
	finish, message    string // finishReason, finishMessage
}

type geminiCall struct {
	id, name, signature string
	args                json.RawMessage // of a call that came in one piece
	partial             geminiArguments
	open                bool // pieces follow
}

func (a *geminiAssembly) document(value json.Value) *Error {
	a.delta = nil
	if !value.IsArray() {
		a.whole = true
		return a.add(value)
	}
	for i, piece := range value.Array() {
		// decode looks for an error at the beginning of a list only.
		if part, failed := errorPart(piece); failed && i > 0 {
			return errorIn(&Reply{Status: 200}, part)
		}
		if fault := a.add(piece); fault != nil {
			return fault
		}
	}
	if len(a.candidates) > 0 && !a.complete() {
		return &Error{Kind: BadReply, Message: "the stream ended before the answer was finished", Status: 200, Retry: true}
	}
	return nil
}

func (a *geminiAssembly) carries(name string) bool { return name == "" || name == "message" }

// end does nothing: a finishReason is this form's end, and the end of the body.
func (a *geminiAssembly) end() {}

// over is never so before the end of the body: text was recorded to follow a
// finishReason, and a second one that.
func (a *geminiAssembly) over() bool { return false }

func (a *geminiAssembly) complete() bool {
	if a.blocked != "" {
		return true
	}
	unfinished := func(c *geminiCandidate) bool { return c.finish == "" }
	return len(a.candidates) > 0 && !slices.ContainsFunc(a.candidates, unfinished)
}

// explanation is the sentence beside the finishReason of a broken answer.
func (a *geminiAssembly) explanation() string {
	for _, c := range a.candidates {
		if c.reason() == FinishError {
			return c.message
		}
	}
	return ""
}

// add reads one GenerateContentResponse.
func (a *geminiAssembly) add(value json.Value) *Error {
	if a.id == "" {
		a.id = text(value.Get("responseId"))
	}
	if a.model == "" {
		a.model = text(value.Get("modelVersion"))
	}
	if at, err := time.Parse(time.RFC3339, text(value.Get("createTime"))); err == nil && a.created == 0 {
		a.created = max(0, at.Unix())
	}
	if reason := word(value.Get("promptFeedback.blockReason")); reason != "" {
		a.blocked, a.blockedText = reason, text(value.Get("promptFeedback.blockReasonMessage"))
	}
	// Cumulative: the last one counts. Vertex AI's first ones have no counts.
	if usage := readGeminiUsage(value.Get("usageMetadata")); usage != nil {
		a.usage = usage
	}
	for position, candidate := range objects(value.Get("candidates")) {
		index := int64(position)
		if number := candidate.Get("index"); number.Type == json.Number {
			index = number.Int()
		}
		if c := a.candidate(index); c != nil {
			a.read(c, candidate)
		}
	}
	return a.fault
}

// word is an enum's value, which some servers write as a number.
func word(value json.Value) string {
	if value.Type == json.Number {
		return value.Raw
	}
	return text(value)
}

func (a *geminiAssembly) candidate(index int64) *geminiCandidate {
	for _, c := range a.candidates {
		if c.index == index {
			return c
		}
	}
	if len(a.candidates) == choiceLimit {
		a.fault = tooMany(choiceLimit, "choices")
		return nil
	}
	c := &geminiCandidate{index: index}
	a.candidates = append(a.candidates, c)
	return c
}

func (a *geminiAssembly) read(c *geminiCandidate, candidate json.Value) {
	for _, part := range objects(candidate.Get("content.parts")) {
		a.part(c, part)
	}
	if finish := word(candidate.Get("finishReason")); finish != "" && finish != "0" && finish != "FINISH_REASON_UNSPECIFIED" {
		c.finish = finish
	}
	if message := text(candidate.Get("finishMessage")); message != "" {
		c.message = message
	}
	if c.grounding.read(candidate); c.grounding.full() {
		a.fault = tooMany(citationLimit, "citations")
	}
	c.logprobs = appendGeminiLogprobs(c.logprobs, candidate.Get("logprobsResult"))
}

// part reads one part by the field that it has. What OpenAI's form has no place
// for is kept as it came, at its place.
func (a *geminiAssembly) part(c *geminiCandidate, part json.Value) {
	signature := text(part.Get("thoughtSignature"))
	said, thought := part.Get("text"), part.Get("thought").Type == json.True
	call, blob := part.Get("functionCall"), part.Get("inlineData")
	mimeType, data := text(blob.Get("mimeType")), text(blob.Get("data"))
	switch {
	case call.IsObject():
		a.call(c, call, signature)
	case said.Type == json.String && thought:
		c.reasoning = append(c.reasoning, said.String()...)
		c.sign("thought", signature, 0, said.String())
	case said.Type == json.String:
		c.sign("text", signature, len(said.String()), "")
		c.content = append(c.content, said.String()...)
		if said.String() != "" && c.index == 0 && a.delta != nil {
			a.delta(said.String())
		}
	case strings.HasPrefix(mimeType, "image/") && data != "" && !thought:
		c.sign("image", signature, len(c.images), "")
		if image, err := json.Marshal(geminiImage{"image_url", geminiImageURL{"data:" + mimeType + ";base64," + data}}); err == nil {
			c.images = append(c.images, image)
		}
	case strings.HasPrefix(mimeType, "audio/") && !thought && c.addSound(mimeType, data):
	default:
		other := false
		part.ForEach(func(key, _ json.Value) bool {
			other = key.String() != "thought" && key.String() != "thoughtSignature"
			return !other
		})
		switch {
		case other:
			c.details = append(c.details, geminiDetail{
				Type: geminiPartDetail, Content: len(c.content), Calls: len(c.calls), Value: json.Compact([]byte(part.Raw)),
			})
		case thought:
			c.sign("thought", signature, 0, "")
		default: // a signature alone
			c.sign("text", signature, 0, "")
		}
	}
}

// sign keeps the signature of a part.
func (c *geminiCandidate) sign(part, signature string, length int, thought string) {
	if signature != "" {
		c.details = append(c.details, geminiDetail{
			Type: geminiSignatureDetail, Part: part, Content: len(c.content), Calls: len(c.calls),
			Length: length, Text: thought, Signature: signature,
		})
	}
}

type geminiImage struct {
	Type     string         `json:"type"`
	ImageURL geminiImageURL `json:"image_url"`
}

type geminiImageURL struct {
	URL string `json:"url"`
}

// geminiAudio is OpenAI's message.audio, and the type that Gemini alone tells:
// raw samples cannot be played without it.
type geminiAudio struct {
	ID         string `json:"id"`
	Data       string `json:"data"`
	Transcript string `json:"transcript"`
	MIMEType   string `json:"mime_type"`
}

// addSound joins the pieces in which a stream brings a sound. It reports
// whether the piece was one of the sound.
func (c *geminiCandidate) addSound(mimeType, data string) bool {
	samples, err := base64.StdEncoding.DecodeString(data)
	if err != nil || len(samples) == 0 || c.soundType != "" && c.soundType != mimeType {
		return false
	}
	c.sound, c.soundType = append(c.sound, samples...), mimeType
	return true
}

// call reads a functionCall: a whole one, or at Vertex AI a piece of one, if
// streamFunctionCallArguments asked for pieces. A name begins a call, and an
// empty functionCall ends one.
func (a *geminiAssembly) call(c *geminiCandidate, call json.Value, signature string) {
	name, follow := text(call.Get("name")), call.Get("willContinue").Type == json.True
	args, pieces := call.Get("args"), objects(call.Get("partialArgs"))
	var open *geminiCall
	if last := len(c.calls) - 1; last >= 0 && c.calls[last].open && name == "" {
		open = c.calls[last]
	}
	if open == nil {
		if name == "" && !args.Exists() && len(pieces) == 0 {
			c.sign("text", signature, 0, "") // the end of what has ended
			return
		}
		if len(c.calls) == callLimit {
			a.fault = tooMany(callLimit, "tool calls")
			return
		}
		if last := len(c.calls) - 1; last >= 0 {
			c.calls[last].open = false
		}
		open = &geminiCall{name: name}
		c.calls = append(c.calls, open)
	}
	open.open = follow
	if id := text(call.Get("id")); id != "" {
		open.id = id
	}
	if signature != "" {
		open.signature = signature
	}
	if args.IsObject() {
		open.args = json.Compact([]byte(args.Raw))
	}
	for _, piece := range pieces {
		if !open.partial.add(piece) {
			a.fault = tooMany(geminiArgumentLimit, "arguments in one call")
		}
	}
}

// said reports whether anything came that a caller can use.
func (c *geminiCandidate) said() bool {
	return len(c.content) > 0 || len(c.calls) > 0 || len(c.images) > 0 || len(c.sound) > 0
}

func (c *geminiCandidate) reason() FinishReason {
	return geminiFinish(c.finish, len(c.calls) > 0, c.said())
}

// result returns what was put together so far.
func (a *geminiAssembly) result() *Response {
	response := &Response{ID: a.id, Object: "chat.completion", Created: a.created, Model: a.model, Choices: []Choice{}, Usage: a.usage}
	if len(a.candidates) == 0 && a.blocked != "" {
		// The prompt was refused before anything was written.
		response.Choices = append(response.Choices, Choice{
			Message:      AnswerMessage{Role: Assistant, Refusal: a.blockedText},
			FinishReason: FinishContentFilter, NativeFinishReason: a.blocked,
		})
	}
	ids := a.callIDs()
	for _, c := range a.candidates {
		choice := Choice{Index: int(c.index), FinishReason: c.reason(), NativeFinishReason: c.finish, Logprobs: geminiLogprobs(c.logprobs)}
		message := &choice.Message
		message.Role = Assistant
		message.ReasoningContent = string(c.reasoning)
		message.ReasoningDetails = appendGeminiDetails(nil, c.details)
		message.Images = c.images
		message.Annotations = c.grounding.annotations(string(c.content))
		if len(c.sound) > 0 {
			message.Audio, _ = json.Marshal(geminiAudio{"audio_" + a.id, base64.StdEncoding.EncodeToString(c.sound), "", c.soundType})
		}
		for _, call := range c.calls {
			message.ToolCalls = append(message.ToolCalls, call.result(ids[0], c.finish != "" || a.blocked != "" || a.whole))
			ids = ids[1:]
		}
		switch {
		case c.finish != "":
		case a.blocked != "":
			choice.FinishReason, choice.NativeFinishReason = FinishContentFilter, a.blocked
		case !a.whole:
			choice.FinishReason = FinishError // never invent a finish
		}
		if choice.FinishReason == FinishContentFilter {
			message.Refusal = c.message
			if message.Refusal == "" {
				message.Refusal = a.blockedText
			}
		}
		// Nothing said beside calls, or where it was filtered, is null.
		if len(c.content) > 0 || c.finish != "" && len(c.calls) == 0 && choice.FinishReason != FinishContentFilter {
			content := string(c.content)
			message.Content = &content
		}
		response.Choices = append(response.Choices, choice)
	}
	return response
}

// callIDs are the ids of all calls. Gemini names few.
func (a *geminiAssembly) callIDs() (ids []string) {
	source := a.id
	taken := map[string]bool{}
	for _, c := range a.candidates {
		for _, call := range c.calls {
			if a.id == "" {
				source += "\x00" + call.name + "\x00" + string(call.args)
			}
			id := call.id
			if taken[id] {
				id = ""
			}
			ids, taken[id] = append(ids, id), true
		}
	}
	return nameCalls(source, ids)
}

// result is the call in OpenAI's form. Arguments that were cut stay open.
func (c *geminiCall) result(id string, finished bool) ToolCall {
	arguments := string(c.args)
	if arguments == "" {
		arguments = string(c.partial.append(nil, c.open && !finished))
	}
	call := ToolCall{ID: id, Type: "function", Function: &FunctionCall{Name: c.name, Arguments: arguments}}
	if c.signature != "" {
		call.ExtraContent, _ = json.Marshal(geminiExtra{geminiSignature{c.signature}})
	}
	return call
}

// geminiExtra is a call's extra_content, as Gemini's OpenAI-compatible endpoint
// has it.
// https://ai.google.dev/gemini-api/docs/thought-signatures#openai
type geminiExtra struct {
	Google geminiSignature `json:"google"`
}

type geminiSignature struct {
	ThoughtSignature string `json:"thought_signature"`
}

// readGeminiUsage gives the counts OpenAI's form; nil where there are none.
// toolUsePromptTokenCount is what tools of Google's own gave the model to read.
// totalTokenCount was recorded to be the sum of the four.
func readGeminiUsage(value json.Value) *Usage {
	prompt, completion := readFirst(value, "promptTokenCount"), readFirst(value, "candidatesTokenCount")
	thoughts, total := readFirst(value, "thoughtsTokenCount"), readFirst(value, "totalTokenCount")
	if !prompt.known && !completion.known && !total.known {
		return nil
	}
	prompt.add(readFirst(value, "toolUsePromptTokenCount"))
	completion.add(thoughts)
	sum := prompt
	sum.add(completion)
	if hidden := total.n - sum.n; hidden > 0 {
		completion.n += hidden
	} else if total.n == 0 {
		total = sum
	}
	usage := &Usage{PromptTokens: prompt.n, CompletionTokens: completion.n, TotalTokens: total.n}
	if cached := readFirst(value, "cachedContentTokenCount"); cached.known {
		usage.PromptTokensDetails = &PromptDetails{CachedTokens: cached.n}
	}
	if thoughts.known {
		usage.CompletionTokensDetails = &CompletionDetails{ReasoningTokens: thoughts.n}
	}
	return usage
}
