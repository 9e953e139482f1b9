package provider

import (
	"net/url"
	"slices"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// gemini is Gemini's generateContent, at the Gemini API and at Vertex AI.
// https://ai.google.dev/api/generate-content
// https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
type gemini struct{}

// Wire types.

type geminiRequest struct {
	SystemInstruction *geminiContent    `json:"systemInstruction,omitempty"`
	Contents          []geminiContent   `json:"contents"`
	Tools             []geminiTool      `json:"tools,omitempty"`
	ToolConfig        *geminiToolConfig `json:"toolConfig,omitempty"`
	GenerationConfig  *geminiGeneration `json:"generationConfig,omitempty"`
	ServiceTier       string            `json:"serviceTier,omitempty"` // flex, standard or priority
}

type geminiContent struct {
	Role  string `json:"role,omitempty"` // user or model; systemInstruction needs none
	Parts []any  `json:"parts"`          // geminiPart, or a json.RawMessage that goes back as it came
}

type geminiPart struct {
	Text             *string                 `json:"text,omitempty"`
	Thought          bool                    `json:"thought,omitempty"`
	InlineData       *geminiBlob             `json:"inlineData,omitempty"`
	FileData         *geminiFile             `json:"fileData,omitempty"`
	FunctionCall     *geminiFunctionCall     `json:"functionCall,omitempty"`
	FunctionResponse *geminiFunctionResponse `json:"functionResponse,omitempty"`
	ThoughtSignature string                  `json:"thoughtSignature,omitempty"`
}

type geminiBlob struct {
	MIMEType string `json:"mimeType"`
	Data     string `json:"data"`
}

type geminiFile struct {
	MIMEType string `json:"mimeType,omitempty"`
	FileURI  string `json:"fileUri"`
}

type geminiFunctionCall struct {
	ID   string          `json:"id,omitempty"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
}

type geminiFunctionResponse struct {
	ID       string          `json:"id,omitempty"`
	Name     string          `json:"name"`
	Response json.RawMessage `json:"response"` // an object
	Parts    []any           `json:"parts,omitempty"`
}

type geminiTool struct {
	FunctionDeclarations []geminiFunction `json:"functionDeclarations"`
}

// geminiFunction always has a description: some versions of Vertex AI want one,
// be it empty.
type geminiFunction struct {
	Name                 string          `json:"name"`
	Description          string          `json:"description"`
	ParametersJSONSchema json.RawMessage `json:"parametersJsonSchema,omitempty"`
}

type geminiToolConfig struct {
	FunctionCallingConfig geminiFunctionCalling `json:"functionCallingConfig"`
}

type geminiFunctionCalling struct {
	Mode                 string   `json:"mode"` // AUTO, ANY, VALIDATED or NONE
	AllowedFunctionNames []string `json:"allowedFunctionNames,omitempty"`
}

type geminiGeneration struct {
	Temperature        *float64        `json:"temperature,omitempty"`
	TopP               *float64        `json:"topP,omitempty"`
	TopK               *int64          `json:"topK,omitempty"`
	MaxOutputTokens    *int64          `json:"maxOutputTokens,omitempty"`
	StopSequences      []string        `json:"stopSequences,omitempty"`
	Seed               *int64          `json:"seed,omitempty"`
	CandidateCount     *int64          `json:"candidateCount,omitempty"`
	FrequencyPenalty   *float64        `json:"frequencyPenalty,omitempty"`
	PresencePenalty    *float64        `json:"presencePenalty,omitempty"`
	ResponseLogprobs   *bool           `json:"responseLogprobs,omitempty"`
	Logprobs           *int64          `json:"logprobs,omitempty"`
	ResponseMIMEType   string          `json:"responseMimeType,omitempty"`
	ResponseJSONSchema json.RawMessage `json:"responseJsonSchema,omitempty"`
	ThinkingConfig     *geminiThinking `json:"thinkingConfig,omitempty"`
	ResponseModalities []string        `json:"responseModalities,omitempty"` // TEXT, IMAGE and AUDIO
	SpeechConfig       *geminiSpeech   `json:"speechConfig,omitempty"`
}

type geminiSpeech struct {
	VoiceConfig geminiVoice `json:"voiceConfig"`
}

type geminiVoice struct {
	PrebuiltVoiceConfig geminiPrebuiltVoice `json:"prebuiltVoiceConfig"`
}

type geminiPrebuiltVoice struct {
	VoiceName string `json:"voiceName"`
}

type geminiThinking struct {
	IncludeThoughts bool   `json:"includeThoughts,omitempty"`
	ThinkingBudget  *int64 `json:"thinkingBudget,omitempty"`
	ThinkingLevel   string `json:"thinkingLevel,omitempty"`
}

// Encode.

func (gemini) Encode(row *Row, request *Request) (HTTPRequest, []Adjustment, error) {
	e := geminiEncoding{row: row, name: request.Model, model: geminiModelOf(request.Model), vertex: IsVertex(row.Endpoint)}
	request, fault := row.fit("Gemini", geminiLacks, request, &e.adjusted)
	if fault != nil {
		return HTTPRequest{}, nil, fault
	}
	if fault := e.conversation(request.Messages); fault != nil {
		return HTTPRequest{}, nil, fault
	}
	if fault := e.tools(request); fault != nil {
		return HTTPRequest{}, nil, fault
	}
	var config geminiGeneration
	e.sampling(&config, request)
	if fault := e.format(&config, request); fault != nil {
		return HTTPRequest{}, nil, fault
	}
	e.modalities(&config, request)
	e.tier(request.ServiceTier)
	if request.ReasoningEffort != "" {
		config.ThinkingConfig = e.model.thinking(request.ReasoningEffort, e.name, &e.adjusted)
		if config.ThinkingConfig != nil && request.adds("generationConfig.thinkingConfig.includeThoughts") {
			config.ThinkingConfig.IncludeThoughts = false // the caller says it
		}
	}
	if written, err := json.Marshal(config); err != nil || string(written) != "{}" {
		e.wire.GenerationConfig = &config
	}
	if fault := e.fits(request.Extra); fault != nil {
		return HTTPRequest{}, nil, fault
	}
	call := ":generateContent"
	if request.Stream {
		call = ":streamGenerateContent"
	}
	http, err := post(row, geminiPath(request.Model)+call, e.wire, request.Extra)
	if request.Stream {
		// Without it a stream is one long JSON array.
		http.URL = withQuery(http.URL, "alt=sse")
	}
	return http, e.adjusted, err
}

// geminiEncoding is one request while it is written.
type geminiEncoding struct {
	row      *Row
	name     string // of the model, as it was asked for
	model    geminiModel
	vertex   bool
	wire     geminiRequest
	adjusted adjustments
}

// geminiPath is where a model stands below the endpoint. People also paste the
// names of lists (models/x, publishers/google/models/x), and tuned models have
// a folder of their own.
func geminiPath(model string) string {
	folder := "/models/"
	if at := strings.LastIndex(model, "models/"); at == 0 || at > 0 && model[at-1] == '/' {
		model = model[at+len("models/"):]
	} else if tuned, ok := strings.CutPrefix(model, "tunedModels/"); ok {
		folder, model = "/tunedModels/", tuned
	}
	return folder + url.PathEscape(model)
}

// IsVertex tells Vertex AI from the Gemini API by the address: there a model
// belongs to a publisher.
func IsVertex(endpoint string) bool {
	host, _, _ := strings.Cut(hostOf(endpoint), ":")
	return strings.Contains(endpoint, "/publishers/") || strings.HasSuffix(host, vertexHost)
}

const vertexHost = "aiplatform.googleapis.com"

// sampling writes what decides how tokens are drawn, and how many.
func (e *geminiEncoding) sampling(config *geminiGeneration, request *Request) {
	config.Temperature, config.TopP, config.TopK = request.Temperature, request.TopP, request.TopK
	config.MaxOutputTokens, _ = request.most(&e.adjusted)
	config.StopSequences = request.Stop
	config.ResponseLogprobs, config.Logprobs = request.Logprobs, request.TopLogprobs
	if request.TopLogprobs != nil && request.Logprobs == nil {
		yes := true
		config.ResponseLogprobs = &yes
	}
	if request.N != nil && *request.N != 1 {
		config.CandidateCount = request.N
	}
	if config.Seed = request.Seed; request.Seed != nil && int64(int32(*request.Seed)) != *request.Seed {
		// A seed has no order: any other number repeats an answer as well.
		folded := int64(int32(*request.Seed))
		config.Seed = &folded
		e.adjusted.note("seed", "clamped", "Gemini's seed has 32 bits: the lower ones were sent")
	}
	config.FrequencyPenalty, config.PresencePenalty = request.FrequencyPenalty, request.PresencePenalty
	if !e.model.penalties(e.vertex) {
		config.FrequencyPenalty, config.PresencePenalty = nil, nil
		if request.FrequencyPenalty != nil {
			e.adjusted.note("frequency_penalty", "dropped", e.name+" refuses it")
		}
		if request.PresencePenalty != nil {
			e.adjusted.note("presence_penalty", "dropped", e.name+" refuses it")
		}
	}
	if request.ParallelToolCalls != nil && !*request.ParallelToolCalls {
		e.adjusted.note("parallel_tool_calls", "dropped", "Gemini cannot be held to one call at a time")
	}
}

// geminiLacks are the parameters that this form does not have.
var geminiLacks = []string{
	"logit_bias", "verbosity", "user", "metadata", "store", "prompt_cache_key", "prompt_cache_options", "cache_control",
	"prediction", "web_search_options", "moderation",
}

// modalities writes what the answer shall be, and with which voice.
// https://ai.google.dev/gemini-api/docs/speech-generation
func (e *geminiEncoding) modalities(config *geminiGeneration, request *Request) {
	for _, modality := range request.Modalities {
		config.ResponseModalities = append(config.ResponseModalities, strings.ToUpper(modality))
	}
	if len(config.ResponseModalities) > 0 {
		e.adjusted.note("modalities", "renamed", "Gemini calls them responseModalities")
	}
	if len(config.ResponseModalities) > 1 && slices.Contains(config.ResponseModalities, "AUDIO") {
		// OpenAI wants both named, Gemini speaks or writes.
		config.ResponseModalities = []string{"AUDIO"}
		e.adjusted.note("modalities", "clamped", "Gemini speaks or writes: AUDIO was asked for")
	}
	if request.Audio == nil {
		return
	}
	audio := json.Parse(request.Audio)
	if voice := text(audio.Get("voice")); voice != "" {
		config.SpeechConfig = &geminiSpeech{geminiVoice{geminiPrebuiltVoice{voice}}}
		e.adjusted.note("audio", "renamed", "Gemini calls it speechConfig, and has voices of its own")
	}
	if audio.Get("format").Exists() {
		e.adjusted.note("audio.format", "dropped", "Gemini chooses the format itself, and names it as audio.mime_type")
	}
}

// tier writes service_tier.
func (e *geminiEncoding) tier(tier string) {
	switch tier {
	case "", "auto": // as without
	case "flex", "standard", "priority":
		e.wire.ServiceTier = tier
	case "default":
		e.wire.ServiceTier = "standard"
		e.adjusted.note("service_tier", "renamed", "Gemini calls default standard")
	default:
		e.adjusted.note("service_tier", "dropped", "Gemini knows auto, default, flex and priority, not "+tier)
	}
}

// format writes response_format.
func (e *geminiEncoding) format(config *geminiGeneration, request *Request) *Error {
	format := request.ResponseFormat
	if format == nil || format.Type == "text" {
		return nil
	}
	if len(request.Tools) > 0 && !e.model.formatBesideTools() {
		return &Error{
			Kind: InvalidRequest, Message: "response_format: got " + format.Type + " beside tools, allowed: text beside tools, since Gemini takes the two together from Gemini 3 on, and " + e.name + " is older",
			Next: "Choose Gemini 3 or newer, or leave out tools or response_format.",
		}
	}
	config.ResponseMIMEType = "application/json"
	asked := json.Parse(format.JSONSchema)
	schema := asked.Get("schema")
	if format.Type != "json_schema" || !schema.Exists() {
		return nil
	}
	config.ResponseJSONSchema = json.RawMessage(schema.Raw)
	if asked.Get("description").Type == json.String {
		e.adjusted.note("response_format.json_schema.description", "dropped", "Gemini takes only the schema")
	}
	if asked.Get("strict").Type == json.False {
		e.adjusted.note("response_format.json_schema.strict", "dropped", "Gemini always keeps to the schema")
	}
	return nil
}

// tools writes the tools and the choice among them. The schema goes as it came:
// parametersJsonSchema takes plain JSON Schema, the older field parameters a
// subset of OpenAPI's.
func (e *geminiEncoding) tools(request *Request) *Error {
	var functions []geminiFunction
	for _, tool := range request.Tools {
		if first := tool.Name[:min(1, len(tool.Name))]; strings.Trim(first, "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || first == "" {
			return &Error{
				Kind: InvalidRequest, Message: "tools[].function.name: got \"" + tool.Name + "\", allowed: names that begin with a letter or _, since Gemini refuses others",
				Next: "Rename the function.",
			}
		}
		if tool.Strict != nil && *tool.Strict {
			e.adjusted.note("tools[].function.strict", "dropped", "Gemini has none for functions: arguments may leave the schema")
		}
		if tool.CacheControl != nil {
			e.adjusted.note("tools[].cache_control", "dropped", "Gemini keeps prefixes by itself")
		}
		function := geminiFunction{Name: tool.Name, Description: tool.Description, ParametersJSONSchema: tool.Parameters}
		if len(function.ParametersJSONSchema) == 0 {
			function.ParametersJSONSchema = nil
		}
		functions = append(functions, function)
	}
	if len(functions) == 0 {
		return nil
	}
	e.wire.Tools = []geminiTool{{functions}}
	if choice := request.ToolChoice; choice != nil {
		calling := geminiFunctionCalling{Mode: "AUTO"}
		switch choice.Mode {
		case "none":
			calling.Mode = "NONE"
		case "required":
			calling.Mode = "ANY"
		case "function":
			calling.Mode, calling.AllowedFunctionNames = "ANY", []string{choice.Name}
		}
		if choice.Allowed != nil {
			calling.AllowedFunctionNames = choice.Allowed
			if calling.Mode == "AUTO" {
				calling.Mode = "VALIDATED" // AUTO takes no names
			}
		}
		e.wire.ToolConfig = &geminiToolConfig{calling}
	}
	return nil
}

// fits looks for fields of extra_body that Gemini refuses beside what was
// written, in words from which nobody learns who wrote the other one.
func (e *geminiEncoding) fits(extra json.RawMessage) *Error {
	if len(extra) == 0 {
		return nil
	}
	added := json.Parse(extra)
	if added.Get("cachedContent").Exists() {
		for _, clash := range []struct {
			is          bool
			field, says string
		}{
			{e.wire.SystemInstruction != nil, "messages", "system messages"},
			{e.wire.Tools != nil, "tools", "tools"},
		} {
			if clash.is {
				return &Error{
					Kind: InvalidRequest, Message: clash.field + ": got " + clash.says + " beside extra_body.cachedContent, allowed: none, since Gemini wants them in the cached content",
					Next: "Put them into the cached content, or leave cachedContent out.",
				}
			}
		}
	}
	if config := e.wire.GenerationConfig; config != nil && config.ThinkingConfig != nil {
		thinking := added.Get("generationConfig.thinkingConfig")
		if thinking.Get("thinkingBudget").Exists() || thinking.Get("thinkingLevel").Exists() {
			return &Error{
				Kind: InvalidRequest, Message: "extra_body.generationConfig.thinkingConfig: got a measure of thinking beside reasoning_effort, allowed: one of the two, since Gemini takes one",
				Next: "Leave one of the two out.",
			}
		}
	}
	return nil
}

// Decode.

func (gemini) Decode(reply *Reply, delta func(text string)) (*Response, error) {
	pieces := &geminiAssembly{delta: delta}
	response, err := decode(reply, pieces)
	fault, ok := err.(*Error)
	if !ok {
		return response, err
	}
	switch {
	case fault.Kind == RateLimit && saysNoQuota(fault.Message):
		fault.Kind, fault.Retry = Quota, false
	case fault.Kind == BadReply && pieces.complete() && pieces.explanation() != "":
		// The word that ended the answer came with a sentence.
		fault.Message += ": " + quote([]byte(pieces.explanation()))
	}
	return response, fault
}

// saysNoQuota knows a model that a plan does not have at all: it is refused
// like too many requests are, with the same code, and only the sentence differs:
// "Quota exceeded for metric: ..., limit: 0, model: ...".
func saysNoQuota(message string) bool {
	return strings.Contains(message, "limit: 0,") || strings.Contains(message, "limit: 0 ") || strings.HasSuffix(message, "limit: 0")
}

// Mappings.

// geminiFinish maps a finishReason. Some servers write enums as numbers: up to 5
// the two APIs number alike, 6 to 8 are filters at both, and so is 10 at Vertex
// AI alone, which is therefore left.
// https://ai.google.dev/api/generate-content#FinishReason
func geminiFinish(native string, calls, said bool) FinishReason {
	switch strings.ToUpper(native) {
	case "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR",
		"IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER", "3", "4", "6", "7", "8":
		return FinishContentFilter
	case "MAX_TOKENS", "2", "CONTINUATION": // the last one since October 2026: the answer goes on elsewhere
		return FinishLength
	case "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS":
		// The calls are there and whole: of a tool that was not declared, for
		// instance, which the caller can answer with an error.
		if calls {
			return FinishToolCalls
		}
		return FinishError
	case "NO_IMAGE":
		if said {
			return FinishStop
		}
		return FinishError
	case "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE", "OTHER", "5":
		return FinishError
	}
	return finishReason(native, calls)
}
