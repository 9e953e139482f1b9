package traffic

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/genai"
)

// Gemini's generateContent, at the Gemini API and at Vertex AI.

// canonicalGemini writes names in one of the two ways that the API reads, joins
// neighbours of one role, gives calls and their results one name for each pair,
// writes schemas of OpenAPI's kind as JSON schemas, and leaves out what is said
// by default.
func canonicalGemini(body map[string]any) map[string]any {
	body, _ = camel(cloned(body)).(map[string]any)
	if system, ok := body["systemInstruction"].(map[string]any); ok {
		delete(system, "role") // it has none
		geminiParts(system)
	}
	var contents []any
	for _, content := range objects(body["contents"]) {
		if content["role"] == nil {
			content["role"] = "user"
		}
		geminiParts(content)
		contents = appendTurn(contents, content, "parts")
	}
	body["contents"] = contents
	geminiPairs(contents)
	var functions, own []any
	for _, tool := range objects(body["tools"]) {
		if declared, ok := take(tool, "functionDeclarations"); ok {
			functions = append(functions, declared.([]any)...)
		}
		for _, name := range slices.Sorted(maps.Keys(tool)) {
			own = append(own, map[string]any{name: tool[name]})
		}
	}
	if functions != nil {
		own = append([]any{map[string]any{"functionDeclarations": functions}}, own...)
	}
	if body["tools"] != nil {
		body["tools"] = own
	}
	for _, tool := range objects(body["tools"]) {
		for _, function := range objects(tool["functionDeclarations"]) {
			if parameters, ok := function["parameters"]; ok {
				delete(function, "parameters")
				function["parametersJsonSchema"] = jsonSchema(parameters)
			}
			if schema, ok := function["parametersJsonSchema"].(map[string]any); ok {
				if properties, ok := schema["properties"].(map[string]any); ok && len(properties) == 0 && len(schema) == 2 {
					delete(function, "parametersJsonSchema") // of nothing
				}
			}
		}
	}
	if config, ok := body["generationConfig"].(map[string]any); ok {
		if schema, ok := config["responseSchema"]; ok {
			delete(config, "responseSchema")
			config["responseJsonSchema"] = jsonSchema(schema)
		}
		if modalities, ok := config["responseModalities"].([]any); ok && len(modalities) == 1 && modalities[0] == "TEXT" {
			delete(config, "responseModalities")
		}
		if config["candidateCount"] == 1.0 {
			delete(config, "candidateCount")
		}
		if thinking, ok := config["thinkingConfig"].(map[string]any); ok {
			if level, ok := thinking["thinkingLevel"].(string); ok {
				thinking["thinkingLevel"] = strings.ToUpper(level)
			}
		}
		if len(config) == 0 {
			delete(body, "generationConfig")
		}
	}
	for _, name := range []string{"tools", "safetySettings"} {
		if list, ok := body[name].([]any); ok && len(list) == 0 {
			delete(body, name)
		}
	}
	return body
}

// camel writes the names of fields in the way of JSON, not of protocol buffers.
// What callers name themselves stays.
func camel(value any) any {
	switch value := value.(type) {
	case []any:
		for i, element := range value {
			value[i] = camel(element)
		}
	case map[string]any:
		written := map[string]any{}
		for name, member := range value {
			words := strings.Split(name, "_")
			for i := 1; i < len(words); i++ {
				words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
			}
			switch name = strings.Join(words, ""); name {
			case "args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema", "responseSchema", "labels":
				written[name] = member
			default:
				written[name] = camel(member)
			}
		}
		return written
	}
	return value
}

// geminiParts leaves out what parts say by default, and writes bytes in one
// alphabet.
func geminiParts(content map[string]any) {
	for _, part := range objects(content["parts"]) {
		if part["thought"] == false {
			delete(part, "thought")
		}
		if signature, ok := part["thoughtSignature"].(string); ok {
			part["thoughtSignature"] = oneAlphabet(signature)
		}
		for _, name := range []string{"inlineData", "fileData"} {
			if medium, ok := part[name].(map[string]any); ok && medium["mimeType"] == "audio/mpeg" {
				medium["mimeType"] = "audio/mp3" // Google's name of it
			}
		}
		if blob, ok := part["inlineData"].(map[string]any); ok {
			if data, ok := blob["data"].(string); ok {
				blob["data"] = oneAlphabet(data)
			}
		}
		if call, ok := part["functionCall"].(map[string]any); ok && call["args"] == nil {
			call["args"] = map[string]any{}
		}
		if result, ok := part["functionResponse"].(map[string]any); ok {
			geminiParts(result)
		}
	}
}

// oneAlphabet writes base64 in the standard one, padded.
func oneAlphabet(data string) string {
	data = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(data), "=")
	return data + strings.Repeat("=", (4-len(data)%4)%4)
}

// geminiPairs names calls by their place in the conversation, and the results
// like their calls: those without an id are matched by the name.
func geminiPairs(contents []any) {
	count := 0
	ids, open := map[string]string{}, map[string][]string{}
	for _, content := range objects(contents) {
		for _, part := range objects(content["parts"]) {
			if call, ok := part["functionCall"].(map[string]any); ok {
				count++
				made, name := fmt.Sprint("call_", count), call["name"].(string)
				if id, ok := call["id"].(string); ok {
					ids[id] = made
				}
				call["id"] = made
				open[name] = append(open[name], made)
			}
			if result, ok := part["functionResponse"].(map[string]any); ok {
				name, _ := result["name"].(string)
				if id, ok := result["id"].(string); !ok {
					if calls := open[name]; len(calls) > 0 {
						result["id"], open[name] = calls[0], calls[1:]
					}
				} else {
					result["id"] = cmp.Or(ids[id], "of no call: "+id)
				}
			}
		}
	}
}

// jsonSchema is a schema of OpenAPI's kind, with its types in capitals, as a
// JSON schema.
func jsonSchema(value any) any {
	switch value := value.(type) {
	case []any:
		for i, element := range value {
			value[i] = jsonSchema(element)
		}
	case map[string]any:
		for name, member := range value {
			switch name {
			case "type":
				if kind, ok := member.(string); ok {
					value[name] = strings.ToLower(kind)
				}
			case "enum", "default", "example", "required", "description", "title":
			default:
				value[name] = jsonSchema(member)
			}
		}
		if kind, ok := value["type"].(string); ok && value["nullable"] == true {
			value["type"] = []any{kind, "null"}
		}
		delete(value, "nullable")
		delete(value, "propertyOrdering")
	}
	return value
}

func readGeminiRequest(q *question, body map[string]any) {
	_, model, _ := strings.Cut(bases.Replace(q.recording.url), "/models/")
	model, call, _ := strings.Cut(model, ":")
	q.arguments["model"] = model
	if strings.HasPrefix(call, "stream") {
		q.arguments["stream"] = true
	}
	var messages []any
	if system, ok := take(body, "systemInstruction"); ok {
		messages = append(messages, map[string]any{"role": "system", "content": q.geminiContent(objects(system.(map[string]any)["parts"]))})
	}
	contents, _ := take(body, "contents")
	for _, content := range objects(contents) {
		messages = append(messages, q.geminiMessages(content)...)
	}
	q.arguments["messages"] = messages
	q.geminiTools(body)
	config, _ := body["generationConfig"].(map[string]any)
	for i, names := 0, []string{
		"temperature", "temperature", "topP", "top_p", "topK", "top_k", "maxOutputTokens", "max_tokens", "stopSequences", "stop",
		"seed", "seed", "candidateCount", "n", "frequencyPenalty", "frequency_penalty", "presencePenalty", "presence_penalty",
		"responseLogprobs", "logprobs", "logprobs", "top_logprobs",
	}; i < len(names); i += 2 {
		if value, ok := take(config, names[i]); ok {
			q.set(names[i+1], value, "generationConfig."+names[i])
		}
	}
	if config["responseMimeType"] == "application/json" {
		delete(config, "responseMimeType")
		format := map[string]any{"type": "json_object"}
		if schema, ok := take(config, "responseJsonSchema"); ok {
			format = map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": "answer", "schema": schema}}
		}
		q.arguments["response_format"] = format
	}
	if modalities, ok := take(config, "responseModalities"); ok {
		var lower []any
		for _, modality := range modalities.([]any) {
			lower = append(lower, strings.ToLower(modality.(string)))
		}
		q.arguments["modalities"] = lower
	}
	if voice, ok := at(config, "speechConfig.voiceConfig.prebuiltVoiceConfig.voiceName").(string); ok {
		delete(config, "speechConfig")
		q.arguments["audio"] = map[string]any{"voice": voice}
	}
	if thinking, ok := config["thinkingConfig"].(map[string]any); ok {
		if effort := geminiEffort(thinking); effort != "" {
			q.arguments["reasoning_effort"] = effort
			delete(config, "thinkingConfig")
		}
	}
	if len(config) == 0 {
		delete(body, "generationConfig")
	}
	for name, value := range body {
		q.beside(value, name)
	}
}

// geminiEffort is the effort that thoughts were asked for with, where it is one:
// Google's own table for OpenAI's names.
// https://ai.google.dev/gemini-api/docs/openai#thinking
func geminiEffort(thinking map[string]any) string {
	level, _ := thinking["thinkingLevel"].(string)
	budget, counted := thinking["thinkingBudget"].(float64)
	switch {
	case len(thinking) == 1 && counted && budget == 0:
		return "none"
	case level == "", thinking["includeThoughts"] == false, counted:
		return ""
	}
	return strings.ToLower(level)
}

// geminiMessages reads one content: results are messages of their own.
func (q *question) geminiMessages(content map[string]any) (messages []any) {
	var own []map[string]any
	for _, part := range objects(content["parts"]) {
		result, ok := part["functionResponse"].(map[string]any)
		if !ok {
			own = append(own, part)
			continue
		}
		said := append([]any{map[string]any{"type": "text", "text": worded(result["response"])}}, q.geminiContent(objects(result["parts"]))...)
		messages = append(messages, map[string]any{"role": "tool", "tool_call_id": result["id"], "content": said})
		q.unknown(result, "contents[].parts[].functionResponse.", "id", "name", "response", "parts")
	}
	if len(own) == 0 {
		return messages
	}
	switch role := content["role"]; role {
	case "user":
		return append(messages, map[string]any{"role": "user", "content": q.geminiContent(own)})
	case "model":
		return append(messages, q.geminiAnswer(own))
	default:
		q.leave(fmt.Sprint("contents[].role ", role))
		return messages
	}
}

// geminiAnswer reads what a model said, thought and called.
func (q *question) geminiAnswer(parts []map[string]any) map[string]any {
	message := map[string]any{"role": "assistant"}
	var content, calls, details, media []any
	said := 0 // bytes of text
	say := func(text string) {
		content = append(content, map[string]any{"type": "text", "text": text})
		said += len(text)
	}
	for _, part := range parts {
		signature, _ := take(part, "thoughtSignature")
		detail := map[string]any{"type": "gemini.thought_signature", "content": said, "calls": len(calls), "signature": signature}
		text, isText := part["text"].(string)
		thought := part["thought"] == true
		switch call, isCall := part["functionCall"].(map[string]any); {
		case isCall:
			made := map[string]any{"id": call["id"], "type": "function", "function": map[string]any{
				"name": call["name"], "arguments": worded(call["args"]),
			}}
			if signature != nil {
				made["extra_content"] = map[string]any{"google": map[string]any{"thought_signature": signature}}
			}
			calls = append(calls, made)
			q.unknown(call, "contents[].parts[].functionCall.", "id", "name", "args")
		case isText && thought && signature != nil:
			detail["part"], detail["text"] = "thought", text
			details = append(details, detail)
		case isText && thought:
			details = append(details, map[string]any{
				"type": "gemini.part", "content": said, "calls": len(calls), "value": map[string]any{"text": text, "thought": true},
			})
		case isText && signature != nil:
			detail["part"], detail["length"] = "text", len(text)
			details = append(details, detail)
			say(text)
		case isText:
			say(text)
		default:
			media = append(media, q.geminiContent([]map[string]any{part})...)
		}
	}
	content = append(content, media...)
	if len(content) > 0 {
		message["content"] = content
	}
	if len(calls) > 0 {
		message["tool_calls"] = calls
	}
	if len(details) > 0 {
		message["reasoning_details"] = details
	}
	return message
}

// geminiContent reads parts that say or show something.
func (q *question) geminiContent(parts []map[string]any) (content []any) {
	for _, part := range parts {
		if text, ok := take(part, "text"); ok {
			content = append(content, map[string]any{"type": "text", "text": text})
		}
		for _, name := range []string{"inlineData", "fileData"} {
			medium, ok := part[name].(map[string]any)
			if !ok {
				continue
			}
			delete(part, name)
			content = append(content, geminiMedium(medium))
			q.rest(medium, "contents[].parts[]."+name+".")
		}
		q.rest(part, "contents[].parts[].")
	}
	return content
}

// geminiMedium reads an image, a sound, a video or a file.
func geminiMedium(medium map[string]any) map[string]any {
	kind, data, address := takeText(medium, "mimeType"), takeText(medium, "data"), takeText(medium, "fileUri")
	family, format, _ := strings.Cut(kind, "/")
	if data != "" && family != "audio" {
		address = dataURL(kind, data)
	}
	switch {
	case family == "image":
		image := map[string]any{"url": address}
		if data == "" {
			image["format"] = kind
		}
		return map[string]any{"type": "image_url", "image_url": image}
	case family == "audio" && data != "":
		return map[string]any{"type": "input_audio", "input_audio": map[string]any{"data": data, "format": format}}
	case family == "video":
		return map[string]any{"type": "video_url", "video_url": map[string]any{"url": address}}
	case data != "":
		return map[string]any{"type": "file", "file": map[string]any{"file_data": address}}
	}
	// The type of what is not sent along is told by the ending of a name.
	ending := map[string]string{"application/pdf": "pdf", "text/plain": "txt", "audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/wav": "wav"}[kind]
	return map[string]any{"type": "file", "file": map[string]any{"file_url": address, "filename": "file." + ending}}
}

// geminiTools reads the functions, and the choice among them.
func (q *question) geminiTools(body map[string]any) {
	listed, _ := take(body, "tools")
	var tools, own []any
	for _, tool := range objects(listed) {
		functions, _ := take(tool, "functionDeclarations")
		if functions == nil {
			own = append(own, tool)
		}
		for _, declared := range objects(functions) {
			function := map[string]any{}
			for _, names := range [][2]string{{"name", "name"}, {"description", "description"}, {"parametersJsonSchema", "parameters"}} {
				if value, ok := take(declared, names[0]); ok {
					function[names[1]] = value
				}
			}
			q.rest(declared, "tools[].")
			tools = append(tools, map[string]any{"type": "function", "function": function})
		}
	}
	q.tools(tools, own)
	config, _ := body["toolConfig"].(map[string]any)
	calling, ok := config["functionCallingConfig"].(map[string]any)
	if !ok {
		return
	}
	var allowed []any
	names, _ := calling["allowedFunctionNames"].([]any)
	for _, name := range names {
		allowed = append(allowed, map[string]any{"type": "function", "function": map[string]any{"name": name}})
	}
	mode := map[any]string{"AUTO": "auto", "NONE": "none", "ANY": "required", "VALIDATED": "auto"}[calling["mode"]]
	switch {
	case calling["mode"] == "VALIDATED" && len(allowed) == 0:
		return // of no list: nobody else's choice
	case len(allowed) == 0:
		q.arguments["tool_choice"] = mode
	case len(allowed) == 1 && calling["mode"] == "ANY":
		q.arguments["tool_choice"] = allowed[0]
	default:
		q.set("tool_choice", map[string]any{"type": "allowed_tools", "allowed_tools": map[string]any{"mode": mode, "tools": allowed}}, "toolConfig")
	}
	if delete(config, "functionCallingConfig"); len(config) == 0 {
		delete(body, "toolConfig")
	}
}

var coversGemini = map[string][]string{
	"top_k":                                 {"generationConfig.topK"},
	"modalities":                            {"generationConfig.responseModalities"},
	"audio":                                 {"generationConfig.speechConfig"},
	"service_tier":                          {"serviceTier"},
	"seed":                                  {"generationConfig.seed"},
	"frequency_penalty":                     {"generationConfig.frequencyPenalty"},
	"presence_penalty":                      {"generationConfig.presencePenalty"},
	"reasoning_effort":                      {"generationConfig.thinkingConfig"},
	"parallel_tool_calls":                   nil,
	"messages":                              {"contents"},
	"messages[].role":                       {"contents", "systemInstruction"},
	"messages[].content":                    {"contents"},
	"messages[].name":                       nil,
	"messages[].tool_calls[].extra_content": {"contents[].parts[].thoughtSignature"},
	"messages[].content[].image_url.detail": nil,
	"tools[].function.strict":               nil,
}

// geminiParameters is the body of a request. The SDK has no type of it as a
// whole: it writes one from Go values. Its parts are the SDK's types, but for
// what a config for a call has as fields of its own.
type geminiParameters struct {
	SystemInstruction *genai.Content          `json:"systemInstruction,omitempty"`
	Contents          []*genai.Content        `json:"contents"`
	Tools             []*genai.Tool           `json:"tools,omitempty"`
	ToolConfig        *genai.ToolConfig       `json:"toolConfig,omitempty"`
	GenerationConfig  *genai.GenerationConfig `json:"generationConfig,omitempty"`
	SafetySettings    []*genai.SafetySetting  `json:"safetySettings,omitempty"`
	ServiceTier       genai.ServiceTier       `json:"serviceTier,omitempty"`
	CachedContent     string                  `json:"cachedContent,omitempty"`
	ModelArmorConfig  *genai.ModelArmorConfig `json:"modelArmorConfig,omitempty"`
}

func againGemini(body []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	var parameters geminiParameters
	if err := decoder.Decode(&parameters); err != nil {
		return nil, err
	}
	return json.Marshal(parameters)
}
