package transport

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// toolbox is a machine of some tools:
//
//	echo     answers with its arguments as text
//	raw      answers with its arguments as the whole result
//	wait     is answered when release is called
//	release  answers all who wait
//	nap      answers after a while, such as "5s"
//	count    says "one ", "zwö ", "drei " a millisecond apart, then answers
//	die      ends the machine
func toolbox() core.Machine {
	waiting := map[core.ID]bool{}
	words := []string{"one ", "zwö ", "drei "}
	return script(func(event core.Event) (effects []core.Effect, err error) {
		switch event := event.(type) {
		case *core.Call:
			switch event.Tool {
			case "echo":
				return []core.Effect{answered(event.ID, string(event.Arguments))}, nil
			case "raw":
				return []core.Effect{&core.Result{ID: event.ID, Body: event.Arguments}}, nil
			case "wait":
				waiting[event.ID] = true
			case "release":
				for _, id := range slices.Sorted(maps.Keys(waiting)) {
					effects = append(effects, answered(id, "released"))
				}
				clear(waiting)
				return append(effects, answered(event.ID, "done")), nil
			case "nap":
				wait, err := time.ParseDuration(strings.Trim(string(event.Arguments), `"`))
				return []core.Effect{&core.Timer{ID: event.ID | 9, AfterMS: wait.Milliseconds()}}, err
			case "count":
				return []core.Effect{&core.Timer{ID: event.ID | 1, AfterMS: 1}}, nil
			case "die":
				return nil, errors.New("as told")
			}
		case *core.Fire:
			call, word := event.ID.Call(), int(event.ID-event.ID.Call())
			if word > len(words) {
				return []core.Effect{answered(call, strings.Join(words, ""))}, nil
			}
			return []core.Effect{&core.Delta{ID: call, Text: words[word-1]}, &core.Timer{ID: event.ID + 1, AfterMS: 1}}, nil
		case *core.Cancel:
			delete(waiting, event.ID)
			return []core.Effect{&core.Result{ID: event.ID, Kind: provider.Canceled, Body: []byte(`{"content":[],"isError":true}`)}}, nil
		}
		return nil, nil
	})
}

// answered is a result with one text.
func answered(id core.ID, text string) *core.Result {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return &core.Result{ID: id, Body: []byte(`{"content":[{"type":"text","text":` + string(quoted) + `}]}`)}
}

// newServer is a server of the toolbox's tools.
func newServer(machine core.Machine) *Server {
	manifest := &core.Manifest{Instructions: "Call them."}
	for _, name := range []string{"echo", "raw", "wait", "release", "nap", "count", "die"} {
		manifest.Tools = append(manifest.Tools, core.Tool{
			Name: name, Title: "To " + name, Description: "What <" + name + "> does.",
			InputSchema: json.RawMessage(`{"type":"object","properties":{"big":{"const":12345678901234567890}},"required":["text"]}`),
			Annotations: core.Annotations{ReadOnlyHint: true},
		})
	}
	return NewServer(Program{Name: "test", Title: "Test", Version: "1"}, manifest, NewHost(HostConfig{Open: always(machine)}))
}

// talk is a session with a server, as its client sees it.
type talk struct {
	t     *testing.T
	in    *io.PipeWriter
	lines chan string // what the server wrote; closed when it has ended
	ended chan error  // what ServeStdio returned
	stop  context.CancelFunc
}

// begin starts a session.
func begin(t *testing.T, server *Server) *talk {
	inReader, in := io.Pipe()
	out, outWriter := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	s := &talk{t: t, in: in, lines: make(chan string, 10_000), ended: make(chan error, 1), stop: stop}
	go func() {
		s.ended <- server.ServeStdio(ctx, inReader, outWriter)
		_ = inReader.Close()
		_ = outWriter.Close()
	}()
	go func() {
		defer close(s.lines)
		reader := bufio.NewReader(out)
		for {
			line, err := reader.ReadString('\n')
			if err != nil {
				if line != "" {
					t.Errorf("the server wrote %.200q without a newline", line)
				}
				return
			}
			s.lines <- strings.TrimSuffix(line, "\n")
		}
	}()
	t.Cleanup(func() {
		stop()
		_ = in.Close()
		for range s.lines { // until the server has ended
		}
	})
	return s
}

// say writes lines to the server.
func (s *talk) say(lines ...string) {
	s.t.Helper()
	for _, line := range lines {
		if _, err := io.WriteString(s.in, line+"\n"); err != nil {
			s.t.Fatalf("the server does not read: %v", err)
		}
	}
}

// call says a tools/call; the arguments may be empty for none.
func (s *talk) call(id, tool, arguments string) {
	s.t.Helper()
	s.say(callLine(id, tool, arguments, ""))
}

func callLine(id, tool, arguments, token string) string {
	line := `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + tool + `"`
	if arguments != "" {
		line += `,"arguments":` + arguments
	}
	if token != "" {
		line += `,"_meta":{"progressToken":` + token + `}`
	}
	return line + "}}"
}

func pingLine(id string) string { return `{"jsonrpc":"2.0","id":` + id + `,"method":"ping"}` }

func cancelLine(id string) string {
	return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`
}

// heard is one message of the server.
type heard struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Params struct {
		Token    json.RawMessage `json:"progressToken"`
		Progress int             `json:"progress"`
		Message  string          `json:"message"`
	} `json:"params"`
}

// hear waits for the server's next message.
func (s *talk) hear() heard {
	s.t.Helper()
	select {
	case line, ok := <-s.lines:
		if !ok {
			s.t.Fatal("the server has ended")
		}
		var message heard
		if err := json.Unmarshal([]byte(line), &message); err != nil || message.Version != "2.0" {
			s.t.Fatalf("the server wrote %.200q: %v", line, err)
		}
		return message
	case <-time.After(30 * time.Second):
		s.t.Fatal("the server says nothing")
	}
	panic("not reached")
}

// text is the text of a tool's result.
func (m heard) text() string {
	var result struct{ Content []struct{ Text string } }
	if json.Unmarshal(m.Result, &result) != nil || len(result.Content) == 0 {
		return ""
	}
	return result.Content[0].Text
}

// wantText waits for the result of a call.
func (s *talk) wantText(id, text string) {
	s.t.Helper()
	if got := s.hear(); string(got.ID) != id || got.text() != text {
		s.t.Errorf("heard %q for id %s (error %+v), want %q for %s", got.text(), got.ID, got.Error, text, id)
	}
}

// wantError waits for an error.
func (s *talk) wantError(id string, code int, word string) {
	s.t.Helper()
	got := s.hear()
	if got.Error == nil {
		s.t.Fatalf("heard the result %.200s for id %s, want error %d", got.Result, got.ID, code)
	}
	if string(got.ID) != id || got.Error.Code != code || !strings.Contains(got.Error.Message, word) {
		s.t.Errorf("heard error %+v for id %s, want %d with %q for %s", *got.Error, got.ID, code, word, id)
	}
}

// alive checks that nothing was said so far, and that the session goes on.
func (s *talk) alive() {
	s.t.Helper()
	s.say(pingLine(`"are you there?"`))
	if got := s.hear(); string(got.ID) != `"are you there?"` || string(got.Result) != "{}" {
		s.t.Errorf("heard %s %s (%+v) for id %s, want the ping's result", got.Method, got.Result, got.Error, got.ID)
	}
}

// wantEnd waits for the session's end, without another word.
func (s *talk) wantEnd(err error) {
	s.t.Helper()
	select {
	case got := <-s.ended:
		if !errors.Is(got, err) {
			s.t.Errorf("the session ended with %v, want %v", got, err)
		}
	case <-time.After(30 * time.Second):
		s.t.Fatal("the session does not end")
	}
	for line := range s.lines {
		s.t.Errorf("the server also wrote %.200q", line)
	}
}

func TestHandshake(t *testing.T) {
	s := begin(t, newServer(toolbox()))
	s.say(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`)
	var welcome struct {
		ProtocolVersion string
		Instructions    string
		ServerInfo      struct{ Name, Title, Version string }
		Capabilities    struct{ Tools *struct{} }
	}
	if err := json.Unmarshal(s.hear().Result, &welcome); err != nil {
		t.Fatal(err)
	}
	if welcome.ProtocolVersion != "2025-06-18" || welcome.ServerInfo.Name != "test" || welcome.ServerInfo.Title != "Test" ||
		welcome.Instructions != "Call them." || welcome.Capabilities.Tools == nil {
		t.Errorf("heard %+v", welcome)
	}
	s.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	s.alive()
	for _, params := range []string{"", `,"params":{}`, `,"params":null`} {
		s.say(`{"jsonrpc":"2.0","id":1,"method":"tools/list"` + params + `}`)
		var list struct {
			Tools []struct {
				Name, Title, Description string
				InputSchema              json.RawMessage
				Annotations              map[string]bool
			}
		}
		if err := json.Unmarshal(s.hear().Result, &list); err != nil || len(list.Tools) != 7 {
			t.Fatalf("%v: %+v", err, list)
		}
		count := list.Tools[0] // in the order of names
		if count.Name != "count" || count.Title != "To count" || count.Description != "What <count> does." ||
			!strings.Contains(string(count.InputSchema), "12345678901234567890") || !count.Annotations["readOnlyHint"] {
			t.Errorf("heard %+v %s", count, count.InputSchema)
		}
	}
}

func TestArgumentsAsSent(t *testing.T) {
	s := begin(t, newServer(toolbox()))
	for _, arguments := range []string{
		`{}`,
		`{ "b" : 1 ,	"a":[ ] }`,
		`{"z":1,"a":2,"m":3}`,
		`{"n":123456789012345678901234567890,"f":1.50,"e":1E+2,"m":-0}`,
		`{"a":1,"a":2,"a":3}`,
		`{"\u0061":"\u00e9\ud83d\ude00\/<>&\u2028é😀"}`,
		`{"lone":"\ud800"}`,
		`{"arguments":{"name":"other"},"name":"wait"}`,
		`[1, 2]`, `"text"`, `null`, `5`,
		"",
	} {
		s.call("1", "echo", arguments)
		s.wantText("1", arguments)
	}
	s.say(`{"params": {"_meta":{}, "arguments" :  {"a": 1} , "name":"echo"}, "method":"tools/call", "id":2, "jsonrpc":"2.0"}`)
	s.wantText("2", `{"a": 1}`)
}

func TestCallsAtOnce(t *testing.T) { synctest.Test(t, testCallsAtOnce) }

func testCallsAtOnce(t *testing.T) {
	s := begin(t, newServer(toolbox()))
	s.call("1", "wait", "{}")
	s.call("2", "wait", "{}")
	synctest.Wait()
	s.alive()
	s.call("3", "echo", `{"a":1}`)
	s.wantText("3", `{"a":1}`)
	s.call("4", "release", "{}")
	texts := map[string]string{}
	for range 3 {
		got := s.hear()
		texts[string(got.ID)] = got.text()
	}
	if want := map[string]string{"1": "released", "2": "released", "4": "done"}; !maps.Equal(texts, want) {
		t.Errorf("heard %v, want %v", texts, want)
	}
}

func TestMachineDiesInSession(t *testing.T) {
	s := begin(t, newServer(toolbox()))
	s.call("1", "die", "{}")
	got := s.hear()
	if string(got.ID) != "1" || got.Error != nil || !strings.Contains(string(got.Result), `"isError":true`) || !strings.Contains(got.text(), "died") {
		t.Errorf("heard %s %+v", got.Result, got.Error)
	}
	s.alive()
}

func TestCanceledCallIsSilent(t *testing.T) {
	run := func(name string, test func(*talk)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := begin(t, newServer(toolbox()))
				test(s)
				s.alive()
			})
		})
	}
	run("a string is not a number", func(s *talk) {
		s.call("1", "wait", "{}")
		s.call(`"1"`, "wait", "{}")
		synctest.Wait()
		s.say(cancelLine(`"1"`))
		synctest.Wait()
		s.call("2", "release", "{}")
		ids := []string{string(s.hear().ID), string(s.hear().ID)}
		if slices.Sort(ids); !slices.Equal(ids, []string{"1", "2"}) {
			s.t.Errorf("heard answers for %v, want 1 and 2", ids)
		}
	})
	run("between deltas", func(s *talk) {
		s.say(callLine("1", "count", "", `"t"`))
		if got := s.hear(); got.Method != "notifications/progress" {
			s.t.Errorf("heard %+v", got)
		}
		s.say(cancelLine("1"))
		time.Sleep(time.Minute)
	})
	run("with escapes in the name of the method", func(s *talk) {
		// The server's own number of the first call, which nobody asked to cancel, is 1.
		s.call("7", "wait", "{}")
		s.call("8", "wait", "{}")
		synctest.Wait()
		for _, id := range []string{"8", "1"} {
			s.say(strings.Replace(cancelLine(id), "/", `\/`, 1))
		}
		synctest.Wait()
		s.call("9", "release", "{}")
		ids := []string{string(s.hear().ID), string(s.hear().ID)}
		if slices.Sort(ids); !slices.Equal(ids, []string{"7", "9"}) {
			s.t.Errorf("heard answers for %v, want 7 and 9", ids)
		}
	})
	run("and its id is free again", func(s *talk) {
		for range 3 {
			s.call("1", "wait", "{}")
			synctest.Wait()
			s.say(cancelLine("1"))
			synctest.Wait()
		}
		s.call("1", "echo", "{}")
		s.wantText("1", "{}")
	})
	run("too late, or of nothing", func(s *talk) {
		s.call("1", "echo", "{}")
		s.wantText("1", "{}")
		s.say(cancelLine("1"), cancelLine("2"), cancelLine(`{"a":1}`), cancelLine("null"),
			`{"jsonrpc":"2.0","method":"notifications/cancelled"}`,
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}`)
	})
}

func TestProgress(t *testing.T) {
	s := begin(t, newServer(toolbox()))
	const answer = "one zwö drei "
	for _, token := range []string{`"t"`, `7`, `9007199254740993`, `1.50`, `1e3`, `""`, `"\u00e9\" \/<&>"`} {
		s.say(callLine("1", "count", "{}", token))
		said, characters := "", 0
		for {
			got := s.hear()
			if got.Method == "" {
				if string(got.ID) != "1" || got.text() != answer {
					t.Errorf("heard %q for id %s", got.text(), got.ID)
				}
				break
			}
			said += got.Params.Message
			if got.Method != "notifications/progress" || string(got.Params.Token) != token {
				t.Errorf("heard %s of %s, want progress of %s", got.Method, got.Params.Token, token)
			}
			if got.Params.Progress <= characters || got.Params.Progress != utf8.RuneCountInString(said) {
				t.Errorf("heard progress %d after %d, with %q so far", got.Params.Progress, characters, said)
			}
			characters = got.Params.Progress
		}
		if said != answer {
			t.Errorf("heard %q as progress, want %q", said, answer)
		}
		s.alive()
	}
	for _, token := range []string{"", "null", "{}", "[1]", "true"} {
		s.say(callLine("1", "count", "{}", token))
		if got := s.hear(); string(got.ID) != "1" || got.Method != "" {
			t.Errorf("heard %+v for the token %q, want no progress", got, token)
		}
	}
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newServer(toolbox())
		server.host.config.Heartbeat = 15 * time.Second
		s := begin(t, server)
		s.say(callLine("1", "nap", `"40s"`, `"t"`))
		s.say(callLine("2", "nap", `"40s"`, ""))
		for want := 1; want <= 2; want++ {
			if got := s.hear(); got.Method != "notifications/progress" || got.Params.Progress != want || got.Params.Message != "" {
				t.Errorf("heard %+v, want heartbeat %d", got, want)
			}
		}
		for range 2 {
			if got := s.hear(); got.Method != "" {
				t.Errorf("heard %+v, want the answers", got)
			}
		}
	})
}

func TestManyCallsInSession(t *testing.T) {
	const calls = 200
	s := begin(t, newServer(toolbox()))
	filler := strings.Repeat("x", 3000)
	for n := range calls {
		id := strconv.Itoa(n)
		if n%2 == 0 {
			s.say(callLine(id, "echo", fmt.Sprintf(`{"n":%d,"filler":%q}`, n, filler), ""))
		} else {
			s.say(callLine(id, "count", "", id))
		}
	}
	answers, progress := map[string]int{}, map[string]int{}
	for len(answers) < calls {
		got := s.hear()
		id := string(got.ID)
		if got.Method != "" {
			id = string(got.Params.Token)
			if answers[id] > 0 || got.Params.Progress <= progress[id] {
				t.Errorf("call %s made progress %d after %d, answered %d times", id, got.Params.Progress, progress[id], answers[id])
			}
			progress[id] = got.Params.Progress
			continue
		}
		if answers[id]++; answers[id] > 1 {
			t.Errorf("call %s was answered %d times", id, answers[id])
		}
		if n, err := strconv.Atoi(id); err != nil || n%2 == 0 && !strings.HasPrefix(got.text(), fmt.Sprintf(`{"n":%d,`, n)) {
			t.Errorf("call %s was answered %.100s (%+v)", id, got.text(), got.Error)
		}
	}
	if len(progress) != calls/2 {
		t.Errorf("%d calls made progress, want %d", len(progress), calls/2)
	}
	_ = s.in.Close()
	s.wantEnd(nil)
}
