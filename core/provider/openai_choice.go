package provider

import (
	"slices"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// FormFor is the wire form in which a request is written for a row, and its
// reply read: the row's, but where OpenAI's models do what is asked by another
// of their two APIs only. A caller asks for the one gateway and need not know.
func FormFor(row *Row, request *Request) string {
	if row.needsResponses(request) != "" {
		return "openai-responses"
	}
	return row.Form
}

// needsResponses says why a request that would go to Chat Completions has to
// go to Responses, or nothing.
//
// "Function tools with reasoning_effort are not supported for gpt-5.6 in
// /v1/chat/completions. To use function tools, use /v1/responses or set
// reasoning_effort to 'none'."
func (r *Row) needsResponses(request *Request) string {
	if r.Form != "openai-chat" || !r.has(OpenAIModels) {
		return ""
	}
	model := openAIModelOf(request.Model)
	switch {
	case model.responsesOnly:
		return request.Model + " is on /responses only"
	case len(request.Tools) > 0 && !model.callsOnChat(request.ReasoningEffort):
		return request.Model + " calls tools on /responses only"
	case model.reasons && slices.ContainsFunc(request.Messages, holdsThought):
		return "reasoning goes back on /responses only"
	case request.holds(isFileAtURL):
		return "OpenAI reads files by URL on /responses only"
	case r.azure() && request.holds(isFile):
		return "Azure reads files on /responses only"
	}
	return ""
}

// holdsThought knows reasoning that came from Responses.
func holdsThought(message Message) bool {
	return slices.ContainsFunc(message.ReasoningDetails, func(detail json.RawMessage) bool {
		value := json.Parse(detail)
		return text(value.Get("type")) == "reasoning" && text(value.Get("encrypted_content")) != "" || isResponsesOwn(value)
	})
}

// holds reports whether a message of the request has such a part.
func (r *Request) holds(such func(Part) bool) bool {
	return slices.ContainsFunc(r.Messages, func(message Message) bool { return slices.ContainsFunc(message.Parts, such) })
}

func isFile(part Part) bool { return part.Type == FilePart }

func isFileAtURL(part Part) bool { return isFile(part) && part.Media.URL != "" }

// moved looks at a request that was meant for Chat Completions: what only they
// can do has to be taken back by the caller, who may not know of the choice.
func (e *openAIResponsesEncoding) moved(request *Request) *Error {
	why := e.row.needsResponses(request)
	e.adjusted.note("api", "moved", why+": the request went there")
	var only []string
	if len(request.Tools) > 0 {
		if request.N != nil && *request.N > 1 {
			only = append(only, "n")
		}
		if request.Seed != nil {
			only = append(only, "seed")
		}
	}
	for _, parameter := range parameters {
		if slices.Contains(openAIResponsesLacks, parameter.name) && parameter.said(request) &&
			(parameter.needed || len(request.Tools) > 0 && parameter.name != "top_k" && parameter.name != "cache_control") {
			only = append(only, parameter.name)
		}
	}
	if len(request.Extra) > 0 {
		json.Parse(request.Extra).ForEach(func(key, _ json.Value) bool {
			if slices.Contains(chatOnly, key.String()) {
				only = append(only, "extra_body."+key.String())
			}
			return true
		})
	}
	if len(only) == 0 {
		return nil
	}
	names := strings.Join(only, ", ")
	fault := &Error{
		Kind:    InvalidRequest,
		Message: names + ": got it, and " + why + ", which does not take it; allowed: what both APIs take",
		Next:    "Leave " + names + " out, or choose another model.",
	}
	switch {
	case len(request.Tools) == 0:
	case e.model.chatTools == toolsWithoutEffort:
		fault.Next = "Leave " + names + " out, or the tools, or set reasoning_effort to none, or choose another model."
	case e.model.chatTools == toolsNever:
		fault.Next = "Leave " + names + " out, or the tools, or choose another model."
	}
	return fault
}

// chatOnly are fields of Chat Completions that Responses do not have, or not
// by that name.
var chatOnly = []string{
	"audio", "function_call", "functions", "logit_bias", "max_completion_tokens", "modalities", "prediction",
	"stream_options", "verbosity", "web_search_options",
}
