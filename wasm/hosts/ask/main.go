// Command ask asks one question through the module, on wazero, and prints the
// answer as it comes, then the result: a host in Go, for programs that embed
// the gateway.
//
//	API_KEY=... go run ./wasm/hosts/ask https://api.openai.com/v1 MODEL "question"
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm/module"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal(`usage: ask ENDPOINT MODEL "question", with the provider's key in API_KEY`)
	}
	if err := ask(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func ask(endpoint, model, question string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	// 1. The module: seconds at first, then from a cache.
	binary, err := module.Reactor()
	if err != nil {
		return err
	}
	gateway, err := wasm.Compile(ctx, binary, wasm.Config{})
	if err != nil {
		return err
	}
	defer gateway.Close()

	// 2. Who steps it and performs its effects: machines are opened as they are
	// needed and replaced when they die; the key stays out of them.
	rows := []provider.Row{{Name: "provider", Form: "openai-chat", Endpoint: endpoint}}
	configure := &core.Configure{AtMS: time.Now().UnixMilli(), Config: core.Config{Target: "wasm", Providers: rows}}
	secrets := map[string]string{"API_KEY": os.Getenv("API_KEY")}
	if secrets["API_KEY"] != "" { // a server of your own may want none
		rows[0].Credential = provider.Credential{Name: "API_KEY", Header: "authorization", Prefix: "Bearer "}
	}
	host := transport.NewHost(transport.HostConfig{
		Open: func(ctx context.Context) (core.Machine, error) {
			machine, err := gateway.New(ctx)
			if err != nil {
				return nil, err
			}
			_, err = machine.Step(configure)
			return machine, err
		},
		Fetcher: transport.NewUpstream(transport.UpstreamConfig{Providers: rows, Secrets: secrets}),
		Secrets: secrets,
	})
	defer host.Close()

	// 3. A call.
	arguments, err := json.Marshal(map[string]any{
		"model": model, "stream": true, "messages": []map[string]string{{"role": "user", "content": question}},
	})
	if err != nil {
		return err
	}
	result := host.Call(ctx, "chat_completion", arguments, func(piece string) { fmt.Print(piece) })
	var body struct{ Content []struct{ Text string } }
	if err := json.Unmarshal(result.Body, &body); err != nil {
		return err
	}
	if result.Kind != "" {
		return errors.New(body.Content[0].Text)
	}
	fmt.Printf("\n%s\n", body.Content[0].Text)
	return nil
}
