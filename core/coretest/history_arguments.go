package coretest

import "strconv"

// Arguments are the arguments of a call of chat_completion, most of which can
// be read.
func Arguments(b *Bytes) []byte {
	if b.Number(32) == 31 {
		return b.Take(b.Number(256))
	}
	to := []byte(`{"messages":`)
	to = b.messages(to)
	for n, at := b.Number(6), b.Number(256); n > 0; n-- {
		at += 1 + b.Number(3) // hardly a name twice
		name := argumentNames[at%len(argumentNames)]
		if b.Number(32) == 31 {
			name = Pick(b, []string{"Model", "messages"})
		}
		to = append(append(append(to, `,"`...), name...), `":`...)
		switch odd := b.Number(32) == 31; {
		case odd:
			to = b.value(to, 1)
		case name == "model":
			to = append(to, Pick(b, models)...)
		case name == "messages":
			to = b.messages(to)
		case argumentValues[name] != nil:
			to = append(to, Pick(b, argumentValues[name])...)
		default:
			to = append(to, Pick(b, []string{"0", "1", "0.1", "1e-7", "-0", `"0.5"`, `" 1 "`, "null", "1e-400", "0.30000000000000004"})...)
		}
	}
	return append(to, '}')
}

var argumentNames = []string{
	"model", "temperature", "max_tokens", "stream", "top_p", "frequency_penalty", "presence_penalty", "stop",
	"response_format", "repair", "reasoning_effort", "tools", "tool_choice", "parallel_tool_calls", "seed", "n", "logprobs", "top_logprobs",
	"max_completion_tokens", "top_k", "logit_bias", "verbosity", "user", "metadata", "store", "service_tier", "prompt_cache_key",
	"cache_control", "modalities", "prediction", "stream_options", "functions", "function_call",
}

// argumentValues are values of arguments that are no numbers.
var argumentValues = map[string][]string{
	"repair": {"true", "true", `"true"`, "false", "null"},
	"stream": {"true", `"true"`, "false", "null"},
	"stop":   {`"a"`, `["a"," "]`, `"[\"a\",\"b\"]"`, `[]`, `""`, `["\ud800"]`, `["\n","<"]`, "null"},
	"response_format": {
		`{"type":"json_schema","json_schema":{"schema":{"type":"object","required":["a"]}}}`, `"text"`, `"json_object"`, `{"type":"json_object"}`, `{"type":"json_schema","json_schema":{"name":"n","description":"d","schema":{"type":"object","properties":{"a":{"type":"object"}}}}}`,
		`"{\"type\":\"text\"}"`, `{"type":"json_schema","json_schema":"{\"schema\":{}}"}`, `{"type":"text","a":1}`, "null",
	},
	"logit_bias":            {`{"1":-100}`, `{}`, `{"1":"2"}`, "null"},
	"verbosity":             {`"low"`, `"HIGH"`, `"much"`, "null"},
	"user":                  {`"u"`, `""`, "1"},
	"metadata":              {`{"a":"b"}`, `"{\"a\":\"b\"}"`, `{"a":1}`},
	"service_tier":          {`"auto"`, `"default"`, `"flex"`, `"of its own"`},
	"prompt_cache_key":      {`"k"`, "null"},
	"cache_control":         {`{"type":"ephemeral","ttl":"1h"}`, `{}`},
	"modalities":            {`["text"]`, `["text","audio"]`, `"Image"`, `[]`},
	"prediction":            {`{"type":"content","content":"x"}`, "null"},
	"stream_options":        {`{"include_usage":true}`, `{"x":1}`},
	"functions":             {`[{"name":"f"}]`, "null"},
	"function_call":         {`"auto"`, `{"name":"f"}`, `{"name":"g"}`},
	"store":                 {"true", `"true"`, "false"},
	"max_completion_tokens": {"1", "4096", `"7"`, "null"},
	"max_tokens":            {"1", "1e3", `"7"`, "100000000", "9007199254740991", "null", "4096.0"},
	"reasoning_effort":      {`"none"`, `"minimal"`, `"low"`, `"high"`, `"max"`, `"much"`, "null"},
	"tools": {
		`[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"z":{},"a":{"type":"string"}}}}}]`,
		`[{"name":"f"}]`, `"[{\"name\":\"f\",\"strict\":true,\"parameters\":{\"type\":\"object\"}}]"`, `[{"name":"f"},{"name":"g"}]`, `[{"name":"f"},{"name":"f"}]`, `[]`, "null",
	},
	"tool_choice":         {`"auto"`, `"none"`, `"required"`, `{"type":"function","function":{"name":"f"}}`, "null"},
	"parallel_tool_calls": {"true", "false", `"false"`, "null"},
	"seed":                {"0", "-1", `"7"`, "9007199254740991", "null"},
	"n":                   {"1", "2", "null"},
	"logprobs":            {"true", "false", "null"},
	"top_logprobs":        {"0", "3", "null"},
}

var models = []string{
	`"gpt-4o-mini"`, `"o3-mini"`, `"gpt-5"`, `"gpt-5.1"`, `"gpt-4o-search-preview"`, `"claude-haiku-4-5"`, `"claude-opus-4-8"`,
	`"gemini-2.5-flash"`, `"models/gemini-3-pro"`, `"gemma-3-27b-it"`, `"deepseek-reasoner"`,
	`"gpt-5-pro"`, `"gpt-5.6"`, `"claude-sonnet-5"`, `"claude-3-haiku-20240307"`, `"glm-5"`, `""`, `null`, `"é\ud800<"`,
}

func (b *Bytes) messages(to []byte) []byte {
	if b.Number(16) == 15 {
		return strconv.AppendQuote(to, `[{"role":"user","content":"x"}]`)
	}
	to = append(to, '[')
	for n := b.Number(4); n >= 0; n-- {
		if b.Number(16) == 15 {
			to = append(append(append(to, `{"role":"assistant","content":`...), Pick(b, []string{"null", `"t"`, `""`})...),
				`,"tool_calls":[{"id":"c.1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"c.1","content":`...)
			to = append(append(to, Pick(b, []string{`"r"`, `[{"type":"text","text":"r"}]`, `" "`})...), "},"...)
		}
		to = append(append(to, `{"role":`...), Pick(b, []string{`"user"`, `"user"`, `"user"`, `"assistant"`, `"system"`, `"developer"`})...)
		to = append(to, `,"content":`...)
		switch b.Number(32) {
		case 31:
			to = b.value(to, 1)
		case 28:
			to = append(append(to, `[{"type":"text","text":"i"},{"type":"image_url","image_url":{"url":`...), Pick(b, []string{`"https://a.example/b.png"`, `"data:image/png;base64,AAAA"`})...)
			to = append(to, `}}]`...)
		case 30, 29:
			to = append(append(append(to, `[{"type":"text","text":`...), Pick(b, texts)...), `},"b"]`...)
		default:
			to = append(to, Pick(b, texts[:len(texts)-1])...)
		}
		if b.Number(32) == 31 {
			to = append(append(to, `,"name":`...), Pick(b, scalars)...)
		}
		to = append(to, '}')
		if n > 0 {
			to = append(to, ',')
		}
	}
	return append(to, ']')
}

// conversation are arguments with media, tools, thoughts and their results, and
// with an answer of earlier in the history, which goes back as it came.
func (h *History) conversation() []byte {
	to := append([]byte(`{"messages":[{"role":"user","content":[`), Pick(h.Bytes, parts)...)
	for n := h.Number(3); n > 0; n-- {
		to = append(append(to, ','), Pick(h.Bytes, parts)...)
	}
	to = append(to, "]}"...)
	if len(h.said) > 0 && h.Number(4) > 0 {
		said := Pick(h.Bytes, h.said)
		to = append(append(to, ','), said.Raw...)
		for _, call := range said.Get("tool_calls").Array() {
			to = append(append(to, `,{"role":"tool","tool_call_id":`...), call.Get("id").Raw...)
			to = append(append(append(to, `,"content":[`...), Pick(h.Bytes, parts)...), "]}"...)
		}
	} else {
		to = append(append(to, `,{"role":"assistant","content":"a",`...), Pick(h.Bytes, turns)...)
		to = append(append(append(to, `},{"role":"tool","tool_call_id":"c.1","content":[`...), Pick(h.Bytes, parts)...), "]}"...)
	}
	if h.Number(2) == 0 {
		to = append(to, `,{"role":"user","content":"y"}`...)
	}
	to = append(append(to, `],"model":`...), Pick(h.Bytes, models)...)
	for _, name := range []string{"tools", "stream", "reasoning_effort", "response_format", "max_tokens"} {
		if h.Number(3) > 0 {
			continue
		}
		to = append(append(append(append(to, `,"`...), name...), `":`...), argumentValues[name][h.Number(2)]...)
		if name == "tools" {
			to = append(append(to, `,"tool_choice":`...), Pick(h.Bytes, argumentValues["tool_choice"])...)
		}
	}
	if h.Number(4) == 0 {
		to = append(append(to, `,"extra_body":`...), Pick(h.Bytes, extras)...)
	}
	return append(to, '}')
}

var (
	// parts are parts of messages.
	parts = []string{
		`{"type":"text","text":"x"}`, `{"type":"text","text":"x"}`, `{"type":"text","text":"é","cache_control":{"type":"ephemeral"}}`, `"\ud800"`, `{"type":"refusal","refusal":"no"}`,
		`{"type":"image_url","image_url":{"url":"https://a.example/b.png","detail":"low"}}`, `{"type":"image_url","image_url":"data:image/png;base64,iVBORw0KGgo="}`,
		`{"type":"input_audio","input_audio":{"data":"UklGRg==","format":"wav"}}`, `{"type":"video_url","video_url":{"url":"https://www.youtube.com/watch?v=a"}}`,
		`{"type":"file","file":{"file_data":"data:application/pdf;base64,JVBERg==","filename":"<é>.pdf"}}`, `{"type":"file","file":{"file_data":"data:text/plain;base64,6Q=="}}`,
		`{"type":"file","file":{"file_id":"file-1"}}`, `{"type":"file","file":{"file_url":"https://a.example/b.pdf"}}`,
	}
	// turns are fields of an assistant's message that calls a tool.
	turns = []string{
		`"tool_calls":[{"id":"c.1","type":"custom","custom":{"name":"f","input":"x"}}]`,
		`"tool_calls":[{"id":"c.1","type":"function","function":{"name":"f","arguments":"{\"a\" : 1}"}}]`,
		`"tool_calls":[{"id":"c.1","function":{"name":"f","arguments":""},"extra_content":{"google":{"thought_signature":"s"}}}],"reasoning_content":"t"`,
		`"tool_calls":[{"id":"c.1","function":{"name":"f","arguments":"{}"}}],"reasoning_details":[{"type":"gemini.part","content":1,"calls":0,"value":{"executableCode":{"code":"1"}}},{"type":"gemini.thought_signature","part":"text","content":0,"length":9,"signature":"s"},{"type":"reasoning","summary":[],"encrypted_content":"s"},{"type":"thinking","thinking":"t","signature":"s"}]`,
	}
	extras = []string{
		`{"a":1,"é":null}`, `{"audio":{"format":"pcm16"},"modalities":["text","audio"]}`, `{"generationConfig":{"thinkingConfig":{"thinkingBudget":1}},"cachedContent":"c"}`, `"{\"top_k\":1}"`,
	}
)
