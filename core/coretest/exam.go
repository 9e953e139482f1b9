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
	// field is the argument that a refusal has to name; "": it is not to be refused.
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
	{"reasoning round trip", "messages", (*sitting).reasoning},
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
				if s.last != nil && s.refused(s.last) {
					verdict, err = Refused, nil
				}
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
	{"file", []string{"groq"}, Refused, "Groq takes text and images only."},
	{"schema", []string{"deepseek"}, NotOffered, "DeepSeek refuses `json_schema`: `json_object` is asked for, a system message describes the schema, and the adjustments say so."},
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
	number   uint32   // of the latest call
	last     *outcome // of that
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
	s.last = o
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
