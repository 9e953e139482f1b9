package imitation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
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

// exchange is one request and the answer to it. Its methods that write return
// an error when the client went away.
type exchange struct {
	w       http.ResponseWriter
	control *http.ResponseController
	request *http.Request
	n       int    // the request's number, from 1
	leave   func() // ends the request's count in Peak; to be called ahead of the last write

	form        form
	prompt      prompt
	behaviour   behaviour
	calls       bool   // the answer is a tool call
	text        string // the answer, or the arguments of its tool call
	promptWords int
	events      int // written so far
}

// read takes the request's body apart and composes the answer's text. The
// refusal, if any, is the body of a 400 answer.
func (x *exchange) read(body []byte) *apiError {
	var refusal *apiError
	if x.prompt, refusal = x.form.read(x, body); refusal != nil {
		return refusal
	}
	if x.behaviour, refusal = parseModel(x.prompt.model, x.form.traits().crlf); refusal != nil {
		return refusal
	}
	x.compose()
	return nil
}

// compose decides the answer's text.
func (x *exchange) compose() {
	said, answered, images := "", false, 0
	var results []string // of tools, since the user last said something
	for _, turn := range x.prompt.turns {
		x.promptWords += countWords(turn.text)
		images += turn.images
		switch turn.role {
		case roleUser:
			said = turn.text
			if said != "" {
				results = nil
			}
		case roleTool:
			results = append(results, turn.text)
		case roleAssistant:
			answered = true
		}
	}
	x.calls = x.behaviour.tool != "" && len(results) == 0
	switch {
	case x.calls:
		x.text = toolArguments
	case answered && x.behaviour.again != "":
		x.text = x.behaviour.again
	case x.behaviour.text != "":
		x.text = x.behaviour.text
	case x.behaviour.size != nil:
		x.text = wordsText(*x.behaviour.size)
	case len(x.prompt.schema) > 0 && string(x.prompt.schema) != "null":
		x.text = string(fitting(x.prompt.schema))
	default:
		x.text = sentence(said, results, images)
	}
}

// sentence is the answer where nothing else is asked for.
func sentence(said string, results []string, images int) string {
	text := "You said nothing."
	switch {
	case len(results) > 0:
		text = fmt.Sprintf("The tool said: \"%s\".", shorten(strings.Join(results, "\n")))
	case said != "":
		text = fmt.Sprintf("You said: \"%s\".", shorten(said))
	}
	switch {
	case images == 1:
		text += " I see 1 image."
	case images > 1:
		text += fmt.Sprintf(" I see %d images.", images)
	}
	return text + " I am an imitated model."
}

// sendAnswer answers the request with the fault, one of faults, or without one
// if it is empty.
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
	if x.prompt.stream {
		return x.stream(fault)
	}
	return x.plain(fault)
}

// plain answers with one JSON body.
func (x *exchange) plain(fault string) error {
	body := encode(x.form.document(x))
	half := body[:len(body)/2]
	switch fault {
	case "end":
		return x.send(http.StatusOK, typeJSON, half)
	case "garbage":
		return x.send(http.StatusOK, typeJSON, []byte(garbage))
	case "error":
		return x.send(http.StatusOK, typeJSON, encode(x.form.brokenDocument(x, x.statusError(http.StatusInternalServerError))))
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
	opening, content, closing := x.form.events(x)
	if fault == "garbage" {
		first := event{data: []byte(garbage)}
		if len(opening) > 0 {
			first.name = opening[0].name
		}
		if err := x.event(first); err != nil {
			return err
		}
		return x.lastEvents(closing[len(closing)-1:])
	}

	for _, first := range opening {
		if err := x.event(first); err != nil {
			return err
		}
	}
	if fault != "" {
		content = content[:len(content)/2]
	}
	for i, piece := range content {
		if i > 0 {
			if err := x.pause(x.behaviour.gap); err != nil {
				return err
			}
		}
		if err := x.event(piece); err != nil {
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
		return x.lastEvents(x.form.brokenEvents(x, x.statusError(http.StatusInternalServerError)))
	}
	return x.lastEvents(closing)
}

// lastEvents writes the events that end a stream. After the last one a client
// may regard it as complete.
func (x *exchange) lastEvents(last []event) error {
	for i, one := range last {
		if i == len(last)-1 {
			x.leave()
		}
		if err := x.event(one); err != nil {
			return err
		}
	}
	return nil
}

// event writes and flushes one server-sent event, after a comment if the
// behaviour wants comments between events.
func (x *exchange) event(one event) error {
	data, raw := one.data.([]byte)
	if !raw {
		data = encode(one.data)
	}
	line := "\n"
	if x.behaviour.crlf {
		line = "\r\n"
	}
	var text bytes.Buffer
	if x.behaviour.comments && x.events > 0 {
		text.WriteString(": keep-alive" + line + line)
	}
	x.events++
	if one.name != "" {
		text.WriteString("event: " + one.name + line)
	}
	text.WriteString("data: ")
	text.Write(data)
	text.WriteString(line + line)
	return x.write(text.Bytes())
}

// sendStatus answers with the behaviour's status.
func (x *exchange) sendStatus() error {
	if x.behaviour.retryAfter != "" && !x.form.traits().retryInfo {
		x.w.Header().Set("Retry-After", x.behaviour.retryAfter)
	}
	return x.sendError(x.behaviour.status, x.statusError(x.behaviour.status))
}

func (x *exchange) sendError(status int, problem apiError) error {
	return x.send(status, typeJSON, encode(x.form.errorBody(x, status, problem)))
}

// statusError returns the form's error of a status. With echo=key its message
// quotes the request's key.
func (x *exchange) statusError(status int) apiError {
	problem := x.form.statusError(status)
	if problem.Message == "" {
		problem.Message = fmt.Sprintf("Imitated status %d %s.", status, http.StatusText(status))
	}
	if x.behaviour.echoKey {
		problem.Message = strings.TrimSuffix(problem.Message, ".") + ": " + credential(x.request.Header) + "."
	}
	return problem
}

// requestID names the exchange, as the header does.
func (x *exchange) requestID() string { return fmt.Sprintf("req_imitated_%d", x.n) }

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

// finish is how the answer ends, in the words of Chat Completions.
func (x *exchange) finish() string {
	switch {
	case x.behaviour.finish != "":
		return x.behaviour.finish
	case x.calls:
		return "tool_calls"
	}
	return "stop"
}

// pieces returns the answer's text as its content chunks.
func (x *exchange) pieces() []string {
	chunks := x.behaviour.chunks
	switch {
	case x.text == "":
		return nil
	case chunks > 0: // as asked for
	case x.calls:
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
	text, _ := readContent(content)
	return text
}

// imageParts are the types of parts that hold an image: of Chat Completions,
// Responses and Anthropic's Messages.
var imageParts = []string{"image_url", "input_image", "image"}

// readContent is contentText with the number of images, for all forms whose
// content is a string or an array of parts with a type.
func readContent(content json.RawMessage) (text string, images int) {
	if json.Unmarshal(content, &text) == nil {
		return text, 0
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(content, &parts) != nil {
		return "", 0
	}
	var texts []string
	for _, part := range parts {
		if part.Text != "" {
			texts = append(texts, part.Text)
		}
		if slices.Contains(imageParts, part.Type) {
			images++
		}
	}
	return strings.Join(texts, "\n"), images
}

func countWords(text string) int {
	count := 0
	for range strings.FieldsSeq(text) {
		count++
	}
	return count
}

// encode returns value as one line of JSON. Unlike json.Marshal it leaves
// < > & readable, as providers do.
func encode(value any) []byte {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // only types of this package come here, and they all encode
	}
	return bytes.TrimSuffix(line.Bytes(), []byte("\n"))
}
