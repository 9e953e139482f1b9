// Package import_os uses the system it runs on.
package import_os

import (
	_ "embed"         // want "law 1"
	_ "io/fs"         // want "law 1"
	_ "log/slog"      // want "law 1"
	system "os"       // want "law 1"
	_ "os/signal"     // want "law 1"
	_ "path/filepath" // want "law 1"
	_ "runtime/debug" // want "law 1"
	_ "syscall"       // want "law 1"
	_ "testing"       // want "law 1"
	_ "unsafe"        // want "law 1"
)

// Home is somewhere else on each machine.
func Home() string { return system.Getenv("HOME") }
