package core

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// benchmarkForms are replies as each wire form has them.
var benchmarkForms = []struct {
	form  string
	whole string // a reply that is not streamed
	start string // of a stream
	delta string
}{
	{
		form: "openai-chat",
		whole: `{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gpt-4o-mini-2024-07-18",` +
			`"choices":[{"index":0,"message":{"role":"assistant","content":"pong","refusal":null},"logprobs":null,"finish_reason":"stop"}],` +
			`"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}`,
		delta: `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini-2024-07-18",` +
			`"system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}` + "\n\n",
	},
	{
		form: "anthropic",
		whole: `{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5-20250929",` +
			`"content":[{"type":"text","text":"pong"}],"stop_reason":"end_turn","stop_sequence":null,` +
			`"usage":{"input_tokens":9,"output_tokens":1}}`,
		start: "event: message_start\ndata: " + `{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",` +
			`"model":"claude-sonnet-4-5-20250929","content":[],"stop_reason":null,"usage":{"input_tokens":9,"output_tokens":1}}}` + "\n\n" +
			"event: content_block_start\ndata: " + `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}` + "\n\n",
		delta: "event: content_block_delta\ndata: " + `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" word"}}` + "\n\n",
	},
}

// BenchmarkStep is what a call with a whole reply costs in all its steps
// together, what a step with one delta of a stream costs, and what a megabyte
// costs in the arguments and in the reply.
func BenchmarkStep(b *testing.B) {
	large := strings.Repeat(`a \"large\" text\n`, 1<<20/18)
	for _, form := range benchmarkForms {
		b.Run(form.form+"/whole", func(b *testing.B) {
			benchmarkCall(b, form.form, "x", form.whole)
		})
		b.Run(form.form+"/MB-in", func(b *testing.B) {
			benchmarkCall(b, form.form, large, form.whole)
		})
		b.Run(form.form+"/MB-out", func(b *testing.B) {
			benchmarkCall(b, form.form, "x", strings.Replace(form.whole, "pong", large, 1))
		})
		b.Run(form.form+"/delta", func(b *testing.B) {
			engine, chunk := benchmarked(b, form.form), []byte(form.delta)
			begin := func() {
				step(b, engine, &Call{ID: CallID(1), Tool: "chat_completion", Deltas: true, Arguments: []byte(`{"stream":true,` + question[1:])})
				step(b, engine, &Head{ID: CallID(1) | 1, Status: 200, Header: []provider.Field{{Name: "content-type", Value: "text/event-stream"}}})
				step(b, engine, &Chunk{ID: CallID(1) | 1, Body: []byte(form.start)})
			}
			begin()
			b.ReportAllocs()
			for n := 1; b.Loop(); n++ {
				if effects := step(b, engine, &Chunk{ID: CallID(1) | 1, Body: chunk}); len(effects) != 1 {
					b.Fatalf("a delta gave %d effects", len(effects))
				}
				if n%1000 == 0 { // as long as answers are
					step(b, engine, &Cancel{ID: CallID(1)})
					begin()
				}
			}
		})
	}
}

// benchmarkCall makes calls with one question and one reply.
func benchmarkCall(b *testing.B, form, text, reply string) {
	engine := benchmarked(b, form)
	arguments := fmt.Appendf(nil, `{"model":"m","messages":[{"role":"user","content":"%s"}]}`, text)
	body := []byte(reply)
	header := []provider.Field{{Name: "content-type", Value: "application/json"}}
	b.ReportAllocs()
	for n := uint32(1); b.Loop(); n = max(1, n+1) {
		id := CallID(n)
		step(b, engine, &Call{ID: id, Tool: "chat_completion", Arguments: arguments})
		step(b, engine, &Head{ID: id | 1, Status: 200, Header: header})
		const most = 64 << 10
		for rest := body; len(rest) > 0; rest = rest[min(most, len(rest)):] {
			step(b, engine, &Chunk{ID: id | 1, Body: rest[:min(most, len(rest))]})
		}
		effects := step(b, engine, &End{ID: id | 1})
		if result, ok := effects[len(effects)-1].(*Result); !ok || result.Kind != "" {
			b.Fatalf("the call ended with %+v", effects)
		}
	}
}

func benchmarked(b *testing.B, form string) *Engine {
	engine := New()
	step(b, engine, &Configure{Config: Config{
		Target: "native", DefaultModel: "m",
		Providers: []provider.Row{{Name: "p", Form: form, Endpoint: "http://x/v1"}},
	}})
	return engine
}

func step(b *testing.B, engine *Engine, event Event) []Effect {
	effects, err := engine.Step(event)
	if err != nil {
		b.Fatalf("%T: %v", event, err)
	}
	return effects
}
