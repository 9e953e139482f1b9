package provider

import (
	"bytes"
	"io"

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
	for _, message := range request.Messages {
		wire.Messages = append(wire.Messages, openAIChatMessage{
			Role: message.Role, Content: openAIChatContent(message.Parts), Name: message.Name,
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
		adjusted = append(adjusted, openAIModelOf(request.Model).fit(&wire)...)
	}
	if format := request.ResponseFormat; format != nil {
		wire.ResponseFormat = &openAIResponseFormat{Type: format.Type, JSONSchema: format.JSONSchema}
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
	if reply.Status < 200 || reply.Status > 299 {
		return nil, readError(reply)
	}
	return decode(reply, delta, decodeOpenAIChatWhole, decodeOpenAIChatStream)
}

func decodeOpenAIChatWhole(reply *Reply, body []byte) (*Response, error) {
	value := json.Parse(body)
	if fault := openAIChatFault(reply, value); fault != nil {
		return nil, fault
	}
	whole := &assembly{whole: true, done: true}
	whole.add(value)
	response := whole.result()
	response.Raw = body
	if len(whole.choices) == 0 {
		fault := reply.fault("the reply holds no answer: " + quote(body))
		fault.Next = wrongEndpoint
		return response, fault
	}
	return response, nil
}

func decodeOpenAIChatStream(reply *Reply, body io.Reader, delta func(string)) (*Response, error) {
	stream := eventStream{body: body}
	pieces := &assembly{delta: delta}
	for !pieces.done {
		name, data, err := stream.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return pieces.result(), AsError(err)
		}
		data = bytes.TrimSpace(data)
		if string(data) == "[DONE]" {
			pieces.done = true
			continue
		}
		if !json.Valid(data) {
			if kind := string(name); len(data) == 0 || kind != "" && kind != "message" && kind != "error" {
				continue // a sign of life, such as event: ping
			}
			fault := reply.fault("a piece of the stream is not JSON: " + quote(data))
			fault.Retry = true
			return pieces.result(), fault
		}
		value := json.Parse(data)
		if fault := openAIChatFault(reply, value); fault != nil {
			pieces.add(value) // usage may ride along
			return pieces.result(), fault
		}
		if string(name) == "error" {
			return pieces.result(), errorIn(reply, value)
		}
		pieces.add(value)
	}
	if len(pieces.choices) == 0 || !pieces.done && !pieces.finished() {
		// Half an answer must not look like a whole one.
		fault := reply.fault("the stream ended before the answer was finished")
		fault.Retry = true
		return pieces.result(), fault
	}
	return pieces.result(), nil
}

// Mappings.

// openAIChatFault finds an error that came with status 200, in a whole reply
// or in a piece of a stream. An error that says nothing is none: some send the
// object beside every answer.
func openAIChatFault(reply *Reply, value json.Value) error {
	fault := value.Get("error")
	if value.IsArray() {
		fault = value.Get("0.error")
	}
	said := text(fault) != ""
	for _, field := range []string{"message", "code", "type"} {
		said = said || fault.Get(field).Type == json.Number || text(fault.Get(field)) != ""
	}
	if said {
		return errorIn(reply, value)
	}
	return nil
}
