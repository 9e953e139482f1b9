package coretest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// The questions of the exam, in the order of [Columns].

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
	if err != nil {
		return "", err
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
	if err != nil {
		return "", err
	}
	if slices.Contains(s.examinee.Row.Traits, provider.NoSchema) {
		described := slices.ContainsFunc(o.lines, func(line string) bool {
			return strings.HasPrefix(line, "system text ") && strings.HasSuffix(line, weather)
		})
		adjusted := o.result.Get("structuredContent.gateway.adjusted").Raw
		if !described || !strings.Contains(adjusted, `{"parameter":"response_format","action":"renamed"`) {
			return "", fmt.Errorf("the schema was not described, or nobody was told: %q, %s", o.lines, adjusted)
		}
		return NotOffered, o.answered(`{"city":"Paris"}`, "stop")
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
