package coretest

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// History makes a history of events from the bytes of a fuzzer: calls with
// arguments in and out of order, replies of every form cut anywhere, failures,
// timers, checks, cancels, and events for what has ended or never was. It keeps the
// contract of events, so that a machine may refuse none of them. It ends with
// a cancel for every call in flight: a machine is as good as new after it.
type History struct {
	*Bytes
	now   int64
	calls []core.ID // in flight
	open  []*exchange
	ended []core.ID // calls, fetches, timers and checks
	last  uint32    // the latest call's number
	known []provider.Lesson
	form  string // the wire form of the provider
}

// exchange is a fetch, a timer or a check in flight.
type exchange struct {
	id    core.ID
	timer bool
	check bool
	head  bool
	rest  []byte // of the reply's body
}

// historyLimit is the most events of a history, but for the cancels at its end.
const historyLimit = 150

// NewHistory returns the history that data stands for.
func NewHistory(data []byte) *History { return &History{Bytes: NewBytes(data), now: Epoch} }

// Events hands the events to step, one by one, and takes the effects that they
// had, since ids of fetches and timers come with those.
func (h *History) Events(step func(core.Event) []core.Effect) {
	take := func(event core.Event) { h.observe(step(event)) }
	take(h.configure())
	for n := 0; n < historyLimit && h.More(); n++ {
		take(h.event())
	}
	for len(h.calls) > 0 {
		take(&core.Cancel{ID: h.calls[0], AtMS: h.now})
	}
}

// observe notes what effects began and ended.
func (h *History) observe(effects []core.Effect) {
	for _, effect := range effects {
		switch effect := effect.(type) {
		case *core.Fetch:
			h.open = append(h.open, &exchange{id: effect.ID})
		case *core.Timer:
			h.open = append(h.open, &exchange{id: effect.ID, timer: true})
		case *core.Check:
			h.open = append(h.open, &exchange{id: effect.ID, check: true})
		case *core.Abort:
			h.over(effect.ID)
		case *core.Result:
			h.calls = slices.DeleteFunc(h.calls, func(id core.ID) bool { return id == effect.ID })
			h.ended = append(h.ended, effect.ID)
			h.known = append(h.known, effect.Learned...)
			for _, e := range slices.Clone(h.open) {
				if e.id.Call() == effect.ID {
					h.over(e.id)
				}
			}
		}
	}
}

func (h *History) over(id core.ID) {
	h.open = slices.DeleteFunc(h.open, func(e *exchange) bool { return e.id == id })
	h.ended = append(h.ended, id)
}

// event is the next event.
func (h *History) event() core.Event {
	switch h.Number(16) {
	case 0:
		h.now += 1000 * int64(h.Number(100))
	case 1:
		h.now -= int64(h.Number(256)) // a clock may step back
	default:
		h.now += int64(h.Number(8))
	}
	what := h.Number(16)
	switch {
	case what == 0:
		return h.configure()
	case what == 1:
		return &core.Describe{AtMS: h.now}
	case what == 2 && len(h.calls) > 0:
		return &core.Cancel{ID: Pick(h.Bytes, h.calls), AtMS: h.now}
	case what == 3:
		return h.late()
	case what < 6 && len(h.calls) < 4, len(h.open) == 0:
		return h.call()
	}
	e := Pick(h.Bytes, h.open)
	switch {
	case e.timer:
		h.over(e.id)
		return &core.Fire{ID: e.id, AtMS: h.now}
	case e.check:
		h.over(e.id)
		return h.checked(e.id)
	case what == 15:
		h.over(e.id)
		return h.fail(e.id)
	case !e.head:
		e.head, e.rest = true, Reply(h.Bytes, h.form)
		return h.head(e.id)
	case len(e.rest) == 0:
		h.over(e.id)
		return &core.End{ID: e.id, AtMS: h.now}
	}
	n := len(e.rest)
	if what < 8 {
		n = min(n, h.Number(256))
	}
	piece := slices.Clone(e.rest[:n])
	e.rest = e.rest[n:]
	return &core.Chunk{ID: e.id, AtMS: h.now, Body: piece}
}

func (h *History) configure() *core.Configure {
	config := DefaultConfig
	config.Checks = h.Number(4) > 0
	config.Output = Pick(h.Bytes, []core.Output{core.OutputText, core.OutputStructured, core.OutputRaw})
	row := provider.Row{
		Name: Pick(h.Bytes, names), Form: Pick(h.Bytes, []string{"openai-chat", "anthropic", "gemini", "openai-responses"}),
		Endpoint: Pick(h.Bytes, []string{"https://api.openai.com/v1", "http://127.0.0.1:1/a%2Fb?api-version=<1>"}),
	}
	if h.Number(4) == 0 {
		row.Traits = []provider.Trait{provider.OpenAIModels, provider.MaxCompletionTokens, provider.DeveloperRole}
	}
	if h.Number(4) == 0 {
		row = Pick(h.Bytes, provider.Rows)
	}
	if h.Number(4) == 0 {
		row.Header = []provider.Field{{Name: "x-title", Value: Pick(h.Bytes, names)}}
		row.Version = Pick(h.Bytes, names)
		row.Credential = provider.Credential{Name: "k", Header: "authorization", Prefix: Pick(h.Bytes, names)}
	}
	h.form = row.Form
	config.Description = Pick(h.Bytes, names)
	config.Providers = []provider.Row{row}
	if h.Number(2) == 0 { // somebody else to ask
		config.Providers = append(config.Providers, provider.Row{Name: "second", Form: row.Form, Endpoint: "https://second.example/v1"})
		config.Models = []provider.Model{{Provider: "second", ID: "imitated", Context: 1000, Strengths: Pick(h.Bytes, names)}}
		config.Aliases = []core.Alias{{Name: "imitated", Models: []string{row.Name + "/imitated", "second/imitated"}}, {Name: "loop", Models: []string{"loop"}}}
		config.Deny = []string{Pick(h.Bytes, []string{"*/denied", "*"})}
	}
	config.DefaultTemperature, config.DefaultMaxTokens = nil, nil
	if h.Number(4) == 0 {
		temperature, most := Pick(h.Bytes, []float64{0, 1e-7, 0.1, 2, 1e21}), Pick(h.Bytes, []int64{1, 4096, 1<<53 - 1})
		config.DefaultTemperature, config.DefaultMaxTokens = &temperature, &most
	}
	return &core.Configure{AtMS: h.now, Config: config}
}

// names are texts that are hard to carry: escapes, separators, what HTML
// escapes, what is not UTF-8.
var names = []string{"imitated", "", "é😀", "<&>\u2028\"\\", "\x00\n\x7f", "a\xffb\xc3", "{\"a\":1}", "\ufeff\ufffd"}

func (h *History) call() *core.Call {
	h.last++
	id := core.CallID(h.last)
	h.calls = append(h.calls, id)
	tool := "chat_completion"
	if h.Number(32) == 31 {
		tool = Pick(h.Bytes, names)
	}
	arguments := Arguments(h.Bytes)
	switch h.Number(16) {
	case 15:
		tool = "list_models"
		arguments = Pick(h.Bytes, [][]byte{nil, []byte(`{"query":"a","page":2}`), []byte(`{"ability":"tools","max_price":1,"refresh":true}`), []byte(`{"provider":1}`)})
	case 14, 13:
		tool = "compare_models"
		arguments = append([]byte(`{"models":["imitated","second/x",`), append([]byte(Pick(h.Bytes, models)), "],"...)...)
		arguments = append(arguments, bytes.TrimPrefix(Arguments(h.Bytes), []byte("{"))...)
	}
	if h.Number(4) == 0 { // what else is rarely drawn together
		arguments = []byte(`{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"schema":{"required":["a"]}}},"n":` +
			Pick(h.Bytes, argumentValues["n"]) + `,"stream":` + Pick(h.Bytes, argumentValues["stream"]) + `,"repair":` + Pick(h.Bytes, argumentValues["repair"]) + `}`)
	}
	return &core.Call{
		ID: id, AtMS: h.now, Tool: tool, Seed: uint64(h.Number(256)) * 0x0101010101010101,
		Deltas: h.Number(2) == 0, TimeoutMS: Pick(h.Bytes, []int64{0, 0, 0, 1, 3500, 60_000, 600_000}), Lessons: h.known, Arguments: arguments,
	}
}

// late is an event for what has ended or never was.
func (h *History) late() core.Event {
	id := core.CallID(h.last+1) | core.ID(h.Number(3)) // not called yet
	if len(h.ended) > 0 && h.Number(4) > 0 {
		id = Pick(h.Bytes, h.ended)
	}
	switch h.Number(7) {
	case 6:
		return h.checked(id)
	case 0:
		return h.head(id)
	case 1:
		return &core.Chunk{ID: id, AtMS: h.now, Body: []byte("data: late\n\n")}
	case 2:
		return &core.End{ID: id, AtMS: h.now}
	case 3:
		return h.fail(id)
	case 4:
		return &core.Fire{ID: id, AtMS: h.now}
	}
	return &core.Cancel{ID: core.CallID(h.last + 1), AtMS: h.now}
}

func (h *History) checked(id core.ID) *core.Checked {
	checked := &core.Checked{ID: id, AtMS: h.now, Verdict: Pick(h.Bytes, []core.Verdict{core.Valid, core.Invalid, core.Unknown, "of its own"}), Reason: Pick(h.Bytes, names)}
	for n := h.Number(12); n > 0; n-- {
		checked.Faults = append(checked.Faults, core.SchemaFault{Place: Pick(h.Bytes, names), Fault: Pick(h.Bytes, names)})
	}
	checked.More = Pick(h.Bytes, []int{0, 0, 1, -1, 1 << 40})
	return checked
}

func (h *History) fail(id core.ID) *core.Fail {
	return &core.Fail{
		ID: id, AtMS: h.now, Kind: Pick(h.Bytes, []provider.Kind{provider.Network, provider.Timeout, provider.Canceled, "", "of its own"}),
		Reason: Pick(h.Bytes, names), Next: Pick(h.Bytes, names), Retry: h.Number(2) == 0,
	}
}

func (h *History) head(id core.ID) *core.Head {
	head := &core.Head{ID: id, AtMS: h.now, Status: Pick(h.Bytes, []int{200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 429, 429, 503, 503, 400, 401, 302, 204, 0, -1, 700})}
	for h.Number(4) > 0 && len(head.Header) < 6 {
		name := Pick(h.Bytes, provider.ReplyHeaders)
		if len(head.Header) == 0 {
			name = provider.ReplyHeaders[h.Number(3)] // type and waits matter most
		}
		value := ""
		switch name {
		case "content-type":
			value = Pick(h.Bytes, []string{"text/event-stream", "application/json", "Text/Event-Stream ; charset=utf-8", "text/html"})
		case "retry-after", "retry-after-ms":
			value = Pick(h.Bytes, []string{"1", "0.5", "-1", "NaN", "Inf", "1e400", "0x10", "70", "Tue, 14 Nov 2023 22:13:30 GMT", "soon"})
		case "x-should-retry":
			value = Pick(h.Bytes, []string{"true", "false", "maybe"})
		default:
			value = Pick(h.Bytes, names)
		}
		head.Header = append(head.Header, provider.Field{Name: Pick(h.Bytes, []string{name, strings.ToUpper(name)}), Value: value})
	}
	return head
}

// Reply is a body for a wire form: a stream or a document, most often of that
// form and whole, an error, or bytes.
func Reply(source *Bytes, form string) []byte {
	other := source.Number(16) == 15
	switch {
	case form == "gemini" && !other:
		return geminiReply(source)
	case form == "openai-responses" && !other:
		return responsesReply(source)
	}
	isAnthropic := (form == "anthropic") != other
	var b []byte
	switch kind := source.Number(16); {
	case kind == 15:
		return source.Take(source.Number(256))
	case kind == 14:
		return source.object(nil, 0, replyFields)
	case kind == 12, kind == 13 && source.Number(2) == 0:
		b = append(append(b, `{"error":{"code":"unsupported_value","param":`...), Pick(source, refusable)...)
		return append(source.fields(append(b, `,"message":"m"`...), 1, otherFields), '}')
	case kind == 13:
		return source.fields(append(b, `{"error":{"message":"m"}`...), 0, []string{"error", "message", "detail", "type", "request_id"})
	case kind > 8 && isAnthropic:
		b = append(b, `{"type":"message","stop_reason":"end_turn","content":[{"type":"text","text":`...)
		b = source.fields(append(b, Pick(source, texts)...), 2, blockFields)
		b = source.fields(append(append(b, `,{"type":`...), Pick(source, blockTypes)...), 2, blockFields)
		return append(source.fields(append(b, `],"usage":{"input_tokens":1`...), 1, usageFields), '}')
	case kind > 8:
		b = append(b, `{"choices":[{"index":0,"finish_reason":"stop","message":{"content":`...)
		b = source.fields(append(b, Pick(source, texts)...), 2, pieceFields)
		return append(source.fields(append(b, `}],"usage":{"prompt_tokens":1`...), 1, usageFields), '}')
	}
	end := Pick(source, []string{"\n", "\r\n", "\r"})
	event := func(data func()) {
		switch source.Number(16) {
		case 12, 13, 14:
			b = append(append(b, Pick(source, []string{": wait", "event: ping", "event: x", "id: 1"})...), end...)
		case 15:
			b = append(append(b, Pick(source, []string{"event: error", "error: {}", "data: {\"error\":\"e\"}", "data: {", "data"})...), end...)
		}
		b = append(b, Pick(source, []string{"data: ", "data:", " data: "})...)
		data()
		b = append(append(b, end...), end...)
	}
	if isAnthropic {
		event(func() {
			b = source.value(append(b, `{"type":"message_start","message":{"model":"m","id":`...), 2)
			b = append(source.fields(append(b, `,"content":[],"usage":{"input_tokens":1`...), 1, usageFields), "}}"...)
		})
	}
	for n := source.Number(8); n >= 0; n-- {
		event(func() {
			index := Pick(source, []string{"0", "0", "0", "1", "-1", "1e30"})
			switch what := source.Number(16); {
			case what == 15:
				b = source.object(b, 0, replyFields)
			case !isAnthropic:
				b = append(append(append(b, `{"choices":[{"index":`...), index...), `,"delta":{"content":`...)
				b = source.fields(append(b, Pick(source, texts)...), 1, pieceFields)
				b = append(append(append(b, `,"finish_reason":`...), Pick(source, []string{"null", "null", "null", `"stop"`, `"length"`, `"é\ud800"`})...), "}]}"...)
			case what < 6:
				b = append(append(append(b, `{"type":"content_block_start","index":`...), index...), `,"content_block":{"type":`...)
				b = append(source.fields(append(b, Pick(source, blockTypes)...), 1, blockFields), '}')
			case what < 12:
				b = append(append(append(b, `{"type":"content_block_delta","index":`...), index...), `,"delta":`...)
				b = append(b, Pick(source, []string{
					`{"type":"text_delta","text":"é"`, `{"type":"thinking_delta","thinking":"t"`, `{"type":"signature_delta","signature":"s"`,
					`{"type":"input_json_delta","partial_json":"{"`, `{"type":"citations_delta","citation":{"a" : 1}`,
				})...)
				b = append(source.fields(b, 1, blockFields), '}')
			default:
				b = append(append(append(b, `{"type":"content_block_stop","index":`...), index...), '}')
			}
		})
	}
	switch end := source.Number(8); {
	case end == 7: // cut
	case isAnthropic:
		event(func() {
			b = append(b, `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2`...)
			b = append(source.fields(b, 1, usageFields), '}')
		})
		event(func() { b = append(b, `{"type":"message_stop"}`...) })
	default:
		event(func() {
			b = append(b, `{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":{"completion_tokens":2`...)
			b = append(source.fields(b, 1, usageFields), '}')
		})
		event(func() { b = append(b, "[DONE]"...) })
	}
	return b
}

// texts are JSON strings that an answer may hold, blockTypes the types of its
// blocks.
var (
	texts      = []string{`"x"`, `"{\"a\":{}}"`, `"{\"a\":1}"`, `"é😀"`, `""`, `" \n"`, `"end \n"`, `"\ud800\u0000"`, "\"\xff\xc3\"", `"<&>\u2028"`, `null`}
	blockTypes = []string{`"text"`, `"thinking"`, `"redacted_thinking"`, `"tool_use"`, `"fallback"`, `"x"`}
)

// refusable are parameters that an error may name.
var refusable = []string{
	`"temperature"`, `"top_p"`, `"frequency_penalty"`, `"presence_penalty"`, `"stop"`, `"seed"`, `"reasoning_effort"`,
	`"parallel_tool_calls"`, `"stream_options"`, `"max_tokens"`, `"max_completion_tokens"`, `"reasoning.summary"`, `"messages"`,
}

// The fields that the decoders read.
var (
	replyFields = []string{
		"id", "model", "created", "choices", "usage", "error", "type", "message", "content", "index", "delta",
		"content_block", "stop_reason", "finish_reason", "native_finish_reason", "logprobs", "stop_details",
	}
	pieceFields = []string{
		"content", "refusal", "reasoning_content", "reasoning", "reasoning_details", "annotations", "images", "audio",
		"tool_calls", "function_call", "role",
	}
	blockFields = []string{
		"type", "text", "thinking", "signature", "id", "name", "input", "citations", "citation", "partial_json", "to", "data",
	}
	usageFields = []string{
		"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details",
		"prompt_cache_hit_tokens", "num_cached_tokens", "input_tokens", "output_tokens", "cache_read_input_tokens",
		"cache_creation_input_tokens", "output_tokens_details", "iterations",
	}
	otherFields = []string{
		"function", "arguments", "name", "index", "id", "type", "text", "thinking", "data", "code", "status", "message",
		"metadata", "raw", "details", "retryDelay", "cached_tokens", "cache_write_tokens", "reasoning_tokens",
		"audio_tokens", "thinking_tokens", "explanation", "delta", "content", "é\\u0000\\\"",
	}
)

// Bytes are a fuzzer's bytes, drawn one by one. Where they end, 0 is drawn.
type Bytes struct{ data []byte }

// NewBytes returns bytes to draw from.
func NewBytes(data []byte) *Bytes { return &Bytes{data} }

// More reports whether there is something left to draw.
func (b *Bytes) More() bool { return len(b.data) > 0 }

// Number draws a number below n, which is at most 256.
func (b *Bytes) Number(n int) int {
	if len(b.data) == 0 {
		return 0
	}
	drawn := int(b.data[0])
	b.data = b.data[1:]
	return drawn % n
}

// Take draws bytes as they are, at most n.
func (b *Bytes) Take(n int) []byte {
	n = min(n, len(b.data))
	taken := slices.Clone(b.data[:n])
	b.data = b.data[n:]
	return taken
}

// Pick draws one of a list.
func Pick[T any](b *Bytes, list []T) T { return list[b.Number(len(list))] }

// scalars are the JSON values at which readers of JSON part: numbers beyond
// what they hold, lone surrogates, bytes that are not UTF-8.
var scalars = []string{
	`""`, `"a"`, `"text"`, `"tool_use"`, `"thinking"`, `"text_delta"`, `"input_json_delta"`, `"thinking_delta"`, `"signature_delta"`, `"citations_delta"`, `"compaction"`, `"message"`,
	`"é😀"`, `"\ud83d\ude00\u0000\n"`, `"\ud800"`, "\"\u2028<&>\\\"\"", "\"\xff\xc3\"", `"34.4s"`, `"overloaded_error"`, `"{\"a\":1}"`, `"1"`, `"rate_limit_exceeded"`,
	`0`, `1`, `-1`, `-0`, `2`, `0.1`, `1.5`, `1e-7`, `1E3`, `1e21`, `1e30`, `-1e30`, `1e400`, `9007199254740993`, `9223372036854775807`, `9223372036854775808`, `-9223372036854775808`, `123456789012345678901234567890`, `429`, `1e-400`,
	`null`, `true`, `false`, `{}`, `[]`, ` [ ] `,
}

// value appends a JSON value.
func (b *Bytes) value(to []byte, depth int) []byte {
	switch kind := b.Number(8); {
	case kind == 0 && depth < 4:
		return b.object(to, depth+1, otherFields)
	case kind == 1 && depth < 4:
		to = append(to, '[')
		for n := b.Number(3); n >= 0; n-- {
			if to[len(to)-1] != '[' {
				to = append(to, ',')
			}
			to = b.value(to, depth+1)
		}
		return append(to, ']')
	}
	return append(to, Pick(b, scalars)...)
}

// object appends a JSON object with some of the fields.
func (b *Bytes) object(to []byte, depth int, names []string) []byte {
	to = append(to, '{')
	if b.Number(8) == 7 {
		return append(to, '}')
	}
	to = append(append(append(to, '"'), Pick(b, names)...), `":`...)
	return b.fields(b.value(to, depth+1), depth, names)
}

// fields appends some more fields to an object and closes it.
func (b *Bytes) fields(to []byte, depth int, names []string) []byte {
	for n := b.Number(4); n > 0; n-- {
		to = append(append(append(to, `,"`...), Pick(b, names)...), `":`...)
		to = b.value(to, depth+1)
	}
	return append(to, '}')
}

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

// HistorySeeds are bytes from which a fuzzer may begin.
func HistorySeeds() [][]byte {
	var seeds [][]byte
	for _, step := range []int{1, 7, 37, 101} {
		seed := make([]byte, 600)
		for i := range seed {
			seed[i] = byte(i * step >> 1)
		}
		seeds = append(seeds, seed)
	}
	return seeds
}
