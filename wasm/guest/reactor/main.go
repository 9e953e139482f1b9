//go:build wasip1

// Command reactor is the engine as a WebAssembly module without a main: a host
// calls its exports, which docs/abi.md describes. scripts/build builds it.
package main

import (
	"encoding/binary"
	"runtime"
	"strconv"
	"unsafe"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

// Package-level variables keep the buffers alive while the host holds their
// addresses; Go's heap does not move.
var (
	engine = core.New()
	input  = make([]byte, 128<<10)
	output []byte
	info   = []byte(`{"name":"mcp-ai-gateway","version":` + strconv.Quote(version) +
		`,"abi":` + strconv.Itoa(core.ABIVersion) + `,"go":` + strconv.Quote(runtime.Version()) + `}`)

	// stepping is true within gw_step, and stays true once a step has failed
	// or trapped: a Go module that trapped still answers, from a broken heap.
	stepping bool
)

// version is the gateway's, where the build sets it with -X main.version.
var version = "devel"

func main() {} // never called: a reactor has no main

//go:wasmexport gw_abi_version
func abiVersion() uint32 { return core.ABIVersion }

//go:wasmexport gw_info
func describe() uint64 { return address(info) }

//go:wasmexport gw_buffer
func buffer(n uint32) uint32 {
	if uint64(n) > uint64(len(input)) {
		input = make([]byte, n)
	}
	return uint32(address(input) >> 32)
}

// Why gw_step failed, in the high 32 bits of what it returns.
const (
	failedFrame    = 1 // the input is not frames of this version
	failedContract = 2 // an event came that makes no sense
	failedOutput   = 3 // an effect could not be written
	failedBefore   = 4 // an earlier step failed
)

//go:wasmexport gw_step
func step(n uint32) uint64 {
	if stepping {
		return failure(failedBefore)
	}
	stepping = true
	if uint64(n) > uint64(len(input)) {
		return failure(failedFrame)
	}
	output = output[:0]
	for rest := input[:n]; len(rest) > 0; {
		if len(rest) >= frameHeader && binary.LittleEndian.Uint64(rest) == kindDie && binary.LittleEndian.Uint64(rest[8:]) == 0 {
			die(binary.LittleEndian.Uint64(rest[16:]))
			rest = rest[frameHeader:]
			continue
		}
		event, behind, err := core.DecodeEvent(rest)
		if err != nil {
			return failure(failedFrame)
		}
		rest = behind
		effects, err := engine.Step(event)
		if err != nil {
			return failure(failedContract)
		}
		for _, effect := range effects {
			if output, err = core.AppendEffect(output, effect); err != nil {
				return failure(failedOutput)
			}
		}
	}
	stepping = false
	return address(output)
}

// address packs where bytes are and how many, as the host reads it.
func address(b []byte) uint64 {
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))<<32 | uint64(len(b))
}

func failure(why uint64) uint64 { return why<<32 | 0xffffffff }
