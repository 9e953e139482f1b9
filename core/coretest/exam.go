package coretest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// Verdict is what came of one cell of the exam.
type Verdict string

// The verdicts. A cell that is none of them fails the test.
const (
	// Passed: the request was right in the provider's form, and the reply, in
	// the provider's dialect, was read as what it is.
	Passed Verdict = "passed"
	// Refused: an error of kind invalid_request, before anything was sent, that
	// names the argument.
	Refused Verdict = "refused"
	// NotOffered: by the row's data the provider does not have it, and the
	// gateway left it out and said so.
	NotOffered Verdict = "not offered"
)

// Column is one question of the exam.
type Column struct {
	// Name is the table's heading.
	Name string
	// field is the argument that a refusal has to name.
	field string
	sit   func(s *sitting) (Verdict, error)
}

// Columns are the questions.
var Columns = []Column{
	{"plain", "", (*sitting).plain},
	{"several system", "messages", (*sitting).severalSystem},
	{"multi-turn", "messages", (*sitting).multiTurn},
	{"tool call", "tools", (*sitting).toolCall},
	{"parallel calls", "tools", (*sitting).parallelCalls},
	{"tool result", "messages", (*sitting).toolResult},
	{"image", "messages[0].content[1]", (*sitting).image},
	{"file", "messages[0].content[1]", (*sitting).file},
	{"stream", "", (*sitting).stream},
	{"truncated stream", "", (*sitting).truncated},
	{"reasoning round trip", "", (*sitting).reasoning},
	{"schema", "response_format", (*sitting).schema},
	{"401", "", (*sitting).wrongKey},
	{"429 with delay", "", (*sitting).tooMany},
	{"500", "", (*sitting).broken},
	{"HTML for JSON", "", (*sitting).html},
	{"error within a stream", "", (*sitting).errorInStream},
}

// Cell is a place in the table: an examinee's name and a column's.
type Cell struct{ Examinee, Column string }

// Exam asks every examinee every question, in imitation of what its provider
// writes, and holds the verdicts against [Exceptions]. Each cell is sat twice,
// with the replies whole and cut, on one machine.
func Exam(t *testing.T, machine core.Machine) map[Cell]Verdict {
	t.Helper()
	verdicts := map[Cell]Verdict{}
	sat := uint32(0)
	for _, examinee := range Examinees() {
		for _, column := range Columns {
			for i, cut := range []func([]byte) [][]byte{whole, randomly(1)} {
				sat += 10
				s := &sitting{examinee: examinee, column: column, machine: machine, cut: cut, now: Epoch, number: sat}
				verdict, err := column.sit(s)
				cell := Cell{examinee.Name, column.Name}
				if err == nil && i > 0 && verdict != verdicts[cell] {
					err = fmt.Errorf("cut, it is %s", verdict)
				}
				if err != nil {
					t.Errorf("%s, %s: %v", examinee.Name, column.Name, err)
					verdict = "failed"
				}
				verdicts[cell] = verdict
			}
		}
	}
	for cell, verdict := range verdicts {
		excepted, ok := exception(cell)
		switch {
		case verdict == Passed && ok:
			t.Errorf("%s, %s: passed, and is among those that do not", cell.Examinee, cell.Column)
		case verdict != Passed && verdict != "failed" && (!ok || excepted.Verdict != verdict):
			t.Errorf("%s, %s: %s, and is not among those that are", cell.Examinee, cell.Column, verdict)
		}
	}
	for _, excepted := range Exceptions {
		for _, name := range excepted.Examinees {
			if _, sat := verdicts[Cell{name, excepted.Column}]; !sat {
				t.Errorf("%s, %s: no such cell, and it is among the exceptions", name, excepted.Column)
			}
		}
	}
	return verdicts
}

// Exception says of cells that they do not pass, and why.
type Exception struct {
	Column    string
	Examinees []string
	Verdict   Verdict
	Reason    string
}

// Exceptions are all cells that do not pass.
var Exceptions = []Exception{
	{"image", []string{"deepseek"}, Refused, "DeepSeek takes text only (recorded: \"unknown variant `image_url`, expected `text`\")."},
	{"file", []string{"deepseek"}, Refused, "DeepSeek takes text only."},
	{"schema", []string{"deepseek"}, Refused, "DeepSeek refuses `json_schema`; `json_object` it takes."},
	{
		"reasoning round trip",
		[]string{"groq", "mistral", "xai", "together", "fireworks", "perplexity", "alibaba", "huggingface", "cohere", "github", "lmstudio", "llamacpp", "another server"},
		NotOffered,
		"It does not ask for its reasoning back. The caller gets the text as `reasoning_content`; where it comes back it is left out, and listed among the adjustments.",
	},
}

func exception(cell Cell) (Exception, bool) {
	for _, excepted := range Exceptions {
		if excepted.Column == cell.Column && slices.Contains(excepted.Examinees, cell.Examinee) {
			return excepted, true
		}
	}
	return Exception{}, false
}

// sitting is one examinee before one question.
type sitting struct {
	examinee Examinee
	column   Column
	machine  core.Machine
	cut      func([]byte) [][]byte
	now      int64
	number   uint32 // of the latest call
}

// outcome is everything that came of one call.
type outcome struct {
	fetches []*core.Fetch
	lines   []string // of the first request
	timers  []int64  // milliseconds
	deltas  string
	kind    provider.Kind
	result  json.Value
	text    string // of the first block: the answer, or what is wrong
}

func (o *outcome) message() json.Value { return o.result.Get("structuredContent.choices.0.message") }

// FormOf tells the wire form of a request by its URL.
func FormOf(url string) string {
	path, _, _ := strings.Cut(url, "?")
	for end, form := range map[string]string{
		"/chat/completions": "openai-chat", "/responses": "openai-responses", "/messages": "anthropic",
		":generateContent": "gemini", ":streamGenerateContent": "gemini",
	} {
		if strings.HasSuffix(path, end) {
			return form
		}
	}
	return ""
}

// ask calls the tool and plays the provider until the result is there.
func (s *sitting) ask(model, arguments string, answer func(form string, attempt int) reply) (*outcome, error) {
	s.number++
	id := core.CallID(s.number)
	o := &outcome{}
	config := core.Config{Target: "any", Output: core.OutputStructured, DefaultModel: model, Providers: []provider.Row{s.examinee.Row}}
	events := []core.Event{
		&core.Configure{AtMS: s.now, Config: config},
		&core.Call{ID: id, AtMS: s.now, Tool: "chat_completion", Deltas: true, Arguments: []byte(arguments)},
	}
	for len(events) > 0 {
		effects, err := s.machine.Step(events[0])
		if err != nil {
			return nil, fmt.Errorf("%T: %w", events[0], err)
		}
		events = events[1:]
		for _, effect := range effects {
			switch effect := effect.(type) {
			case *core.Fetch:
				form := FormOf(effect.URL)
				if form == "" {
					return nil, fmt.Errorf("a request to %s", effect.URL)
				}
				o.fetches = append(o.fetches, effect)
				if len(o.fetches) == 1 {
					o.lines = ReadRequest(form, effect.Body)
				}
				s.now += 100
				replied := answer(form, len(o.fetches))
				events = append(events, &core.Head{ID: effect.ID, AtMS: s.now, Status: replied.status, Header: replied.header})
				for _, piece := range s.cut([]byte(replied.body)) {
					events = append(events, &core.Chunk{ID: effect.ID, AtMS: s.now, Body: bytes.Clone(piece)})
				}
				events = append(events, &core.End{ID: effect.ID, AtMS: s.now})
			case *core.Timer:
				o.timers = append(o.timers, effect.AfterMS)
				s.now += effect.AfterMS
				events = []core.Event{&core.Fire{ID: effect.ID, AtMS: s.now}} // the rest of the reply is of no more use
			case *core.Delta:
				o.deltas += effect.Text
			case *core.Result:
				o.kind, o.result = effect.Kind, json.Parse(effect.Body)
				o.text = o.result.Get("content.0.text").String()
				return o, nil
			}
		}
	}
	return nil, fmt.Errorf("no result")
}

// refused reports a refusal before anything was sent that names the argument.
func (s *sitting) refused(o *outcome) bool {
	return len(o.fetches) == 0 && o.kind == provider.InvalidRequest && s.column.field != "" && strings.Contains(o.text, s.column.field)
}

// answered checks a success.
func (o *outcome) answered(text, finish string) error {
	choice := o.result.Get("structuredContent.choices.0")
	usage := o.result.Get("structuredContent.usage")
	switch {
	case o.kind != "":
		return fmt.Errorf("%s: %s", o.kind, o.text)
	case choice.Get("message.content").String() != text:
		return fmt.Errorf("the answer is %q, not %q", choice.Get("message.content").String(), text)
	case choice.Get("finish_reason").String() != finish:
		return fmt.Errorf("finish_reason is %q, not %s", choice.Get("finish_reason").String(), finish)
	case usage.Get("prompt_tokens").Int() != 3 || usage.Get("completion_tokens").Int() != 5 || usage.Get("total_tokens").Int() != 8:
		return fmt.Errorf("the usage is %s", usage.Raw)
	}
	return nil
}

// failed checks a failure that tells what the provider told.
func (o *outcome) failed(kind provider.Kind, says string) error {
	if o.kind != kind || !strings.Contains(o.text, says) {
		return fmt.Errorf("kind %q, not %s, or no %q in: %s", o.kind, kind, says, o.text)
	}
	return nil
}

// sent holds the first request's lines against those expected. The ids of
// calls, once checked, are c1, c2 and so on there.
func (s *sitting) sent(o *outcome, want ...string) error {
	if len(o.fetches) == 0 {
		return fmt.Errorf("nothing was sent: %s", o.text)
	}
	valid := s.examinee.ids
	if FormOf(o.fetches[0].URL) == "openai-responses" {
		valid = responsesID
	}
	known := map[string]string{}
	var got []string
	for _, line := range o.lines {
		words := strings.SplitN(line, " ", 4)
		switch {
		case strings.HasPrefix(line, "assistant call "):
			if !valid.MatchString(words[2]) || known[words[2]] != "" {
				return fmt.Errorf("the id %q of a call is none for it, or is there twice", words[2])
			}
			known[words[2]] = fmt.Sprintf("c%d", len(known)+1)
			line = "assistant call " + known[words[2]] + " " + words[3]
		case strings.HasPrefix(line, "result "):
			line = "result " + known[words[1]] + " " + strings.Join(words[2:], " ")
		case strings.HasPrefix(line, "tool "), strings.HasPrefix(line, "schema "):
			continue // questions of their own
		}
		got = append(got, line)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("it says\n\t%s\nnot\n\t%s\nin %s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"), o.fetches[0].Body)
	}
	return nil
}

// line is the first line of the request that begins so, without that.
func (o *outcome) line(beginning string) string {
	for _, line := range o.lines {
		if rest, ok := strings.CutPrefix(line, beginning); ok {
			return rest
		}
	}
	return ""
}

// errorsOf is the first of several.
func errorsOf(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// greeting is an answer of words.
var greeting = answer{words: []string{"Grüß ", "dich, ", "world."}}

const greetingText = "Grüß dich, world."

func (s *sitting) replies(a answer) func(string, int) reply {
	return func(form string, _ int) reply { return s.examinee.dialect.whole(form, a) }
}

func (s *sitting) streams(a answer, end ...string) func(string, int) reply {
	return func(form string, _ int) reply {
		bring, last := s.examinee.dialect.stream(form, a)
		if end != nil {
			last = end
		}
		return streamReply(append(bring, last...))
	}
}

// asked checks what is true of every request: the address, the place of the
// key, the model.
func (s *sitting) asked(o *outcome, url, model string) error {
	if len(o.fetches) == 0 {
		return fmt.Errorf("nothing was sent: %s", o.text)
	}
	fetch, body := o.fetches[0], json.Parse(o.fetches[0].Body)
	switch {
	case fetch.Method != "POST" || fetch.URL != url:
		return fmt.Errorf("%s %s, not %s", fetch.Method, fetch.URL, url)
	case fetch.Credential != s.examinee.Row.Credential:
		return fmt.Errorf("the credential is %+v", fetch.Credential)
	case s.examinee.Row.Form != "gemini" && body.Get("model").String() != model:
		return fmt.Errorf("the model is %q", body.Get("model").String())
	case strings.Contains(string(fetch.Body), `"developer"`) && !s.examinee.developer:
		return fmt.Errorf("a role developer, which it does not know: %s", fetch.Body)
	}
	return nil
}

func (s *sitting) plain() (Verdict, error) {
	o, err := s.ask(s.examinee.model, `{"messages":[{"role":"user","content":"Hi"}],"max_tokens":100}`, s.replies(greeting))
	if err != nil {
		return "", err
	}
	if err := s.asked(o, s.examinee.url, s.examinee.model); err != nil {
		return "", err
	}
	limits := 0
	for _, name := range []string{"max_tokens", "max_completion_tokens", "max_output_tokens", "generationConfig.maxOutputTokens"} {
		if json.Parse(o.fetches[0].Body).Get(name).Int() == 100 {
			limits++
		}
	}
	if limits != 1 {
		return "", fmt.Errorf("the limit of tokens is there %d times: %s", limits, o.fetches[0].Body)
	}
	return Passed, errorsOf(s.sent(o, "user text Hi"), o.answered(greetingText, "stop"))
}

func (s *sitting) severalSystem() (Verdict, error) {
	o, err := s.ask(s.examinee.model, `{"messages":[{"role":"system","content":"Be brief."},{"role":"developer","content":"Be kind."},{"role":"user","content":"Hi"}]}`, s.replies(greeting))
	if err != nil {
		return "", err
	}
	var texts []string
	for _, line := range o.lines {
		if text, ok := strings.CutPrefix(line, "system text "); ok {
			texts = append(texts, text)
		} else if text, ok := strings.CutPrefix(line, "developer text "); ok {
			texts = append(texts, text)
		}
	}
	if most := s.examinee.system; most > 0 && len(texts) > most {
		return "", fmt.Errorf("%d system messages, where %d is safe", len(texts), most)
	}
	if strings.Join(texts, "\n\n") != "Be brief.\n\nBe kind." || len(o.lines) != len(texts)+1 || o.lines[len(texts)] != "user text Hi" {
		return "", fmt.Errorf("it says %q", o.lines)
	}
	return Passed, errorsOf(s.asked(o, s.examinee.url, s.examinee.model), o.answered(greetingText, "stop"))
}

func (s *sitting) multiTurn() (Verdict, error) {
	o, err := s.ask(s.examinee.model, `{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello."},{"role":"user","content":"Go on."}]}`, s.replies(greeting))
	if err != nil {
		return "", err
	}
	return Passed, errorsOf(s.sent(o, "user text Hi", "assistant text Hello.", "user text Go on."), o.answered(greetingText, "stop"))
}

const (
	weather     = `{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}`
	weatherTool = `"tools":[{"type":"function","function":{"name":"weather","description":"The weather.","parameters":` + weather + `}}]`
)

// toolSent checks the declaration of the tool, its keys in their order.
func (o *outcome) toolSent() error {
	if got := o.line("tool weather "); got != weather {
		return fmt.Errorf("the tool is %q in %q", got, o.lines)
	}
	return nil
}

// called checks the calls of an answer: ids of their own, and the arguments.
func (o *outcome) called(arguments ...string) error {
	calls := elements(o.message().Get("tool_calls"))
	if len(calls) != len(arguments) {
		return fmt.Errorf("%d calls, not %d: %s", len(calls), len(arguments), o.message().Raw)
	}
	ids := map[string]bool{}
	for i, call := range calls {
		id := call.Get("id").String()
		if id == "" || ids[id] || call.Get("type").String() != "function" || call.Get("function.name").String() != "weather" || call.Get("function.arguments").String() != arguments[i] {
			return fmt.Errorf("a call without an id of its own, or another than %s: %s", arguments[i], call.Raw)
		}
		ids[id] = true
	}
	return nil
}

func (s *sitting) toolCall() (Verdict, error) {
	o, err := s.ask(s.examinee.model, `{"messages":[{"role":"user","content":"Weather?"}],`+weatherTool+`}`, s.replies(answer{calls: []callArguments{`{"city":"Paris"}`}}))
	if err != nil {
		return "", err
	}
	return Passed, errorsOf(s.sent(o, "user text Weather?"), o.toolSent(), o.answered("", "tool_calls"), o.called(`{"city":"Paris"}`))
}

func (s *sitting) parallelCalls() (Verdict, error) {
	o, err := s.ask(s.examinee.model, `{"messages":[{"role":"user","content":"Weather?"}],"stream":true,`+weatherTool+`}`,
		s.streams(answer{calls: []callArguments{`{"city":"Paris"}`, `{"city":"Rome"}`}}))
	if err != nil {
		return "", err
	}
	return Passed, errorsOf(s.sent(o, "user text Weather?"), o.toolSent(), o.answered("", "tool_calls"), o.called(`{"city":"Paris"}`, `{"city":"Rome"}`))
}

// toolResult has ids as other providers give them: Kimi's, and a long one.
func (s *sitting) toolResult() (Verdict, error) {
	long := "call_" + strings.Repeat("x", 70)
	o, err := s.ask(s.examinee.model, `{"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":null,"tool_calls":[`+
		`{"id":"functions.weather:0","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Paris\"}"}},`+
		`{"id":"`+long+`","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}}]},`+
		`{"role":"tool","tool_call_id":"functions.weather:0","content":"sunny"},{"role":"tool","tool_call_id":"`+long+`","content":"rain"}],`+weatherTool+`}`, s.replies(greeting))
	if err != nil {
		return "", err
	}
	if s.examinee.Row.Form == "gemini" { // the stand-in for a signature that was never there
		o.lines = slices.DeleteFunc(o.lines, func(line string) bool { return strings.HasPrefix(line, "assistant thought ") })
	}
	if s.examinee.dialect.thinks == "" { // DeepSeek wants the field, be it empty
		o.lines = slices.DeleteFunc(o.lines, func(line string) bool { return line == "assistant thought reasoning_content " })
	}
	return Passed, errorsOf(s.sent(o, "user text Weather?", `assistant call c1 weather {"city":"Paris"}`, `assistant call c2 weather {"city":"Rome"}`,
		"result c1 sunny", "result c2 rain"), o.answered(greetingText, "stop"))
}

func (s *sitting) image() (Verdict, error) {
	return s.part(`{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}`, "user image image/png iVBORw0KGgo=")
}

func (s *sitting) file() (Verdict, error) {
	return s.part(`{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERi0="}}`, "user file application/pdf JVBERi0=")
}

func (s *sitting) part(part, line string) (Verdict, error) {
	o, err := s.ask(s.examinee.model, `{"messages":[{"role":"user","content":[{"type":"text","text":"Look."},`+part+`]}]}`, s.replies(greeting))
	switch {
	case err != nil:
		return "", err
	case s.refused(o):
		return Refused, nil
	}
	return Passed, errorsOf(s.sent(o, "user text Look.", line), o.answered(greetingText, "stop"))
}

const askStream = `{"messages":[{"role":"user","content":"Hi"}],"stream":true}`

func (s *sitting) stream() (Verdict, error) {
	o, err := s.ask(s.examinee.model, askStream, s.streams(greeting))
	if err != nil {
		return "", err
	}
	if o.deltas != greetingText {
		return "", fmt.Errorf("%q went out as progress", o.deltas)
	}
	body := json.Parse(o.fetches[0].Body)
	if s.examinee.Row.Form != "gemini" && !body.Get("stream").Bool() {
		return "", fmt.Errorf("no stream was asked for: %s", o.fetches[0].Body)
	}
	return Passed, errorsOf(s.asked(o, s.examinee.streamURL, s.examinee.model), s.sent(o, "user text Hi"), o.answered(greetingText, "stop"))
}

// kept checks that half an answer is no answer, is kept, and that nobody asks
// again once text has gone out.
func (o *outcome) kept() error {
	if o.deltas != greetingText || o.result.Get("content.1.text").String() != greetingText || len(o.fetches) != 1 {
		return fmt.Errorf("%q went out in %d attempts, %q was kept", o.deltas, len(o.fetches), o.result.Get("content.1.text").String())
	}
	return nil
}

func (s *sitting) truncated() (Verdict, error) {
	o, err := s.ask(s.examinee.model, askStream, s.streams(greeting, ""))
	if err != nil {
		return "", err
	}
	return Passed, errorsOf(o.failed(provider.BadReply, "the stream ended before the answer was finished"), o.kept())
}

func (s *sitting) errorInStream() (Verdict, error) {
	o, err := s.ask(s.examinee.model, askStream, s.streams(greeting, s.examinee.dialect.inStream...))
	if err != nil {
		return "", err
	}
	if o.kind == "" || o.kind == provider.BadReply && s.examinee.Row.Form != "openai-chat" {
		return "", fmt.Errorf("kind %q", o.kind)
	}
	return Passed, errorsOf(o.failed(o.kind, told), o.kept())
}

// states are what has to come back of a thought, by form and dialect.
func (s *sitting) state(form string) string {
	switch {
	case form == "openai-responses":
		return responsesThought
	case form == "anthropic":
		return anthropicThinking
	case form == "gemini":
		return sealed
	case s.examinee.dialect.thinks == "details":
		return "[" + chatDetail + "]"
	}
	return thoughtText
}

// takesThoughts reports whether a row's data has a place for reasoning that
// goes back.
func takesThoughts(row *provider.Row) bool {
	return row.Form != "openai-chat" || slices.ContainsFunc(row.Traits, func(trait provider.Trait) bool {
		return slices.Contains([]provider.Trait{provider.OpenAIModels, provider.ReasoningBack, provider.ReasoningFieldBack, provider.ReasoningDetailsBack}, trait)
	})
}

func (s *sitting) reasoning() (Verdict, error) {
	question := `{"role":"user","content":"Weather?"}`
	first, err := s.ask(s.examinee.thinker, `{"messages":[`+question+`],"reasoning_effort":"high",`+weatherTool+`}`,
		s.replies(answer{thought: true, calls: []callArguments{`{"city":"Paris"}`}}))
	if err != nil {
		return "", err
	}
	if err := errorsOf(first.answered("", "tool_calls"), first.called(`{"city":"Paris"}`)); err != nil {
		return "", err
	}
	if got := first.message().Get("reasoning_content").String(); got != thoughtText {
		return "", fmt.Errorf("the thought is %q", got)
	}
	id := first.message().Get("tool_calls.0.id").Raw
	second, err := s.ask(s.examinee.thinker, `{"messages":[`+question+`,`+first.message().Raw+`,{"role":"tool","tool_call_id":`+id+`,"content":"sunny"}],"reasoning_effort":"high",`+weatherTool+`}`,
		s.replies(greeting))
	if err != nil {
		return "", err
	}
	if err := second.answered(greetingText, "stop"); err != nil {
		return "", err
	}
	thought, called := -1, -1
	for i, line := range second.lines {
		switch {
		case strings.HasPrefix(line, "assistant thought ") && strings.HasSuffix(line, s.state(FormOf(second.fetches[0].URL))):
			thought = i
		case strings.HasPrefix(line, "assistant call ") && called < 0:
			called = i
		}
	}
	dropped := strings.Contains(second.result.Get("structuredContent.gateway.adjusted").Raw, `{"parameter":"messages[].reasoning_content","action":"dropped"`)
	switch {
	case thought >= 0 && thought < called && takesThoughts(&s.examinee.Row):
		return Passed, nil
	case !takesThoughts(&s.examinee.Row) && thought < 0 && dropped && called > 0:
		return NotOffered, nil
	}
	return "", fmt.Errorf("the thought did not go back as it came, or in its place, or nobody was told: %q, %s", second.lines, second.result.Get("structuredContent.gateway.adjusted").Raw)
}

func (s *sitting) schema() (Verdict, error) {
	o, err := s.ask(s.examinee.model, `{"messages":[{"role":"user","content":"Weather?"}],"response_format":{"type":"json_schema","json_schema":{"name":"w","strict":true,"schema":`+weather+`}}}`,
		s.replies(answer{words: []string{`{"city":"Paris"}`}}))
	switch {
	case err != nil:
		return "", err
	case s.refused(o):
		return Refused, nil
	}
	if got := o.line("schema "); got != weather {
		return "", fmt.Errorf("the schema is %q", got)
	}
	return Passed, errorsOf(s.sent(o, "user text Weather?"), o.answered(`{"city":"Paris"}`, "stop"))
}

const askPlain = `{"messages":[{"role":"user","content":"Hi"}]}`

func (s *sitting) wrongKey() (Verdict, error) {
	o, err := s.ask(s.examinee.model, askPlain, func(string, int) reply { return s.examinee.dialect.wrongKey })
	if err != nil {
		return "", err
	}
	if len(o.fetches) != 1 {
		return "", fmt.Errorf("%d attempts with a wrong key", len(o.fetches))
	}
	return Passed, o.failed(provider.Authentication, told)
}

// again is a failure first and an answer then.
func (s *sitting) again(failure reply) (*outcome, error) {
	return s.ask(s.examinee.model, askPlain, func(form string, attempt int) reply {
		if attempt == 1 {
			return failure
		}
		return s.examinee.dialect.whole(form, greeting)
	})
}

// tried checks a second attempt: why, and after which wait.
func (o *outcome) tried(kind provider.Kind, least, most int64) error {
	got := o.result.Get("structuredContent.gateway.attempts.0.kind").String()
	if len(o.fetches) != 2 || len(o.timers) != 1 || o.timers[0] < least || o.timers[0] > most || got != string(kind) {
		return fmt.Errorf("%d attempts after waits of %v ms, the first ended by %s: %s", len(o.fetches), o.timers, got, o.text)
	}
	return o.answered(greetingText, "stop")
}

func (s *sitting) tooMany() (Verdict, error) {
	o, err := s.again(s.examinee.dialect.tooMany(s.now + 100))
	if err != nil {
		return "", err
	}
	return Passed, o.tried(provider.RateLimit, 2000, 2000)
}

func (s *sitting) broken() (Verdict, error) {
	o, err := s.again(s.examinee.dialect.broken)
	if err != nil {
		return "", err
	}
	always, err := s.ask(s.examinee.model, askPlain, func(string, int) reply { return s.examinee.dialect.broken })
	if err != nil {
		return "", err
	}
	return Passed, errorsOf(o.tried(provider.Overloaded, 1, 500), always.failed(provider.Overloaded, told))
}

func (s *sitting) html() (Verdict, error) {
	page := reply{200, []provider.Field{{Name: "content-type", Value: "text/html; charset=utf-8"}}, "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"}
	o, err := s.ask(s.examinee.model, askPlain, func(string, int) reply { return page })
	if err != nil {
		return "", err
	}
	if len(o.fetches) != 1 {
		return "", fmt.Errorf("%d attempts", len(o.fetches))
	}
	return Passed, errorsOf(o.failed(provider.BadReply, "<title>Sign in</title>"), o.failed(provider.BadReply, "Check the endpoint"))
}
