package provider

import (
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// Kind is what sort of failure happened. The set is closed.
type Kind string

// The kinds.
const (
	InvalidRequest Kind = "invalid_request" // the caller asked for what cannot be
	Authentication Kind = "authentication"  // no credential, or a wrong one
	Permission     Kind = "permission"      // the credential may not do this
	NotFound       Kind = "not_found"       // no such model or endpoint
	ContextLength  Kind = "context_length"  // the prompt is longer than the model reads
	TooLarge       Kind = "too_large"       // more bytes than somebody accepts
	ContentFilter  Kind = "content_filter"  // somebody's policy refused the content
	RateLimit      Kind = "rate_limit"      // too many requests for now
	Quota          Kind = "quota"           // no money or quota left
	Overloaded     Kind = "overloaded"      // the provider cannot serve right now
	Timeout        Kind = "timeout"         // somebody waited too long
	Canceled       Kind = "canceled"        // the client no longer wants it
	Network        Kind = "network"         // no connection, or it broke
	BadReply       Kind = "bad_reply"       // the provider's answer makes no sense
	Budget         Kind = "budget"          // a limit of the user's own
	Internal       Kind = "internal"        // a fault of the gateway
)

// Error is a failure that a user reads: what happened, and in Kind what sort
// it is. It is recognised by its fields, never by its text.
type Error struct {
	Kind Kind
	// Message is one sentence, lower case and without a full stop.
	Message string
	// Next says what to do about it; empty means what the kind says.
	Next string
	// Status is the HTTP status that the provider sent, or 0. Never invented.
	Status int
	// Code is the provider's own code or type, or "".
	Code string
	// RequestID is the provider's name for the exchange, or "".
	RequestID string
	// RetryAfterMS is the wait that the provider asked for, or 0.
	RetryAfterMS int64
	// Retry says that the same request may succeed soon.
	Retry bool
	// Unsent says that the host did not let the request begin.
	Unsent bool
	// Refused are parameters that the server refused and that the request can
	// do without. Empty of most errors.
	Refused []Refusal
}

func (e *Error) Error() string { return e.Message }

// errorBodyLimit is how much of an error's body is read. Real ones have some
// hundred bytes; a proxy's HTML page is quoted at most this far.
const errorBodyLimit = 64 << 10

// quoteLimit bounds, in bytes, what is quoted of a body that is not understood.
const quoteLimit = 2 << 10

// readError turns a reply that is no answer into an *Error. The shapes are
// those that providers were recorded to send: OpenAI's {"error":{...}},
// {"error":"text"}, {"message"}, {"detail"}, an array around them, HTML, none.
func readError(reply *Reply) *Error {
	body, err := io.ReadAll(io.LimitReader(reply.Body, errorBodyLimit))
	if err != nil {
		if fault := AsError(err); len(body) == 0 || fault.Kind == Canceled {
			return fault
		}
	}
	return errorOf(reply, body)
}

// errorOf makes an *Error of an error's body.
func errorOf(reply *Reply, body []byte) *Error {
	fault := errorText(reply, body)
	fault.RetryAfterMS = max(fault.RetryAfterMS, reply.RetryAfterMS())
	if reply.Status >= 300 && reply.Status < 400 {
		// The key must not follow to wherever that is.
		fault.Message = "the endpoint redirects elsewhere, which is not followed"
		fault.Next = "Set the endpoint to the address that it redirects to."
	}
	switch reply.Get("x-should-retry") {
	case "true":
		fault.Retry = true
	case "false":
		fault.Retry = false
	}
	return fault
}

// errorText makes an *Error of bytes of which nothing is known but that they
// tell of one.
func errorText(reply *Reply, body []byte) *Error {
	if body = validUTF8(body); json.Valid(body) {
		return errorIn(reply, json.Parse(json.Paired(body)))
	}
	fault := &Error{Status: reply.Status, RequestID: reply.RequestID(), Message: quote(body)}
	fault.classify(nil)
	return fault
}

// errorIn makes an *Error of JSON that tells of one. The status stays what the
// provider sent.
func errorIn(reply *Reply, value json.Value) *Error {
	fault := &Error{Status: reply.Status, RequestID: reply.RequestID()}
	codes := fault.read(value)
	if fault.Message == "" {
		fault.Message = quote([]byte(value.Raw))
	}
	// OpenRouter keeps the headers of a limit in the error: when it ends, in Unix
	// milliseconds.
	if reset := value.Get("error.metadata.headers.X-RateLimit-Reset"); reset.Exists() && reply.At > 0 {
		fault.RetryAfterMS = max(fault.RetryAfterMS, milliseconds(reset.Float()-float64(reply.At)))
	}
	fault.classify(codes)
	fault.Refused = fault.refusals(value, codes)
	return fault
}

// errorPart finds an error that came with status 200, in a document or in an
// event of a stream, of any form, and returns the part that tells of it.
func errorPart(value json.Value) (part json.Value, failed bool) {
	if value.IsArray() {
		value = value.Get("0")
	}
	answers, told := false, false
	part = value
	value.ForEach(func(key, field json.Value) bool { // once: every piece of a stream comes by
		switch key.Str {
		case "error":
			if says(field) {
				part, failed = value, true
			}
		case "response": // the last event of OpenAI's Responses
			if strings.Contains(field.Raw, `"error"`) && says(field.Get("error")) {
				part, failed = field, true
			}
		case "type", "object":
			failed = failed || text(field) == "error"
		case "choices":
			answers = strings.Contains(field.Raw, "{")
			if failed || !strings.Contains(field.Raw, `"error"`) {
				break
			}
			for _, choice := range objects(field) {
				if says(choice.Get("error")) {
					part, failed = choice, true
					break
				}
			}
		case "content":
			answers = true
		case "message":
			told = told || text(field) != ""
		case "detail":
			told = told || says(field)
		}
		return true
	})
	// What has no answer but something to tell: FastAPI, some proxies.
	return part, failed || told && !answers
}

// says reports whether a value says anything: some send an error object beside
// every answer, with null or "" in every field.
func says(value json.Value) (said bool) {
	switch {
	case value.IsObject(), value.IsArray():
		value.ForEach(func(_, inner json.Value) bool {
			said = says(inner)
			return !said
		})
		return said
	case value.Type == json.Number:
		return value.Float() != 0
	}
	return value.Type == json.True || text(value) != ""
}

// errorObject is the part of an error's JSON that has its fields.
func errorObject(value json.Value) json.Value {
	if value.IsArray() {
		value = value.Get("0")
	}
	if inner := value.Get("error"); inner.IsObject() {
		return inner
	}
	return value
}

// read takes the message from an error's JSON and returns its codes, those that
// tell the most first.
func (e *Error) read(value json.Value) (codes []string) {
	if value.IsArray() {
		value = value.Get("0")
	}
	object := errorObject(value)
	e.Message = text(value.Get("error"))
	if e.Message == "" {
		e.Message = text(object.Get("message"))
	}
	if e.Message == "" {
		e.Message = details(value.Get("detail"))
	}
	if parameter := text(object.Get("param")); parameter != "" && e.Message != "" && !strings.Contains(e.Message, parameter) {
		e.Message = parameter + ": " + e.Message
	}
	// OpenRouter says "Provider returned error" and keeps the words in metadata.
	if raw := object.Get("metadata.raw"); raw.IsObject() || raw.IsArray() {
		e.Message += ": " + quote([]byte(raw.Raw))
	} else if text(raw) != "" {
		e.Message += ": " + quote([]byte(text(raw)))
	}
	e.Message = quote([]byte(e.Message))

	// A 200 may carry the status that was meant as a number.
	if code := object.Get("code"); code.Type == json.Number && e.Status < 400 {
		codes = append(codes, code.Raw)
	}
	codes = append(codes, text(object.Get("code")))
	for _, detail := range objects(object.Get("details")) { // Gemini's
		codes = append(codes, text(detail.Get("reason")))
		seconds, ok := strings.CutSuffix(text(detail.Get("retryDelay")), "s") // 34.4s
		if number, err := strconv.ParseFloat(seconds, 64); ok && err == nil {
			e.RetryAfterMS = max(e.RetryAfterMS, milliseconds(number*1000))
		}
	}
	codes = append(codes, text(object.Get("status")), text(object.Get("type")))
	codes = slices.DeleteFunc(codes, func(code string) bool { return code == "" || code == "error" })
	for _, code := range codes {
		if e.Code == "" || e.Code == "invalid_request_error" {
			e.Code = quote([]byte(code))
		}
	}
	if id := text(value.Get("request_id")); e.RequestID == "" {
		e.RequestID = id
	}
	return codes
}

// details reads FastAPI's detail: a text, or a list of what is wrong where.
func details(detail json.Value) string {
	if !detail.IsArray() {
		return text(detail)
	}
	var all []string
	for _, fault := range detail.Array() {
		message := text(fault) + text(fault.Get("msg"))
		var path []string
		for _, name := range fault.Get("loc").Array() {
			path = append(path, name.String())
		}
		if len(path) > 0 {
			message = strings.Join(path, ".") + ": " + message
		}
		if message != "" {
			all = append(all, message)
		}
	}
	return strings.Join(all, "; ")
}

// classify decides kind and retry from codes, status and, where providers give
// no other sign, from their words.
func (e *Error) classify(codes []string) {
	status := e.Status
	for _, code := range codes {
		if number, err := strconv.Atoi(code); err == nil && e.Status < 400 && number >= 400 && number < 600 {
			status = number
		}
	}
	if status == 500 && strings.Contains(e.Message, "is not supported") {
		e.Kind = InvalidRequest // llama.cpp's word for what it was not built for
		return
	}
	for _, code := range codes {
		if e.classifyCode(code, status); e.Kind != "" {
			return
		}
		if status < 400 && slices.Contains(strings.Fields(badRequests), code) {
			status = 400
		}
	}
	switch {
	case status == 400 && saysContextLength(e.Message):
		e.Kind = ContextLength
	case status == 400 && saysWrongKey(e.Message):
		e.Kind = Authentication // xAI and Gemini refuse a wrong key with 400
	case status == 400 && strings.Contains(e.Message, "credit balance is too low"):
		e.Kind = Quota // Anthropic, for older accounts
	case status == 401:
		e.Kind = Authentication
	case status == 402:
		e.Kind = Quota
	case status == 403:
		e.Kind = Permission
	case status == 404:
		e.Kind = NotFound
	case status == 408, status == 504, status == 524:
		e.Kind, e.Retry = Timeout, true
	case status == 409:
		e.Kind, e.Retry = Overloaded, true
	case status == 413:
		e.Kind = TooLarge
	case status == 429:
		e.Kind, e.Retry = RateLimit, true
	case status >= 500:
		e.Kind, e.Retry = Overloaded, true
	case status >= 400:
		e.Kind = InvalidRequest
	default:
		e.Kind = BadReply
	}
}

// badRequests are codes that mean what status 400 means.
const badRequests = "invalid_request_error invalid_request invalid_value invalid_type invalid_prompt invalid_argument " +
	"invalid-argument unsupported_parameter unsupported_value missing_required_parameter BadRequestError INVALID_ARGUMENT FAILED_PRECONDITION"

// classifyCode decides kind and retry where one code tells them.
func (e *Error) classifyCode(code string, status int) {
	switch code {
	case "context_length_exceeded", "exceed_context_size_error":
		e.Kind = ContextLength
	case "insufficient_quota", "billing_error", "billing_hard_limit_reached":
		e.Kind = Quota
	case "invalid_api_key", "authentication_error", "UNAUTHENTICATED", "API_KEY_INVALID":
		e.Kind = Authentication
	case "permission_error", "PERMISSION_DENIED":
		e.Kind = Permission
	case "model_not_found", "DeploymentNotFound", "not_found_error", "NOT_FOUND":
		e.Kind = NotFound
	case "content_filter", "content_policy_violation":
		e.Kind = ContentFilter
	case "rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED":
		if e.Kind, e.Retry = RateLimit, true; status == 413 {
			e.Kind, e.Retry = TooLarge, false // Groq: one request above the minute's tokens
		}
	case "overloaded_error", "UNAVAILABLE", "engine_overloaded":
		e.Kind, e.Retry = Overloaded, true
	case "request_too_large":
		e.Kind = TooLarge
	case "timeout_error", "DEADLINE_EXCEEDED":
		e.Kind, e.Retry = Timeout, true
	case "server_error", "api_error", "INTERNAL":
		if status < 400 { // generic: any status knows better
			e.Kind, e.Retry = Overloaded, true
		}
	}
}

// saysWrongKey knows the sentences of providers that refuse a key with 400.
func saysWrongKey(message string) bool {
	message = strings.ToLower(message)
	return strings.Contains(message, "incorrect api key") || strings.Contains(message, "api key not valid") || strings.Contains(message, "invalid api key")
}

// saysContextLength knows the sentences of providers that send no code for it.
func saysContextLength(message string) bool {
	message = strings.ToLower(message)
	for _, phrase := range []string{
		"maximum context length", "context window", "prompt is too long", "exceeds the maximum number of tokens", "context size",
	} {
		if strings.Contains(message, phrase) {
			return true
		}
	}
	return false
}

// RetryAfterMS is the wait that the provider asks for in its headers, in
// milliseconds, or 0: the longer one where two ask, since Azure was recorded to
// send retry-after-ms: 0 beside retry-after: 1. It means something of a failure
// only: Anthropic sends it beside answers as well.
func (r *Reply) RetryAfterMS() int64 {
	wait := int64(0)
	if ms, err := strconv.ParseFloat(r.Get("retry-after-ms"), 64); err == nil {
		wait = milliseconds(ms)
	}
	text := r.Get("retry-after")
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		wait = max(wait, milliseconds(seconds*1000))
	}
	for _, layout := range []string{time.RFC1123, time.RFC850, time.ANSIC} { // the three of HTTP
		if date, err := time.ParseInLocation(layout, text, time.UTC); err == nil && r.At > 0 {
			wait = max(wait, milliseconds(float64(date.UnixMilli()-r.At)))
		}
	}
	return wait
}

// milliseconds bounds a wait that somebody else names to a year.
func milliseconds(ms float64) int64 {
	const year = 365 * 24 * 3600 * 1000
	if !(ms > 0) { // NaN as well
		return 0
	}
	return int64(min(ms, year))
}

// AsError gives any failure of reading a body the form of an *Error.
func AsError(err error) *Error {
	if fault, ok := err.(*Error); ok {
		return fault
	}
	return &Error{Kind: BadReply, Message: "the reply could not be read"}
}

// text is a JSON string's text, and nothing of any other value.
func text(value json.Value) string {
	if value.Type == json.String {
		return value.String()
	}
	return ""
}

// quote shortens bytes of unknown kind to something that may stand in a sentence.
func quote(body []byte) string {
	cut := len(body) > quoteLimit
	body = body[:min(len(body), quoteLimit)]
	words := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "")), " ")
	if len(words) <= 300 && cut {
		words += "…" // hosts look for halves of secrets in front of it
	}
	if len(words) > 300 {
		cut := 300
		for !utf8.RuneStart(words[cut]) {
			cut--
		}
		words = words[:cut] + "…"
	}
	return words
}
