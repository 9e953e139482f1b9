package provider

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// assembly puts an answer together from what one wire form sends. It reads
// leniently: what it does not know says nothing.
type assembly interface {
	// document reads a reply that is one JSON document.
	document(value json.Value) *Error
	// add reads one event of a stream. Neither it nor document looks for the
	// provider's errors; theirs are limits of our own.
	add(value json.Value) *Error
	// carries reports whether events of a name are pieces of the answer: where
	// one is no JSON, something is lost. Others are signs of life.
	carries(name string) bool
	// end is told of OpenAI's last line, [DONE], which some gateways add to
	// other forms.
	end()
	// over reports that nothing follows.
	over() bool
	// complete reports that the provider has said how the answer ended, so that
	// a connection that breaks afterwards takes nothing from it.
	complete() bool
	// result is what was put together so far; without an answer it has no choices.
	result() *Response
}

// decode reads a reply of any form.
func decode(reply *Reply, pieces assembly) (*Response, error) {
	if reply.Status < 200 || reply.Status > 299 {
		return nil, readError(reply)
	}
	// What comes may lie about its content type, both ways: how it begins does not.
	body, start := peek(reply.Body)
	var raw []byte
	var fault *Error
	if isField(start) || start != "{" && start != "[" && isEventStream(reply) {
		fault = readStream(reply, body, pieces)
	} else {
		raw, fault = readDocument(reply, body, pieces)
	}
	response := pieces.result()
	response.Raw = raw
	switch {
	case fault != nil:
	case raw != nil && len(response.Choices) == 0:
		fault = reply.fault("the reply holds no answer: " + quote(raw))
		fault.Next = wrongEndpoint
	default:
		fault = endedByError(reply, response)
	}
	if fault != nil {
		return response, fault
	}
	return response, nil
}

// readDocument reads a reply that is one JSON document.
func readDocument(reply *Reply, body io.Reader, pieces assembly) ([]byte, *Error) {
	raw, err := io.ReadAll(body)
	if err != nil {
		return nil, AsError(err)
	}
	raw = validUTF8(bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(raw), bom)))
	if len(raw) == 0 {
		fault := reply.fault("the reply is empty")
		fault.Retry = true
		return nil, fault
	}
	if !json.Valid(raw) {
		fault := reply.fault("the reply is not JSON: " + quote(raw))
		fault.Next = wrongEndpoint
		return nil, fault
	}
	value := json.Parse(json.Paired(raw))
	if fault := pieces.document(value); fault != nil {
		return raw, fault
	}
	if part, failed := errorPart(value); failed {
		return raw, errorIn(reply, part)
	}
	return raw, nil
}

// readStream reads a reply that is a stream of events.
func readStream(reply *Reply, body io.Reader, pieces assembly) *Error {
	stream := eventStream{body: body}
	for !pieces.over() {
		name, data, err := stream.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			fault := AsError(err)
			if pieces.complete() && fault.Kind != Canceled {
				return nil
			}
			return fault
		}
		data = bytes.TrimSpace(data)
		isError := string(name) == "error"
		switch {
		case string(data) == "[DONE]":
			pieces.end()
		case json.Valid(data):
			value := json.Parse(json.Paired(data))
			// An error's event may bring text and usage as well.
			if fault := pieces.add(value); fault != nil {
				return fault
			}
			if part, failed := errorPart(value); failed || isError {
				return errorIn(reply, part)
			}
		case isError:
			return errorText(reply, data)
		case len(data) > 0 && pieces.carries(string(name)):
			if pieces.complete() {
				return nil
			}
			fault := reply.fault("a piece of the stream is not JSON: " + quote(data))
			fault.Retry = true
			return fault
		}
	}
	if !pieces.complete() {
		// Half an answer must not look like a whole one.
		fault := reply.fault("the stream ended before the answer was finished")
		fault.Retry = true
		return fault
	}
	return nil
}

// endedByError finds an answer that its provider ended with a word for an error
// and nothing more.
func endedByError(reply *Reply, response *Response) *Error {
	for _, choice := range response.Choices {
		if choice.FinishReason != FinishError {
			continue
		}
		fault := reply.fault("the provider broke the answer off, and gave no reason but " + strconv.Quote(quote([]byte(choice.NativeFinishReason))))
		if choice.NativeFinishReason == "insufficient_system_resource" {
			fault.Kind = Overloaded
		}
		fault.Retry = true
		return fault
	}
	return nil
}

const wrongEndpoint = "Check the endpoint: it answered, but not as an API of this form does."

// fault is a reply that makes no sense.
func (r *Reply) fault(message string) *Error {
	return &Error{Kind: BadReply, Status: r.Status, RequestID: r.RequestID(), Message: message}
}

// tooMany is an answer that goes beyond a limit of ours.
func tooMany(limit int64, noun string) *Error {
	return &Error{Kind: TooLarge, Message: "the answer has more than " + decimal(limit) + " " + noun, Next: shorterAnswer}
}

const shorterAnswer = "Ask for a shorter answer, or choose another model."

// isEventStream reports whether the reply says that it is a stream.
func isEventStream(reply *Reply) bool {
	mediaType, _, _ := strings.Cut(reply.Get("content-type"), ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "text/event-stream")
}

// fields are how the lines of an event stream begin.
const fields = ": data: event: error: id: retry:"

// isField reports whether a body that begins so is a stream of events.
func isField(start string) bool {
	return start != "" && slices.Contains(strings.Fields(fields), start)
}

// peek reads no more of a body than tells what it is: after white space and a
// BOM, the name of a stream's field with its colon, or else the bytes up to
// the first that fits none. It returns the body with all that was read.
func peek(body io.Reader) (whole io.Reader, start string) {
	var seen []byte
	var one [1]byte
	for len(seen) < peekLimit {
		n, err := body.Read(one[:])
		seen = append(seen, one[:n]...)
		if n > 0 && (start != "" || bytes.IndexByte([]byte(" \t\r\n\xef\xbb\xbf"), one[0]) < 0) {
			start += string(one[:])
			if isField(start) || !strings.Contains(" "+fields, " "+start) {
				break
			}
		}
		if err != nil {
			return io.MultiReader(bytes.NewReader(seen), failing{err}), start
		}
	}
	return io.MultiReader(bytes.NewReader(seen), body), start
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
