package wasm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm/module"
)

// A program that embeds the gateway: the sandbox decides what to ask whom and
// understands the reply, the program's own fetch does the talking.
func Example() {
	bytes, err := module.Reactor()
	check(err)
	gateway, err := wasm.Compile(context.Background(), bytes, wasm.Config{})
	check(err)
	defer gateway.Close()
	machine, err := gateway.New(context.Background())
	check(err)

	_, err = machine.Step(&core.Configure{Config: core.Config{
		Providers: []provider.Row{{Name: "openai", Form: "openai-chat", Endpoint: "https://api.openai.com/v1"}},
	}})
	check(err)
	todo, err := machine.Step(&core.Call{
		ID: core.CallID(1), Tool: "chat_completion",
		Arguments: []byte(`{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Which planet is red?"}]}`),
	})
	check(err)
	for len(todo) > 0 {
		effect := todo[0]
		todo = todo[1:]
		switch effect := effect.(type) {
		case *core.Fetch:
			for _, event := range fetch(effect) {
				more, err := machine.Step(event)
				check(err)
				todo = append(todo, more...)
			}
		case *core.Result:
			var result struct{ Content []struct{ Text string } }
			check(json.Unmarshal(effect.Body, &result))
			fmt.Println(result.Content[0].Text)
		}
	}
	// Output:
	// POST https://api.openai.com/v1/chat/completions
	// Mars.
}

// fetch stands for an HTTP client: it would send fetch.Body with fetch.Header
// and the key that fetch.Credential names.
func fetch(fetch *core.Fetch) []core.Event {
	fmt.Println(fetch.Method, fetch.URL)
	reply := `{"choices": [{"message": {"content": "Mars."}, "finish_reason": "stop"}]}`
	return []core.Event{
		&core.Head{ID: fetch.ID, Status: 200, Header: []provider.Field{{Name: "content-type", Value: "application/json"}}},
		&core.Chunk{ID: fetch.ID, Body: []byte(reply)},
		&core.End{ID: fetch.ID},
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
