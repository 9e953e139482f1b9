//go:build wasip1

// Command empty is a Go module that does nothing: what the gateway's is
// compared with. It has the exports without which it would not be loaded.
package main

func main() {}

//go:wasmexport gw_abi_version
func abiVersion() uint32 { return 1 }

//go:wasmexport gw_info
func info() uint64 { return 0 }

//go:wasmexport gw_buffer
func buffer(uint32) uint32 { return 0 }

//go:wasmexport gw_step
func step(uint32) uint64 { return 0 }
