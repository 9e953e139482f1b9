package provider

import (
	"slices"
	"strconv"
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
	if !slices.Contains(e.adjusted, adjustment) {
		e.adjusted = append(e.adjusted, adjustment)
	}
}

// conversation writes the messages as turns. Neighbours of one role become one
// turn: the API joins them as well, other servers of this form refuse them.
func (e *anthropicEncoding) conversation(messages []Message) *Error {
	last := len(messages) - 1 // the one that is to be answered
	for last > 0 && (messages[last].Role == System || messages[last].Role == Developer) {
		last--
	}
	for i, message := range messages {
		if message.Name != "" {
			e.adjust("messages[].name", "dropped", "Anthropic's messages carry no names")
		}
		blocks := e.texts(message.Parts)
		if len(blocks) == 0 {
			if message.Role == User && i == last {
				return &Error{
					Kind:    InvalidRequest,
					Message: "messages[" + strconv.Itoa(i) + "].content: got nothing but white space, allowed: a text, since Anthropic refuses empty messages",
					Next:    "Write something in that message, or leave it out.",
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
			return &Error{Kind: InvalidRequest, Message: "messages: got nothing but white space, allowed: at least one message with a text"}
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
			Kind: InvalidRequest, Message: "messages: got one of the assistant as the last, allowed: one of the user, since " + e.wire.Model + " does not continue an answer begun for it",
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
		able := "a model that can"
		if _, _, ok := claudeVersion(e.wire.Model); ok {
			able = "Claude 4.1 or newer"
		}
		return &Error{
			Kind: InvalidRequest, Message: "response_format.type: got json_schema, to which " + e.wire.Model + " cannot be held, allowed: text, json_object",
			Next: "Choose " + able + ", or leave response_format out and describe the form in a message.",
		}
	}
	asked := json.Parse(format.JSONSchema)
	if asked.Get("description").Type == json.String {
		e.adjust("response_format.json_schema.description", "dropped", "Anthropic takes only the schema")
	}
	if asked.Get("strict").Type == json.False {
		e.adjust("response_format.json_schema.strict", "dropped", "Anthropic always keeps to the schema")
	}
	rewriting := anthropicSchema{}
	written := rewriting.append(nil, json.Parse(json.Compact([]byte(asked.Get("schema").Raw))), true, 0)
	if rewriting.moved {
		e.adjust("response_format.json_schema.schema", "moved", "Anthropic refuses bounds of numbers, texts and lists: they went into the descriptions")
	}
	if rewriting.added {
		e.adjust("response_format.json_schema.schema", "added", "Anthropic wants every object closed: with additionalProperties false")
	}
	e.wire.OutputConfig = &anthropicOutput{anthropicFormat{"json_schema", written}}
	return nil
}

// anthropicJSONSentence stands for json_object, which this form does not have.
const anthropicJSONSentence = "Respond with a single JSON object and nothing else: no words around it, no code fence."

// Decode.

func (anthropic) Decode(reply *Reply, delta func(text string)) (*Response, error) {
	return decode(reply, &anthropicAssembly{delta: delta})
}

// blank reports whether a text says nothing.
func blank(text string) bool { return strings.TrimSpace(text) == "" }
