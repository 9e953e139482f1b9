package provider

import (
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
	Seed                *int64                `json:"seed,omitempty"`
	RandomSeed          *int64                `json:"random_seed,omitempty"` // Mistral's name
	N                   *int64                `json:"n,omitempty"`
	Logprobs            *bool                 `json:"logprobs,omitempty"`
	TopLogprobs         *int64                `json:"top_logprobs,omitempty"`
	ResponseFormat      *openAIResponseFormat `json:"response_format,omitempty"`
	Tools               []openAIChatTool      `json:"tools,omitempty"`
	ToolChoice          any                   `json:"tool_choice,omitempty"` // a word, or an openAIChatToolChoice
	ParallelToolCalls   *bool                 `json:"parallel_tool_calls,omitempty"`
	ReasoningEffort     string                `json:"reasoning_effort,omitempty"`
	Reasoning           *openAIChatReasoning  `json:"reasoning,omitempty"` // OpenRouter's form of it
	Thinking            *openAIChatThinking   `json:"thinking,omitempty"`  // DeepSeek's
	Stream              bool                  `json:"stream,omitempty"`
	StreamOptions       *openAIStreamOptions  `json:"stream_options,omitempty"`
}

type openAIChatMessage struct {
	Role             Role              `json:"role"`
	Content          any               `json:"content"` // a string, []openAIChatPart, or null beside calls
	Name             string            `json:"name,omitempty"`
	ToolCalls        []ToolCall        `json:"tool_calls,omitempty"`
	ToolCallID       string            `json:"tool_call_id,omitempty"`
	ReasoningContent string            `json:"reasoning_content,omitempty"`
	ReasoningDetails []json.RawMessage `json:"reasoning_details,omitempty"`
}

type openAIChatPart struct {
	Type         PartType        `json:"type"`
	Text         string          `json:"text,omitempty"`
	Refusal      string          `json:"refusal,omitempty"`
	ImageURL     *openAIChatURL  `json:"image_url,omitempty"`
	VideoURL     *openAIChatURL  `json:"video_url,omitempty"`
	InputAudio   *openAIAudio    `json:"input_audio,omitempty"`
	File         *openAIChatFile `json:"file,omitempty"`
	CacheControl json.RawMessage `json:"cache_control,omitempty"`
}

type openAIChatURL struct {
	URL    string `json:"url"`
	Detail string `json:"detail,omitempty"`
}

type openAIAudio struct {
	Data   string `json:"data"`
	Format string `json:"format"`
}

type openAIChatFile struct {
	FileData string `json:"file_data,omitempty"`
	FileID   string `json:"file_id,omitempty"`
	Filename string `json:"filename,omitempty"`
}

type openAIChatTool struct {
	Type         string             `json:"type"`
	Function     openAIChatFunction `json:"function"`
	CacheControl json.RawMessage    `json:"cache_control,omitempty"`
}

type openAIChatFunction struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	Strict      *bool           `json:"strict,omitempty"`
}

type openAIChatToolChoice struct {
	Type     string               `json:"type"`
	Function openAIChatChosenTool `json:"function"`
}

type openAIChatChosenTool struct {
	Name string `json:"name"`
}

type openAIResponseFormat struct {
	Type       string          `json:"type"`
	JSONSchema json.RawMessage `json:"json_schema,omitempty"`
}

type openAIChatReasoning struct {
	Effort string `json:"effort"`
}

type openAIChatThinking struct {
	Type string `json:"type"`
}

type openAIStreamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// Encode.

func (openAIChat) Encode(row *Row, request *Request) (HTTPRequest, []Adjustment, error) {
	e := openAIChatEncoding{row: row}
	e.wire = openAIChatRequest{
		Model:             request.Model,
		Temperature:       request.Temperature,
		TopP:              request.TopP,
		FrequencyPenalty:  request.FrequencyPenalty,
		PresencePenalty:   request.PresencePenalty,
		Stop:              request.Stop,
		N:                 request.N,
		ParallelToolCalls: request.ParallelToolCalls,
		Stream:            request.Stream,
	}
	if err := e.conversation(request.Messages); err != nil {
		return HTTPRequest{}, nil, err
	}
	e.tools(request)
	e.names(request)
	if err := e.format(request.ResponseFormat); err != nil {
		return HTTPRequest{}, nil, err
	}
	if row.has(OpenAIModels) {
		openAIModelOf(request.Model).fit(request, row, &e.wire, &e.adjusted)
	}
	if _, deployment, classic := row.azureClassic(); classic && deployment != "" {
		e.adjusted.deployment(deployment, request.Model)
	}
	if request.Stream && !row.has(NoStreamOptions) && !row.olderThan(azureCompletionTokens) {
		// Without it a stream carries no usage.
		e.wire.StreamOptions = &openAIStreamOptions{IncludeUsage: true}
	}
	http, err := post(row, "/chat/completions", e.wire, request.Extra)
	return http, e.adjusted, err
}

// openAIChatEncoding is one request while it is written.
type openAIChatEncoding struct {
	row      *Row
	wire     openAIChatRequest
	adjusted adjustments
}

// names writes the parameters that not every server calls the same.
func (e *openAIChatEncoding) names(request *Request) {
	switch {
	case request.MaxTokens == nil:
	case e.row.has(MaxCompletionTokens) && !e.row.olderThan(azureCompletionTokens):
		e.wire.MaxCompletionTokens = request.MaxTokens
		e.adjusted.note("max_tokens", "renamed", e.row.Name+" calls it max_completion_tokens")
	default:
		e.wire.MaxTokens = request.MaxTokens
	}
	switch {
	case request.Seed == nil:
	case e.row.has(RandomSeed):
		e.wire.RandomSeed = request.Seed
		e.adjusted.note("seed", "renamed", e.row.Name+" calls it random_seed")
	default:
		e.wire.Seed = request.Seed
	}
	e.wire.Logprobs, e.wire.TopLogprobs = request.Logprobs, request.TopLogprobs
	switch effort := request.ReasoningEffort; {
	case effort == "":
	case e.row.has(ReasoningObject):
		e.wire.Reasoning = &openAIChatReasoning{effort}
		e.adjusted.note("reasoning_effort", "renamed", e.row.Name+" calls it reasoning.effort")
	case e.row.has(ThinkingSwitch) && effort == "none":
		e.wire.Thinking = &openAIChatThinking{"disabled"}
		e.adjusted.note("reasoning_effort", "renamed", e.row.Name+" calls it thinking.type disabled")
	case e.row.has(ThinkingSwitch) && effort != "low" && effort != "high":
		e.wire.ReasoningEffort = "high"
		if effort == "minimal" {
			e.wire.ReasoningEffort = "low"
		}
		e.adjusted.note("reasoning_effort", "clamped", e.row.Name+" knows none, low and high")
	default:
		e.wire.ReasoningEffort = effort
	}
}

// conversation writes the messages.
func (e *openAIChatEncoding) conversation(messages []Message) error {
	ids := newCallIDs()
	var shown []Part // images of tools, which a user's message has to show
	for i, message := range messages {
		if len(shown) > 0 && message.Role != RoleTool {
			content, err := e.content(shown)
			if err != nil {
				return err
			}
			e.wire.Messages = append(e.wire.Messages, openAIChatMessage{Role: User, Content: content})
			shown = nil
		}
		wire := openAIChatMessage{Role: message.Role, Name: message.Name}
		switch speaks := message.Role == Developer || message.Role == System; {
		case speaks && e.row.has(OpenAIModels) && openAIModelOf(e.wire.Model).noSystem:
			wire.Role = User
			e.adjusted.note("messages[].role", "renamed", e.wire.Model+" takes no system or developer messages: they went as the user's")
		case message.Role == Developer && !e.row.has(DeveloperRole):
			wire.Role = System
			e.adjusted.note("messages[].role", "renamed", "developer is OpenAI's own role: it went as system")
		}
		if message.Name != "" && e.row.has(NoNames) {
			wire.Name = ""
			e.adjusted.note("messages[].name", "dropped", e.row.Name+" refuses it")
		}
		parts := message.Parts
		if message.Role == RoleTool {
			wire.ToolCallID = e.callID(ids, message.ToolCallID)
			if !e.row.has(ToolImages) {
				parts, shown = e.withoutMedia(parts, shown)
			}
		}
		for _, call := range message.ToolCalls {
			call.ID = e.callID(ids, call.ID)
			wire.ToolCalls = append(wire.ToolCalls, call)
		}
		if e.row.has(ReasoningBack) {
			wire.ReasoningContent = message.Reasoning
		}
		if e.row.has(ReasoningDetailsBack) {
			wire.ReasoningDetails = message.ReasoningDetails
		}
		var err error
		if wire.Content, err = e.content(parts); err != nil {
			return err
		}
		e.wire.Messages = append(e.wire.Messages, wire)
		if len(shown) > 0 && i == len(messages)-1 {
			content, err := e.content(shown)
			if err != nil {
				return err
			}
			e.wire.Messages = append(e.wire.Messages, openAIChatMessage{Role: User, Content: content})
		}
	}
	return nil
}

// callID is a tool call's id, in the form that the server takes.
func (e *openAIChatEncoding) callID(ids *callIDs, id string) string {
	if !e.row.has(ShortCallIDs) {
		return id
	}
	return ids.short(id)
}

// withoutMedia takes what is not text out of a tool's message, since the
// server takes it in a user's message only, and adds it to what is shown there.
func (e *openAIChatEncoding) withoutMedia(parts, shown []Part) (text, all []Part) {
	for _, part := range parts {
		if part.Type == TextPart {
			text = append(text, part)
			continue
		}
		shown = append(shown, part)
		e.adjusted.note("messages[].content", "moved", e.row.Name+" takes images of tools in a user's message only: one follows")
	}
	if len(text) == 0 {
		text = []Part{{Type: TextPart, Text: "See the user's message that follows."}}
	}
	return text, shown
}

// content writes a message's parts. A lone text goes as a string: every
// compatible server reads that, not every one reads a list of parts.
func (e *openAIChatEncoding) content(parts []Part) (any, error) {
	switch {
	case len(parts) == 0:
		return nil, nil
	case len(parts) == 1 && parts[0].Type == TextPart && parts[0].CacheControl == nil:
		return parts[0].Text, nil
	}
	list := make([]openAIChatPart, 0, len(parts))
	for _, part := range parts {
		wire := openAIChatPart{Type: part.Type, CacheControl: part.CacheControl}
		if part.Type != TextPart && part.Type != RefusalPart && e.row.has(TextOnly) {
			return nil, &Error{
				Kind: InvalidRequest, Message: "messages[].content: got a part of type " + string(part.Type) + ", and " + e.row.Name + " takes text only",
				Next: "Choose another provider for it.",
			}
		}
		switch part.Type {
		case TextPart:
			wire.Text = part.Text
		case RefusalPart:
			wire.Refusal = part.Text
		case ImagePart:
			wire.ImageURL = &openAIChatURL{URL: part.Media.DataURL(), Detail: part.Media.Detail}
		case VideoPart:
			wire.VideoURL = &openAIChatURL{URL: part.Media.DataURL()}
		case AudioPart:
			wire.InputAudio = &openAIAudio{Data: part.Media.Data, Format: strings.TrimPrefix(part.Media.Type, "audio/")}
		case FilePart:
			wire.File = &openAIChatFile{FileID: part.Media.ID, Filename: part.Media.Filename}
			if part.Media.ID == "" {
				wire.File.FileData = part.Media.DataURL()
			}
		}
		list = append(list, wire)
	}
	return list, nil
}

// tools writes the tools and the choice among them.
func (e *openAIChatEncoding) tools(request *Request) {
	for _, tool := range request.Tools {
		e.wire.Tools = append(e.wire.Tools, openAIChatTool{
			Type: "function", CacheControl: tool.CacheControl,
			Function: openAIChatFunction{tool.Name, tool.Description, tool.Parameters, tool.Strict},
		})
	}
	choice := request.ToolChoice
	switch {
	case choice == nil:
	case choice.Mode == "function":
		e.wire.ToolChoice = openAIChatToolChoice{"function", openAIChatChosenTool{choice.Name}}
	case choice.Mode == "required" && e.row.has(ChoiceAny):
		e.wire.ToolChoice = "any"
		e.adjusted.note("tool_choice", "renamed", e.row.Name+" calls required any")
	default:
		e.wire.ToolChoice = choice.Mode
	}
}

// format writes response_format.
func (e *openAIChatEncoding) format(format *ResponseFormat) error {
	switch {
	case format == nil:
		return nil
	case format.Type == "json_schema" && e.row.has(NoSchema):
		return &Error{
			Kind: InvalidRequest, Message: "response_format: " + e.row.Name + " cannot be held to a json_schema",
			Next: `Use {"type": "json_object"} and describe the form in a message, or choose another provider.`,
		}
	}
	e.wire.ResponseFormat = &openAIResponseFormat{Type: format.Type, JSONSchema: format.JSONSchema}
	if e.row.has(OpenAIModels) && len(format.JSONSchema) > 0 && !json.Parse(format.JSONSchema).Get("name").Exists() {
		e.wire.ResponseFormat.JSONSchema = append([]byte(`{"name":"answer",`), format.JSONSchema[1:]...)
		e.adjusted.note("response_format.json_schema.name", "added", e.row.Name+" wants one")
	}
	return nil
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
