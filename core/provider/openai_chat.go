package provider

import (
	"slices"
	"strconv"
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
	TopK                *int64                `json:"top_k,omitempty"`
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
	EnableThinking      *bool                 `json:"enable_thinking,omitempty"`
	Provider            *openAIChatRouting    `json:"provider,omitempty"` // OpenRouter's
	LogitBias           json.RawMessage       `json:"logit_bias,omitempty"`
	Verbosity           string                `json:"verbosity,omitempty"`
	Modalities          []string              `json:"modalities,omitempty"`
	Audio               json.RawMessage       `json:"audio,omitempty"`
	Prediction          json.RawMessage       `json:"prediction,omitempty"`
	WebSearchOptions    json.RawMessage       `json:"web_search_options,omitempty"`
	Moderation          json.RawMessage       `json:"moderation,omitempty"`
	User                string                `json:"user,omitempty"`
	Metadata            json.RawMessage       `json:"metadata,omitempty"`
	Store               *bool                 `json:"store,omitempty"`
	ServiceTier         string                `json:"service_tier,omitempty"`
	PromptCacheKey      string                `json:"prompt_cache_key,omitempty"`
	PromptCacheOptions  json.RawMessage       `json:"prompt_cache_options,omitempty"`
	CacheControl        json.RawMessage       `json:"cache_control,omitempty"`
	Stream              bool                  `json:"stream,omitempty"`
	StreamOptions       *openAIStreamOptions  `json:"stream_options,omitempty"`
}

type openAIChatMessage struct {
	Role             Role              `json:"role"`
	Content          any               `json:"content"` // a string, []openAIChatPart, or null beside calls
	Name             string            `json:"name,omitempty"`
	ToolCalls        []ToolCall        `json:"tool_calls,omitempty"`
	ToolCallID       string            `json:"tool_call_id,omitempty"`
	ReasoningContent *string           `json:"reasoning_content,omitempty"`
	Reasoning        string            `json:"reasoning,omitempty"`
	ReasoningDetails []json.RawMessage `json:"reasoning_details,omitempty"`
	Images           []openAIChatPart  `json:"images,omitempty"` // of the assistant's
	Audio            *openAIChatSpoken `json:"audio,omitempty"`  // of the assistant's
	Prefix           bool              `json:"prefix,omitempty"` // Mistral's: go on with this answer
}

type openAIChatSpoken struct {
	ID string `json:"id"`
}

type openAIChatPart struct {
	Type         PartType        `json:"type"`
	Text         string          `json:"text,omitempty"`
	Refusal      string          `json:"refusal,omitempty"`
	ImageURL     *openAIChatURL  `json:"image_url,omitempty"`
	VideoURL     *openAIChatURL  `json:"video_url,omitempty"`
	InputAudio   *openAIAudio    `json:"input_audio,omitempty"`
	File         *openAIChatFile `json:"file,omitempty"`
	DocumentURL  string          `json:"document_url,omitempty"` // Mistral's form of a file
	DocumentName string          `json:"document_name,omitempty"`
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

type openAIChatAllowedTools struct {
	Type         string            `json:"type"`
	AllowedTools openAIChatAllowed `json:"allowed_tools"`
}

type openAIChatAllowed struct {
	Mode  string                 `json:"mode"`
	Tools []openAIChatToolChoice `json:"tools"`
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

type openAIChatRouting struct {
	RequireParameters bool `json:"require_parameters"`
}

type openAIStreamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// Encode.

func (openAIChat) Encode(row *Row, request *Request) (HTTPRequest, []Adjustment, error) {
	e := openAIChatEncoding{row: row, ids: newCallIDs()}
	request, fault := row.fit("", nil, request, &e.adjusted)
	if fault != nil {
		return HTTPRequest{}, nil, fault
	}
	switched := request.adds("thinking") // by the caller
	e.thinks = row.has(ThinkingSwitch) && !switched && request.ReasoningEffort != "none" && request.Model != "deepseek-chat"
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

		TopK:               request.TopK,
		LogitBias:          request.LogitBias,
		Verbosity:          request.Verbosity,
		Modalities:         request.Modalities,
		Audio:              request.Audio,
		Prediction:         request.Prediction,
		WebSearchOptions:   request.WebSearchOptions,
		Moderation:         request.Moderation,
		User:               request.User,
		Metadata:           request.Metadata,
		Store:              request.Store,
		ServiceTier:        request.ServiceTier,
		PromptCacheKey:     request.PromptCacheKey,
		PromptCacheOptions: request.PromptCacheOptions,
		CacheControl:       request.CacheControl,
	}
	for _, write := range []func(*Request) *Error{e.refusals, e.conversation, e.tools, e.format} {
		if fault := write(request); fault != nil {
			return HTTPRequest{}, nil, fault
		}
	}
	e.names(request)
	e.effort(request)
	e.sampling()
	e.routing(request)
	e.metadata(request)
	if row.has(OpenAIModels) {
		if fault := openAIModelOf(request.Model).fit(request, row, &e.wire, &e.adjusted); fault != nil {
			return HTTPRequest{}, nil, fault
		}
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
	ids      *callIDs
	wire     openAIChatRequest
	adjusted adjustments
	// thinks: the model thinks, since nobody said otherwise. Then an assistant's
	// message with calls has to say what it thought, be it nothing: 400 "The
	// reasoning_content in the thinking mode must be passed back to the API".
	thinks bool
}

// refused is the error for what the server cannot do.
func (e *openAIChatEncoding) refused(field, got, allowed string) *Error {
	return &Error{
		Kind: InvalidRequest, Message: field + ": got " + got + ", allowed by " + e.row.Name + ": " + allowed,
		Next: "Leave it out, or choose another provider.",
	}
}

// refusals are what a server refuses, or passes over, and what the request
// would not be the same without.
func (e *openAIChatEncoding) refusals(request *Request) *Error {
	if e.row.has(OneChoice) && request.N != nil && *request.N > 1 {
		return e.refused("n", decimal(*request.N), "1")
	}
	if name, given, none := request.probabilities(); name != "" && e.row.has(NoLogprobs) {
		return e.refused(name, given, none)
	}
	return nil
}

// names writes the parameters that not every server calls the same.
func (e *openAIChatEncoding) names(request *Request) {
	most, name := request.most(&e.adjusted)
	called := "max_tokens"
	if e.row.has(MaxCompletionTokens) && !e.row.olderThan(azureCompletionTokens) {
		called, e.wire.MaxCompletionTokens = "max_completion_tokens", most
	} else {
		e.wire.MaxTokens = most
	}
	if most != nil && name != called {
		e.adjusted.note(name, "renamed", e.row.Name+" calls it "+called)
	}
	switch {
	case request.Seed == nil:
	case e.row.has(RandomSeed):
		e.wire.RandomSeed = request.Seed
		e.adjusted.note("seed", "renamed", e.row.Name+" calls it random_seed")
	default:
		e.wire.Seed = request.Seed
	}
	asked, _, _ := request.probabilities()
	switch {
	case e.row.has(NoLogprobs):
	case asked == "":
		e.wire.Logprobs = request.Logprobs // top_logprobs 0 would be refused beside it
	default:
		// "logprobs must be set to true if this parameter is used", of top_logprobs.
		yes := true
		e.wire.Logprobs, e.wire.TopLogprobs = &yes, request.TopLogprobs
	}
}

// sampling keeps temperature, top_p and frequency_penalty to what the server
// takes. They were written as they came.
func (e *openAIChatEncoding) sampling() {
	wire := &e.wire
	if hottest := e.row.Hottest; hottest > 0 && wire.Temperature != nil && *wire.Temperature > hottest {
		wire.Temperature = &hottest
		e.adjusted.note("temperature", "clamped", e.row.Name+" takes at most "+strconv.FormatFloat(hottest, 'g', -1, 64))
	}
	if e.thinks && wire.Thinking == nil {
		reason := e.row.Name + " passes it over while it thinks"
		for _, parameter := range []samplingParameter{
			{"temperature", &wire.Temperature, 1},
			{"top_p", &wire.TopP, 1},
			{"frequency_penalty", &wire.FrequencyPenalty, 0},
			{"presence_penalty", &wire.PresencePenalty, 0},
		} {
			if unlike(*parameter.value, parameter.allowed) {
				*parameter.value = nil
				e.adjusted.note(parameter.name, "dropped", reason)
			}
		}
	}
	if e.row.has(GreedyTopP) && wire.Temperature != nil && *wire.Temperature == 0 && unlike(wire.TopP, 1) {
		wire.TopP = nil
		e.adjusted.note("top_p", "dropped", e.row.Name+" takes none but 1 beside temperature 0")
	}
	if e.row.has(PositivePenalty) && wire.FrequencyPenalty != nil && *wire.FrequencyPenalty <= 0 {
		if *wire.FrequencyPenalty < 0 {
			e.adjusted.note("frequency_penalty", "dropped", e.row.Name+" takes only more than 0")
		}
		wire.FrequencyPenalty = nil
	}
}

// effort writes reasoning_effort.
func (e *openAIChatEncoding) effort(request *Request) {
	effort := request.ReasoningEffort
	if e.thinks && e.forced() {
		// 400 "Thinking mode does not support this tool_choice", and thinking is
		// the default. The choice is what the caller cannot do without.
		e.wire.Thinking = &openAIChatThinking{"disabled"}
		action, parameter := "added", "thinking"
		if effort != "" {
			action, parameter = "dropped", "reasoning_effort"
		}
		e.adjusted.note(parameter, action, e.row.Name+" does not think where tool_choice forces a call: thinking was disabled")
		return
	}
	if effort == "" {
		return
	}
	known := e.row.model(request.Model).Efforts
	switch {
	case e.row.has(ReasoningObject):
		e.wire.Reasoning = &openAIChatReasoning{effort}
		e.adjusted.note("reasoning_effort", "renamed", e.row.Name+" calls it reasoning.effort")
	case e.row.has(ThinkingSwitch) && effort == "none":
		e.wire.Thinking = &openAIChatThinking{"disabled"}
		e.adjusted.note("reasoning_effort", "renamed", e.row.Name+" calls it thinking.type disabled")
	case e.row.has(ThinkingSwitch) && effort != "low" && effort != "high" && effort != "max":
		e.wire.ReasoningEffort = "high"
		if effort == "minimal" {
			e.wire.ReasoningEffort = "low"
		}
		e.adjusted.note("reasoning_effort", "clamped", e.row.Name+" knows none, low, high and max")
	case e.row.has(ThinkingType):
		switch {
		case effort == "none":
			e.wire.Thinking = &openAIChatThinking{"disabled"}
			e.adjusted.note("reasoning_effort", "renamed", e.row.Name+" calls it thinking.type disabled")
		case known != nil:
			e.wire.Thinking, e.wire.ReasoningEffort = &openAIChatThinking{"enabled"}, effort
			e.adjusted.note("thinking", "added", e.row.Name+" wants it switched on beside reasoning_effort")
		default:
			e.wire.Thinking = &openAIChatThinking{"enabled"}
			e.adjusted.note("reasoning_effort", "clamped", e.row.Name+" knows no levels: thinking.type enabled")
		}
	case e.row.has(EnableThinking):
		enabled := effort != "none"
		e.wire.EnableThinking = &enabled
		if enabled {
			e.adjusted.note("reasoning_effort", "clamped", e.row.Name+" knows no levels: enable_thinking true")
		} else {
			e.adjusted.note("reasoning_effort", "renamed", e.row.Name+" calls it enable_thinking false")
		}
	case known != nil:
		e.wire.ReasoningEffort = openAIModel{reasons: true, efforts: known}.effort(effort, request.Model, &e.adjusted)
	default:
		e.wire.ReasoningEffort = effort
	}
}

// routing asks for a server that has all parameters, where one that passes
// them over would give another answer than was asked for. Others are left to
// the router: a server less costs more than a seed that is passed over.
func (e *openAIChatEncoding) routing(request *Request) {
	if !e.row.has(RequireParameters) || request.adds("provider.require_parameters") {
		return
	}
	schema := request.ResponseFormat != nil && request.ResponseFormat.Type == "json_schema"
	if probabilities, _, _ := request.probabilities(); schema || probabilities != "" {
		e.wire.Provider = &openAIChatRouting{true}
		e.adjusted.note("provider.require_parameters", "added", e.row.Name+" would pass over what was asked for where a model's server does not have it")
	}
}

// metadata leaves metadata out where nothing is stored: 400 "The 'metadata'
// parameter is only allowed when 'store' is enabled" (langchaingo#1484). To store
// what a caller did not want stored would be worse.
func (e *openAIChatEncoding) metadata(request *Request) {
	if e.wire.Metadata != nil && e.row.has(OpenAIModels) && !is(request.Store) && !request.adds("store") {
		e.wire.Metadata = nil
		e.adjusted.note("metadata", "dropped", e.row.Name+" takes it only with store true")
	}
}

// tools writes the tools and the choice among them.
func (e *openAIChatEncoding) tools(request *Request) *Error {
	if !e.row.has(OpenAIModels) {
		request = request.allowedTools(&e.adjusted)
	}
	for _, tool := range request.Tools {
		parameters := tool.Parameters
		if len(parameters) == 0 && !e.row.has(OpenAIModels) {
			parameters = noParameters // 422 "Field required" (Mistral); templates of models look into it
		}
		e.wire.Tools = append(e.wire.Tools, openAIChatTool{
			Type: "function", CacheControl: e.cacheControl(tool.CacheControl),
			Function: openAIChatFunction{tool.Name, tool.Description, parameters, tool.Strict},
		})
	}
	if request.ParallelToolCalls != nil && len(request.Tools) == 0 {
		e.wire.ParallelToolCalls = nil
		e.adjusted.note("parallel_tool_calls", "dropped", "it is refused where there are no tools")
	}
	choice := request.ToolChoice
	switch {
	case choice == nil:
	case e.row.has(NoToolChoice) && choice.Mode == "auto": // as without
	case e.row.has(NoToolChoice) && choice.Mode == "none":
		e.wire.Tools, e.wire.ParallelToolCalls = nil, nil
		e.adjusted.note("tools", "dropped", e.row.Name+" passes tool_choice none over: the tools were left out in its place")
	case e.row.has(NoToolChoice):
		return e.refused("tool_choice", choice.Mode, "auto, none, since it passes others over")
	case choice.Mode == "required" && e.row.has(NoRequired):
		return e.refused("tool_choice", "required", "auto, none, a function")
	case choice.Mode == "function":
		e.wire.ToolChoice = openAIChatToolChoice{"function", openAIChatChosenTool{choice.Name}}
	case choice.Allowed != nil:
		allowed := openAIChatAllowed{Mode: choice.Mode}
		for _, name := range choice.Allowed {
			allowed.Tools = append(allowed.Tools, openAIChatToolChoice{"function", openAIChatChosenTool{name}})
		}
		e.wire.ToolChoice = openAIChatAllowedTools{"allowed_tools", allowed}
	case choice.Mode == "required" && e.row.has(ChoiceAny):
		e.wire.ToolChoice = "any"
		e.adjusted.note("tool_choice", "renamed", e.row.Name+" calls required any")
	default:
		e.wire.ToolChoice = choice.Mode
	}
	return nil
}

// forced reports whether the model has to call a tool.
func (e *openAIChatEncoding) forced() bool {
	return e.wire.ToolChoice != nil && e.wire.ToolChoice != "auto" && e.wire.ToolChoice != "none"
}

// cacheControl is a mark that the server takes, or none.
func (e *openAIChatEncoding) cacheControl(mark json.RawMessage) json.RawMessage {
	if mark != nil && (e.row.has(KnownFields) || slices.Contains(e.row.Lacks, "cache_control")) {
		e.adjusted.note("cache_control", "dropped", e.row.Name+" refuses it: it caches by itself")
		return nil
	}
	return mark
}

// format writes response_format.
func (e *openAIChatEncoding) format(request *Request) *Error {
	format := request.ResponseFormat
	switch {
	case format == nil:
		return nil
	case format.Type == "json_object" && e.row.has(NoJSONObject):
		return e.refused("response_format", "json_object", `text, {"type": "json_schema", "json_schema": {...}}`)
	case format.Type == "json_schema" && e.row.has(NoSchema):
		e.instruct(jsonSentence + " It has to match this JSON schema: " + json.Parse(format.JSONSchema).Get("schema").Raw)
		e.wire.ResponseFormat = &openAIResponseFormat{Type: "json_object"}
		e.adjusted.note("response_format", "renamed", e.row.Name+" cannot be held to a json_schema: json_object was asked for, and a system message describes the schema")
		return nil
	case format.Type == "json_object" && e.row.has(JSONWord) && !request.saysJSON():
		e.instruct(jsonSentence)
		e.adjusted.note("messages", "added", e.row.Name+" wants to read of JSON where response_format is json_object: a system message asks for it")
	}
	e.wire.ResponseFormat = &openAIResponseFormat{Type: format.Type, JSONSchema: format.JSONSchema}
	if len(format.JSONSchema) > 0 && !json.Parse(format.JSONSchema).Get("name").Exists() {
		e.wire.ResponseFormat.JSONSchema = append([]byte(`{"name":"answer",`), format.JSONSchema[1:]...)
		e.adjusted.note("response_format.json_schema.name", "added", e.row.Name+" wants one")
	}
	return nil
}

// jsonSentence asks for JSON.
const jsonSentence = "Respond with a single JSON object and nothing else: no words around it, no code fence."

// instruct adds a sentence to the system message in front, or one in front.
func (e *openAIChatEncoding) instruct(sentence string) {
	if first := &e.wire.Messages[0]; first.Role == System {
		if said, ok := first.Content.(string); ok {
			first.Content = said + "\n\n" + sentence
			return
		}
	}
	message := openAIChatMessage{Role: System, Content: sentence}
	if e.row.has(OpenAIModels) && openAIModelOf(e.wire.Model).noSystem {
		message.Role = User
	}
	e.wire.Messages = append([]openAIChatMessage{message}, e.wire.Messages...)
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
