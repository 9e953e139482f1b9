package provider

import (
	"slices"
	"strings"
	"testing"
)

// TestRefusals reads the signs by which servers refuse a parameter, and those of
// errors that are none. What is done then is in the transcripts lessons-*.
func TestRefusals(t *testing.T) {
	coded := func(param, code string) string {
		return `{"error":{"message":"M","type":"invalid_request_error","param":"` + param + `","code":"` + code + `"}}`
	}
	said := func(message string) string { return `{"error":{"message":"` + message + `"}}` }
	for _, test := range []struct {
		status int
		body   string
		want   string // parameter, > instead, & beside
	}{
		{400, coded("temperature", "unsupported_value"), "temperature"},
		{400, coded("reasoning.effort", "unsupported_value"), "reasoning_effort"},
		{400, coded("reasoning.summary", "unsupported_value"), "reasoning.summary"},
		{400, coded("max_tokens", "unsupported_parameter"), "max_tokens>max_completion_tokens"},
		{400, coded("max_completion_tokens", "unknown_parameter"), "max_tokens>max_tokens"},
		{400, `{"object":"error","message":"M","type":"BadRequestError","param":"seed","code":"unsupported_parameter"}`, "seed"},
		{200, coded("seed", "unsupported_parameter"), "seed"},
		{422, `{"detail":[{"type":"missing","loc":["body","model"]},{"type":"extra_forbidden","loc":["body","random_seed"],"msg":"M"}]}`, "seed"},
		{400, said("`temperature` and `top_p` cannot both be specified for this model. Please use only one."), "top_p&temperature"},
		{400, said("`top_p` is deprecated for this model."), "top_p"},
		{400, said("This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium."), "reasoning_effort"},
		{400, said("This model does not support the effort parameter."), "reasoning_effort"},
		{400, said("Penalty is not enabled for models/gemini-2.0-flash"), "frequency_penalty presence_penalty"},
		{400, said("Thinking budget is not supported for this model."), "reasoning_effort"},
		{400, said("Thinking level is not supported for this model."), "reasoning_effort"},
		{400, said("Encrypted content is not supported with this model."), "reasoning.encrypted_content"},
		{400, said("Unsupported parameter: 'stop' is not supported with this model."), "stop"},
		{400, said("litellm.BadRequestError: OpenAIException - Unsupported value: 'temperature' does not support 0.5 with this model."), "temperature"},
		{400, said("Unsupported value: 'messages[0].role' does not support 'system' with this model."), ""},
		{400, `{"detail":"Unsupported parameter: temperature"}`, "temperature"},
		{400, said("Unrecognized request argument supplied: parallel_tool_calls"), "parallel_tool_calls"},
		{400, `{"code":"Client specified an invalid argument","error":"Argument not supported on this model: stop"}`, "stop"},
		{400, `{"code":"invalid-argument","error":"Model grok-4 does not support parameter reasoningEffort."}`, "reasoning_effort"},
		{400, said("`reasoning_effort` is not supported with this model"), "reasoning_effort"},
		{400, said("`reasoning_effort` must be one of `none` or `default`"), "reasoning_effort"},
		{400, said("'reasoning_effort' : value is not one of the allowed values ['none']"), "reasoning_effort"},
		{400, said("invalid temperature: only 1 is allowed for this model"), "temperature"},
		{400, said(`\"llama3.2\" does not support thinking`), "reasoning_effort"},
		{400, said(`think value \"medium\" is not supported for this model`), "reasoning_effort"},
		{400, `{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":{"error":{"message":"M","param":"stop","code":"unsupported_parameter"}}}}}`, "stop"},

		{400, coded("messages[0].role", "unsupported_value"), ""},
		{400, coded("response_format", "unsupported_parameter"), ""},
		{400, coded("temperature", "decimal_above_max_value"), ""},
		{400, coded("tools", "unsupported_parameter"), ""},
		{400, `{"error":{"message":"Unsupported parameter: 'seed'","param":"logprobs","code":"unsupported_parameter"}}`, ""}, // the field decides
		{422, `{"detail":[{"type":"extra_forbidden","loc":["body","messages",0,"seed"],"msg":"M"}]}`, ""},
		{422, `{"detail":[{"type":"less_than_equal","loc":["body","temperature"],"msg":"M"}]}`, ""},
		{400, said("temperature: range: 0..1"), ""},
		{400, said("`n` is not supported with this model"), ""},
		{400, said("Unsupported parameter: max_output_tokens"), ""},
		{400, said("invalid role: only 1 system message"), ""},
		{400, said(""), ""},
		{429, coded("temperature", "rate_limit_exceeded"), ""},
		{401, said("`temperature` is deprecated for this model."), ""},
	} {
		fault := readError(&Reply{Status: test.status, Body: strings.NewReader(test.body)})
		var got []string
		for _, refusal := range fault.Refused {
			word := refusal.Parameter
			if refusal.Instead != "" {
				word += ">" + refusal.Instead
			}
			if refusal.Beside != "" {
				word += "&" + refusal.Beside
			}
			got = append(got, word)
		}
		if want := strings.Fields(test.want); !slices.Equal(got, want) {
			t.Errorf("%d %s\ngot %q, want %q", test.status, test.body, got, want)
		}
	}
}

// TestHeedKeeps holds that lessons change neither the row nor the request that
// they are for: both are used again.
func TestHeedKeeps(t *testing.T) {
	half := 0.5
	row := Row{Endpoint: "e", Traits: append(make([]Trait, 0, 8), MaxCompletionTokens)}
	request := Request{Model: "m", Temperature: &half, MaxTokens: new(int64), Stream: true}
	var known Lessons
	for _, refusal := range refusalsOf("temperature", "max_completion_tokens", "stream_options") {
		known.Before = append(known.Before, LessonOf(refusal, &row, "f", &request))
	}
	heeding, asking, adjusted := known.Heed(&row, "f", &request)
	if asking.Temperature != nil || heeding.has(MaxCompletionTokens) || !heeding.has(NoStreamOptions) || len(adjusted) != 3 {
		t.Errorf("not all of three lessons were heeded: %+v, %+v, %+v", heeding, asking, adjusted)
	}
	if request.Temperature == nil || !row.has(MaxCompletionTokens) || slices.Contains(row.Traits[:cap(row.Traits)], NoStreamOptions) {
		t.Errorf("the row is now %+v, the request %+v", row, request)
	}
}
