package wasm

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

// node is a command of Node, which the hosts in JavaScript need.
func node(t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is missing: install Node 20 or later to run the hosts in JavaScript; CI has it")
	}
	return exec.Command(path, arguments...)
}

// TestReactorHost runs the example that strangers copy.
func TestReactorHost(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"stream", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for _, event := range reply(1, "Good", " day", ", Ä😀") {
				if chunk, ok := event.(*core.Chunk); ok {
					for _, piece := range []string{string(chunk.Body[:9]), string(chunk.Body[9:])} {
						io.WriteString(w, piece)
						w.(http.Flusher).Flush()
					}
				}
			}
		}, "Good day, Ä😀\nGood day, Ä😀\n"},
		{"at once, and more than a chunk", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"choices":[{"message":{"content":"Hi."},"finish_reason":"stop"}]`+strings.Repeat(" ", 300_000)+`}`)
		}, "\nHi.\n"},
		{"whole before the connection ends", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for _, event := range reply(1, "Bye.") {
				if chunk, ok := event.(*core.Chunk); ok {
					w.Write(chunk.Body)
				}
			}
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "Bye.\nBye.\n"},
		{"at the second attempt", func() http.HandlerFunc {
			attempts := 0
			return func(w http.ResponseWriter, r *http.Request) {
				if attempts++; attempts == 1 {
					http.Error(w, `{"error":{"message":"busy"}}`, http.StatusServiceUnavailable)
					return
				}
				io.WriteString(w, `{"choices":[{"message":{"content":"Now."},"finish_reason":"stop"}]}`)
			}
		}(), "\nNow.\n"},
		{"refused", func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, `{"error":{"message":"no such model"}}`, http.StatusNotFound)
		}, "\nprovider answered 404: no such model (kind not_found). Check the model's name and the endpoint.\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.URL.Path != "/v1/chat/completions" || r.Header.Get("Authorization") != "Bearer sesame" || !bytes.Contains(body, []byte(`"content":"How are you?"`)) {
					t.Errorf("%s %s %q %s", r.Method, r.URL, r.Header, body)
				}
				test.answer(w, r)
			}))
			defer server.Close()
			host := node(t, "hosts/ask.mjs", filepath.Join(built, "gateway.wasm"), server.URL+"/v1", "a-model", "How are you?")
			host.Env = append(environment, "API_KEY=sesame")
			var stderr bytes.Buffer
			host.Stderr = &stderr
			out, err := host.Output()
			if fails := test.name == "refused"; (err != nil) != fails || string(out) != test.want {
				t.Errorf("it prints %q, %v\nwant %q\n%s", out, err, test.want, &stderr)
			}
		})
	}
}

// batch is a session as lines, and what the native engine makes of it.
const batch = `{"kind":"configure","at_ms":1700000000000,"meta":{"config":{"target":"any","providers":[` +
	`{"name":"openai","form":"openai-chat","endpoint":"https://api.openai.com/v1","families":["gpt-"]},` +
	`{"name":"other","form":"openai-chat","endpoint":"http://127.0.0.1:1/v1","credential":{"name":"k","header":"authorization","prefix":"Bearer "}}]}}}
{"kind":"describe","at_ms":1700000000000}
{"kind":"call","id":"1","at_ms":1700000000100,"meta":{"tool":"chat_completion","seed":"18446744073709551615","deltas":true},` +
	`"body":"{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"<Grüße>\"}],\"stream\":true}"}
{"kind":"head","id":"1.1","at_ms":1700000000200,"meta":{"status":200,"header":[{"name":"content-type","value":"text/event-stream"}]}}
{"kind":"chunk","id":"1.1","at_ms":1700000000300,"body":"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello \"}}]}\n\ndata: {\"choices\":[{\"index\":0,"}
{"kind":"chunk","id":"1.1","at_ms":1700000000400,"body64":"ImRlbHRhIjp7ImNvbnRlbnQiOiLwn5g="}
{"kind":"chunk","id":"1.1","at_ms":1700000000400,"body64":"gCJ9LCJmaW5pc2hfcmVhc29uIjoic3RvcCJ9XX0KCg=="}
{"kind":"end","id":"1.1","at_ms":1700000000500}
{"kind":"fire","id":"1.2","at_ms":1700000000600}
`

func nativeLines(t *testing.T, input string) string {
	t.Helper()
	engine := core.New()
	var out []byte
	for line := range strings.Lines(input) {
		event, err := core.DecodeEventLine([]byte(line))
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		out = append(out, frames(t, steps(t, engine, event))...)
	}
	return string(out)
}

// commands runs a test for each way to run gateway-lines.
func commands(t *testing.T, run func(t *testing.T, open func() *exec.Cmd)) {
	module := filepath.Join(built, "gateway-lines.wasm")
	t.Run("native", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "lines.exe")
		build := exec.Command("go", "build", "-o", path, "./guest/lines")
		build.Env = environment
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		run(t, func() *exec.Cmd { return exec.Command(path) })
	})
	t.Run("wazero", func(t *testing.T) {
		run(t, func() *exec.Cmd {
			return exec.Command(filepath.Join(built, "wazero"), "run", "-cachedir", cacheDir(), module)
		})
	})
	t.Run("node", func(t *testing.T) {
		run(t, func() *exec.Cmd { return node(t, "hosts/lines.mjs", module) })
	})
	for _, runtime := range [][]string{{"deno", "run", "--allow-read"}, {"bun", "run"}} {
		t.Run(runtime[0], func(t *testing.T) {
			path, err := exec.LookPath(runtime[0])
			if err != nil {
				t.Skipf("%s is missing: scripts/hosts installs it, or npm install %[1]s", runtime[0])
			}
			run(t, func() *exec.Cmd {
				return exec.Command(path, append(runtime[1:len(runtime):len(runtime)], "hosts/lines.mjs", module)...)
			})
		})
	}
}

func TestLines(t *testing.T) {
	valid := `{"kind":"cancel","id":"1"}` + "\n"
	tests := []struct {
		name, input string
		code        int
		says        string
	}{
		{"batch", batch, 0, ""},
		{"no newline at the end", strings.TrimSuffix(batch, "\n"), 0, ""},
		{"a long line", `{"kind":"fail","id":"1.1","meta":{"kind":"network","reason":"` + strings.Repeat("long ", 100_000) + `"}}`, 0, ""},
		{"nothing", "", 0, ""},
		{"no JSON", valid + "{\n", 2, "line 2 is no event"},
		{"an empty line", valid + valid + "\n" + valid, 2, "line 3 is no event"},
		{"an effect", `{"kind":"result","id":"1"}` + "\n", 2, "line 1 is no event"},
		{"no meta", `{"kind":"call","id":"1"}` + "\n", 2, "line 1 is no event"},
		{"breach of contract", valid + `{"kind":"describe"}` + "\n", 2, "line 2: core: the host broke the contract"},
	}
	commands(t, func(t *testing.T, open func() *exec.Cmd) {
		for _, test := range tests {
			want := ""
			if test.code == 0 {
				want = nativeLines(t, test.input)
			}
			command := open()
			var stdout, stderr bytes.Buffer
			command.Stdin, command.Stdout, command.Stderr = strings.NewReader(test.input), &stdout, &stderr
			command.Run()
			if code := command.ProcessState.ExitCode(); code != test.code || stdout.String() != want || !strings.Contains(stderr.String(), test.says) {
				t.Errorf("%s: exit code %d, stderr %s, stdout\n%s\nwant %d and\n%s", test.name, code, &stderr, &stdout, test.code, want)
			}
		}
	})
	if !strings.Contains(nativeLines(t, batch), "Hello 😀") {
		t.Error("the batch has no answer")
	}
}

// TestLinesInTurns holds a command to answer each line before it wants the next.
func TestLinesInTurns(t *testing.T) {
	commands(t, func(t *testing.T, open func() *exec.Cmd) {
		command := open()
		command.Stderr = os.Stderr
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
		lines, engine := bufio.NewReader(stdout), core.New()
		for input := range strings.Lines(batch) {
			io.WriteString(stdin, input)
			event, err := core.DecodeEventLine([]byte(input))
			if err != nil {
				t.Fatal(err)
			}
			for want := range strings.Lines(string(frames(t, steps(t, engine, event)))) {
				if got, err := lines.ReadString('\n'); got != want {
					t.Fatalf("after %sit says %s, %v\nwant %s", input, got, err, want)
				}
			}
		}
		stdin.Close()
		if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
			t.Errorf("at the end it says %s, %v", rest, err)
		}
		if err := command.Wait(); err != nil {
			t.Error(err)
		}
	})
}
