package traffic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// pageLimit bounds a page of models, in bytes; a token has at least 2.8 of names
// and numbers, and a page 2,000 tokens at most.
const pageLimit = 5600

// shelf is a machine whose only provider has a list of models.
type shelf struct {
	machine core.Machine
	config  core.Config
	last    uint32
}

func newShelf(t *testing.T, machine core.Machine, form string) *shelf {
	s := &shelf{machine: machine, config: core.Config{
		Target: "any", Providers: []provider.Row{{Name: "recorded", Form: form, Endpoint: "https://recorded.example/v1"}},
	}}
	s.step(t, &core.Configure{AtMS: epoch, Config: s.config})
	return s
}

func (s *shelf) step(t *testing.T, event core.Event) []core.Effect {
	t.Helper()
	effects, err := s.machine.Step(event)
	if err != nil {
		t.Fatalf("%T: %v", event, err)
	}
	return effects
}

// show calls list_models, gives it the list where it asks for one, keeps what it
// read, and returns the page.
func (s *shelf) show(t *testing.T, arguments string, status int, list []byte) string {
	t.Helper()
	s.last++
	effects := s.step(t, &core.Call{ID: core.CallID(s.last), AtMS: epoch, Tool: "list_models", Arguments: []byte(arguments)})
	for _, effect := range slices.Clone(effects) {
		if fetch, ok := effect.(*core.Fetch); ok {
			s.step(t, &core.Head{ID: fetch.ID, AtMS: epoch, Status: status})
			for piece := range slices.Chunk(list, 4096) {
				effects = append(effects, s.step(t, &core.Chunk{ID: fetch.ID, AtMS: epoch, Body: bytes.Clone(piece)})...)
			}
			effects = append(effects, s.step(t, &core.End{ID: fetch.ID, AtMS: epoch})...)
		}
	}
	result, ok := effects[len(effects)-1].(*core.Result)
	if !ok {
		t.Fatalf("it ends with a %T", effects[len(effects)-1])
	}
	if len(result.Lists) > 0 {
		s.config.Lists = result.Lists
		s.step(t, &core.Configure{AtMS: epoch, Config: s.config})
	}
	var read toolResult
	if err := json.Unmarshal(result.Body, &read); err != nil || len(read.Content) != 1 || read.IsError {
		t.Fatalf("%s", result.Body)
	}
	return read.Content[0].Text
}

// pages reads all pages of a list and returns the names on them.
func (s *shelf) pages(t *testing.T, query string) (names []string, pages int) {
	t.Helper()
	for number := 1; ; number++ {
		text := s.show(t, fmt.Sprintf(`{%s"page":%d}`, query, number), 0, nil)
		if len(text) > pageLimit+600 { // and what stands around it
			t.Errorf("page %d has %d bytes", number, len(text))
		}
		for line := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(line, "recorded/"); ok {
				name, _, _ := strings.Cut(strings.TrimSpace(rest), " · ")
				names = append(names, name)
			}
		}
		if !strings.Contains(text, fmt.Sprintf("page=%d shows more", number+1)) {
			return names, number
		}
	}
}

// TestLists: the recorded lists of models, and one of 500, through both targets:
// what chats is shown, once, over pages of which none is too long.
func TestLists(t *testing.T) {
	compiled := compile(t)
	machines := func(t *testing.T) map[string]core.Machine {
		guest, err := compiled.New(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { guest.Close() })
		return map[string]core.Machine{"native": core.New(), "wasm": guest}
	}
	t.Run("recorded", func(t *testing.T) {
		folder := folders(t)["recorded"]
		if folder == "" {
			t.Skip(nothingBeside)
		}
		files, err := filepath.Glob(filepath.Join(folder, "*_models", "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no lists: %v", err)
		}
		for _, file := range files {
			t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
				r, err := read(file)
				if err != nil {
					t.Fatal(err)
				}
				want := chattingIn(t, r.body)
				for name, machine := range machines(t) {
					s := newShelf(t, machine, "openai-chat")
					first := s.show(t, `{}`, r.status, r.body)
					if r.status != 200 {
						if !strings.Contains(first, "its list could not be read") || !strings.Contains(first, "authentication") {
							t.Errorf("%s: a refused list: %s", name, first)
						}
						continue
					}
					got, pages := s.pages(t, "")
					if !slices.Equal(got, want) {
						t.Errorf("%s shows %d models, want %d\n%q\n%q", name, len(got), len(want), got, want)
					}
					t.Logf("%s: %d models on %d pages", name, len(got), pages)
				}
			})
		}
	})
	t.Run("of 500", func(t *testing.T) {
		list := listOf(500)
		for name, machine := range machines(t) {
			s := newShelf(t, machine, "openai-chat")
			first := s.show(t, `{}`, 200, list)
			if !strings.HasPrefix(first, "500 models, page 1 of ") {
				t.Errorf("%s: %.100s", name, first)
			}
			all, pages := s.pages(t, "")
			if unique := len(slices.Compact(slices.Sorted(slices.Values(all)))); len(all) != 500 || unique != 500 {
				t.Errorf("%s shows %d models, %d of them once", name, len(all), unique)
			}
			cheap, _ := s.pages(t, `"max_price":10,`)
			seeing, _ := s.pages(t, `"ability":"vision",`)
			vendors, _ := s.pages(t, `"query":"vendor-7",`)
			if len(cheap) != 125 || len(seeing) != 250 || len(vendors) != 10 {
				t.Errorf("%s shows %d cheap, %d that see, %d of one vendor", name, len(cheap), len(seeing), len(vendors))
			}
			t.Logf("%s: 500 models on %d pages", name, pages)
		}
	})
	t.Run("of one name", func(t *testing.T) {
		for name, machine := range machines(t) {
			s := newShelf(t, machine, "openai-chat")
			list := []byte(`{"data":[` + strings.TrimSuffix(strings.Repeat(`{"id":"same"},`, 500), ",") + `]}`)
			if first := s.show(t, `{}`, 200, list); !strings.HasPrefix(first, "1 model.") {
				t.Errorf("%s: %.100s", name, first)
			}
		}
	})
	for title, list := range map[string][]byte{
		"of HTML": []byte("<html><body>Sign in</body></html>"), "that is too long": bytes.Repeat([]byte(" "), 9<<20), "that is cut": listOf(500)[:20_000],
	} {
		t.Run(title, func(t *testing.T) {
			for name, machine := range machines(t) {
				s := newShelf(t, machine, "openai-chat")
				if first := s.show(t, `{}`, 200, list); !strings.Contains(first, "recorded: its list could not be read: ") {
					t.Errorf("%s: %.300s", name, first)
				}
			}
		})
	}
}

// chattingIn are the models of a list that can chat, read without the gateway's
// code: Mistral tells, of OpenAI's the names do.
func chattingIn(t *testing.T, body []byte) (names []string) {
	t.Helper()
	var list struct {
		Data []struct {
			ID           string
			Capabilities *struct {
				Chat bool `json:"completion_chat"`
			}
		}
	}
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	for _, model := range list.Data {
		chats := model.Capabilities != nil && model.Capabilities.Chat
		if model.Capabilities == nil {
			chats = !slices.ContainsFunc([]string{
				"embedding", "whisper", "tts", "dall-e", "image", "moderation", "transcribe", "realtime", "sora", "babbage", "davinci", "gpt-3.5-turbo-instruct",
			}, func(word string) bool { return strings.Contains(model.ID, word) })
		}
		if chats && !slices.Contains(names, model.ID) {
			names = append(names, model.ID)
		}
	}
	return names
}

// listOf is a list in OpenRouter's shape.
func listOf(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"data":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		sees := `"text"`
		if i%2 == 0 {
			sees = `"text","image"`
		}
		fmt.Fprintf(&b, `{"id":"vendor-%d/model-%d-preview","name":"Vendor %d: Model %d","description":"%s","context_length":%d,"architecture":{"input_modalities":[%s],"output_modalities":["text"]},`+
			`"pricing":{"prompt":"0.00000%d","completion":"0.0000%02d"},"top_provider":{"max_completion_tokens":16384},"supported_parameters":["tools","reasoning"]}`,
			i/10, i, i/10, i, strings.Repeat("It writes. ", 30), 1000*(i+1), sees, 1+i%9, 6+i%20)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}
