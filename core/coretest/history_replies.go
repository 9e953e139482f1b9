package coretest

// Reply is a body for a wire form: a stream or a document, most often of that
// form and whole, an error, or bytes.
func Reply(source *Bytes, form string) []byte {
	if source.Number(16) == 15 {
		form = Pick(source, forms)
	}
	if form == "" { // what is asked for is no answer
		return drawnList(source)
	}
	r := &drawnReply{Bytes: source, newline: "\n"}
	switch kind := source.Number(16); {
	case kind == 15:
		return source.Take(source.Number(256))
	case kind == 14:
		return source.object(nil, 0, replyFields)
	case kind == 12, kind == 13 && source.Number(2) == 0:
		r.failure(form)
	case kind == 13:
		r.add(`{"error":{"message":"m"}`).more(0, []string{"error", "message", "detail", "type", "request_id"})
	case kind > 6:
		replyForms[form].document(r)
	default:
		r.newline = Pick(source, []string{"\n", "\r\n", "\r"})
		replyForms[form].stream(r)
	}
	return r.out
}

// drawnList is a list of models, of any provider's shape.
func drawnList(source *Bytes) []byte {
	b := []byte(Pick(source, []string{`{"data":[`, `{"data":[`, `{"models":[`, `[`, `{"error":{"message":"m"},"data":[`, `<html>`}))
	open := b[0]
	for n := source.Number(4); n >= 0; n-- {
		b = append(b, Pick(source, []string{`{"id":"imitated"`, `{"name":"models/gemini-1","supportedGenerationMethods":["generateContent"]`, `{"id":"a/b","pricing":{"prompt":"0.000001","completion":"1e400"}`, `{"id":1`})...)
		b = source.fields(b, 1, []string{"id", "name", "context_length", "max_tokens", "pricing", "capabilities", "architecture", "supported_parameters", "aliases", "active", "description", "retires_at"})
		if n > 0 {
			b = append(b, ',')
		}
	}
	if open == '[' {
		return append(b, ']')
	}
	return append(b, Pick(source, []string{`]}`, `],"has_more":true,"last_id":"imitated"}`, `],"nextPageToken":"t"}`, ``})...)
}

// forms are the wire forms, in an order.
var forms = []string{"openai-chat", "anthropic", "gemini", "openai-responses"}

// replyForms write the replies of the forms.
var replyForms = map[string]struct{ document, stream func(*drawnReply) }{
	"openai-chat":      {(*drawnReply).chatDocument, (*drawnReply).chatStream},
	"anthropic":        {(*drawnReply).anthropicDocument, (*drawnReply).anthropicStream},
	"gemini":           {(*drawnReply).geminiDocument, (*drawnReply).geminiStream},
	"openai-responses": {(*drawnReply).responsesDocument, (*drawnReply).responsesStream},
}

// drawnReply is one body while it is written.
type drawnReply struct {
	*Bytes
	out     []byte
	newline string // of a stream
}

func (r *drawnReply) add(texts ...string) *drawnReply {
	for _, text := range texts {
		r.out = append(r.out, text...)
	}
	return r
}

// one adds one of a list.
func (r *drawnReply) one(of []string) *drawnReply { return r.add(Pick(r.Bytes, of)) }

// more adds some more fields to an object, and closes it.
func (r *drawnReply) more(depth int, names []string) *drawnReply {
	r.out = r.fields(r.out, depth, names)
	return r
}

// event adds one event of a stream, now and then with what stands beside events,
// or with a broken one before it.
func (r *drawnReply) event(data func()) {
	switch r.Number(32) {
	case 28, 29, 30:
		r.one([]string{": wait", "event: ping", "event: x", "event: response.x", "id: 1"}).add(r.newline)
	case 31:
		r.one([]string{"event: error", "error: {}", "data: {\"error\":\"e\"}", "data: {", "data"}).add(r.newline)
	}
	r.one([]string{"data: ", "data:", " data: "})
	data()
	r.add(r.newline, r.newline)
}

// odd adds an event of fields that do not belong together, one time in 32.
func (r *drawnReply) odd() bool {
	if r.Number(32) != 31 {
		return false
	}
	r.event(func() { r.out = r.object(r.out, 0, replyFields) })
	return true
}

// failure adds a form's error.
func (r *drawnReply) failure(form string) {
	switch {
	case form == "gemini" && r.Number(2) == 0:
		opened := Pick(r.Bytes, []string{"", "["})
		r.add(opened, `{"error":{"code":`).one([]string{"429", "400", "500", "503", `"403"`}).add(`,"message":"m"`)
		r.add(`,"status":`).one([]string{`"RESOURCE_EXHAUSTED"`, `"INVALID_ARGUMENT"`, `"UNAVAILABLE"`, `"x"`})
		r.add(`,"details":[{"reason":"API_KEY_INVALID"},{"retryDelay":`).one([]string{`"1.5s"`, `"70s"`, `"soon"`}).add("}]}")
		r.more(0, replyFields)
		if opened != "" {
			r.add("]")
		}
	case form == "anthropic" && r.Number(2) == 0:
		r.add(`{"type":"error","error":{"message":"m","type":`).one([]string{`"overloaded_error"`, `"rate_limit_error"`, `"invalid_request_error"`}).add("}").more(0, replyFields)
	default:
		r.add(`{"error":{"code":"unsupported_value","param":`).one(refusable).add(`,"message":"m"`).more(1, otherFields).add("}")
	}
}

// Chat.

func (r *drawnReply) chatDocument() {
	r.add(`{"choices":[{"index":0,"finish_reason":"stop","message":{"content":`).one(texts)
	r.chatPieces().more(2, pieceFields)
	r.add(`}],"usage":{"prompt_tokens":1`).more(1, usageFields).add("}")
}

// chatPieces adds what else a message or a delta may bring.
func (r *drawnReply) chatPieces() *drawnReply {
	if r.Number(4) == 3 {
		r.add(",").one(chatPieces)
	}
	return r
}

func (r *drawnReply) chatStream() {
	for n := r.Number(8); n >= 0; n-- {
		index := Pick(r.Bytes, indexes)
		if r.odd() {
			continue
		}
		r.event(func() {
			r.add(`{"choices":[{"index":`, index, `,"delta":{"content":`).one(texts).chatPieces().more(1, pieceFields)
			r.add(`,"finish_reason":`).one([]string{"null", "null", "null", "null", "null", `"stop"`, `"length"`, `"é\ud800"`}).add("}]}")
		})
	}
	if r.cut() {
		return
	}
	r.event(func() {
		r.add(`{"choices":[{"index":0,"delta":{},"finish_reason":`).one([]string{`"tool_calls"`, `"stop"`}).add(`}],"usage":{"completion_tokens":2`).more(1, usageFields).add("}")
	})
	r.event(func() { r.add("[DONE]") })
}

// cut says that a stream ends here, before its end or with an error.
func (r *drawnReply) cut() bool {
	switch r.Number(8) {
	case 7:
		return true
	case 6:
		r.event(func() { r.failure(Pick(r.Bytes, forms)) })
		return true
	}
	return false
}

// Anthropic.

func (r *drawnReply) anthropicDocument() {
	r.add(`{"type":"message","stop_reason":`).one([]string{`"end_turn"`, `"tool_use"`, `"max_tokens"`, `"refusal"`}).add(`,"content":[{"type":"text","text":`).one(texts).more(2, blockFields)
	r.add(",").one(anthropicBlocks).more(2, blockFields)
	r.add(`,{"type":`).one(blockTypes).more(2, blockFields)
	r.add(`],"usage":{"input_tokens":1`).more(1, usageFields).add("}")
}

func (r *drawnReply) anthropicStream() {
	r.event(func() {
		r.out = r.value(r.add(`{"type":"message_start","message":{"model":"m","id":`).out, 2)
		r.add(`,"content":[],"usage":{"input_tokens":1`).more(1, usageFields).add("}}")
	})
	for n := r.Number(8); n >= 0; n-- {
		index := Pick(r.Bytes, indexes)
		if r.odd() {
			continue
		}
		r.event(func() {
			switch what := r.Number(16); {
			case what < 6:
				r.add(`{"type":"content_block_start","index":`, index, `,"content_block":{"type":`).one(blockTypes).more(1, blockFields).add("}")
			case what < 12:
				r.add(`{"type":"content_block_delta","index":`, index, `,"delta":`).one([]string{
					`{"type":"text_delta","text":"é"`, `{"type":"thinking_delta","thinking":"t"`, `{"type":"signature_delta","signature":"s"`,
					`{"type":"input_json_delta","partial_json":"{"`, `{"type":"citations_delta","citation":{"a" : 1}`,
				}).more(1, blockFields).add("}")
			default:
				r.add(`{"type":"content_block_stop","index":`, index, "}")
			}
		})
	}
	if r.cut() {
		return
	}
	r.event(func() {
		r.add(`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2`).more(1, usageFields).add("}")
	})
	r.event(func() { r.add(`{"type":"message_stop"}`) })
}

// Gemini.

func (r *drawnReply) geminiDocument() {
	if r.Number(4) == 3 { // a stream without alt=sse
		r.add("[")
		r.geminiChunk("null")
		r.add(" , ")
		r.geminiChunk(Pick(r.Bytes, geminiFinishes))
		r.add("]")
		return
	}
	r.geminiChunk(Pick(r.Bytes, geminiFinishes))
}

// geminiChunk adds a GenerateContentResponse, whole or one of a stream.
func (r *drawnReply) geminiChunk(finish string) {
	if r.Number(16) == 15 { // the prompt was refused
		r.add(`{"promptFeedback":{"blockReason":`).one([]string{`"SAFETY"`, `"OTHER"`, "4"}).add("}").more(0, replyFields)
		return
	}
	r.add(`{"candidates":[`)
	for n := r.Number(8); ; n = 0 {
		r.add(`{"index":`).one(indexes).add(`,"content":{"role":"model","parts":[`)
		for parts := r.Number(4); parts > 0; parts-- {
			r.one(geminiPieces).more(2, geminiPartFields)
			if parts > 1 {
				r.add(",")
			}
		}
		r.add(`]},"finishReason":`, finish).one(geminiAsides).more(1, geminiFields)
		if n < 7 {
			break
		}
		r.add(",")
	}
	r.add(`],"responseId":`).one([]string{`"r"`, `""`}).add(`,"modelVersion":"m","usageMetadata":{"promptTokenCount":1`).more(1, geminiUsage).more(0, replyFields)
}

func (r *drawnReply) geminiStream() {
	for n := r.Number(6); n >= 0; n-- {
		if !r.odd() {
			r.event(func() { r.geminiChunk("null") })
		}
	}
	if r.cut() {
		if r.Number(4) == 3 { // an error that is a line of its own
			r.failure("gemini")
		}
		return
	}
	for n := r.Number(4); ; n = 0 { // text may follow the end, and a second one that
		r.event(func() { r.geminiChunk(Pick(r.Bytes, geminiFinishes)) })
		if n < 3 {
			break
		}
	}
}

// Responses.

func (r *drawnReply) responsesDocument() {
	r.response(Pick(r.Bytes, []string{"completed", "completed", "completed", "incomplete", "failed", "queued", ""}))
}

// response adds a whole response.
func (r *drawnReply) response(status string) {
	r.add(`{"id":"r","object":"response","model":"m","status":"`, status, `","output":[`)
	for n := r.Number(4); n > 0; n-- {
		r.item()
		if n > 1 {
			r.add(",")
		}
	}
	r.add(`],"error":`)
	if status == "failed" {
		r.add(`{"code":`).one([]string{`"server_error"`, `"rate_limit_exceeded"`, `"insufficient_quota"`, "null"}).add(`,"message":"m"}`)
	} else {
		r.add("null")
	}
	r.add(`,"incomplete_details":`)
	if status == "incomplete" {
		r.add(`{"reason":`).one([]string{`"max_output_tokens"`, `"content_filter"`, "null"}).add("}")
	} else {
		r.add("null")
	}
	r.add(`,"usage":{"input_tokens":1`).more(1, usageFields).more(0, replyFields)
}

// item adds one item of the output.
func (r *drawnReply) item() { r.one(responsesWholes).more(1, responsesFields) }

func (r *drawnReply) responsesStream() {
	event := func(kind string, data func()) {
		if r.Number(4) > 0 { // OpenRouter leaves the names out
			r.add("event: ", kind, r.newline)
		}
		r.event(func() {
			r.add(`{"type":"`, kind, `"`)
			data()
		})
	}
	event("response.created", func() { r.add(`,"response":{"id":"r","model":"m","status":"in_progress","output":[]}}`) })
	for n := r.Number(8); n >= 0; n-- {
		if r.odd() {
			continue
		}
		index := Pick(r.Bytes, []string{`,"output_index":0`, `,"output_index":0`, `,"output_index":1`, `,"output_index":2`, `,"output_index":-1`, `,"item_id":"i"`, ""})
		switch what := r.Number(16); {
		case what < 3:
			event(Pick(r.Bytes, []string{"response.output_item.added", "response.output_item.done"}), func() {
				r.add(index, `,"item":`).item()
				r.add("}")
			})
		case what < 4:
			event(Pick(r.Bytes, []string{"response.content_part.added", "response.content_part.done"}), func() {
				r.add(index, `,"content_index":0,"part":{"type":"output_text","text":`).one(texts).more(2, responsesFields).add("}")
			})
		default:
			event(Pick(r.Bytes, responsesPieces), func() {
				r.add(index).one([]string{"", `,"content_index":0`, `,"summary_index":1`}).add(`,"delta":`).one(texts).more(1, responsesFields)
			})
		}
	}
	if r.Number(8) == 7 { // flat as in the documents, or nested as it comes
		event("error", func() {
			r.one([]string{`,"code":"server_error"`, `,"error":{"code":"rate_limit_exceeded","message":"m"}`, `,"code":null`}).add(`,"message":"m"`).more(1, responsesFields)
		})
	}
	if r.cut() {
		return
	}
	status := Pick(r.Bytes, []string{"completed", "completed", "completed", "completed", "incomplete", "failed", "cancelled"})
	event("response."+status, func() {
		r.add(`,"response":`).response(status)
		r.add("}")
	})
	if r.Number(4) == 3 {
		r.event(func() { r.add("[DONE]") })
	}
}

// Pieces.

// texts are JSON strings that an answer may hold, blockTypes the types of
// Anthropic's blocks, indexes places in a list.
var (
	texts      = []string{`"x"`, `"{\"a\":{}}"`, `"{\"a\":1}"`, `"{\"a\":1}"`, `"{\"a\":1}"`, `"{\"a\":1}"`, `"é😀"`, `""`, `" \n"`, `"end \n"`, `"\ud800\u0000"`, "\"\xff\xc3\"", `"<&>\u2028"`, `null`}
	blockTypes = []string{`"text"`, `"thinking"`, `"redacted_thinking"`, `"tool_use"`, `"fallback"`, `"x"`}
	indexes    = []string{"0", "0", "0", "0", "1", "-1", "1e30"}
)

// chatPieces are fields of messages and deltas of the form openai-chat.
var chatPieces = []string{
	`"reasoning_content":"t"`, `"reasoning":"t","reasoning_details":[{"type":"reasoning.encrypted","data":"s"}]`, `"refusal":"no"`,
	`"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":"}}]`,
	`"tool_calls":[{"function":{"name":"f","arguments":{"a" : 1}}},{"id":"c","extra_content":{"google":{"thought_signature":"s"}},"function":{"name":"f","arguments":"{}"}}]`,
	`"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]`, `"images":[{"image_url":{"url":"https://a.example/b.png"}}]`,
	`"audio":{"id":"a","data":"UklGRg==","transcript":"é"}`, `"audio":{"data":"QUI="}`, `"annotations":[{"type":"url_citation","url_citation":{"url":"u"}}]`,
}

// anthropicBlocks are blocks of a document, all open.
var anthropicBlocks = []string{
	`{"type":"thinking","thinking":"t","signature":"s"`, `{"type":"redacted_thinking","data":"s"`, `{"type":"tool_use","id":"c","name":"f","input":{"z" : 1,"a":[]}`,
	`{"type":"text","text":"é","citations":[{"type":"char_location","cited_text":"x"}]`, `{"type":"server_tool_use","id":"c","name":"web_search","input":{}`,
}

// geminiAsides are what a candidate has beside its content.
var geminiAsides = []string{
	"", "", `,"finishMessage":"é"`, `,"citationMetadata":{"citationSources":[{"startIndex":0,"endIndex":1,"uri":"u"}]}`,
	`,"groundingMetadata":{"webSearchQueries":["q"],"groundingChunks":[{"web":{"uri":"u","title":"é"}},{"x":1}],"groundingSupports":[{"segment":{"startIndex":0,"endIndex":2},"groundingChunkIndices":[0,1e300]}]}`,
	`,"logprobsResult":{"chosenCandidates":[{"token":"x","logProbability":-1}],"topCandidates":[{"candidates":[{"token":"y"}]}]}`,
}

var (
	geminiFinishes = []string{
		`"STOP"`, `"STOP"`, `"STOP"`, `"STOP"`, `"MAX_TOKENS"`, `"SAFETY"`, `"MALFORMED_FUNCTION_CALL"`, `"UNEXPECTED_TOOL_CALL"`, `"NO_IMAGE"`,
		"1", `"FINISH_REASON_UNSPECIFIED"`, "null", `"x"`,
	}
	// geminiPieces are parts, all open.
	geminiPieces = []string{
		`{"text":"x"`, `{"text":"é😀"`, `{"text":"{\"a\":{}}"`, `{"text":"{\"a\":1}"`, `{"text":"{\"a\":1}"`, `{"text":""`, "{\"text\":\"\xff\"", `{"text":"t","thought":true`, `{"text":"t","thought":true,"thoughtSignature":"s"`,
		`{"text":"x","thoughtSignature":"s"`, `{"thoughtSignature":"s"`,
		`{"functionCall":{"name":"f","args":{"z" : 1,"a":[]}},"thoughtSignature":"s"`, `{"functionCall":{"name":"f"}`, `{"functionCall":{"id":"c","name":"g","args":{}}`,
		`{"functionCall":{"name":"f","willContinue":true}`, `{"functionCall":{}`,
		`{"functionCall":{"partialArgs":[{"jsonPath":"$.a[0]['b']","stringValue":"x"}],"willContinue":true}`, `{"functionCall":{"partialArgs":[{"jsonPath":"$.n","numberValue":1e400}]}`,
		`{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}`, `{"inlineData":{"mimeType":"audio/L16;rate=24000","data":"QUI="}`, `{"inlineData":{"mimeType":"x/y","data":"AAAA"}`,
		`{"executableCode":{"language":"PYTHON","code":"1"}`, `{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1"}`, `{"fileData":{"fileUri":"u"}`,
	}
	responsesWholes = []string{
		`{"type":"message","id":"i","role":"assistant","content":[{"type":"output_text","text":"é😀","annotations":[{"type":"url_citation","url":"u"}],"logprobs":[{"token":"x","logprob":-1}]}]`,
		`{"type":"message","content":[{"type":"output_text","text":"{\"a\":1}"},{"type":"refusal","refusal":"no"}]`, `{"type":"message","content":"x"`, `{"type":"message","id":"i","content":[]`,
		`{"type":"reasoning","id":"i","summary":[{"type":"summary_text","text":"t"}],"encrypted_content":"s"`, `{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"t"}]`,
		`{"type":"function_call","id":"i","call_id":"c","name":"f","arguments":"{\"a\":1}"`, `{"type":"function_call","call_id":"c","name":"f","arguments":{"a" : 1}`, `{"type":"function_call","id":"i","name":"f","arguments":""`,
		`{"type":"custom_tool_call","call_id":"c","name":"f","input":"x"`, `{"type":"image_generation_call","result":"iVBORw0KGgo="`, `{"type":"web_search_call","id":"i"`, `{"type":"x"`,
	}
	responsesPieces = []string{
		"response.output_text.delta", "response.output_text.delta", "response.output_text.delta", "response.output_text.done", "response.output_text.annotation.added",
		"response.refusal.delta", "response.refusal.done", "response.reasoning_text.delta", "response.reasoning_text.done",
		"response.reasoning_summary_text.delta", "response.reasoning_summary_text.done", "response.function_call_arguments.delta", "response.function_call_arguments.delta",
		"response.function_call_arguments.done", "response.custom_tool_call_input.delta", "response.in_progress", "response.x",
	}
)

// refusable are parameters that an error may name.
var refusable = []string{
	`"temperature"`, `"top_p"`, `"frequency_penalty"`, `"presence_penalty"`, `"stop"`, `"seed"`, `"reasoning_effort"`,
	`"parallel_tool_calls"`, `"stream_options"`, `"max_tokens"`, `"max_completion_tokens"`, `"reasoning.summary"`, `"messages"`,
	`"include"`, `"generationConfig.frequencyPenalty"`,
}

// The fields that the decoders read.
var (
	replyFields = []string{
		"id", "model", "created", "choices", "usage", "error", "type", "message", "content", "index", "delta",
		"content_block", "stop_reason", "finish_reason", "native_finish_reason", "logprobs", "stop_details",
		"candidates", "promptFeedback", "usageMetadata", "createTime", "responseId",
		"response", "output", "item", "part", "status", "output_index", "item_id", "incomplete_details",
	}
	pieceFields = []string{
		"content", "refusal", "reasoning_content", "reasoning", "reasoning_details", "annotations", "images", "audio",
		"tool_calls", "function_call", "role",
	}
	blockFields = []string{
		"type", "text", "thinking", "signature", "id", "name", "input", "citations", "citation", "partial_json", "to", "data",
	}
	geminiPartFields = []string{"text", "thought", "thoughtSignature", "functionCall", "inlineData", "partMetadata"}
	geminiFields     = []string{
		"finishReason", "finishMessage", "index", "groundingMetadata", "citationMetadata", "logprobsResult", "safetyRatings", "content",
	}
	geminiUsage     = []string{"candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount", "toolUsePromptTokenCount", "cachedContentTokenCount"}
	responsesFields = []string{
		"type", "text", "delta", "refusal", "arguments", "input", "name", "call_id", "id", "item_id", "output_index", "content_index",
		"summary", "content", "annotation", "annotations", "logprobs", "result", "output_format", "status", "code", "message", "param",
	}
	usageFields = []string{
		"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details",
		"prompt_cache_hit_tokens", "num_cached_tokens", "input_tokens", "output_tokens", "cache_read_input_tokens",
		"cache_creation_input_tokens", "output_tokens_details", "iterations", "input_tokens_details", "cost",
	}
	otherFields = []string{
		"function", "arguments", "name", "index", "id", "type", "text", "thinking", "data", "code", "status", "message",
		"metadata", "raw", "details", "retryDelay", "cached_tokens", "cache_write_tokens", "reasoning_tokens",
		"audio_tokens", "thinking_tokens", "explanation", "delta", "content", "é\\u0000\\\"",
		"args", "willContinue", "partialArgs", "groundingChunks", "web", "uri", "segment", "startIndex", "chosenCandidates", "reason",
	}
)
