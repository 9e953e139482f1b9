// Package wasmtime runs the gateway's module on Wasmtime, as package wasm does
// on wazero: [Machine] is a core.Machine, and transport.Host performs what it
// asks for. It is a Go module of its own, since it needs cgo and a C compiler.
package wasmtime

import (
	"errors"
	"fmt"
	"sync"

	"github.com/bytecodealliance/wasmtime-go/v39"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

// memoryLimit is the linear memory that a machine may have, in bytes. Go's
// garbage collector is told to stay below two thirds of it.
const memoryLimit, goLimit = 64 << 20, "41MiB"

// Module is a compiled module, for any number of machines.
type Module struct {
	engine   *wasmtime.Engine
	compiled *wasmtime.Module
	linker   *wasmtime.Linker
}

// Compile compiles a module. It takes seconds, and is done once.
func Compile(binary []byte) (*Module, error) {
	engine := wasmtime.NewEngine()
	compiled, err := wasmtime.NewModule(engine, binary)
	if err != nil {
		return nil, err
	}
	linker := wasmtime.NewLinker(engine)
	return &Module{engine, compiled, linker}, linker.DefineWasi()
}

// Machine is the core in a guest of its own. It may be used by several
// goroutines, which wait for each other.
type Machine struct {
	mu     sync.Mutex
	store  *wasmtime.Store
	memory *wasmtime.Memory
	buffer *wasmtime.Func
	step   *wasmtime.Func
	dead   error
}

// New starts a guest, with no argument, directory or environment but the limit.
func (m *Module) New() (*Machine, error) {
	store := wasmtime.NewStore(m.engine)
	store.Limiter(memoryLimit, -1, 1, 1, 1)
	wasi := wasmtime.NewWasiConfig()
	wasi.SetEnv([]string{"GOMEMLIMIT"}, []string{goLimit})
	store.SetWasi(wasi)
	guest, err := m.linker.Instantiate(store, m.compiled)
	if err != nil {
		return nil, err
	}
	if _, err := guest.GetFunc(store, "_initialize").Call(store); err != nil {
		return nil, err
	}
	version, err := guest.GetFunc(store, "gw_abi_version").Call(store)
	if err != nil || version != int32(core.ABIVersion) {
		return nil, fmt.Errorf("it speaks version %v of the interface, this host %d: %w", version, core.ABIVersion, err)
	}
	return &Machine{
		store: store, memory: guest.GetExport(store, "memory").Memory(),
		buffer: guest.GetFunc(store, "gw_buffer"), step: guest.GetFunc(store, "gw_step"),
	}, nil
}

// Step takes one event and returns what is to be done. After an error the
// guest is not used again: it would answer, but from a broken heap.
func (m *Machine) Step(event core.Event) ([]core.Effect, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead != nil {
		return nil, m.dead
	}
	effects, err := m.exchange(event)
	m.dead = err
	return effects, err
}

func (m *Machine) exchange(event core.Event) ([]core.Effect, error) {
	frame, err := core.AppendEvent(nil, event)
	if err != nil {
		return nil, err
	}
	address, err := m.buffer.Call(m.store, int32(len(frame)))
	if err != nil {
		return nil, err
	}
	copy(m.memory.UnsafeData(m.store)[uint32(address.(int32)):], frame) // looked up now: it may have moved
	packed, err := m.step.Call(m.store, int32(len(frame)))
	if err != nil {
		return nil, err
	}
	at, length := uint32(packed.(int64)>>32), uint32(packed.(int64))
	if length == 0xffffffff {
		return nil, fmt.Errorf("gw_step failed for reason %d", at)
	}
	memory := m.memory.UnsafeData(m.store)
	if uint64(at)+uint64(length) > uint64(len(memory)) {
		return nil, errors.New("the output lies outside of the memory")
	}
	var effects []core.Effect
	for rest := memory[at:][:length]; len(rest) > 0; {
		var effect core.Effect
		if effect, rest, err = core.DecodeEffect(rest); err != nil {
			return nil, err
		}
		effects = append(effects, effect)
	}
	return effects, nil
}
