package core

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// chatNames are the arguments of chat_completion that its schema shows, or
// that most providers know.
var chatNames = []string{
	"model", "messages", "temperature", "max_tokens", "stream", "top_p",
	"frequency_penalty", "presence_penalty", "stop", "response_format",
	"tools", "tool_choice", "parallel_tool_calls", "reasoning_effort",
	"seed", "n", "logprobs", "top_logprobs", "extra_body", "dry_run", "repair",
	"fallback_models",
}

// rareNames are arguments as well, which the schema does not show: a tool's
// definition is paid for in every conversation. They may stand in extra_body
// all the same, where they go past: a provider may have values of its own.
var rareNames = []string{
	"max_completion_tokens", "top_k", "logit_bias", "verbosity", "user", "metadata", "store", "service_tier",
	"prompt_cache_key", "prompt_cache_options", "cache_control", "modalities", "audio", "prediction",
	"web_search_options", "moderation", "stream_options", "functions", "function_call",
}

// is reports whether a truth was said and is true.
func is(truth *bool) bool { return truth != nil && *truth }

// asked is what a call asks for.
type asked struct {
	request *provider.Request
	// fallbacks are asked where the request's model fails.
	fallbacks []string
	// models are compared.
	models []string
	dryRun bool // show the request, send nothing
	repair bool // ask once more for an answer that is not of the form asked for
}

// argumentsOf are the names of a tool's arguments: compare_models has those of
// chat_completion, but for what makes no sense of several models.
func argumentsOf(tool string) []string {
	names := slices.Concat(chatNames, rareNames)
	if tool != compareModels {
		return names
	}
	return append([]string{"models"}, slices.DeleteFunc(names, func(name string) bool {
		return name == "model" || name == "fallback_models" || name == "dry_run"
	})...)
}

// readAsked reads the arguments of chat_completion or compare_models.
func readAsked(config *Config, tool string, raw []byte) (*asked, *provider.Error) {
	a, readable := readArguments(raw, argumentsOf(tool))
	if !readable {
		return nil, a.err()
	}
	request := &provider.Request{
		Model:            strings.TrimSpace(a.text("model")),
		Messages:         a.messages(),
		Temperature:      a.number("temperature", 0, 2),
		MaxTokens:        a.integer("max_tokens", 1, MostInteger),
		Stream:           is(a.truth("stream")),
		TopP:             a.number("top_p", 0, 1),
		FrequencyPenalty: a.number("frequency_penalty", -2, 2),
		PresencePenalty:  a.number("presence_penalty", -2, 2),
		Stop:             a.texts("stop", 4),
		ResponseFormat:   a.responseFormat(),
		ReasoningEffort:  a.word("reasoning_effort", provider.Efforts),
		Seed:             a.integer("seed", -MostInteger, MostInteger),
		N:                a.integer("n", 1, 8),
		TopLogprobs:      a.integer("top_logprobs", 0, 20),
		Extra:            a.extra(),
	}
	a.choosing(request)
	a.rare(request)
	request.ParallelToolCalls = a.truth("parallel_tool_calls")
	request.Logprobs = a.truth("logprobs")
	if top := request.TopLogprobs; top != nil && *top > 0 && request.Logprobs != nil && !*request.Logprobs {
		a.fault("top_logprobs", strconv.FormatInt(*top, 10)+" beside logprobs false", "0 or nothing there")
	}
	request.Model = cmp.Or(request.Model, config.DefaultModel)
	request.Adjusted = a.adjusted
	asked := &asked{request: request, fallbacks: a.texts("fallback_models", mostFallbacks), dryRun: is(a.truth("dry_run"))}
	asked.repair = a.repair(request)
	if tool == compareModels {
		asked.models = a.models()
	}
	fault := a.err()
	if fault == nil && request.Model == "" && tool != compareModels {
		fault = &provider.Error{
			Kind: provider.InvalidRequest, Message: "model: got nothing, and there is no default model",
			Next: `Name a model, such as "gpt-4o-mini", or set DEFAULT_MODEL.`,
		}
	}
	return asked, fault
}

// mostFallbacks is how many models may be named for when one fails.
const mostFallbacks = 8

// models reads the models to compare: each once.
func (a *arguments) models() []string {
	names := a.texts("models", mostCompared)
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			a.fault("models["+strconv.Itoa(i)+"]", strconv.Quote(shorten(name))+" a second time", "each model once")
		}
	}
	if len(names) < fewestCompared {
		a.fault("models", count(int64(len(names)), "model"), strconv.Itoa(fewestCompared)+" to "+strconv.Itoa(mostCompared)+" models")
	}
	return names
}

// rare reads the arguments that fewer providers have.
func (a *arguments) rare(request *provider.Request) {
	request.MaxCompletionTokens = a.integer("max_completion_tokens", 1, MostInteger)
	request.TopK = a.integer("top_k", 1, MostInteger)
	request.LogitBias = a.members("logit_bias", "an object of numbers from -100 to 100 by token", func(value json.Value) bool {
		return value.Type == json.Number && value.Num >= -100 && value.Num <= 100
	})
	request.Verbosity = a.word("verbosity", []string{"low", "medium", "high"})
	request.User = a.text("user")
	pairs := 0
	request.Metadata = a.members("metadata", "an object of at most 16 strings", func(value json.Value) bool {
		pairs++
		return value.Type == json.String && pairs <= metadataLimit
	})
	request.Store = a.truth("store")
	request.ServiceTier = a.text("service_tier")
	request.PromptCacheKey = a.text("prompt_cache_key")
	if mark, ok := a.fields["cache_control"]; ok {
		request.CacheControl = a.cacheControl("cache_control", unquoted(mark))
	}
	for i, modality := range a.texts("modalities", 3) {
		modality = strings.ToLower(modality)
		if !slices.Contains([]string{"text", "audio", "image"}, modality) {
			a.note("modalities[" + strconv.Itoa(i) + "]: got " + strconv.Quote(shorten(modality)) + ", allowed: text, audio, image")
		}
		request.Modalities = append(request.Modalities, modality)
	}
	any := func(json.Value) bool { return true }
	request.Audio = a.members("audio", `an object such as {"voice": "alloy", "format": "mp3"}`, any)
	request.Prediction = a.members("prediction", `an object such as {"type": "content", "content": "..."}`, any)
	request.WebSearchOptions = a.members("web_search_options", "an object", any)
	request.Moderation = a.members("moderation", "an object", any)
	request.PromptCacheOptions = a.members("prompt_cache_options", "an object", any)
	if options, ok := a.fields["stream_options"]; ok {
		// Usage is always asked for, so that nothing is to be done.
		a.each("stream_options.", a.object("stream_options", options), []string{"include_usage"}, func(name string, value json.Value) {
			if value.Type != json.True && value.Type != json.False {
				a.fault("stream_options."+name, given(value), "true or false")
			}
		})
	}
}

// members reads an object that is carried unread, of which every member is such.
func (a *arguments) members(name, allowed string, such func(json.Value) bool) json.RawMessage {
	value, ok := a.fields[name]
	if !ok {
		return nil
	}
	value = unquoted(value)
	good := value.IsObject()
	if good {
		value.ForEach(func(_, member json.Value) bool {
			good = such(member)
			return good
		})
	}
	if !good {
		a.fault(name, given(value), allowed)
		return nil
	}
	return json.Compact([]byte(value.Raw))
}

// metadataLimit is how many pairs OpenAI takes.
const metadataLimit = 16

// choosing reads the tools and the choice among them, also by the names that
// these had until 2023: functions and function_call. Those become tools, since
// no other form has them; calls then come back as tool_calls.
func (a *arguments) choosing(request *provider.Request) {
	for _, pair := range [][2]string{{"functions", "tools"}, {"function_call", "tool_choice"}} {
		value, old := a.fields[pair[0]]
		if _, both := a.fields[pair[1]]; old && both {
			a.fault(pair[0], given(value), "nothing beside "+pair[1]+", its newer name")
			return
		}
	}
	request.Tools = a.tools("tools")
	if functions := a.tools("functions"); len(functions) > 0 {
		request.Tools = functions
		a.adapted("functions", "renamed", "they went as tools, their newer name: calls come back as tool_calls")
	}
	request.ToolChoice = a.toolChoice("tool_choice", request.Tools)
	if choice := a.toolChoice("function_call", request.Tools); choice != nil {
		request.ToolChoice = choice
		a.adapted("function_call", "renamed", "it went as tool_choice, its newer name")
	}
}

// responseFormat reads response_format: an object, or its type alone.
func (a *arguments) responseFormat() *provider.ResponseFormat {
	value, ok := a.fields["response_format"]
	if !ok {
		return nil
	}
	value = unquoted(value)
	kind := value
	var schema json.Value
	if value.IsObject() {
		kind = value.Get("type")
		a.each("response_format.", value, []string{"type", "json_schema"}, func(name string, value json.Value) {
			if name == "json_schema" {
				schema = unquoted(value)
			}
		})
	}
	format := &provider.ResponseFormat{Type: kind.String()}
	switch format.Type {
	case "text", "json_object":
		if schema.Exists() {
			a.fault("response_format.json_schema", given(schema), "nothing, with the type "+format.Type)
		}
	case "json_schema":
		format.JSONSchema = a.jsonSchema(schema)
	default:
		a.fault("response_format", given(kind), responseFormats)
	}
	return format
}

const responseFormats = `{"type": "text"}, {"type": "json_object"} or {"type": "json_schema", "json_schema": {"name": ..., "schema": {...}}}`

// jsonSchema reads response_format.json_schema by OpenAI's rules, which hold
// for every form: what one provider takes, another should not refuse.
func (a *arguments) jsonSchema(object json.Value) json.RawMessage {
	const path = "response_format.json_schema"
	if !object.IsObject() {
		a.fault(path, given(object), responseFormats)
		return nil
	}
	var name, schema json.Value
	a.each(path+".", object, []string{"name", "schema", "strict", "description"}, func(field string, value json.Value) {
		switch field {
		case "name":
			name = value
		case "schema":
			schema = value
		case "strict":
			if value.Type != json.True && value.Type != json.False {
				a.fault(path+".strict", given(value), "true or false")
			}
		case "description":
			if value.Type != json.String {
				a.fault(path+".description", given(value), "a string")
			}
		}
	})
	if name.Exists() && (name.Type != json.String || !isName(name.String())) {
		a.fault(path+".name", given(name), "a string of 1 to 64 letters of a-z, A-Z, digits, _ and -")
	}
	if !schema.IsObject() {
		a.fault(path+".schema", given(schema), "a JSON schema, an object")
	}
	return json.Compact([]byte(object.Raw))
}
