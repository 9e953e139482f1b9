package core

import (
	"cmp"
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
}

// efforts are the values of reasoning_effort, from none to the most.
var efforts = []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}

// is reports whether a truth was said and is true.
func is(truth *bool) bool { return truth != nil && *truth }

// readChat reads the arguments of chat_completion.
func readChat(config *Config, raw []byte) (request *provider.Request, dryRun bool, fault *provider.Error) {
	a, readable := readArguments(raw, chatNames)
	if !readable {
		return nil, false, a.err()
	}
	request = &provider.Request{
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
	if request.TopP == nil {
		// Who sets top_p chose the one way of sampling; vendors advise against both.
		request.Temperature = cmp.Or(request.Temperature, config.DefaultTemperature)
	}
	request.MaxTokens = cmp.Or(request.MaxTokens, config.DefaultMaxTokens)
	dryRun = is(a.truth("dry_run"))
	fault = a.err()
	if fault == nil && request.Model == "" {
		fault = &provider.Error{
			Kind: provider.InvalidRequest, Message: "model: got nothing, and there is no default model",
			Next: `Name a model, such as "gpt-4o-mini", or set DEFAULT_MODEL.`,
		}
	}
	return request, dryRun, fault
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
