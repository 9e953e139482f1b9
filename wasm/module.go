// Package wasm runs the gateway's core inside a sandbox: [Machine] is a
// [core.Machine] that carries the same events into a WebAssembly guest and
// gives back the same effects, byte for byte, as the native [core.Engine].
//
//	bytes, err := module.Reactor()                           // or bin/gateway.wasm
//	gateway, err := wasm.Compile(ctx, bytes, wasm.Config{})  // seconds at first, then cached
//	machine, err := gateway.New(ctx)                         // milliseconds
//	effects, err := machine.Step(event)
//
// A guest sees the events it is given and a source of random bytes; no
// network, no files, no clock, no environment and no key. What it asks for in
// its effects, the program around it performs, or not.
//
// Any fault of a guest ends that guest alone: see [ErrDead]. docs/abi.md
// describes the interface for hosts in other languages.
package wasm

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

// Config is what holds for a module and all its machines. The zero value is
// meant for most programs.
type Config struct {
	// CacheDir keeps compiled modules between runs of the program. Empty means
	// mcp-ai-gateway/wazero in the user's cache directory, or no cache where
	// that cannot be made; [NoCache] means none. The files are machine code:
	// nobody else should be able to write there.
	CacheDir string
	// MemoryLimit bounds the linear memory of one machine, in MiB: at most
	// 4095, 0 means 128. A guest that needs more dies.
	MemoryLimit int
	// StepTimeout ends a step, and with it its machine, that takes longer. It
	// makes every step 3 to 7 times slower; 0 means that an endless loop in a
	// guest is never ended.
	StepTimeout time.Duration
}

// NoCache as Config.CacheDir compiles the module anew each time.
const NoCache = "-"

// ErrNoCompiler says that wazero cannot compile for this system. Its
// interpreter, ten times slower, is not used.
var ErrNoCompiler = errors.New("wasm: there is no compiler for " + runtime.GOOS + "/" + runtime.GOARCH)

// Module is a compiled module. It may be used by several goroutines.
type Module struct {
	runtime  wazero.Runtime
	cache    wazero.CompilationCache // or nil
	compiled wazero.CompiledModule
	instance wazero.ModuleConfig
	timeout  time.Duration
	first    atomic.Pointer[Machine] // started to be sure that one can be, for the first New
}

// Compile compiles a module, or loads it from the cache, and starts a guest
// once, to be sure that it can be started and speaks this version of the
// interface. Errors say what is wrong with the module, the configuration or
// the system.
func Compile(ctx context.Context, module []byte, config Config) (*Module, error) {
	if !compilable(runtime.GOOS, runtime.GOARCH) {
		return nil, ErrNoCompiler
	}
	if config.MemoryLimit == 0 {
		config.MemoryLimit = 128
	}
	if config.MemoryLimit < 0 || config.MemoryLimit > 4095 {
		return nil, fmt.Errorf("wasm: a memory limit of %d MiB: allowed are 1 to 4095", config.MemoryLimit)
	}
	cache, err := openCache(config.CacheDir)
	if err != nil {
		return nil, fmt.Errorf("wasm: the cache directory cannot be used: %w", err)
	}
	m, err := compile(ctx, module, config, cache)
	if err != nil && cache != nil {
		// A damaged file or a full disk costs time, not the module.
		m, err = compile(ctx, module, config, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("wasm: the module does not compile: %w", err)
	}
	if err := m.check(ctx); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// compilable tells whether wazero's compiler knows the system. It needs
// SSE 4.1 as well, which amd64 has had since 2008.
func compilable(goos, goarch string) bool {
	switch goos {
	case "linux", "darwin", "freebsd", "netbsd", "windows":
		return goarch == "amd64" || goarch == "arm64"
	case "dragonfly", "solaris", "illumos":
		return goarch == "amd64"
	}
	return false
}

func openCache(dir string) (wazero.CompilationCache, error) {
	switch dir {
	case NoCache:
		return nil, nil
	case "":
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, nil
		}
		cache, err := wazero.NewCompilationCacheWithDir(filepath.Join(user, "mcp-ai-gateway", "wazero"))
		if err != nil {
			return nil, nil
		}
		return cache, nil
	}
	return wazero.NewCompilationCacheWithDir(dir)
}

// compile closes the cache where it fails.
func compile(ctx context.Context, module []byte, config Config, cache wazero.CompilationCache) (*Module, error) {
	settings := wazero.NewRuntimeConfigCompiler().
		WithMemoryLimitPages(uint32(config.MemoryLimit) * 16).
		WithCloseOnContextDone(config.StepTimeout > 0)
	if cache != nil {
		settings = settings.WithCompilationCache(cache)
	}
	m := &Module{
		runtime: wazero.NewRuntimeWithConfig(ctx, settings),
		cache:   cache,
		timeout: config.StepTimeout,
		instance: wazero.NewModuleConfig().
			WithName(""). // or there could be only one
			WithStartFunctions("_initialize").
			WithRandSource(rand.Reader). // wazero's own is the same in each run
			// Below the limit, or Go dies of it with garbage left to collect.
			WithEnv("GOMEMLIMIT", strconv.Itoa(config.MemoryLimit*65/100)+"MiB"),
	}
	_, err := wasi_snapshot_preview1.Instantiate(ctx, m.runtime)
	if err == nil {
		workers := min(4, runtime.GOMAXPROCS(0)) // each takes 15 MB while it works
		m.compiled, err = m.runtime.CompileModule(experimental.WithCompilationWorkers(ctx, workers), module)
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// exports are the functions of the interface.
var exports = []struct {
	name            string
	params, results []api.ValueType
}{
	{"_initialize", nil, nil},
	{"gw_abi_version", nil, []api.ValueType{api.ValueTypeI32}},
	{"gw_info", nil, []api.ValueType{api.ValueTypeI64}},
	{"gw_buffer", []api.ValueType{api.ValueTypeI32}, []api.ValueType{api.ValueTypeI32}},
	{"gw_step", []api.ValueType{api.ValueTypeI32}, []api.ValueType{api.ValueTypeI64}},
}

// check holds the module against the interface.
func (m *Module) check(ctx context.Context) error {
	for _, function := range m.compiled.ImportedFunctions() {
		if module, name, _ := function.Import(); module != wasi_snapshot_preview1.ModuleName {
			return fmt.Errorf("wasm: the module imports %s.%s, which no guest of the gateway does", module, name)
		}
	}
	if len(m.compiled.ImportedMemories()) > 0 || m.compiled.ExportedMemories()["memory"] == nil {
		return errors.New(`wasm: the module does not export its memory as "memory"`)
	}
	functions := m.compiled.ExportedFunctions()
	for _, want := range exports {
		got := functions[want.name]
		if got == nil {
			return fmt.Errorf("wasm: the module does not export %s; is it a gateway's?", want.name)
		}
		if !bytes.Equal(got.ParamTypes(), want.params) || !bytes.Equal(got.ResultTypes(), want.results) {
			return fmt.Errorf("wasm: the module's %s has another signature than that of version %d", want.name, core.ABIVersion)
		}
	}
	machine, err := m.New(ctx)
	if err == nil {
		m.first.Store(machine)
	}
	return err
}

// New starts a guest. It has to be closed. The context is for the start alone:
// it does not reach into later steps.
func (m *Module) New(ctx context.Context) (*Machine, error) {
	if first := m.first.Swap(nil); first != nil {
		return first, nil
	}
	words := new(firstWords)
	guest, err := m.runtime.InstantiateModule(withMemory(ctx), m.compiled, m.instance.WithStderr(words))
	if err != nil {
		return nil, fmt.Errorf("wasm: the guest does not start: %w", words.explain(err))
	}
	version, err := guest.ExportedFunction("gw_abi_version").Call(ctx)
	if err == nil && version[0] != core.ABIVersion {
		err = fmt.Errorf("it speaks version %d of the interface, this host %d", version[0], core.ABIVersion)
	}
	if err != nil {
		guest.Close(ctx)
		return nil, fmt.Errorf("wasm: the guest cannot be used: %w", words.explain(err))
	}
	return &Machine{
		guest:   guest,
		memory:  guest.Memory(),
		buffer:  guest.ExportedFunction("gw_buffer"),
		step:    guest.ExportedFunction("gw_step"),
		words:   words,
		timeout: m.timeout,
	}, nil
}

// Close ends the module and all its machines, none of which may be in a Step.
func (m *Module) Close() error {
	ctx := context.Background()
	err := m.runtime.Close(ctx)
	if m.cache != nil {
		err = errors.Join(err, m.cache.Close(ctx))
	}
	return err
}
