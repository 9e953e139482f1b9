package core_test

import (
	"bytes"
	stdjson "encoding/json"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/coretest"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// FuzzHistory holds the laws over any history of events: one result for each
// call, nothing after it, JSON that is JSON; and the same effects from an
// engine that is reached through frames.
func FuzzHistory(f *testing.F) {
	coretest.AddHistories(f)
	f.Fuzz(func(t *testing.T, data []byte) { holdHistory(t, data, map[string]int{}) })
}

// TestHistories holds them over drawn histories, which have effects of every
// kind that a call may have, and of every wire form replies with all that it may
// bring.
func TestHistories(t *testing.T) {
	seen := map[string]int{}
	for seed := range int64(700) {
		data := make([]byte, 1200)
		rand.New(rand.NewSource(seed)).Read(data)
		holdHistory(t, data, seen)
	}
	wanted := []string{"Manifest", "Fetch", "Abort", "Timer", "Check", "Delta", "Result"}
	for form := range provider.Translators {
		for _, what := range []string{"answer", "partial answer", "error", "delta", "reasoning_content", "reasoning_details", "tool_calls", "annotations", "usage"} {
			wanted = append(wanted, form+" "+what)
		}
		if form != "anthropic" {
			wanted = append(wanted, form+" refusal", form+" images")
		}
	}
	for _, name := range append(wanted, "openai-chat audio", "gemini audio") {
		if seen[name] == 0 {
			t.Errorf("no history has a %s: %v", name, seen)
		}
	}
	t.Log(seen)
}

// holdHistory holds the laws over a history, and counts its effects by name and
// what came of replies by form.
func holdHistory(t *testing.T, data []byte, seen map[string]int) {
	plain, through := core.New(), framed{core.New()}
	calls := &callsInFlight{asked: map[core.ID]string{}, open: map[core.ID]string{}, said: map[core.ID]string{}, form: map[core.ID]string{}}
	coretest.NewHistory(data).Events(func(event core.Event) []core.Effect {
		if call, ok := event.(*core.Call); ok {
			calls.asked[call.ID] = "call of " + call.Tool
		}
		copied := duplicate(event)
		effects, err := plain.Step(event)
		if err != nil {
			t.Fatalf("%T gives %v", event, err)
		}
		same, err := through.Step(copied)
		if err != nil {
			t.Fatalf("%T in a frame gives %v", event, err)
		}
		if !reflect.DeepEqual(same, effects) {
			t.Fatalf("%T: %s\nthrough frames: %s", event, lines(t, effects), lines(t, same))
		}
		if chunk, ok := event.(*core.Chunk); ok {
			clear(chunk.Body) // the bytes were ours: a machine keeps none
		}
		switch event := event.(type) { // what the host ended
		case *core.End:
			delete(calls.open, event.ID)
		case *core.Fail:
			delete(calls.open, event.ID)
		case *core.Fire:
			delete(calls.open, event.ID)
		case *core.Checked:
			delete(calls.open, event.ID)
		}
		for _, effect := range effects {
			seen[reflect.TypeOf(effect).Elem().Name()]++
			switch effect := effect.(type) {
			case *core.Fetch:
				calls.form[effect.ID.Call()] = coretest.FormOf(effect.URL)
			case *core.Delta:
				seen[calls.form[effect.ID]+" delta"]++
			case *core.Result:
				countResult(t, effect, calls.form[effect.ID], seen)
			}
			calls.check(t, effect)
		}
		return effects
	})
	if len(calls.asked) > 0 {
		t.Fatalf("no result for %v", calls.asked)
	}
}

// callsInFlight are what has begun and not ended.
type callsInFlight struct {
	asked map[core.ID]string // by tool
	open  map[core.ID]string // fetches, timers and checks
	said  map[core.ID]string // text that left the gateway
	form  map[core.ID]string // of the latest fetch's reply
}

// countResult counts what a call's replies brought, by their form.
func countResult(t *testing.T, result *core.Result, form string, seen map[string]int) {
	var body struct {
		StructuredContent map[string]stdjson.RawMessage
		Meta              struct {
			Completion map[string]stdjson.RawMessage `json:"mcp-ai-gateway/completion"`
			Error      struct{ Status int }          `json:"mcp-ai-gateway/error"`
		} `json:"_meta"`
	}
	if err := stdjson.Unmarshal(result.Body, &body); err != nil {
		t.Fatal(err)
	}
	completion := body.StructuredContent
	if completion == nil {
		completion = body.Meta.Completion
	}
	var choices []struct{ Message map[string]stdjson.RawMessage }
	if completion["choices"] != nil { // a comparison has several such objects
		if err := stdjson.Unmarshal(completion["choices"], &choices); err != nil {
			t.Fatal(err)
		}
	}
	switch {
	case result.Kind == "" && len(choices) > 0:
		seen[form+" answer"]++
	case len(choices) > 0:
		seen[form+" partial answer"]++
	case body.Meta.Error.Status >= 400: // which the provider said
		seen[form+" error"]++
	}
	for _, choice := range choices {
		for name := range choice.Message {
			seen[form+" "+name]++
		}
	}
	if usage := completion["usage"]; len(usage) > 0 && string(usage) != "null" {
		seen[form+" usage"]++
	}
}

// shuffled reports whether two texts are the same but for their order: of
// blocks whose pieces are mixed each comes out whole.
func shuffled(a, b string) bool {
	x, y := []byte(a), []byte(b)
	slices.Sort(x)
	slices.Sort(y)
	return bytes.Equal(x, y)
}

// TestLegible: a text that is not UTF-8 gives the same effects as behind a
// frame, whichever field of an event holds it.
func TestLegible(t *testing.T) {
	const odd = "caf\xe9 \xff\xfe"
	config := core.Config{
		Target: odd, Description: odd, DefaultModel: odd, Output: core.OutputStructured,
		Providers: []provider.Row{{
			Name: odd, Form: "anthropic", Endpoint: "http://" + odd, Version: odd, Header: []provider.Field{{Name: odd, Value: odd}},
			Credential: provider.Credential{Name: odd, Header: odd, Prefix: odd},
		}},
	}
	strange := config
	strange.Providers = []provider.Row{{Name: odd, Form: odd}}
	question := []byte(`{"messages":[{"role":"user","content":"` + odd + `"}]}`)
	head := []provider.Field{{Name: "request-id", Value: odd}, {Name: odd, Value: odd}}
	plain, through := core.New(), framed{core.New()}
	for i, event := range []core.Event{
		&core.Configure{Config: config}, &core.Describe{}, &core.Call{ID: core.CallID(1), Tool: odd},
		&core.Call{ID: core.CallID(2), Tool: "chat_completion", Arguments: question},
		&core.Head{ID: core.CallID(2) | 1, Status: 200, Header: head},
		&core.Chunk{ID: core.CallID(2) | 1, Body: []byte(`{"content":[{"type":"text","text":"` + odd + `"}],"stop_reason":"` + odd + `"}`)},
		&core.End{ID: core.CallID(2) | 1},
		&core.Call{ID: core.CallID(3), Tool: "chat_completion", Arguments: question},
		&core.Fail{ID: core.CallID(3) | 1, Kind: odd, Reason: odd, Next: odd},
		&core.Call{ID: core.CallID(5), Tool: "chat_completion", Arguments: append([]byte(`{"temperature":1,`), question[1:]...), Lessons: []provider.Lesson{{
			Endpoint: "http://" + odd, Form: "anthropic", Model: odd, Refusal: provider.Refusal{Parameter: "temperature"},
		}, {Effort: odd, Refusal: provider.Refusal{Parameter: odd, Instead: odd, Beside: odd}}}},
		&core.Cancel{ID: core.CallID(5)},
		&core.Configure{Config: strange},
		&core.Call{ID: core.CallID(4), Tool: "chat_completion", Arguments: question},
	} {
		want, err := plain.Step(event)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := through.Step(event); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("event %d, %T: %s\nthrough frames: %s, %v", i, event, lines(t, want), lines(t, got), err)
		}
	}
}

// duplicate is an event with a body of its own.
func duplicate(event core.Event) core.Event {
	switch event := event.(type) {
	case *core.Chunk:
		copied := *event
		copied.Body = bytes.Clone(event.Body)
		return &copied
	}
	return event
}

// check holds the laws over one effect, and notes it.
func (c *callsInFlight) check(t *testing.T, effect core.Effect) {
	asked, open, said := c.asked, c.open, c.said
	// A reply that brought an answer may go on while that is checked or asked
	// for again.
	answered := func(call core.ID) {
		for id, what := range open {
			if id.Call() == call && what == "fetch" {
				open[id] = "read fetch"
			}
		}
	}
	begin := func(id core.ID, what string) {
		if asked[id.Call()] == "" || id == id.Call() || open[id] != "" {
			t.Fatalf("a %s %v, asked %v, open %v", what, id, asked, open)
		}
		if said[id.Call()] != "" {
			t.Fatalf("a %s %v after the text %q: the client would see two beginnings", what, id, said[id.Call()])
		}
		answered(id.Call())
		open[id] = what
	}
	isJSON := func(what string, body []byte) {
		var compact bytes.Buffer
		if !utf8.Valid(body) || stdjson.Compact(&compact, body) != nil || !bytes.Equal(compact.Bytes(), body) {
			t.Fatalf("%s is no compact JSON in UTF-8: %q", what, body)
		}
	}
	switch effect := effect.(type) {
	case *core.Fetch:
		begin(effect.ID, "fetch")
		if effect.Method != "GET" { // a list has no body
			isJSON("a request", effect.Body)
		}
	case *core.Timer:
		begin(effect.ID, "timer")
		if effect.AfterMS < 0 || effect.AfterMS > 600_000 {
			t.Fatalf("a timer of %d ms", effect.AfterMS)
		}
	case *core.Check: // which may come after the text
		if asked[effect.ID.Call()] == "" || open[effect.ID] != "" {
			t.Fatalf("a check %v, asked %v, open %v", effect.ID, asked, open)
		}
		answered(effect.ID.Call())
		open[effect.ID] = "check"
		isJSON("a schema", effect.Schema)
		if !stdjson.Valid([]byte(effect.Text)) {
			t.Fatalf("a check of %q, which is no JSON", effect.Text)
		}
	case *core.Abort:
		if open[effect.ID] == "" {
			t.Fatalf("%v is aborted, open are %v", effect.ID, open)
		}
		delete(open, effect.ID)
	case *core.Delta:
		if asked[effect.ID] == "" || effect.Text == "" || !utf8.ValidString(effect.Text) {
			t.Fatalf("a delta %q of %v, asked %v", effect.Text, effect.ID, asked)
		}
		if asked[effect.ID] != "call of compare_models" { // which tells who is done, and no answer's text
			said[effect.ID] += effect.Text
		}
	case *core.Result:
		if asked[effect.ID] == "" {
			t.Fatalf("a result for %v, asked %v", effect.ID, asked)
		}
		for id, what := range open { // the reply that brought the answer may go on
			// So may that of a comparison's answer when another model is asked still.
			compares := asked[effect.ID] == "call of compare_models"
			if id.Call() == effect.ID && what != "read fetch" && (effect.Kind != "" && !compares || what != "fetch") {
				t.Fatalf("a result of kind %q, and %s %v was not aborted", effect.Kind, what, id)
			}
			if id.Call() == effect.ID {
				delete(open, id)
			}
		}
		delete(asked, effect.ID)
		isJSON("a result", effect.Body)
		var result struct{ Content []struct{ Text string } }
		if err := stdjson.Unmarshal(effect.Body, &result); err != nil || len(result.Content) == 0 {
			t.Fatalf("a result without content: %s, %v", effect.Body, err)
		}
		for _, block := range result.Content {
			if text := said[effect.ID]; text == "" || strings.Contains(block.Text, text) || stdjson.Valid([]byte(block.Text)) || shuffled(block.Text, text) {
				return // raw results hold the text in another form
			}
		}
		if c.form[effect.ID] == "openai-responses" {
			return // a whole item counts, and may be another than its pieces were
		}
		t.Fatalf("%q went out, and the result is %s", said[effect.ID], effect.Body)
	case *core.Log:
		t.Fatalf("the operator hears %q", effect.Text)
	}
}

func lines(t *testing.T, effects []core.Effect) string {
	var text []byte
	for _, effect := range effects {
		var err error
		if text, err = core.AppendEffectLine(text, effect); err != nil {
			t.Fatal(err)
		}
	}
	return string(text)
}
