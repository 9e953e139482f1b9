package peertest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// pipes are a process of the program and its pipes, with nothing between that
// would mend or reorder messages.
type pipes struct {
	t       *testing.T
	process *exec.Cmd
	stdin   io.WriteCloser
	stderr  bytes.Buffer
	lines   chan string // of stdout; closed at its end
	ended   bool
}

// message is a line of the program.
type message struct {
	line   string
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		ProgressToken json.RawMessage `json:"progressToken"`
		Message       string          `json:"message"`
	} `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func (m message) String() string { return strings.TrimSpace(m.line) }

// open starts a process. The test has to end it.
func open(t *testing.T, on target, endpoint, cache string) *pipes {
	t.Helper()
	p := &pipes{t: t, process: on.command(endpoint, cache), lines: make(chan string, 1000)}
	p.process.Stderr = &p.stderr
	var err error
	if p.stdin, err = p.process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := p.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for reader := bufio.NewReader(stdout); ; {
			line, err := reader.ReadString('\n')
			if line != "" {
				p.lines <- line
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		if !p.ended { // the test has failed before it came to that
			_ = p.process.Process.Kill()
			_ = p.process.Wait()
		}
	})
	return p
}

// write writes text as it is.
func (p *pipes) write(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, text); err != nil {
		p.t.Fatal(err)
	}
}

// send writes lines.
func (p *pipes) send(lines ...string) {
	p.t.Helper()
	p.write(strings.Join(lines, "\n") + "\n")
}

// next is the next line of the program.
func (p *pipes) next() message {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			p.t.Fatalf("the program has closed stdout\n%s", p.stderr.String())
		}
		return p.read(line)
	case <-time.After(deadline):
		p.t.Fatal("the program says nothing")
	}
	panic("unreachable")
}

// read reads a line, which has to be one message of JSON-RPC.
func (p *pipes) read(line string) message {
	p.t.Helper()
	var fields map[string]json.RawMessage
	m := message{line: line}
	if err := json.Unmarshal([]byte(line), &fields); err != nil || !strings.HasSuffix(line, "}\n") {
		p.t.Fatalf("this line is no message (%v): %q", err, line)
	}
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		p.t.Fatalf("%v: %q", err, line)
	}
	// encoding/json reads null as absent; the id of an error may be null.
	m.ID = fields["id"]
	notification := m.Method != "" && m.ID == nil && m.Result == nil && m.Error == nil
	response := m.Method == "" && m.ID != nil && (m.Result != nil) != (m.Error != nil)
	if string(fields["jsonrpc"]) != `"2.0"` || !notification && !response {
		p.t.Fatalf("this line is not of JSON-RPC: %q", line)
	}
	return m
}

// response is the next line, which has to be a response to the id.
func (p *pipes) response(id string) message {
	p.t.Helper()
	m := p.next()
	if m.Method != "" || string(m.ID) != id {
		p.t.Fatalf("this is no response to %s: %s", id, m)
	}
	return m
}

// result is the next line, which has to be a result for the id.
func (p *pipes) result(id string) message {
	p.t.Helper()
	m := p.response(id)
	if m.Error != nil {
		p.t.Fatalf("this is an error: %s", m)
	}
	return m
}

// fault is the next line, which has to be an error of the code for the id.
func (p *pipes) fault(id string, code int) {
	p.t.Helper()
	m := p.response(id)
	if m.Error == nil || m.Error.Code != code || m.Error.Message == "" {
		p.t.Errorf("this is no error %d: %s", code, m)
	}
}

// noLine demands that the program says nothing for a while.
func (p *pipes) noLine() {
	p.t.Helper()
	select {
	case line := <-p.lines:
		p.t.Errorf("nothing should come, but there is %q", line)
	case <-time.After(silence):
	}
}

// end closes stdin and returns what the program still says. The program has to
// end well, and must not have complained.
func (p *pipes) end() []message {
	p.t.Helper()
	if err := p.stdin.Close(); err != nil {
		p.t.Fatal(err)
	}
	stop := time.AfterFunc(deadline, func() { _ = p.process.Process.Kill() })
	defer stop.Stop()
	var rest []message
	for line := range p.lines {
		rest = append(rest, p.read(line))
	}
	p.ended = true
	if err := p.process.Wait(); err != nil {
		p.t.Errorf("the process ended with %v", err)
	}
	quiet(p.t, p.stderr.String())
	return rest
}

// endSilently is end where nothing more may come.
func (p *pipes) endSilently() {
	p.t.Helper()
	for _, m := range p.end() {
		p.t.Errorf("after the end of input comes %s", m)
	}
}

const initialize = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"peertest","version":"1"}}}`

func request(id, method string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `"}`
}

// callLine is a call of chat_completion. The id and the _meta, which may be
// empty, are JSON.
func callLine(id string, q question, meta string) string {
	arguments, err := json.Marshal(q.arguments())
	if err != nil {
		panic(err) // strings and a truth value
	}
	if meta != "" {
		meta = `,"_meta":` + meta
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"chat_completion","arguments":%s%s}}`, id, arguments, meta)
}

func cancelLine(id string) string {
	return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`
}

// answer is the text of a call's result.
func (m message) answer(t *testing.T) string {
	t.Helper()
	var result struct {
		Content []struct{ Text string }
		IsError bool
	}
	if err := json.Unmarshal(m.Result, &result); err != nil || len(result.Content) == 0 || result.IsError {
		t.Fatalf("this is no answer (%v): %s", err, m)
	}
	return result.Content[0].Text
}

func TestCanceledCallStaysSilent(t *testing.T) {
	t.Parallel() // it mostly waits
	onBoth(t, func(t *testing.T, on target) {
		provider, endpoint := ownProvider(t)
		p := open(t, on, endpoint, cache)
		p.send(initialize, callLine("1", question{model: "imitated?latency=30s", text: "Hello"}, ""))
		p.result("0")
		eventually(t, deadline, "the provider has the request", func() bool { return len(provider.Requests()) == 1 })
		p.send(cancelLine("1"), request("2", "ping"))
		p.result("2")
		p.noLine()
		eventually(t, 5*time.Second, "the provider sees the abort", func() bool { return provider.Requests()[0].Aborted })
		p.endSilently()
	})
}

// TestCancelOfNothing: what cannot be canceled is no reason to end.
func TestCancelOfNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		p := open(t, on, endpoint, cache)
		p.send(callLine("1", question{text: "Hello"}, ""))
		p.result("1")
		p.send(cancelLine("1"), cancelLine("77"), `{"jsonrpc":"2.0","method":"notifications/cancelled"}`, request("2", "ping"))
		p.result("2")
		p.endSilently()
	})
}

func TestIDs(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		p := open(t, on, endpoint, cache)
		for _, id := range []string{"9007199254740993", `"x"`, "-1", "1e3", `"<\u0041>&\/"`} {
			p.send(request(id, "ping"))
			p.result(id)
			p.send(request(id, "tools/list"))
			p.result(id)
			p.send(request(id, "no/such/method"))
			p.fault(id, -32601)
			p.send(callLine(id, question{text: "To " + id[:1]}, ""))
			p.result(id)
		}
		p.endSilently()
	})
}

func TestProgressTokens(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		p := open(t, on, endpoint, cache)
		for _, token := range []string{"9007199254740993", `"x"`, "-1", "1e3"} {
			q := question{model: "imitated?chunks=5&gap=5ms", text: "Hello", stream: true}
			p.send(callLine("1", q, `{"progressToken":`+token+`}`))
			text := ""
			m := p.next()
			for ; m.Method != ""; m = p.next() {
				if m.Method != "notifications/progress" || string(m.Params.ProgressToken) != token {
					t.Errorf("for the token %s: %s", token, m)
				}
				text += m.Params.Message
			}
			if answer := m.answer(t); text != answer || answer != said("Hello") {
				t.Errorf("the progress is %q, the answer %q", text, answer)
			}
		}
		p.endSilently()
	})
}

func TestLinesThatAreNoMessages(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		p := open(t, on, endpoint, cache)
		for _, test := range []struct {
			line string
			code int
		}{
			{`{"jsonrpc":"2.0","id":1,"method":`, -32700},
			{"Content-Length: 20", -32700},
			{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", -32700},
			{`[` + request("1", "ping") + `,` + request("2", "ping") + `]`, -32600}, // a batch
			{`[]`, -32600},
			{`"ping"`, -32600},
			{`{"jsonrpc":"2.0","id":null,"method":"ping"}`, -32600},
		} {
			p.send(test.line)
			p.fault("null", test.code)
		}
		p.send(`{"jsonrpc":"2.0","id":2}`) // neither a request nor a response
		p.fault("2", -32600)
		p.send(`{"jsonrpc":"2.0","id":2,"method":"ping","params":null}`) // as good as none
		p.result("2")
		p.send("", "  ", request("3", "ping")) // empty lines are nothing
		p.result("3")
		p.send(callLine("4", question{text: "Still there?"}, ""))
		if got := p.result("4").answer(t); got != said("Still there?") {
			t.Errorf("the answer is %q", got)
		}
		p.endSilently()
	})
}

// TestEscapedMethods: some languages escape the slash, which changes nothing.
func TestEscapedMethods(t *testing.T) {
	t.Parallel() // it mostly waits
	onBoth(t, func(t *testing.T, on target) {
		p := open(t, on, endpoint, cache)
		call := strings.Replace(callLine("1", question{model: "imitated?latency=10s", text: "Hello"}, ""), "tools/call", `tools\/call`, 1)
		p.send(call, request("2", "ping"))
		p.result("2") // before the call's
		p.send(strings.Replace(cancelLine("1"), "notifications/", `notifications\/`, 1), request("3", "ping"))
		p.result("3")
		p.endSilently()
	})
}

// TestLastLine: the last line before the end of input needs no newline.
func TestLastLine(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		for _, line := range []string{request("1", "ping"), callLine("1", question{text: "Hello"}, "")} {
			p := open(t, on, endpoint, cache)
			p.write(line)
			if rest := p.end(); len(rest) != 1 || string(rest[0].ID) != "1" || rest[0].Result == nil {
				t.Errorf("%s is answered with %v", line, rest)
			}
		}
	})
}

func TestEndOfInputDuringCall(t *testing.T) {
	t.Parallel() // it mostly waits
	onBoth(t, func(t *testing.T, on target) {
		p := open(t, on, endpoint, cache)
		p.send(callLine("1", question{model: "imitated?latency=500ms", text: "One moment."}, ""))
		rest := p.end()
		if len(rest) != 1 || string(rest[0].ID) != "1" {
			t.Fatalf("after the end of input comes %v", rest)
		}
		if got := rest[0].answer(t); got != said("One moment.") {
			t.Errorf("the answer is %q", got)
		}
	})
}

func TestDuplicateID(t *testing.T) {
	t.Parallel() // it mostly waits
	onBoth(t, func(t *testing.T, on target) {
		provider, endpoint := ownProvider(t)
		p := open(t, on, endpoint, cache)
		line := callLine("1", question{model: "imitated?latency=1s", text: "Hello"}, "")
		p.send(line, line)
		// Which of the two comes first is not the point.
		both := []message{p.response("1"), p.response("1")}
		slices.SortFunc(both, func(a, b message) int { return len(b.Result) - len(a.Result) })
		if got := both[0].answer(t); got != said("Hello") {
			t.Errorf("the answer is %q", got)
		}
		if fault := both[1].Error; fault == nil || fault.Code != -32600 || !strings.Contains(fault.Message, "still running") {
			t.Errorf("the second call gives %s", both[1])
		}
		// Afterwards the id is free.
		p.send(callLine("1", question{text: "Again"}, ""))
		p.result("1")
		if asked := len(provider.Requests()); asked != 2 {
			t.Errorf("%d requests for two calls", asked)
		}
		p.endSilently()
	})
}

// TestWindowsText: some clients begin with a byte order mark and end lines as
// Windows does.
func TestWindowsText(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		p := open(t, on, endpoint, cache)
		p.write("\xef\xbb\xbf" + initialize + "\r\n" + request("1", "ping") + "\r\n")
		p.result("0")
		p.result("1")
		p.write(callLine("2", question{text: "Hello"}, "") + "\r\n")
		if got := p.result("2").answer(t); got != said("Hello") {
			t.Errorf("the answer is %q", got)
		}
		p.endSilently()
	})
}

// TestStateless: protocol 2026-07-28 has no handshake; each request says what
// it speaks.
func TestStateless(t *testing.T) {
	const meta = `{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	type complete struct {
		ResultType        string   `json:"resultType"`
		SupportedVersions []string `json:"supportedVersions"`
		Instructions      string   `json:"instructions"`
		Meta              struct {
			about
			Server struct{ Name string } `json:"io.modelcontextprotocol/serverInfo"`
		} `json:"_meta"`
	}
	read := func(t *testing.T, m message) complete {
		t.Helper()
		var result complete
		if err := json.Unmarshal(m.Result, &result); err != nil {
			t.Fatal(err)
		}
		if result.ResultType != "complete" || result.Meta.Server.Name != "mcp-ai-gateway" {
			t.Errorf("this lacks what the protocol wants: %s", m)
		}
		return result
	}
	onBoth(t, func(t *testing.T, on target) {
		p := open(t, on, endpoint, cache)
		p.send(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":` + meta + `}}`)
		if got := read(t, p.result("1")); !slices.Contains(got.SupportedVersions, "2026-07-28") || got.Instructions == "" {
			t.Errorf("the server discovers %+v", got)
		}
		p.send(callLine("2", question{text: "Hello"}, meta))
		m := p.result("2")
		if got := m.answer(t); got != said("Hello") {
			t.Errorf("the answer is %q", got)
		}
		if completion := read(t, m).Meta.Completion; completion == nil || completion.Gateway.Target != on.name {
			t.Errorf("the completion is %+v", completion)
		}
		p.endSilently()
	})
}
