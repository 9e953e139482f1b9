package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// kept opens the lists that are kept in a folder, for two providers.
func kept(t *testing.T, folder string) (lists *keptLists, said *[]string) {
	said = new([]string)
	rows := []provider.Row{{Name: "openai", Endpoint: "https://api.openai.com/v1"}, {Name: "mine", Endpoint: "http://localhost:1/v1"}}
	return newKeptLists(folder, rows, func(text string) { *said = append(*said, text) }), said
}

// list is a provider's list of one model.
func list(name, model string, at int64) core.List {
	return core.List{Provider: name, AtMS: at, Models: []provider.Model{{Provider: name, ID: model}}}
}

// shown are the lists of a configuration in one line.
func shown(lists *keptLists) string {
	var words []string
	for _, list := range lists.with(core.Config{}).Lists {
		words = append(words, list.Provider+"/"+list.Models[0].ID)
	}
	return strings.Join(words, " ")
}

// TestKeptLists: what one process reads the next one knows; the newest list of a
// provider stays, whoever read it; another endpoint's is not this one's.
func TestKeptLists(t *testing.T) {
	folder := t.TempDir()
	first, _ := kept(t, folder)
	second, _ := kept(t, folder)
	if got := shown(first); got != "" {
		t.Errorf("at first: %q", got)
	}
	shown(second) // it has read the file, which is not there
	first.keep([]core.List{list("openai", "gpt-5", 2), list("mine", "llama", 2)})
	second.keep([]core.List{list("openai", "gpt-4", 1)})
	third, _ := kept(t, folder)
	for name, lists := range map[string]*keptLists{"first": first, "second": second, "third": third} {
		if got := shown(lists); !strings.Contains(got, "openai/gpt-5") || !strings.Contains(got, "mine/llama") || strings.Contains(got, "gpt-4") {
			t.Errorf("%s knows %q", name, got)
		}
	}
	moved, _ := kept(t, folder)
	moved.endpoints["mine"] = "http://localhost:2/v1"
	if got := shown(moved); got != "openai/gpt-5" {
		t.Errorf("at another endpoint: %q", got)
	}
	if files, err := filepath.Glob(filepath.Join(folder, "mcp-ai-gateway", "*")); err != nil || len(files) != 1 {
		t.Errorf("files %v, %v", files, err)
	}
}

// TestKeptListsBroken: a file that is none costs what was kept, and says so once.
func TestKeptListsBroken(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON": "{", "another version": `{"version":99,"lists":[{"provider":"openai"}]}`, "nobody's": `{"version":1,"lists":[{"endpoint":"x"}]}`,
		"too long": strings.Repeat(" ", keptLimit+1),
	} {
		folder := t.TempDir()
		path := filepath.Join(folder, "mcp-ai-gateway", "models.json")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		lists, said := kept(t, folder)
		if got := shown(lists); got != "" {
			t.Errorf("%s: %q", name, got)
		}
		if told := len(*said); told > 1 || told == 0 && (name == "no JSON" || name == "too long") {
			t.Errorf("%s: said %q", name, *said)
		}
		lists.keep([]core.List{list("openai", "gpt-5", 1)})
		if again, _ := kept(t, folder); shown(again) != "openai/gpt-5" {
			t.Errorf("%s: afterwards %q", name, shown(again))
		}
	}
}

// TestKeptListsUnwritable: where nothing can be written the process knows what it
// read all the same.
func TestKeptListsUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"", file} {
		lists, said := kept(t, folder)
		lists.keep([]core.List{list("openai", "gpt-5", 1)})
		if got := shown(lists); got != "openai/gpt-5" {
			t.Errorf("%q: %q", folder, got)
		}
		if (len(*said) > 0) != (folder != "") {
			t.Errorf("%q: said %q", folder, *said)
		}
	}
}

// TestKeptListsAtOnce: several processes that write at once leave a whole file.
func TestKeptListsAtOnce(t *testing.T) {
	folder := t.TempDir()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			lists, _ := kept(t, folder)
			for at := range int64(20) {
				lists.keep([]core.List{list("openai", "gpt", int64(i)*100+at)})
			}
		})
	}
	all.Wait()
	last, said := kept(t, folder)
	if got := shown(last); got != "openai/gpt" || len(*said) != 0 {
		t.Errorf("afterwards %q, said %q", got, *said)
	}
}
