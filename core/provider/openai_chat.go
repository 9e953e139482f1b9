package provider

import (
	"slices"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// openAIChat is OpenAI's Chat Completions, the form of most compatible servers.
// https://platform.openai.com/docs/api-reference/chat
type openAIChat struct{}

// Wire types.

type openAIChatRequest struct {
	Model               string                `json:"model"`
	Messages            []openAIChatMessage   `json:"messages"`
	Temperature         *float64              `json:"temperature,omitempty"`
	TopP                *float64              `json:"top_p,omitempty"`
	FrequencyPenalty    *float64              `json:"frequency_penalty,omitempty"`
	PresencePenalty     *float64              `json:"presence_penalty,omitempty"`
	MaxTokens           *int64                `json:"max_tokens,omitempty"`
	MaxCompletionTokens *int64                `json:"max_completion_tokens,omitempty"`
	Stop                []string              `json:"stop,omitempty"`
	ResponseFormat      *openAIResponseFormat `json:"response_format,omitempty"`
	Stream              bool                  `json:"stream,omitempty"`
	StreamOptions       *openAIStreamOptions  `json:"stream_options,omitempty"`
}

type openAIChatMessage struct {
	Role    Role   `json:"role"`
	Content any    `json:"content"` // a string, or []openAIChatPart
	Name    string `json:"name,omitempty"`
}

type openAIChatPart struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type openAIResponseFormat struct {
	Type       string          `json:"type"`
	JSONSchema json.RawMessage `json:"json_schema,omitempty"`
}

type openAIStreamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// Encode.

func (openAIChat) Encode(row *Row, request *Request) (HTTPRequest, []Adjustment, error) {
	var adjusted []Adjustment
	wire := openAIChatRequest{
		Model:            request.Model,
		Messages:         make([]openAIChatMessage, 0, len(request.Messages)),
		Temperature:      request.Temperature,
		TopP:             request.TopP,
		FrequencyPenalty: request.FrequencyPenalty,
		PresencePenalty:  request.PresencePenalty,
		Stop:             request.Stop,
		Stream:           request.Stream,
	}
	model := openAIModelOf(request.Model)
	for _, message := range request.Messages {
		role, reason := message.Role, ""
		switch {
		case !row.OpenAI && role == Developer:
			role, reason = System, "developer is OpenAI's own role: it went as system"
		case row.OpenAI && model.noSystem && (role == Developer || role == System):
			role, reason = User, request.Model+" takes no system or developer messages: they went as the user's"
		}
		if renamed := (Adjustment{"messages[].role", "renamed", reason}); reason != "" && !slices.Contains(adjusted, renamed) {
			adjusted = append(adjusted, renamed)
		}
		wire.Messages = append(wire.Messages, openAIChatMessage{
			Role: role, Content: openAIChatContent(message.Parts), Name: message.Name,
		})
	}
	if request.MaxTokens != nil {
		if row.OpenAI {
			wire.MaxCompletionTokens = request.MaxTokens
			adjusted = append(adjusted, Adjustment{"max_tokens", "renamed", row.Name + " calls it max_completion_tokens"})
		} else {
			wire.MaxTokens = request.MaxTokens
		}
	}
	if row.OpenAI {
		adjusted = append(adjusted, model.fit(&wire)...)
	}
	if format := request.ResponseFormat; format != nil {
		wire.ResponseFormat = &openAIResponseFormat{Type: format.Type, JSONSchema: format.JSONSchema}
		if row.OpenAI && len(format.JSONSchema) > 0 && !json.Parse(format.JSONSchema).Get("name").Exists() {
			wire.ResponseFormat.JSONSchema = append([]byte(`{"name":"answer",`), format.JSONSchema[1:]...)
			adjusted = append(adjusted, Adjustment{"response_format.json_schema.name", "added", row.Name + " wants one"})
		}
	}
	if request.Stream {
		// Without it a stream carries no usage.
		wire.StreamOptions = &openAIStreamOptions{IncludeUsage: true}
	}
	body, err := json.Marshal(wire)
	if err != nil {
		return HTTPRequest{}, nil, &Error{Kind: InvalidRequest, Message: "the request cannot be written as JSON"}
	}
	return HTTPRequest{
		Method: "POST",
		URL:    row.at("/chat/completions"),
		Header: append([]Field{{"content-type", "application/json"}}, row.Header...),
		Body:   body,
	}, adjusted, nil
}

// openAIChatContent writes a lone text as a string: every compatible server
// reads that, not every one reads a list of parts.
func openAIChatContent(parts []Part) any {
	if len(parts) == 1 {
		return parts[0].Text
	}
	list := make([]openAIChatPart, 0, len(parts))
	for _, part := range parts {
		list = append(list, openAIChatPart{Type: "text", Text: part.Text})
	}
	return list
}

// Decode.

func (openAIChat) Decode(reply *Reply, delta func(text string)) (*Response, error) {
	return decode(reply, &chatAssembly{delta: delta})
}

// Mappings.

// finishReason maps a provider's word, of any form; no word stays none. A stop
// beside tool calls means the calls (Ollama, Gemini's compatible endpoint); a
// cut or refused answer stays what it is, since its calls may be cut as well.
// pause_turn asks to send the answer back, and happens only with Anthropic's
// own tools.
func finishReason(native string, calls bool) FinishReason {
	switch strings.ToLower(native) {
	case "":
		return ""
	case "length", "model_length", "max_tokens", "model_context_window_exceeded":
		return FinishLength
	case "content_filter", "safety", "refusal":
		return FinishContentFilter
	case "tool_calls", "function_call", "tool_use":
		return FinishToolCalls
	case "error", "insufficient_system_resource", "abort", "aborted", "cancelled", "canceled":
		return FinishError
	}
	if calls {
		return FinishToolCalls
	}
	return FinishStop
}
