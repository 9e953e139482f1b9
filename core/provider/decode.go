package provider

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// decode reads an answer of status 2xx, of any form: whole gets a reply that
// is one JSON document, stream one that is a stream of events.
func decode(
	reply *Reply, delta func(text string),
	whole func(reply *Reply, body []byte) (*Response, error),
	stream func(reply *Reply, body io.Reader, delta func(string)) (*Response, error),
) (*Response, error) {
	// What comes may lie about its content type, both ways: its first byte does not.
	reader, first := peek(reply.Body)
	switch first {
	case 'd', 'e', ':': // data, event, error or a comment
		return stream(reply, reader, delta)
	}
	if first != '{' && first != '[' && isEventStream(reply) {
		return stream(reply, reader, delta)
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		return nil, AsError(err)
	}
	body = validUTF8(bytes.TrimSpace(body))
	if len(body) == 0 {
		fault := reply.fault("the reply is empty")
		fault.Retry = true
		return nil, fault
	}
	if !json.Valid(body) {
		fault := reply.fault("the reply is not JSON: " + quote(body))
		fault.Next = wrongEndpoint
		return nil, fault
	}
	return whole(reply, body)
}

const wrongEndpoint = "Check the endpoint: it answered, but not as an API of this form does."

// fault is a reply that makes no sense.
func (r *Reply) fault(message string) *Error {
	return &Error{Kind: BadReply, Status: r.Status, RequestID: r.RequestID(), Message: message}
}

// isEventStream reports whether the reply says that it is a stream.
func isEventStream(reply *Reply) bool {
	mediaType, _, _ := strings.Cut(reply.Get("content-type"), ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "text/event-stream")
}

// peek returns the first byte of a body that is not white space nor of a BOM,
// or 0, and the body with that byte.
func peek(body io.Reader) (io.Reader, byte) {
	var seen []byte
	var one [1]byte
	for len(seen) < peekLimit {
		n, err := body.Read(one[:])
		seen = append(seen, one[:n]...)
		if n > 0 && bytes.IndexByte([]byte(" \t\r\n\xef\xbb\xbf"), one[0]) < 0 {
			return io.MultiReader(bytes.NewReader(seen), body), one[0]
		}
		if err != nil {
			return io.MultiReader(bytes.NewReader(seen), failing{err}), 0
		}
	}
	return io.MultiReader(bytes.NewReader(seen), body), 0
}

// peekLimit is how much white space may stand before a body: DeepSeek sends
// empty lines while a request waits.
const peekLimit = 64 << 10

// failing is a body that has already ended.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// validUTF8 replaces what is not UTF-8: the answer goes on as JSON, in which
// such bytes would cost the client the whole line.
func validUTF8(body []byte) []byte {
	if utf8.Valid(body) {
		return body
	}
	return bytes.ToValidUTF8(body, []byte("\ufffd"))
}
