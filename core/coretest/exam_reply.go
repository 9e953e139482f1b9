package coretest

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// answer is what an imitated provider says, whatever its form.
type answer struct {
	words   []string // the text; a stream sends it word by word
	thought bool
	calls   []callArguments
}

// callArguments are the arguments of a call of weather.
type callArguments string

const (
	thoughtText = "I should look."
	sealed      = "c2VhbGVkIHN0YXRl"
	// What comes of a thought, and has to go back as it is.
	chatDetail        = `{"type":"reasoning.encrypted","id":"r1","format":"x","index":0,"data":"` + sealed + `"}`
	responsesThought  = `{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"I should look."}],"encrypted_content":"` + sealed + `"}`
	anthropicThinking = `{"type":"thinking","thinking":"I should look.","signature":"` + sealed + `"}`
)

// reply is a whole HTTP reply.
type reply struct {
	status int
	header []provider.Field
	body   string
}

func jsonReply(status int, body string, header ...provider.Field) reply {
	return reply{status, append([]provider.Field{{Name: "content-type", Value: "application/json"}}, header...), body}
}

func streamReply(frames []string) reply {
	return reply{200, []provider.Field{{Name: "content-type", Value: "text/event-stream"}}, strings.Join(frames, "")}
}

// object writes JSON of fields, in the order of their names.
type object map[string]any

func (o object) String() string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // the exam's own words
	}
	return string(text)
}

func raw(text string) json.RawMessage { return json.RawMessage(text) }

// whole is an answer in one document.
func (d *dialect) whole(form string, a answer) reply {
	text := strings.Join(a.words, "")
	switch form {
	case "openai-responses":
		return jsonReply(200, responsesDocument(a).String())
	case "anthropic":
		var blocks []any
		if a.thought {
			blocks = append(blocks, raw(anthropicThinking))
		}
		if text != "" {
			blocks = append(blocks, object{"type": "text", "text": text})
		}
		for i, arguments := range a.calls {
			blocks = append(blocks, object{"type": "tool_use", "id": "toolu_0" + strconv.Itoa(i+1), "name": "weather", "input": raw(string(arguments))})
		}
		return jsonReply(200, object{
			"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": blocks, "stop_reason": pick(len(a.calls) > 0, "tool_use", "end_turn"),
			"stop_sequence": nil, "usage": object{"input_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 2, "output_tokens": 5},
		}.String())
	case "gemini":
		return jsonReply(200, geminiChunk(geminiParts(a), true).String())
	}
	message := object{"role": "assistant", "content": text}
	if text == "" {
		message["content"] = nil
	}
	if a.thought {
		d.think(message, text)
	}
	if len(a.calls) > 0 {
		message["tool_calls"] = d.chatCalls(a.calls, false)
	}
	body := object{
		"id": "c1", "object": "chat.completion", "created": 7, "model": "m", "usage": chatUsage(),
		"choices": []any{object{"index": 0, "message": message, "finish_reason": d.finish(a)}},
	}
	if d.beside {
		body["choices"] = []any{object{"index": 0, "message": message, "delta": object{"role": "assistant", "content": ""}, "finish_reason": d.finish(a)}}
	}
	return jsonReply(200, d.before+body.String())
}

func pick[T any](yes bool, one, other T) T {
	if yes {
		return one
	}
	return other
}

func chatUsage() object {
	return object{"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
}

// finish is the finish_reason of an answer.
func (d *dialect) finish(a answer) string {
	return pick(len(a.calls) > 0 && !d.callsStop, "tool_calls", "stop")
}

// think adds a thought to a message or a delta, as the dialect has it.
func (d *dialect) think(message object, text string) {
	switch d.thinks {
	case "list":
		message["content"] = []any{
			object{"type": "thinking", "thinking": []any{object{"type": "text", "text": thoughtText}}},
			object{"type": "text", "text": text},
		}
	case "details":
		message["reasoning"], message["reasoning_details"] = thoughtText, []any{raw(chatDetail)}
	case "":
		message["reasoning_content"] = thoughtText
	default:
		message[d.thinks] = thoughtText
	}
}

func (d *dialect) chatCalls(calls []callArguments, streamed bool) (list []any) {
	for i, arguments := range calls {
		call := object{"type": "function", "function": object{"name": "weather", "arguments": string(arguments)}}
		if streamed || !d.noWholeIDs {
			call["id"] = d.callIDs[i]
		}
		if d.noCallType {
			delete(call, "type")
		}
		if streamed {
			call["index"] = pick(d.allIndexZero, 0, i)
		}
		list = append(list, call)
	}
	return list
}

// stream is an answer as a stream: the frames that bring it, and those that end it.
func (d *dialect) stream(form string, a answer) (bring, end []string) {
	text := strings.Join(a.words, "")
	switch form {
	case "openai-responses":
		return responsesFrames(a)
	case "anthropic":
		frame := func(o object) string { return "event: " + o["type"].(string) + "\ndata: " + o.String() + "\n\n" }
		bring = append(bring, frame(object{"type": "message_start", "message": object{"id": "msg_1", "model": "m", "usage": object{"input_tokens": 1, "cache_read_input_tokens": 2, "output_tokens": 1}}}))
		bring = append(bring, frame(object{"type": "ping"}))
		index := 0
		if text != "" {
			bring = append(bring, frame(object{"type": "content_block_start", "index": 0, "content_block": object{"type": "text", "text": ""}}))
			for _, word := range a.words {
				bring = append(bring, frame(object{"type": "content_block_delta", "index": 0, "delta": object{"type": "text_delta", "text": word}}))
			}
			bring = append(bring, frame(object{"type": "content_block_stop", "index": 0}))
			index++
		}
		for i, arguments := range a.calls {
			bring = append(bring, frame(object{"type": "content_block_start", "index": index, "content_block": object{"type": "tool_use", "id": "toolu_0" + strconv.Itoa(i+1), "name": "weather", "input": object{}}}))
			for _, piece := range halves(string(arguments)) {
				bring = append(bring, frame(object{"type": "content_block_delta", "index": index, "delta": object{"type": "input_json_delta", "partial_json": piece}}))
			}
			bring = append(bring, frame(object{"type": "content_block_stop", "index": index}))
			index++
		}
		end = append(end, frame(object{"type": "message_delta", "delta": object{"stop_reason": pick(len(a.calls) > 0, "tool_use", "end_turn"), "stop_sequence": nil}, "usage": object{"input_tokens": 1, "cache_read_input_tokens": 2, "output_tokens": 5}}))
		return bring, append(end, frame(object{"type": "message_stop"}))
	case "gemini":
		frame := func(o object) string { return "data: " + o.String() + "\r\n\r\n" }
		for _, word := range a.words {
			bring = append(bring, frame(geminiChunk([]any{object{"text": word}}, false)))
		}
		for _, part := range geminiParts(answer{calls: a.calls}) {
			bring = append(bring, frame(geminiChunk([]any{part}, false)))
		}
		return bring, []string{frame(geminiChunk([]any{object{"text": ""}}, true))}
	}
	return d.chatFrames(a)
}

func halves(text string) []string {
	return []string{text[:len(text)/2], text[len(text)/2:]}
}

// chatFrames are a stream of OpenAI's chat form in the dialect.
func (d *dialect) chatFrames(a answer) (bring, end []string) {
	newline := pick(d.crlf, "\r\n", "\n")
	frame := func(o object) string { return "data: " + o.String() + newline + newline }
	soFar := ""
	chunk := func(delta object, finish any) object {
		if d.roleAlways {
			delta["role"] = "assistant"
		}
		choice := object{"index": 0, "delta": delta, "finish_reason": finish}
		if d.beside { // the message is all so far
			if word, ok := delta["content"].(string); ok {
				soFar += word
			}
			choice["message"] = object{"role": "assistant", "content": soFar}
		}
		body := object{"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": []any{choice}}
		if d.usage == "every" {
			body["usage"] = chatUsage()
		}
		return body
	}
	if d.first != "" {
		bring = append(bring, d.first)
	}
	if d.comment != "" {
		bring = append(bring, d.comment)
	}
	bring = append(bring, frame(chunk(object{"role": "assistant", "content": ""}, nil)))
	for _, word := range a.words {
		delta := object{"content": word}
		if d.thinks == "list" { // Mistral's streams may have lists as well
			delta = object{"content": []any{object{"type": "text", "text": word}}}
		}
		bring = append(bring, frame(chunk(delta, nil)), d.comment)
	}
	calls := d.chatCalls(a.calls, true)
	for _, call := range calls {
		call := call.(object)
		function := call["function"].(object)
		if d.wholeCalls {
			continue
		}
		pieces := halves(function["arguments"].(string))
		function["arguments"] = ""
		bring = append(bring, frame(chunk(object{"tool_calls": []any{call}}, nil)))
		for _, piece := range pieces {
			bring = append(bring, frame(chunk(object{"tool_calls": []any{object{"index": call["index"], "function": object{"arguments": piece}}}}, nil)))
		}
	}
	if d.nakedChoice != "" {
		bring = append(bring, d.nakedChoice)
	}
	last := chunk(object{}, d.finish(a))
	if d.wholeCalls && len(calls) > 0 {
		last = chunk(object{"content": "", "tool_calls": calls}, d.finish(a))
	}
	if d.usage == "finish" {
		last["usage"] = chatUsage()
	}
	end = append(end, frame(last))
	switch d.usage {
	case "":
		end = append(end, frame(object{"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": []any{}, "usage": chatUsage()}))
	case "finish again": // OpenRouter
		again := chunk(object{"role": "assistant", "content": ""}, d.finish(a))
		again["usage"] = chatUsage()
		end = append(end, frame(again))
	}
	if !d.noDone {
		end = append(end, "data: [DONE]"+newline+newline)
	}
	return bring, end
}

func responsesItems(a answer) (items []any) {
	if a.thought {
		items = append(items, raw(responsesThought))
	}
	if text := strings.Join(a.words, ""); text != "" {
		items = append(items, object{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": []any{object{"type": "output_text", "text": text, "annotations": []any{}}}})
	}
	for i, arguments := range a.calls {
		number := strconv.Itoa(i + 1)
		items = append(items, object{"id": "fc_" + number, "type": "function_call", "call_id": "call_" + number, "name": "weather", "arguments": string(arguments), "status": "completed"})
	}
	return items
}

func responsesDocument(a answer) object {
	return object{
		"id": "resp_1", "object": "response", "created_at": 7, "status": "completed", "error": nil, "model": "m", "output": responsesItems(a),
		"usage": object{"input_tokens": 3, "output_tokens": 5, "total_tokens": 8},
	}
}

func responsesFrames(a answer) (bring, end []string) {
	number := 0
	frame := func(o object) string {
		o["sequence_number"] = number
		number++
		return "event: " + o["type"].(string) + "\ndata: " + o.String() + "\n\n"
	}
	bring = append(bring, frame(object{"type": "response.created", "response": object{"id": "resp_1", "model": "m", "status": "in_progress", "output": []any{}}}))
	for i, item := range responsesItems(a) {
		item, ok := item.(object)
		if !ok {
			continue
		}
		if item["type"] == "message" {
			bring = append(bring, frame(object{"type": "response.output_item.added", "output_index": i, "item": object{"id": "msg_1", "type": "message", "role": "assistant", "content": []any{}}}))
			for _, word := range a.words {
				bring = append(bring, frame(object{"type": "response.output_text.delta", "output_index": i, "item_id": "msg_1", "content_index": 0, "delta": word}))
			}
		} else {
			bring = append(bring, frame(object{"type": "response.output_item.added", "output_index": i, "item": object{"id": item["id"], "type": "function_call", "call_id": item["call_id"], "name": "weather", "arguments": ""}}))
			for _, piece := range halves(item["arguments"].(string)) {
				bring = append(bring, frame(object{"type": "response.function_call_arguments.delta", "output_index": i, "item_id": item["id"], "delta": piece}))
			}
		}
		bring = append(bring, frame(object{"type": "response.output_item.done", "output_index": i, "item": item}))
	}
	return bring, []string{frame(object{"type": "response.completed", "response": responsesDocument(a)})}
}

// geminiParts are an answer's parts. Of calls in parallel the first alone is
// signed.
func geminiParts(a answer) (parts []any) {
	if a.thought {
		parts = append(parts, object{"text": thoughtText, "thought": true})
	}
	if text := strings.Join(a.words, ""); text != "" {
		parts = append(parts, object{"text": text})
	}
	for i, arguments := range a.calls {
		part := object{"functionCall": object{"name": "weather", "args": raw(string(arguments))}}
		if i == 0 {
			part["thoughtSignature"] = sealed
		}
		parts = append(parts, part)
	}
	return parts
}

func geminiChunk(parts []any, last bool) object {
	candidate := object{"index": 0, "content": object{"role": "model", "parts": parts}}
	if last {
		candidate["finishReason"] = "STOP"
	}
	return object{
		"candidates": []any{candidate}, "modelVersion": "m", "responseId": "r1",
		"usageMetadata": object{"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8},
	}
}
