//go:build wasip1

package main

// Go makes the standard streams of a wasip1 program non-blocking. Node does so
// too, but does not report it (nodejs/uvwasi#283), so that Go takes them for
// blocking ones, and an idle stdin ends with "Try again" instead of waiting.
// Making them blocking again is harmless on all other runtimes.
func init() {
	for fd := range int32(3) {
		setFlags(fd, 0)
	}
}

//go:wasmimport wasi_snapshot_preview1 fd_fdstat_set_flags
func setFlags(fd int32, flags uint32) uint32
