package provider

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// Refusal is one parameter that a server refused, and what to send in its
// place. It is only of parameters without which a request is still what was
// asked for:
//
//   - how tokens are drawn: temperature, top_p, penalties, seed;
//   - how much is thought, and what of it is told: reasoning_effort,
//     reasoning.summary, reasoning.encrypted_content;
//   - stop and parallel_tool_calls, which the encoders leave out as well where
//     a form or a known model has none: an answer may be longer, or hold more
//     calls, and the caller sees either;
//   - stream, which OpenAI refuses to organisations that are not verified: the
//     answer is the same, and comes at once;
//   - stream_options, which nobody asked for;
//   - max_tokens under its other name, never without it;
//   - what else fewer providers have and is not needed, as parameters.go says.
//
// An error about anything else stays an error: response_format, tools,
// tool_choice, n, logprobs, messages and their parts are what the caller cannot
// do without, and of extra_body the gateway knows nothing.
type Refusal struct {
	// Parameter is the name in a [Request]'s words, such as top_p, or one of
	// those above that a request does not have.
	Parameter string `json:"parameter"`
	// Instead is the name under which it goes, of max_tokens alone. Empty: it is
	// left out.
	Instead string `json:"instead,omitempty"`
	// Beside is the parameter beside which alone it is refused, or "".
	Beside string `json:"beside,omitempty"`
}

// Lesson is a refusal and where it holds: for requests to one endpoint in one
// form, for one model, with one effort asked for. The effort counts since models
// refuse temperature with one and take it with another, and take one effort and
// refuse another.
type Lesson struct {
	Endpoint string `json:"endpoint"`
	Form     string `json:"form"`
	Model    string `json:"model"`
	// Effort is the reasoning_effort that was asked for, or "".
	Effort string `json:"effort,omitempty"`
	Refusal
}

// LessonOf is what a refusal teaches about a request.
func LessonOf(refusal Refusal, row *Row, form string, request *Request) Lesson {
	return Lesson{Endpoint: row.Endpoint, Form: form, Model: request.Model, Effort: request.ReasoningEffort, Refusal: refusal}
}

// Lessons are what one call knows of refusals.
type Lessons struct {
	Before []Lesson // of earlier calls
	Now    []Lesson // of an earlier attempt of this one
	Status int      // of the reply to that attempt
}

// Heed returns row and request without what is known to be refused, for a
// translator to write, and lists what that changed. Neither row nor request is
// changed.
func (l *Lessons) Heed(row *Row, form string, request *Request) (*Row, *Request, []Adjustment) {
	if len(l.Before)+len(l.Now) == 0 {
		return row, request, nil
	}
	heeding, asking := *row, *request
	heeding.Traits = slices.Clone(row.Traits)
	var adjusted adjustments
	heed := func(lessons []Lesson, how string) {
		for _, lesson := range lessons {
			if lesson != LessonOf(lesson.Refusal, row, form, request) || !lesson.heed(&heeding, &asking) {
				continue
			}
			adjusted = slices.DeleteFunc(adjusted, func(a Adjustment) bool { return a.Parameter == lesson.Parameter }) // it was of another opinion
			switch {
			case lesson.Instead != "":
				adjusted.note(lesson.Parameter, "renamed", request.Model+" refused "+otherName(lesson.Instead)+how+": it went as "+lesson.Instead)
			case lesson.Beside != "":
				adjusted.note(lesson.Parameter, "dropped", request.Model+" refused it beside "+lesson.Beside+how)
			default:
				adjusted.note(lesson.Parameter, "dropped", request.Model+" refused it"+how)
			}
		}
	}
	heed(l.Before, " before")
	how := ""
	if l.Status >= 400 {
		how = " (" + strconv.Itoa(l.Status) + ")"
	}
	heed(l.Now, how)
	return &heeding, &asking, adjusted
}

// The two names of max_tokens.
const (
	maxTokens           = "max_tokens"
	maxCompletionTokens = "max_completion_tokens"
)

func otherName(name string) string {
	if name == maxTokens {
		return maxCompletionTokens
	}
	return maxTokens
}

// heed changes row and request, and reports whether there was something to
// change. What only a translator writes it is told by a trait.
func (r *Refusal) heed(row *Row, request *Request) (changed bool) {
	if r.Beside == "temperature" && request.Temperature == nil {
		return false
	}
	switch r.Parameter {
	case "temperature":
		changed, request.Temperature = request.Temperature != nil, nil
	case "top_p":
		changed, request.TopP = request.TopP != nil, nil
	case "frequency_penalty": // one of 0 as well, which is said and refused
		changed, request.FrequencyPenalty = request.FrequencyPenalty != nil, nil
	case "presence_penalty":
		changed, request.PresencePenalty = request.PresencePenalty != nil, nil
	case "seed":
		changed, request.Seed = request.Seed != nil, nil
	case "parallel_tool_calls":
		changed, request.ParallelToolCalls = request.ParallelToolCalls != nil, nil
	case "reasoning.summary":
		changed = request.ReasoningEffort != ""
		row.Traits = append(row.Traits, NoReasoningSummary)
	case "reasoning.encrypted_content":
		changed = true
		row.Traits = append(row.Traits, NoEncryptedReasoning)
	case "stream":
		changed, request.Stream = request.Stream, false
	case "stream_options":
		changed = request.Stream
		row.Traits = append(row.Traits, NoStreamOptions)
	case maxTokens:
		switch r.Instead {
		case maxCompletionTokens:
			row.Traits = append(row.Traits, MaxCompletionTokens)
		case maxTokens:
			row.Traits = slices.DeleteFunc(row.Traits, func(trait Trait) bool { return trait == MaxCompletionTokens })
		default:
			return false
		}
		changed = request.MaxTokens != nil || request.MaxCompletionTokens != nil
	default:
		if parameter := parameterOf(r.Parameter); parameter != nil {
			changed = parameter.said(request)
			parameter.drop(request)
		}
	}
	return changed
}

// refusalOf is the refusal of a field of the wire, by the names that forms and
// errors have for it; false where it is none of those that may be left out.
func refusalOf(field string) (Refusal, bool) {
	switch field {
	case "temperature", "seed", "top_p", "parallel_tool_calls", "reasoning.summary", "reasoning.encrypted_content", "stream", "stream_options":
		return Refusal{Parameter: field}, true
	case "topP":
		return Refusal{Parameter: "top_p"}, true
	case "topK":
		return Refusal{Parameter: "top_k"}, true
	case "text.verbosity":
		return Refusal{Parameter: "verbosity"}, true
	case "metadata.user_id":
		return Refusal{Parameter: "user"}, true
	case "serviceTier":
		return Refusal{Parameter: "service_tier"}, true
	case "frequencyPenalty":
		return Refusal{Parameter: "frequency_penalty"}, true
	case "presencePenalty":
		return Refusal{Parameter: "presence_penalty"}, true
	case "random_seed":
		return Refusal{Parameter: "seed"}, true
	case "stop_sequences", "stopSequences":
		return Refusal{Parameter: "stop"}, true
	case "reasoning", "reasoning.effort", "reasoningEffort", "output_config.effort":
		return Refusal{Parameter: "reasoning_effort"}, true
	case "stream_options.include_usage":
		return Refusal{Parameter: "stream_options"}, true
	case maxTokens, maxCompletionTokens:
		return Refusal{Parameter: maxTokens, Instead: otherName(field)}, true
	}
	if parameterOf(field) == nil {
		return Refusal{}, false
	}
	return Refusal{Parameter: field}, true
}

// refusalCodes are codes that say that a parameter, or any value of it that
// matters, is not for this model: OpenAI, Azure and those that follow them. A
// value that is only wrong has other codes (invalid_value, invalid_type).
const refusalCodes = "unsupported_parameter unsupported_value unknown_parameter"

// refusalSentences are the words of servers that give no other sign, and what
// they name: fields of the wire, or, where none are given, the word between
// before and after, or behind before.
//
//	Anthropic   "`temperature` is deprecated for this model.", "`temperature` and `top_p` cannot both be
//	            specified for this model. Please use only one.", "This model does not support effort level
//	            'xhigh'. Supported levels: ...", "This model does not support the effort parameter."
//	Gemini      "Penalty is not enabled for models/X", "Thinking budget is not supported for this model.",
//	            "Thinking level is not supported for this model."
//	OpenAI      "Encrypted content is not supported with this model."; behind proxies that keep the words
//	            alone, "Unsupported parameter: 'stop' is not supported with this model." and "Unsupported
//	            value: 'temperature' does not support 0.5 with this model."; of older versions at Azure
//	            "Unrecognized request argument supplied: max_completion_tokens"
//	xAI         "Argument not supported on this model: presencePenalty", "Model X does not support parameter
//	            reasoningEffort."
//	Groq        "`reasoning_effort` is not supported with this model", "`reasoning_effort` must be one of
//	            `none` or `default`", "'reasoning_effort' : value is not one of the allowed values [...]"
//	Moonshot    "invalid temperature: only 1 is allowed for this model"
//	Ollama      "X does not support thinking", "think value "medium" is not supported for this model"
var refusalSentences = []struct{ before, after, fields, beside string }{
	{before: "`temperature` and `top_p` cannot both be specified", fields: "top_p", beside: "temperature"},
	{before: "`", after: "` is deprecated for this model"},
	{before: "does not support effort level", fields: "reasoning_effort"},
	{before: "does not support the effort parameter", fields: "reasoning_effort"},
	{before: "Penalty is not enabled for", fields: "frequency_penalty presence_penalty"},
	{before: "Thinking budget is not supported", fields: "reasoning_effort"},
	{before: "Thinking level is not supported", fields: "reasoning_effort"},
	{before: "Encrypted content is not supported", fields: "reasoning.encrypted_content"},
	{before: "Unsupported parameter: "},
	{before: "Unsupported value: "},
	{before: "Unrecognized request argument supplied: "},
	{before: "Argument not supported on this model: "},
	{before: "does not support parameter "},
	{before: "`", after: "` is not supported with this model"},
	{before: "`reasoning_effort` must be one of", fields: "reasoning_effort"},
	{before: "'reasoning_effort' : value is not one of the allowed values", fields: "reasoning_effort"},
	{before: "invalid ", after: ": only "},
	{before: "does not support thinking", fields: "reasoning_effort"},
	{before: "think value ", after: " is not supported", fields: "reasoning_effort"},
}

// refusals finds in an error what was refused, of what may be left out. The
// fields of the error decide; where they name a parameter its words do not.
func (e *Error) refusals(value json.Value, codes []string) []Refusal {
	if e.Kind != InvalidRequest {
		return nil
	}
	object := errorObject(value)
	parameter := text(object.Get("param"))
	if parameter != "" && slices.ContainsFunc(codes, func(code string) bool { return slices.Contains(strings.Fields(refusalCodes), code) }) {
		return refusalsOf(parameter)
	}
	for _, fault := range value.Get("detail").Array() { // FastAPI's list; Mistral
		if kind := text(fault.Get("type")); kind != "extra_forbidden" && kind != "value_error.extra" {
			continue
		}
		if place := fault.Get("loc").Array(); len(place) == 2 && text(place[0]) == "body" {
			return refusalsOf(text(place[1]))
		}
	}
	if raw := object.Get("metadata.raw"); raw.Exists() { // OpenRouter: the error of who is behind
		if words := text(raw); json.Valid([]byte(words)) {
			raw = json.Parse([]byte(words))
		}
		if raw.IsObject() {
			behind := Error{Kind: InvalidRequest}
			if told := behind.refusals(raw, behind.read(raw)); told != nil {
				return told
			}
		}
	}
	return refusalsSaid(e.Message)
}

// refusalsSaid finds refusals in a sentence.
func refusalsSaid(message string) []Refusal {
	for _, sentence := range refusalSentences {
		start := strings.Index(message, sentence.before)
		end := len(message)
		if sentence.after != "" {
			if end = strings.Index(message, sentence.after); end >= 0 {
				start = strings.LastIndex(message[:end], sentence.before)
			}
		}
		if start < 0 || end < 0 {
			continue
		}
		fields := sentence.fields
		if fields == "" {
			fields = fieldName(message[start+len(sentence.before) : end])
		}
		told := refusalsOf(strings.Fields(fields)...)
		for i := range told {
			told[i].Beside = sentence.beside
		}
		if told != nil {
			return told
		}
	}
	return nil
}

// fieldName is the name with which a text begins, in quotes or not.
func fieldName(text string) string {
	text = strings.TrimLeft(text, "'\"`")
	end := strings.IndexFunc(text, func(r rune) bool {
		return r != '_' && r != '.' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if end >= 0 {
		text = text[:end]
	}
	return strings.TrimRight(text, ".")
}

func refusalsOf(fields ...string) (told []Refusal) {
	for _, field := range fields {
		if refusal, ok := refusalOf(field); ok {
			told = append(told, refusal)
		}
	}
	return told
}
