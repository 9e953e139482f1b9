package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm/module"
)

// measureFirstStart: a start without a compiled module in the cache.
func measureFirstStart(r *run) error {
	server := r.server(sandboxed)
	if err := os.RemoveAll(cacheOf(r.home)); err != nil {
		return err
	}
	initialize, ready, peak, err := startOnce(server, r.upstream)
	if err != nil {
		return err
	}
	r.warm = true
	r.add("first initialize", sandboxed, milliseconds(initialize))
	r.add("first ready", sandboxed, milliseconds(ready))
	r.add("first peak", sandboxed, peak)
	return nil
}

// measureCompile compares the module with a Go module that does nothing:
// compilation, and the start of a guest.
func measureCompile(r *run) error {
	full, err := module.Reactor()
	if err != nil {
		return err
	}
	path := filepath.Join(r.home, "empty.wasm")
	if _, err := os.Stat(path); err != nil {
		build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-buildmode=c-shared", "-o", path, "./scripts/benchmark/empty")
		build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
	}
	modulePath := filepath.Join(r.home, "module.wasm")
	if err := os.WriteFile(modulePath, full, 0o600); err != nil {
		return err
	}
	emptyTook, err := compileElsewhere(path)
	if err != nil {
		return fmt.Errorf("the empty module: %w", err)
	}
	fullTook, err := compileElsewhere(modulePath)
	if err != nil {
		return err
	}
	r.add("module", sandboxed, float64(len(full))/1e6)
	r.add("compile", sandboxed, milliseconds(fullTook))
	r.add("compile ratio", sandboxed, float64(fullTook)/float64(emptyTook))
	return nil
}

// compileCommand makes this program compile one module and print how long that
// took.
const compileCommand = "compile-module"

// compileElsewhere compiles in a process of its own: the heap of this one is
// large, and so its garbage collector seldom runs.
func compileElsewhere(path string) (time.Duration, error) {
	program, err := os.Executable()
	if err != nil {
		return 0, err
	}
	out, err := exec.Command(program, compileCommand, path).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%w\n%s", err, out)
	}
	return time.ParseDuration(string(out))
}

func compileHere(path string) (time.Duration, error) {
	binary, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	compiled, err := wasm.Compile(context.Background(), binary, wasm.Config{CacheDir: wasm.NoCache})
	if err != nil {
		return 0, err
	}
	return time.Since(began), compiled.Close()
}

// measureStep times every step of calls with large messages, on a guest as the
// program has them. Nothing else in the program is as long: a step cannot be
// interrupted, and the host's garbage collector waits for it.
func measureStep(r *run) error {
	binary, err := module.Reactor()
	if err != nil {
		return err
	}
	compiled, err := wasm.Compile(context.Background(), binary, wasm.Config{CacheDir: filepath.Join(cacheOf(r.home), "mcp-ai-gateway", "wazero")})
	if err != nil {
		return err
	}
	defer compiled.Close()
	for _, size := range []string{"1 MB", "7 MB"} {
		large := r.upstream.replies[size]
		var longest time.Duration
		for _, call := range []struct {
			arguments []byte
			reply     *reply
		}{{question("m", large.text, ""), r.upstream.replies["short"]}, {short, large}} {
			took, err := longestStep(compiled, call.arguments, call.reply)
			if err != nil {
				return fmt.Errorf("%s: %w", size, err)
			}
			longest = max(longest, took)
		}
		r.add("step "+size, sandboxed, milliseconds(longest))
	}
	return nil
}

// longestStep makes a small call and then a large one with a new guest.
func longestStep(compiled *wasm.Module, arguments []byte, large *reply) (longest time.Duration, err error) {
	machine, err := compiled.New(context.Background())
	if err != nil {
		return 0, err
	}
	defer machine.Close()
	step := func(event core.Event) {
		if err != nil {
			return
		}
		began := time.Now()
		var effects []core.Effect
		if effects, err = machine.Step(event); err == nil {
			longest = max(longest, time.Since(began))
		}
		for _, effect := range effects {
			if result, ok := effect.(*core.Result); ok && result.Kind != "" {
				err = fmt.Errorf("the call failed: %.300s", result.Body)
			}
		}
	}
	call := func(number uint32, arguments []byte, reply *reply) {
		id := core.CallID(number)
		step(&core.Call{ID: id, Tool: "chat_completion", Arguments: arguments})
		step(&core.Head{ID: id | 1, Status: 200, Header: []provider.Field{{Name: "content-type", Value: "application/json"}}})
		for chunk := range slices.Chunk(reply.body(), 64<<10) { // as the transport reads
			step(&core.Chunk{ID: id | 1, Body: chunk})
		}
		step(&core.End{ID: id | 1})
	}
	step(&core.Configure{Config: core.Config{Target: "wasm", Providers: []provider.Row{{Name: "p", Form: "openai-chat", Endpoint: "http://p/v1"}}}})
	call(1, short, wholeReply("pong"))
	longest = 0
	call(2, arguments, large)
	return longest, err
}
