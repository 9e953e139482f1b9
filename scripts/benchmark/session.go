package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/tidwall/gjson"
)

// session speaks MCP with a server over its stdin and stdout, in lines of JSON
// and with as little work as can be. Any number of calls may be in flight.
type session struct {
	command *exec.Cmd
	in      io.WriteCloser
	foreign bool // answers may have any form
	stderr  lastWords
	ended   chan struct{} // closed when the server has closed its stdout

	writing sync.Mutex // guards in
	mu      sync.Mutex
	last    int64
	calls   map[int64]*outstanding
	broken  error
}

// outstanding is a request without an answer. Its functions are called by the
// goroutine that reads: they must not wait, and the bytes are not theirs.
type outstanding struct {
	progress func(text string) // nil: no progress is asked for
	answer   func(line []byte, err error)
}

// patience is how long anything may take: what takes longer was lost.
const patience = 90 * time.Second

var errLost = fmt.Errorf("no answer within %v", patience)

// connect starts a server and returns when it has answered initialize.
func connect(command *exec.Cmd) (*session, error) {
	s := &session{command: command, calls: map[int64]*outstanding{}, ended: make(chan struct{})}
	command.Stderr = &s.stderr
	var err error
	if s.in, err = command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	go s.read(out)
	_, err = s.request("initialize", []byte(`{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"benchmark","version":"1"}}`), nil)
	if err == nil {
		err = s.write([]byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n"))
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// close ends the server by the end of its input.
func (s *session) close() error {
	_ = s.in.Close() // the server may be gone
	timer := time.AfterFunc(20*time.Second, func() { _ = s.command.Process.Kill() })
	defer timer.Stop()
	<-s.ended // Wait closes the pipe, read or not
	if err := s.command.Wait(); err != nil {
		return fmt.Errorf("the server ended with %w%s", err, s.stderr.quote())
	}
	return nil
}

// read hands out what comes until the end.
func (s *session) read(out io.Reader) {
	defer close(s.ended)
	reader := bufio.NewReaderSize(out, 256<<10)
	var long []byte
	for {
		line, err := reader.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			long = append(long, line...)
			continue
		}
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		if len(line) > 1 {
			s.message(line)
		}
		long = long[:0]
		if err != nil {
			s.lose(fmt.Errorf("the server closed its output: %w%s", err, s.stderr.quote()))
			return
		}
	}
}

func (s *session) message(line []byte) {
	id, known := int64(0), false
	if rest, ok := bytes.CutPrefix(line, []byte(`{"jsonrpc":"2.0","id":`)); ok {
		digits, _, _ := bytes.Cut(rest[:min(len(rest), 24)], []byte(","))
		number, err := strconv.ParseInt(string(digits), 10, 64)
		id, known = number, err == nil
	}
	if !known {
		if gjson.GetBytes(line, "method").Exists() {
			s.mu.Lock()
			call := s.calls[gjson.GetBytes(line, "params.progressToken").Int()]
			s.mu.Unlock()
			if call != nil && call.progress != nil {
				call.progress(gjson.GetBytes(line, "params.message").String())
			}
			return
		}
		id = gjson.GetBytes(line, "id").Int()
	}
	s.mu.Lock()
	call := s.calls[id]
	delete(s.calls, id)
	s.mu.Unlock()
	if call != nil {
		call.answer(line, nil)
	}
}

// lose answers all calls with an error, and those to come.
func (s *session) lose(err error) {
	s.mu.Lock()
	s.broken = err
	calls := s.calls
	s.calls = nil
	s.mu.Unlock()
	for _, call := range calls {
		call.answer(nil, err)
	}
}

// line makes a request's line. The token for progress is its id.
func (s *session) line(method string, params []byte, call *outstanding) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return nil, s.broken
	}
	s.last++
	s.calls[s.last] = call
	line := make([]byte, 0, len(params)+150)
	line = append(line, `{"jsonrpc":"2.0","id":`...)
	line = strconv.AppendInt(line, s.last, 10)
	line = append(line, `,"method":"`+method+`","params":`...)
	if method == "tools/call" {
		line = append(line, `{"name":"chat_completion",`...)
		if call.progress != nil {
			line = append(line, `"_meta":{"progressToken":`...)
			line = strconv.AppendInt(line, s.last, 10)
			line = append(line, `},`...)
		}
		line = append(line, `"arguments":`...)
		line = append(line, params...)
		return append(line, "}}\n"...), nil
	}
	line = append(line, params...)
	return append(line, "}\n"...), nil
}

func (s *session) write(line []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	_, err := s.in.Write(line)
	return err
}

// request sends one request and waits for the answer, which is no error.
func (s *session) request(method string, params []byte, progress func(string)) (answer []byte, err error) {
	answer, _, err = s.timed(method, params, progress)
	return answer, err
}

// timed is request, with the time from the write to the answer.
func (s *session) timed(method string, params []byte, progress func(string)) (answer []byte, took time.Duration, err error) {
	type outcome struct {
		answer []byte
		took   time.Duration
		err    error
	}
	var began time.Time
	outcomes := make(chan outcome, 1)
	line, err := s.line(method, params, &outstanding{progress, func(line []byte, err error) {
		took := time.Since(began)
		outcomes <- outcome{bytes.Clone(line), took, err}
	}})
	if err != nil {
		return nil, 0, err
	}
	began = time.Now()
	if err := s.write(line); err != nil {
		return nil, 0, err
	}
	select {
	case o := <-outcomes:
		return o.answer, o.took, errors.Join(o.err, failed(o.answer))
	case <-time.After(patience):
		return nil, 0, fmt.Errorf("%s: %w", method, errLost)
	}
}

// failed says whether an answer is an error.
func failed(answer []byte) error {
	if end := answer[max(0, len(answer)-2000):]; bytes.Contains(end, []byte(`"isError":true`)) || gjson.GetBytes(answer[:min(len(answer), 2000)], "error").Exists() {
		return fmt.Errorf("an error was answered: %.500s", answer)
	}
	return nil
}

// holds says whether an answer has the text that it should.
func (s *session) holds(answer, want []byte) error {
	if bytes.Contains(answer, want) || s.foreign && len(answer) > len(want) {
		return nil
	}
	return fmt.Errorf("an answer lacks its text: %.200s", answer)
}

// call calls the tool once; the answer must hold want.
func (s *session) call(arguments []byte, want string) (time.Duration, error) {
	answer, took, err := s.timed("tools/call", arguments, nil)
	if err == nil {
		err = s.holds(answer, []byte(want))
	}
	return took, err
}

// flood makes n calls, as many at once as inFlight says, and returns when all
// are answered. The next call is written by the goroutine that reads answers,
// so that it takes no more processor time than it must.
func (s *session) flood(arguments []byte, want string, n, inFlight int) (time.Duration, error) {
	var mu sync.Mutex
	sent, answered, fault := 0, 0, error(nil)
	all := make(chan struct{})
	end := sync.OnceFunc(func() { close(all) })
	expected := []byte(want)
	var next func() error
	answer := func(line []byte, err error) {
		if err == nil {
			if err = failed(line); err == nil {
				err = s.holds(line, expected)
			}
		}
		mu.Lock()
		answered++
		fault = errors.Join(fault, err)
		last := answered == n || fault != nil && answered == sent
		more := fault == nil && sent < n
		if more {
			sent++
		}
		mu.Unlock()
		switch {
		case last:
			end()
		case more:
			if err := next(); err != nil {
				s.lose(err)
			}
		}
	}
	call := &outstanding{answer: answer}
	next = func() error {
		line, err := s.line("tools/call", arguments, call)
		if err != nil {
			return err
		}
		return s.write(line)
	}
	began := time.Now()
	for range inFlight {
		mu.Lock()
		more := sent < n
		if more {
			sent++
		}
		mu.Unlock()
		if !more {
			break
		}
		if err := next(); err != nil {
			return 0, err
		}
	}
	select {
	case <-all:
		return time.Since(began), fault
	case <-time.After(patience):
		mu.Lock()
		defer mu.Unlock()
		return 0, fmt.Errorf("%d of %d calls: %w", n-answered, n, errLost)
	}
}

// lastWords keeps the end of what a server says on stderr.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

func (w *lastWords) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, p...)
	w.text = w.text[max(0, len(w.text)-2000):]
	return len(p), nil
}

func (w *lastWords) quote() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.text) == 0 {
		return ""
	}
	return "; its last words: " + string(w.text)
}
