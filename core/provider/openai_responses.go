package provider

import (
	"strconv"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// openAIResponses is OpenAI's Responses API, which xAI, OpenRouter, DeepSeek
// and Azure have as well. Nothing is stored: each request brings the whole
// conversation, with the model's reasoning encrypted.
// https://platform.openai.com/docs/api-reference/responses
type openAIResponses struct{}

// Wire types.

type openAIResponsesRequest struct {
	Model             string                    `json:"model"`
	Input             []json.RawMessage         `json:"input"` // items of the types below
	Temperature       *float64                  `json:"temperature,omitempty"`
	TopP              *float64                  `json:"top_p,omitempty"`
	MaxOutputTokens   *int64                    `json:"max_output_tokens,omitempty"`
	TopLogprobs       *int64                    `json:"top_logprobs,omitempty"`
	Text              *openAIResponsesText      `json:"text,omitempty"`
	Tools             []openAIResponsesTool     `json:"tools,omitempty"`
	ToolChoice        any                       `json:"tool_choice,omitempty"` // a word, or an openAIResponsesChosen
	ParallelToolCalls *bool                     `json:"parallel_tool_calls,omitempty"`
	Reasoning         *openAIResponsesReasoning `json:"reasoning,omitempty"`
	Include           []string                  `json:"include,omitempty"`
	Store             bool                      `json:"store"` // else it is true
	Stream            bool                      `json:"stream,omitempty"`

	User               string          `json:"user,omitempty"`
	Metadata           json.RawMessage `json:"metadata,omitempty"`
	ServiceTier        string          `json:"service_tier,omitempty"`
	PromptCacheKey     string          `json:"prompt_cache_key,omitempty"`
	PromptCacheOptions json.RawMessage `json:"prompt_cache_options,omitempty"`
	Moderation         json.RawMessage `json:"moderation,omitempty"`
}

type openAIResponsesMessage struct {
	Type    string                `json:"type"` // message
	Role    Role                  `json:"role"`
	Content []openAIResponsesPart `json:"content"`
}

type openAIResponsesPart struct {
	Type     string  `json:"type"`
	Text     *string `json:"text,omitempty"`
	Refusal  string  `json:"refusal,omitempty"`
	ImageURL string  `json:"image_url,omitempty"`
	Detail   string  `json:"detail,omitempty"`
	FileData string  `json:"file_data,omitempty"`
	FileURL  string  `json:"file_url,omitempty"`
	FileID   string  `json:"file_id,omitempty"`
	Filename string  `json:"filename,omitempty"`
}

// openAIResponsesCall is a call without the id of its item (fc_...), under
// which a server looks for what it stored.
type openAIResponsesCall struct {
	Type      string  `json:"type"` // function_call or custom_tool_call
	CallID    string  `json:"call_id"`
	Name      string  `json:"name"`
	Arguments *string `json:"arguments,omitempty"`
	Input     *string `json:"input,omitempty"` // of a custom tool
}

type openAIResponsesOutput struct {
	Type   string `json:"type"` // function_call_output or custom_tool_call_output
	CallID string `json:"call_id"`
	Output any    `json:"output"` // a string, or []openAIResponsesPart
}

type openAIResponsesTool struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters"`
	Strict      bool            `json:"strict"`
}

type openAIResponsesChosen struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

type openAIResponsesAllowed struct {
	Type  string                  `json:"type"` // allowed_tools
	Mode  string                  `json:"mode"`
	Tools []openAIResponsesChosen `json:"tools"`
}

type openAIResponsesText struct {
	Format    json.RawMessage `json:"format,omitempty"`
	Verbosity string          `json:"verbosity,omitempty"`
}

type openAIResponsesReasoning struct {
	Effort  string `json:"effort"`
	Summary string `json:"summary,omitempty"`
}

// openAIResponsesFewest is the least that max_output_tokens may be.
const openAIResponsesFewest = 16

// openAIResponsesLacks are the parameters that this form does not have.
var openAIResponsesLacks = []string{
	"top_k", "logit_bias", "frequency_penalty", "presence_penalty", "stop", "cache_control",
	"modalities", "audio", "prediction", "web_search_options",
}

// openAIResponsesCallID is the longest id of a call.
const openAIResponsesCallID = 64

// Encode.

func (openAIResponses) Encode(row *Row, request *Request) (HTTPRequest, []Adjustment, error) {
	e := openAIResponsesEncoding{row: row, ids: newCallIDs(), custom: map[string]bool{}}
	if row.has(OpenAIModels) {
		e.model = openAIModelOf(request.Model)
	} else {
		e.model = openAIModel{reasons: true} // for all that is known
	}
	if row.Form != "openai-responses" {
		if fault := e.moved(request); fault != nil {
			return HTTPRequest{}, nil, fault
		}
	}
	request, fault := row.fit("the Responses API", openAIResponsesLacks, request, &e.adjusted)
	if fault == nil {
		fault = e.without(request)
	}
	if fault != nil {
		return HTTPRequest{}, nil, fault
	}
	e.wire = openAIResponsesRequest{
		Model:              request.Model,
		Temperature:        request.Temperature,
		TopP:               request.TopP,
		ParallelToolCalls:  request.ParallelToolCalls,
		Store:              is(request.Store),
		Stream:             request.Stream,
		User:               request.User,
		Metadata:           request.Metadata,
		ServiceTier:        request.ServiceTier,
		PromptCacheKey:     request.PromptCacheKey,
		PromptCacheOptions: request.PromptCacheOptions,
		Moderation:         request.Moderation,
	}
	if fault := e.conversation(request.Messages); fault != nil {
		return HTTPRequest{}, nil, fault
	}
	e.tools(request)
	e.length(request)
	e.reasoning(request)
	if fault := e.logprobs(request); fault != nil {
		return HTTPRequest{}, nil, fault
	}
	e.text(request)
	e.model.fitSampling(request, e.wire.Reasoning.effort(), row, []samplingParameter{
		{"temperature", &e.wire.Temperature, 1}, {"top_p", &e.wire.TopP, 1},
	}, &e.adjusted)
	below := *row
	if base, deployment, classic := row.azureClassic(); classic {
		// What is called there by its deployment's path goes by its name here.
		below.Endpoint = base + "/openai/v1"
		if deployment != "" {
			e.adjusted.deployment(deployment, request.Model)
			e.wire.Model = deployment
		}
	}
	http, err := post(&below, "/responses", e.wire, request.Extra)
	return http, e.adjusted, err
}

// openAIResponsesEncoding is one request while it is written.
type openAIResponsesEncoding struct {
	row      *Row
	model    openAIModel
	wire     openAIResponsesRequest
	ids      *callIDs
	custom   map[string]bool // ids of calls of custom tools
	adjusted adjustments
}

// without deals with what this form does not have.
func (e *openAIResponsesEncoding) without(request *Request) *Error {
	if request.N != nil && *request.N > 1 {
		return &Error{
			Kind: InvalidRequest, Message: "n: got " + decimal(*request.N) + ", allowed: 1, since the Responses API gives one answer",
			Next: "Ask once for each answer.",
		}
	}
	if request.Seed != nil {
		e.adjusted.note("seed", "dropped", "the Responses API has none")
	}
	return nil
}

// conversation writes the messages as items. System messages stay items where
// they stand: so several stay several, one in the middle needs no other way
// than one in front, a conversation of nothing else has an input, and no server
// of this form is asked for `instructions`, which not all of them take.
func (e *openAIResponsesEncoding) conversation(messages []Message) *Error {
	for i, message := range messages {
		path := "messages[" + strconv.Itoa(i) + "].content"
		role := message.Role
		switch speaks := role == Developer || role == System; {
		case speaks && e.model.noSystem:
			role = User
			e.adjusted.note("messages[].role", "renamed", e.wire.Model+" takes no system or developer messages: they went as the user's")
		case role == Developer && !e.row.has(DeveloperRole):
			role = System
			e.adjusted.note("messages[].role", "renamed", "developer is OpenAI's own role: it went as system")
		}
		if message.Name != "" {
			e.adjusted.note("messages[].name", "dropped", "messages of the Responses API carry no names")
		}
		content, fault := e.content(path, role, e.adjusted.silenced(message, "the Responses API"))
		if fault != nil {
			return fault
		}
		switch role {
		case RoleTool:
			kind := "function_call_output"
			if e.custom[message.ToolCallID] {
				kind = "custom_tool_call_output"
			}
			e.item(openAIResponsesOutput{kind, e.callID(message.ToolCallID), toolOutput(content)})
		case Assistant:
			e.turn(message, content)
		default:
			e.item(openAIResponsesMessage{"message", role, content})
		}
	}
	if len(e.wire.Input) == 0 {
		return &Error{Kind: InvalidRequest, Message: "messages: got nothing that could be sent, allowed: at least one message with content"}
	}
	return nil
}

// item adds one item of the input.
func (e *openAIResponsesEncoding) item(item any) {
	if raw, err := json.Marshal(item); err == nil {
		e.wire.Input = append(e.wire.Input, raw)
	}
}

func (e *openAIResponsesEncoding) call(call ToolCall) {
	item := openAIResponsesCall{Type: "function_call", CallID: e.callID(call.ID)}
	if call.ExtraContent != nil {
		e.adjusted.note("messages[].tool_calls[].extra_content", "dropped", "it is another API's")
	}
	switch {
	case call.Function != nil:
		item.Name, item.Arguments = call.Function.Name, &call.Function.Arguments
	case call.Custom != nil:
		e.custom[call.ID] = true
		item.Type, item.Name, item.Input = "custom_tool_call", call.Custom.Name, &call.Custom.Input
	}
	e.item(item)
}

func (e *openAIResponsesEncoding) callID(id string) string {
	if len(id) <= openAIResponsesCallID {
		return id
	}
	return e.ids.plain(id, openAIResponsesCallID)
}

// toolOutput is a tool's result: a lone text as a string, which every server
// of this form takes.
func toolOutput(content []openAIResponsesPart) any {
	switch {
	case len(content) == 0:
		return ""
	case len(content) == 1 && content[0].Text != nil:
		return *content[0].Text
	}
	return content
}

// content writes a message's parts.
func (e *openAIResponsesEncoding) content(path string, role Role, parts []Part) ([]openAIResponsesPart, *Error) {
	list := make([]openAIResponsesPart, 0, len(parts))
	for i, part := range parts {
		if part.CacheControl != nil {
			e.adjusted.note("messages[].content[].cache_control", "dropped", "the Responses API caches by itself")
		}
		refuse := func(allowed string) *Error {
			return &Error{
				Kind:    InvalidRequest,
				Message: path + "[" + strconv.Itoa(i) + "].type: got " + string(part.Type) + ", allowed: " + allowed,
				Next:    "Choose a model that takes it, or leave it out.",
			}
		}
		wire := openAIResponsesPart{Type: "input_text", Text: &part.Text}
		switch {
		case part.Type == TextPart && role == Assistant:
			wire.Type = "output_text"
		case part.Type == TextPart, part.Type == RefusalPart && role != Assistant:
		case part.Type == RefusalPart:
			wire = openAIResponsesPart{Type: "refusal", Refusal: part.Text}
		case role == Assistant:
			return nil, refuse("text and refusal in an assistant's message")
		case e.row.has(TextOnly):
			return nil, refuse("text, since " + e.row.Name + " takes nothing else")
		case part.Type == ImagePart:
			wire = openAIResponsesPart{Type: "input_image", ImageURL: part.Media.DataURL(), Detail: part.Media.Detail}
		case part.Type == FilePart:
			wire = e.file(part.Media)
		default:
			return nil, refuse("text, image_url and file on the Responses API")
		}
		list = append(list, wire)
	}
	return list, nil
}

func (e *openAIResponsesEncoding) file(media Media) openAIResponsesPart {
	file := openAIResponsesPart{Type: "input_file"}
	switch {
	case media.ID != "":
		file.FileID = media.ID
	case media.URL != "":
		file.FileURL = media.URL
	default:
		file.FileData, file.Filename = media.DataURL(), media.Filename
		if file.Filename == "" {
			file.Filename = media.anyName()
			e.adjusted.note("messages[].content[].file.filename", "added", "the Responses API wants one")
		}
	}
	return file
}

// tools writes the tools and the choice among them.
func (e *openAIResponsesEncoding) tools(request *Request) {
	if !e.row.has(OpenAIModels) {
		request = request.allowedTools(&e.adjusted)
	}
	for _, tool := range request.Tools {
		// Without strict, schemas are rewritten: optional properties become required.
		wire := openAIResponsesTool{"function", tool.Name, tool.Description, tool.Parameters, tool.Strict != nil && *tool.Strict}
		if len(wire.Parameters) == 0 {
			wire.Parameters = json.RawMessage(`{"type":"object","properties":{},"additionalProperties":false}`)
		}
		if tool.CacheControl != nil {
			e.adjusted.note("tools[].cache_control", "dropped", "the Responses API caches by itself")
		}
		e.wire.Tools = append(e.wire.Tools, wire)
	}
	if e.wire.ParallelToolCalls != nil && len(e.wire.Tools) == 0 {
		e.wire.ParallelToolCalls = nil
		e.adjusted.note("parallel_tool_calls", "dropped", "there are no tools")
	}
	switch choice := request.ToolChoice; {
	case choice == nil:
	case choice.Mode == "function":
		e.wire.ToolChoice = openAIResponsesChosen{"function", choice.Name}
	case choice.Allowed != nil:
		allowed := openAIResponsesAllowed{Type: "allowed_tools", Mode: choice.Mode}
		for _, name := range choice.Allowed {
			allowed.Tools = append(allowed.Tools, openAIResponsesChosen{"function", name})
		}
		e.wire.ToolChoice = allowed
	default:
		e.wire.ToolChoice = choice.Mode
	}
}

// length writes max_tokens.
func (e *openAIResponsesEncoding) length(request *Request) {
	most, name := request.most(&e.adjusted)
	if most == nil {
		return
	}
	e.wire.MaxOutputTokens = most
	e.adjusted.note(name, "renamed", "the Responses API calls it max_output_tokens")
	if *most < openAIResponsesFewest {
		fewest := int64(openAIResponsesFewest)
		e.wire.MaxOutputTokens = &fewest
		e.adjusted.note(name, "clamped", "the Responses API wants at least "+decimal(fewest))
	}
}

// reasoning writes the effort, asks for the summary that goes with it, and for
// the state that lets the next request go on with the same thoughts.
func (e *openAIResponsesEncoding) reasoning(request *Request) {
	effort := e.model.effort(request.ReasoningEffort, e.wire.Model, &e.adjusted)
	if !e.model.reasons {
		return // "Encrypted content is not supported with this model."
	}
	if !e.row.has(NoEncryptedReasoning) {
		e.wire.Include = append(e.wire.Include, "reasoning.encrypted_content")
	}
	if effort == "" {
		return
	}
	e.wire.Reasoning = &openAIResponsesReasoning{Effort: effort}
	if effort != "none" && !e.row.has(NoReasoningSummary) && !request.adds("reasoning.summary") {
		e.wire.Reasoning.Summary = "auto"
	}
}

// effort is what was asked for, or "".
func (r *openAIResponsesReasoning) effort() string {
	if r == nil {
		return ""
	}
	return r.Effort
}

func (e *openAIResponsesEncoding) logprobs(request *Request) *Error {
	if name, _, _ := request.probabilities(); name == "" {
		return nil
	}
	e.wire.Include = append(e.wire.Include, "message.output_text.logprobs")
	e.wire.TopLogprobs = request.TopLogprobs
	return e.model.refusesProbabilities(request, e.wire.Reasoning.effort(), e.row)
}

// text writes verbosity and response_format.
func (e *openAIResponsesEncoding) text(request *Request) {
	said := openAIResponsesText{Verbosity: request.Verbosity}
	if request.Verbosity != "" {
		e.adjusted.note("verbosity", "renamed", "the Responses API calls it text.verbosity")
	}
	if format := request.ResponseFormat; format != nil {
		said.Format = e.format(format)
		if format.Type == "json_object" && e.row.has(JSONWord) && !request.saysJSON() {
			rest := e.wire.Input
			e.wire.Input = nil
			sentence := jsonSentence
			e.item(openAIResponsesMessage{"message", System, []openAIResponsesPart{{Type: "input_text", Text: &sentence}}})
			e.wire.Input = append(e.wire.Input, rest...)
			e.adjusted.note("messages", "added", "OpenAI wants to read of JSON where response_format is json_object: a system message asks for it")
		}
	}
	if said.Verbosity != "" || said.Format != nil {
		e.wire.Text = &said
	}
}

// format writes response_format, whose json_schema is flat here.
func (e *openAIResponsesEncoding) format(format *ResponseFormat) json.RawMessage {
	if format.Type != "json_schema" {
		return json.RawMessage(`{"type":"` + format.Type + `"}`)
	}
	flat := []byte(`{"type":"json_schema"`)
	asked := json.Parse(format.JSONSchema)
	if !asked.Get("name").Exists() {
		flat = append(flat, `,"name":"answer"`...)
		e.adjusted.note("response_format.json_schema.name", "added", "the Responses API wants one")
	}
	asked.ForEach(func(key, value json.Value) bool {
		flat = append(append(append(append(flat, ','), key.Raw...), ':'), value.Raw...)
		return true
	})
	return append(flat, '}')
}

// Decode.

func (openAIResponses) Decode(reply *Reply, delta func(text string)) (*Response, error) {
	return decode(reply, &responsesAssembly{delta: delta})
}
