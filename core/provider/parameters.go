package provider

import (
	"slices"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// parameter is one that not every form or server has.
type parameter struct {
	name string
	said func(*Request) bool
	drop func(*Request)
	// needed: the answer would not be the one that was asked for without it.
	needed bool
}

// parameters are those that [Request.without] can take away, in the order in
// which it tells of them.
var parameters = []parameter{
	{"top_k", func(r *Request) bool { return r.TopK != nil }, func(r *Request) { r.TopK = nil }, false},
	{"logit_bias", func(r *Request) bool { return r.LogitBias != nil }, func(r *Request) { r.LogitBias = nil }, false},
	{"frequency_penalty", func(r *Request) bool { return unlike(r.FrequencyPenalty, 0) }, func(r *Request) { r.FrequencyPenalty = nil }, false},
	{"presence_penalty", func(r *Request) bool { return unlike(r.PresencePenalty, 0) }, func(r *Request) { r.PresencePenalty = nil }, false},
	{"stop", func(r *Request) bool { return len(r.Stop) > 0 }, func(r *Request) { r.Stop = nil }, false},
	{"reasoning_effort", func(r *Request) bool { return r.ReasoningEffort != "" }, func(r *Request) { r.ReasoningEffort = "" }, false},
	{"verbosity", func(r *Request) bool { return r.Verbosity != "" }, func(r *Request) { r.Verbosity = "" }, false},
	{"user", func(r *Request) bool { return r.User != "" }, func(r *Request) { r.User = "" }, false},
	{"metadata", func(r *Request) bool { return r.Metadata != nil }, func(r *Request) { r.Metadata = nil }, false},
	{"store", func(r *Request) bool { return is(r.Store) }, func(r *Request) { r.Store = nil }, false},
	{"service_tier", func(r *Request) bool { return r.ServiceTier != "" }, func(r *Request) { r.ServiceTier = "" }, false},
	{"prompt_cache_key", func(r *Request) bool { return r.PromptCacheKey != "" }, func(r *Request) { r.PromptCacheKey = "" }, false},
	{"prompt_cache_options", func(r *Request) bool { return r.PromptCacheOptions != nil }, func(r *Request) { r.PromptCacheOptions = nil }, false},
	{"cache_control", func(r *Request) bool { return r.CacheControl != nil }, func(r *Request) { r.CacheControl = nil }, false},
	{"modalities", (*Request).wantsMedia, func(r *Request) { r.Modalities = nil }, true},
	{"audio", func(r *Request) bool { return r.Audio != nil }, func(r *Request) { r.Audio = nil }, true},
	{"prediction", func(r *Request) bool { return r.Prediction != nil }, func(r *Request) { r.Prediction = nil }, true},
	{"web_search_options", func(r *Request) bool { return r.WebSearchOptions != nil }, func(r *Request) { r.WebSearchOptions = nil }, true},
	{"moderation", func(r *Request) bool { return r.Moderation != nil }, func(r *Request) { r.Moderation = nil }, true},
}

// parameterOf is the parameter of a name, if it is one that is not needed.
func parameterOf(name string) *parameter {
	at := slices.IndexFunc(parameters, func(parameter parameter) bool { return parameter.name == name })
	if at < 0 || parameters[at].needed {
		return nil
	}
	return &parameters[at]
}

// fit is the request without the parameters that a form, the row's server or
// the model there do not have.
func (r *Row) fit(form string, lacks []string, request *Request, adjusted *adjustments) (*Request, *Error) {
	request, fault := request.without(form, lacks, adjusted)
	if fault == nil {
		request, fault = request.without(r.Name, r.Lacks, adjusted)
	}
	if fault == nil {
		request, fault = request.without(request.Model, r.model(request.Model).Lacks, adjusted)
	}
	return request, fault
}

// without is the request without parameters of these names, which who does not
// have. What is needed is refused, the others are listed as dropped.
func (r *Request) without(who string, names []string, adjusted *adjustments) (*Request, *Error) {
	if len(names) == 0 {
		return r, nil
	}
	left := *r
	var needed []string
	for _, parameter := range parameters {
		switch {
		case !slices.Contains(names, parameter.name):
			continue
		case !parameter.said(r):
		case parameter.needed:
			needed = append(needed, parameter.name)
		default:
			adjusted.note(parameter.name, "dropped", who+" has none")
		}
		parameter.drop(&left)
	}
	if len(needed) == 0 {
		return &left, nil
	}
	list := strings.Join(needed, ", ")
	return nil, &Error{
		Kind: InvalidRequest, Message: list + ": got it, allowed: nothing, since " + who + " has none",
		Next: "Leave " + list + " out, or choose another provider.",
	}
}

// allowedTools is the request with the tools that tool_choice allows and no
// others, for forms that cannot be told which are.
func (r *Request) allowedTools(adjusted *adjustments) *Request {
	if r.ToolChoice == nil || r.ToolChoice.Allowed == nil {
		return r
	}
	left, choice := *r, *r.ToolChoice
	left.Tools, choice.Allowed = nil, nil
	for _, tool := range r.Tools {
		if slices.Contains(r.ToolChoice.Allowed, tool.Name) {
			left.Tools = append(left.Tools, tool)
		}
	}
	left.ToolChoice = &choice
	adjusted.note("tool_choice", "renamed", "there is no allowed_tools: only these tools were sent, with "+choice.Mode)
	return &left
}

// noParameters is the schema of a tool that takes nothing.
var noParameters = json.RawMessage(`{"type":"object","properties":{}}`)

// wantsMedia reports whether the answer shall be more than text.
func (r *Request) wantsMedia() bool {
	return slices.ContainsFunc(r.Modalities, func(modality string) bool { return modality != "text" })
}

// probabilities names the parameter that asks for the probabilities of tokens,
// what was given and what asks for none; "" where neither of the two does.
func (r *Request) probabilities() (name, given, none string) {
	switch {
	case is(r.Logprobs):
		return "logprobs", "true", "false"
	case r.TopLogprobs != nil && *r.TopLogprobs > 0:
		return "top_logprobs", decimal(*r.TopLogprobs), "0"
	}
	return "", "", ""
}

// saysJSON reports whether a message says JSON.
func (r *Request) saysJSON() bool {
	return r.holds(func(part Part) bool { return strings.Contains(strings.ToLower(part.Text), "json") })
}

// most is how many tokens the answer may have, and the name under which the
// caller said so. Where both names were used, the newer one counts.
func (r *Request) most(adjusted *adjustments) (most *int64, name string) {
	if r.MaxCompletionTokens == nil {
		return r.MaxTokens, "max_tokens"
	}
	if r.MaxTokens != nil && *r.MaxTokens != *r.MaxCompletionTokens {
		adjusted.note("max_tokens", "dropped", "max_completion_tokens, its newer name, was given as well")
	}
	return r.MaxCompletionTokens, "max_completion_tokens"
}

// adds reports whether extra_body has a field at a path. What nobody asked for
// makes way for it.
func (r *Request) adds(path string) bool { return json.Parse(r.Extra).Get(path).Exists() }

// is reports whether a truth was said and is true.
func is(truth *bool) bool { return truth != nil && *truth }

// unlike reports whether a number was said and is not the default.
func unlike(number *float64, standard float64) bool { return number != nil && *number != standard }
