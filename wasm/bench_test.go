package wasm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// BenchmarkCompile compares the time from bytes to a running guest with that
// of a Go module that does nothing: compiled, and loaded from the cache.
func BenchmarkCompile(b *testing.B) {
	source, module := filepath.Join(b.TempDir(), "main.go"), filepath.Join(b.TempDir(), "empty.wasm")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	if err := buildGuest(module, "-buildmode=c-shared", source); err != nil {
		b.Fatal(err)
	}
	empty, err := os.ReadFile(module)
	if err != nil {
		b.Fatal(err)
	}
	full, dir := guestBytes(b, "gateway.wasm"), b.TempDir()
	took(b, empty, dir) // fills the cache
	took(b, full, dir)
	var emptyFirst, emptyCached, fullFirst, fullCached time.Duration
	for b.Loop() {
		emptyFirst += took(b, empty, "")
		fullFirst += took(b, full, "")
		emptyCached += took(b, empty, dir)
		fullCached += took(b, full, dir)
	}
	b.ReportMetric(float64(fullFirst)/float64(emptyFirst), "x-empty-first")
	b.ReportMetric(float64(fullCached)/float64(emptyCached), "x-empty-cached")
	b.ReportMetric(float64(fullFirst.Milliseconds())/float64(b.N), "ms-first")
	b.ReportMetric(float64(fullCached.Microseconds())/1000/float64(b.N), "ms-cached")
	b.ReportMetric(float64(len(full))/1e6, "MB-module")
}

// took starts one guest, with the cache in dir if it is not empty.
func took(b *testing.B, module []byte, dir string) time.Duration {
	began := time.Now()
	var cache wazero.CompilationCache
	if dir != "" {
		var err error
		if cache, err = openCache(dir); err != nil {
			b.Fatal(err)
		}
	}
	m, err := compile(context.Background(), module, Config{MemoryLimit: 64}, cache)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	if _, err := m.runtime.InstantiateModule(context.Background(), m.compiled, m.instance); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

func BenchmarkNew(b *testing.B) {
	module := gateway(b)
	for b.Loop() {
		machine, err := module.New(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		machine.Close()
	}
}

// BenchmarkStep is one chunk of a stream, as part of calls with a thousand
// chunks: one for a call that there is not, which costs the way into the
// machine and back; a comment, which wakes the call's coroutine as well; and a
// piece of the answer in each form. core has the like for whole replies.
func BenchmarkStep(b *testing.B) {
	anthropic := *configure
	anthropic.Config.Providers = []provider.Row{{Name: "anthropic", Form: "anthropic", Endpoint: "https://api.anthropic.com/v1"}}
	start := &core.Chunk{ID: core.CallID(1) | 1, Body: []byte(
		`data: {"type":"message_start","message":{"id":"msg_1","role":"assistant","model":"claude-sonnet-4-5","content":[],"usage":{"input_tokens":9}}}` + "\n\n" +
			`data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}` + "\n\n")}
	nothing := &core.Chunk{ID: core.CallID(1) | 1, Body: []byte(":\n\n")}
	for _, chunk := range []struct {
		name  string
		with  *core.Configure
		first *core.Chunk
		core.Chunk
	}{
		{"ignored", configure, nothing, core.Chunk{ID: core.CallID(9) | 1, Body: []byte(": OPENROUTER PROCESSING\n\n")}},
		{"comment", configure, nothing, core.Chunk{ID: core.CallID(1) | 1, Body: []byte(": OPENROUTER PROCESSING\n\n")}},
		{"openai-chat", configure, nothing, core.Chunk{ID: core.CallID(1) | 1, Body: fmt.Appendf(nil,
			`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini-2024-07-18",`+
				`"system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}`+"\n\n")}},
		{"anthropic", &anthropic, start, core.Chunk{ID: core.CallID(1) | 1, Body: []byte(
			"event: content_block_delta\ndata: " + `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" word"}}` + "\n\n")}},
	} {
		for _, machine := range []struct {
			name string
			core.Machine
		}{{"native", core.New()}, {"wasm", open(b, gateway(b))}} {
			b.Run(chunk.name+"/"+machine.name, func(b *testing.B) {
				steps(b, machine, chunk.with, call(1), reply(1)[0], chunk.first)
				b.ReportAllocs()
				for n := 1; b.Loop(); n++ {
					steps(b, machine, &chunk.Chunk)
					if n%1000 == 0 {
						steps(b, machine, &core.Cancel{ID: core.CallID(1)}, call(1), reply(1)[0], chunk.first)
					}
				}
				steps(b, machine, &core.Cancel{ID: core.CallID(1)})
			})
		}
	}
}
