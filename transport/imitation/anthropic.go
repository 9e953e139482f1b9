package imitation

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// anthropic is Anthropic's Messages API.
// https://docs.claude.com/en/api/messages
type anthropic struct{}

func (anthropic) traits() traits { return traits{requestID: "Request-Id"} }

// Wire types.

type anthropicRequest struct {
	Model        string             `json:"model"`
	MaxTokens    int                `json:"max_tokens"`
	System       json.RawMessage    `json:"system"`
	Messages     []anthropicMessage `json:"messages"`
	Stream       bool               `json:"stream"`
	OutputConfig struct {
		Format *struct {
			Type   string          `json:"type"`
			Schema json.RawMessage `json:"schema"`
		} `json:"format"`
	} `json:"output_config"`
}

type anthropicMessage struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"` // a string, or []anthropicPart
}

// anthropicPart is a block of a request.
type anthropicPart struct {
	Type      string          `json:"type"`
	Text      *string         `json:"text"`
	ID        string          `json:"id"`          // of tool_use
	ToolUseID string          `json:"tool_use_id"` // of tool_result
	Content   json.RawMessage `json:"content"`     // of tool_result
}

// anthropicMessageBody is a message of the answer.
type anthropicMessageBody struct {
	ID           string           `json:"id"`
	Type         string           `json:"type"`
	Role         string           `json:"role"`
	Model        string           `json:"model"`
	Content      []anthropicBlock `json:"content"`
	StopReason   *string          `json:"stop_reason"`
	StopSequence *string          `json:"stop_sequence"`
	Usage        *anthropicUsage  `json:"usage,omitempty"`
}

// anthropicBlock is a block of the answer: its type says which fields it has.
type anthropicBlock struct {
	Type      string          `json:"type"` // text, thinking or tool_use
	Text      *string         `json:"text,omitempty"`
	Thinking  *string         `json:"thinking,omitempty"`
	Signature *string         `json:"signature,omitempty"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Input     json.RawMessage `json:"input,omitempty"`
}

type anthropicUsage struct {
	InputTokens         int `json:"input_tokens"`
	CacheCreationTokens int `json:"cache_creation_input_tokens"`
	CacheReadTokens     int `json:"cache_read_input_tokens"`
	OutputTokens        int `json:"output_tokens"`
}

type anthropicEvent struct {
	Type    string                `json:"type"`
	Message *anthropicMessageBody `json:"message,omitempty"`
	Index   *int                  `json:"index,omitempty"`
	Block   *anthropicBlock       `json:"content_block,omitempty"`
	Delta   *anthropicDelta       `json:"delta,omitempty"`
	Usage   *anthropicUsage       `json:"usage,omitempty"`
}

// anthropicDelta is a piece of a block, or without a type the end of a message.
type anthropicDelta struct {
	Type         string           `json:"type,omitempty"`
	Text         string           `json:"text,omitempty"`
	Thinking     string           `json:"thinking,omitempty"`
	Signature    string           `json:"signature,omitempty"`
	PartialJSON  string           `json:"partial_json,omitempty"`
	StopReason   string           `json:"stop_reason,omitempty"`
	StopSequence *json.RawMessage `json:"stop_sequence,omitempty"` // null beside a stop_reason
}

type anthropicErrorBody struct {
	Type      string         `json:"type"`
	Error     anthropicError `json:"error"`
	RequestID string         `json:"request_id"`
}

type anthropicError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

func (anthropic) read(x *exchange, body []byte) (prompt, *apiError) {
	var request anthropicRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return prompt{}, notARequest("messages", err)
	}
	refuse := func(format string, values ...any) (prompt, *apiError) {
		return prompt{}, &apiError{Message: fmt.Sprintf(format, values...)}
	}
	switch {
	case x.request.Header.Get("Anthropic-Version") == "":
		return refuse("anthropic-version: header is required")
	case request.Model == "":
		return prompt{}, noModel()
	case request.MaxTokens < 1:
		return refuse("max_tokens: missing or less than 1; allowed: a whole number of at least 1")
	case len(request.Messages) == 0:
		return refuse("messages: at least one message is required")
	}
	read := prompt{model: request.Model, stream: request.Stream}
	if format := request.OutputConfig.Format; format != nil {
		if format.Type != "json_schema" {
			return refuse("output_config.format.type: got %q; allowed: json_schema", format.Type)
		}
		if !closed(format.Schema) {
			return refuse("output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false")
		}
		read.schema = format.Schema
	}
	if len(request.System) > 0 {
		read.turns = append(read.turns, turn{role: roleOther, text: contentText(request.System)})
	}
	var calls []string // ids, of the message before
	for i, message := range request.Messages {
		if message.Role != "user" && message.Role != "assistant" && message.Role != "system" {
			return refuse("messages.%d.role: got %q; allowed: user, assistant, system", i, message.Role)
		}
		var parts []anthropicPart
		_ = json.Unmarshal(message.Content, &parts) // a string is no parts
		var made []string
		for j, part := range parts {
			switch {
			case part.Type == "text" && (part.Text == nil || *part.Text == ""):
				return refuse("messages.%d.content.%d: text content blocks must be non-empty", i, j)
			case part.Type == "tool_use":
				made = append(made, part.ID)
			case part.Type == "tool_result":
				if !slices.Contains(calls, part.ToolUseID) {
					return refuse("messages.%d.content.%d: unexpected `tool_use_id` found in `tool_result` blocks: %s. "+
						"Each `tool_result` block must have a corresponding `tool_use` block in the previous message.", i, j, part.ToolUseID)
				}
				text, images := readContent(part.Content)
				read.turns = append(read.turns, turn{roleTool, text, images})
			}
		}
		calls = made
		text, images := readContent(message.Content)
		read.turns = append(read.turns, turn{roleOf(message.Role), text, images})
	}
	return read, nil
}

// Answer.

func (anthropic) document(x *exchange) any {
	message := anthropicStart(x)
	message.Content = anthropicBlocks(x)
	reason := anthropicStop(x)
	message.StopReason = &reason
	message.Usage = anthropicUsed(x, countWords(x.text))
	return message
}

// anthropicBlocks are the whole blocks of the answer. An empty text is none.
func anthropicBlocks(x *exchange) []anthropicBlock {
	blocks := []anthropicBlock{}
	if x.behaviour.reasoning != "" {
		signature := anthropicSignature(x)
		blocks = append(blocks, anthropicBlock{Type: "thinking", Thinking: &x.behaviour.reasoning, Signature: &signature})
	}
	switch {
	case x.calls:
		blocks = append(blocks, anthropicBlock{Type: "tool_use", ID: anthropicCallID(x), Name: x.behaviour.tool, Input: json.RawMessage(x.text)})
	case x.text != "":
		blocks = append(blocks, anthropicBlock{Type: "text", Text: &x.text})
	}
	return blocks
}

// anthropicStart is the message before anything is said.
func anthropicStart(x *exchange) anthropicMessageBody {
	return anthropicMessageBody{
		ID: fmt.Sprintf("msg_imitated_%d", x.n), Type: "message", Role: "assistant", Model: x.prompt.model,
		Content: []anthropicBlock{}, Usage: anthropicUsed(x, 0),
	}
}

func anthropicUsed(x *exchange, output int) *anthropicUsage {
	if !x.behaviour.usage {
		return nil
	}
	return &anthropicUsage{InputTokens: x.promptWords, OutputTokens: output}
}

// anthropicStop is the stop_reason: OpenAI's words in Anthropic's, others as
// they are.
func anthropicStop(x *exchange) string {
	switch finish := x.finish(); finish {
	case "stop":
		return "end_turn"
	case "length":
		return "max_tokens"
	case "tool_calls":
		return "tool_use"
	case "content_filter":
		return "refusal"
	default:
		return finish
	}
}

func anthropicSignature(x *exchange) string { return fmt.Sprintf("signature_imitated_%d", x.n) }

func anthropicCallID(x *exchange) string { return fmt.Sprintf("toolu_imitated_%d", x.n) }

// Stream.

func (anthropic) events(x *exchange) (opening, content, closing []event) {
	named := func(one anthropicEvent) event { return event{one.Type, one} }
	start, none, index := anthropicStart(x), "", 0
	opening = append(opening, named(anthropicEvent{Type: "message_start", Message: &start}), named(anthropicEvent{Type: "ping"}))
	begin := func(block anthropicBlock) {
		opening = append(opening, named(anthropicEvent{Type: "content_block_start", Index: new(index), Block: &block}))
	}
	piece := func(delta anthropicDelta) event {
		return named(anthropicEvent{Type: "content_block_delta", Index: new(index), Delta: &delta})
	}
	end := func() event { return named(anthropicEvent{Type: "content_block_stop", Index: new(index)}) }

	if x.behaviour.reasoning != "" {
		begin(anthropicBlock{Type: "thinking", Thinking: &none, Signature: &none})
		opening = append(opening,
			piece(anthropicDelta{Type: "thinking_delta", Thinking: x.behaviour.reasoning}),
			piece(anthropicDelta{Type: "signature_delta", Signature: anthropicSignature(x)}), end())
		index++
	}
	switch {
	case x.calls:
		begin(anthropicBlock{Type: "tool_use", ID: anthropicCallID(x), Name: x.behaviour.tool, Input: json.RawMessage("{}")})
	case x.text != "":
		begin(anthropicBlock{Type: "text", Text: &none})
	}
	for _, text := range x.pieces() {
		if x.calls {
			content = append(content, piece(anthropicDelta{Type: "input_json_delta", PartialJSON: text}))
		} else {
			content = append(content, piece(anthropicDelta{Type: "text_delta", Text: text}))
		}
	}
	if x.text != "" {
		closing = append(closing, end())
	}
	null := json.RawMessage("null")
	closing = append(closing,
		named(anthropicEvent{
			Type: "message_delta", Delta: &anthropicDelta{StopReason: anthropicStop(x), StopSequence: &null},
			Usage: anthropicUsed(x, countWords(x.text)),
		}),
		named(anthropicEvent{Type: "message_stop"}))
	return opening, content, closing
}

// Errors.

// anthropicErrors has the error of each status that Anthropic documents.
// https://docs.claude.com/en/api/errors
var anthropicErrors = map[int]anthropicError{
	400: {"invalid_request_error", "messages: Invalid value."},
	401: {"authentication_error", "invalid x-api-key"},
	402: {"billing_error", "There is an issue with your billing or payment information."},
	403: {"permission_error", "Your API key does not have permission to use the specified resource."},
	404: {"not_found_error", "model: not found"},
	413: {"request_too_large", "Request exceeds the maximum allowed number of bytes."},
	429: {"rate_limit_error", "This request would exceed your organization's rate limit."},
	500: {"api_error", "Internal server error"},
	504: {"timeout_error", "The request timed out while processing."},
	529: {"overloaded_error", "Overloaded"},
}

func (anthropic) statusError(status int) apiError {
	return apiError{Message: anthropicErrors[status].Message}
}

func (anthropic) errorBody(x *exchange, status int, problem apiError) any {
	kind := anthropicErrors[status].Type
	switch {
	case kind != "":
	case status >= 500:
		kind = "api_error"
	default:
		kind = "invalid_request_error"
	}
	return anthropicErrorBody{"error", anthropicError{kind, problem.Message}, x.requestID()}
}

func (f anthropic) brokenDocument(x *exchange, problem apiError) any {
	return f.errorBody(x, http.StatusInternalServerError, problem)
}

func (f anthropic) brokenEvents(x *exchange, problem apiError) []event {
	return []event{{"error", f.brokenDocument(x, problem)}}
}
