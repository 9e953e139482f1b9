package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// upstream is an imitated provider on loopback that costs as little as can be,
// since it shares the processors with what is measured: it reads the request
// itself, finds the model's name by a search, and has all replies ready.
// (transport/imitation is net/http, parses its requests and counts words.)
type upstream struct {
	listener net.Listener
	replies  map[string]*reply // by model; not changed after start

	waiting atomic.Int64 // requests for a held reply that have come
	mu      sync.Mutex
	release chan struct{} // closed when held replies may go out
}

// reply is what one model answers.
type reply struct {
	text   string // of the answer
	whole  []byte
	pieces [][]byte // of a stream, each in a write of its own; first the head
	delay  time.Duration
	held   bool
}

const megabyte = 1 << 20

func startUpstream(sizes sizes) (*upstream, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &upstream{listener: listener, release: make(chan struct{}), replies: map[string]*reply{
		"short":  wholeReply("pong"),
		"slow":   wholeReply("pong"),
		"held":   wholeReply("pong"),
		"1 MB":   wholeReply(prose(megabyte)),
		"7 MB":   wholeReply(prose(7 * megabyte)), // as JSON somewhat longer, but below 8 MB
		"8 MB":   wholeReply(prose(8 * megabyte)),
		"stream": streamReply(sizes.chunks),
	}}
	p.replies["slow"].delay = sizes.delay
	p.replies["held"].held = true
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(connection)
		}
	}()
	return p, nil
}

func (p *upstream) endpoint() string { return "http://" + p.listener.Addr().String() + "/v1" }

// prose is text of n bytes with what real text has: lines, and now and then a
// character that JSON escapes.
func prose(n int) string {
	line := `The quick brown fox, as they "say", jumps over one lazy dog after the other.` + "\n"
	return strings.Repeat(line, n/len(line)+1)[:n]
}

func quoted(text string) []byte {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic(err) // a string is always JSON
	}
	return bytes.TrimSpace(buffer.Bytes())
}

func wholeReply(text string) *reply {
	body := fmt.Sprintf(`{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gpt-4o-mini-2024-07-18",`+
		`"choices":[{"index":0,"message":{"role":"assistant","content":%s,"refusal":null},"logprobs":null,"finish_reason":"stop"}],`+
		`"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}`, quoted(text))
	return &reply{text: text, whole: fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)}
}

// body is a whole reply without its head.
func (r *reply) body() []byte {
	_, body, _ := bytes.Cut(r.whole, []byte("\r\n\r\n"))
	return body
}

func streamReply(chunks int) *reply {
	r := &reply{pieces: [][]byte{[]byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")}}
	add := func(choices, more string) {
		event := `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini-2024-07-18",` +
			`"system_fingerprint":"fp_1","choices":[` + choices + `]` + more + "}\n\n"
		r.pieces = append(r.pieces, fmt.Appendf(nil, "%x\r\n%s\r\n", len(event), event))
	}
	for n := range chunks {
		word := " word" + strconv.Itoa(n)
		r.text += word
		add(fmt.Sprintf(`{"index":0,"delta":{"content":%q},"logprobs":null,"finish_reason":null}`, word), "")
	}
	add(`{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}`, "")
	add("", fmt.Sprintf(`,"usage":{"prompt_tokens":9,"completion_tokens":%d,"total_tokens":%d}`, chunks, chunks+9))
	r.pieces = append(r.pieces, []byte("e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"))
	return r
}

// serve answers the requests of one connection.
func (p *upstream) serve(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReaderSize(connection, 4<<10)
	var body []byte
	for {
		var err error
		if body, err = readRequest(reader, body[:0]); err != nil {
			return // the client is gone
		}
		if err := p.answer(connection, body); err != nil {
			return
		}
		if cap(body) > megabyte/2 {
			body = nil
		}
	}
}

// readRequest reads one request and returns its body.
func readRequest(reader *bufio.Reader, body []byte) ([]byte, error) {
	length, chunked := 0, false
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return nil, err
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		}
	}
	if chunked {
		body, err := io.ReadAll(httputil.NewChunkedReader(reader))
		if err == nil {
			_, err = reader.ReadSlice('\n') // the empty trailer
		}
		return body, err
	}
	if cap(body) < length {
		body = make([]byte, length)
	}
	body = body[:length]
	_, err := io.ReadFull(reader, body)
	return body, err
}

func (p *upstream) answer(connection net.Conn, body []byte) error {
	_, rest, _ := bytes.Cut(body, []byte(`"model":"`))
	model, _, _ := bytes.Cut(rest[:min(len(rest), 100)], []byte(`"`))
	reply := p.replies[string(model)]
	if reply == nil {
		text := fmt.Sprintf("no such model: %q", model)
		_, err := fmt.Fprintf(connection, "HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
		return err
	}
	if reply.delay > 0 {
		time.Sleep(reply.delay)
	}
	if reply.held {
		p.mu.Lock()
		release := p.release
		p.mu.Unlock()
		p.waiting.Add(1)
		<-release
	}
	if reply.pieces == nil {
		_, err := connection.Write(reply.whole)
		return err
	}
	for _, piece := range reply.pieces {
		if _, err := connection.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// held waits until n requests are held. What it returns sends the replies.
func (p *upstream) held(n int, limit time.Duration) (letGo func(), err error) {
	letGo = func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.waiting.Store(0)
		close(p.release)
		p.release = make(chan struct{})
	}
	for until := time.Now().Add(limit); p.waiting.Load() < int64(n); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			return letGo, fmt.Errorf("only %d of %d calls reached the provider", p.waiting.Load(), n)
		}
	}
	return letGo, nil
}
