package core

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// descriptionLimit is where Claude Code cuts a tool's description, in characters.
const descriptionLimit = 2048

// The names of the tools. Hosts know one of them: its calls bring [State]s.
const (
	chatCompletion = "chat_completion"
	ListModels     = "list_models"
	compareModels  = "compare_models"
)

// ToolNames are the tools that there are.
var ToolNames = []string{chatCompletion, ListModels, compareModels}

// toolsOf are the tools that a configuration offers.
func toolsOf(config *Config) []string {
	if len(config.Tools) == 0 {
		return ToolNames
	}
	return slices.DeleteFunc(slices.Clone(ToolNames), func(name string) bool { return !slices.Contains(config.Tools, name) })
}

func offers(config *Config, tool string) bool { return slices.Contains(toolsOf(config), tool) }

// describe returns the tools as the assistant sees them.
func describe(config *Config) *Manifest {
	manifest := &Manifest{
		Instructions: "chat_completion asks other AI models, for a second opinion or for what they do better. Each call stands alone: send all that the model needs.",
	}
	for _, name := range toolsOf(config) {
		tool := Tool{Name: name, Annotations: Annotations{ReadOnlyHint: true, OpenWorldHint: true}}
		switch name {
		case chatCompletion:
			tool.Title, tool.Description = "Ask another AI model", cut(chatDescription(config), descriptionLimit)
			tool.InputSchema = json.RawMessage(withDefaults(config, chatSchema))
			if config.Output == OutputStructured {
				tool.OutputSchema = json.RawMessage(completionSchema)
			}
		case ListModels:
			tool.Title, tool.Description = "List AI models", "The models that can be asked, with prices and abilities."
			tool.InputSchema = json.RawMessage(listSchema)
		case compareModels:
			tool.Title, tool.Description = "Ask several AI models", "Ask 2 to 8 models the same at once and get all answers."
			tool.InputSchema = json.RawMessage(compareSchema)
			if config.Output == OutputStructured {
				tool.OutputSchema = json.RawMessage(comparisonSchema)
			}
		}
		manifest.Tools = append(manifest.Tools, tool)
	}
	return manifest
}

// chatDescription describes chat_completion, first things first: what the user says
// of it, what it does, what the user says of models. What a client would cut off
// is to be had from list_models.
func chatDescription(config *Config) string {
	description := `Ask another AI model and get its answer. Give "messages" (the whole conversation: the model sees nothing else) and "model".`
	if config.DefaultModel != "" {
		description += ` Without "model", ` + config.DefaultModel + ` answers.`
	}
	if config.Description != "" {
		// The user's own words say when to call which model: they come first.
		description = strings.ReplaceAll(config.Description, `\n`, "\n") + "\n\n" + description
	}
	for _, alias := range config.Aliases {
		description += "\n- " + alias.Name + ": " + strings.Join(alias.Models, ", else ")
	}
	for i := range config.Models {
		if model := &config.Models[i]; model.Strengths != "" {
			description += "\n- " + model.Full() + ": " + model.Strengths
		}
	}
	return description
}

// chatSchema is flat, with a type for every property and no combinators: a
// schema that some client cannot read costs the user the whole tool. What it
// does not show it takes all the same: content as a list of parts, OpenAI's
// other names. Its length is what every conversation pays (3 kB at most, all
// tools together).
const chatSchema = `{"type":"object","properties":{` +
	`"model":{"type":"string","description":"PROVIDER/MODEL, or a name or alias; see list_models."},` +
	`"messages":{"type":"array","description":"The conversation, in OpenAI's form.","items":{"type":"object","properties":{` +
	`"role":{"type":"string"},` +
	`"content":{"type":"string","description":"Text, or parts: text, image_url, input_audio, file."},` +
	`"tool_calls":{"type":"array","items":{"type":"object"}},` +
	`"tool_call_id":{"type":"string"}},"required":["role"]}},` +
	`"temperature":{"type":"number","description":"0 to 2."},` +
	`"max_tokens":{"type":"integer","description":"Of the answer."},` +
	`"stream":{"type":"boolean","description":"With progress."},` +
	`"top_p":{"type":"number"},` +
	`"frequency_penalty":{"type":"number"},` +
	`"presence_penalty":{"type":"number"},` +
	`"stop":{"type":"array","items":{"type":"string"}},` +
	`"response_format":{"type":"object","description":"As OpenAI's json_object or json_schema; the answer is checked."},` +
	`"reasoning_effort":{"type":"string","enum":["none","minimal","low","medium","high","xhigh","max"]},` +
	`"tools":{"type":"array","description":"In OpenAI's form.","items":{"type":"object"}},` +
	`"tool_choice":{"type":"string","description":"auto, none, required, or a function."},` +
	`"seed":{"type":"integer"},` +
	`"fallback_models":{"type":"array","description":"Asked in turn if it fails.","items":{"type":"string"}},` +
	`"extra_body":{"type":"object","description":"Fields of the provider's own."},` +
	`"repair":{"type":"boolean","description":"Ask again if response_format is not met."},` +
	`"dry_run":{"type":"boolean","description":"Only show the request."}` +
	`},"required":["messages"]}`

const listSchema = `{"type":"object","properties":{` +
	`"query":{"type":"string","description":"Words to find."},` +
	`"provider":{"type":"string"},` +
	`"ability":{"type":"string","enum":["vision","audio","files","video","tools","reasoning","structured","images"]},` +
	`"max_price":{"type":"number","description":"US dollars per million tokens out."},` +
	`"page":{"type":"integer"}}}`

const compareSchema = `{"type":"object","properties":{` +
	`"models":{"type":"array","items":{"type":"string"}},` +
	`"messages":{"type":"array","description":"As chat_completion, whose other arguments count too.","items":{"type":"object"}}` +
	`},"required":["models","messages"]}`

// withDefaults tells the assistant what stands where it says nothing.
func withDefaults(config *Config, schema string) string {
	if config.DefaultTemperature != nil {
		schema = strings.Replace(schema, `"0 to 2."`, `"0 to 2. Default `+format(*config.DefaultTemperature)+`."`, 1)
	}
	if config.DefaultMaxTokens != nil {
		schema = strings.Replace(schema, `"Of the answer."`, `"Of the answer. Default `+strconv.FormatInt(*config.DefaultMaxTokens, 10)+`."`, 1)
	}
	return schema
}

// completionSchema asks for little, so that no client throws an answer away
// for a field that one provider left out.
const completionSchema = `{"type":"object","properties":{` +
	`"id":{"type":"string"},"object":{"type":"string"},"created":{"type":"integer"},"model":{"type":"string"},` +
	`"choices":{"type":"array","items":{"type":"object"}},` +
	`"gateway":{"type":"object","description":"Who answered, attempts, what was adjusted."}},"required":["choices","gateway"]}`

const comparisonSchema = `{"type":"object","properties":{"answers":{"type":"array","items":{"type":"object"}}},"required":["answers"]}`

// cut shortens text to at most limit characters, and says so.
func cut(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit-1]) + "…"
}
