package hosttest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Command starts a host that is a program: an MCP server on stdin and stdout.
// At the end of the test its stdin is closed, and it must end by itself.
func Command(t *testing.T, name, version string, command *exec.Cmd) Host {
	t.Helper()
	var stderr bytes.Buffer
	command.Stderr = &stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{stdin: stdin, pending: map[int64]*request{}, ended: make(chan struct{})}
	go p.read(stdout)
	t.Cleanup(func() {
		stdin.Close()
		late := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
		defer late.Stop()
		<-p.ended // Wait closes stdout
		if err := command.Wait(); err != nil {
			t.Errorf("%s ended with %v", name, err)
		}
		if t.Failed() {
			t.Logf("%s says %s", name, &stderr)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := p.ask(ctx, "initialize", map[string]any{
		"protocolVersion": "2025-06-18", "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "hosttest", "version": "1"},
	}, nil); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	p.write("notifications/initialized", 0, map[string]any{})
	tools, err := p.ask(ctx, "tools/list", map[string]any{}, nil)
	if err != nil || !bytes.Contains(tools, []byte(`"chat_completion"`)) {
		t.Fatalf("its tools are %s, %v", tools, err)
	}
	return Host{Name: name, Version: version, Call: func(ctx context.Context, arguments []byte, text func(string)) ([]byte, error) {
		return p.ask(ctx, "tools/call", map[string]any{"name": "chat_completion", "arguments": json.RawMessage(arguments)}, text)
	}}
}

// process is an MCP server. Requests have ids from 1, which are their progress
// tokens too.
type process struct {
	last    atomic.Int64
	ended   chan struct{} // its stdout has ended
	mu      sync.Mutex
	stdin   io.Writer
	pending map[int64]*request
}

type request struct {
	text   func(string)
	answer chan message // one
}

type message struct {
	ID     int64 // 0 in notifications
	Method string
	Params struct {
		ProgressToken int64
		Message       string
	}
	Result json.RawMessage
	Error  *struct{ Message string }
}

var errEnded = errors.New("the host has ended")

func (p *process) ask(ctx context.Context, method string, params map[string]any, text func(string)) ([]byte, error) {
	id, r := p.last.Add(1), &request{text: text, answer: make(chan message, 1)}
	if text != nil {
		params["_meta"] = map[string]any{"progressToken": id}
	}
	p.mu.Lock()
	p.pending[id] = r
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.pending, id)
		p.mu.Unlock()
	}()
	p.write(method, id, params)
	select {
	case answer := <-r.answer:
		if answer.Error != nil {
			return nil, fmt.Errorf("%s: %s", method, answer.Error.Message)
		}
		return answer.Result, nil
	case <-ctx.Done():
		p.write("notifications/cancelled", 0, map[string]any{"requestId": id})
		return nil, ctx.Err()
	case <-p.ended:
		return nil, errEnded
	}
}

func (p *process) write(method string, id int64, params map[string]any) {
	fields := map[string]any{"jsonrpc": "2.0", "method": method, "params": params}
	if id != 0 {
		fields["id"] = id
	}
	line, _ := json.Marshal(fields) // arguments are JSON
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.stdin.Write(append(line, '\n')) // a host that has ended is noticed by its stdout
}

// read hands out what the host says: all of a call's text before its answer.
func (p *process) read(stdout io.Reader) {
	defer close(p.ended)
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(line, &m) != nil {
			continue // the request it might have answered will not be
		}
		p.mu.Lock()
		r := p.pending[max(m.ID, m.Params.ProgressToken)]
		p.mu.Unlock()
		switch {
		case r == nil:
		case m.ID != 0:
			r.answer <- m
		case m.Method == "notifications/progress" && r.text != nil:
			r.text(m.Params.Message)
		}
	}
}
