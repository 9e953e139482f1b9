package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm/module"
)

// sandbox opens machines for the host: native ones, or guests of the module.
type sandbox struct {
	settings *settings
	log      func(string)

	warm, machines, calls int // for transport.HostConfig
	longest               int // arguments or reply, bytes

	ready  chan struct{} // closed when the module is compiled, or cannot be
	module *wasm.Module
	err    error

	told atomic.Bool // stderr knows that auto fell back

	mu     sync.Mutex
	deaths []time.Time // of the latest guests, at most patience
}

const (
	// A guest takes 64 calls before a second one is opened: their memory is
	// what a guest's death costs. Up to 64 guests are 4,096 calls in flight.
	guestCalls = 64
	guestCount = 64
	// wornMemory is the linear memory, in bytes, at which a guest is replaced:
	// WebAssembly memory never shrinks.
	wornMemory = 32 << 20
	// patience is how many deaths of guests in a minute make auto go native.
	patience = 3
	// What a machine is given of a call and of a reply, in bytes: a guest needs
	// up to nine times as much of its 128 MiB, and its death would cost other
	// calls.
	longestNative, longestGuest = 64 << 20, 8 << 20
)

// newSandbox begins to compile the module, if it is wanted, and returns at
// once: initialize and tools/list do not wait for it.
func newSandbox(settings *settings, log func(string)) *sandbox {
	s := &sandbox{settings: settings, log: log, ready: make(chan struct{})}
	if settings.sandbox == "off" {
		// One engine steps at a time: as many as there are processors.
		s.warm = runtime.GOMAXPROCS(0)
		s.machines, s.calls, s.longest = s.warm, math.MaxInt, longestNative
		close(s.ready)
		return s
	}
	s.warm, s.machines, s.calls, s.longest = 1, guestCount, guestCalls, longestGuest
	go func() {
		defer close(s.ready)
		binary, err := module.Reactor()
		if err == nil {
			// The compiler makes much garbage, in a time when nobody waits for it.
			percent := debug.SetGCPercent(50)
			s.module, err = wasm.Compile(context.Background(), binary, wasm.Config{})
			debug.SetGCPercent(percent)
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
	if s.settings.sandbox == "auto" && s.failing() {
		return nil, fmt.Errorf("%d guests died within a minute", patience)
	}
	machine, err := s.module.New(ctx)
	if err != nil {
		return nil, err
	}
	guest := &guest{Machine: machine, sandbox: s}
	if _, err := guest.Step(s.configure("wasm")); err != nil {
		return nil, err
	}
	return guest, nil
}

func (s *sandbox) configure(target string) *core.Configure {
	config := s.settings.config
	config.Target = target
	config.MediaLimit = s.settings.peer.mediaLimit() // known: machines open as calls come
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

// died notes the death of a guest.
func (s *sandbox) died() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaths = append(s.deaths, time.Now())
	s.deaths = s.deaths[max(0, len(s.deaths)-patience):]
}

// failing reports whether guests die too often.
func (s *sandbox) failing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.deaths) == patience && time.Since(s.deaths[0]) < time.Minute
}

// guest is a machine that tells of its death.
type guest struct {
	*wasm.Machine
	sandbox *sandbox
}

func (g *guest) Step(event core.Event) ([]core.Effect, error) {
	effects, err := g.Machine.Step(event)
	if err != nil {
		g.sandbox.died()
	}
	return effects, err
}
