package core

import (
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// descriptionLimit is where Claude Code cuts a tool's description, in characters.
const descriptionLimit = 2048

// describe returns the tools as the assistant sees them.
func describe(config *Config) *Manifest {
	description := `Ask another AI model and get its answer. Give "messages" (the whole conversation: the model sees nothing else) and "model".`
	if config.DefaultModel != "" {
		description += ` Without "model", ` + config.DefaultModel + ` answers.`
	}
	if config.Description != "" {
		// The user's own words say when to call which model: they come first.
		description = strings.ReplaceAll(config.Description, `\n`, "\n") + "\n\n" + description
	}
	chat := Tool{
		Name:        "chat_completion",
		Title:       "Ask another AI model",
		Description: cut(description, descriptionLimit),
		InputSchema: json.RawMessage(withDefaults(config, chatSchema)),
		Annotations: Annotations{ReadOnlyHint: true, OpenWorldHint: true},
	}
	if config.Output == OutputStructured {
		chat.OutputSchema = json.RawMessage(completionSchema)
	}
	return &Manifest{
		Instructions: "chat_completion asks other AI models, for a second opinion or for what they do better. Each call stands alone: send all that the model needs.",
		Tools:        []Tool{chat},
	}
}

// chatSchema is flat, with a type for every property and no combinators: a
// schema that some client cannot read costs the user the whole tool. What it
// does not show it takes all the same: content as a list of parts, OpenAI's
// other names. Its length is what every conversation pays (3 kB at most).
const chatSchema = `{"type":"object","properties":{` +
	`"model":{"type":"string","description":"The model's id, as its provider names it."},` +
	`"messages":{"type":"array","description":"The conversation, oldest first, in OpenAI's form.","items":{"type":"object","properties":{` +
	`"role":{"type":"string","enum":["system","developer","user","assistant","tool"]},` +
	`"content":{"type":"string","description":"The text; or a list of parts: text, image_url, input_audio, file."},` +
	`"tool_calls":{"type":"array","description":"As the model gave them.","items":{"type":"object"}},` +
	`"tool_call_id":{"type":"string","description":"Of role tool: which call this answers."}},"required":["role"]}},` +
	`"temperature":{"type":"number","description":"0 to 2; lower is more predictable.","minimum":0,"maximum":2},` +
	`"max_tokens":{"type":"integer","description":"The most tokens to answer with, at least 1.","minimum":1},` +
	`"stream":{"type":"boolean","description":"Read the answer as a stream, with progress; the result is the same."},` +
	`"top_p":{"type":"number","description":"0 to 1; nucleus sampling.","minimum":0,"maximum":1},` +
	`"frequency_penalty":{"type":"number","description":"-2 to 2.","minimum":-2,"maximum":2},` +
	`"presence_penalty":{"type":"number","description":"-2 to 2.","minimum":-2,"maximum":2},` +
	`"stop":{"type":"array","description":"Up to 4 texts that end the answer.","items":{"type":"string"}},` +
	`"response_format":{"type":"object","description":"The answer is checked against it: {\"type\":\"json_object\"}, or {\"type\":\"json_schema\",\"json_schema\":{\"name\":...,\"schema\":{...}}}.","properties":{` +
	`"type":{"type":"string","enum":["text","json_object","json_schema"]},"json_schema":{"type":"object"}},"required":["type"]},` +
	`"reasoning_effort":{"type":"string","description":"How long to think.","enum":["none","minimal","low","medium","high","xhigh","max"]},` +
	`"tools":{"type":"array","description":"Functions that the model may call: {\"type\":\"function\",\"function\":{\"name\":...,\"parameters\":{...}}}.","items":{"type":"object"}},` +
	`"tool_choice":{"type":"string","description":"auto, none, required, or a function as an object."},` +
	`"seed":{"type":"integer","description":"For answers that can be repeated."},` +
	`"extra_body":{"type":"object","description":"Other fields of the provider's, sent as they are."},` +
	`"repair":{"type":"boolean","description":"Ask once more if the answer is not as response_format wants it."},` +
	`"dry_run":{"type":"boolean","description":"Send nothing; return the request that would be sent."}` +
	`},"required":["messages"]}`

// withDefaults tells the assistant what stands where it says nothing.
func withDefaults(config *Config, schema string) string {
	if config.DefaultTemperature != nil {
		schema = strings.Replace(schema, "lower is more predictable.", "lower is more predictable. Default "+format(*config.DefaultTemperature)+".", 1)
	}
	if config.DefaultMaxTokens != nil {
		schema = strings.Replace(schema, "answer with, at least 1.", "answer with, at least 1. Default "+strconv.FormatInt(*config.DefaultMaxTokens, 10)+".", 1)
	}
	return schema
}

// completionSchema asks for little, so that no client throws an answer away
// for a field that one provider left out.
const completionSchema = `{"type":"object","properties":{` +
	`"id":{"type":"string"},"object":{"type":"string"},"created":{"type":"integer"},"model":{"type":"string"},` +
	`"choices":{"type":"array","items":{"type":"object"}},` +
	`"gateway":{"type":"object","description":"Who answered, attempts, what was adjusted."}},"required":["choices","gateway"]}`

// cut shortens text to at most limit characters, and says so.
func cut(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit-1]) + "…"
}
