package provider

import (
	"cmp"
	"math"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// anthropic is Anthropic's Messages API.
// https://platform.claude.com/docs/en/api/messages
type anthropic struct{}

// Wire types.

type anthropicRequest struct {
	Model         string               `json:"model"`
	MaxTokens     int64                `json:"max_tokens"`
	System        []*anthropicContent  `json:"system,omitempty"`
	Messages      []anthropicTurn      `json:"messages"`
	Tools         []anthropicTool      `json:"tools,omitempty"`
	ToolChoice    *anthropicToolChoice `json:"tool_choice,omitempty"`
	Thinking      *anthropicThinking   `json:"thinking,omitempty"`
	Temperature   *float64             `json:"temperature,omitempty"`
	TopP          *float64             `json:"top_p,omitempty"`
	TopK          *int64               `json:"top_k,omitempty"`
	StopSequences []string             `json:"stop_sequences,omitempty"`
	OutputConfig  *anthropicOutput     `json:"output_config,omitempty"`
	Metadata      *anthropicMetadata   `json:"metadata,omitempty"`
	ServiceTier   string               `json:"service_tier,omitempty"` // auto or standard_only
	CacheControl  json.RawMessage      `json:"cache_control,omitempty"`
	Stream        bool                 `json:"stream,omitempty"`
}

type anthropicMetadata struct {
	UserID string `json:"user_id"`
}

type anthropicTurn struct {
	Role Role `json:"role"`
	// Content is of *anthropicContent, and of thoughts as they came.
	Content []any `json:"content"`
}

// anthropicContent is a block of the request: its type says which fields it has.
type anthropicContent struct {
	Type         string              `json:"type"`
	Text         string              `json:"text,omitempty"`
	Source       *anthropicSource    `json:"source,omitempty"` // of image and document
	Title        string              `json:"title,omitempty"`  // of document
	ID           string              `json:"id,omitempty"`     // of tool_use
	Name         string              `json:"name,omitempty"`
	Input        json.RawMessage     `json:"input,omitempty"`
	ToolUseID    string              `json:"tool_use_id,omitempty"` // of tool_result
	Content      []*anthropicContent `json:"content,omitempty"`
	CacheControl json.RawMessage     `json:"cache_control,omitempty"`
}

type anthropicSource struct {
	Type      string `json:"type"` // base64, text, url or file
	MediaType string `json:"media_type,omitempty"`
	Data      string `json:"data,omitempty"`
	URL       string `json:"url,omitempty"`
	FileID    string `json:"file_id,omitempty"`
}

type anthropicTool struct {
	Name         string          `json:"name"`
	Description  string          `json:"description,omitempty"`
	InputSchema  json.RawMessage `json:"input_schema"`
	Strict       bool            `json:"strict,omitempty"`
	CacheControl json.RawMessage `json:"cache_control,omitempty"`
}

type anthropicToolChoice struct {
	Type                   string `json:"type"` // auto, none, any or tool
	Name                   string `json:"name,omitempty"`
	DisableParallelToolUse bool   `json:"disable_parallel_tool_use,omitempty"`
}

type anthropicThinking struct {
	Type         string `json:"type"` // adaptive, enabled, disabled or between_tools
	BudgetTokens int64  `json:"budget_tokens,omitempty"`
	Display      string `json:"display,omitempty"`
}

type anthropicOutput struct {
	Effort string           `json:"effort,omitempty"`
	Format *anthropicFormat `json:"format,omitempty"`
}

type anthropicFormat struct {
	Type   string          `json:"type"`
	Schema json.RawMessage `json:"schema"`
}

// anthropicVersion is the API version where a row names none. It is the only
// one since 2023; what is new comes by beta headers.
const anthropicVersion = "2023-06-01"

// The betas that a request may need.
const (
	anthropicInterleaved = "interleaved-thinking-2025-05-14"
	anthropicFiles       = "files-api-2025-04-14"
)

// Encode.

func (anthropic) Encode(row *Row, request *Request) (HTTPRequest, []Adjustment, error) {
	e := anthropicEncoding{model: claudeOf(request.Model), ids: newCallIDs()}
	e.wire.Model, e.wire.Stream, e.wire.CacheControl = request.Model, request.Stream, request.CacheControl
	request, fault := row.fit("Anthropic", anthropicLacks, request, &e.adjusted)
	if fault != nil {
		return HTTPRequest{}, nil, fault
	}
	request = request.allowedTools(&e.adjusted)
	for _, write := range []func(*Request) *Error{e.refusals, e.conversation, e.tools, e.format} {
		if fault := write(request); fault != nil {
			return HTTPRequest{}, nil, fault
		}
	}
	e.thinking(request)
	e.account(request)
	e.length(request)
	e.sampling(request)
	for _, stop := range request.Stop {
		if blank(stop) {
			e.adjusted.note("stop", "dropped", "Anthropic refuses stop sequences of nothing but white space")
			continue
		}
		e.wire.StopSequences = append(e.wire.StopSequences, stop)
	}
	e.breakpoints()
	http, err := post(e.betas(row), "/messages", e.wire, request.Extra, Field{"anthropic-version", cmp.Or(row.Version, anthropicVersion)})
	return http, e.adjusted, err
}

// anthropicEncoding is one request while it is written.
type anthropicEncoding struct {
	model    claude
	ids      *callIDs
	wire     anthropicRequest
	beta     []string // what the header anthropic-beta has to name
	adjusted adjustments
}

// refusals are what this form cannot say, and what it would not be the same
// request without.
func (e *anthropicEncoding) refusals(request *Request) *Error {
	if request.N != nil && *request.N > 1 {
		return &Error{
			Kind: InvalidRequest, Message: "n: got " + decimal(*request.N) + ", allowed: 1, since Anthropic gives one answer",
			Next: "Ask several times, or choose another provider.",
		}
	}
	if name, given, none := request.probabilities(); name != "" {
		return &Error{
			Kind: InvalidRequest, Message: name + ": got " + given + ", allowed: " + none + ", since Anthropic gives none",
			Next: "Leave it out, or choose another provider.",
		}
	}
	if request.Seed != nil {
		e.adjusted.note("seed", "dropped", "Anthropic has none")
	}
	return nil
}

// anthropicLacks are the parameters that this form does not have.
var anthropicLacks = []string{
	"logit_bias", "frequency_penalty", "presence_penalty", "verbosity", "metadata", "store", "prompt_cache_key",
	"prompt_cache_options", "modalities", "audio", "prediction", "web_search_options", "moderation",
}

// account writes who asks, and how soon the answer shall come.
func (e *anthropicEncoding) account(request *Request) {
	if request.User != "" {
		e.wire.Metadata = &anthropicMetadata{request.User}
		e.adjusted.note("user", "renamed", "Anthropic calls it metadata.user_id")
	}
	switch tier := request.ServiceTier; tier {
	case "", "auto", "standard_only":
		e.wire.ServiceTier = tier
	case "default":
		e.wire.ServiceTier = "standard_only"
		e.adjusted.note("service_tier", "renamed", "Anthropic calls default standard_only")
	default:
		e.adjusted.note("service_tier", "dropped", "Anthropic knows auto and default, not "+tier)
	}
}

// betas is the row with the betas that this request needs beside its own.
func (e *anthropicEncoding) betas(row *Row) *Row {
	if len(e.beta) == 0 {
		return row
	}
	with, field := *row, Field{"anthropic-beta", strings.Join(e.beta, ",")}
	with.Header = nil
	for _, known := range row.Header {
		if known.Name == field.Name { // one field, since a second may not be read
			field.Value = known.Value + "," + field.Value
			continue
		}
		with.Header = append(with.Header, known)
	}
	with.Header = append(with.Header, field)
	return &with
}

// length decides max_tokens, which this form requires, and which counts
// thoughts as well. What a caller left out is no deviation.
func (e *anthropicEncoding) length(request *Request) {
	limit := int64(math.MaxInt64)
	if e.model.measured {
		limit = e.model.longest
	}
	var budget int64
	if e.wire.Thinking != nil {
		budget = e.wire.Thinking.BudgetTokens
	}
	most, name := request.most(&e.adjusted)
	if most == nil {
		e.wire.MaxTokens = e.model.longest
		if !request.Stream {
			e.wire.MaxTokens = min(e.wire.MaxTokens, anthropicPlainLimit)
		}
		if budget > 0 {
			e.wire.MaxTokens = min(max(e.wire.MaxTokens, budget+anthropicAnswerRoom), limit)
		}
	} else {
		e.wire.MaxTokens = *most
		if name != "max_tokens" {
			e.adjusted.note(name, "renamed", "Anthropic calls it max_tokens")
		}
		if e.wire.MaxTokens > limit {
			e.adjusted.note(name, "clamped", e.wire.Model+" writes at most "+decimal(limit)+" tokens")
		} else if budget > 0 {
			e.adjusted.note(name, "added", "Anthropic counts thoughts as well: it was raised by their budget of "+decimal(budget)+" tokens, up to the model's limit")
		}
		e.wire.MaxTokens = min(e.wire.MaxTokens+budget, limit)
	}
	if budget >= e.wire.MaxTokens {
		e.wire.Thinking.BudgetTokens = e.wire.MaxTokens - 1 // it has to be less
	}
}

// anthropicAnswerRoom is what an answer has beside a large budget for thoughts.
const anthropicAnswerRoom = 4096

// anthropicPlainLimit is the most tokens that are asked for in one document
// unless a caller names a number: what the vendor's SDKs expect to be written
// within ten minutes (3600 s × max_tokens / 128,000 ≤ 600 s).
const anthropicPlainLimit = 21_333

// sampling writes what the model takes of temperature, top_p and top_k.
func (e *anthropicEncoding) sampling(request *Request) {
	e.wire.Temperature, e.wire.TopP, e.wire.TopK = request.Temperature, request.TopP, request.TopK
	if e.model.fixed {
		const reason = " takes no sampling parameters"
		if e.wire.Temperature != nil {
			e.adjusted.note("temperature", "dropped", e.wire.Model+reason)
		}
		if e.wire.TopP != nil {
			e.adjusted.note("top_p", "dropped", e.wire.Model+reason)
		}
		if e.wire.TopK != nil {
			e.adjusted.note("top_k", "dropped", e.wire.Model+reason)
		}
		e.wire.Temperature, e.wire.TopP, e.wire.TopK = nil, nil, nil
	}
	if thinking := e.wire.Thinking; thinking != nil && (thinking.Type == "enabled" || thinking.Type == "adaptive") {
		if e.wire.Temperature != nil && *e.wire.Temperature != 1 {
			e.wire.Temperature = nil
			e.adjusted.note("temperature", "dropped", "Anthropic takes only 1 where the model thinks")
		}
		if e.wire.TopK != nil {
			e.wire.TopK = nil
			e.adjusted.note("top_k", "dropped", "Anthropic takes none where the model thinks")
		}
		if lowest := 0.95; e.wire.TopP != nil && *e.wire.TopP < lowest {
			e.wire.TopP = &lowest
			e.adjusted.note("top_p", "clamped", "Anthropic takes 0.95 to 1 where the model thinks")
		}
	}
	if e.wire.Temperature != nil && *e.wire.Temperature > 1 {
		// Clamped, not divided: OpenAI's scale from 0 to 2 is not linear.
		limit := 1.0
		e.wire.Temperature = &limit
		e.adjusted.note("temperature", "clamped", "Anthropic's temperature ends at 1")
	}
	if e.model.either && e.wire.Temperature != nil && e.wire.TopP != nil {
		e.wire.TopP = nil
		e.adjusted.note("top_p", "dropped", e.wire.Model+" takes temperature or top_p, not both")
	}
}

// format writes response_format.
func (e *anthropicEncoding) format(request *Request) *Error {
	format := request.ResponseFormat
	switch {
	case format == nil || format.Type == "text":
		return nil
	case format.Type == "json_object":
		e.wire.System = append(e.wire.System, &anthropicContent{Type: "text", Text: jsonSentence})
		e.adjusted.note("response_format", "renamed", "Anthropic has no json_object: a sentence of the system prompt asks for JSON")
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
	if e.begun() {
		// The vendor's page on structured outputs, and agno#5582.
		return &Error{
			Kind: InvalidRequest, Message: "response_format.type: got json_schema beside a last message of the assistant, allowed: text, json_object, since Anthropic holds no answer to a schema that was begun for it",
			Next: "End with a user's message, or leave response_format out.",
		}
	}
	asked := json.Parse(format.JSONSchema)
	if asked.Get("description").Type == json.String {
		e.adjusted.note("response_format.json_schema.description", "dropped", "Anthropic takes only the schema")
	}
	if asked.Get("strict").Type == json.False {
		e.adjusted.note("response_format.json_schema.strict", "dropped", "Anthropic always keeps to the schema")
	}
	if schema := asked.Get("schema"); circular(schema, schema, nil, map[string]bool{}, false, 0) {
		return &Error{
			Kind: InvalidRequest, Message: "response_format.json_schema.schema: got a schema that refers to itself, allowed: $ref without a circle, since Anthropic takes no other",
			Next: "Write the levels out, or choose another provider.",
		}
	}
	rewriting := anthropicSchema{}
	written := rewriting.append(nil, json.Parse(json.Compact([]byte(asked.Get("schema").Raw))), true, 0)
	if rewriting.unnamed {
		return &Error{
			Kind: InvalidRequest, Message: "response_format.json_schema.schema: got an object with additionalProperties and without properties, allowed: additionalProperties false, since Anthropic holds a model to properties that have names",
			Next: "Name the properties, or make a list of objects with a key and a value, or choose another provider.",
		}
	}
	if rewriting.closed {
		e.adjusted.note("response_format.json_schema.schema", "clamped", "Anthropic takes additionalProperties false only: no property may come that has no name there")
	}
	if rewriting.moved {
		e.adjusted.note("response_format.json_schema.schema", "moved", "Anthropic refuses bounds of numbers, texts and lists: they went into the descriptions")
	}
	if rewriting.added {
		e.adjusted.note("response_format.json_schema.schema", "added", "Anthropic wants every object closed: with additionalProperties false")
	}
	e.wire.OutputConfig = &anthropicOutput{Format: &anthropicFormat{"json_schema", written}}
	return nil
}

// Decode.

func (anthropic) Decode(reply *Reply, delta func(text string)) (*Response, error) {
	return decode(reply, &anthropicAssembly{delta: delta})
}

// blank reports whether a text says nothing.
func blank(text string) bool { return strings.TrimSpace(text) == "" }
