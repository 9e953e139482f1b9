package gate_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/gate"
)

var update = flag.Bool("update", false, "rewrite the outputs of the transcripts")

// epoch is the host's time at 0 s of a transcript, in Unix milliseconds.
const epoch = 1_700_000_000_000

// TestTranscripts replays testdata/*.txtar. A transcript has a comment that
// says why it exists, a section limits (may be missing) with lines such as
//
//	openai concurrency=2 per_minute=60
//
// and a section history. Its lines without indent are inputs, each after the
// time in seconds; what is indented came out, and is golden:
//
//	0 ask 7.2 openai [deadline=SECONDS]   call 7 asks for its fetch 2
//	0 leave 7.2
//	0 head 7.2
//	0 done 7.2 [KIND] [after=SECONDS]
//	0 tick
//	0 status openai
//
// 7.2-9 stands for the fetches 2 to 9.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts in testdata")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			golden := txtar.Parse(data)
			if len(bytes.TrimSpace(golden.Comment)) == 0 {
				t.Fatal("the transcript does not say why it exists")
			}
			got := replay(t, golden)
			if again := replay(t, golden); again != got {
				t.Fatalf("a second replay gives\n%s\nafter\n%s", again, got)
			}
			history := &golden.Files[len(golden.Files)-1]
			if *update {
				history.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(golden), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got != string(history.Data) {
				t.Fatalf("got\n%s\nwant\n%s", got, history.Data)
			}
		})
	}
}

// replay feeds the inputs of a transcript to a gate and returns its history.
func replay(t *testing.T, golden *txtar.Archive) string {
	t.Helper()
	limits := map[string]gate.Limits{}
	var g *gate.Gate
	var out strings.Builder
	for _, section := range golden.Files {
		switch {
		case section.Name == "limits" && g == nil:
			for line := range strings.Lines(string(section.Data)) {
				name, bounds := limitsOf(t, line)
				limits[name] = bounds
			}
		case section.Name == "history" && g == nil:
			g = gate.New(limits)
			for line := range strings.Lines(string(section.Data)) {
				if !strings.HasPrefix(line, "\t") {
					out.WriteString(line)
					input(t, g, strings.Fields(line), &out)
				}
			}
		default:
			t.Fatalf("section %q: no such section here", section.Name)
		}
	}
	if g == nil {
		t.Fatal("the transcript has no history")
	}
	return out.String()
}

func limitsOf(t *testing.T, line string) (string, gate.Limits) {
	t.Helper()
	words, bounds := strings.Fields(line), gate.Limits{}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		n, err := strconv.Atoi(value)
		switch {
		case err != nil:
			t.Fatalf("%q: %v", line, err)
		case name == "concurrency":
			bounds.Concurrency = n
		case name == "per_minute":
			bounds.PerMinute = n
		default:
			t.Fatalf("%q: unknown word %q", line, word)
		}
	}
	return words[0], bounds
}

// millis reads seconds.
func millis(t *testing.T, text string) int64 {
	t.Helper()
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("%q is no time in seconds", text)
	}
	return int64(seconds*1000 + 0.5)
}

// input performs one line of a history.
func input(t *testing.T, g *gate.Gate, words []string, out *strings.Builder) {
	t.Helper()
	if len(words) < 2 || len(words) < 3 && words[1] != "tick" || len(words) < 4 && words[1] == "ask" {
		t.Fatalf("%q: too short for an input", words)
	}
	at := epoch + millis(t, words[0])
	switch words[1] {
	case "tick":
		show(t, g.Step(&gate.Tick{AtMS: at}), out)
		return
	case "status":
		s := g.Status(words[2], at)
		fmt.Fprintf(out, "\t%d in flight, %d queued, %s", s.InFlight, s.Queued, s.Circuit)
		if s.OpenUntilMS != 0 {
			fmt.Fprintf(out, " until %s", second(s.OpenUntilMS-epoch))
		}
		if s.PausedUntilMS != 0 {
			fmt.Fprintf(out, ", paused until %s", second(s.PausedUntilMS-epoch))
		}
		fmt.Fprintf(out, ", failures %d, last %q\n", s.Failures, s.Last)
		return
	}
	var deadline, after int64
	var kind provider.Kind
	for _, word := range words[3:] {
		name, value, valued := strings.Cut(word, "=")
		switch {
		case name == "deadline":
			deadline = epoch + millis(t, value)
		case name == "after":
			after = millis(t, value)
		case !valued:
			kind = provider.Kind(word) // of ask: its provider
		default:
			t.Fatalf("%q: unknown word %q", words, word)
		}
	}
	call, first, last := numbers(t, words[2])
	for n := first; n <= last; n++ {
		var event gate.Event
		switch id := call<<32 | n; words[1] {
		case "ask":
			event = &gate.Ask{Fetch: id, Call: call, Provider: string(kind), AtMS: at, DeadlineMS: deadline}
		case "leave":
			event = &gate.Leave{Fetch: id}
		case "head":
			event = &gate.Head{Fetch: id, AtMS: at}
		case "done":
			event = &gate.Done{Fetch: id, AtMS: at, Kind: kind, RetryAfterMS: after}
		default:
			t.Fatalf("%q: no such input", words)
		}
		show(t, g.Step(event), out)
	}
}

// numbers reads 7.2 or 7.2-9.
func numbers(t *testing.T, text string) (call, first, last uint64) {
	t.Helper()
	high, low, _ := strings.Cut(text, ".")
	from, to, ranged := strings.Cut(low, "-")
	if !ranged {
		to = from
	}
	for _, part := range []struct {
		text string
		n    *uint64
	}{{high, &call}, {from, &first}, {to, &last}} {
		n, err := strconv.ParseUint(part.text, 10, 32)
		if err != nil {
			t.Fatalf("%q is no fetch", text)
		}
		*part.n = n
	}
	return call, first, last
}

func show(t *testing.T, effects []gate.Effect, out *strings.Builder) {
	t.Helper()
	name := func(id uint64) string { return fmt.Sprintf("%d.%d", id>>32, id&0xffffffff) }
	for _, effect := range effects {
		switch effect := effect.(type) {
		case *gate.Admit:
			fmt.Fprintf(out, "\tadmit %s\n", name(effect.Fetch))
		case *gate.Refuse:
			fmt.Fprintf(out, "\trefuse %s %s", name(effect.Fetch), effect.Kind)
			if effect.RetryAfterMS != 0 {
				fmt.Fprintf(out, " after=%s", second(effect.RetryAfterMS))
			}
			fmt.Fprintf(out, "\n\t\t%s\n\t\t%s\n", effect.Reason, effect.Next)
		case *gate.Wake:
			fmt.Fprintf(out, "\twake at %s\n", second(effect.AtMS-epoch))
		default:
			t.Fatalf("an effect %T", effect)
		}
	}
}

func second(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64) }
