// Package core is the heart of the MCP AI Gateway: it turns the calls of MCP
// tools into requests to providers, and their replies into results, without
// doing anything. It runs unchanged as native code and as a WebAssembly module.
//
// A host feeds a [Machine] with events (a call came, bytes came, a timer ran
// out) and performs the effects that it gives back (fetch this, tell the
// client that). [Engine] is the machine; package wasm has another, which
// carries the same events into the same engine inside a sandbox.
//
// Inside, a call is straight-line code: each runs in a coroutine that parks on
// what it waits for and is resumed by the event that answers it. A retry is a
// loop, a stream is an io.Reader. When Step returns, every coroutine is parked.
//
// # Laws
//
//  1. No I/O: net, net/http, os and io/fs are not imported under core, and
//     net and net/http are not reached through a dependency.
//  2. No clock and no chance: every event carries the host's time, a call its
//     seed.
//  3. No goroutine and no lock: a coroutine runs only inside Step.
//  4. The same history gives the same effects, byte for byte, on every target:
//     maps are never walked in their own order, JSON has one form, no
//     library's error text goes out.
//  5. Every call gets exactly one Result.
//  6. IDs derive from ids the host gave, never from a global counter; there
//     is no global state.
//  7. Events for a call, fetch, timer or check that has ended are ignored.
//
// The test of the laws type-checks the sources for 1, 2, 3, 4 and 6; the
// transcripts under testdata hold 4, 5 and 7 on both targets.
package core

// Machine is what a host drives, whatever runs it: events in, effects out.
// Step is not to be called from two goroutines at once. An error means that
// the host broke the contract or that the machine is broken: it must not be
// used again, and its calls in flight are lost. What a client or a provider
// does wrong comes out as an effect.
type Machine interface {
	Step(Event) ([]Effect, error)
}
