package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// tab is a page in a Chromium without a window, that is spoken to in the
// DevTools protocol over a pipe: messages of JSON that end in a zero byte.
type tab struct {
	t       *testing.T
	session string

	mu      sync.Mutex
	in      io.Writer
	last    int64
	pending map[int64]chan message
	hearers map[int64]func(string) // by number of call
}

type message struct {
	ID     int64
	Method string
	Result json.RawMessage
	Error  *struct{ Message string }
	Params struct{ Name, Payload string } // of Runtime.bindingCalled
}

func newTab(t *testing.T, chromium, url string) *tab {
	t.Helper()
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	browser := exec.Command(chromium, "--headless", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run",
		"--window-size=900,600", "--user-data-dir="+t.TempDir(), "--disable-dev-shm-usage",
		"--no-sandbox") // which containers and root lack; the page is ours
	browser.ExtraFiles = []*os.File{theirIn, theirOut} // its descriptors 3 and 4
	var stderr bytes.Buffer
	browser.Stderr = &stderr
	if err := browser.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	p := &tab{t: t, in: in, pending: map[int64]chan message{}, hearers: map[int64]func(string){}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.read(out)
	}()
	t.Cleanup(func() {
		p.session = ""
		_, _ = p.ask("Browser.close", nil) // it may end before it answers
		<-ended
		in.Close()
		_ = browser.Wait()
	})
	var target struct{ TargetID, SessionID string }
	for _, step := range []struct {
		method string
		params func() map[string]any
	}{
		{"Target.createTarget", func() map[string]any { return map[string]any{"url": "about:blank"} }},
		{"Target.attachToTarget", func() map[string]any { return map[string]any{"targetId": target.TargetID, "flatten": true} }},
		{"Runtime.enable", nil},
		{"Runtime.addBinding", func() map[string]any { return map[string]any{"name": "told"} }},
		{"Page.navigate", func() map[string]any { return map[string]any{"url": url} }},
	} {
		var params map[string]any
		if step.params != nil {
			params = step.params()
		}
		reply, err := p.ask(step.method, params)
		if err == nil {
			err = json.Unmarshal(reply, &target)
		}
		if err != nil {
			t.Fatalf("%s: %v\n%s", step.method, err, &stderr)
		}
		p.session = target.SessionID
	}
	return p
}

var errGone = errors.New("the browser is gone")

func (p *tab) ask(method string, params map[string]any) (json.RawMessage, error) {
	answer := make(chan message, 1)
	p.mu.Lock()
	if p.pending == nil {
		p.mu.Unlock()
		return nil, errGone
	}
	p.last++
	p.pending[p.last] = answer
	fields := map[string]any{"id": p.last, "method": method, "params": params}
	if p.session != "" {
		fields["sessionId"] = p.session
	}
	text, err := json.Marshal(fields)
	if err == nil {
		_, err = p.in.Write(append(text, 0))
	}
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	reply, ok := <-answer
	if !ok {
		return nil, errGone
	}
	if reply.Error != nil {
		return nil, errors.New(reply.Error.Message)
	}
	return reply.Result, nil
}

// evaluate returns the value of an expression, once it has one, as text. It may
// be used from any goroutine.
func (p *tab) evaluate(expression string) string {
	reply, err := p.ask("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true})
	var out struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	if err == nil {
		err = json.Unmarshal(reply, &out)
	}
	if err != nil || out.ExceptionDetails != nil {
		p.t.Errorf("%.200s: %v %s", expression, err, out.ExceptionDetails)
	}
	return fmt.Sprint(out.Result.Value)
}

// hear gives the pieces of a call to a function.
func (p *tab) hear(call int64, text func(string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hearers[call] = text
}

func (p *tab) read(out io.Reader) {
	for lines := bufio.NewReader(out); ; {
		text, err := lines.ReadBytes(0)
		if err != nil {
			break
		}
		var m message
		if json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m) != nil {
			continue // an event of another form
		}
		var told struct {
			Call  int64
			Piece string
		}
		p.mu.Lock()
		answer, hearer := p.pending[m.ID], (func(string))(nil)
		delete(p.pending, m.ID)
		if m.Method == "Runtime.bindingCalled" && json.Unmarshal([]byte(m.Params.Payload), &told) == nil {
			hearer = p.hearers[told.Call]
		}
		p.mu.Unlock()
		if answer != nil {
			answer <- m
		}
		if hearer != nil {
			hearer(told.Piece)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, answer := range p.pending {
		close(answer)
	}
	p.pending = nil
}
