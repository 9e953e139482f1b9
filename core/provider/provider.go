// Package provider translates between the gateway's one unified request and
// response and the wire forms of the providers.
//
// A provider is a row of data ([Row]): a name, an endpoint, a wire form, the
// name of a credential, quirks. A wire form is code ([Translator]), one file
// per form, each in the same order: wire types, Encode, Decode, mappings. A new
// compatible provider is one row and one transcript.
//
// Everything here is pure: a translator turns a [Request] into the description
// of an HTTP request ([HTTPRequest]) and reads the bytes of a reply from an
// io.Reader that somebody else fills. Bytes may be cut anywhere. Reading is
// lenient (unknown fields, events and values never fail a response), writing
// is strict, and whatever had to be adapted is listed as an [Adjustment].
package provider

import (
	"io"
	"strings"
)

// Row is one provider: data, no code.
type Row struct {
	// Name is how results, errors and model prefixes call the provider.
	Name string `json:"name"`
	// Form is the wire form, a key of [Translators].
	Form string `json:"form"`
	// Endpoint is the base URL without a trailing slash, such as
	// https://api.openai.com/v1. The form appends its own path, in front of a
	// query.
	Endpoint string `json:"endpoint"`
	// Credential says which secret goes where. The core never sees a secret.
	Credential Credential `json:"credential,omitzero"`
	// Families are how the ids of the provider's own models begin, such as
	// "gpt-": a name that no list has is asked of the provider of its family.
	Families []string `json:"families,omitempty"`
	// Traits are how the server differs from others of its form.
	Traits []Trait `json:"traits,omitempty"`
	// Lacks are parameters that the server refuses or passes over, of those that
	// are named in parameters.go.
	Lacks []string `json:"lacks,omitempty"`
	// Models are what is known of some of its models. The first whose name a
	// model's id begins with counts.
	Models []ModelRow `json:"models,omitempty"`
	// Hottest is the highest temperature, where that is less than 2.
	Hottest float64 `json:"hottest,omitempty"`
	// Header is what the user wants sent with every request.
	Header []Field `json:"header,omitempty"`
	// Version is the header anthropic-version of the form anthropic; empty
	// means 2023-06-01.
	Version string `json:"version,omitempty"`
}

// TakeAfter makes the row's server one like another's: only who it is and where
// stays.
func (r *Row) TakeAfter(other Row) {
	r.Families, r.Traits, r.Lacks, r.Models, r.Hottest = other.Families, other.Traits, other.Lacks, other.Models, other.Hottest
}

// ModelRow is what a provider's models of one name take and refuse: data.
type ModelRow struct {
	// Name is how their ids begin; empty: all.
	Name string `json:"name,omitempty"`
	// Efforts are the values of reasoning_effort, upwards. Empty: not known.
	Efforts []string `json:"efforts,omitempty"`
	// Lacks are parameters like those of a [Row].
	Lacks []string `json:"lacks,omitempty"`
}

// model is what the row knows of a model.
func (r *Row) model(id string) (found ModelRow) {
	for _, model := range r.Models {
		if strings.HasPrefix(id, model.Name) {
			return model
		}
	}
	return found
}

// at is the URL of a path below the endpoint.
func (r *Row) at(path string) string {
	base, query, queried := strings.Cut(r.Endpoint, "?")
	if queried {
		path += "?" + query
	}
	return base + path
}

// withQuery adds parameters, as they stand in a URL, to one that may have some.
func withQuery(url, query string) string {
	if strings.Contains(url, "?") {
		return url + "&" + query
	}
	return url + "?" + query
}

// Credential names a secret that the host holds, and its place in a request.
type Credential struct {
	// Name is the host's name of the secret. Empty: the provider wants none.
	Name string `json:"name"`
	// Header is the header that carries it; Prefix stands before the secret.
	Header string `json:"header"`
	Prefix string `json:"prefix,omitempty"`
}

// Field is one header field. Names are lower case.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// HTTPRequest is what a translator asks the host to send, without credential.
type HTTPRequest struct {
	Method string  `json:"method"`
	URL    string  `json:"url"`
	Header []Field `json:"header,omitempty"`
	Body   []byte  `json:"-"`
}

// Reply is what came back. Body ends with io.EOF where the provider ended it,
// and with an [*Error] where something broke on the way.
type Reply struct {
	Status int
	Header []Field
	Body   io.Reader
	// At is when the reply began, Unix milliseconds: what a date in a header
	// is measured against. 0: not known.
	At int64
}

// Get returns the first value of a header field, or "".
func (r *Reply) Get(name string) string {
	for _, field := range r.Header {
		if strings.EqualFold(field.Name, name) {
			return field.Value
		}
	}
	return ""
}

// ReplyHeaders are the reply headers that translators read. Hosts pass these
// on and may leave out all others.
var ReplyHeaders = []string{
	"content-type",
	"retry-after",
	"retry-after-ms",
	"x-should-retry",
	// Request ids: OpenAI, Groq, xAI; Anthropic; Azure; OpenRouter; Mistral.
	"x-request-id",
	"request-id",
	"apim-request-id",
	"x-generation-id",
	"mistral-correlation-id",
}

// RequestID returns the provider's name for the exchange, or "".
func (r *Reply) RequestID() string {
	for _, name := range ReplyHeaders[4:] {
		if id := r.Get(name); id != "" {
			return id
		}
	}
	return ""
}

// Translator is the code of one wire form. It holds no state and may be used
// for any number of exchanges.
type Translator interface {
	// Encode writes the request for one row, and lists what it had to change.
	// An *Error of kind invalid_request means that the form cannot say what
	// was asked, and that nothing must be sent.
	Encode(row *Row, request *Request) (HTTPRequest, []Adjustment, error)

	// Decode reads a whole reply, streamed or not, and hands on the pieces of
	// the answer's text as they come. It returns what was understood so far
	// even beside an error (always an *Error): a cut stream leaves a partial
	// answer. Decode does not close or drain the body.
	Decode(reply *Reply, delta func(text string)) (*Response, error)
}

// Translators are the wire forms by name.
var Translators = map[string]Translator{
	"openai-chat":      openAIChat{},
	"openai-responses": openAIResponses{},
	"anthropic":        anthropic{},
	"gemini":           gemini{},
}
