package imitation

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// chat is OpenAI's Chat Completions.
// https://platform.openai.com/docs/api-reference/chat
type chat struct{ openAI }

// Wire types.

type chatRequest struct {
	Model    string `json:"model"`
	Messages []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
	Stream        bool `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	ResponseFormat struct {
		JSONSchema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

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

func (chat) read(_ *exchange, body []byte) (prompt, *apiError) {
	var request chatRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return prompt{}, notARequest("chat completion", err)
	}
	if request.Model == "" {
		return prompt{}, noModel()
	}
	if len(request.Messages) == 0 {
		return prompt{}, &apiError{
			Message: "messages: missing or empty; allowed: at least one message",
			Type:    "invalid_request_error", Param: "messages",
		}
	}
	read := prompt{
		model: request.Model, stream: request.Stream, usage: request.StreamOptions.IncludeUsage,
		schema: request.ResponseFormat.JSONSchema.Schema,
	}
	for _, message := range request.Messages {
		text, images := readContent(message.Content)
		read.turns = append(read.turns, turn{roleOf(message.Role), text, images})
	}
	return read, nil
}

// Answer.

func (chat) document(x *exchange) any {
	answer := message{Role: "assistant", ReasoningContent: x.behaviour.reasoning}
	if x.calls {
		answer.ToolCalls = []toolCall{{
			ID: x.toolCallID(), Type: "function",
			Function: toolFunction{Name: x.behaviour.tool, Arguments: x.text},
		}}
	} else {
		answer.Content = &x.text
	}
	finish := x.finish()
	whole := completionOf(x, "chat.completion")
	whole.Choices = []choice{{Message: &answer, FinishReason: &finish}}
	if x.behaviour.usage {
		whole.Usage = chatUsage(x)
	}
	return whole
}

func completionOf(x *exchange, object string) completion {
	return completion{
		ID:      fmt.Sprintf("chatcmpl-imitated-%d", x.n),
		Object:  object,
		Created: created,
		Model:   x.prompt.model,
	}
}

func chatUsage(x *exchange) json.RawMessage {
	answerWords := countWords(x.text)
	return encode(usage{
		PromptTokens:     x.promptWords,
		CompletionTokens: answerWords,
		TotalTokens:      x.promptWords + answerWords,
	})
}

// Stream.

func (chat) events(x *exchange) (opening, content, closing []event) {
	none := ""
	opening = append(opening, chatChunk(x, delta{Role: "assistant", Content: &none}, nil))
	if x.behaviour.reasoning != "" {
		opening = append(opening, chatChunk(x, delta{ReasoningContent: x.behaviour.reasoning}, nil))
	}
	if x.calls {
		opening = append(opening, chatChunk(x, delta{ToolCalls: []toolCall{{
			Index: new(int), ID: x.toolCallID(), Type: "function",
			Function: toolFunction{Name: x.behaviour.tool},
		}}}, nil))
	}
	for _, piece := range x.pieces() {
		if x.calls {
			content = append(content, chatChunk(x, delta{ToolCalls: []toolCall{{Index: new(int), Function: toolFunction{Arguments: piece}}}}, nil))
		} else {
			content = append(content, chatChunk(x, delta{Content: &piece}, nil))
		}
	}
	finish := x.finish()
	closing = append(closing, chatChunk(x, delta{}, &finish))
	if chatStreamsUsage(x) {
		chunk := completionOf(x, "chat.completion.chunk")
		chunk.Choices = []choice{}
		chunk.Usage = chatUsage(x)
		closing = append(closing, event{data: chunk})
	}
	return opening, content, append(closing, event{data: []byte("[DONE]")})
}

// chatChunk is an event with a choice in it.
func chatChunk(x *exchange, content delta, finish *string) event {
	chunk := completionOf(x, "chat.completion.chunk")
	chunk.Choices = []choice{{Delta: &content, FinishReason: finish}}
	if chatStreamsUsage(x) {
		// OpenAI sends this null in every chunk but the one with the figures.
		chunk.Usage = json.RawMessage("null")
	}
	return event{data: chunk}
}

func chatStreamsUsage(x *exchange) bool {
	return x.behaviour.usage && x.prompt.usage
}

// Errors.

func (f chat) brokenDocument(x *exchange, problem apiError) any {
	return f.errorBody(x, http.StatusOK, problem)
}

func (f chat) brokenEvents(x *exchange, problem apiError) []event {
	return []event{{data: f.errorBody(x, http.StatusOK, problem)}}
}
