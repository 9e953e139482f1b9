package imitation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	typeJSON = "application/json"
	typeSSE  = "text/event-stream"

	created       = 1700000000 // Unix seconds; fixed, so that answers can be compared
	maxEcho       = 1000       // bytes of the user's message in a default answer
	defaultChunks = 40         // most content chunks of text when chunks is not given
	toolChunks    = 4          // pieces of a tool call's arguments when chunks is not given
	toolArguments = `{"city":"Oslo"}`

	garbage  = `{"id": chatcmpl, 'choices': [}`
	htmlPage = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>" +
		"<body><h1>502 Bad Gateway</h1><p>imitated proxy</p></body></html>\n"
	words = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do " +
		"eiusmod tempor incididunt ut labore et dolore magna aliqua "
)

// chatRequest is what the provider reads of a request's body.
type chatRequest struct {
	Model    string `json:"model"`
	Messages []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
	Stream        bool `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

// exchange is one request and the answer to it. Its methods that write return
// an error when the client went away.
type exchange struct {
	w       http.ResponseWriter
	control *http.ResponseController
	request *http.Request
	n       int    // the request's number, from 1
	leave   func() // ends the request's count in Peak; to be called ahead of the last write

	chat        chatRequest
	behaviour   behaviour
	text        string // the answer, or the arguments of its tool call
	promptWords int
	events      int // written so far
}

// read takes the request's body apart and composes the answer's text. The
// refusal, if any, is the body of a 400 answer.
func (x *exchange) read(body []byte) *apiError {
	if err := json.Unmarshal(body, &x.chat); err != nil {
		return &apiError{
			Message: fmt.Sprintf("the body is not a chat completion request: %v; allowed: a JSON object", err),
			Type:    "invalid_request_error",
		}
	}
	if x.chat.Model == "" {
		return badModel("missing or empty; allowed: a name such as imitated?latency=200ms")
	}
	if len(x.chat.Messages) == 0 {
		return &apiError{
			Message: "messages: missing or empty; allowed: at least one message",
			Type:    "invalid_request_error", Param: "messages",
		}
	}
	var refusal *apiError
	if x.behaviour, refusal = parseModel(x.chat.Model); refusal != nil {
		return refusal
	}
	said, answered := "", false
	for _, message := range x.chat.Messages {
		text := contentText(message.Content)
		x.promptWords += countWords(text)
		if message.Role == "user" {
			said = text
		}
		answered = answered || message.Role == "assistant"
	}
	switch {
	case x.behaviour.tool != "":
		x.text = toolArguments
	case answered && x.behaviour.again != "":
		x.text = x.behaviour.again
	case x.behaviour.text != "":
		x.text = x.behaviour.text
	case x.behaviour.size != nil:
		x.text = wordsText(*x.behaviour.size)
	case said == "":
		x.text = "You said nothing. I am an imitated model."
	default:
		x.text = fmt.Sprintf("You said: \"%s\". I am an imitated model.", shorten(said))
	}
	return nil
}

// sendAnswer answers the chat completion with the fault, one of faults, or
// without one if it is empty.
func (x *exchange) sendAnswer(fault string) error {
	switch fault {
	case "html":
		return x.send(http.StatusBadGateway, "text/html; charset=utf-8", []byte(htmlPage))
	case "empty":
		return x.send(http.StatusOK, typeJSON, nil)
	case "hang":
		return x.silence()
	case "reset":
		return x.reset()
	}
	if x.chat.Stream {
		return x.stream(fault)
	}
	return x.plain(fault)
}

// plain answers with one JSON body.
func (x *exchange) plain(fault string) error {
	body := encode(x.completion())
	half := body[:len(body)/2]
	switch fault {
	case "end":
		return x.send(http.StatusOK, typeJSON, half)
	case "garbage":
		return x.send(http.StatusOK, typeJSON, []byte(garbage))
	case "error":
		return x.sendError(http.StatusOK, x.statusError(http.StatusInternalServerError))
	case "cut", "stall":
		x.head(http.StatusOK, typeJSON, len(body))
		if err := x.write(half); err != nil {
			return err
		}
		if fault == "stall" {
			return x.silence()
		}
		panic(http.ErrAbortHandler)
	}
	return x.send(http.StatusOK, typeJSON, body)
}

// stream answers with server-sent events.
func (x *exchange) stream(fault string) error {
	x.w.Header().Set("Cache-Control", "no-cache")
	x.head(http.StatusOK, typeSSE, -1)
	if fault == "garbage" {
		if err := x.event([]byte(garbage)); err != nil {
			return err
		}
		return x.lastEvent([]byte("[DONE]"))
	}

	for _, first := range x.openingDeltas() {
		if err := x.chunk(first, nil); err != nil {
			return err
		}
	}
	deltas := x.contentDeltas()
	if fault != "" {
		deltas = deltas[:len(deltas)/2]
	}
	for i, content := range deltas {
		if i > 0 {
			if err := x.pause(x.behaviour.gap); err != nil {
				return err
			}
		}
		if err := x.chunk(content, nil); err != nil {
			return err
		}
	}

	switch fault {
	case "cut":
		panic(http.ErrAbortHandler)
	case "end":
		return nil
	case "stall":
		return x.silence()
	case "error":
		return x.lastEvent(encode(errorBody{x.statusError(http.StatusInternalServerError)}))
	}
	finish := x.finishReason()
	if err := x.chunk(delta{}, &finish); err != nil {
		return err
	}
	if x.streamsUsage() {
		if err := x.event(encode(x.usageChunk())); err != nil {
			return err
		}
	}
	return x.lastEvent([]byte("[DONE]"))
}

// chunk writes one event with a choice in it.
func (x *exchange) chunk(content delta, finish *string) error {
	return x.event(encode(x.completionChunk(content, finish)))
}

// lastEvent writes the event after which a client may regard the stream as
// complete.
func (x *exchange) lastEvent(data []byte) error {
	x.leave()
	return x.event(data)
}

// event writes and flushes one server-sent event, after a comment if the
// behaviour wants comments between events.
func (x *exchange) event(data []byte) error {
	end := "\n\n"
	if x.behaviour.crlf {
		end = "\r\n\r\n"
	}
	var text bytes.Buffer
	if x.behaviour.comments && x.events > 0 {
		text.WriteString(": keep-alive" + end)
	}
	x.events++
	text.WriteString("data: ")
	text.Write(data)
	text.WriteString(end)
	return x.write(text.Bytes())
}

// sendStatus answers with the behaviour's status.
func (x *exchange) sendStatus() error {
	if x.behaviour.retryAfter != "" {
		x.w.Header().Set("Retry-After", x.behaviour.retryAfter)
	}
	return x.sendError(x.behaviour.status, x.statusError(x.behaviour.status))
}

func (x *exchange) sendError(status int, problem apiError) error {
	return x.send(status, typeJSON, encode(errorBody{problem}))
}

// send answers with one whole body.
func (x *exchange) send(status int, contentType string, body []byte) error {
	x.head(status, contentType, len(body))
	if len(body) == 0 {
		x.leave()
		return nil
	}
	// The last byte goes alone: a large body takes as long as the client reads
	// it, and only with the last byte can the client start its next request.
	last := len(body) - 1
	if _, err := x.w.Write(body[:last]); err != nil {
		return err
	}
	x.leave()
	_, err := x.w.Write(body[last:])
	return err
}

// head writes the response head; a negative length leaves Content-Length out.
func (x *exchange) head(status int, contentType string, length int) {
	x.w.Header().Set("Content-Type", contentType)
	if length >= 0 {
		x.w.Header().Set("Content-Length", fmt.Sprint(length))
	}
	x.w.WriteHeader(status)
}

// write writes and flushes, unless the client is already gone.
func (x *exchange) write(data []byte) error {
	if err := x.request.Context().Err(); err != nil {
		return err
	}
	if _, err := x.w.Write(data); err != nil {
		return err
	}
	return x.control.Flush()
}

// pause waits, and fails as soon as the client goes away.
func (x *exchange) pause(wait time.Duration) error {
	gone := x.request.Context()
	if wait <= 0 {
		return gone.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-gone.Done():
		return gone.Err()
	}
}

// silence writes nothing until the client goes away; if it never does, the
// connection is closed.
func (x *exchange) silence() error {
	if err := x.pause(maxWait); err != nil {
		return err
	}
	panic(http.ErrAbortHandler)
}

// reset breaks the connection without a response.
func (x *exchange) reset() error {
	connection, _, err := x.control.Hijack()
	if err != nil {
		// Not an HTTP/1 server's connection: this breaks whatever it is.
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // makes Close send RST; without it, FIN is as good
	}
	x.leave()
	_ = connection.Close() // broken is what it shall be
	return nil
}

// pieces returns the answer's text as its content chunks.
func (x *exchange) pieces() []string {
	chunks := x.behaviour.chunks
	switch {
	case x.text == "":
		return nil
	case chunks > 0: // as asked for
	case x.behaviour.tool != "":
		chunks = toolChunks
	case strings.Count(x.text, " ") < defaultChunks:
		return strings.SplitAfter(x.text, " ")
	default:
		chunks = defaultChunks
	}
	return split(x.text, chunks)
}

// split cuts text between characters into n pieces of about the same length,
// or into single characters if there are fewer than n. text must not be empty.
func split(text string, n int) []string {
	total := utf8.RuneCountInString(text)
	n = min(n, total)
	pieces := make([]string, 0, n)
	start, seen, cut := 0, 0, total/n
	for at := range text {
		if seen == cut {
			pieces = append(pieces, text[start:at])
			start = at
			cut = total * (len(pieces) + 1) / n
		}
		seen++
	}
	return append(pieces, text[start:])
}

// wordsText returns size bytes of words, the last byte being a full stop.
func wordsText(size int) string {
	if size == 0 {
		return ""
	}
	var text strings.Builder
	text.Grow(size)
	for text.Len()+len(words) < size {
		text.WriteString(words)
	}
	text.WriteString(words[:size-1-text.Len()])
	text.WriteByte('.')
	return text.String()
}

// shorten cuts text to maxEcho bytes, between characters.
func shorten(text string) string {
	if len(text) <= maxEcho {
		return text
	}
	end := maxEcho
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// contentText returns the text of a message's content: a string, or the text
// parts of an array, one per line. Anything else has none.
func contentText(content json.RawMessage) string {
	var text string
	if json.Unmarshal(content, &text) == nil {
		return text
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(content, &parts) != nil {
		return ""
	}
	var texts []string
	for _, part := range parts {
		if part.Text != "" {
			texts = append(texts, part.Text)
		}
	}
	return strings.Join(texts, "\n")
}

func countWords(text string) int {
	count := 0
	for range strings.FieldsSeq(text) {
		count++
	}
	return count
}
