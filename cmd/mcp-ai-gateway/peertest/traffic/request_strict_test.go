package traffic

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"
)

// strict has the SDK read what is sent, and refuses every field that it loses,
// but for those that were asked for by extra_body, and those beyond its form.
func strict(t *testing.T, q *question, got *sent) {
	t.Helper()
	form := q.recording.form
	written, err := wires[form].again(got.raw)
	if err != nil {
		t.Errorf("the SDK does not read it: %v: %s", err, got.raw)
		return
	}
	value, ok := parse(string(written))
	if !ok {
		t.Errorf("the SDK writes %s", written)
		return
	}
	had, _ := node{got.body}.plain().(map[string]any)
	delete(had, "stream")
	allowed := append(slices.Collect(maps.Keys(beyond[form][q.row.Name])), fieldsOf(q.extra)...)
	for _, path := range differ("", had, value.plain()) {
		pattern := places.ReplaceAllString(path, "[]")
		sends, reads := at(had, path), at(value.plain(), path)
		object, isObject := sends.(map[string]any)
		switch {
		case sends == nil && reads == "":
			continue // the SDK writes what it wants to be given, be it nothing
		case reads == nil && omitted[pattern] && (sends == "" || isObject && len(object) == 0):
			continue
		}
		if !within(pattern, allowed) {
			t.Errorf("the SDK does not know %s: sent %s, read %s", path, quoted(at(had, path)), quoted(at(value.plain(), path)))
		}
	}
}

// beyond are the fields that a provider has beyond the SDK of its form.
var beyond = map[form]map[string]map[string]string{openAIForm: beyondOpenAI}

// omitted are the fields of which an SDK does not write an empty value.
var omitted = map[string]bool{
	"tools[].functionDeclarations[].description":   true,
	"contents[].parts[].functionCall.args":         true,
	"contents[].parts[].functionResponse.response": true,
	"web_search_options":                           true,
}

// beyondOpenAI are the fields that a provider's form has beyond OpenAI's, by
// the names of rows, and where that is written. SDKs of OpenAI's do not know
// them; the gateway may write them to that provider alone.
var beyondOpenAI = map[string]map[string]string{
	"mistral": {
		"random_seed":                        "https://docs.mistral.ai/api/#tag/chat",
		"messages[].prefix":                  "https://docs.mistral.ai/api/#tag/chat",
		"messages[].content[].document_url":  "https://docs.mistral.ai/capabilities/document_ai/document_qna",
		"messages[].content[].document_name": "https://docs.mistral.ai/capabilities/document_ai/document_qna",
		"messages[].content[].type":          "document_url, of the same page",
		"messages[].content[].input_audio":   "a string: https://docs.mistral.ai/capabilities/audio",
	},
	"openrouter": {
		"reasoning":                             "https://openrouter.ai/docs/use-cases/reasoning-tokens",
		"messages[].reasoning":                  "the same page",
		"provider.require_parameters":           "https://openrouter.ai/docs/features/provider-routing",
		"cache_control":                         "https://openrouter.ai/docs/features/prompt-caching",
		"top_k":                                 "https://openrouter.ai/docs/api-reference/parameters",
		"messages[].images":                     "https://openrouter.ai/docs/features/multimodal/image-generation",
		"messages[].reasoning_details":          "the same page",
		"messages[].content[].cache_control":    "https://openrouter.ai/docs/features/prompt-caching",
		"messages[].content[].image_url":        "of a tool: recorded",
		"messages[].content[].video_url":        "https://openrouter.ai/docs/features/multimodal/videos",
		"tools[].cache_control":                 "https://openrouter.ai/docs/features/prompt-caching",
		"messages[].tool_calls[].extra_content": "https://ai.google.dev/gemini-api/docs/openai",
	},
	"deepseek": {
		"thinking":                     "https://api-docs.deepseek.com/guides/thinking_mode",
		"messages[].reasoning_content": "the same page",
	},
	"zai": {
		"thinking":                     "https://docs.z.ai/guides/capabilities/thinking-mode",
		"messages[].reasoning_content": "the same page",
	},
	"moonshot": {
		"thinking":                     "https://platform.moonshot.ai/docs/api/chat",
		"messages[].reasoning_content": "https://platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model",
	},
	"alibaba": {
		"enable_thinking": "https://www.alibabacloud.com/help/en/model-studio/deep-thinking",
		"top_k":           "https://www.alibabacloud.com/help/en/model-studio/qwen-api-reference",
	},
	"together":  {"top_k": "https://docs.together.ai/reference/chat-completions-1"},
	"fireworks": {"top_k": "https://docs.fireworks.ai/api-reference/post-chatcompletions"},
	"cerebras":  {"messages[].reasoning": "https://inference-docs.cerebras.ai/capabilities/reasoning"},
	"ollama": {
		"messages[].reasoning":           "https://docs.ollama.com/openai",
		"messages[].content[].image_url": "of a tool: the same page",
	},
	"llamacpp": {"messages[].content[].image_url": "of a tool: recorded"},
	"vllm": {
		"messages[].reasoning": "https://docs.vllm.ai/en/latest/features/reasoning_outputs.html",
		"top_k":                "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
	},
}

// errStream says that stream, which the SDKs set by the method that is called,
// is no truth.
var errStream = errors.New("stream is neither true nor left out")

// withoutStream takes stream away, which no SDK has among its parameters.
func withoutStream(body []byte) ([]byte, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		return nil, err
	}
	if stream, ok := object["stream"]; ok && string(stream) != "true" {
		return nil, errStream
	}
	delete(object, "stream")
	return json.Marshal(object)
}

// TestStrictness puts a field that nobody knows into every object of a request:
// the SDK of the form has to lose it, or the comparison sees nothing.
func TestStrictness(t *testing.T) {
	for form, body := range map[form]string{
		openAIForm: `{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"t"},{"type":"image_url","image_url":{"url":"u","detail":"low"}},{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}},{"type":"file","file":{"file_id":"f"}}]},
			{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"r"}],
			"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":{"type":"function","function":{"name":"f"}},
			"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}},"stream_options":{"include_usage":true}}`,
		responsesForm: `{"model":"m","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"t"},{"type":"input_image","image_url":"u","detail":"auto"},{"type":"input_file","file_id":"f"}]},
			{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"s"}],"encrypted_content":"e"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"r"}],
			"tools":[{"type":"function","name":"f","parameters":{},"strict":false}],"tool_choice":{"type":"function","name":"f"},
			"text":{"format":{"type":"json_schema","name":"n","schema":{}}},"reasoning":{"effort":"low"},"store":false}`,
		anthropicForm: `{"model":"m","max_tokens":9,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],
			"messages":[{"role":"user","content":[{"type":"text","text":"t"},{"type":"image","source":{"type":"url","url":"u"}},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}]},
			{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"tool_use","id":"c","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[{"type":"text","text":"r"}]}]}],
			"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"f"},"thinking":{"type":"enabled","budget_tokens":1024},"output_config":{"format":{"type":"json_schema","schema":{}}}}`,
		geminiForm: `{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"t"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}},{"fileData":{"fileUri":"u"}}]},
			{"role":"model","parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":"AAAA"}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}}]}],
			"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{}}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
			"generationConfig":{"temperature":1,"thinkingConfig":{"thinkingLevel":"LOW"}}}`,
	} {
		t.Run(string(form), func(t *testing.T) {
			value, ok := parse(body)
			if !ok {
				t.Fatal("the request is no JSON")
			}
			objects := 0
			var spoil func(path string, at any)
			spoil = func(path string, at any) {
				switch at := at.(type) {
				case []any:
					for _, element := range at {
						spoil(path+"[]", element)
					}
				case map[string]any:
					if slices.Contains(free[form], path) {
						return
					}
					objects++
					at["unheard_of"] = "x"
					if !loses(t, form, value) {
						t.Errorf("a field of %q is not missed", path)
					}
					delete(at, "unheard_of")
					for _, name := range slices.Sorted(maps.Keys(at)) {
						spoil(path+"."+name, at[name])
					}
				}
			}
			spoil("", value.value)
			if objects < 10 {
				t.Errorf("%d objects were tried", objects)
			}
		})
	}
}

// free are the objects whose fields are the caller's own.
var free = map[form][]string{
	openAIForm:    {".tools[].function.parameters", ".response_format.json_schema.schema"},
	responsesForm: {".tools[].parameters", ".text.format.schema"},
	anthropicForm: {".messages[].content[].input", ".tools[].input_schema", ".output_config.format.schema"},
	geminiForm: {
		".contents[].parts[].functionCall.args", ".contents[].parts[].functionResponse.response",
		".tools[].functionDeclarations[].parametersJsonSchema",
	},
}

// loses reports whether an SDK refuses a request, or writes it without a field.
func loses(t *testing.T, form form, body node) bool {
	raw, err := json.Marshal(body.value)
	if err != nil {
		t.Fatal(err)
	}
	written, err := wires[form].again(raw)
	if err != nil {
		return true
	}
	value, _ := parse(string(written))
	for _, path := range differ("", body.plain(), value.plain()) {
		if at(value.plain(), path) == nil {
			return true
		}
	}
	return false
}
