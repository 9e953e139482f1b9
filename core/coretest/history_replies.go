package coretest

// geminiReply is a body of Gemini's form: a document, or a stream of documents.
func geminiReply(source *Bytes) []byte {
	end := Pick(source, []string{"\r\n", "\n"})
	var b []byte
	if source.Number(2) == 0 {
		return drawnGemini(source, b)
	}
	list := source.Number(8) == 7 // without alt=sse
	if list {
		b = append(b, '[')
	}
	for n := source.Number(5); n >= 0; n-- {
		switch {
		case list && len(b) > 1:
			b = append(b, ",\r\n"...)
		case !list:
			b = append(b, Pick(source, []string{"data: ", "data:", ": wait\n\ndata: "})...)
		}
		b = drawnGemini(source, b)
		if !list {
			b = append(append(b, end...), end...)
		}
	}
	if list {
		b = append(b, ']')
	}
	return b
}

func drawnGemini(source *Bytes, b []byte) []byte {
	switch source.Number(16) {
	case 15:
		return source.object(b, 0, geminiFields)
	case 14:
		return append(b, `{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}}`...)
	case 13:
		return append(b, `{"error":{"code":503,"message":"m","status":"UNAVAILABLE","details":[{"retryDelay":"1.5s"}]}}`...)
	}
	b = append(b, `{"candidates":[{"content":{"role":"model","parts":[`...)
	for n := source.Number(3); n >= 0; n-- {
		b = append(b, Pick(source, []string{
			`{"text":"x"`, `{"text":"é😀","thought":true`, `{"text":"","thoughtSignature":"c2ln"`, `{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"c2ln"`,
			`{"functionCall":{"name":"f"}`, `{"inlineData":{"mimeType":"image/png","data":"aGk="}`, `{"inlineData":{"mimeType":"audio/L16;codec=pcm;rate=24000","data":"AAAA"}`,
			`{"executableCode":{"code":"1"}`, `{"functionCall":{"name":"f","partialArgs":[{"jsonPath":"$.a","stringValue":"b","willContinue":true}],"willContinue":true}`, `{"functionCall":{}`,
		})...)
		b = source.fields(b, 2, geminiFields)
		if n > 0 {
			b = append(b, ',')
		}
	}
	b = append(append(b, `]},"finishReason":`...), Pick(source, []string{`"STOP"`, `"STOP"`, `"MAX_TOKENS"`, `"SAFETY"`, `"MALFORMED_FUNCTION_CALL"`, `1`, `null`, `"CONTINUATION"`})...)
	b = source.fields(append(b, `,"index":0`...), 1, geminiFields)
	return append(source.fields(append(b, `],"usageMetadata":{"promptTokenCount":1`...), 1, geminiUsageFields), '}')
}

// responsesReply is a body of OpenAI's Responses: a document, or a stream of events.
func responsesReply(source *Bytes) []byte {
	var b []byte
	if source.Number(2) == 0 {
		return drawnResponse(source, b, 0)
	}
	end := Pick(source, []string{"\n", "\r\n"})
	event := func(name string, data func()) {
		if source.Number(4) > 0 {
			b = append(append(append(b, "event: "...), name...), end...)
		}
		b = append(append(append(b, `data: {"type":"`...), name...), `","output_index":`...)
		b = append(b, Pick(source, []string{"0", "0", "1", "-1", "1e30", "null"})...)
		data()
		b = append(append(b, end...), end...)
	}
	event("response.created", func() { b = append(b, `,"response":{"id":"r","model":"m","status":"in_progress","output":[]}}`...) })
	for n := source.Number(6); n >= 0; n-- {
		switch source.Number(12) {
		case 0, 1:
			event("response.output_item.added", func() { b = append(drawnItem(source, append(b, `,"item":`...), spoken), '}') })
		case 2, 3, 4:
			event("response.output_text.delta", func() { b = source.fields(append(b, `,"content_index":0,"delta":"é"`...), 1, responsesFields) })
		case 5:
			event("response.function_call_arguments.delta", func() { b = source.fields(append(b, `,"item_id":"i","delta":"{\"a\":"`...), 1, responsesFields) })
		case 6:
			event("response.reasoning_summary_text.delta", func() { b = source.fields(append(b, `,"summary_index":0,"delta":"t"`...), 1, responsesFields) })
		case 7, 8:
			event("response.output_item.done", func() { b = append(drawnItem(source, append(b, `,"item":`...), spoken), '}') })
		case 9:
			event("error", func() { b = source.fields(append(b, `,"code":"server_error","message":"m"`...), 1, responsesFields) })
		case 10:
			event("error", func() { b = append(b, `,"error":{"type":"invalid_request_error","code":"c","message":"m"}}`...) })
		default:
			event(Pick(source, []string{"response.refusal.delta", "response.unheard_of", "response.output_text.annotation.added"}), func() {
				b = source.fields(append(b, `,"delta":"no"`...), 1, responsesFields)
			})
		}
	}
	if source.Number(8) < 7 {
		event(Pick(source, []string{"response.completed", "response.completed", "response.incomplete", "response.failed"}), func() {
			b = append(drawnResponse(source, append(b, `,"response":`...), spoken), '}')
		})
	}
	if source.Number(4) == 0 {
		b = append(b, "data: [DONE]\n\n"...)
	}
	return b
}

// spoken is where the items begin that hold no text: what a stream has said its
// end does not say otherwise.
const spoken = 2

func drawnResponse(source *Bytes, b []byte, from int) []byte {
	if source.Number(16) == 15 {
		return source.object(b, 0, responsesFields)
	}
	b = append(append(b, `{"id":"r","model":"m","created_at":1,"status":`...), Pick(source, []string{`"completed"`, `"completed"`, `"incomplete"`, `"failed"`, `"queued"`, `null`})...)
	b = append(b, `,"output":[`...)
	for n := source.Number(4); n > 0; n-- {
		b = drawnItem(source, b, from)
		if n > 1 {
			b = append(b, ',')
		}
	}
	b = append(b, `],"usage":{"input_tokens":1`...)
	b = source.fields(b, 1, usageFields)
	return source.fields(b, 1, responsesFields)
}

func drawnItem(source *Bytes, b []byte, from int) []byte {
	b = append(b, Pick(source, []string{
		`{"type":"message","id":"i","role":"assistant","content":[{"type":"output_text","text":"x","annotations":[]}]`,
		`{"type":"message","content":[{"type":"refusal","refusal":"no"}]`,
		`{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"t"}],"encrypted_content":"e"`,
		`{"type":"function_call","id":"fc","call_id":"c","name":"f","arguments":"{\"a\":1}"`,
		`{"type":"custom_tool_call","call_id":"c","name":"f","input":"in"`,
		`{"type":"image_generation_call","result":"aGk="`, `{"type":"web_search_call","id":"ws"`, `{"type":"mcp_approval_request","id":"m"`,
	}[from:])...)
	return source.fields(b, 2, responsesFields)
}

// The fields that the decoders of these forms read.
var (
	geminiFields = []string{
		"candidates", "content", "parts", "text", "thought", "thoughtSignature", "functionCall", "inlineData", "finishReason", "finishMessage",
		"groundingMetadata", "citationMetadata", "promptFeedback", "responseId", "modelVersion", "logprobsResult", "error", "index", "id", "createTime",
	}
	geminiUsageFields = []string{
		"promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount", "cachedContentTokenCount", "toolUsePromptTokenCount",
	}
	responsesFields = []string{
		"type", "output", "item", "content", "text", "annotations", "summary", "encrypted_content", "call_id", "name", "arguments", "input", "status",
		"incomplete_details", "error", "delta", "part", "response", "result", "id", "role", "logprobs", "item_id", "content_index", "summary_index",
	}
)
