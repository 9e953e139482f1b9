package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm/module"
)

// epoch is the time of all events of a replay, Unix milliseconds.
const epoch = 1_700_000_000_000

// row is the provider of one form, as a replay configures it.
func row(form form) provider.Row {
	return provider.Row{Name: "recorded", Form: string(form), Endpoint: "https://recorded.example/v1"}
}

// compile compiles the module that the repository tracks. The cache is the
// program's own: with the race detector the compiler takes half a minute.
func compile(t *testing.T) *wasm.Module {
	t.Helper()
	bytes, err := module.Reactor()
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := wasm.Compile(context.Background(), bytes, wasm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { compiled.Close() })
	return compiled
}

// way is a machine and how a reply's body is cut for it.
type way struct {
	name    string
	machine core.Machine
	piece   func(body []byte) int
	passed  func(s *score)
}

// waysOf gives the four ways of a replay. The machines are used for all
// recordings, one after the other, so what one leaves behind meets the next.
func waysOf(t *testing.T, compiled *wasm.Module) []way {
	t.Helper()
	guest, err := compiled.New(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { guest.Close() })
	engine := core.New()
	native, sandbox := func(s *score) { s.native++ }, func(s *score) { s.wasm++ }
	return []way{
		{"native, whole", engine, whole, native},
		{"native, in pieces", engine, pieces, native},
		{"wasm, whole", guest, whole, sandbox},
		{"wasm, in pieces", guest, pieces, sandbox},
	}
}

func whole(body []byte) int { return max(1, len(body)) }

// pieces cuts byte by byte. A body of more than 64 kB is cut at 7 bytes, which
// is no divisor of anything in it: a step in the sandbox costs a while.
func pieces(body []byte) int {
	if len(body) > 64<<10 {
		return 7
	}
	return 1
}

// play gives a recorded reply to a call of the tool and returns every effect
// behind the request. The call has no time to try again.
func (w way) play(r *recording, id core.ID) ([]core.Effect, error) {
	arguments := `{"model":"any","messages":[{"role":"user","content":"Hello"}]}`
	if r.streamed {
		arguments = `{"model":"any","messages":[{"role":"user","content":"Hello"}],"stream":true}`
	}
	events := []core.Event{
		&core.Configure{AtMS: epoch, Config: core.Config{
			Target: "any", Output: core.OutputStructured, Providers: []provider.Row{row(r.form)},
		}},
		&core.Call{ID: id, AtMS: epoch, Tool: "chat_completion", Deltas: true, TimeoutMS: 1, Arguments: []byte(arguments)},
		&core.Head{ID: id | 1, AtMS: epoch, Status: r.status, Header: r.header},
	}
	for piece := range slices.Chunk(r.body, w.piece(r.body)) {
		events = append(events, &core.Chunk{ID: id | 1, AtMS: epoch, Body: bytes.Clone(piece)})
	}
	events = append(events, &core.End{ID: id | 1, AtMS: epoch})
	var effects []core.Effect
	for _, event := range events {
		more, err := w.machine.Step(event)
		if err != nil {
			return nil, fmt.Errorf("%T: %w", event, err)
		}
		effects = append(effects, more...)
	}
	if len(effects) == 0 {
		return nil, fmt.Errorf("no effects")
	}
	if _, ok := effects[0].(*core.Fetch); !ok {
		shown, _ := json.Marshal(effects[0])
		return nil, fmt.Errorf("a %T in place of the request: %s", effects[0], shown)
	}
	return effects[1:], nil
}

// same names the first effect in which two replays differ, or nothing.
func same(a, b []core.Effect) string {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) {
			return fmt.Sprintf("%d effects, and %d", len(a), len(b))
		}
		if !reflect.DeepEqual(a[i], b[i]) {
			return fmt.Sprintf("effect %d: %s, and %s", i, shown(a[i]), shown(b[i]))
		}
	}
	return ""
}

func shown(effect core.Effect) string {
	switch effect := effect.(type) {
	case *core.Result:
		return fmt.Sprintf("result %q %s", effect.Kind, effect.Body)
	case *core.Delta:
		return fmt.Sprintf("delta %q", effect.Text)
	}
	return fmt.Sprintf("%T %+v", effect, effect)
}

// exceptions are the recordings that no reader can get right, and what is
// wrong with them. One that passes fails the test.
var exceptions = map[string]string{}

// score counts, for one group.
type score struct{ recordings, native, wasm, sdk, limited int }

// TestReplies replays every recorded reply in four ways, which have to give the
// same effects, and holds the answer against two others.
func TestReplies(t *testing.T) {
	compiled := compile(t)
	seen := make([]sighting, len(limits))
	onFolders(t, func(t *testing.T, _, folder string) {
		ways, scores, left := waysOf(t, compiled), map[string]*score{}, map[string]int{}
		for i, r := range loadAll(t, folder) {
			if r.form == "" {
				left[r.group]++
				continue
			}
			s := scores[r.group]
			if s == nil {
				s = &score{}
				scores[r.group] = s
			}
			t.Run(r.title(), func(t *testing.T) { s.count(t, r, core.CallID(uint32(i+1)), ways, seen) })
		}
		t.Log(table(scores, left))
	})
	for i, l := range limits {
		if seen[i].met && !seen[i].needed {
			t.Errorf("a limit that the SDK no longer has: %s: %s", l.form, l.why)
		}
	}
}

// count replays one recording and counts it where it passes.
func (s *score) count(t *testing.T, r *recording, id core.ID, ways []way, seen []sighting) {
	s.recordings++
	var complaints []string
	complain := func(format string, words ...any) { complaints = append(complaints, fmt.Sprintf(format, words...)) }

	want, asked, limited := reading(r), askSDK(r), false
	for i, l := range limits {
		seen[i].met = seen[i].met || l.form == r.form && l.met(r, want)
	}
	var first []core.Effect
	for _, w := range ways {
		before := len(complaints)
		effects, err := w.play(r, id)
		if err != nil {
			complain("%s: %v", w.name, err)
			continue
		}
		if first == nil {
			first = effects
		}
		if parted := same(first, effects); parted != "" {
			t.Errorf("%s: not the effects of %s: %s", w.name, ways[0].name, parted) // no exception covers that
			continue
		}
		got, err := answerOf(effects)
		if err != nil {
			complain("%s: %v", w.name, err)
			continue
		}
		got = got.named(want)
		if want.failed && want.partial != got.partial {
			complain("%s: a failure that keeps what had come: want %v, got %v", w.name, want.partial, got.partial)
		}
		for _, d := range differences(want.sorted(), got.sorted()) {
			complain("%s, against the recorded JSON: %s: %s", w.name, d.field, d.values)
		}
		if r.form == geminiForm { // the SDK has no order of arguments
			got = got.sorted()
		}
		for _, d := range differences(asked, got) {
			if slices.Contains(unknownToSDKs[r.form], d.field) {
				continue
			}
			if i, ok := excuses(r, want, d.field); ok {
				seen[i].needed, limited = true, true
				continue
			}
			complain("%s, against the SDK: %s: %s", w.name, d.field, d.values)
		}
		if len(complaints) == before {
			w.passed(s)
		}
	}
	if limited {
		s.limited++
	} else {
		s.sdk++
	}
	why, excepted := exceptions[r.title()]
	if excepted && len(complaints) == 0 {
		t.Errorf("an exception that passes: %s", why)
	}
	if !excepted {
		for _, complaint := range complaints {
			t.Error(complaint)
		}
	}
}

// table shows the scores, and which recordings are left out and why. Both ways
// of a target count as one.
func table(scores map[string]*score, left map[string]int) string {
	var out strings.Builder
	line := func(name string, s *score) {
		of := func(n int) string { return fmt.Sprintf("%d of %d", n, s.recordings) }
		fmt.Fprintf(&out, "%-44s %10s %10s %10s %8d\n", name, of(s.native/2), of(s.wasm/2), of(s.sdk), s.limited)
	}
	fmt.Fprintf(&out, "\n%-44s %10s %10s %10s %8s\n", "group", "native", "wasm", "= SDK", "limits")
	sum := &score{}
	for _, group := range slices.Sorted(maps.Keys(scores)) {
		s := scores[group]
		line(group, s)
		sum.recordings, sum.native, sum.wasm = sum.recordings+s.recordings, sum.native+s.native, sum.wasm+s.wasm
		sum.sdk, sum.limited = sum.sdk+s.sdk, sum.limited+s.limited
	}
	line("all", sum)
	for _, group := range slices.Sorted(maps.Keys(left)) {
		fmt.Fprintf(&out, "%-44s %d left: %s\n", group, left[group], unspoken[group])
	}
	return out.String()
}
