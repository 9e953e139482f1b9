package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm/module"
)

// sandbox opens machines for the host: native ones, or guests of the module.
type sandbox struct {
	settings *settings
	log      func(string)

	warm, machines, calls int // for transport.HostConfig

	ready  chan struct{} // closed when the module is compiled, or cannot be
	module *wasm.Module
	err    error

	deaths atomic.Int32 // of guests
	told   atomic.Bool  // stderr knows that auto fell back
}

const (
	// A guest takes 64 calls before a second one is opened: their memory is
	// what a guest's death costs. Up to 64 guests are 4,096 calls in flight.
	guestCalls = 64
	guestCount = 64
	// wornMemory is the linear memory, in bytes, at which a guest is replaced:
	// WebAssembly memory never shrinks.
	wornMemory = 32 << 20
	// patience is how many deaths of guests auto bears before it goes native.
	patience = 3
)

// newSandbox begins to compile the module, if it is wanted, and returns at
// once: initialize and tools/list do not wait for it.
func newSandbox(settings *settings, log func(string)) *sandbox {
	s := &sandbox{settings: settings, log: log, ready: make(chan struct{})}
	if settings.sandbox == "off" {
		// One engine steps at a time: as many as there are processors.
		s.warm = runtime.GOMAXPROCS(0)
		s.machines, s.calls = s.warm, math.MaxInt
		close(s.ready)
		return s
	}
	s.warm, s.machines, s.calls = 1, guestCount, guestCalls
	go func() {
		defer close(s.ready)
		binary, err := module.Reactor()
		if err == nil {
			s.module, err = wasm.Compile(context.Background(), binary, wasm.Config{})
		}
		s.err = err
	}()
	return s
}

// open returns a configured machine.
func (s *sandbox) open(ctx context.Context) (core.Machine, error) {
	if fault := s.settings.fault(); fault != nil {
		return nil, fault
	}
	if s.settings.sandbox == "off" {
		return s.native()
	}
	<-s.ready
	machine, err := s.guest(ctx)
	if err == nil {
		return machine, nil
	}
	if s.settings.sandbox == "required" {
		return nil, fmt.Errorf("the sandbox is required and cannot run: %w", err)
	}
	if !s.told.Swap(true) {
		s.log(fmt.Sprintf("running without the sandbox: %v", err))
	}
	return s.native()
}

func (s *sandbox) native() (core.Machine, error) {
	machine := core.New()
	_, err := machine.Step(s.configure("native"))
	return machine, err
}

func (s *sandbox) guest(ctx context.Context) (core.Machine, error) {
	if s.err != nil {
		return nil, s.err
	}
	if s.settings.sandbox == "auto" && s.deaths.Load() >= patience {
		return nil, fmt.Errorf("%d guests died", patience)
	}
	machine, err := s.module.New(ctx)
	if err != nil {
		return nil, err
	}
	guest := &guest{Machine: machine, deaths: &s.deaths}
	if _, err := guest.Step(s.configure("wasm")); err != nil {
		return nil, err
	}
	return guest, nil
}

func (s *sandbox) configure(target string) *core.Configure {
	config := s.settings.config
	config.Target = target
	return &core.Configure{Config: config}
}

// worn reports a guest that has grown too large.
func (s *sandbox) worn(machine core.Machine) bool {
	guest, ok := machine.(*guest)
	return ok && guest.Memory() > wornMemory
}

func (s *sandbox) close() {
	select {
	case <-s.ready:
		if s.module != nil {
			_ = s.module.Close() // the program ends
		}
	default: // still compiling: the end of the program ends that too
	}
}

// guest is a machine that counts its death.
type guest struct {
	*wasm.Machine
	deaths *atomic.Int32
}

func (g *guest) Step(event core.Event) ([]core.Effect, error) {
	effects, err := g.Machine.Step(event)
	if err != nil {
		g.deaths.Add(1)
	}
	return effects, err
}
