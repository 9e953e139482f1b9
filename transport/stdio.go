package transport

import (
	"bufio"
	"bytes"
	"context"
	stdjson "encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// The limits of stdio.
const (
	// lineLimit is the longest message that is read, in bytes.
	lineLimit = 64 << 20
	// drainGrace is how long calls in flight may still take after the client
	// closed our input.
	drainGrace = 10 * time.Second
	// waitingAnswers is how many answers, those of calls not counted, may wait
	// for a client that does not read, before we do not read either.
	waitingAnswers = 1 << 10
)

// ServeStdio speaks MCP over newline-delimited JSON until in ends or ctx does.
// Calls run at once, each in a goroutine; everything else is answered in order.
//
// It is a loop of our own over mcp-go's HandleMessage, since mcp-go's stdio
// server queues calls, answers canceled ones, drops and reorders progress,
// rounds ids and loses a last line (docs/RATIONALE.md). Here: ids and progress
// tokens go back byte for byte, a canceled call gives no sign, progress comes
// before its answer or never, arguments go past mcp-go to the machine as the
// bytes they came in, and what is no message costs one error, not the session.
//
// After the end of in, calls in flight have 10 s to be answered.
func (s *Server) ServeStdio(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	session := &stdioSession{
		server: s, out: out, stop: stop, calls: map[string]context.CancelFunc{},
		answers: make(chan func(), waitingAnswers),
	}
	lines := make(chan error, 1)
	go func() { lines <- session.read(ctx, in) }()
	session.running.Go(func() {
		for answer := range session.answers {
			answer()
		}
	})
	var err error
	select {
	case err = <-lines:
	case <-ctx.Done():
		return session.writeError()
	}
	drained := make(chan struct{})
	go func() { session.running.Wait(); close(drained) }()
	select {
	case <-drained:
	case <-ctx.Done():
	case <-time.After(drainGrace):
		s.host.Log("the client is gone; calls that still ran were given up")
	}
	return errors.Join(err, session.writeError())
}

// stdioSession is the conversation with one client.
type stdioSession struct {
	server  *Server
	stop    context.CancelFunc // ends the session
	running sync.WaitGroup
	answers chan func() // what the reader wants written: it never waits for the client to read

	mu    sync.Mutex
	calls map[string]context.CancelFunc // by the id's bytes
	last  int64                         // ids that mcp-go sees

	writing sync.Mutex // may be held for as long as the client does not read
	out     io.Writer
	broken  atomic.Pointer[error] // why out is of no use any more
}

// read takes lines until in ends.
func (s *stdioSession) read(ctx context.Context, in io.Reader) error {
	defer close(s.answers)
	reader := bufio.NewReaderSize(in, 64<<10)
	for first := true; ; first = false {
		line, err := readLine(reader)
		if ctx.Err() != nil {
			return nil
		}
		if first {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			s.message(ctx, line)
		}
		if errors.Is(err, errLineTooLong) {
			s.refuse("null", mcp.INVALID_REQUEST, "the message is longer than "+strconv.Itoa(lineLimit>>20)+" MB")
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && err != errLineTooLong:
			return err
		}
	}
}

var errLineTooLong = errors.New("line too long")

// readLine reads one line into memory of its own. A line over the limit is
// skipped to its end. The last line needs no newline.
func readLine(reader *bufio.Reader) (line []byte, err error) {
	for {
		piece, err := reader.ReadSlice('\n')
		if len(line)+len(piece) > lineLimit {
			for err == bufio.ErrBufferFull {
				_, err = reader.ReadSlice('\n')
			}
			if err == nil {
				return nil, errLineTooLong
			}
			return nil, errors.Join(errLineTooLong, err)
		}
		line = append(line, piece...)
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

// envelope is what the loop needs to know of a message. Its strings are the
// line's.
type envelope struct {
	id, params string // the message's own bytes; "" where absent
	method     string
	asks, says bool // it has a method; it has a result or an error
}

// open reads the envelope of a message, or says what it is instead.
func open(line []byte) (e envelope, complaint string, code int) {
	if !utf8.Valid(line) || !json.Valid(line) {
		return e, "the message is not JSON", mcp.PARSE_ERROR
	}
	// Spares a copy: the line is memory of its own, and nothing writes to it.
	message := json.ParseString(unsafe.String(unsafe.SliceData(line), len(line)))
	if message.IsArray() {
		return e, "batches are not part of MCP; send one message a line", mcp.INVALID_REQUEST
	}
	if !message.IsObject() {
		return e, "the message is not an object", mcp.INVALID_REQUEST
	}
	version := ""
	message.ForEach(func(key, value json.Value) bool {
		switch key.String() {
		case "jsonrpc":
			version = value.String()
		case "id":
			e.id = value.Raw
			if value.Type != json.String && value.Type != json.Number {
				complaint = "id: got " + abridge(value.Raw) + ", allowed: a string or a number"
			}
		case "method":
			e.method, e.asks = value.String(), true
			if value.Type != json.String {
				complaint = "method: got " + abridge(value.Raw) + ", allowed: a string"
			}
		case "result", "error":
			e.says = true
		case "params":
			if value.Type == json.Null {
				break // some clients write what they leave out
			}
			e.params = value.Raw
			if !value.IsObject() {
				complaint = "params: got " + abridge(value.Raw) + ", allowed: an object"
			}
		}
		return true
	})
	if version != "2.0" && complaint == "" {
		complaint = `jsonrpc: allowed: "2.0"`
	}
	if !e.asks && !e.says && complaint == "" {
		complaint = "method: got nothing, allowed: a string"
	}
	if complaint != "" {
		return e, complaint, mcp.INVALID_REQUEST
	}
	return e, "", 0
}

// longestComplaint bounds the message of a JSON-RPC error, in bytes.
const longestComplaint = 300

func abridge(raw string) string {
	const most = 40
	if len(raw) > most {
		return raw[:most] + "..."
	}
	return raw
}

// message handles one line.
func (s *stdioSession) message(ctx context.Context, line []byte) {
	e, complaint, code := open(line)
	if complaint != "" {
		s.refuse(usableID(e.id), code, complaint)
		return
	}
	switch {
	case !e.asks: // a response: we never ask
	case e.id == "" && e.method == string(mcp.MethodNotificationCancelled):
		s.cancel(e.params)
	case e.id == "":
		s.server.protocol.HandleMessage(ctx, s.stub(e, e.params))
	case e.method == string(mcp.MethodToolsCall):
		s.call(ctx, e)
	default:
		if e.method == string(mcp.MethodInitialize) {
			s.introduced(json.Parse([]byte(e.params)).Get("clientInfo.name"))
		}
		response := s.server.protocol.HandleMessage(ctx, s.stub(e, e.params))
		s.answers <- func() { s.answer(e.id, response, nil) }
	}
}

// introduced tells the server the client's name, which the handshake has up to
// 2025-11-25, and the _meta of any request since.
func (s *stdioSession) introduced(name json.Value) {
	if name.Type == json.String {
		s.server.client(name.String())
	}
}

// usableID is the id with which an error may be answered.
func usableID(id string) string {
	if id == "" || id[0] == '{' || id[0] == '[' || id == "true" || id == "false" {
		return "null"
	}
	return id
}

// stub is the message for mcp-go, with nothing but what was read of it, and
// under an id of ours: mcp-go takes names in any case, and reads numbers as
// floating point, which confuses large ones.
func (s *stdioSession) stub(e envelope, params string) []byte {
	id := ""
	if e.id != "" {
		s.mu.Lock()
		s.last++
		id = `"id":` + strconv.FormatInt(s.last, 10) + `,`
		s.mu.Unlock()
	}
	if params == "" {
		params = "{}"
	}
	method, err := json.Marshal(e.method)
	if err != nil {
		method = []byte(`""`) // a string is always JSON
	}
	return []byte(`{"jsonrpc":"2.0",` + id + `"method":` + string(method) + `,"params":` + params + `}`)
}

// toolParams are the params of tools/call, as the bytes they came in; "" where
// absent.
type toolParams struct {
	name, arguments, meta, token string
	modern                       bool // it names the protocol's version, as since 2026-07-28
}

// openCall reads the params of tools/call, or says what is wrong with them.
func (s *stdioSession) openCall(params string) (p toolParams, complaint string) {
	json.ParseString(params).ForEach(func(key, value json.Value) bool {
		switch key.String() {
		case "name":
			if p.name = value.Raw; value.Type != json.String {
				complaint = "params.name: got " + abridge(value.Raw) + ", allowed: the name of a tool"
			}
		case "arguments":
			p.arguments = value.Raw
		case "_meta":
			if p.meta = value.Raw; !value.IsObject() {
				complaint = "params._meta: got " + abridge(value.Raw) + ", allowed: an object"
			}
			value.ForEach(func(key, value json.Value) bool {
				switch key.String() {
				case mcp.MetaKeyProtocolVersion:
					p.modern = true
				case mcp.MetaKeyClientInfo:
					s.introduced(value.Get("name"))
				}
				return true
			})
			if t := value.Get("progressToken"); t.Type == json.String || t.Type == json.Number {
				p.token = t.Raw
			}
		}
		return true
	})
	if p.name == "" {
		complaint = "params.name: got nothing, allowed: the name of a tool"
	}
	return p, complaint
}

// call runs one tool call in a goroutine.
func (s *stdioSession) call(ctx context.Context, e envelope) {
	given, complaint := s.openCall(e.params)
	if complaint != "" {
		s.refuse(e.id, mcp.INVALID_PARAMS, complaint)
		return
	}
	call := &toolCall{arguments: unsafe.Slice(unsafe.StringData(given.arguments), len(given.arguments))} // of the line still
	if given.token != "" {
		call.text = s.progress(given.token)
	}
	params := `{"arguments":{},"name":` + given.name
	if given.meta != "" {
		params += `,"_meta":` + given.meta
	}
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	_, busy := s.calls[e.id]
	if !busy {
		s.calls[e.id] = cancel
	}
	s.mu.Unlock()
	if busy {
		cancel()
		s.refuse(e.id, mcp.INVALID_REQUEST, "id: "+abridge(e.id)+" belongs to a call that is still running")
		return
	}
	s.running.Go(func() {
		defer cancel()
		var response mcp.JSONRPCMessage // that mcp-go makes, if it has a part in this
		if name := json.ParseString(given.name).String(); !given.modern && s.server.tools[name] {
			s.server.run(ctx, name, call)
		} else {
			response = s.server.protocol.HandleMessage(context.WithValue(ctx, toolCallKey{}, call), s.stub(e, params+"}"))
		}
		s.mu.Lock()
		delete(s.calls, e.id)
		canceled := ctx.Err() != nil
		s.mu.Unlock()
		switch {
		case canceled:
		case response == nil:
			s.reply(e.id, "result", call.result)
		default:
			s.answer(e.id, response, call.result)
		}
	})
}

// cancel ends a call; the client will hear no more of it.
func (s *stdioSession) cancel(params string) {
	id := json.Parse([]byte(params)).Get("requestId").Raw
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.calls[id]; cancel != nil {
		cancel()
	}
}

// progress returns what hands a call's text to the client, and heartbeats as
// progress without a message. The progress is the number of characters so far,
// and one more for each heartbeat: it rises, and has no known total.
func (s *stdioSession) progress(token string) func(string) {
	steps := 0
	return func(text string) {
		steps += max(1, utf8.RuneCountInString(text))
		message, err := json.Marshal(struct {
			JSONRPC string `json:"jsonrpc"`
			Method  string `json:"method"`
			Params  any    `json:"params"`
		}{"2.0", "notifications/progress", struct {
			ProgressToken json.RawMessage `json:"progressToken"`
			Progress      int             `json:"progress"`
			Message       string          `json:"message,omitempty"`
		}{json.RawMessage(token), steps, text}})
		if err == nil {
			s.write(message)
		}
	}
}

// answer writes mcp-go's response under the client's own id. The result of a
// tool, where there is one, is put into what mcp-go made without it.
func (s *stdioSession) answer(id string, response mcp.JSONRPCMessage, tool []byte) {
	switch response := response.(type) {
	case mcp.JSONRPCResponse:
		if result, err := stdjson.Marshal(response.Result); err == nil {
			if tool != nil {
				result = joined(tool, result)
			}
			s.reply(id, "result", result)
			return
		}
		s.fail(id, mcp.INTERNAL_ERROR, "the result could not be written as JSON")
	case mcp.JSONRPCError:
		if text := response.Error.Message; len(text) > longestComplaint { // it may quote all that it was sent
			response.Error.Message = strings.ToValidUTF8(text[:longestComplaint], "") + "..."
		}
		if fault, err := stdjson.Marshal(response.Error); err == nil {
			s.reply(id, "error", fault)
		}
	}
}

// joined is a tool's result with what else the protocol wants of one, which is
// mcp-go's business. A member that both have is the tool's, but for _meta, in
// which both may write.
func joined(tool, protocol []byte) []byte {
	ours, theirs := json.Parse(tool), json.Parse(protocol)
	out := make([]byte, 0, len(tool)+len(protocol))
	named := map[string]bool{} // not looked up by Get: a name may look like a path
	member := func(key, value json.Value) bool {
		if named[key.String()] {
			return true
		}
		separator := byte(',')
		if len(named) == 0 {
			separator = '{'
		}
		named[key.String()] = true
		out = append(append(append(out, separator), key.Raw...), ':')
		if both := theirs.Get("_meta"); key.String() == "_meta" && value.IsObject() && both.IsObject() {
			out = append(out, joined([]byte(value.Raw), []byte(both.Raw))...)
		} else {
			out = append(out, value.Raw...)
		}
		return true
	}
	ours.ForEach(member)
	theirs.ForEach(member)
	if len(named) == 0 {
		return []byte("{}")
	}
	return append(out, '}')
}

// refuse has a JSON-RPC error written when it is its turn.
func (s *stdioSession) refuse(id string, code int, text string) {
	s.answers <- func() { s.fail(id, code, text) }
}

// fail writes a JSON-RPC error.
func (s *stdioSession) fail(id string, code int, text string) {
	if fault, err := json.Marshal(mcp.JSONRPCErrorDetails{Code: code, Message: text}); err == nil {
		s.reply(id, "error", fault)
	}
}

// reply writes a response. No library touches the id: each would write some
// ids differently from how they came.
func (s *stdioSession) reply(id, name string, value []byte) {
	message := make([]byte, 0, len(value)+len(id)+48)
	message = append(message, `{"jsonrpc":"2.0","id":`...)
	message = append(message, id...)
	message = append(message, `,"`+name+`":`...)
	message = append(message, value...)
	s.write(append(message, '}'))
}

// write writes one message whole. A session that cannot write ends.
func (s *stdioSession) write(message []byte) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.broken.Load() != nil {
		return
	}
	if _, err := s.out.Write(append(message, '\n')); err != nil {
		s.broken.Store(&err)
		s.stop()
	}
}

func (s *stdioSession) writeError() error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	return nil
}
