package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/imitation"
)

// runElsewhere are documented commands that this test does not run.
var runElsewhere = map[string]string{
	"scripts/test": "it is what runs this test",
}

// TestDocumentedCommands runs every command of every ```sh block of the README
// and of docs/, in the order of the text, in the repository's root. ENDPOINT
// in a command is an imitated provider.
func TestDocumentedCommands(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	endpoint, stop, err := imitation.New().Serve()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages in docs: %v", err)
	}
	block := regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	commands := 0
	for _, page := range append([]string{filepath.Join(root, "README.md")}, pages...) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range block.FindAllStringSubmatch(string(text), -1) {
			for command := range strings.Lines(strings.ReplaceAll(match[1], "\\\n", " ")) {
				command = strings.TrimSpace(command)
				if command == "" || strings.HasPrefix(command, "#") || runElsewhere[command] != "" {
					continue
				}
				commands++
				if strings.HasPrefix(command, "node ") {
					if _, err := exec.LookPath("node"); err != nil {
						t.Logf("not run, since there is no node here (the gate has one): %s", command)
						continue
					}
				}
				run := exec.Command("bash", "-euo", "pipefail", "-c", command)
				run.Dir = root
				run.Env = append(os.Environ(), "ENDPOINT="+endpoint)
				if out, err := run.CombinedOutput(); err != nil {
					t.Errorf("%s: %s: %v\n%s", filepath.Base(page), command, err, out)
				}
			}
		}
	}
	if commands < 3 {
		t.Errorf("only %d commands were found", commands)
	}
}

// TestDocumentedCalls: every block of JSON of the pages about the tools is the
// arguments of one, which a machine takes.
func TestDocumentedCalls(t *testing.T) {
	block := regexp.MustCompile("(?ms)^```json\n(.*?)^```$")
	calls := 0
	for _, page := range []string{"models.md", "arguments.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range block.FindAllStringSubmatch(string(text), -1) {
			calls++
			machine := core.New()
			if _, err := machine.Step(&core.Configure{Config: core.Config{Checks: true, Providers: provider.Rows}}); err != nil {
				t.Fatal(err)
			}
			tool := "list_models"
			switch arguments := match[1]; {
			case strings.Contains(arguments, `"models"`):
				tool = "compare_models"
			case strings.Contains(arguments, `"messages"`):
				tool = "chat_completion"
			}
			effects, err := machine.Step(&core.Call{ID: core.CallID(1), Tool: tool, Arguments: []byte(match[1])})
			if err != nil || len(effects) == 0 {
				t.Fatalf("%s: %v", page, err)
			}
			if result, over := effects[len(effects)-1].(*core.Result); over && (result.Kind != "" || !strings.Contains(match[1], "dry_run")) {
				t.Errorf("%s: %s\n%s", page, match[1], result.Body)
			}
		}
	}
	if calls < 6 {
		t.Errorf("only %d calls were found", calls)
	}
}

// TestPaths: what the documentation points to is there.
func TestPaths(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	links := 0
	for _, page := range []string{"../../README.md", "../../docs/tour.md", "../../docs/RATIONALE.md", "../../docs/abi.md", "../../docs/hosts.md", "../../docs/providers.md", "../../docs/rules.md", "../../docs/configuration.md", "../../docs/models.md", "../../docs/arguments.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllStringSubmatch(string(text), -1) {
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), match[1])); err != nil {
				t.Errorf("%s points to %s, which is not there", page, match[1])
			}
		}
	}
	if links == 0 {
		t.Error("no links were found")
	}
}
