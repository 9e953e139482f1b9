// Package imitation is an imitated LLM provider: an http.Handler which speaks
// the wire forms of OpenAI, Anthropic and Google and never calls a model. The
// demo, the end-to-end tests and the benchmarks use it instead of a provider
// that costs money.
//
//	POST {anything}/chat/completions              OpenAI's Chat Completions
//	POST {anything}/responses                     OpenAI's Responses
//	POST {anything}/messages                      Anthropic's Messages
//	POST {anything}/models/{model}:generateContent
//	POST {anything}/models/{model}:streamGenerateContent?alt=sse
//	                                              the Gemini API; without alt=sse
//	                                              a stream is one JSON array
//	GET  {anything}/models                        a list of models
//
// As a process of its own it is transport/imitation/serve.
//
// # Steering it by the model's name
//
// The request's model chooses the behaviour, so that a client steers it through
// whatever stands between, without a side channel:
//
//	imitated
//	imitated?key=value&key=value
//
// What stands before the first "?" is free; what follows is a URL query (so "+"
// and %20 are a space). The whole name, at most 64 KiB, is echoed as the
// answer's model. In Gemini's paths the name is escaped once more ("?" is %3F).
// An unknown key, a key given twice, a value out of its limits and a pair of
// keys that contradict each other are answered 400 with an error that names the
// key, what was given and what is allowed.
//
// Timing and amount:
//
//	latency=200ms     wait before the response head; 0s to 60s
//	size=8000         answer with exactly this many bytes of ASCII words; 0 to
//	                  67108864 (64 MiB); not with tool
//	text=TEXT         answer with this text, which is not empty; not with size or
//	                  tool
//	again=TEXT        with text: the answer where the conversation has an
//	                  assistant's message
//	chunks=20         number of content chunks when streamed; 1 to 100000, never
//	                  more than the answer has characters, cut between them.
//	                  Default: one per word, at most 40 (tool: 4). Gemini's tool
//	                  calls are always one
//	gap=10ms          pause between content chunks; 0s to 60s
//
// Faults, each as the form in which the request came has it:
//
//	status=429        answer this HTTP status with an error; 400 to 599
//	retry_after=1     with status: the wait in seconds; 0 to 86400. The header
//	                  Retry-After, of Gemini the RetryInfo among the details
//	fault=cut         streamed: half of the chunks, then the connection is closed
//	                  in mid-answer; plain: half of the JSON under the
//	                  Content-Length of the whole
//	fault=end         streamed: half of the chunks, then a clean end without the
//	                  events that end an answer; plain: half of the JSON under its
//	                  own Content-Length
//	fault=error       streamed: half of the chunks, then an error and a clean end:
//	                  Chat data: {"error":{...}} without [DONE], Responses the
//	                  events error and response.failed, Messages the event error,
//	                  Gemini data: {"error":{...}}; plain: 200 with the error
//	                  (Responses: with a response that has failed)
//	fault=html        status 502 with an HTML page
//	fault=empty       status 200 with a body of zero bytes
//	fault=garbage     status 200 with invalid JSON (streamed: as the data of one
//	                  event under the name of the first, then the last event)
//	fault=hang        no response head until the client goes away; after 60 s the
//	                  connection is closed
//	fault=stall       half of the chunks (plain: of the JSON), then silence until
//	                  the client goes away; after 60 s the connection is closed
//	fault=reset       the TCP connection is reset before any response
//	times=1           with status or fault: only the first this many requests of
//	                  an id get it, later ones are answered normally; 1 to 1000000
//	id=abc            what times counts by, any text up to 200 bytes; default
//	                  empty. A Provider counts at most 100000 different ids
//	echo=key          with status or fault=error: the error's message quotes the
//	                  request's key, which otherwise never leaves the provider
//
// Half of the chunks is rounded down. status and fault exclude each other.
//
// Shape:
//
//	crlf=1            lines of a stream end in CRLF instead of LF; 0 or 1, and 1
//	                  for Gemini where it is not given
//	comments=1        SSE comments (": keep-alive") between events; 0 or 1
//	usage=0           leaves usage out; 0 or 1
//	tool=NAME         one tool call to NAME with arguments {"city":"Oslo"} instead
//	                  of text; 1 to 64 of A-Z a-z 0-9 _ -. Not where the
//	                  conversation ends with a tool's result
//	finish=length     how the answer ends; 1 to 64 of a-z and _. stop, length,
//	                  tool_calls and content_filter are said in the form's own
//	                  words, others are passed on, Gemini's in upper case
//	reasoning=TEXT    adds reasoning, not empty: Chat's reasoning_content, the
//	                  reasoning item with a summary of Responses (with
//	                  encrypted_content where the request includes it), Anthropic's
//	                  thinking block, Gemini's thought. Streamed it comes ahead of
//	                  the content chunks and does not count among them
//
// # Answers
//
// Without text, size or tool the answer follows from the conversation. Where the
// request has a JSON schema (response_format, text.format, output_config.format,
// responseJsonSchema or responseSchema), it is a JSON value that fits: objects
// with their required properties, arrays with one item, strings "imitated",
// numbers 1, booleans true, of an enum the first. Else it is a sentence with the
// first 1000 bytes of what was said, and with the number of images if any:
//
//	You said: "...". I see 2 images. I am an imitated model.
//	The tool said: "...". I am an imitated model.
//
// the second one where a tool's result came after the user's last text.
//
// Everything in an answer follows from the request and from its number n, which
// counts the requests of one Provider from 1: the id is chatcmpl-imitated-<n>,
// resp_imitated_<n>, msg_imitated_<n> or imitated_<n>, the header x-request-id
// (Anthropic's request-id) is req_imitated_<n>, created is always 1700000000.
// The tokens of the prompt are the number of words in the text of all messages,
// those of the completion the number of words of the answer without its
// reasoning.
//
// A request must be JSON of at most 64 MiB with a model and at least one
// message. Of what a real provider refuses, these are refused:
//
//	Responses  max_output_tokens below 16; a result without its call; a schema
//	           without a name
//	Messages   no anthropic-version; no max_tokens; an empty text; a result that
//	           does not follow its call; an object in a schema that is not closed
//	Gemini     a role other than user and model; a message without parts; a first
//	           call without thoughtSignature; a result without a name
//
// Everything else is ignored. Every event of a stream is flushed on its own.
//
// # The list of models
//
// It has the shape of Anthropic's for requests with anthropic-version, that of
// Gemini's for those with x-goog-api-key or below /v1beta, that of OpenRouter's
// below /api/v1, and else OpenAI's, which tells nothing but names. The models
// are imitated, imitated-large and imitated-vision, and any other name is
// answered as well.
package imitation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxBody     = 64 << 20 // bytes of a request body that are accepted
	maxKeptBody = 64 << 10 // bytes of a request body that Requests shows
	maxKept     = 10_000   // requests that Requests shows
	maxIDs      = 100_000  // different ids that times counts
)

// Provider is one imitated provider. Make it with New; it is safe for
// concurrent use and keeps its own numbering, counters and list of requests.
type Provider struct {
	serving atomic.Int64 // requests being served now
	peak    atomic.Int64 // highest value serving has had
	maxBody int64        // the constant, lower in tests

	mu       sync.Mutex
	received int            // requests so far; the number n of the latest
	kept     []*Request     // the latest, at most maxKept, oldest first
	faulted  map[string]int // by id: requests that got a fault under times
}

// Request is one HTTP request as the provider received it. Header and Body are
// shared between the answers of Requests and must not be changed.
type Request struct {
	Method   string
	Path     string
	Header   http.Header
	Body     []byte // at most the first 64 KiB
	BodySize int    // bytes of the whole body that arrived, at most 64 MiB

	// Aborted tells that the client went away before its answer was complete.
	// It turns true when the provider notices, which is shortly afterwards.
	Aborted bool
}

// New returns a provider that has received nothing yet.
func New() *Provider {
	return &Provider{maxBody: maxBody, faulted: make(map[string]int)}
}

// Requests returns the last 10,000 requests, of every method and path, in the
// order in which their bodies were complete; the id of an answer counts in the
// same order.
func (p *Provider) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	requests := make([]Request, len(p.kept))
	for i, kept := range p.kept {
		requests[i] = *kept
	}
	return requests
}

// Peak returns the most requests that were being served at once so far. A
// request counts from its arrival until its answer's last bytes are about to be
// written, so a client that waits for complete answers is never counted twice;
// one that goes away counts until the provider notices.
func (p *Provider) Peak() int {
	return int(p.peak.Load())
}

// Serve listens on a free port of 127.0.0.1 and answers there until stop is
// called. url is the API's root as OpenAI clients are configured with it, such
// as http://127.0.0.1:40123/v1. stop closes the listener and all connections,
// ends the answers under way, and may be called more than once.
func (p *Provider) Serve() (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("imitated provider: listen on 127.0.0.1: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{
		Handler:           p,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		// Broken connections are this server's purpose, not news for stderr.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // always http.ErrServerClosed, by stop
	}()
	stop = func() {
		cancel()
		_ = server.Close() // the sockets are gone either way
		<-ended
	}
	return "http://" + listener.Addr().String() + "/v1", stop, nil
}

// ServeHTTP answers one request as the package comment describes. It panics with
// http.ErrAbortHandler where a connection must break; net/http expects that.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	leave := p.enter()
	defer leave()

	body, readErr := p.readBody(w, r)
	n, kept := p.keep(r, body)
	spoken, allowed := route(r)
	x := &exchange{w: w, control: http.NewResponseController(w), request: r, n: n, leave: leave, form: spoken}
	w.Header().Set(spoken.traits().requestID, x.requestID())
	if err := p.answer(x, allowed, body, readErr); err != nil {
		p.mu.Lock()
		kept.Aborted = true
		p.mu.Unlock()
		// To return would end the answer well: whoever still listens, as when
		// Serve's stop cut it short, must not take it for a whole one.
		panic(http.ErrAbortHandler)
	}
}

// answer answers one request, whose path takes the method allowed, or none. An
// error means that the client went away.
func (p *Provider) answer(x *exchange, allowed string, body []byte, readErr error) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](readErr); tooLarge {
		return x.sendError(http.StatusRequestEntityTooLarge, apiError{
			Message: fmt.Sprintf("the request body is larger than the allowed %d bytes", p.maxBody),
			Type:    "invalid_request_error", Code: "request_too_large",
		})
	}
	if readErr != nil {
		return readErr
	}

	method, path := x.request.Method, x.request.URL.Path
	switch allowed {
	case "":
		return x.sendError(http.StatusNotFound, apiError{
			Message: fmt.Sprintf("unknown request URL: %s %.200q; allowed: %s", method, path, paths),
			Type:    "invalid_request_error", Code: "unknown_url",
		})
	case method:
	default:
		x.w.Header().Set("Allow", allowed)
		return x.sendError(http.StatusMethodNotAllowed, apiError{
			Message: fmt.Sprintf("method %.20q on %.200q; allowed: %s", method, path, allowed),
			Type:    "invalid_request_error", Code: "method_not_allowed",
		})
	}
	if allowed == http.MethodGet {
		return x.send(http.StatusOK, typeJSON, encode(modelList(x)))
	}
	return p.complete(x, body)
}

// paths are those that are answered.
const paths = "POST .../chat/completions, POST .../responses, POST .../messages, " +
	"POST .../models/{model}:generateContent and :streamGenerateContent, GET .../models"

// complete answers one request for a completion, or the fault that its model's name asks
// for.
func (p *Provider) complete(x *exchange, body []byte) error {
	if refusal := x.read(body); refusal != nil {
		return x.sendError(http.StatusBadRequest, *refusal)
	}
	faulty, refusal := p.faultDue(x.behaviour)
	if refusal != nil {
		return x.sendError(http.StatusBadRequest, *refusal)
	}
	if err := x.pause(x.behaviour.latency); err != nil {
		return err
	}
	if faulty && x.behaviour.status != 0 {
		return x.sendStatus()
	}
	fault := ""
	if faulty {
		fault = x.behaviour.fault
	}
	return x.sendAnswer(fault)
}

// faultDue tells whether this request gets its behaviour's fault, and counts it
// if times limits it.
func (p *Provider) faultDue(b behaviour) (bool, *apiError) {
	if b.times == 0 {
		return b.faulty(), nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	had, known := p.faulted[b.id]
	if !known && len(p.faulted) >= maxIDs {
		return false, badModel(fmt.Sprintf("key \"id\" is %.100q, a new one; allowed: %d different ids per provider, which are used up", b.id, maxIDs))
	}
	if had >= b.times {
		return false, nil
	}
	p.faulted[b.id] = had + 1
	return true, nil
}

// enter counts a request as being served, until leave is first called.
func (p *Provider) enter() (leave func()) {
	now := p.serving.Add(1)
	for {
		peak := p.peak.Load()
		if now <= peak || p.peak.CompareAndSwap(peak, now) {
			break
		}
	}
	return sync.OnceFunc(func() { p.serving.Add(-1) })
}

// keep numbers the request and puts it on the list of Requests.
func (p *Provider) keep(r *http.Request, body []byte) (n int, kept *Request) {
	kept = &Request{
		Method:   r.Method,
		Path:     r.URL.Path,
		Header:   r.Header.Clone(),
		Body:     body,
		BodySize: len(body),
	}
	if len(body) > maxKeptBody {
		// A copy, for a mere slice would keep the whole body in memory.
		kept.Body = bytes.Clone(body[:maxKeptBody])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.received++
	if len(p.kept) == maxKept {
		p.kept[0] = nil // the array outlives the slice's start
		p.kept = p.kept[1:]
	}
	p.kept = append(p.kept, kept)
	return p.received, kept
}

// readBody reads the request's body, at most maxBody bytes. On an error it
// returns what had arrived until then.
func (p *Provider) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	var body bytes.Buffer
	if r.ContentLength > 0 {
		// MinRead more than announced, or ReadFrom grows the buffer to see the end.
		body.Grow(int(min(r.ContentLength, p.maxBody)) + bytes.MinRead)
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, p.maxBody))
	return body.Bytes(), err
}
