//go:build wasip1

package main

// A frame of kind 255 with no meta and no body makes the module die in the way
// that its id names, so that the tests of a host can see what it does then.
// No host sends it otherwise; any other id does nothing.
const (
	kindDie     = 255
	frameHeader = 32

	diePanic  = 1 // a Go panic
	dieMemory = 2 // allocate until there is no more
	dieExit   = 3 // proc_exit(3)
	dieLoop   = 4 // never return
)

// hoard keeps what dieMemory allocates.
var hoard [][]byte

func die(how uint64) {
	switch how {
	case diePanic:
		panic("a test asked for it")
	case dieMemory:
		for {
			hoard = append(hoard, make([]byte, 1<<20))
		}
	case dieExit:
		exit(3)
	case dieLoop:
		//lint:ignore SA5002 a loop without end is what is asked for
		for {
		}
	}
}

//go:wasmimport wasi_snapshot_preview1 proc_exit
func exit(code uint32)
