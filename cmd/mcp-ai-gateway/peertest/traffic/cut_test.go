package traffic

import (
	"bytes"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

// cuts is at how many places a stream is cut, at most.
const cuts = 40

// TestCuts ends every recorded stream too early, behind one event and another,
// and holds what had come of the answer against a reading of the same bytes.
func TestCuts(t *testing.T) {
	onFolders(t, func(t *testing.T, _, folder string) {
		engine := core.New()
		defer engine.Close()
		w := way{machine: engine, piece: whole}
		replies := 0
		for i, r := range load(t, folder) {
			if !r.isStream() {
				continue
			}
			t.Run(r.title(), func(t *testing.T) {
				for _, end := range ends(r.body) {
					short := *r
					short.body = r.body[:end]
					w.holdCut(t, &short, core.CallID(uint32(i+1)))
					replies++
				}
			})
		}
		if t.Log(replies, "replies"); replies == 0 {
			t.Error("no stream was cut")
		}
	})
}

// ends are places in a stream behind an event, evenly chosen.
func ends(body []byte) (places []int) {
	step := max(1, len(body)/cuts)
	for at := step; at < len(body); at = max(at, places[len(places)-1]) + step {
		next := len(body)
		for _, blank := range []string{"\n\n", "\n\r\n"} {
			if i := bytes.Index(body[at:], []byte(blank)); i >= 0 {
				next = min(next, at+i+len(blank))
			}
		}
		places = append(places, next)
	}
	return places
}

// holdCut replays a cut stream. Its failure tells the text of the first choice
// only, and arguments that came in pieces with their paths are left open, which
// no reading of JSON as such can say.
func (w way) holdCut(t *testing.T, r *recording, id core.ID) {
	t.Helper()
	effects, err := w.play(r, id)
	if err != nil {
		t.Fatal(err)
	}
	got, err := answerOf(effects)
	if err != nil {
		t.Errorf("cut behind %d bytes: %v", len(r.body), err)
		return
	}
	want := reading(r)
	got = got.named(want)
	if want.failed && want.partial != got.partial {
		t.Errorf("cut behind %d bytes: a failure that keeps what had come: want %v, got %v", len(r.body), want.partial, got.partial)
	}
	if want.failed {
		for i := range want.choices {
			if i > 0 {
				want.choices[i].text = ""
			}
		}
	}
	for _, d := range differences(want.sorted(), got.sorted()) {
		if d.field == "calls" && bytes.Contains(r.body, []byte(`"willContinue"`)) {
			continue
		}
		t.Errorf("cut behind %d bytes, against the recorded JSON: %s: %s", len(r.body), d.field, d.values)
	}
}
