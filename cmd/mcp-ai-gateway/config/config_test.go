package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

var update = flag.Bool("update", false, "write the golden sections")

// theWorld is one with a home and two variables.
var theWorld = World{Home: "/home/u", Getenv: func(name string) string {
	return map[string]string{"VERTEX_TOKEN": "ya29.token", "SOME_KEY": "sk-some"}[name]
}}

// TestFiles reads the files of testdata. Their golden sections are the faults,
// as they are shown, and what was understood all the same.
func TestFiles(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d files: %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data := archive.Files[0].Data
			file, faults := Read("config.yaml", data, theWorld)
			var shown strings.Builder
			for _, fault := range faults {
				fmt.Fprintln(&shown, fault)
			}
			for _, secret := range []string{"hunter2", "0123456789"} {
				if strings.Contains(shown.String(), secret) {
					t.Errorf("a secret is shown: %s", &shown)
				}
			}
			understood := described(t, file)
			if *update {
				archive.Files = []txtar.File{archive.Files[0], {Name: "faults", Data: []byte(shown.String())}, {Name: "understood", Data: understood}}
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if len(archive.Files) != 3 || archive.Files[1].Name != "faults" || archive.Files[2].Name != "understood" {
				t.Fatal("its sections are not config.yaml, faults, understood")
			}
			if got := shown.String(); got != string(archive.Files[1].Data) {
				t.Errorf("faults:\n%s", got)
			}
			if !bytes.Equal(understood, archive.Files[2].Data) {
				t.Errorf("understood:\n%s", understood)
			}
		})
	}
}

// described is a file as JSON, one field a line, without those that are empty,
// and without what is known of the providers that are known.
func described(t *testing.T, file *File) []byte {
	t.Helper()
	shown := *file
	shown.Providers = slices.Clone(file.Providers)
	for i := range shown.Providers {
		row := &shown.Providers[i].Row
		row.TakeAfter(provider.Row{})
		row.Families = nil
	}
	file = &shown
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, name := range []string{
		"Providers", "Models", "Aliases", "Fallbacks", "FallbackOn", "Allow", "Deny", "Tools",
		"DefaultModel", "DefaultTemperature", "DefaultMaxTokens", "Description", "Output", "Timeout", "Sandbox",
	} {
		value := fields[name]
		delete(fields, name)
		if text := string(value); text == "null" || text == `""` {
			continue
		}
		var list []json.RawMessage
		if json.Unmarshal(value, &list) != nil {
			list = []json.RawMessage{value}
		}
		for _, one := range list {
			fmt.Fprintf(&out, "%s %s\n", name, one)
		}
	}
	if len(fields) > 0 {
		t.Fatalf("fields that are not described: %v", fields)
	}
	return out.Bytes()
}

// example is the file of docs/configuration.md.
func example(t *testing.T) []byte {
	t.Helper()
	page, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllSubmatch(page, -1)
	if len(blocks) != 1 {
		t.Fatalf("%d examples", len(blocks))
	}
	return blocks[0][1]
}

// TestExample: the documented file is read without a fault, and so is the same
// as JSON.
func TestExample(t *testing.T) {
	file, faults := Read("config.yaml", example(t), theWorld)
	if len(faults) > 0 || len(file.Providers) != 4 || len(file.Models) != 2 || len(file.Aliases) != 2 || len(file.Fallbacks) != 1 || *file.Timeout != 2*time.Minute {
		t.Errorf("%v, %s", faults, described(t, file))
	}
	indented, err := json.MarshalIndent(asJSON(t, example(t)), "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	same, faults := Read("config.yaml", indented, theWorld)
	if len(faults) > 0 || len(same.Providers) != 4 || len(same.Models) != 2 {
		t.Errorf("as JSON: %v, %s", faults, described(t, same))
	}
}

// TestLikeness: who is like a provider that is known, and who only speaks its
// form.
func TestLikeness(t *testing.T) {
	for text, like := range map[string]string{
		"groq: ": "groq", "mine: {form: groq, endpoint: 'https://m.example'}": "groq", "mine: {form: openai, endpoint: api.groq.com/openai/v1}": "groq",
		"openai: {endpoint: 'https://relay.example'}": "openai", "mine: {form: openai, endpoint: 'https://m.example'}": "", "mine: {form: openai}": "openai",
	} {
		file, faults := Read("config.yaml", []byte("providers: {"+text+"}"), theWorld)
		if len(faults) > 0 || len(file.Providers) != 1 {
			t.Errorf("%s: %v", text, faults)
			continue
		}
		row := file.Providers[0].Row
		known, _ := RowNamed(like)
		if !slices.Equal(row.Traits, known.Traits) || !slices.Equal(row.Families, known.Families) {
			t.Errorf("%s: %v, %v", text, row.Traits, row.Families)
		}
	}
}

// TestDocumentedFault: the page shows a fault as it is.
func TestDocumentedFault(t *testing.T) {
	page, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	data := strings.Repeat("#\n", 7) + "models:\n  openai/gpt-5:\n    price: {prompt: cheap}\n"
	_, faults := Read("config.yaml", []byte(data), theWorld)
	if len(faults) != 1 || !strings.Contains(string(page), "```\n"+faults[0].String()+"\n```") {
		t.Errorf("the page does not show: %v", faults)
	}
}

// TestBounds: files that would cost more than they are worth are refused, soon.
func TestBounds(t *testing.T) {
	lists, merges := "x-0: &x0 [a, a, a, a, a, a, a, a, a, a]\n", "x-0: &m0 {openai/m0: {}}\n"
	for i := range 30 {
		lists += fmt.Sprintf("x-%d: &x%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i), 10), ", "))
		merges += fmt.Sprintf("x-%d: &m%d {<<: [%s]}\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*m%d, ", i), 10), ", "))
	}
	for _, test := range []struct{ name, data, want string }{
		{"aliases of lists", lists + "allow: *x30\n", "got a list, allowed: PROVIDER/MODEL"},
		{"merges", merges + "models: *m30\n", "too long with all that its aliases stand for"},
		{"a merge of itself", "models: &m {<<: *m, openai/a: {}}\n", "<<: allowed"},
		{"an alias of itself", "models: &m *m\n", ""},
		{"brackets", strings.Repeat("[", 100_000), "line 1: nested too deeply"},
		{"braces over lines", strings.Repeat("{a:\n", 1000), "line 65: nested too deeply"},
		{"entries", "allow: \n" + strings.Repeat("- ", 100_000), "line 2: nested too deeply"},
		{"length", strings.Repeat("#", longestFile+1), "allowed: at most 1048576"},
		{"faults", strings.Repeat("wrong: 1\n", 1) + manyFields(1000), "and 951 faults more"},
	} {
		begin := time.Now()
		_, faults := Read("config.yaml", []byte(test.data), theWorld)
		var said []string
		for _, fault := range faults {
			said = append(said, fault.Sentence())
		}
		if all := strings.Join(said, "\n"); !strings.Contains(all, test.want) || len(said) > mostFaults+1 {
			t.Errorf("%s: %s", test.name, all)
		}
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("%s: it took %v", test.name, took)
		}
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "wrong%d: 1\n", i)
	}
	return b.String()
}

// FuzzRead: nothing panics, and what was understood keeps the promises of File.
func FuzzRead(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		f.Fatal("no seeds")
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4<<10 {
			return
		}
		file, faults := Read("config.yaml", data, theWorld)
		for _, fault := range faults {
			if fault.Text == "" || strings.Contains(fault.Sentence(), "\n") {
				t.Errorf("a fault is no sentence: %q", fault)
			}
		}
		names := map[string]bool{}
		for _, p := range file.Providers {
			if names[p.Row.Name] || !isName(p.Row.Name) {
				t.Errorf("a provider's name: %q", p.Row.Name)
			}
			names[p.Row.Name] = true
		}
		for _, alias := range file.Aliases {
			if len(alias.Models) == 0 || leadsBack(file.Aliases, alias) {
				t.Errorf("an alias: %v", alias)
			}
		}
	})
}

// leadsBack follows an alias in the plainest way.
func leadsBack(aliases []core.Alias, from core.Alias) bool {
	reached := map[string]bool{}
	open := from.Models
	for len(open) > 0 {
		name := strings.ToLower(open[0])
		open = open[1:]
		if name == strings.ToLower(from.Name) {
			return true
		}
		if reached[name] {
			continue
		}
		reached[name] = true
		for _, alias := range aliases {
			if strings.ToLower(alias.Name) == name {
				open = append(open, alias.Models...)
			}
		}
	}
	return false
}

// BenchmarkRead reads a file of 10 providers and 200 models.
func BenchmarkRead(b *testing.B) {
	var text strings.Builder
	text.WriteString("providers:\n")
	for i := range 10 {
		fmt.Fprintf(&text, "  p%d:\n    form: openai\n    endpoint: https://p%d.example/v1\n    key: env:P%d_KEY\n    concurrency: 8\n", i, i, i)
	}
	text.WriteString("models:\n")
	for i := range 200 {
		fmt.Fprintf(&text, "  p%d/model-%d:\n    description: A model for this and that.\n    context: 128000\n    price: {prompt: 1.5, completion: 6}\n    defaults:\n      temperature: 0.2\n", i%10, i)
	}
	for b.Loop() {
		if file, faults := Read("config.yaml", []byte(text.String()), World{}); len(faults) > 0 || len(file.Models) != 200 {
			b.Fatal(faults)
		}
	}
}
