package core_test

import (
	"bytes"
	"cmp"
	stdjson "encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/coretest"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// FuzzArguments: whatever a client sends as arguments becomes a strict
// request, or is refused with the name of a field; and what a client asked for
// either stands in the request or is listed as adjusted.
func FuzzArguments(f *testing.F) {
	for _, raw := range []string{
		``, `null`, `"{\"messages\":\"hi\"}"`,
		`{"messages":[{"role":"user","content":"x"}],"temperature":"0.5","max_tokens":1e3,"stop":"[\"a\"]","stream":"TRUE"}`,
		`{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"\ud800"},"b"],"name":"n"},{"role":"assistant","content":"p "}],"model":"claude-haiku-4-5","top_p":1,"frequency_penalty":-2,"presence_penalty":0.1,"temperature":2}`,
		`{"messages":{"role":"user","content":" "},"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","a":[1 , 2]}}},"model":"o3-mini"}`,
		`{"messages":[{"role":"user","content":"x"},{"role":"user","content":"y"}],"response_format":"json_object","user":"u","stop":["\n","a","b","c","d"]}`,
		`{"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"r"}],"tools":[{"name":"f","parameters":{"type":"object"}}],"tool_choice":"required","parallel_tool_calls":false,"seed":1,"reasoning_effort":"high"}`,
		`{"messages":[{"role":"system","content":"s"},{"role":"system","content":"t"},{"role":"user","content":"x"}],"model":"gpt-5.6","tools":[{"name":"f"}],"n":1,"logprobs":false,"top_logprobs":0}`,
		`{"messages":"x","max_completion_tokens":1}`, `{"messages":[{"role":"user","content":"x"}],"max_completion_tokens":"5","top_k":1,"logit_bias":{"1":2},"verbosity":"low","user":"u","metadata":{"a":"b"},"store":true,"service_tier":"flex","prompt_cache_key":"k","cache_control":{"type":"ephemeral"},"modalities":["text"],"functions":[{"name":"f"}],"function_call":{"name":"f"}}`,
		`{"messages":"[{\"role\":\"user\",\"content\":\"x\"}]","model":"gpt-5","stop":["a"],"temperature":0.5,"max_tokens":"7"}`,
	} {
		for who := range uint8(3) {
			f.Add([]byte(raw), []byte(nil), who)
		}
	}
	for _, seed := range coretest.HistorySeeds() {
		f.Add([]byte(nil), seed, uint8(1))
		f.Add([]byte(nil), seed[100:], uint8(2))
	}
	f.Fuzz(func(t *testing.T, raw, drawn []byte, who uint8) {
		if len(drawn) > 0 {
			raw = coretest.Arguments(coretest.NewBytes(drawn))
		}
		row := provider.Row{Name: "p", Form: "openai-chat", Endpoint: "http://x"}
		switch who % 3 {
		case 1:
			row.Traits = []provider.Trait{provider.OpenAIModels, provider.MaxCompletionTokens, provider.DeveloperRole}
		case 2:
			row.Form = "anthropic"
		}
		engine := core.New()
		step := func(event core.Event) core.Effect {
			effects, err := engine.Step(event)
			if err != nil || len(effects) > 1 {
				t.Fatalf("%T gives %s, %v", event, lines(t, effects), err)
			}
			if len(effects) == 0 {
				return nil
			}
			return effects[0]
		}
		step(&core.Configure{Config: core.Config{DefaultModel: "claude-opus-4-8", Output: core.OutputStructured, Providers: []provider.Row{row}}})
		given := bytes.Clone(raw)
		effect := step(&core.Call{ID: core.CallID(1), Tool: "chat_completion", Arguments: raw})
		if !bytes.Equal(raw, given) {
			t.Fatalf("the arguments were written to: %q", raw)
		}
		fetch, ok := effect.(*core.Fetch)
		if !ok {
			checkRefusal(t, raw, effect.(*core.Result))
			return
		}

		var sent sentRequest
		moved := strings.HasSuffix(fetch.URL, "/responses")
		if !moved {
			sent = strictRequest(t, row.Form, fetch.Body)
		}
		answer := `{"choices":[{"message":{"content":"{}"},"finish_reason":"stop"}]}`
		if row.Form == "anthropic" {
			answer = `{"type":"message","content":[{"type":"text","text":"{}"}],"stop_reason":"end_turn"}`
		}
		if moved {
			answer = `{"status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"{}"}]}]}`
		}
		step(&core.Head{ID: fetch.ID, Status: 200})
		step(&core.Chunk{ID: fetch.ID, Body: []byte(answer)})
		result, ok := step(&core.End{ID: fetch.ID}).(*core.Result)
		if !ok || result.Kind != "" {
			t.Fatalf("no answer: %+v", result)
		}
		var shown struct {
			StructuredContent struct {
				Gateway struct{ Adjusted []provider.Adjustment }
			}
		}
		if err := stdjson.Unmarshal(result.Body, &shown); err != nil {
			t.Fatal(err)
		}
		if moved { // the form is held by its own tests
			if adjusted := shown.StructuredContent.Gateway.Adjusted; !slices.ContainsFunc(adjusted, func(a provider.Adjustment) bool { return a.Parameter == "api" && a.Action == "moved" }) {
				t.Fatalf("nobody is told that %s went to Responses: %v", raw, adjusted)
			}
			return
		}
		checkSent(t, raw, sent, shown.StructuredContent.Gateway.Adjusted)
	})
}

// checkRefusal: a refusal says what is wrong where, and leaks no bytes.
func checkRefusal(t *testing.T, raw []byte, result *core.Result) {
	var shown struct {
		Content []struct{ Text string }
		IsError bool
	}
	if err := stdjson.Unmarshal(result.Body, &shown); err != nil || result.Kind != provider.InvalidRequest || !shown.IsError || len(shown.Content) != 1 {
		t.Fatalf("%q is refused with %s %s", raw, result.Kind, result.Body)
	}
	text := shown.Content[0].Text
	if len(text) > 10_000 || !utf8.ValidString(text) {
		t.Fatalf("%q is refused with %d bytes", raw, len(text))
	}
	for _, name := range slices.Concat([]string{"arguments", "messages", "message"}, asked, rare, unheld) {
		if strings.Contains(text, name) {
			return
		}
	}
	t.Fatalf("%q is refused with %s, which names no field", raw, text)
}

// asked are the arguments, as the manifest names them.
var asked = []string{
	"model", "messages", "temperature", "max_tokens", "stream", "top_p", "frequency_penalty", "presence_penalty", "stop",
	"response_format", "reasoning_effort", "tools", "tool_choice", "parallel_tool_calls", "seed", "n", "logprobs", "top_logprobs",
}

// rare are the arguments that the manifest does not name.
var rare = []string{
	"max_completion_tokens", "top_k", "logit_bias", "verbosity", "user", "metadata", "store", "service_tier", "prompt_cache_key",
	"prompt_cache_options", "cache_control", "modalities", "audio", "prediction", "web_search_options", "moderation",
}

// unheld are arguments that are not looked for in what is sent.
var unheld = []string{"extra_body", "dry_run", "repair", "stream_options", "functions", "function_call"}

// sentRequest is a request as a provider reads it that refuses what it does
// not know.
type sentRequest struct {
	Model               string
	System              []sentText
	Messages            []sentMessage
	Temperature         *float64
	TopP                *float64 `json:"top_p"`
	FrequencyPenalty    *float64 `json:"frequency_penalty"`
	PresencePenalty     *float64 `json:"presence_penalty"`
	MaxTokens           *int64   `json:"max_tokens"`
	MaxCompletionTokens *int64   `json:"max_completion_tokens"`
	Stop                []string
	StopSequences       []string `json:"stop_sequences"`
	Stream              bool
	StreamOptions       map[string]bool `json:"stream_options"`
	ResponseFormat      *sentFormat     `json:"response_format"`
	OutputConfig        *sentOutput     `json:"output_config"`
	ReasoningEffort     string          `json:"reasoning_effort"`
	Thinking            map[string]any
	Tools               []sentTool
	ToolChoice          stdjson.RawMessage `json:"tool_choice"`
	ParallelToolCalls   *bool              `json:"parallel_tool_calls"`
	Seed, N             *int64
	Logprobs            *bool
	TopLogprobs         *int64 `json:"top_logprobs"`

	TopK               *int64             `json:"top_k"`
	LogitBias          map[string]float64 `json:"logit_bias"`
	Verbosity, User    string
	Metadata           map[string]string
	Store              *bool
	ServiceTier        string         `json:"service_tier"`
	PromptCacheKey     string         `json:"prompt_cache_key"`
	PromptCacheOptions map[string]any `json:"prompt_cache_options"`
	CacheControl       map[string]any `json:"cache_control"`
	Modalities         []string
	Audio, Prediction  map[string]any
	WebSearchOptions   map[string]any `json:"web_search_options"`
	Moderation         map[string]any

	top map[string]stdjson.RawMessage
}

// sentTool is a tool of either form.
type sentTool struct {
	Type, Name, Description string
	InputSchema             stdjson.RawMessage `json:"input_schema"`
	Strict                  bool
	Function                struct {
		Name, Description string
		Parameters        stdjson.RawMessage
		Strict            *bool
	}
}

type sentMessage struct {
	Role, Name string
	Content    sentContent
	ToolCalls  []struct {
		ID, Type string
		Function struct{ Name, Arguments string }
	} `json:"tool_calls"`
	ToolCallID string `json:"tool_call_id"`
}

// sentText is a part of either form.
type sentText struct {
	Type, Text string
	ImageURL   struct{ URL, Detail string } `json:"image_url"`
	Source     struct {
		Type, Data, URL string
		MediaType       string `json:"media_type"`
	}
	ID, Name     string
	Input        stdjson.RawMessage
	ToolUseID    string `json:"tool_use_id"`
	Content      []sentText
	CacheControl stdjson.RawMessage `json:"cache_control"`
}

// sentContent is a text or a list of parts, each as a text. The roles are those
// of parts that have their own: the results of tools.
type sentContent struct {
	texts, roles []string
	parts        int
}

func (c *sentContent) add(role, text string) {
	c.texts, c.roles, c.parts = append(c.texts, text), append(c.roles, role), c.parts+1
}

func (c *sentContent) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	if data[0] == '"' {
		var text string
		err := stdjson.Unmarshal(data, &text)
		c.add("", text)
		return err
	}
	var parts []sentText
	if err := strictly(data, &parts); err != nil {
		return err
	}
	for _, part := range parts {
		switch source := part.Source; part.Type {
		case "text":
			c.add("", part.Text)
		case "image_url":
			c.add("", "image "+part.ImageURL.URL)
		case "image":
			if source.Type == "base64" {
				source.URL = "data:" + source.MediaType + ";base64," + source.Data
			}
			c.add("", "image "+source.URL)
		case "tool_use":
			c.add("", "call "+part.Name+" "+string(part.Input))
		case "tool_result":
			c.parts++ // of nothing, perhaps
			for _, inner := range part.Content {
				c.add("tool", inner.Text)
			}
		default:
			return errors.New("a part of type " + part.Type)
		}
	}
	if len(parts) == 0 {
		return errors.New("no parts")
	}
	return nil
}

type sentFormat struct {
	Type       string
	JSONSchema stdjson.RawMessage `json:"json_schema"`
}

type sentOutput struct {
	Effort string
	Format *struct {
		Type   string
		Schema stdjson.RawMessage
	}
}

func strictly(data []byte, into any) error {
	decoder := stdjson.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// strictRequest reads a request's body, and refuses what a strict provider
// refuses.
func strictRequest(t *testing.T, form string, body []byte) (sent sentRequest) {
	var compact bytes.Buffer
	if err := stdjson.Compact(&compact, body); err != nil || !bytes.Equal(compact.Bytes(), body) || !utf8.Valid(body) {
		t.Fatalf("the body is not compact JSON in UTF-8: %q, %v", body, err)
	}
	if err := strictly(body, &sent); err != nil {
		t.Fatalf("the body is not read: %s, %v", body, err)
	}
	var top map[string]stdjson.RawMessage
	if err := stdjson.Unmarshal(body, &top); err != nil {
		t.Fatal(err)
	}
	sent.top = top
	between := func(number *float64, lowest, highest float64) bool {
		return number == nil || *number >= lowest && *number <= highest
	}
	roles, hottest, foreign := []string{"system", "developer", "user", "assistant", "tool"}, 2.0, []string{"system", "stop_sequences", "output_config", "thinking"}
	if form == "anthropic" {
		roles, hottest = []string{"system", "user", "assistant"}, 1
		foreign = []string{"stop", "response_format", "max_completion_tokens", "frequency_penalty", "presence_penalty", "stream_options", "seed", "n", "logprobs", "top_logprobs", "reasoning_effort", "parallel_tool_calls"}
	}
	faulty := sent.Model == "" || len(sent.Messages) == 0 || sent.MaxTokens != nil && *sent.MaxTokens < 1 ||
		!between(sent.Temperature, 0, hottest) || !between(sent.TopP, 0, 1) || !between(sent.FrequencyPenalty, -2, 2) || !between(sent.PresencePenalty, -2, 2) ||
		len(sent.Stop)+len(sent.StopSequences) > 4 || slices.Contains(append(sent.Stop, sent.StopSequences...), "") ||
		form == "anthropic" && sent.MaxTokens == nil
	for _, name := range foreign {
		faulty = faulty || top[name] != nil
	}
	for _, message := range sent.Messages {
		faulty = faulty || !slices.Contains(roles, message.Role)
		faulty = faulty || message.Role == "tool" && message.ToolCallID == "" ||
			message.Role != "assistant" && message.Content.parts == 0 || len(message.ToolCalls)+message.Content.parts == 0
		for _, text := range message.Content.texts {
			faulty = faulty || form == "anthropic" && strings.TrimSpace(text) == ""
		}
	}
	if faulty {
		t.Fatalf("a strict provider would refuse %s", body)
	}
	return sent
}

// checkSent holds what was sent against what was asked, by a reading of the
// arguments of its own. It looks only at arguments without a name twice, for
// which readers of JSON differ.
func checkSent(t *testing.T, raw []byte, sent sentRequest, adjusted []provider.Adjustment) {
	listed := func(name string) bool {
		return slices.ContainsFunc(adjusted, func(a provider.Adjustment) bool {
			return a.Parameter == name && a.Reason != "" && slices.Contains([]string{"renamed", "clamped", "dropped", "moved", "added"}, a.Action)
		})
	}
	if twice(raw) {
		return
	}
	var given map[string]any
	if err := stdjson.Unmarshal(raw, &given); err != nil {
		var text string
		if stdjson.Unmarshal(raw, &text) != nil || twice([]byte(text)) || stdjson.Unmarshal([]byte(text), &given) != nil {
			return // an object in a string in a string is refused, and this is no place to say why
		}
	}
	for name := range given {
		if !slices.Contains(slices.Concat(asked, rare, unheld), name) {
			t.Fatalf("%q was accepted of %s", name, raw)
		}
	}
	number := func(name string, values ...*float64) {
		value, ok := given[name]
		if !ok || value == nil {
			for _, sent := range values {
				if sent != nil {
					t.Fatalf("%s was sent, and not asked for in %s", name, raw)
				}
			}
			return
		}
		if text, ok := value.(string); ok {
			if stdjson.Unmarshal([]byte(strings.TrimSpace(text)), &value) != nil {
				t.Fatalf("%s: %q was taken for a number", name, text)
			}
		}
		for _, sent := range values {
			if sent != nil && reflect.DeepEqual(*sent, value) {
				return
			}
		}
		if !listed(name) {
			t.Fatalf("%s was not sent of %s, adjusted %v", name, raw, adjusted)
		}
	}
	number("temperature", sent.Temperature)
	number("top_p", sent.TopP)
	for name, sent := range map[string]*float64{"frequency_penalty": sent.FrequencyPenalty, "presence_penalty": sent.PresencePenalty} {
		if sent != nil || numberOf(given[name]) != 0 { // 0 is the same as none
			number(name, sent)
		}
	}
	if most, ok := given["max_tokens"]; ok && most != nil {
		number("max_tokens", float(sent.MaxTokens), float(sent.MaxCompletionTokens))
	}
	if most, ok := given["max_completion_tokens"]; ok && most != nil {
		number("max_completion_tokens", float(sent.MaxTokens), float(sent.MaxCompletionTokens))
	}
	for _, name := range rare[1:] {
		value := unquoted(given[name])
		nothing := value == nil || value == "" || name == "store" && !isTrue(value)
		if name == "modalities" { // text is what comes anyway
			nothing = !slices.ContainsFunc(texts(value), func(text string) bool { return text != "" && !strings.EqualFold(text, "text") })
		}
		if sent.top[name] == nil && !nothing && !listed(name) {
			t.Fatalf("%s was not sent of %s, adjusted %v", name, raw, adjusted)
		}
	}
	number("seed", float(sent.Seed))
	if n := numberOf(given["n"]); n != 1 || sent.N != nil { // 1 is the same as none
		number("n", float(sent.N))
	}
	if isTrue(given["logprobs"]) && (sent.Logprobs == nil || !*sent.Logprobs) && !listed("logprobs") {
		t.Fatalf("logprobs were not asked for of %s, adjusted %v", raw, adjusted)
	}
	if numberOf(given["top_logprobs"]) > 0 {
		number("top_logprobs", float(sent.TopLogprobs))
	}
	effort, _ := given["reasoning_effort"].(string)
	reached := sent.ReasoningEffort
	if sent.OutputConfig != nil {
		reached = sent.OutputConfig.Effort
	}
	if !strings.EqualFold(effort, reached) && !listed("reasoning_effort") && !(effort == "none" && sent.Thinking["type"] == "disabled") {
		t.Fatalf("the effort %q of %s was sent as %q, adjusted %v", effort, raw, reached, adjusted)
	}
	var tools, called []string
	list := unquoted(given["tools"])
	if functions := unquoted(given["functions"]); functions != nil {
		list = functions
	}
	if list != nil {
		all, ok := list.([]any)
		if !ok {
			all = []any{list}
		}
		for _, element := range all {
			tool, _ := unquoted(element).(map[string]any)
			if function, ok := unquoted(tool["function"]).(map[string]any); ok {
				tool = function
			}
			tools = append(tools, stringOf(tool["name"]))
		}
	}
	for _, tool := range sent.Tools {
		called = append(called, tool.Name+tool.Function.Name)
	}
	if !slices.Equal(tools, called) && !listed("tools") {
		t.Fatalf("the tools %q of %s were sent as %q, adjusted %v", tools, raw, called, adjusted)
	}
	if given["tool_choice"] != nil && sent.ToolChoice == nil && !listed("tool_choice") {
		t.Fatalf("tool_choice of %s was not sent, adjusted %v", raw, adjusted)
	}
	if one := given["parallel_tool_calls"]; one != nil && !isTrue(one) && sent.ParallelToolCalls == nil &&
		!bytes.Contains(sent.ToolChoice, []byte(`"disable_parallel_tool_use":true`)) && !listed("parallel_tool_calls") {
		t.Fatalf("parallel_tool_calls of %s was not sent, adjusted %v", raw, adjusted)
	}
	if model, _ := given["model"].(string); strings.TrimSpace(model) != "" && strings.TrimSpace(model) != sent.Model {
		t.Fatalf("%q was asked, not %q", sent.Model, model)
	}
	if stream := given["stream"]; stream != nil && isTrue(stream) != sent.Stream {
		t.Fatalf("stream is %v in %s", sent.Stream, raw)
	}

	var stops []string
	if list, ok := unquoted(given["stop"]).([]any); ok {
		stops = texts(list)
	} else {
		stops = texts(given["stop"])
	}
	if len(stops) == 1 && stops[0] == "" {
		stops = nil
	}
	if !slices.Equal(stops, append(slices.Clone(sent.Stop), sent.StopSequences...)) && !listed("stop") {
		t.Fatalf("the stops %q of %s were sent as %q and %q", stops, raw, sent.Stop, sent.StopSequences)
	}
	if format := given["response_format"]; format != nil && sent.ResponseFormat == nil && (sent.OutputConfig == nil || sent.OutputConfig.Format == nil) && !listed("response_format") {
		kind := stringOf(format)
		if object, ok := unquoted(format).(map[string]any); ok {
			kind = stringOf(object["type"])
		}
		if kind != "text" {
			t.Fatalf("response_format was not sent of %s, adjusted %v", raw, adjusted)
		}
	}

	// Every text in its order, with its role.
	var want, got [][2]string
	turns, ok := unquoted(given["messages"]).([]any)
	if !ok {
		turns = []any{unquoted(given["messages"])}
	}
	named := false
	for _, element := range turns {
		message, ok := unquoted(element).(map[string]any)
		if !ok {
			t.Fatalf("the message %v was accepted", element)
		}
		named = named || message["name"] != nil && message["name"] != ""
		calls, _ := unquoted(message["tool_calls"]).([]any)
		for _, text := range texts(message["content"]) {
			if text != "" || len(calls) == 0 && message["role"] != "tool" { // who calls need not say anything, nor a result
				want = append(want, [2]string{stringOf(message["role"]), text})
			}
		}
		for _, call := range calls {
			call, _ := call.(map[string]any)
			function, _ := call["function"].(map[string]any)
			arguments, _ := stdjson.Marshal(unquoted(function["arguments"]))
			if said, ok := function["arguments"].(string); function["arguments"] == nil || ok && strings.TrimSpace(said) == "" {
				arguments = []byte("{}")
			}
			want = append(want, [2]string{stringOf(message["role"]), "call " + stringOf(function["name"]) + " " + string(arguments)})
		}
	}
	names := false
	for _, text := range sent.System {
		got = append(got, [2]string{"system", text.Text})
	}
	for _, message := range sent.Messages {
		names = names || message.Name != ""
		for i, text := range message.Content.texts {
			if role := cmp.Or(message.Content.roles[i], message.Role); text != "" || role != "tool" {
				got = append(got, [2]string{role, text})
			}
		}
		for _, call := range message.ToolCalls {
			got = append(got, [2]string{message.Role, "call " + call.Function.Name + " " + call.Function.Arguments})
		}
	}
	if listed("messages") {
		want, got = led(want), led(got)
	}
	if named && !names && !listed("messages[].name") {
		t.Fatalf("the names of %s were not sent", raw)
	}
	if !listed("messages[].role") && !listed("messages[].content") && !listed("response_format") {
		if len(sent.System) > 0 { // of this form the system's texts come first, under one role
			for i := range want {
				if want[i][0] == "developer" {
					want[i][0] = "system"
				}
			}
		}
		if !slices.Equal(want, got) && len(sent.System)+len(turns) > 0 && !sameButDeveloper(want, got) {
			t.Fatalf("%q was asked, %q sent, adjusted %v", want, got, adjusted)
		}
	}
}

// sameButDeveloper compares texts where a developer's message is a system's.
func sameButDeveloper(want, got [][2]string) bool {
	return slices.EqualFunc(want, got, func(a, b [2]string) bool {
		return a[1] == b[1] && (a[0] == b[0] || a[0] == "developer" && b[0] == "system")
	})
}

// led is a conversation with the system's first texts as one.
func led(list [][2]string) [][2]string {
	text := ""
	for len(list) > 0 && (list[0][0] == "system" || list[0][0] == "developer") {
		text += strings.ReplaceAll(list[0][1], "\n", "")
		list = list[1:]
	}
	return append([][2]string{{"system", text}}, list...)
}

func isTrue(value any) bool { return value == true || strings.EqualFold("true", stringOf(value)) }

// numberOf is a number, also in a string; else 0.
func numberOf(value any) (number float64) {
	if text, ok := value.(string); ok {
		_ = stdjson.Unmarshal([]byte(strings.TrimSpace(text)), &number)
		return number
	}
	number, _ = value.(float64)
	return number
}

// unquoted is what a string holds as JSON, where that is an object or a list.
func unquoted(value any) any {
	var inner any
	if text, ok := value.(string); ok && stdjson.Unmarshal([]byte(text), &inner) == nil {
		switch inner.(type) {
		case map[string]any, []any:
			return inner
		}
	}
	return value
}

// texts are those of a string, a part, or a list of either.
func texts(value any) (texts []string) {
	list, ok := value.([]any)
	if !ok && value != nil {
		list = []any{value}
	}
	for _, element := range list {
		switch element := element.(type) {
		case string:
			texts = append(texts, element)
		case map[string]any:
			if image, ok := element["image_url"].(map[string]any); ok {
				texts = append(texts, "image "+stringOf(image["url"]))
				continue
			}
			texts = append(texts, stringOf(element["text"]))
		}
	}
	return texts
}

func stringOf(value any) string {
	text, _ := value.(string)
	return text
}

func float(number *int64) *float64 {
	if number == nil {
		return nil
	}
	value := float64(*number)
	return &value
}

// twice reports whether an object of a JSON text has a name twice, also in a
// string that holds JSON.
func twice(text []byte) bool {
	decoder := stdjson.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return twiceIn(decoder)
}

func twiceIn(decoder *stdjson.Decoder) bool {
	token, err := decoder.Token()
	if err != nil {
		return err != io.EOF
	}
	switch token {
	case stdjson.Delim('{'):
		names := map[string]bool{}
		for decoder.More() {
			name, err := decoder.Token()
			text, ok := name.(string)
			if err != nil || !ok || names[text] || twiceIn(decoder) {
				return true
			}
			names[text] = true
		}
		_, _ = decoder.Token()
	case stdjson.Delim('['):
		for decoder.More() {
			if twiceIn(decoder) {
				return true
			}
		}
		_, _ = decoder.Token()
	}
	if text, ok := token.(string); ok && len(text) > 0 && (strings.TrimSpace(text) + " ")[0] == '{' || ok && strings.HasPrefix(strings.TrimSpace(text), "[") {
		return stdjson.Valid([]byte(text)) && twice([]byte(text))
	}
	return false
}
