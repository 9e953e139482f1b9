// Package coretest replays transcripts on any [core.Machine].
//
// A transcript is a txtar file: a comment that says why it exists, then
// sections in the order in which things happen. Inputs are given, outputs are
// golden; `go test ./core -run Transcripts -update` rewrites the outputs. Read
// the diff, and commit only what you understand and want.
//
// Inputs (words in brackets may be left out):
//
//	config                        Configure; the body is a core.Config as JSON.
//	                              Without it the file begins with [DefaultConfig].
//	describe                      Describe.
//	states                        What the host says of providers from then on: a list of core.State as JSON.
//	lessons                       What the host knows from then on: a list of provider.Lesson as JSON.
//	call 1 [deltas] [seed=7] [timeout=ms] [tool=x]   Call number 1; the body is its arguments.
//	reply 1.1 200 TYPE [name:value]     Head, Chunk and End; the body is the reply's.
//	head 1.1 200 TYPE [name:value]      Head alone.
//	chunk 1.1                     Chunk, cut further by the replay.
//	end 1.1                       End.
//	fail 1.1 KIND [retry] [refused]  Fail; the first line is the reason, a second what to do next.
//	fire 1.2                      Fire.
//	checked 1.2 VERDICT           Checked; of invalid the body is a line a fault, PLACE: FAULT;
//	                              of unknown the reason.
//	cancel 1                      Cancel.
//
// The word `quoted` at the end of an input's line says that the body consists
// of Go strings, one a line, without newlines between them: so a body can hold
// CRLF, bytes that are not UTF-8, or no final newline.
//
// Outputs: manifest, fetch 1.1, abort 1.1, timer 1.2, check 1.2 (the schema,
// then the text), progress 1 (a line a delta), result 1, learned 1 and
// lists 1 (of that result), log 1. JSON is shown indented; the replay checks that it
// was compact.
//
// Time begins at [Epoch] and passes 100 ms before every input. It does not
// depend on how bytes are cut.
package coretest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

var update = flag.Bool("update", false, "rewrite the outputs of the transcripts")

// Epoch is the time before the first event of a transcript, Unix milliseconds.
const Epoch = 1_700_000_000_000

// DefaultConfig is what a transcript without a config section begins with.
var DefaultConfig = core.Config{
	Target:       "any",
	DefaultModel: "gpt-4o-mini",
	Providers: []provider.Row{{
		Name: "openai", Form: "openai-chat", Endpoint: "https://api.openai.com/v1",
		Credential: provider.Credential{Name: "openai", Header: "authorization", Prefix: "Bearer "},
		Traits:     []provider.Trait{provider.OpenAIModels, provider.MaxCompletionTokens, provider.DeveloperRole},
	}},
}

// Run replays every transcript of dir on machines from open, in five ways:
// bytes whole, one by one, at random cuts (three seeds), and a second time on
// the machine that has already gone through it. All must give the golden
// outputs. A folder without transcripts fails.
func Run(t *testing.T, dir string, open func(t *testing.T) core.Machine) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts in %s", dir)
	}
	replays := 0
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
			used := open(t)
			ways := []struct {
				name    string
				machine core.Machine
				cut     func(body []byte) [][]byte
			}{
				{"whole", used, whole},
				{"a second time", used, whole},
				{"byte by byte", open(t), bytewise},
				{"cut by seed 1", open(t), randomly(1)},
				{"cut by seed 2", open(t), randomly(2)},
				{"cut by seed 3", open(t), randomly(3)},
			}
			for _, way := range ways {
				got, err := replay(golden, way.machine, way.cut)
				if err != nil {
					t.Fatalf("%s: %v", way.name, err)
				}
				if *update && way.name == "whole" {
					if err := os.WriteFile(file, txtar.Format(got), 0o644); err != nil {
						t.Fatal(err)
					}
					golden = got
				}
				if want, got := txtar.Format(golden), txtar.Format(got); !bytes.Equal(got, want) {
					t.Fatalf("%s: %s", way.name, difference(string(want), string(got)))
				}
				replays++
			}
		})
	}
	t.Logf("%d transcripts, %d replays", len(files), replays)
}

func whole(body []byte) [][]byte { return [][]byte{body} }

func bytewise(body []byte) (cuts [][]byte) {
	for i := range body {
		cuts = append(cuts, body[i:i+1])
	}
	return cuts
}

// randomly cuts into pieces of 0 to 40 bytes.
func randomly(seed int64) func([]byte) [][]byte {
	return func(body []byte) (cuts [][]byte) {
		chance := rand.New(rand.NewSource(seed))
		for len(body) > 0 {
			n := min(chance.Intn(41), len(body))
			cuts = append(cuts, body[:n])
			body = body[n:]
		}
		return cuts
	}
}

// session is one replay.
type session struct {
	machine core.Machine
	cut     func([]byte) [][]byte
	now     int64
	seen    []core.ID       // calls, fetches, timers and checks, in order
	results map[core.ID]int // by call
	lessons []provider.Lesson
	states  []core.State
	out     *txtar.Archive
}

// replay feeds the inputs of a transcript to the machine and returns the
// transcript with the outputs that came.
func replay(golden *txtar.Archive, machine core.Machine, cut func([]byte) [][]byte) (*txtar.Archive, error) {
	s := &session{
		machine: machine, cut: cut, now: Epoch,
		results: map[core.ID]int{},
		out:     &txtar.Archive{Comment: golden.Comment},
	}
	if len(golden.Files) == 0 || golden.Files[0].Name != "config" {
		if _, err := machine.Step(&core.Configure{AtMS: s.now, Config: DefaultConfig}); err != nil {
			return nil, err
		}
	}
	for _, section := range golden.Files {
		words := strings.Fields(section.Name)
		if len(words) == 0 || outputs[words[0]] {
			continue
		}
		s.out.Files = append(s.out.Files, section)
		events, err := s.events(words, section.Data)
		if err != nil {
			return nil, fmt.Errorf("section %q: %v", section.Name, err)
		}
		var effects []core.Effect
		for _, event := range events {
			more, err := machine.Step(event)
			if err != nil {
				return nil, fmt.Errorf("section %q: %v", section.Name, err)
			}
			if chunk, ok := event.(*core.Chunk); ok {
				for i := range chunk.Body {
					chunk.Body[i] = 'X' // the bytes were ours: a machine keeps none
				}
			}
			effects = append(effects, more...)
		}
		if err := s.render(effects); err != nil {
			return nil, fmt.Errorf("section %q: %v", section.Name, err)
		}
	}
	return s.out, s.settle()
}

// settle holds what is true of every transcript: each call was answered once,
// and what has ended ignores whatever still comes.
func (s *session) settle() error {
	for id, results := range s.results {
		if results != 1 {
			return fmt.Errorf("call %v was answered %d times", id, results)
		}
	}
	for _, id := range s.seen {
		for _, late := range []core.Event{
			&core.Head{ID: id, AtMS: s.now, Status: 200}, &core.Chunk{ID: id, AtMS: s.now, Body: []byte("late")}, &core.End{ID: id, AtMS: s.now},
			&core.Fail{ID: id, AtMS: s.now, Kind: provider.Network}, &core.Fire{ID: id, AtMS: s.now},
			&core.Checked{ID: id, AtMS: s.now, Verdict: core.Valid}, &core.Cancel{ID: id.Call(), AtMS: s.now},
		} {
			if effects, err := s.machine.Step(late); err != nil || len(effects) > 0 {
				return fmt.Errorf("a late %T for %v gave %d effects and %v", late, id, len(effects), err)
			}
		}
	}
	return nil
}

// events are the events of one input section.
func (s *session) events(words []string, data []byte) ([]core.Event, error) {
	s.now += 100
	if words[len(words)-1] == "quoted" {
		words = words[:len(words)-1]
		var err error
		if data, err = unquote(data); err != nil {
			return nil, err
		}
	}
	var id core.ID
	if len(words) > 1 {
		var ok bool
		if id, ok = core.ParseID(words[1]); !ok {
			return nil, fmt.Errorf("%q is no id", words[1])
		}
	}
	need := map[string]int{"config": 1, "describe": 1, "lessons": 1, "states": 1, "call": 2, "cancel": 2, "chunk": 2, "end": 2, "fire": 2, "fail": 3, "checked": 3, "reply": 4, "head": 4}[words[0]]
	if need == 0 || len(words) < need {
		return nil, fmt.Errorf("no such input")
	}
	switch words[0] {
	case "config":
		event := &core.Configure{AtMS: s.now}
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.DisallowUnknownFields()
		return []core.Event{event}, decoder.Decode(&event.Config)
	case "describe":
		return []core.Event{&core.Describe{AtMS: s.now}}, nil
	case "states":
		s.states = nil
		return nil, json.Unmarshal(data, &s.states)
	case "lessons":
		s.lessons = nil
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.DisallowUnknownFields()
		return nil, decoder.Decode(&s.lessons)
	case "call":
		event := &core.Call{ID: id, AtMS: s.now, Tool: "chat_completion", Lessons: s.lessons, States: s.states, Arguments: data}
		s.seen = append(s.seen, id)
		s.results[id] = 0
		for _, word := range words[2:] {
			name, value, _ := strings.Cut(word, "=")
			switch name {
			case "deltas":
				event.Deltas = true
			case "timeout":
				event.TimeoutMS, _ = strconv.ParseInt(value, 10, 64)
			case "seed":
				event.Seed, _ = strconv.ParseUint(value, 10, 64)
			case "tool":
				event.Tool = value
			default:
				return nil, fmt.Errorf("unknown word %q", word)
			}
		}
		return []core.Event{event}, nil
	case "cancel":
		return []core.Event{&core.Cancel{ID: id, AtMS: s.now}}, nil
	case "fire":
		return []core.Event{&core.Fire{ID: id, AtMS: s.now}}, nil
	case "checked":
		event := &core.Checked{ID: id, AtMS: s.now, Verdict: core.Verdict(words[2])}
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSuffix(line, "\n")
			if event.Verdict == core.Invalid {
				place, fault, _ := strings.Cut(line, ": ")
				event.Faults = append(event.Faults, core.SchemaFault{Place: place, Fault: fault})
			} else {
				event.Reason = line
			}
		}
		return []core.Event{event}, nil
	case "fail":
		reason, next, _ := strings.Cut(strings.TrimSuffix(string(data), "\n"), "\n")
		return []core.Event{&core.Fail{
			ID: id, AtMS: s.now, Kind: provider.Kind(words[2]), Reason: reason, Next: next,
			Retry: slices.Contains(words[3:], "retry"), Refused: slices.Contains(words[3:], "refused"),
		}}, nil
	case "chunk":
		return s.chunks(id, data), nil
	case "end":
		return []core.Event{&core.End{ID: id, AtMS: s.now}}, nil
	}
	// reply and head
	status, err := strconv.Atoi(words[2])
	if err != nil {
		return nil, fmt.Errorf("%q is no status", words[2])
	}
	head := &core.Head{ID: id, AtMS: s.now, Status: status, Header: []provider.Field{{Name: "content-type", Value: words[3]}}}
	for _, word := range words[4:] {
		name, value, ok := strings.Cut(word, ":")
		if !ok {
			return nil, fmt.Errorf("unknown word %q", word)
		}
		head.Header = append(head.Header, provider.Field{Name: name, Value: value})
	}
	events := []core.Event{head}
	if words[0] == "reply" {
		events = append(append(events, s.chunks(id, data)...), &core.End{ID: id, AtMS: s.now})
	}
	return events, nil
}

func (s *session) chunks(id core.ID, data []byte) (events []core.Event) {
	for _, piece := range s.cut(data) {
		// A buffer of its own, which replay overwrites: a machine keeps no byte.
		events = append(events, &core.Chunk{ID: id, AtMS: s.now, Body: bytes.Clone(piece)})
	}
	return events
}

// unquote reads Go strings, one a line.
func unquote(data []byte) ([]byte, error) {
	var out []byte
	for line := range strings.Lines(string(data)) {
		text, err := strconv.Unquote(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("%s is no Go string", line)
		}
		out = append(out, text...)
	}
	return out, nil
}

// outputs are the sections that a replay writes.
var outputs = map[string]bool{
	"manifest": true, "fetch": true, "abort": true, "timer": true, "check": true, "progress": true, "result": true, "learned": true, "lists": true, "log": true,
}

// render appends effects as sections. Deltas of one call that follow each
// other share a section.
func (s *session) render(effects []core.Effect) error {
	for _, effect := range effects {
		name, data := "", ""
		switch effect := effect.(type) {
		case *core.Manifest:
			text, err := json.MarshalIndent(effect, "", "  ")
			if err != nil {
				return err
			}
			name, data = "manifest", string(text)
		case *core.Fetch:
			s.seen = append(s.seen, effect.ID)
			name = "fetch " + effect.ID.String()
			data = fmt.Sprintf("%s %s\nfor %s of %s", effect.Method, effect.URL, cmp.Or(effect.Model, "the list"), effect.Provider)
			if effect.Credential.Name != "" {
				data += fmt.Sprintf("\n%s: %s<%s>", effect.Credential.Header, effect.Credential.Prefix, effect.Credential.Name)
			}
			for _, field := range effect.Header {
				data += fmt.Sprintf("\n%s: %s", field.Name, field.Value)
			}
			if effect.Method == "GET" && len(effect.Body) == 0 {
				break
			}
			body, err := indent(effect.Body)
			if err != nil {
				return err
			}
			data += "\n\n" + body
		case *core.Abort:
			name = "abort " + effect.ID.String()
		case *core.Timer:
			s.seen = append(s.seen, effect.ID)
			name, data = "timer "+effect.ID.String(), fmt.Sprintf("after %d ms", effect.AfterMS)
		case *core.Check:
			s.seen = append(s.seen, effect.ID)
			schema, err := indent(effect.Schema)
			if err != nil {
				return err
			}
			name, data = "check "+effect.ID.String(), schema+"\n\n"+effect.Text
		case *core.Delta:
			name, data = "progress "+effect.ID.String(), strconv.Quote(effect.Text)
			if last := len(s.out.Files) - 1; s.out.Files[last].Name == name {
				s.out.Files[last].Data = append(s.out.Files[last].Data, data+"\n"...)
				continue
			}
		case *core.Result:
			if _, known := s.results[effect.ID]; !known {
				return fmt.Errorf("a result for %v, which was not called", effect.ID)
			}
			s.results[effect.ID]++
			body, err := indent(effect.Body)
			if err != nil {
				return err
			}
			name, data = "result "+effect.ID.String(), body
			if effect.Kind != "" {
				name += " " + string(effect.Kind)
			}
		case *core.Log:
			name, data = "log "+effect.ID.String(), effect.Text
		default:
			return fmt.Errorf("unknown effect %T", effect)
		}
		if data != "" {
			data += "\n"
		}
		s.out.Files = append(s.out.Files, txtar.File{Name: name, Data: []byte(data)})
		if result, ok := effect.(*core.Result); ok {
			if err := s.kept(result); err != nil {
				return err
			}
		}
	}
	return nil
}

// indent lays JSON out for reading, after checking that it was compact, so
// that equal goldens mean equal bytes.
func indent(body []byte) (string, error) {
	var compact, out bytes.Buffer
	if err := json.Compact(&compact, body); err != nil {
		return "", fmt.Errorf("not JSON: %q", body)
	}
	if !bytes.Equal(compact.Bytes(), body) {
		return "", fmt.Errorf("not compact: %s", body)
	}
	err := json.Indent(&out, body, "", "  ")
	return out.String(), err
}

// difference shows the first lines at which two texts part.
func difference(want, got string) string {
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(wants), len(gots)) {
		if i >= len(wants) || i >= len(gots) || wants[i] != gots[i] {
			return fmt.Sprintf("line %d differs\nwant:\n%s\ngot:\n%s", i+1,
				strings.Join(wants[min(i, len(wants)):min(i+6, len(wants))], "\n"),
				strings.Join(gots[min(i, len(gots)):min(i+6, len(gots))], "\n"))
		}
	}
	return "no difference"
}

// kept shows what a result brings for the host to keep.
func (s *session) kept(result *core.Result) error {
	for _, kept := range []struct {
		name  string
		some  bool
		value any
	}{{"learned", len(result.Learned) > 0, result.Learned}, {"lists", len(result.Lists) > 0, result.Lists}} {
		if !kept.some {
			continue
		}
		shown, err := json.MarshalIndent(kept.value, "", "  ")
		if err != nil {
			return err
		}
		s.out.Files = append(s.out.Files, txtar.File{Name: kept.name + " " + result.ID.String(), Data: append(shown, '\n')})
	}
	return nil
}
