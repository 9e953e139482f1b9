// Package imitation is an imitated LLM provider: an http.Handler which speaks
// OpenAI Chat Completions and never calls a model. The demo, the end-to-end
// tests and the benchmarks use it instead of a provider that costs money.
//
//	POST {anything}/chat/completions   one chat completion, plain or streamed
//	GET  {anything}/models             a list holding the one model "imitated"
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
// answer's model. An unknown key, a key given twice, a value out of its limits
// and a pair of keys that contradict each other are answered 400 with an OpenAI
// error that names the key, what was given and what is allowed.
//
// Timing and amount:
//
//	latency=200ms     wait before the response head; 0s to 60s
//	size=8000         answer with exactly this many bytes of ASCII words; 0 to
//	                  67108864 (64 MiB); not with tool. Without size the answer
//	                  is a sentence that echoes the first 1000 bytes of the last
//	                  user message: You said: "...". I am an imitated model.
//	text=TEXT         answer with this text, which is not empty; not with size or
//	                  tool
//	again=TEXT        with text: the answer where the conversation has an
//	                  assistant's message
//	chunks=20         number of content chunks when streamed; 1 to 100000, never
//	                  more than the answer has characters, cut between them.
//	                  Default: one per word, at most 40 (tool: 4)
//	gap=10ms          pause between content chunks; 0s to 60s
//
// Faults:
//
//	status=429        answer this HTTP status with an OpenAI error; 400 to 599
//	retry_after=1     with status: the Retry-After header in seconds; 0 to 86400
//	fault=cut         streamed: half of the chunks, then the connection is closed
//	                  in mid-answer; plain: half of the JSON under the
//	                  Content-Length of the whole
//	fault=end         streamed: half of the chunks, then a clean end without
//	                  finish_reason and [DONE]; plain: half of the JSON under its
//	                  own Content-Length
//	fault=error       streamed: half of the chunks, then data: {"error":{...}} and
//	                  a clean end without [DONE]; plain: 200 with {"error":{...}}
//	fault=html        status 502 with an HTML page
//	fault=empty       status 200 with a body of zero bytes
//	fault=garbage     status 200 with invalid JSON (streamed: as the data of one
//	                  event, then [DONE])
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
//	                  token of the Authorization header, which otherwise never
//	                  leaves the provider
//
// Half of the chunks is rounded down. status and fault exclude each other.
//
// Shape:
//
//	crlf=1            lines of a stream end in CRLF instead of LF; 0 or 1
//	comments=1        SSE comments (": keep-alive") between events; 0 or 1
//	usage=0           leaves usage out; 0 or 1
//	tool=NAME         one tool call to NAME with arguments {"city":"Oslo"} instead
//	                  of text, finish_reason tool_calls; 1 to 64 of A-Z a-z 0-9 _ -
//	finish=length     the finish_reason; 1 to 64 of a-z and _
//	reasoning=TEXT    adds reasoning_content (streamed: one chunk ahead of the
//	                  content chunks, not counted among them); not empty
//
// # Answers
//
// Everything in an answer follows from the request and from its number n, which
// counts the requests of one Provider from 1: the id is chatcmpl-imitated-<n>,
// the header x-request-id is req_imitated_<n>, created is always 1700000000.
// prompt_tokens is the number of words in the text of all messages,
// completion_tokens the number of words of the answer without its reasoning.
//
// A request must be JSON of at most 64 MiB with a model and at least one
// message; other members than model, messages, stream and stream_options are
// ignored. A streamed answer is a role chunk, the content chunks, a finish chunk,
// with stream_options.include_usage a chunk with usage and no choices, and
// data: [DONE]; every event is flushed on its own.
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
	"strings"
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
	w.Header().Set("X-Request-Id", fmt.Sprintf("req_imitated_%d", n))
	x := &exchange{w: w, control: http.NewResponseController(w), request: r, n: n, leave: leave}
	if err := p.answer(x, body, readErr); err != nil {
		p.mu.Lock()
		kept.Aborted = true
		p.mu.Unlock()
		// To return would end the answer well: whoever still listens, as when
		// Serve's stop cut it short, must not take it for a whole one.
		panic(http.ErrAbortHandler)
	}
}

// answer routes one request. An error means that the client went away.
func (p *Provider) answer(x *exchange, body []byte, readErr error) error {
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
	allowed := http.MethodPost
	switch {
	case strings.HasSuffix(path, "/chat/completions"):
	case strings.HasSuffix(path, "/models"):
		allowed = http.MethodGet
	default:
		return x.sendError(http.StatusNotFound, apiError{
			Message: fmt.Sprintf("unknown request URL: %s %.200q; allowed: POST .../chat/completions, GET .../models", method, path),
			Type:    "invalid_request_error", Code: "unknown_url",
		})
	}
	if method != allowed {
		x.w.Header().Set("Allow", allowed)
		return x.sendError(http.StatusMethodNotAllowed, apiError{
			Message: fmt.Sprintf("method %.20q on %.200q; allowed: %s", method, path, allowed),
			Type:    "invalid_request_error", Code: "method_not_allowed",
		})
	}
	if allowed == http.MethodGet {
		return x.send(http.StatusOK, typeJSON, encode(modelList))
	}
	return p.complete(x, body)
}

// complete answers one chat completion, or the fault that its model's name asks
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
