package core

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// chatNames are the arguments of chat_completion.
var chatNames = []string{
	"model", "messages", "temperature", "max_tokens", "stream", "top_p",
	"frequency_penalty", "presence_penalty", "stop", "response_format",
	"tools", "tool_choice", "parallel_tool_calls", "reasoning_effort",
	"seed", "n", "logprobs", "top_logprobs", "extra_body", "dry_run",
	"fallback_models", "repair",
}

// compareNames are the arguments of compare_models: those of chat_completion, but
// for what makes no sense of several models.
var compareNames = append([]string{"models"}, slices.DeleteFunc(slices.Clone(chatNames), func(name string) bool {
	return name == "model" || name == "fallback_models" || name == "dry_run"
})...)

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

// efforts are the values of reasoning_effort, from none to the most.
var efforts = []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}

// is reports whether a truth was said and is true.
func is(truth *bool) bool { return truth != nil && *truth }

// readAsked reads the arguments of chat_completion or compare_models.
func readAsked(config *Config, tool string, raw []byte) (*asked, *provider.Error) {
	names := chatNames
	if tool == compareModels {
		names = compareNames
	}
	a, readable := readArguments(raw, names)
	if !readable {
		return nil, a.err()
	}
	request := &provider.Request{
		Model:            strings.TrimSpace(a.text("model")),
		Messages:         a.messages(),
		Temperature:      a.number("temperature", 0, 2),
		MaxTokens:        a.integer("max_tokens", 1, mostInteger),
		Stream:           is(a.truth("stream")),
		TopP:             a.number("top_p", 0, 1),
		FrequencyPenalty: a.number("frequency_penalty", -2, 2),
		PresencePenalty:  a.number("presence_penalty", -2, 2),
		Stop:             a.texts("stop", 4),
		ResponseFormat:   a.responseFormat(),
		Tools:            a.tools(),
		ReasoningEffort:  a.word("reasoning_effort", efforts),
		Seed:             a.integer("seed", -mostInteger, mostInteger),
		N:                a.integer("n", 1, 8),
		TopLogprobs:      a.integer("top_logprobs", 0, 20),
		Extra:            a.extra(),
	}
	request.ToolChoice = a.toolChoice(request.Tools)
	request.ParallelToolCalls = a.truth("parallel_tool_calls")
	request.Logprobs = a.truth("logprobs")
	request.Model = cmp.Or(request.Model, config.DefaultModel)
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
