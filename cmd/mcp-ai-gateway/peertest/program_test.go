package peertest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/imitation"
)

const (
	// deadline is when a test no longer waits for what must come. It says
	// nothing about how long that should take.
	deadline = 60 * time.Second
	// silence is how long a test listens for what must not come.
	silence = 300 * time.Millisecond
)

// What the tests share; TestMain makes it.
var (
	program  string // the file
	endpoint string // of an imitated provider
	cache    string // where the sandbox finds its module compiled
)

func TestMain(m *testing.M) {
	code, err := prepare(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "peertest:", err)
		code = 1
	}
	os.Exit(code)
}

// prepare makes what the tests share, and runs them.
func prepare(m *testing.M) (code int, err error) {
	folder, err := os.MkdirTemp("", "peertest-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()

	program = filepath.Join(folder, "mcp-ai-gateway")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.Command("go", "build", "-o", program, "./cmd/mcp-ai-gateway")
	build.Dir = filepath.Join("..", "..", "..") // the dependencies are those of the program's own go.mod
	if complaint, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("the program does not build: %w\n%s", err, complaint)
	}

	var stop func()
	if endpoint, stop, err = imitation.New().Serve(); err != nil {
		return 0, err
	}
	defer stop()

	cache = filepath.Join(folder, "cache")
	if err := compileModule(); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// compileModule has the program fill the cache, which takes seconds, so that
// no test pays for all others.
func compileModule() error {
	process := sandbox.command(endpoint, cache)
	var complaints bytes.Buffer
	process.Stderr = &complaints
	stdin, err := process.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := process.Start(); err != nil {
		return err
	}
	stop := time.AfterFunc(deadline, func() { _ = process.Process.Kill() })
	defer stop.Stop()
	// Stdin stays open until the answer is there: after its end the program
	// gives a call 10 s, and a slow machine compiles for longer.
	_, writeErr := io.WriteString(stdin, callLine("1", question{text: "Hello"}, "")+"\n")
	answer, readErr := bufio.NewReader(stdout).ReadString('\n')
	closeErr := stdin.Close()
	err = errors.Join(writeErr, readErr, closeErr, process.Wait())
	if err == nil && !strings.Contains(answer, "I am an imitated model.") {
		err = errors.New("its answer is " + answer)
	}
	if err != nil {
		return fmt.Errorf("the sandbox does not run: %w\n%s", err, complaints.String())
	}
	return nil
}

// target is a way to run the core.
type target struct {
	title string // of subtests
	mode  string // of --sandbox
	name  string // in results
}

var (
	native  = target{title: "native", mode: "off", name: "native"}
	sandbox = target{title: "sandbox", mode: "required", name: "wasm"}
)

// onBoth runs a test natively and in the sandbox.
func onBoth(t *testing.T, test func(t *testing.T, on target)) {
	for _, on := range []target{native, sandbox} {
		t.Run(on.title, func(t *testing.T) { test(t, on) })
	}
}

// command is a process of the program that is yet to start. It has no other
// environment than this: the tester's own settings must not reach it.
func (on target) command(endpoint, cache string, more ...string) *exec.Cmd {
	command := exec.Command(program, "--sandbox="+on.mode)
	command.Env = append([]string{
		"API_ENDPOINT=" + endpoint, "API_KEY=key", "DEFAULT_MODEL=imitated",
		// One of these is where the system keeps caches.
		"XDG_CACHE_HOME=" + cache, "HOME=" + cache, "LocalAppData=" + cache,
	}, more...)
	return command
}

// ownProvider is an imitated provider that no other test asks, for tests that
// look at its requests or its peak.
func ownProvider(t *testing.T) (provider *imitation.Provider, endpoint string) {
	t.Helper()
	provider = imitation.New()
	endpoint, stop, err := provider.Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return provider, endpoint
}

// question is what a test asks a model.
type question struct {
	model  string // empty: the default model
	text   string
	stream bool
}

// arguments are the arguments of chat_completion.
func (q question) arguments() map[string]any {
	arguments := map[string]any{
		"messages": []any{map[string]any{"role": "user", "content": q.text}},
		"stream":   q.stream,
	}
	if q.model != "" {
		arguments["model"] = q.model
	}
	return arguments
}

// said is the imitated model's answer to a text.
func said(text string) string {
	return fmt.Sprintf("You said: \"%s\". I am an imitated model.", text)
}

// eventually waits until something holds.
func eventually(t *testing.T, bound time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(bound); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %s it still does not hold: %s", bound, what)
		}
	}
}

// about is what the tests read of a result's _meta.
type about struct {
	Completion *struct {
		Model string `json:"model"`
		Usage struct {
			PromptTokens     int `json:"prompt_tokens"`
			CompletionTokens int `json:"completion_tokens"`
		} `json:"usage"`
		Gateway struct {
			Target         string            `json:"target"`
			RequestedModel string            `json:"requested_model"`
			Attempts       []json.RawMessage `json:"attempts"`
		} `json:"gateway"`
	} `json:"mcp-ai-gateway/completion"`
	Error *struct {
		Kind   string `json:"kind"`
		Status int    `json:"status"`
	} `json:"mcp-ai-gateway/error"`
}

// readMeta reads a result's _meta, in whatever form a test has it.
func readMeta(t *testing.T, meta any) about {
	t.Helper()
	text, err := json.Marshal(meta)
	if err != nil {
		t.Fatal(err)
	}
	var read about
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatalf("_meta: %v: %s", err, text)
	}
	return read
}

// quiet demands that the program complained of nothing.
func quiet(t *testing.T, stderr string) {
	t.Helper()
	for lines := bufio.NewScanner(strings.NewReader(stderr)); lines.Scan(); {
		t.Errorf("stderr: %s", lines.Text())
	}
}
