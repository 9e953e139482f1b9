package wasmtime

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/coretest"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm/hosttest"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm/module"
)

var compiled = sync.OnceValues(func() (*Module, error) {
	binary, err := module.Reactor()
	if err != nil {
		return nil, err
	}
	return Compile(binary)
})

func open(t *testing.T) *Machine {
	t.Helper()
	module, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	machine, err := module.New()
	if err != nil {
		t.Fatal(err)
	}
	return machine
}

// TestTranscripts holds the guest to the same goldens as the native engine.
func TestTranscripts(t *testing.T) {
	coretest.Run(t, "../../../core/testdata/transcripts", func(t *testing.T) core.Machine { return open(t) })
}

func TestHost(t *testing.T) {
	hosttest.Run(t, func(t *testing.T, endpoint, key string) hosttest.Host {
		rows := []provider.Row{{
			Name: "provider", Form: "openai-chat", Endpoint: endpoint,
			Credential: provider.Credential{Name: "API_KEY", Header: "authorization", Prefix: "Bearer "},
		}}
		secrets := map[string]string{"API_KEY": key}
		host := transport.NewHost(transport.HostConfig{
			Open: func(context.Context) (core.Machine, error) {
				machine := open(t)
				_, err := machine.Step(&core.Configure{AtMS: time.Now().UnixMilli(), Config: core.Config{Target: "wasm", Providers: rows}})
				return machine, err
			},
			Fetcher: transport.NewUpstream(transport.UpstreamConfig{Providers: rows, Secrets: secrets}),
			Secrets: secrets,
		})
		t.Cleanup(host.Close)
		return hosttest.Host{
			Name: "wasmtime", Version: version(t),
			Call: func(ctx context.Context, arguments []byte, text func(string)) ([]byte, error) {
				return host.Call(ctx, "chat_completion", arguments, text).Body, nil
			},
		}
	})
}

// TestLimit: a guest that needs too much memory dies, and says so each time.
func TestLimit(t *testing.T) {
	machine := open(t)
	if _, err := machine.Step(&core.Configure{}); err != nil {
		t.Fatal(err)
	}
	call := &core.Call{ID: core.CallID(1), Tool: "chat_completion", Arguments: make([]byte, memoryLimit)}
	for range 2 {
		if _, err := machine.Step(call); err == nil {
			t.Fatal("more than the limit fits in")
		}
	}
}

func version(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "github.com/bytecodealliance/wasmtime-go/v39").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(string(out), "v\n")
}
