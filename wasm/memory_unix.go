//go:build linux || darwin

package wasm

import (
	"context"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// withMemory gives the guests of a context memory of the system's, not of Go's
// heap. All that a guest may ever have is reserved at once and costs nothing
// until it is touched: so growing copies nothing, leaves no garbage of that size
// and does not make the collector wait for more. RATIONALE has the figures.
func withMemory(ctx context.Context) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(func(_, most uint64) experimental.LinearMemory {
		region, err := syscall.Mmap(-1, 0, int(most), syscall.PROT_READ|syscall.PROT_WRITE,
			syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
		if err != nil {
			return &heap{} // as without an allocator
		}
		return &reserved{region}
	}))
}

// reserved is a linear memory in a region of the system's.
type reserved struct{ region []byte }

func (r *reserved) Reallocate(size uint64) []byte {
	if size > uint64(len(r.region)) {
		return nil
	}
	return r.region[:size]
}

func (r *reserved) Free() {
	if r.region != nil {
		_ = syscall.Munmap(r.region) // it fails for what is no region of ours, and it is
		r.region = nil
	}
}

// heap is a linear memory in Go's heap.
type heap struct{ buffer []byte }

func (h *heap) Reallocate(size uint64) []byte {
	if size > uint64(cap(h.buffer)) {
		h.buffer = append(make([]byte, 0, size), h.buffer...)
	}
	h.buffer = h.buffer[:size]
	return h.buffer
}

func (h *heap) Free() { h.buffer = nil }
