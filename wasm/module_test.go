package wasm

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

// TestGuests holds the guests small, and unable to ask for anything but WASI.
func TestGuests(t *testing.T) {
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer runtime.Close(ctx)
	for _, name := range []string{"gateway.wasm", "gateway-lines.wasm"} {
		bytes := guestBytes(t, name)
		if len(bytes) > 6<<20 {
			t.Errorf("%s has %d bytes, the limit is 6 MiB", name, len(bytes))
		}
		module, err := runtime.CompileModule(ctx, bytes)
		if err != nil {
			t.Fatal(err)
		}
		imports := module.ImportedFunctions()
		if len(imports) == 0 || len(module.ImportedMemories()) != 0 {
			t.Errorf("%s imports %d functions and %d memories", name, len(imports), len(module.ImportedMemories()))
		}
		for _, function := range imports {
			if module, function, _ := function.Import(); module != "wasi_snapshot_preview1" {
				t.Errorf("%s imports %s.%s", name, module, function)
			}
		}
	}
}

func TestManifest(t *testing.T) {
	events := []core.Event{configure, &core.Describe{AtMS: 1}}
	want := steps(t, core.New(), events...)
	got := steps(t, open(t, gateway(t)), events...)
	if len(want) != 1 || !reflect.DeepEqual(got, want) {
		t.Errorf("the guest describes\n%s\nnative\n%s", frames(t, got), frames(t, want))
	}
}

func TestInfo(t *testing.T) {
	machine := open(t, gateway(t))
	result, err := machine.guest.ExportedFunction("gw_info").Call(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	text, ok := machine.memory.Read(uint32(result[0]>>32), uint32(result[0]))
	var info struct {
		Name, Version, Go string
		ABI               int
	}
	if !ok || json.Unmarshal(text, &info) != nil || info.Name != "mcp-ai-gateway" || info.ABI != core.ABIVersion || info.Version == "" || info.Go == "" {
		t.Errorf("gw_info gives %s", text)
	}
}

func TestCompileRefuses(t *testing.T) {
	valid := tinyGuest{version: core.ABIVersion}
	with := func(change func(*tinyGuest)) []byte {
		guest := valid
		change(&guest)
		return guest.bytes()
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		module []byte
		config Config
		says   string // nothing: it compiles
	}{
		{"valid", valid.bytes(), Config{}, ""},
		{"valid, cached", valid.bytes(), Config{CacheDir: filepath.Join(t.TempDir(), "new", "folder")}, ""},
		{"no module", []byte("MZ"), Config{}, "does not compile: invalid magic number"},
		{"foreign import", with(func(g *tinyGuest) { g.imports = "env" }), Config{}, "imports env.f"},
		{"export missing", with(func(g *tinyGuest) { g.rename = "gw_stop" }), Config{}, "does not export gw_step"},
		{"other signature", with(func(g *tinyGuest) { g.stepType = 3 }), Config{}, "gw_step has another signature"},
		{"memory not exported", with(func(g *tinyGuest) { g.memory = "heap" }), Config{}, "memory"},
		{"other version", with(func(g *tinyGuest) { g.version = 63 }), Config{}, "speaks version 63 of the interface, this host 1"},
		{"too much memory", valid.bytes(), Config{MemoryLimit: 4096}, "4096 MiB: allowed are 1 to 4095"},
		{"negative memory", valid.bytes(), Config{MemoryLimit: -1}, "-1 MiB"},
		{"too little memory", guestBytes(t, "gateway.wasm"), Config{MemoryLimit: 1}, "memory"},
		{"cache is a file", valid.bytes(), Config{CacheDir: file}, "cache directory"},
	}
	for _, test := range tests {
		if test.config.CacheDir == "" {
			test.config.CacheDir = NoCache
		}
		module, err := Compile(context.Background(), test.module, test.config)
		switch {
		case err == nil:
			if test.says != "" {
				t.Errorf("%s: it compiles", test.name)
			}
			module.Close()
		case test.says == "" || !strings.Contains(err.Error(), test.says) || !strings.HasPrefix(err.Error(), "wasm: "):
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// TestDamagedCache: what a crash or a full disk leaves must not stop the gateway.
func TestDamagedCache(t *testing.T) {
	dir := t.TempDir()
	compile := func() {
		t.Helper()
		guest := tinyGuest{version: core.ABIVersion}
		module, err := Compile(context.Background(), guest.bytes(), Config{CacheDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := module.Close(); err != nil {
			t.Fatal(err)
		}
	}
	compile()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the cache holds nothing: %v", err)
	}
	for _, damage := range []string{"", "WAZEVO", "nonsense, and more of it than a header takes"} {
		if err := os.WriteFile(files[0], []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		compile()
	}
}

func TestCompilable(t *testing.T) {
	for system, want := range map[string]bool{
		"linux/amd64": true, "linux/arm64": true, "darwin/arm64": true, "windows/amd64": true,
		"linux/riscv64": false, "linux/386": false, "solaris/arm64": false, "openbsd/amd64": false,
	} {
		goos, goarch, _ := strings.Cut(system, "/")
		if compilable(goos, goarch) != want {
			t.Errorf("%s: %v", system, !want)
		}
	}
}

// tinyGuest is a module of a hundred bytes with the exports of the interface,
// whose functions return constants.
type tinyGuest struct {
	version  int64
	buffer   int64
	step     int64
	stepType byte   // 0 for the right one
	imports  string // a module to import a function f from
	memory   string // in place of "memory"
	rename   string // in place of "gw_step"
}

func (g tinyGuest) bytes() []byte {
	name := func(text string) []byte { return append([]byte{byte(len(text))}, text...) }
	or := func(text, standard string) []byte {
		if text == "" {
			text = standard
		}
		return name(text)
	}
	vector := func(items ...[]byte) []byte {
		return append([]byte{byte(len(items))}, bytes.Join(items, nil)...)
	}
	const i32, i64 = 0x7f, 0x7e
	stepType, first := g.stepType, byte(0)
	if stepType == 0 {
		stepType = 4
	}
	module := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, content []byte) {
		module = binary.AppendUvarint(append(module, id), uint64(len(content)))
		module = append(module, content...)
	}
	section(1, vector([]byte{0x60, 0, 0}, []byte{0x60, 0, 1, i32}, []byte{0x60, 0, 1, i64},
		[]byte{0x60, 1, i32, 1, i32}, []byte{0x60, 1, i32, 1, i64}))
	if g.imports != "" {
		first = 1
		section(2, vector(append(append(name(g.imports), name("f")...), 0, 0)))
	}
	section(3, []byte{5, 0, 1, 2, 3, stepType})
	section(5, []byte{1, 0, 1})
	section(7, vector(
		append(or(g.memory, "memory"), 2, 0),
		append(name("_initialize"), 0, first),
		append(name("gw_abi_version"), 0, first+1),
		append(name("gw_info"), 0, first+2),
		append(name("gw_buffer"), 0, first+3),
		append(or(g.rename, "gw_step"), 0, first+4)))
	body := func(code ...byte) []byte {
		code = append(append([]byte{0}, code...), 0x0b)
		return append([]byte{byte(len(code))}, code...)
	}
	constant := func(kind byte, n int64) []byte { return body(append([]byte{kind}, signed(n)...)...) }
	stepKind := byte(0x42) // i64.const
	if stepType == 3 {
		stepKind = 0x41 // i32.const
	}
	section(10, vector(body(), constant(0x41, g.version), constant(0x42, 0), constant(0x41, g.buffer), constant(stepKind, g.step)))
	return module
}

// signed is n in WebAssembly's signed LEB128.
func signed(n int64) (out []byte) {
	for {
		low := byte(n & 0x7f)
		n >>= 7
		if n == 0 && low&0x40 == 0 || n == -1 && low&0x40 != 0 {
			return append(out, low)
		}
		out = append(out, low|0x80)
	}
}
