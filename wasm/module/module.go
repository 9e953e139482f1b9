// Package module holds the gateway's WebAssembly module, for programs that
// embed the gateway and for installations without a build step.
package module

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
)

// compressed is made by `scripts/build module` from the sources in this
// repository: wasm/guest/reactor with the toolchain of go.mod, then gzip -9n.
// The build is reproducible, and CI compares it with a fresh one.
//
//go:embed gateway.wasm.gz
var compressed []byte

// Reactor returns the module, about 4 MB, for wasm.Compile or any other host
// of docs/abi.md. It is decompressed anew by each call, so the bytes are the
// caller's. An error means that this program was built from a damaged file.
func Reactor() ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("wasm/module: %w", err)
	}
	module, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("wasm/module: %w", err)
	}
	return module, nil
}
