package imitation

import (
	"net/http"
	"net/url"
	"strings"
)

// form is one API's way to speak of a completion. It holds no state: what it
// says is the exchange's.
type form interface {
	traits() traits

	// read takes a request's body apart. The refusal, if any, is that of a 400.
	read(x *exchange, body []byte) (prompt, *apiError)

	// document is the whole answer of a request that is not streamed.
	document(x *exchange) any

	// events are a streamed answer: what comes ahead of the content chunks, the
	// content chunks, and what follows them.
	events(x *exchange) (opening, content, closing []event)

	// statusError is the form's own error of a status, without a message where
	// it knows none.
	statusError(status int) apiError

	// errorBody is the body of an error. Forms other than OpenAI's have no place
	// for more than its message.
	errorBody(x *exchange, status int, problem apiError) any

	// brokenDocument is the error in place of a document with status 200, and
	// brokenEvents the one in the middle of a stream.
	brokenDocument(x *exchange, problem apiError) any
	brokenEvents(x *exchange, problem apiError) []event
}

// traits are how the HTTP of a form differs.
type traits struct {
	requestID string // the header that names the exchange
	crlf      bool   // lines of streams end so unless the behaviour says otherwise
	retryInfo bool   // the wait is told in the error's body, not in Retry-After
}

// prompt is what the provider reads of a request, whatever its form.
type prompt struct {
	model  string
	stream bool
	usage  bool // of a stream: usage is wanted
	turns  []turn
	schema []byte // that the answer has to fit; none: empty, or null

	encrypted bool // Responses: reasoning.encrypted_content is wanted
	array     bool // Gemini: a stream without alt=sse, which is one JSON array
}

// turn is one message, or a part of one where a form keeps results of tools in
// messages of the user.
type turn struct {
	role   role
	text   string
	images int
}

type role string

const (
	roleUser      role = "user"
	roleAssistant role = "assistant"
	roleTool      role = "tool"
	roleOther     role = "" // system and the like
)

// roleOf knows the roles that count.
func roleOf(name string) role {
	switch role := role(name); role {
	case roleUser, roleAssistant, roleTool:
		return role
	}
	return roleOther
}

// event is one server-sent event. Data that is []byte goes out as it is,
// anything else as JSON.
type event struct {
	name string // empty: none
	data any
}

// route is where a request goes: the form in which it is answered, and the
// method that the path takes; empty where there is no such path.
func route(r *http.Request) (spoken form, method string) {
	path := r.URL.Path
	switch {
	case strings.HasSuffix(path, "/chat/completions"):
		return chat{}, http.MethodPost
	case strings.HasSuffix(path, "/responses"):
		return responses{}, http.MethodPost
	case strings.HasSuffix(path, "/messages"):
		return anthropic{}, http.MethodPost
	case strings.HasSuffix(path, "/models"):
		return formByHeader(r), http.MethodGet
	}
	if _, verb := geminiCall(r.URL); verb == "generateContent" || verb == "streamGenerateContent" {
		return gemini{}, http.MethodPost
	}
	return formByHeader(r), ""
}

// formByHeader guesses whose client asks, where the path does not tell.
func formByHeader(r *http.Request) form {
	switch {
	case r.Header.Get("Anthropic-Version") != "":
		return anthropic{}
	case r.Header.Get("X-Goog-Api-Key") != "", strings.Contains(r.URL.Path, "/v1beta/"):
		return gemini{}
	}
	return chat{}
}

// geminiCall takes {anything}/models/{model}:{verb} apart. A model's name may
// hold everything, escaped; "" is what is missing.
func geminiCall(address *url.URL) (model, verb string) {
	path := address.EscapedPath()
	at := strings.LastIndex(path, "/models/")
	colon := strings.LastIndex(path, ":")
	if at < 0 || colon < at {
		return "", ""
	}
	model, err := url.PathUnescape(path[at+len("/models/") : colon])
	if err != nil {
		return "", ""
	}
	return model, path[colon+1:]
}

// credential is the key of a request, in whichever header a form has it.
func credential(header http.Header) string {
	for _, name := range []string{"X-Api-Key", "X-Goog-Api-Key"} {
		if key := header.Get(name); key != "" {
			return key
		}
	}
	return strings.TrimPrefix(header.Get("Authorization"), "Bearer ")
}
