package core

import (
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// configured returns an engine that takes calls.
func configured(t *testing.T) *Engine {
	t.Helper()
	engine := New()
	if _, err := engine.Step(&Configure{Config: Config{Providers: []provider.Row{{Name: "p", Form: "openai-chat", Endpoint: "http://x"}}}}); err != nil {
		t.Fatal(err)
	}
	return engine
}

const question = `{"model":"m","messages":[{"role":"user","content":"x"}]}`

// TestPanic: a fault of ours in one call is that call's alone.
func TestPanic(t *testing.T) {
	engine := configured(t)
	if _, err := engine.Step(&Call{ID: CallID(1), Tool: "chat_completion", Arguments: []byte(question)}); err != nil {
		t.Fatal(err)
	}
	faulty := &call{engine: engine, id: CallID(2), config: engine.config}
	engine.start(faulty, func() {
		if _, err := faulty.fetch(&Fetch{}); err != nil {
			t.Errorf("the fetch failed: %v", err)
		}
		var none []int
		none[3]++
	})
	effects, err := engine.Step(&Head{ID: CallID(2) | 1, Status: 200})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, effect := range effects {
		switch effect := effect.(type) {
		case *Log:
			text.WriteString("log " + effect.Text + "\n")
		case *Abort:
			text.WriteString("abort " + effect.ID.String() + "\n")
		case *Result:
			text.WriteString("result " + effect.ID.String() + " " + string(effect.Kind) + "\n")
		}
	}
	want := "log a call failed inside the gateway: runtime error: index out of range [3] with length 0\nabort 2.1\nresult 2 internal\n"
	if got := text.String(); got != want {
		t.Errorf("got\n%s", got)
	}
	effects, err = engine.Step(&Fail{ID: CallID(1) | 1, Kind: provider.Network})
	if err != nil || len(effects) != 1 {
		t.Errorf("the other call went on with %d effects, %v", len(effects), err)
	}
	if len(engine.calls) != 0 {
		t.Errorf("%d calls are left", len(engine.calls))
	}
}

// TestContract: a host that sends nonsense is told so.
func TestContract(t *testing.T) {
	begin := func(number uint32) Event {
		return &Call{ID: CallID(number), Tool: "chat_completion", Arguments: []byte(question)}
	}
	fetch := CallID(1) | 1
	asked := *configured(t).config
	tests := map[string][]Event{
		"a call before Configure":     {begin(1)},
		"Describe before Configure":   {&Describe{}},
		"a number in flight":          {&Configure{Config: asked}, begin(1), begin(1)},
		"number 0":                    {&Configure{}, begin(0)},
		"a fetch's id for a call":     {&Configure{}, &Call{ID: fetch}},
		"a chunk before its head":     {&Configure{Config: asked}, begin(1), &Chunk{ID: fetch}},
		"an end before its head":      {&Configure{Config: asked}, begin(1), &End{ID: fetch}},
		"two heads":                   {&Configure{Config: asked}, begin(1), &Head{ID: fetch, Status: 200}, &Head{ID: fetch, Status: 200}},
		"a fetch that fires":          {&Configure{Config: asked}, begin(1), &Fire{ID: fetch}},
		"a timer that has a head":     {&Configure{Config: asked}, begin(1), &Fail{ID: fetch, Retry: true}, &Head{ID: fetch + 1}},
		"a timer that fails":          {&Configure{Config: asked}, begin(1), &Fail{ID: fetch, Retry: true}, &Fail{ID: fetch + 1}},
		"a second head after a chunk": {&Configure{Config: asked}, begin(1), &Head{ID: fetch, Status: 200}, &Chunk{ID: fetch}, &Head{ID: fetch}},
	}
	for name, events := range tests {
		engine := New()
		for i, event := range events {
			_, err := engine.Step(event)
			if last := i == len(events)-1; last && err != ErrContract || !last && err != nil {
				t.Errorf("%s: event %d gave %v", name, i, err)
			}
		}
	}
}
