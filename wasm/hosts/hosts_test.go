package hosts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm/hosttest"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm/module"
)

// javaScript are the runtimes of the hosts in JavaScript.
var javaScript = []struct {
	name, install string
	command       []string
}{
	{"node", "apt-get install nodejs", []string{"node"}},
	{"deno", "npm install deno", []string{"deno", "run", "--quiet", "--allow-read", "--allow-net", "--allow-env"}},
	{"bun", "npm install bun", []string{"bun", "run"}},
}

// run runs a test for each of these runtimes that is there.
func run(t *testing.T, test func(t *testing.T, name string, host func(arguments ...string) *exec.Cmd)) {
	for _, runtime := range javaScript {
		t.Run(runtime.name, func(t *testing.T) {
			if _, err := exec.LookPath(runtime.command[0]); err != nil {
				t.Skipf("%s is missing: scripts/hosts installs it, or %s", runtime.name, runtime.install)
			}
			t.Parallel()
			test(t, runtime.name, func(arguments ...string) *exec.Cmd {
				return exec.Command(runtime.command[0], append(runtime.command[1:len(runtime.command):len(runtime.command)], arguments...)...)
			})
		})
	}
}

// reactor is the tracked module as a file.
func reactor(t *testing.T) string {
	t.Helper()
	binary, err := module.Reactor()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gateway.wasm")
	if err := os.WriteFile(path, binary, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestJavaScript holds mcp.mjs to what every host must do.
func TestJavaScript(t *testing.T) {
	run(t, func(t *testing.T, name string, host func(arguments ...string) *exec.Cmd) {
		hosttest.Run(t, func(t *testing.T, endpoint, key string) hosttest.Host {
			command := host("mcp.mjs", reactor(t), endpoint)
			command.Env = append(os.Environ(), "API_KEY="+key)
			return hosttest.Command(t, name, version(t, name, "--version"), command)
		})
	})
}

// TestGo holds the program to the same, in both of its forms.
func TestGo(t *testing.T) {
	program := filepath.Join(t.TempDir(), "mcp-ai-gateway.exe")
	build := exec.Command("go", "build", "-o", program, "../../cmd/mcp-ai-gateway")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, form := range []struct {
		name, sandbox string
		version       []string
	}{
		{"Go, native", "off", []string{"go", "version"}},
		{"Go, wazero", "required", []string{"go", "list", "-m", "github.com/tetratelabs/wazero"}},
	} {
		t.Run(form.sandbox, func(t *testing.T) {
			hosttest.Run(t, func(t *testing.T, endpoint, key string) hosttest.Host {
				command := exec.Command(program)
				command.Env = append(os.Environ(), "API_ENDPOINT="+endpoint, "API_KEY="+key, "SANDBOX="+form.sandbox)
				return hosttest.Command(t, form.name, version(t, form.version...), command)
			})
		})
	}
}

// deaths is a program that lets the module die in several ways.
const deaths = `
import { readFile } from "node:fs/promises";
import process from "node:process";
import { open } from %q;
const binary = await readFile(process.argv[2]);
const config = { target: "wasm", providers: [{ name: "p", form: "openai-chat", endpoint: "http://127.0.0.1:9/v1" }] };
for (const death of [(gateway) => gateway.step(255, 1n), (gateway) => gateway.step(255, 3n), (gateway) => gateway.step(1)]) {
  const gateway = await open(binary, config);
  const call = () => gateway.call("chat_completion", { model: "m", messages: [{ role: "user", content: "Hello" }] })
    .then(() => "answered", (error) => error.message);
  const during = call();
  death(gateway);
  console.log(await during, "/", await call(), "/", Boolean(gateway.dead));
}
process.exit();
`

// TestDeaths: calls of a module that died are told so, as are those that come
// too late.
func TestDeaths(t *testing.T) {
	run(t, func(t *testing.T, name string, host func(arguments ...string) *exec.Cmd) {
		here, err := filepath.Abs("reactor.mjs")
		if err != nil {
			t.Fatal(err)
		}
		program := filepath.Join(t.TempDir(), "deaths.mjs")
		if err := os.WriteFile(program, fmt.Appendf(nil, deaths, "file://"+filepath.ToSlash(here)), 0o600); err != nil {
			t.Fatal(err)
		}
		want := strings.Repeat("the sandbox failed: try again / the sandbox failed: try again / true\n", 3)
		if out, err := host(program, reactor(t)).CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// version is the first number that a command says.
func version(t *testing.T, command ...string) string {
	t.Helper()
	out, err := exec.Command(command[0], command[1:]...).Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return regexp.MustCompile(`\d+\.[\d.]+`).FindString(string(out))
}
