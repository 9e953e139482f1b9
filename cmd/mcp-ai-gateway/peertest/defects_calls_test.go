package peertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestD12Stream(t *testing.T) {
	t.Parallel() // it mostly waits
	line := callLine("1", question{model: "imitated?chunks=8&gap=20ms", text: "Hello", stream: true}, `{"progressToken":"t"}`)
	messages := session(t, map[string]string{"API_ENDPOINT": endpoint}, line)
	o := answered(t, messages, "1")
	if o.text != said("Hello") {
		t.Errorf("the answer is %q", o.text)
	}
	if o.Completion.Usage.CompletionTokens == 0 {
		t.Error("a streamed answer has no usage")
	}
	text := ""
	for _, m := range messages[:len(messages)-1] {
		text += m.Params.Message
	}
	if len(messages) < 3 || text != o.text {
		t.Errorf("%d messages of progress say %q", len(messages)-1, text)
	}
}

// TestD16ReasoningModels reads a transcript: what OpenAI's models refuse is
// only left out for OpenAI's own host, which no test can stand in for. The
// core's own tests replay it.
func TestD16ReasoningModels(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "core", "testdata", "transcripts", "openai-models.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{`"max_completion_tokens": 100`, `"action": "dropped"`, "temperature dropped: gpt-5-mini refuses it"} {
		if !bytes.Contains(text, []byte(words)) {
			t.Errorf("the transcript does not hold %s", words)
		}
	}
}

func TestD17Parts(t *testing.T) {
	arguments := `{"model":"imitated","messages":[{"role":"user","content":[{"type":"text","text":"Hello"}]}]}`
	messages := session(t, map[string]string{"API_ENDPOINT": endpoint}, chat("1", arguments))
	if got := answered(t, messages, "1").text; got != said("Hello") {
		t.Errorf("the answer is %q", got)
	}
	t.Log("images are a later part; content may be a list of texts")
}

func TestD18Roles(t *testing.T) {
	server := answering(t, 200, "application/json", completion)
	arguments := `{"model":"m","messages":[{"role":"developer","content":"Be brief"},{"role":"user","content":"Hello"}]}`
	answered(t, session(t, map[string]string{"API_ENDPOINT": server.url}, chat("1", arguments)), "1")
	if got := server.only(t).body; !strings.Contains(got, "Be brief") {
		t.Errorf("the developer's words are lost: %s", got)
	}
	t.Log("tools, the role tool, seed, further parameters and headers are later parts")
}

func TestD19NoModel(t *testing.T) {
	provider, endpoint := ownProvider(t)
	messages := session(t, map[string]string{"API_ENDPOINT": endpoint}, chat("1", `{"messages":[{"role":"user","content":"Hello"}]}`))
	failed(t, messages, "1", "invalid_request", "model", "DEFAULT_MODEL")
	if asked := len(provider.Requests()); asked != 0 {
		t.Errorf("the provider was asked %d times", asked)
	}
}

func TestD21WrongArguments(t *testing.T) {
	provider, endpoint := ownProvider(t)
	env := map[string]string{"API_ENDPOINT": endpoint, "DEFAULT_MODEL": "imitated"}
	wrong := []struct{ line, word string }{
		{chat("0", `{"messages":"hello"}`), "messages"},
		{chat("1", `{"messages":[]}`), "messages"},
		{chat("2", `{"messages":[{"role":"wizard","content":"Hello"}]}`), "role"},
		{hello("3", "imitated", `"temperature":9`), "temperature"},
		{hello("4", "imitated", `"max_tokens":-3`), "max_tokens"},
		{hello("5", "imitated", `"tempratur":1`), "tempratur"},
		{`{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"chat_completion"}}`, "messages"},
		{chat("7", `{}`), "messages"},
	}
	var lines []string
	for _, one := range wrong {
		lines = append(lines, one.line)
	}
	messages := session(t, env, lines...)
	for i, one := range wrong {
		failed(t, messages, fmt.Sprint(i), "invalid_request", one.word, "allowed")
	}
	if asked := len(provider.Requests()); asked != 0 {
		t.Errorf("the provider was asked %d times", asked)
	}
}

func TestD22WrongNumbers(t *testing.T) {
	t.Parallel() // it mostly waits
	provider, endpoint := ownProvider(t)
	for _, name := range []string{"REQUEST_TIMEOUT", "DEFAULT_TEMPERATURE", "DEFAULT_MAX_TOKENS"} {
		messages := session(t, map[string]string{"API_ENDPOINT": endpoint, name: "abc"}, hello("1", "imitated", ""))
		failed(t, messages, "1", "invalid_request", name, "abc", "number")
	}
	if asked := len(provider.Requests()); asked != 0 {
		t.Errorf("the provider was asked %d times", asked)
	}
	began := time.Now()
	messages := session(t, map[string]string{"API_ENDPOINT": endpoint, "REQUEST_TIMEOUT": "1"}, hello("1", "imitated?latency=30s", ""))
	failed(t, messages, "1", "timeout")
	if took := time.Since(began); took < time.Second || took > 8*time.Second {
		t.Errorf("a timeout of 1 s took %s", took)
	}
}

func TestD23ZeroTemperature(t *testing.T) {
	provider, endpoint := ownProvider(t)
	env := map[string]string{"API_ENDPOINT": endpoint, "DEFAULT_TEMPERATURE": "0"}
	answered(t, session(t, env, hello("1", "imitated", "")), "1")
	if body := string(provider.Requests()[0].Body); !strings.Contains(body, `"temperature":0`) {
		t.Errorf("it is not sent: %s", body)
	}
	if tools := toolText(t, env); !strings.Contains(tools, "Default 0.") {
		t.Errorf("it is not shown: %s", tools)
	}
}

func TestD24AnswerAlone(t *testing.T) {
	env := map[string]string{"API_ENDPOINT": endpoint}
	o := answered(t, session(t, env, hello("1", "imitated", "")), "1")
	if o.text != said("Hello") || o.all != o.text+"\n"+o.note+"\n" || o.note == "" {
		t.Errorf("the result is %q", o.all)
	}
	env["OUTPUT"] = "raw"
	o = answered(t, session(t, env, hello("1", "imitated", "")), "1")
	var raw struct{ ID, Object string }
	if err := json.Unmarshal([]byte(o.text), &raw); err != nil || !strings.HasPrefix(raw.ID, "chatcmpl-imitated-") || raw.Object != "chat.completion" ||
		!strings.Contains(o.text, "\n  \"") || o.all != o.text+"\n" {
		t.Errorf("raw is %q (%v)", o.all, err)
	}
}

func TestD25FailuresAreResults(t *testing.T) {
	messages := session(t, map[string]string{"API_ENDPOINT": endpoint},
		hello("1", "imitated?status=401", ""), hello("2", "imitated?status=400", ""), hello("3", "imitated?fault=garbage", ""), chat("4", `{}`))
	for id, kind := range map[string]string{"1": "authentication", "2": "invalid_request", "3": "bad_reply", "4": "invalid_request"} {
		if o := failed(t, messages, id, kind); strings.Contains(o.text, "MCP error") {
			t.Errorf("the text speaks of the protocol: %s", o.text)
		}
	}
}

func TestD26NoStatus(t *testing.T) {
	t.Parallel() // it mostly waits
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + listener.Addr().String() + "/v1"
	_ = listener.Close()
	refused := failed(t, session(t, map[string]string{"API_ENDPOINT": nobody}, hello("1", "m", "")), "1", "network", "refused")
	late := failed(t, session(t, map[string]string{"API_ENDPOINT": endpoint, "REQUEST_TIMEOUT": "1"}, hello("1", "imitated?latency=30s", "")), "1", "timeout")
	for _, o := range []outcome{refused, late} {
		if o.Error.Status != 0 || strings.Contains(o.text, "answered") || regexp.MustCompile(`\b500\b`).MatchString(o.text) {
			t.Errorf("a status that nobody sent (%d): %s", o.Error.Status, o.text)
		}
	}
}

func TestD27ErrorsInTheirOwnWords(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, one := range []struct {
		status            int
		contentType, body string
		words             string
	}{
		{404, "application/json", `{"error":"model 'llama9' not found, try pulling it first"}`, "model 'llama9' not found, try pulling it first"},
		{502, "text/html", "<html><head><title>502 Bad Gateway</title></head><body><h1>The kitchen is closed</h1></body></html>", "Bad Gateway"},
		{422, "application/json", `{"detail":"the field messages is too odd"}`, "the field messages is too odd"},
		{422, "application/json", `{"detail":[{"loc":["body","model"],"msg":"field required","type":"missing"}]}`, "field required"},
	} {
		server := answering(t, one.status, one.contentType, one.body)
		o := outcomeOf(t, session(t, map[string]string{"API_ENDPOINT": server.url}, hello("1", "m", "")), "1")
		if !o.isError || o.Error == nil || o.Error.Status != one.status || !strings.Contains(o.text, one.words) || !strings.Contains(o.text, fmt.Sprint(one.status)) {
			t.Errorf("%d %s became %+v: %s", one.status, one.body, o.Error, o.text)
		}
	}
}

func TestD28ErrorsUnder200(t *testing.T) {
	t.Parallel() // it mostly waits
	server := answering(t, 200, "application/json", `{"error":{"message":"The upstream is out for lunch","code":502}}`)
	o := outcomeOf(t, session(t, map[string]string{"API_ENDPOINT": server.url}, hello("1", "m", "")), "1")
	if !o.isError || !strings.Contains(o.text, "The upstream is out for lunch") {
		t.Errorf("an error under 200 became %+v: %s", o.Error, o.text)
	}
	env := map[string]string{"API_ENDPOINT": endpoint}
	messages := session(t, env, hello("1", "imitated?fault=error", ""), hello("2", "imitated?fault=empty", ""), hello("3", "imitated?finish=length", ""))
	for _, id := range []string{"1", "2"} {
		if o := outcomeOf(t, messages, id); !o.isError {
			t.Errorf("call %s went well: %s", id, o.all)
		}
	}
	if note := answered(t, messages, "3").note; !strings.Contains(note, "cut at the limit of tokens") {
		t.Errorf("the note does not say that the answer was cut: %q", note)
	}
}

func TestD29RateLimit(t *testing.T) {
	t.Parallel() // it mostly waits
	_, endpoint := ownProvider(t)
	began := time.Now()
	messages := session(t, map[string]string{"API_ENDPOINT": endpoint},
		hello("1", "imitated?status=429&retry_after=1&times=2&id=d29", ""), hello("2", "imitated?status=429&retry_after=3600", ""))
	o := answered(t, messages, "1")
	if !slices.Equal(o.attempts, []int{429, 429, 200}) || !strings.Contains(o.note, "3 attempts") {
		t.Errorf("the attempts are %v, the note is %q", o.attempts, o.note)
	}
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("twice the provider asked for 1 s; it took %s", took)
	}
	failed(t, messages, "2", "rate_limit", "Try again in 3600 s.")
}

func TestD30SelfDescription(t *testing.T) {
	env := map[string]string{"API_ENDPOINT": endpoint, "OUTPUT": "structured"}
	var read struct {
		ServerInfo   struct{ Name, Title, Version string }
		Instructions string
	}
	if err := json.Unmarshal(responseTo(t, session(t, env, initialize), "0").Result, &read); err != nil {
		t.Fatal(err)
	}
	printed, err := exec.Command(program, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if v := read.ServerInfo.Version; v == "" || v == "1.0.0" || strings.TrimSpace(string(printed)) != "mcp-ai-gateway "+v {
		t.Errorf("the version is %q, --version prints %q", v, printed)
	}
	if read.ServerInfo.Title == "" || read.Instructions == "" {
		t.Errorf("no title or instructions: %+v", read)
	}
	tools := toolText(t, env)
	for _, part := range []string{`"title":"`, `"annotations":{`, `"readOnlyHint":true`, `"outputSchema":{`} {
		if !strings.Contains(tools, part) {
			t.Errorf("no %s in %s", part, tools)
		}
	}
}

func TestD31ProgressToken(t *testing.T) {
	for _, token := range []string{`"mine"`, "7"} {
		q := question{model: "imitated?chunks=5&gap=5ms", text: "Hello", stream: true}
		messages := session(t, map[string]string{"API_ENDPOINT": endpoint}, callLine("1", q, `{"progressToken":`+token+`}`))
		if len(messages) < 2 {
			t.Errorf("no progress for the token %s", token)
		}
		for _, m := range messages[:len(messages)-1] {
			if m.Method != "notifications/progress" || string(m.Params.ProgressToken) != token {
				t.Errorf("for the token %s: %s", token, m)
			}
		}
	}
}

// TestD31Heartbeat: a client that asked for progress hears that the call lives,
// long before it would give up.
func TestD31Heartbeat(t *testing.T) {
	t.Parallel() // it mostly waits
	_, endpoint := ownProvider(t)
	p := open(t, native, endpoint, cache)
	p.send(callLine("1", question{model: "imitated?latency=17s", text: "Hello"}, `{"progressToken":"mine"}`))
	if m := p.next(); m.Method != "notifications/progress" || m.Params.Message != "" {
		t.Errorf("after 15 s of silence: %s", m)
	}
	p.result("1")
	p.endSilently()
}

func TestD32CancelAndEnd(t *testing.T) {
	t.Parallel() // it mostly waits
	provider, endpoint := ownProvider(t)
	p := open(t, native, endpoint, cache)
	p.send(hello("1", "imitated?latency=30s", ""))
	eventually(t, deadline, "the provider has the request", func() bool { return len(provider.Requests()) == 1 })
	p.send(cancelLine("1"))
	eventually(t, 5*time.Second, "the provider sees the abort", func() bool { return provider.Requests()[0].Aborted })
	began := time.Now()
	p.endSilently()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("after the end of stdin the process lived for %s", took)
	}

	// Calls under way at the end have 10 s, and no longer.
	began = time.Now()
	session(t, map[string]string{"API_ENDPOINT": endpoint}, hello("1", "imitated?latency=30s", ""))
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("with a call under way the process outlived stdin by %s", took)
	}
	eventually(t, 5*time.Second, "the provider sees the second abort", func() bool { return len(provider.Requests()) == 2 && provider.Requests()[1].Aborted })
}

func TestD33NoKey(t *testing.T) {
	messages := session(t, nil, initialize, request("1", "tools/list"), hello("2", "gpt-4o-mini", ""))
	if m := responseTo(t, messages, "0"); m.Error != nil {
		t.Errorf("initialize: %s", m)
	}
	if m := responseTo(t, messages, "1"); !strings.Contains(string(m.Result), `"name":"chat_completion"`) {
		t.Errorf("tools/list: %s", m)
	}
	failed(t, messages, "2", "authentication", "Set API_KEY", `"env" of this server in the client's configuration`)

	// Where a client names itself, so does the sentence.
	for name, place := range map[string]string{
		"claude-ai": "claude_desktop_config.json", "claude-code": ".mcp.json", "cursor-vscode": ".cursor/mcp.json",
		"Visual Studio Code": ".vscode/mcp.json", "gemini-cli-mcp-client": ".gemini/settings.json", "codex-mcp-client": "config.toml",
	} {
		messages := session(t, nil, strings.Replace(initialize, "peertest", name, 1), hello("1", "gpt-4o-mini", ""))
		failed(t, messages, "1", "authentication", "Set API_KEY", place)
	}

	provider, endpoint := ownProvider(t)
	answered(t, session(t, map[string]string{"API_ENDPOINT": endpoint}, hello("1", "imitated", "")), "1")
	if got, ok := provider.Requests()[0].Header["Authorization"]; ok {
		t.Errorf("without a key the header is %q", got)
	}
}

func TestD34ClosedStdout(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = reader.Close()
	defer writer.Close()
	process := start(nil)
	process.Stdin, process.Stdout = strings.NewReader(initialize+"\n"), writer
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	stop := time.AfterFunc(deadline, func() { _ = process.Process.Kill() })
	defer stop.Stop()
	if err := process.Wait(); err == nil {
		t.Error("nobody reads what it says, and the program ends well")
	}
}

func TestD35NoUnions(t *testing.T) {
	for _, output := range []string{"text", "structured", "raw"} {
		tools := toolText(t, map[string]string{"OUTPUT": output})
		for _, union := range []string{`"oneOf"`, `"anyOf"`, `"allOf"`, `"type":[`} {
			if strings.Contains(tools, union) {
				t.Errorf("OUTPUT=%s: %s is in %s", output, union, tools)
			}
		}
	}
}

func TestD36Description(t *testing.T) {
	description := func(words string) string {
		var list struct {
			Tools []struct{ Description string }
		}
		if err := json.Unmarshal([]byte(toolText(t, map[string]string{"DESCRIPTION": words})), &list); err != nil || len(list.Tools) == 0 {
			t.Fatalf("%v: %+v", err, list)
		}
		return list.Tools[0].Description
	}
	if got := description(`Maths: a.\nPoems: b.`); !strings.HasPrefix(got, "Maths: a.\nPoems: b.\n") || len(got) < 40 {
		t.Errorf("the description is %q", got)
	}
	if got := []rune(description(strings.Repeat("ö", 3000))); len(got) > 2048 || len(got) < 2000 || got[len(got)-1] != '…' {
		t.Errorf("of 3000 characters %d are left: ...%s", len(got), string(got[max(0, len(got)-10):]))
	}
}

func TestD37Signals(t *testing.T) {
	t.Parallel() // it mostly waits
	if runtime.GOOS == "windows" {
		t.Log("Windows has no such signals")
		return
	}
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		provider, endpoint := ownProvider(t)
		p := open(t, native, endpoint, cache)
		p.send(hello("1", "imitated?latency=30s", ""))
		eventually(t, deadline, "the provider has the request", func() bool { return len(provider.Requests()) == 1 })
		began := time.Now()
		if err := p.process.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		stop := time.AfterFunc(deadline, func() { _ = p.process.Process.Kill() })
		for range p.lines { // to the end of stdout
		}
		p.ended = true
		_ = p.process.Wait() // with what code is not at issue
		stop.Stop()
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%v: the process lived on for %s", signal, took)
		}
		eventually(t, 5*time.Second, "the provider sees the abort", func() bool { return provider.Requests()[0].Aborted })
	}
}

func TestD38OneFile(t *testing.T) {
	// The standard library has cgo of its own, which it does without where
	// there is no C compiler; a dependency's would be needed.
	list := exec.Command("go", "list", "-deps", "-f", "{{if and .CgoFiles (not .Standard)}}{{.ImportPath}}{{end}}", "./cmd/mcp-ai-gateway")
	list.Dir = root
	list.Env = append(os.Environ(), "CGO_ENABLED=1")
	if found, err := list.Output(); err != nil || len(bytes.TrimSpace(found)) > 0 {
		t.Errorf("these need cgo (%v): %s", err, found)
	}
	messages := session(t, map[string]string{"PATH": "", "API_ENDPOINT": endpoint}, hello("1", "imitated", ""))
	if got := answered(t, messages, "1").text; got != said("Hello") {
		t.Errorf("without a PATH the answer is %q", got)
	}
}

func TestD39Readme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(bytes.ToLower(text), []byte("coming soon")) {
		t.Error("the README promises what is not there")
	}
	headings, code := map[string]bool{}, false
	for line := range strings.Lines(string(text)) {
		line = strings.ToLower(strings.TrimSpace(line))
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		if code || !strings.HasPrefix(line, "#") {
			continue // in code it is a comment
		}
		if headings[line] {
			t.Errorf("the README has twice: %s", line)
		}
		headings[line] = true
	}
}
