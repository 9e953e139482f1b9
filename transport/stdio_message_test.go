package transport

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

func TestIDsByteForByte(t *testing.T) { synctest.Test(t, testIDsByteForByte) }

func testIDsByteForByte(t *testing.T) {
	s := begin(t, newServer(toolbox()))
	for _, id := range []string{
		`0`, `-1`, `7`, `1e3`, `1.50`, `-0`, `1E400`,
		`9007199254740993`, `18446744073709551616`, `123456789012345678901234567890`,
		`""`, `"1"`, `"null"`, `"a b"`, `"\"\\\/\b\f\n\r\t"`, `"\u00e9\u0000\ud83d\ude00"`, `"é😀"`, `"\ud800"`,
		`"<a href='x'>&amp;</a>"`, "\"\u2028\u2029\"", `"\u003c\u2028"`,
		`"` + strings.Repeat("long ", 1000) + `"`,
	} {
		want := func(got heard) {
			t.Helper()
			if string(got.ID) != id {
				t.Errorf("the answer's id is %.100s, want %.100s", got.ID, id)
			}
		}
		s.say(pingLine(id))
		want(s.hear())
		s.call(id, "echo", "{}")
		want(s.hear())
		s.call(id, "no_such_tool", "{}")
		want(s.hear())
		s.say(`{"jsonrpc":"2.0","id":` + id + `,"method":"no/such/method"}`)
		want(s.hear())
		s.say(`{"jsonrpc":"2.0","id":` + id + `,"method":"ping","params":[]}`)
		want(s.hear())
		s.call(id, "wait", "{}")
		s.call(id, "wait", "{}")
		got := s.hear()
		want(got)
		if got.Error == nil || got.Error.Code != mcp.INVALID_REQUEST {
			t.Errorf("a second call of id %.100s got %s, want an error", id, got.Result)
		}
		synctest.Wait()
		s.call(`"the end"`, "release", "{}")
		for range 2 {
			if got := s.hear(); string(got.ID) != `"the end"` {
				want(got)
			}
		}
	}
}

func TestDuplicateID(t *testing.T) { synctest.Test(t, testDuplicateID) }

func testDuplicateID(t *testing.T) {
	s := begin(t, newServer(toolbox()))
	s.call("1", "wait", "{}")
	s.call("1", "echo", "{}")
	s.wantError("1", mcp.INVALID_REQUEST, "still running")
	s.call("1.0", "echo", "{}") // written otherwise, it is another
	s.wantText("1.0", "{}")
	synctest.Wait()
	s.call("2", "release", "{}")
	texts := map[string]string{}
	for range 2 {
		got := s.hear()
		texts[string(got.ID)] = got.text()
	}
	if texts["1"] != "released" || texts["2"] != "done" {
		t.Errorf("heard %v", texts)
	}
	s.call("1", "echo", "{}")
	s.wantText("1", "{}")
}

func TestUnknownRequests(t *testing.T) {
	s := begin(t, newServer(toolbox()))
	s.call("1", "no_such_tool", "{}")
	s.wantError("1", mcp.INVALID_PARAMS, "no_such_tool")
	for _, params := range []string{``, `,"params":{}`, `,"params":{"arguments":{}}`} {
		s.say(`{"jsonrpc":"2.0","id":2,"method":"tools/call"` + params + `}`)
		s.wantError("2", mcp.INVALID_PARAMS, "")
	}
	for _, params := range []string{`{"name":5}`, `{"name":["echo"]}`, `{"name":"echo","_meta":5}`} {
		s.say(`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":` + params + `}`)
		if got := s.hear(); string(got.ID) != "3" || got.Error == nil {
			t.Errorf("%s: heard %s (%+v) for id %s, want an error", params, got.Result, got.Error, got.ID)
		}
	}
	for _, method := range []string{
		"no/such/method", "", "tools/Call", "prompts/list", "resources/list", "notifications/cancelled",
		"completion/complete", "logging/setLevel", "subscriptions/listen", "tasks/list", "sampling/createMessage",
	} {
		s.say(`{"jsonrpc":"2.0","id":4,"method":"` + method + `"}`)
		s.wantError("4", mcp.METHOD_NOT_FOUND, "")
	}
	s.alive()
}

// TestEscapedMethod: many writers of JSON write "/" as "\/".
func TestEscapedMethod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t, newServer(toolbox()))
		s.say(strings.Replace(callLine("1", "nap", `"9s"`, ""), "/", `\/`, 1))
		s.say(strings.Replace(callLine("2", "echo", `{ "a":1}`, ""), "/", `\/`, 1))
		s.wantText("2", `{ "a":1}`)
		s.say(`{"jsonrpc":"2.0","id":3,"method":"no\/such \"<\u0000"}`)
		s.wantError("3", mcp.METHOD_NOT_FOUND, "")
		s.alive()
		s.wantText("1", "one zwö drei ")
	})
}

// TestResultsAsGiven: what the machine says is what the client hears.
func TestResultsAsGiven(t *testing.T) {
	s := begin(t, newServer(toolbox()))
	for _, body := range []string{
		`{"content":[{"type":"text","text":"a"}]}`,
		`{"content":[{"type":"text","text":"<a> & é\u2028"},{"type":"text","text":"b","annotations":{"audience":["user"]}}],"isError":true}`,
		`{"content":[{"type":"text","text":""}],"structuredContent":{"n":12345678901234567890,"a":[1.50,null]},"_meta":{"x/y":{"big":12345678901234567890},"z":"s"}}`,
	} {
		s.call("1", "raw", body)
		got := s.hear()
		if want := normal(t, body); normal(t, string(got.Result)) != want {
			t.Errorf("heard %s, want %s", got.Result, want)
		}
	}
	for _, body := range []string{"", "5", `"text"`, `{"content":5}`} {
		s.call("2", "raw", body)
		got := s.hear()
		if got.Error != nil || !strings.Contains(got.text(), "not of MCP's form (kind internal)") || !strings.Contains(string(got.Result), `"isError":true`) {
			t.Errorf("heard %s (%+v) for the result %q", got.Result, got.Error, body)
		}
	}
}

// normal is JSON with sorted names, the same numbers and no needless escapes.
func normal(t *testing.T, text string) string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(sorted)
}

// TestResultInProtocol: what the newest protocol adds to a result stands beside
// the machine's own members, once.
func TestResultInProtocol(t *testing.T) {
	var names []string
	server := newServer(toolbox())
	server.client = func(name string) { names = append(names, name) }
	s := begin(t, server)
	s.say(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"raw","arguments":` +
		`{"content":[],"resultType":"complete","_meta":{"a/b":{"_meta":1}}},"_meta":` +
		`{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"modern","version":"1"}}}}`)
	const want = `{"content":[],"resultType":"complete","_meta":{"a/b":{"_meta":1},"io.modelcontextprotocol/serverInfo":{"name":"test","version":"1","title":"Test"}}}`
	if got := s.hear(); string(got.Result) != want {
		t.Errorf("heard %s, want %s", got.Result, want)
	}
	s.say(`{"jsonrpc":"2.0","id":2,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"early","version":"1"}}}`)
	s.hear()
	if got := strings.Join(names, " "); got != "modern early" {
		t.Errorf("the clients were %q", got)
	}
}

// TestResultOnOneLine: a machine may lay its result out; a message has one line.
func TestResultOnOneLine(t *testing.T) {
	s := begin(t, newServer(script(func(event core.Event) ([]core.Effect, error) {
		if call, ok := event.(*core.Call); ok {
			return []core.Effect{&core.Result{ID: call.ID, Body: []byte("{\n  \"content\": []\n}\n")}}, nil
		}
		return nil, nil
	})))
	s.call("1", "raw", "{}")
	if got := s.hear(); string(got.Result) != `{"content":[]}` {
		t.Errorf("heard %q", got.Result)
	}
}

func TestNotificationsGetNoAnswer(t *testing.T) {
	s := begin(t, newServer(toolbox()))
	for _, method := range []string{
		"notifications/initialized", "notifications/roots/list_changed", "notifications/progress",
		"notifications/no_such", "no/such/method", "ping", "tools/list", "tools/call", "initialize",
	} {
		s.say(`{"jsonrpc":"2.0","method":"` + method + `"}`)
		s.say(`{"jsonrpc":"2.0","method":"` + method + `","params":{"name":"echo","arguments":{}}}`)
	}
	s.alive()
}

func TestMalformed(t *testing.T) {
	const nothing = 0
	ping := pingLine("5")
	for _, test := range []struct {
		name, line string
		id         string
		code       int
	}{
		{"garbage", "garbage", "null", mcp.PARSE_ERROR},
		{"half a message", `{"jsonrpc":"2.0","id":5,"method":`, "null", mcp.PARSE_ERROR},
		{"two messages", ping + ping, "null", mcp.PARSE_ERROR},
		{"single quotes", `{'jsonrpc':'2.0','id':5,'method':'ping'}`, "null", mcp.PARSE_ERROR},
		{"a comma too many", `{"jsonrpc":"2.0","id":5,"method":"ping",}`, "null", mcp.PARSE_ERROR},
		{"a number that is none", pingLine("05"), "null", mcp.PARSE_ERROR},
		{"NUL", "\x00", "null", mcp.PARSE_ERROR},
		{"NUL after a message", ping + "\x00", "null", mcp.PARSE_ERROR},
		{"NUL in a string", pingLine("\"a\x00b\""), "null", mcp.PARSE_ERROR},
		{"invalid UTF-8", "\xff\xfe", "null", mcp.PARSE_ERROR},
		{"invalid UTF-8 in a string", pingLine("\"a\xc3\""), "null", mcp.PARSE_ERROR},
		{"UTF-16", "\xff\xfe{\x00}\x00", "null", mcp.PARSE_ERROR},
		{"a header of LSP", "Content-Length: 46", "null", mcp.PARSE_ERROR},
		{"a BOM in the middle", "\xef\xbb\xbf" + ping, "null", mcp.PARSE_ERROR},
		{"200,000 deep arrays", strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000), "null", mcp.PARSE_ERROR},
		{"200,000 deep objects", `{"jsonrpc":"2.0","id":5,"method":"ping","params":` + strings.Repeat(`{"a":`, 200_000) + "1" + strings.Repeat("}", 200_001), "null", mcp.PARSE_ERROR},
		{"200,000 deep, unclosed", strings.Repeat("[", 200_000), "null", mcp.PARSE_ERROR},
		{"a batch", "[" + ping + "," + ping + "]", "null", mcp.INVALID_REQUEST},
		{"an empty batch", "[]", "null", mcp.INVALID_REQUEST},
		{"a number", "5", "null", mcp.INVALID_REQUEST},
		{"a string", `"ping"`, "null", mcp.INVALID_REQUEST},
		{"true", "true", "null", mcp.INVALID_REQUEST},
		{"null", "null", "null", mcp.INVALID_REQUEST},
		{"an empty object", "{}", "null", mcp.INVALID_REQUEST},
		{"no method", `{"jsonrpc":"2.0","id":5}`, "5", mcp.INVALID_REQUEST},
		{"neither id nor method", `{"jsonrpc":"2.0"}`, "null", mcp.INVALID_REQUEST},
		{"no jsonrpc", `{"id":5,"method":"ping"}`, "5", mcp.INVALID_REQUEST},
		{"another jsonrpc", `{"jsonrpc":"1.0","id":5,"method":"ping"}`, "5", mcp.INVALID_REQUEST},
		{"jsonrpc as a number", `{"jsonrpc":2.0,"id":5,"method":"ping"}`, "5", mcp.INVALID_REQUEST},
		{"id null", pingLine("null"), "null", mcp.INVALID_REQUEST},
		{"id object", pingLine(`{"a":1}`), "null", mcp.INVALID_REQUEST},
		{"id array", pingLine("[5]"), "null", mcp.INVALID_REQUEST},
		{"id true", pingLine("true"), "null", mcp.INVALID_REQUEST},
		{"id false", pingLine("false"), "null", mcp.INVALID_REQUEST},
		{"method number", `{"jsonrpc":"2.0","id":5,"method":7}`, "5", mcp.INVALID_REQUEST},
		{"method null", `{"jsonrpc":"2.0","id":5,"method":null}`, "5", mcp.INVALID_REQUEST},
		{"params array", `{"jsonrpc":"2.0","id":5,"method":"ping","params":[1]}`, "5", mcp.INVALID_REQUEST},
		{"params string", `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":"echo"}`, "5", mcp.INVALID_REQUEST},
		{"a response", `{"jsonrpc":"2.0","id":5,"result":{}}`, "", nothing},
		{"an error response", `{"jsonrpc":"2.0","id":5,"error":{"code":1,"message":"no"}}`, "", nothing},
		{"an empty line", "", "", nothing},
		{"empty lines", "\n\n\r\n \t \n", "", nothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := begin(t, newServer(toolbox()))
			s.alive()
			s.say(test.line)
			if test.code != nothing {
				s.wantError(test.id, test.code, "")
			}
			s.alive()
		})
	}
}

func TestLenientForms(t *testing.T) {
	for _, test := range []struct{ name, line, id string }{
		{"BOM", "\xef\xbb\xbf" + pingLine("5"), "5"},
		{"CRLF", pingLine("5") + "\r", "5"},
		{"white space", " \t" + strings.ReplaceAll(pingLine("5"), ":", " : ") + "  ", "5"},
		{"BOM, then an empty line", "\xef\xbb\xbf\r\n" + pingLine("5"), "5"},
		{"params null", `{"jsonrpc":"2.0","id":5,"method":"ping","params":null}`, "5"},
		{"escapes in the method", `{"jsonrpc":"2.0","id":5,"method":"\u0070ing"}`, "5"},
		{"escapes in names", `{"\u006asonrpc":"2.0","\u0069d":5,"m\u0065thod":"ping"}`, "5"},
		{"unknown members", `{"jsonrpc":"2.0","id":5,"method":"ping","params":{"x":1},"extra":[1,{"id":6}]}`, "5"},
		{"9,000 deep", `{"jsonrpc":"2.0","id":5,"method":"ping","x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "}", "5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := begin(t, newServer(toolbox()))
			s.say(test.line)
			if got := s.hear(); string(got.ID) != test.id || string(got.Result) != "{}" {
				t.Errorf("heard %s (%+v) for id %s", got.Result, got.Error, got.ID)
			}
			s.alive()
		})
	}
}

func TestLinesCutAnywhere(t *testing.T) {
	s := begin(t, newServer(toolbox()))
	for _, cut := range callLine("1", "echo", `{"a":"é"}`, "") + "\n" {
		if _, err := io.WriteString(s.in, string(cut)); err != nil {
			t.Fatal(err)
		}
	}
	s.wantText("1", `{"a":"é"}`)
	lines := ""
	for range 100 {
		lines += pingLine("2") + "\n"
	}
	s.say(strings.TrimSuffix(lines, "\n"))
	for range 100 {
		if got := s.hear(); string(got.ID) != "2" {
			t.Errorf("heard id %s, want 2", got.ID)
		}
	}
}

func TestLongLines(t *testing.T) {
	s := begin(t, newServer(toolbox()))
	long := `{"a":"` + strings.Repeat("x", 1<<20) + `"}`
	s.call("1", "echo", long)
	s.wantText("1", long)

	// 70 MB, which nobody ever has in memory.
	write := func(data string) {
		if _, err := io.WriteString(s.in, data); err != nil {
			t.Fatal(err)
		}
	}
	megabyte := strings.Repeat("x", 1<<20)
	write(`{"jsonrpc":"2.0","id":2,"method":"ping","params":{"x":"`)
	for range 70 {
		write(megabyte)
	}
	write("\"}}\n")
	s.wantError("null", mcp.INVALID_REQUEST, "64 MB")
	s.alive()
}

func TestReadLine(t *testing.T) {
	reader := bufio.NewReaderSize(strings.NewReader(strings.Repeat("x", 1_000_000)+"\nnext\n\nlast"), 64<<10)
	for _, want := range []struct {
		length int
		err    error
	}{{1_000_001, nil}, {5, nil}, {1, nil}, {4, io.EOF}, {0, io.EOF}} {
		if line, err := readLine(reader); len(line) != want.length || err != want.err {
			t.Errorf("got %d bytes and %v, want %d and %v", len(line), err, want.length, want.err)
		}
	}
	for _, text := range []string{"x\n", strings.Repeat("x", 200_000) + "\n"} {
		reader := bufio.NewReaderSize(strings.NewReader(text+text), 64<<10)
		first, _ := readLine(reader)
		second, _ := readLine(reader)
		clear(second)
		if string(first) != text {
			t.Errorf("a line of %d bytes shares its memory with the next", len(text))
		}
	}
}

// TestSessionOfRealCore goes all the way from a line to a provider in memory.
func TestSessionOfRealCore(t *testing.T) {
	machine, err := configured(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	effects, err := machine.Step(&core.Describe{})
	if err != nil {
		t.Fatal(err)
	}
	host := NewHost(HostConfig{Open: configured, Fetcher: answering{}})
	s := begin(t, NewServer(Program{Name: "test", Version: "1"}, effects[0].(*core.Manifest), host))
	s.say(callLine("1", "chat_completion", `{"messages":[{"role":"user","content":"One two <three>"}],"stream":true}`, "9"))
	said := ""
	got := s.hear()
	for ; got.Method != ""; got = s.hear() {
		said += got.Params.Message
	}
	if got.text() != "One two <three>" || said != got.text() {
		t.Errorf("heard %q as progress and %s", said, got.Result)
	}
	var result struct {
		Content []struct {
			Type        string
			Annotations struct{ Audience []string }
		}
		IsError bool
		Meta    map[string]struct{ Object string } `json:"_meta"`
	}
	if err := json.Unmarshal(got.Result, &result); err != nil {
		t.Fatal(err)
	}
	if len(result.Content) != 2 || result.Content[1].Annotations.Audience[0] != "user" || result.IsError ||
		result.Meta["mcp-ai-gateway/completion"].Object != "chat.completion" {
		t.Errorf("heard %s", got.Result)
	}
	s.call("2", "chat_completion", `{"message":"Hello"}`)
	got = s.hear()
	if err := json.Unmarshal(got.Result, &result); err != nil || !result.IsError || !strings.Contains(got.text(), "message: no such argument") {
		t.Errorf("%v: heard %s", err, got.Result)
	}
}
