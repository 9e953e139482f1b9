package core

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// judgement says whether an answer has the form that was asked for.
type judgement struct {
	// validated is nil where it was not judged: no form was asked for, the
	// answer is cut, a refusal or calls tools, or nobody can tell.
	validated *bool
	// validation says why it is not true: the faults of the answer, each with
	// its place, or what kept it from being judged or repaired.
	validation []string
	repaired   bool // this is the second answer
}

// settle judges an answer, and has it repaired where that was asked for. An answer
// that is wrong is still the answer.
func (c *call) settle(answer *answer, repair bool) *answer {
	request := answer.target.request
	if answer.fault != nil || c.config.Output == OutputRaw && !repair { // whose results have no place for a judgement
		return answer
	}
	c.judge(request, answer)
	switch {
	case !repair || !answer.wrong():
	case c.spoke:
		answer.note("it was not asked for again, since its text had left as progress")
	case !c.canceled:
		answer = c.repair(request, answer)
	}
	if repair && !c.config.Checks && request.ResponseFormat.Type == "json_schema" && !answer.wrong() {
		answer.note("this host cannot check it against the schema")
	}
	return answer
}

// wrong reports whether an answer was judged, and has not the form asked for.
func (j *judgement) wrong() bool { return j.validated != nil && !*j.validated }

func (j *judgement) note(text string) { j.validation = append(j.validation, text) }

// judge checks every choice of an answer that is whole against the form that
// was asked for. It is true of an answer only if it is of each choice.
func (c *call) judge(request *provider.Request, answer *answer) {
	format := request.ResponseFormat
	if format == nil || format.Type == "text" {
		return
	}
	begun := "" // an answer that the caller began, whose rest may be all that came
	if last := request.Messages[len(request.Messages)-1]; last.Role == provider.Assistant {
		for _, part := range last.Parts {
			begun += part.Text
		}
	}
	verdict := Valid
	for _, choice := range answer.response.Choices {
		of := ""
		if len(answer.response.Choices) > 1 {
			of = "choice " + strconv.Itoa(choice.Index) + ": "
		}
		found := c.judgeChoice(format, choice, begun)
		if c.canceled {
			return
		}
		for _, fault := range found.Faults {
			answer.note(of + fault.sentence())
		}
		if found.More > 0 {
			answer.note(of + "and " + strconv.Itoa(found.More) + " more")
		}
		if found.Verdict == Unknown && found.Reason != "" {
			answer.note(of + found.Reason)
		}
		if found.Verdict == Invalid || verdict == Valid {
			verdict = found.Verdict
		}
	}
	if verdict != Unknown && len(answer.response.Choices) > 0 {
		valid := verdict == Valid
		answer.validated = &valid
	}
}

// judgeChoice gives the verdict on one choice. What is cut, refused or calls
// tools is unknown, and has no fault: nobody expects it to have the form.
func (c *call) judgeChoice(format *provider.ResponseFormat, choice provider.Choice, begun string) Checked {
	message := choice.Message
	whole := choice.FinishReason == provider.FinishStop || choice.FinishReason == ""
	if !whole || message.Refusal != "" || len(message.ToolCalls) > 0 {
		return Checked{Verdict: Unknown}
	}
	text := ""
	if message.Content != nil {
		text = *message.Content
	}
	valid := json.Valid([]byte(text))
	if !valid && begun != "" && json.Valid([]byte(begun+text)) {
		text, valid = begun+text, true
	}
	switch {
	case strings.TrimSpace(text) == "":
		return invalid("the answer is empty")
	case !valid && strings.HasPrefix(strings.TrimSpace(text), "```"):
		return invalid("the answer is not JSON alone: it stands in a code block")
	case !valid:
		return invalid("the answer is not JSON")
	case format.Type == "json_object" && !json.ParseString(text).IsObject():
		return invalid("got " + given(json.ParseString(text)) + ", want an object")
	case format.Type == "json_object":
		return Checked{Verdict: Valid}
	case !c.config.Checks:
		return Checked{Verdict: Unknown}
	}
	return c.check(json.RawMessage(json.Parse(format.JSONSchema).Get("schema").Raw), text)
}

// invalid is the verdict on a text that is wrong as a whole.
func invalid(fault string) Checked {
	return Checked{Verdict: Invalid, Faults: []SchemaFault{{Fault: fault}}}
}

// check asks the host whether a schema allows a text, and waits for it.
func (c *call) check(schema json.RawMessage, text string) Checked {
	id := c.open(KindChecked)
	c.engine.emit(&Check{ID: id, Schema: schema, Text: text})
	event, checked := c.park().(*Checked)
	if !checked {
		return Checked{Verdict: Unknown} // canceled
	}
	c.closed(id)
	// A host's texts may be of any length.
	found := Checked{Verdict: event.Verdict, More: max(0, event.More)}
	switch event.Verdict {
	case Valid:
		found.More = 0
	case Invalid:
		found.Faults = slices.Clone(event.Faults[:min(len(event.Faults), FaultLimit)])
		found.More += len(event.Faults) - len(found.Faults)
	default:
		reason := cut(legible(event.Reason), sentenceLimit)
		if reason == "" {
			reason = "the host did not say why"
		}
		found = Checked{Verdict: Unknown, Reason: "it could not be checked against the schema: " + reason}
	}
	return found
}

// sentenceLimit is how many characters are told of a sentence of the host's.
const sentenceLimit = 200

// sentence is the fault with its place.
func (f SchemaFault) sentence() string {
	fault := cut(legible(f.Fault), sentenceLimit)
	if place := cut(legible(f.Place), sentenceLimit); place != "" {
		return place + ": " + fault
	}
	return fault
}

// repair asks once more for an answer that is wrong, and tells why it is. The
// second answer takes the place of the first, a cut one as well if some of it
// has left the gateway; if there is none, the first stays. The usage of the
// other is kept with its attempt.
func (c *call) repair(request *provider.Request, first *answer) *answer {
	again := *request
	again.Messages = slices.Clone(request.Messages)
	if text := answerText(first.response.Choices[0].Message); text != "" {
		again.Messages = append(again.Messages, provider.Message{Role: provider.Assistant, Parts: []provider.Part{{Type: provider.TextPart, Text: text}}})
	}
	complaint := "This answer has not the form that was asked for:\n- " + strings.Join(first.validation, "\n- ") +
		"\nAnswer again with the corrected JSON, and nothing else."
	again.Messages = append(again.Messages, provider.Message{Role: provider.User, Parts: []provider.Part{{Type: provider.TextPart, Text: complaint}}})
	tried := len(c.reached)
	second := c.askHeeding(first.target, &again)
	if second.fault != nil && !c.spoke {
		if second.response != nil && len(c.reached) > tried {
			c.reached[tried].Usage = second.response.Usage
		}
		first.note("it was asked for again, which failed: " + strings.TrimRight(second.fault.Message, ". ") + " (kind " + string(second.fault.Kind) + ")")
		return first
	}
	c.reached[tried-1].Usage = first.response.Usage
	if second.fault == nil {
		second.repaired = true
		c.judge(&again, second)
	}
	return second
}

// repair reads repair, which needs something to hold an answer against.
func (a *arguments) repair(request *provider.Request) bool {
	wanted := is(a.truth("repair"))
	switch format := request.ResponseFormat; {
	case wanted && (format == nil || format.Type == "text"):
		a.fault("repair", "true", "false, or a response_format of type json_object or json_schema")
	case wanted && request.N != nil && *request.N > 1:
		a.fault("repair", "true", "false, with n above 1")
	}
	return wanted
}
