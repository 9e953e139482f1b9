package wasm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// built is a folder with the guests as these sources make them, wazero's
// command line, and cache.
var built string

// builtVariable tells a fuzzer's worker of built.
const builtVariable = "GATEWAY_WASM_BUILT"

// environment is that of the test, before the cache directory changes.
var environment = os.Environ()

func TestMain(m *testing.M) {
	os.Exit(func() int {
		// A fuzzer's worker is this program again: it uses what the first built.
		if built = os.Getenv(builtVariable); built != "" {
			return m.Run()
		}
		var err error
		if built, err = os.MkdirTemp("", "gateway-wasm-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(built)
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		// For the example, which uses the user's cache directory.
		os.Setenv("XDG_CACHE_HOME", filepath.Join(built, "cache"))
		os.Setenv(builtVariable, built)
		return m.Run()
	}())
}

// prepare builds the guests, and compiles the reactor with and without the
// code that StepTimeout needs by wazero's command line: this program may be
// one with the race detector, which makes a compiler take half a minute. Test
// programs do not know wazero's version, so it must be dev for both.
func prepare() error {
	reactor, command := filepath.Join(built, "gateway.wasm"), filepath.Join(built, "wazero")
	if err := buildGuest(reactor, "-buildmode=c-shared", "./guest/reactor"); err != nil {
		return err
	}
	if err := buildGuest(filepath.Join(built, "gateway-lines.wasm"), "./guest/lines"); err != nil {
		return err
	}
	for _, step := range [][]string{
		{"go", "build", "-ldflags=-X github.com/tetratelabs/wazero/internal/version.version=dev", "-o", command, "github.com/tetratelabs/wazero/cmd/wazero"},
		{command, "compile", "-cachedir", cacheDir(), reactor},
		{command, "run", "-timeout", "1m", "-cachedir", cacheDir(), reactor},
	} {
		if out, err := exec.Command(step[0], step[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %v\n%s", strings.Join(step, " "), err, out)
		}
	}
	return nil
}

func cacheDir() string { return filepath.Join(built, "cache", "mcp-ai-gateway", "wazero") }

// buildGuest builds as scripts/build does.
func buildGuest(path string, arguments ...string) error {
	const core = "github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	mod, err := guestMod()
	if err != nil {
		return err
	}
	command := exec.Command("go", append([]string{
		"build", "-modfile=" + mod, "-trimpath", "-buildvcs=false", "-gcflags=" + core + "=-l", "-gcflags=" + core + "/provider=-l", "-ldflags=-s -w -buildid=", "-o", path,
	}, arguments...)...)
	command.Env = append(environment, "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %v\n%s", strings.Join(command.Args, " "), err, out)
	}
	return nil
}

// guestMod writes the go.mod of the guests beside them.
var guestMod = sync.OnceValues(func() (string, error) {
	mod := filepath.Join(built, "guest.mod")
	for from, to := range map[string]string{"go.mod": mod, "go.sum": filepath.Join(built, "guest.sum")} {
		text, err := os.ReadFile(filepath.Join("..", from))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			return "", err
		}
	}
	edit := exec.Command("go", "mod", "edit", "-replace=github.com/tidwall/pretty=./wasm/guest/pretty", mod)
	if out, err := edit.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %v\n%s", strings.Join(edit.Args, " "), err, out)
	}
	return mod, nil
})

func guestBytes(t testing.TB, name string) []byte {
	t.Helper()
	module, err := os.ReadFile(filepath.Join(built, name))
	if err != nil {
		t.Fatal(err)
	}
	return module
}

var compileOnce = sync.OnceValues(func() (*Module, error) {
	module, err := os.ReadFile(filepath.Join(built, "gateway.wasm"))
	if err != nil {
		return nil, err
	}
	return Compile(context.Background(), module, Config{CacheDir: cacheDir()})
})

// gateway is the reactor, compiled once for all tests.
func gateway(t testing.TB) *Module {
	t.Helper()
	module, err := compileOnce()
	if err != nil {
		t.Fatal(err)
	}
	return module
}

func open(t testing.TB, module *Module) *Machine {
	t.Helper()
	machine, err := module.New(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { machine.Close() })
	return machine
}

// configure is the first event of all tests here.
var configure = &core.Configure{AtMS: 1_700_000_000_000, Config: core.Config{
	Target: "any", DefaultModel: "gpt-4o-mini",
	Providers: []provider.Row{{
		Name: "openai", Form: "openai-chat", Endpoint: "https://api.openai.com/v1",
		Credential: provider.Credential{Name: "openai", Header: "authorization", Prefix: "Bearer "},
	}},
}}

func call(number uint32) *core.Call {
	return &core.Call{
		ID: core.CallID(number), AtMS: 1_700_000_000_100, Tool: "chat_completion", Deltas: true,
		Arguments: []byte(`{"messages":[{"role":"user","content":"Hello"}],"stream":true}`),
	}
}

// reply answers the first fetch of a call with a stream of deltas.
func reply(number uint32, deltas ...string) []core.Event {
	id := core.CallID(number) | 1
	events := []core.Event{&core.Head{ID: id, Status: 200, Header: []provider.Field{{Name: "content-type", Value: "text/event-stream"}}}}
	for _, delta := range deltas {
		events = append(events, &core.Chunk{ID: id, Body: fmt.Appendf(nil, `data: {"choices":[{"index":0,"delta":{"content":%q}}]}`+"\n\n", delta)})
	}
	return append(events,
		&core.Chunk{ID: id, Body: []byte(`data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n")},
		&core.End{ID: id})
}

// steps feeds a machine and returns all its effects.
func steps(t testing.TB, machine core.Machine, events ...core.Event) []core.Effect {
	t.Helper()
	var effects []core.Effect
	for _, event := range events {
		more, err := machine.Step(event)
		if err != nil {
			t.Fatalf("%T: %v", event, err)
		}
		effects = append(effects, more...)
	}
	return effects
}

// text is the answer that a call's effects end with.
func text(t testing.TB, effects []core.Effect) string {
	t.Helper()
	if len(effects) == 0 {
		t.Fatal("no effects")
	}
	result, ok := effects[len(effects)-1].(*core.Result)
	if !ok || result.Kind != "" {
		t.Fatalf("the call ended with %+v", effects[len(effects)-1])
	}
	answer := ""
	for _, effect := range effects {
		if delta, ok := effect.(*core.Delta); ok {
			answer += delta.Text
		}
	}
	if !strings.Contains(string(result.Body), answer) {
		t.Fatalf("the result lacks the answer %q: %s", answer, result.Body)
	}
	return answer
}
