package imitation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// completion is a chat.completion or, with deltas in its choices, a
// chat.completion.chunk.
type completion struct {
	ID      string          `json:"id"`
	Object  string          `json:"object"`
	Created int             `json:"created"` // Unix seconds
	Model   string          `json:"model"`
	Choices []choice        `json:"choices"`
	Usage   json.RawMessage `json:"usage,omitempty"` // raw, to tell null from absent
}

type choice struct {
	Index        int      `json:"index"`
	Message      *message `json:"message,omitempty"`
	Delta        *delta   `json:"delta,omitempty"`
	FinishReason *string  `json:"finish_reason"`
}

type message struct {
	Role             string     `json:"role"`
	Content          *string    `json:"content"` // null beside a tool call
	ReasoningContent string     `json:"reasoning_content,omitempty"`
	ToolCalls        []toolCall `json:"tool_calls,omitempty"`
}

type delta struct {
	Role             string     `json:"role,omitempty"`
	Content          *string    `json:"content,omitempty"`
	ReasoningContent string     `json:"reasoning_content,omitempty"`
	ToolCalls        []toolCall `json:"tool_calls,omitempty"`
}

type toolCall struct {
	Index    *int         `json:"index,omitempty"` // in streams only
	ID       string       `json:"id,omitempty"`    // in streams, in the first piece only
	Type     string       `json:"type,omitempty"`  // likewise
	Function toolFunction `json:"function"`
}

type toolFunction struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"` // JSON, or in streams a piece of it
}

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

type errorBody struct {
	Error apiError `json:"error"`
}

// apiError is OpenAI's error object. Param and Code are a string or nil.
type apiError struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   any    `json:"param"`
	Code    any    `json:"code"`
}

var modelList = map[string]any{
	"object": "list",
	"data": []map[string]any{
		{"id": "imitated", "object": "model", "created": created, "owned_by": "imitation"},
	},
}

// statusErrors has the error of each status that providers are known to answer.
var statusErrors = map[int]apiError{
	400: {Message: "Invalid value for 'messages'.", Type: "invalid_request_error", Param: "messages", Code: "invalid_value"},
	401: {Message: "Incorrect API key provided.", Type: "invalid_request_error", Code: "invalid_api_key"},
	403: {Message: "Your project does not have access to this model.", Type: "permission_error", Code: "access_denied"},
	404: {Message: "The model does not exist or you do not have access to it.", Type: "invalid_request_error", Param: "model", Code: "model_not_found"},
	408: {Message: "The request timed out before it was complete.", Type: "timeout_error", Code: "request_timeout"},
	413: {Message: "The request is too large for this model.", Type: "invalid_request_error", Code: "request_too_large"},
	422: {Message: "The request could not be processed.", Type: "invalid_request_error", Code: "unprocessable_entity"},
	429: {Message: "Rate limit reached for requests. Please try again later.", Type: "requests", Code: "rate_limit_exceeded"},
	500: {Message: "The server had an error while processing your request.", Type: "server_error"},
	502: {Message: "The server received an invalid answer from upstream.", Type: "server_error", Code: "bad_gateway"},
	503: {Message: "The engine is currently overloaded, please try again later.", Type: "server_error", Code: "engine_overloaded"},
	529: {Message: "The provider is overloaded.", Type: "overloaded_error", Code: "overloaded"},
}

// statusError returns the error of a status. With echo=key its message quotes
// the request's key.
func (x *exchange) statusError(status int) apiError {
	problem, known := statusErrors[status]
	if !known {
		problem = apiError{Message: fmt.Sprintf("Imitated status %d %s.", status, http.StatusText(status)), Type: "invalid_request_error"}
		if status >= 500 {
			problem.Type = "server_error"
		}
	}
	if x.behaviour.echoKey {
		token := strings.TrimPrefix(x.request.Header.Get("Authorization"), "Bearer ")
		problem.Message = strings.TrimSuffix(problem.Message, ".") + ": " + token + "."
	}
	return problem
}

// completion is the whole answer of a request without "stream".
func (x *exchange) completion() completion {
	answer := message{Role: "assistant", ReasoningContent: x.behaviour.reasoning}
	if x.behaviour.tool != "" {
		answer.ToolCalls = []toolCall{{
			ID: x.toolCallID(), Type: "function",
			Function: toolFunction{Name: x.behaviour.tool, Arguments: x.text},
		}}
	} else {
		answer.Content = &x.text
	}
	finish := x.finishReason()
	whole := x.envelope("chat.completion")
	whole.Choices = []choice{{Message: &answer, FinishReason: &finish}}
	if x.behaviour.usage {
		whole.Usage = x.usage()
	}
	return whole
}

// completionChunk is one chunk of a stream.
func (x *exchange) completionChunk(content delta, finish *string) completion {
	chunk := x.envelope("chat.completion.chunk")
	chunk.Choices = []choice{{Delta: &content, FinishReason: finish}}
	if x.streamsUsage() {
		// OpenAI sends this null in every chunk but the one with the figures.
		chunk.Usage = json.RawMessage("null")
	}
	return chunk
}

// usageChunk is the chunk of a stream that carries the usage.
func (x *exchange) usageChunk() completion {
	chunk := x.envelope("chat.completion.chunk")
	chunk.Choices = []choice{}
	chunk.Usage = x.usage()
	return chunk
}

// openingDeltas are what a stream sends ahead of its content chunks.
func (x *exchange) openingDeltas() []delta {
	none := ""
	opening := []delta{{Role: "assistant", Content: &none}}
	if x.behaviour.reasoning != "" {
		opening = append(opening, delta{ReasoningContent: x.behaviour.reasoning})
	}
	if x.behaviour.tool != "" {
		opening = append(opening, delta{ToolCalls: []toolCall{{
			Index: new(int), ID: x.toolCallID(), Type: "function",
			Function: toolFunction{Name: x.behaviour.tool},
		}}})
	}
	return opening
}

// contentDeltas are the content chunks of a stream: pieces of the text, or of
// the tool call's arguments.
func (x *exchange) contentDeltas() []delta {
	var deltas []delta
	for _, piece := range x.pieces() {
		if x.behaviour.tool != "" {
			deltas = append(deltas, delta{ToolCalls: []toolCall{{Index: new(int), Function: toolFunction{Arguments: piece}}}})
		} else {
			deltas = append(deltas, delta{Content: &piece})
		}
	}
	return deltas
}

func (x *exchange) envelope(object string) completion {
	return completion{
		ID:      fmt.Sprintf("chatcmpl-imitated-%d", x.n),
		Object:  object,
		Created: created,
		Model:   x.chat.Model,
	}
}

func (x *exchange) usage() json.RawMessage {
	answerWords := countWords(x.text)
	return encode(usage{
		PromptTokens:     x.promptWords,
		CompletionTokens: answerWords,
		TotalTokens:      x.promptWords + answerWords,
	})
}

func (x *exchange) streamsUsage() bool {
	return x.behaviour.usage && x.chat.StreamOptions.IncludeUsage
}

func (x *exchange) finishReason() string {
	switch {
	case x.behaviour.finish != "":
		return x.behaviour.finish
	case x.behaviour.tool != "":
		return "tool_calls"
	}
	return "stop"
}

func (x *exchange) toolCallID() string {
	return fmt.Sprintf("call_imitated_%d", x.n)
}

// encode returns value as one line of JSON. Unlike json.Marshal it leaves
// < > & readable, as providers do.
func encode(value any) []byte {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // only types of this file come here, and they all encode
	}
	return bytes.TrimSuffix(line.Bytes(), []byte("\n"))
}
