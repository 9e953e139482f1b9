package traffic

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// readGemini reads a reply in the form of generateContent: one document, a
// stream of them, or a list of what a stream would have brought.
func readGemini(r *recording) *answer {
	a := &answer{}
	var pieces []node
	whole, _ := parse(string(r.body))
	streamed := r.isStream()
	switch {
	case streamed:
		for _, event := range events(r.body) {
			piece, _ := parse(event.data)
			pieces = append(pieces, piece)
		}
	case whole.isObject():
		pieces = []node{whole}
	default:
		pieces, streamed = whole.list(), true
	}
	var candidates []*candidate
	var blocked, blockedText string
	for _, piece := range pieces {
		a.aboutGemini(piece)
		if feedback := piece.at("promptFeedback"); enum(feedback.at("blockReason")) != "" {
			blocked, blockedText = enum(feedback.at("blockReason")), feedback.at("blockReasonMessage").text()
		}
		for position, said := range piece.at("candidates").list() {
			index := position
			if number := said.at("index"); number.value != nil {
				index = int(number.number())
			}
			at := slices.IndexFunc(candidates, func(c *candidate) bool { return c.index == index })
			if at < 0 {
				at = len(candidates)
				candidates = append(candidates, &candidate{choice: choice{index: index}})
			}
			candidates[at].read(said)
		}
		if piece.at("error").value != nil {
			data, _ := json.Marshal(piece.value)
			a.failed, a.message = true, wordsOf(data)
			break
		}
	}
	for _, c := range candidates {
		a.choices = append(a.choices, c.result(a.id, streamed, blocked, blockedText))
	}
	if len(candidates) == 0 && blocked != "" {
		a.choices = append(a.choices, choice{finish: "content_filter", native: blocked, refusal: blockedText})
	}
	a.partial = len(a.choices) > 0 || a.usage != nil
	for i, c := range a.choices {
		if c.finish == "error" && !a.failed {
			a.failed = true
			if c.native != "" {
				a.message = []string{candidates[i].message}
			}
		}
	}
	a.failed = a.failed || len(a.choices) == 0
	return a
}

// aboutGemini reads what a piece says of the whole answer.
func (a *answer) aboutGemini(piece node) {
	if a.id == "" {
		a.id = piece.at("responseId").text()
	}
	if a.model == "" {
		a.model = piece.at("modelVersion").text()
	}
	if at, err := time.Parse(time.RFC3339, piece.at("createTime").text()); err == nil && a.created == 0 {
		a.created = at.Unix()
	}
	if u := usageGemini(piece.at("usageMetadata")); u != nil {
		a.usage = u
	}
}

// enum is an enum's word, or its number as Vertex AI may write it.
func enum(n node) string {
	if number, ok := n.value.(json.Number); ok {
		return number.String()
	}
	return n.text()
}

// candidate is a choice while it is read.
type candidate struct {
	choice
	message   string // finishMessage
	open      *partialCall
	sound     []byte
	soundType string
	sources   []source
	others    []any // annotations that are no source
	tokens    []any
}

// partialCall is a call that comes in pieces, and its place among the calls.
type partialCall struct {
	place     int
	arguments any
}

func (c *candidate) read(said node) {
	for _, part := range said.at("content", "parts").list() {
		c.part(part)
	}
	if reason := enum(said.at("finishReason")); reason != "" && reason != "0" && reason != "FINISH_REASON_UNSPECIFIED" {
		c.native = reason
	}
	if message := said.at("finishMessage").text(); message != "" {
		c.message = message
	}
	c.cite(said)
	likely := said.at("logprobsResult", "topCandidates").list()
	for i, chosen := range said.at("logprobsResult", "chosenCandidates").list() {
		token := tokenGemini(chosen)
		if i < len(likely) {
			var top []any
			for _, other := range likely[i].at("candidates").list() {
				top = append(top, tokenGemini(other))
			}
			token["top_logprobs"] = top
		}
		c.tokens = append(c.tokens, token)
	}
}

func tokenGemini(n node) map[string]any {
	probability, ok := n.at("logProbability").plain().(float64)
	if !ok {
		probability = 0 // left out
	}
	return map[string]any{"token": n.at("token").text(), "logprob": probability, "bytes": nil}
}

// part reads one part. What OpenAI's form has no place for stands among the
// details, with how much of the answer came before.
func (c *candidate) part(part node) {
	signature := part.at("thoughtSignature").text()
	thought := part.at("thought").value == true
	text, isText := part.at("text").value.(string)
	mimeType, data := part.at("inlineData", "mimeType").text(), part.at("inlineData", "data").text()
	kind, _, _ := strings.Cut(mimeType, "/")
	sign := func(of string, more map[string]any) {
		if signature != "" {
			more["type"], more["part"], more["signature"] = "gemini.thought_signature", of, signature
			c.detail(more)
		}
	}
	switch {
	case part.at("functionCall").isObject():
		c.functionCall(part.at("functionCall"), signature, sign)
	case isText && thought:
		sign("thought", filled("text", text, ""))
		c.reasoning += text
	case isText:
		sign("text", filled("length", float64(len(text)), 0.0))
		c.text += text
	case kind == "image" && !thought:
		sign("image", filled("length", float64(len(c.images)), 0.0))
		c.images = append(c.images, image(mimeType, data))
	case kind == "audio" && !thought:
		samples, _ := base64.StdEncoding.DecodeString(data)
		c.sound = append(c.sound, samples...)
		c.soundType = mimeType
	case part.at("executableCode").isObject(), part.at("codeExecutionResult").isObject(), part.at("toolCall").isObject(),
		part.at("toolResponse").isObject(), part.at("inlineData").isObject(), part.at("fileData").isObject():
		c.detail(map[string]any{"type": "gemini.part", "value": part.plain()})
	case thought:
		sign("thought", map[string]any{})
	default:
		sign("text", map[string]any{})
	}
}

func (c *candidate) detail(entry map[string]any) {
	entry["content"], entry["calls"] = float64(len(c.text)), float64(len(c.calls))
	c.details = append(c.details, entry)
}

// filled is an object with one member, or none where it says nothing.
func filled(name string, value, nothing any) map[string]any {
	if value == nothing {
		return map[string]any{}
	}
	return map[string]any{name: value}
}

// functionCall reads a whole call, or a piece of one that goes on until one
// without a name says that nothing follows.
func (c *candidate) functionCall(call node, signature string, sign func(string, map[string]any)) {
	name, pieces := call.at("name").text(), call.at("partialArgs").list()
	if name == "" && c.open == nil {
		sign("text", map[string]any{})
		return
	}
	if name != "" {
		c.calls = append(c.calls, toolCall{name: name})
		c.open = &partialCall{place: len(c.calls) - 1, arguments: map[string]any{}}
	}
	made := &c.calls[c.open.place]
	if id := call.at("id").text(); id != "" {
		made.id = id
	}
	if signature != "" {
		c.extra(c.open.place, map[string]any{"google": map[string]any{"thought_signature": signature}})
	}
	for _, piece := range pieces {
		c.open.arguments = put(c.open.arguments, namesOf(piece.at("jsonPath").text()), piece)
	}
	data, _ := json.Marshal(c.open.arguments)
	if args := call.at("args"); args.isObject() {
		data, _ = json.Marshal(args.value)
	}
	if made.arguments == "" || len(pieces) > 0 || call.at("args").isObject() {
		made.arguments = string(data)
	}
	if call.at("willContinue").value != true {
		c.open = nil
	}
}

// namesOf splits a path of names and places in lists: $.to[0].name.
func namesOf(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("$.[]'\"", r) })
}

// put sets a value within another, or goes on with a text, and returns what it
// has become.
func put(value any, names []string, piece node) any {
	if len(names) == 0 {
		if text, ok := piece.at("stringValue").value.(string); ok {
			return node{value}.text() + text
		}
		for _, name := range []string{"numberValue", "boolValue"} {
			if said := piece.at(name).value; said != nil {
				return said
			}
		}
		return value // null, or nothing
	}
	if place, err := strconv.Atoi(names[0]); err == nil {
		list, _ := value.([]any)
		for len(list) <= place {
			list = append(list, nil)
		}
		list[place] = put(list[place], names[1:], piece)
		return list
	}
	object, _ := value.(map[string]any)
	if object == nil {
		object = map[string]any{}
	}
	object[names[0]] = put(object[names[0]], names[1:], piece)
	return object
}

// source is what an answer rests on, and the piece of it that does.
type source struct {
	uri, title string
	placed     bool
	start, end int // bytes
	text       string
}

// cite collects the sources, each once for each piece of text.
func (c *candidate) cite(said node) {
	note := func(from, place node) {
		made := source{
			from.at("uri").text(), from.at("title").text(), place.isObject(),
			int(place.at("startIndex").number()), int(place.at("endIndex").number()), place.at("text").text(),
		}
		if made.uri == "" {
			made.uri = from.at("sourceUri").text()
		}
		if !slices.Contains(c.sources, made) {
			c.sources = append(c.sources, made)
		}
	}
	other := func(annotation map[string]any) {
		if !slices.ContainsFunc(c.others, func(known any) bool { return reflect.DeepEqual(known, any(annotation)) }) {
			c.others = append(c.others, annotation)
		}
	}
	grounding := said.at("groundingMetadata")
	chunks := grounding.at("groundingChunks").list()
	from := func(chunk, place node) {
		for _, kind := range []string{"web", "maps", "retrievedContext", "image"} {
			if it := chunk.at(kind); it.at("uri").text()+it.at("sourceUri").text() != "" {
				note(it, place)
				return
			}
		}
		other(map[string]any{"type": "gemini.grounding_chunk", "grounding_chunk": chunk.plain()})
	}
	used := map[int]bool{}
	for _, support := range grounding.at("groundingSupports").list() {
		for _, number := range support.at("groundingChunkIndices").list() {
			if at := int(number.number()); at < len(chunks) {
				used[at] = true
				from(chunks[at], support.at("segment"))
			}
		}
	}
	for i, chunk := range chunks {
		if !used[i] {
			from(chunk, node{})
		}
	}
	if queries := grounding.at("webSearchQueries"); queries.value != nil {
		other(map[string]any{"type": "gemini.web_search_queries", "web_search_queries": queries.plain()})
	}
	for _, list := range []string{"citationSources", "citations"} {
		for _, it := range said.at("citationMetadata", list).list() {
			note(it, it)
		}
	}
}

// annotation is the source in OpenAI's form, which counts characters. Where the
// piece of text is not at its place, it is where it stands first.
func (s source) annotation(answer string) any {
	citation := map[string]any{"url": s.uri, "title": s.title}
	inside := s.start <= s.end && s.end <= len(answer)
	if s.text != "" && (!inside || answer[s.start:s.end] != s.text) {
		s.start = strings.Index(answer, s.text)
		s.end, inside = s.start+len(s.text), s.start >= 0
	}
	if s.placed && inside && s.end > 0 {
		citation["start_index"] = float64(utf8.RuneCountInString(answer[:s.start]))
		citation["end_index"] = float64(utf8.RuneCountInString(answer[:s.end]))
	}
	return map[string]any{"type": "url_citation", "url_citation": citation}
}

// result is the choice when all was read.
func (c *candidate) result(id string, streamed bool, blocked, blockedText string) choice {
	made := c.choice
	for _, s := range c.sources {
		made.annotations = append(made.annotations, s.annotation(c.text))
	}
	made.annotations = append(made.annotations, c.others...)
	if c.tokens != nil {
		made.logprobs = map[string]any{"content": c.tokens}
	}
	if c.sound != nil {
		made.audio = map[string]any{
			"id": "audio_" + id, "data": base64.StdEncoding.EncodeToString(c.sound), "transcript": "", "mime_type": c.soundType,
		}
	}
	said := c.text != "" || len(c.calls) > 0 || len(c.images) > 0 || c.sound != nil
	switch made.finish = finishGemini(c.native, len(c.calls) > 0, said); {
	case c.native != "":
	case blocked != "":
		made.finish, made.native = "content_filter", blocked
	case streamed:
		made.finish = "error" // cut
	}
	if made.finish == "content_filter" {
		made.refusal = cmp.Or(c.message, blockedText)
	}
	return made
}

// finishGemini is the unified word for a finishReason, or its number.
func finishGemini(native string, calls, said bool) string {
	switch native {
	case "MAX_TOKENS", "2", "CONTINUATION":
		return "length"
	case "SAFETY", "3", "RECITATION", "4", "LANGUAGE", "6", "BLOCKLIST", "7", "PROHIBITED_CONTENT", "8", "SPII", "MODEL_ARMOR",
		"IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER":
		return "content_filter"
	case "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE", "OTHER", "5":
		return "error"
	case "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS":
		if !calls {
			return "error"
		}
	case "NO_IMAGE":
		if !said {
			return "error"
		}
	}
	switch {
	case calls:
		return "tool_calls"
	case native == "":
		return ""
	}
	return "stop"
}

// usageGemini: what tools of Google's own read is of the prompt, thoughts are
// of the completion, and cached tokens are counted in the prompt already.
func usageGemini(u node) *usage {
	if u.at("promptTokenCount").value == nil && u.at("candidatesTokenCount").value == nil && u.at("totalTokenCount").value == nil {
		return nil
	}
	made := &usage{
		prompt:     u.at("promptTokenCount").number() + u.at("toolUsePromptTokenCount").number(),
		completion: u.at("candidatesTokenCount").number() + u.at("thoughtsTokenCount").number(),
		total:      u.at("totalTokenCount").number(),
		cached:     u.at("cachedContentTokenCount").number(), reasoning: u.at("thoughtsTokenCount").number(),
	}
	made.include(0)
	return made
}
