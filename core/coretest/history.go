package coretest

import (
	"bytes"
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
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
	said  []json.Value // messages of answers
}

// exchange is a fetch, a timer or a check in flight.
type exchange struct {
	id    core.ID
	form  string // of the reply
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
			h.open = append(h.open, &exchange{id: effect.ID, form: FormOf(effect.URL)})
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
			result := json.Parse(effect.Body)
			for _, completion := range []string{"structuredContent", "_meta.mcp-ai-gateway/completion"} {
				message := result.Get(completion + ".choices.0.message")
				// One whose text stands elsewhere, or with a nameless call, says nothing again.
				if message.Get("content").Type == json.String || message.Get("tool_calls.0.function.name").String() != "" {
					h.said = append(h.said, message)
				}
			}
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
		e.head, e.rest = true, Reply(h.Bytes, e.form)
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
	config.MediaLimit = Pick(h.Bytes, []int64{0, 0, 0, 10})
	row := h.row()
	config.DefaultModel = Pick(h.Bytes, map[string][]string{
		"openai-chat": {"gpt-4o-mini", "gpt-5.6", "llama"}, "openai-responses": {"gpt-4o-mini", "gpt-5"},
		"anthropic": {"claude-haiku-4-5", "claude-opus-4-8"}, "gemini": {"gemini-2.5-flash", "gemini-3-pro"},
	}[row.Form])
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

// row is a provider: most often one that is known, now and then with other
// traits, elsewhere, or called oddly.
func (h *History) row() provider.Row {
	form := Pick(h.Bytes, forms)
	var rows []provider.Row
	for _, row := range provider.Rows {
		if row.Form == form {
			rows = append(rows, row)
		}
	}
	row := Pick(h.Bytes, rows)
	switch {
	case row.Name == "azure":
		row.Endpoint = Pick(h.Bytes, []string{
			"https://r.openai.azure.com/openai/v1", "https://r.openai.azure.com/openai/deployments/d?api-version=2024-02-01", "https://r.services.ai.azure.com/models",
		})
	case form == "gemini" && h.Number(4) == 0:
		row.Endpoint = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google"
	case h.Number(4) == 0:
		row.Endpoint = "http://127.0.0.1:1/a%2Fb?api-version=<1>"
	}
	if h.Number(8) == 0 {
		row.Traits = slices.Concat(row.Traits, Pick(h.Bytes, provider.Rows).Traits, Pick(h.Bytes, [][]provider.Trait{
			nil, {provider.NoReasoningSummary}, {provider.NoEncryptedReasoning},
		}))
	}
	if h.Number(4) == 0 {
		row.Name = Pick(h.Bytes, names)
		row.Header = []provider.Field{{Name: "x-title", Value: Pick(h.Bytes, names)}}
		row.Version = Pick(h.Bytes, names)
		row.Credential = provider.Credential{Name: "k", Header: "authorization", Prefix: Pick(h.Bytes, names)}
	}
	return row
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
	switch h.Number(8) { // what else is rarely drawn together
	case 0, 1, 2:
		arguments = h.conversation()
	case 3, 4:
		arguments = []byte(`{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"schema":{"required":["a"]}}},"n":` +
			Pick(h.Bytes, []string{"1", "1", "1", "2"}) + `,"stream":` + Pick(h.Bytes, argumentValues["stream"]) + `,"repair":` + Pick(h.Bytes, argumentValues["repair"]) + `}`)
	}
	switch h.Number(16) {
	case 15:
		tool = "list_models"
		arguments = Pick(h.Bytes, [][]byte{nil, []byte(`{"query":"a","page":2}`), []byte(`{"ability":"tools","max_price":1,"refresh":true}`), []byte(`{"provider":1}`)})
	case 14, 13:
		tool = "compare_models"
		arguments = append([]byte(`{"models":["imitated","second/x",`+Pick(h.Bytes, models)+"],"), bytes.TrimPrefix(arguments, []byte("{"))...)
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

// AddHistories adds the seeds of histories to a target that takes nothing else.
// Unless somebody says otherwise, an input is shortened in 100 tries, and not for
// a minute, in which nothing new is found, whenever one is interesting: to leave
// out any range of some hundred bytes is tens of thousands of tries.
func AddHistories(f *testing.F) {
	for _, seed := range HistorySeeds() {
		f.Add(seed)
	}
	said := false
	flag.Visit(func(given *flag.Flag) { said = said || given.Name == "test.fuzzminimizetime" })
	if !said {
		if err := flag.Set("test.fuzzminimizetime", "100x"); err != nil {
			f.Fatal(err)
		}
	}
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
