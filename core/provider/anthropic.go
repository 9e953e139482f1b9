package provider

import (
	"bytes"
	"io"
	"strings"
	"unicode"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// anthropic is Anthropic's Messages API.
// https://platform.claude.com/docs/en/api/messages
type anthropic struct{}

// Wire types.

type anthropicRequest struct {
	Model         string           `json:"model"`
	MaxTokens     int64            `json:"max_tokens"`
	System        []anthropicText  `json:"system,omitempty"`
	Messages      []anthropicTurn  `json:"messages"`
	Temperature   *float64         `json:"temperature,omitempty"`
	TopP          *float64         `json:"top_p,omitempty"`
	StopSequences []string         `json:"stop_sequences,omitempty"`
	OutputConfig  *anthropicOutput `json:"output_config,omitempty"`
	Stream        bool             `json:"stream,omitempty"`
}

type anthropicTurn struct {
	Role    Role            `json:"role"`
	Content []anthropicText `json:"content"`
}

type anthropicText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type anthropicOutput struct {
	Format anthropicFormat `json:"format"`
}

type anthropicFormat struct {
	Type   string          `json:"type"`
	Schema json.RawMessage `json:"schema"`
}

// anthropicVersion is the API version where a row names none. It is the only
// one since 2023; what is new comes by beta headers.
const anthropicVersion = "2023-06-01"

// Encode.

func (anthropic) Encode(row *Row, request *Request) (HTTPRequest, []Adjustment, error) {
	e := anthropicEncoding{model: claudeOf(request.Model)}
	e.wire.Model, e.wire.Stream = request.Model, request.Stream
	if fault := e.conversation(request.Messages); fault != nil {
		return HTTPRequest{}, nil, fault
	}
	if fault := e.format(request.ResponseFormat); fault != nil {
		return HTTPRequest{}, nil, fault
	}
	e.length(request)
	e.sampling(request)
	for _, stop := range request.Stop {
		if blank(stop) {
			e.adjust("stop", "dropped", "Anthropic refuses stop sequences of nothing but white space")
			continue
		}
		e.wire.StopSequences = append(e.wire.StopSequences, stop)
	}
	body, err := json.Marshal(e.wire)
	if err != nil {
		return HTTPRequest{}, nil, &Error{Kind: InvalidRequest, Message: "the request cannot be written as JSON"}
	}
	version := row.Version
	if version == "" {
		version = anthropicVersion
	}
	return HTTPRequest{
		Method: "POST",
		URL:    row.at("/messages"),
		Header: append([]Field{{"content-type", "application/json"}, {"anthropic-version", version}}, row.Header...),
		Body:   body,
	}, e.adjusted, nil
}

// anthropicEncoding is one request while it is written.
type anthropicEncoding struct {
	model    claude
	wire     anthropicRequest
	adjusted []Adjustment
}

// adjust notes a deviation, once, however many messages share it.
func (e *anthropicEncoding) adjust(parameter, action, reason string) {
	adjustment := Adjustment{parameter, action, reason}
	for _, known := range e.adjusted {
		if known == adjustment {
			return
		}
	}
	e.adjusted = append(e.adjusted, adjustment)
}

// conversation writes the messages as turns. Neighbours of one role become one
// turn: the API joins them as well, other servers of this form refuse them.
func (e *anthropicEncoding) conversation(messages []Message) *Error {
	for i, message := range messages {
		if message.Name != "" {
			e.adjust("messages[].name", "dropped", "Anthropic's messages carry no names")
		}
		blocks := e.texts(message.Parts)
		if len(blocks) == 0 {
			if message.Role == User && i == len(messages)-1 {
				return &Error{
					Kind: InvalidRequest, Message: "the last message is empty, and Anthropic refuses empty messages",
					Next: "Write something in the last message, or leave it out.",
				}
			}
			continue
		}
		role := message.Role
		if role == System || role == Developer {
			if len(e.wire.Messages) == 0 {
				e.wire.System = append(e.wire.System, blocks...)
				continue
			}
			role = System
			if !e.model.systemTurns || !e.mayInstruct(messages[i+1:]) {
				role = User
				for i := range blocks {
					blocks[i].Text = "<system>" + blocks[i].Text + "</system>"
				}
				e.adjust("messages[].role", "renamed", e.wire.Model+" takes no system message at that place of a conversation: it went into the user's turn as <system> text")
			}
		}
		if last := len(e.wire.Messages) - 1; last >= 0 && e.wire.Messages[last].Role == role {
			e.wire.Messages[last].Content = append(e.wire.Messages[last].Content, blocks...)
		} else {
			e.wire.Messages = append(e.wire.Messages, anthropicTurn{role, blocks})
		}
	}
	if len(e.wire.Messages) == 0 {
		if len(e.wire.System) == 0 {
			return &Error{Kind: InvalidRequest, Message: "the messages hold no text", Next: "Send at least one message with text."}
		}
		e.wire.Messages = []anthropicTurn{{User, e.wire.System}}
		e.wire.System = nil
		e.adjust("messages[].role", "renamed", "Anthropic wants at least one message of a user: the system messages were sent as one")
	}
	return e.prefill()
}

// texts writes the parts that say something. Anthropic answers 400 to a block
// without text or of nothing but white space.
func (e *anthropicEncoding) texts(parts []Part) []anthropicText {
	blocks := make([]anthropicText, 0, len(parts))
	for _, part := range parts {
		if blank(part.Text) {
			e.adjust("messages[].content", "dropped", "Anthropic refuses empty text")
			continue
		}
		blocks = append(blocks, anthropicText{"text", part.Text})
	}
	return blocks
}

// mayInstruct reports whether a system turn may stand at the end of the turns
// written so far, before the messages that follow: it has to come right after
// a user's turn, and before an assistant's or at the end.
// https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages
func (e *anthropicEncoding) mayInstruct(follow []Message) bool {
	if e.wire.Messages[len(e.wire.Messages)-1].Role == Assistant {
		return false
	}
	for _, message := range follow {
		if message.Role == System || message.Role == Developer {
			continue // part of the same turn
		}
		for _, part := range message.Parts {
			if !blank(part.Text) {
				return message.Role == Assistant
			}
		}
	}
	return true
}

// prefill looks at a last turn of the assistant's, an answer begun for it.
func (e *anthropicEncoding) prefill() *Error {
	last := e.wire.Messages[len(e.wire.Messages)-1]
	if last.Role != Assistant {
		return nil
	}
	if !e.model.prefill {
		return &Error{
			Kind: InvalidRequest, Message: "the last message is the assistant's, and " + e.wire.Model + " does not continue an answer begun for it",
			Next: "End with a user's message, or choose a model up to Claude 4.5.",
		}
	}
	end := &last.Content[len(last.Content)-1].Text
	if trimmed := strings.TrimRightFunc(*end, unicode.IsSpace); trimmed != *end {
		*end = trimmed
		e.adjust("messages[].content", "clamped", "Anthropic refuses white space at the end of an answer begun for it")
	}
	return nil
}

// length decides max_tokens, which this form requires. What a caller left out
// is no deviation.
func (e *anthropicEncoding) length(request *Request) {
	if request.MaxTokens == nil {
		e.wire.MaxTokens = e.model.longest
		if !request.Stream {
			e.wire.MaxTokens = min(e.wire.MaxTokens, anthropicPlainLimit)
		}
		return
	}
	e.wire.MaxTokens = *request.MaxTokens
	if e.model.measured && e.wire.MaxTokens > e.model.longest {
		e.wire.MaxTokens = e.model.longest
		e.adjust("max_tokens", "clamped", e.wire.Model+" writes at most "+decimal(e.model.longest)+" tokens")
	}
}

// anthropicPlainLimit is the most tokens that are asked for in one document
// unless a caller names a number: what the vendor's SDKs expect to be written
// within ten minutes (3600 s × max_tokens / 128,000 ≤ 600 s).
const anthropicPlainLimit = 21_333

// sampling writes what the model takes of temperature, top_p and penalties.
func (e *anthropicEncoding) sampling(request *Request) {
	e.wire.Temperature, e.wire.TopP = request.Temperature, request.TopP
	if e.model.fixed {
		const reason = " takes no sampling parameters"
		if e.wire.Temperature != nil {
			e.adjust("temperature", "dropped", e.wire.Model+reason)
		}
		if e.wire.TopP != nil {
			e.adjust("top_p", "dropped", e.wire.Model+reason)
		}
		e.wire.Temperature, e.wire.TopP = nil, nil
	}
	if e.wire.Temperature != nil && *e.wire.Temperature > 1 {
		// Clamped, not divided: OpenAI's scale from 0 to 2 is not linear.
		limit := 1.0
		e.wire.Temperature = &limit
		e.adjust("temperature", "clamped", "Anthropic's temperature ends at 1")
	}
	if e.model.either && e.wire.Temperature != nil && e.wire.TopP != nil {
		e.wire.TopP = nil
		e.adjust("top_p", "dropped", e.wire.Model+" takes temperature or top_p, not both")
	}
	if request.FrequencyPenalty != nil {
		e.adjust("frequency_penalty", "dropped", "Anthropic has none")
	}
	if request.PresencePenalty != nil {
		e.adjust("presence_penalty", "dropped", "Anthropic has none")
	}
}

// format writes response_format.
func (e *anthropicEncoding) format(format *ResponseFormat) *Error {
	switch {
	case format == nil || format.Type == "text":
		return nil
	case format.Type == "json_object":
		e.wire.System = append(e.wire.System, anthropicText{"text", anthropicJSONSentence})
		e.adjust("response_format", "renamed", "Anthropic has no json_object: a sentence of the system prompt asks for JSON")
		return nil
	case !e.model.schemas:
		return &Error{
			Kind: InvalidRequest, Message: "response_format: " + e.wire.Model + " cannot be held to a json_schema",
			Next: "Choose Claude 4.5 or newer, or leave response_format out and describe the form in a message.",
		}
	}
	var schema json.Value
	if json.Valid(format.JSONSchema) {
		asked := json.Parse(format.JSONSchema)
		schema = asked.Get("schema")
		if asked.Get("description").Exists() {
			e.adjust("response_format.json_schema.description", "dropped", "Anthropic takes only the schema")
		}
	}
	if !schema.IsObject() {
		return &Error{Kind: InvalidRequest, Message: "response_format.json_schema.schema: it has to be a JSON schema, an object"}
	}
	given := json.Compact([]byte(schema.Raw))
	written := appendClosed(make([]byte, 0, len(given)+256), json.Parse(given), 0)
	if len(written) != len(given) {
		e.adjust("response_format.json_schema.schema", "clamped", "Anthropic wants every object closed: additionalProperties false was added")
	}
	e.wire.OutputConfig = &anthropicOutput{anthropicFormat{"json_schema", written}}
	return nil
}

// anthropicJSONSentence stands for json_object, which this form does not have.
const anthropicJSONSentence = "Respond with a single JSON object and nothing else: no words around it, no code fence."

// Decode.

func (anthropic) Decode(reply *Reply, delta func(text string)) (*Response, error) {
	if reply.Status < 200 || reply.Status > 299 {
		return nil, anthropicFault(readError(reply))
	}
	return decode(reply, delta, decodeAnthropicWhole, decodeAnthropicStream)
}

func decodeAnthropicWhole(reply *Reply, body []byte) (*Response, error) {
	value := json.Parse(body)
	if anthropicFailed(value) {
		return nil, anthropicFault(errorIn(reply, value))
	}
	whole := anthropicAssembly{done: true}
	if value.Get("content").IsArray() {
		whole.start(value)
		whole.stop(value)
	}
	response := whole.result()
	response.Raw = body
	if !whole.began {
		fault := reply.fault("the reply holds no answer: " + quote(body))
		fault.Next = wrongEndpoint
		return response, fault
	}
	return response, nil
}

func decodeAnthropicStream(reply *Reply, body io.Reader, delta func(string)) (*Response, error) {
	stream := eventStream{body: body}
	pieces := &anthropicAssembly{delta: delta}
	for !pieces.done {
		name, data, err := stream.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return pieces.result(), AsError(err)
		}
		data = bytes.TrimSpace(data)
		if len(data) == 0 || string(data) == "[DONE]" {
			continue // gateways add OpenAI's last line
		}
		if !json.Valid(data) {
			fault := reply.fault("a piece of the stream is not JSON: " + quote(data))
			fault.Retry = true
			return pieces.result(), fault
		}
		value := json.Parse(data)
		if string(name) == "error" || anthropicFailed(value) {
			return pieces.result(), anthropicFault(errorIn(reply, value))
		}
		pieces.add(value)
	}
	if !pieces.began || !pieces.done && pieces.stopReason == "" {
		// Half an answer must not look like a whole one. A stop_reason is as
		// good as a message_stop: it comes after all blocks and the usage.
		fault := reply.fault("the stream ended before the answer was finished")
		fault.Retry = true
		return pieces.result(), fault
	}
	return pieces.result(), nil
}

// Mappings.

// anthropicFinish maps a stop_reason. A cut or refused answer stays what it
// is, since its calls may be cut as well; pause_turn asks to send the answer
// back, and happens only with Anthropic's own tools.
func anthropicFinish(native string, calls bool) FinishReason {
	switch native {
	case "max_tokens", "model_context_window_exceeded":
		return FinishLength
	case "refusal":
		return FinishContentFilter
	case "tool_use":
		return FinishToolCalls
	}
	if calls {
		return FinishToolCalls
	}
	return FinishStop
}

// anthropicFailed finds an error that came with status 200, in a whole reply
// or in a stream. Compatible servers may leave the type out.
func anthropicFailed(value json.Value) bool {
	fault := value.Get("error")
	return text(value.Get("type")) == "error" || fault.IsObject() && fault.Raw != "{}" || text(fault) != ""
}

// anthropicFault mends the two cases in which neither status nor type tell the
// kind: older accounts without credit get a 400, and an error inside a stream
// has status 200.
func anthropicFault(fault *Error) *Error {
	switch {
	case fault.Code == "invalid_request_error" && strings.Contains(fault.Message, "credit balance is too low"):
		fault.Kind = Quota
	case fault.Code == "invalid_request_error" && fault.Kind == BadReply:
		fault.Kind = InvalidRequest
		if saysContextLength(fault.Message) {
			fault.Kind = ContextLength
		}
	}
	return fault
}

// blank reports whether a text says nothing.
func blank(text string) bool { return strings.TrimSpace(text) == "" }
