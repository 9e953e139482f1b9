//go:build !linux && !darwin

package wasm

import "context"

// withMemory leaves the guests' memory to wazero, in Go's heap.
func withMemory(ctx context.Context) context.Context { return ctx }
