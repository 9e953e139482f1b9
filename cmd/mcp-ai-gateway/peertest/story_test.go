package peertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/imitation"
)

// fileOf writes a configuration file and returns what the program is started with
// so that it knows nothing else.
func fileOf(t *testing.T, text string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"API_KEY=", "API_ENDPOINT=", "DEFAULT_MODEL=", "MCP_AI_GATEWAY_CONFIG=" + path, "KEY=secret-key", "XDG_CACHE_HOME=" + cache}
}

// use calls a tool and returns the result's first text.
func (p *peer) use(t *testing.T, tool string, arguments map[string]any) (text string, result *mcp.CallToolResult) {
	t.Helper()
	result, err := p.CallTool(timeLimit(t), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		t.Fatal(err)
	}
	return textOf(t, result, 0), result
}

// TestStory: one process, five imitated providers in four wire forms and a
// catalogue with prices. An assistant looks what there is, chooses, asks, compares,
// and a model that fails is replaced.
func TestStory(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		providers := map[string]*imitation.Provider{}
		var file strings.Builder
		file.WriteString("providers:\n")
		for _, p := range []struct{ name, form, path string }{
			{"openai", "openai", "/v1"},
			{"anthropic", "anthropic", "/v1"},
			{"gemini", "gemini", "/v1beta"},
			{"openrouter", "openrouter", "/api/v1"},
			{"mine", "openai-responses", "/v1"},
		} {
			provider, endpoint := ownProvider(t)
			providers[p.name] = provider
			endpoint = strings.TrimSuffix(endpoint, "/v1") + p.path
			fmt.Fprintf(&file, "  %s: {form: %s, endpoint: %q, key: env:KEY}\n", p.name, p.form, endpoint)
		}
		file.WriteString(`
models:
  anthropic/claude-opus-5: {strengths: long refactorings, price: {prompt: 5, completion: 25}, context: 1000000}
aliases:
  best: [anthropic/claude-opus-5, openai/imitated]
  shaky: ["openai/imitated?status=503", gemini/imitated]
`)
		p := connect(t, on, versions[0], endpoint, fileOf(t, file.String())...)

		tools, err := p.ListTools(timeLimit(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := tools.Tools[0].Description; !strings.Contains(got, "anthropic/claude-opus-5: long refactorings") || !strings.Contains(got, "best: ") {
			t.Errorf("the description does not tell what to choose: %s", got)
		}

		listed, _ := p.use(t, "list_models", nil)
		t.Logf("list_models\n%s", listed)
		for _, want := range []string{"openai/imitated", "gemini/imitated", "openrouter/", "mine/imitated", "anthropic/claude-opus-5 · 1M in · $5 / 25", "long refactorings", "best = anthropic/claude-opus-5, else openai/imitated"} {
			if !strings.Contains(listed, want) {
				t.Errorf("the list does not tell of %s", want)
			}
		}
		before := len(providers["openai"].Requests())
		if again, _ := p.use(t, "list_models", map[string]any{"query": "imitated", "provider": "openai"}); !strings.Contains(again, "openai/imitated") {
			t.Errorf("again: %s", again)
		}
		if n := len(providers["openai"].Requests()); n != before {
			t.Errorf("a list that was just read was read again: %d requests, then %d", before, n)
		}

		hello := []any{map[string]any{"role": "user", "content": "Hello"}}
		answered, result := p.use(t, "chat_completion", map[string]any{"model": "best", "messages": hello})
		t.Logf("chat_completion, model best\n%s\n%s", answered, textOf(t, result, 1))
		if line := textOf(t, result, 1); answered != said("Hello") || !strings.Contains(line, "anthropic") || !strings.Contains(line, "$0.0") {
			t.Errorf("answered %q, %q", answered, line)
		}

		compared, result := p.use(t, "compare_models", map[string]any{
			"models": []any{"openai/imitated", "gemini/imitated", "mine/imitated", "openrouter/imitated?status=400", "anthropic/claude-opus-5"}, "messages": hello,
		})
		t.Logf("compare_models\n%s", compared)
		if result.IsError || strings.Count(compared, said("Hello")) != 4 || !strings.Contains(compared, "openrouter answered 400") {
			t.Errorf("compared: %s", compared)
		}

		answered, result = p.use(t, "chat_completion", map[string]any{"model": "shaky", "messages": hello})
		t.Logf("chat_completion, model shaky\n%s\n%s", answered, textOf(t, result, 1))
		if line := textOf(t, result, 1); answered != said("Hello") || !strings.Contains(line, "instead of openai/imitated?status=503 (overloaded)") {
			t.Errorf("answered %q, %q", answered, line)
		}

		unknown, result := p.use(t, "chat_completion", map[string]any{"model": "imitaded", "messages": hello})
		t.Logf("chat_completion, model imitaded\n%s", unknown)
		if !result.IsError || !strings.Contains(unknown, "a model such as") || !strings.Contains(unknown, "openai/imitated") {
			t.Errorf("an unknown name: %s", unknown)
		}

		read, err := p.ReadResource(timeLimit(t), &mcp.ReadResourceParams{URI: "models://all"})
		if err != nil || len(read.Contents) != 1 || !strings.Contains(read.Contents[0].Text, "openai/imitated") {
			t.Errorf("the resource: %+v, %v", read, err)
		}
		completed, err := p.Complete(timeLimit(t), &mcp.CompleteParams{
			Ref: &mcp.CompleteReference{Type: "ref/resource", URI: "models://about/{model}"}, Argument: mcp.CompleteParamsArgument{Name: "model", Value: "gemini/imi"},
		})
		if err != nil || len(completed.Completion.Values) == 0 || !strings.HasPrefix(completed.Completion.Values[0], "gemini/imitated") {
			t.Errorf("completion: %+v, %v", completed, err)
		}
	})
}

// TestListsOffline: what one process read the next one knows, without any provider.
func TestListsOffline(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		provider := imitation.New()
		endpoint, stop, err := provider.Serve()
		if err != nil {
			t.Fatal(err)
		}
		environment := append(fileOf(t, fmt.Sprintf("providers:\n  kept: {form: openai, endpoint: %q}\n", endpoint)), "XDG_CACHE_HOME="+t.TempDir())
		if on == sandbox { // which needs the compiled module there
			environment = environment[:len(environment)-1]
		}
		first := connect(t, on, versions[0], endpoint, environment...)
		first.use(t, "list_models", map[string]any{"refresh": true})
		// It is written behind the answer.
		eventually(t, deadline, "the list is kept", func() bool {
			second := connect(t, on, versions[0], endpoint, environment...)
			text, _ := second.use(t, "list_models", map[string]any{"query": "imitated", "provider": "kept"})
			return strings.Contains(text, "kept/imitated")
		})
		stop()
		third := connect(t, on, versions[0], endpoint, environment...)
		text, result := third.use(t, "list_models", map[string]any{"refresh": true})
		if result.IsError || !strings.Contains(text, "kept/imitated") || !strings.Contains(text, "could not be read again (network)") {
			t.Errorf("offline: %s", text)
		}
	})
}
