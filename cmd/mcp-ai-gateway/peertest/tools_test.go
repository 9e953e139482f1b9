package peertest

import (
	"encoding/json"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHandshake(t *testing.T) {
	shown, err := exec.Command(program, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	programVersion := strings.TrimSpace(strings.TrimPrefix(string(shown), "mcp-ai-gateway "))
	onAll(t, func(t *testing.T, on target, version string) {
		server := connect(t, on, version, endpoint).InitializeResult()
		if server.ServerInfo == nil {
			t.Fatal("the server does not say what it is")
		}
		if got := server.ServerInfo; got.Name != "mcp-ai-gateway" || got.Title != "MCP AI Gateway" ||
			got.Version == "" || got.Version != programVersion {
			t.Errorf("the server is %+v, --version says %q", got, programVersion)
		}
		if server.ProtocolVersion != version {
			t.Errorf("the protocol is %s, offered was %s", server.ProtocolVersion, version)
		}
		if server.Capabilities == nil || server.Capabilities.Tools == nil {
			t.Error("there are no tools among the capabilities")
		}
		if server.Instructions == "" {
			t.Error("there are no instructions")
		}
	})
}

func TestTools(t *testing.T) {
	onAll(t, func(t *testing.T, on target, version string) {
		p := connect(t, on, version, endpoint)
		list, err := p.ListTools(timeLimit(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, tool := range list.Tools {
			names = append(names, tool.Name)
			if hints := tool.Annotations; hints == nil || !hints.ReadOnlyHint || hints.IdempotentHint ||
				hints.DestructiveHint == nil || *hints.DestructiveHint || hints.OpenWorldHint == nil || !*hints.OpenWorldHint {
				t.Errorf("the annotations of %s are %+v", tool.Name, hints)
			}
		}
		if got := strings.Join(names, " "); got != "chat_completion compare_models list_models" {
			t.Fatalf("the tools are %s", got)
		}
		checkDefinitions(t, p)
	})
}

// TestLongDescription: whatever the user writes, the description stays within
// what clients show, and the user's words come first.
func TestLongDescription(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		words := strings.Repeat("größer ", 1000)
		p := connect(t, on, versions[0], endpoint, "DESCRIPTION="+words)
		list, err := p.ListTools(timeLimit(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := list.Tools[0].Description; utf8.RuneCountInString(got) > 2048 || !strings.HasPrefix(got, words[:2000]) {
			t.Errorf("a description of %d characters: %.80s...", utf8.RuneCountInString(got), got)
		}
	})
}

// checkDefinitions looks at the definitions of tools as they came, for the
// SDK's own types would leave out what they do not know.
func checkDefinitions(t *testing.T, p *peer) {
	t.Helper()
	responses := p.record.responses()
	var result struct {
		Tools []json.RawMessage `json:"tools"`
	}
	if err := json.Unmarshal(responses[len(responses)-1].Result, &result); err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, definition := range result.Tools {
		size += len(definition)
		var tool struct {
			Title, Description string
			InputSchema        map[string]any
			Annotations        map[string]*bool
		}
		if err := json.Unmarshal(definition, &tool); err != nil {
			t.Fatal(err)
		}
		if tool.Title == "" || tool.Description == "" {
			t.Errorf("title %q, description %q", tool.Title, tool.Description)
		}
		if characters := utf8.RuneCountInString(tool.Description); characters > 2048 {
			t.Errorf("the description has %d characters, more than clients show", characters)
		}
		for _, hint := range []string{"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"} {
			if tool.Annotations[hint] == nil {
				t.Errorf("%s is not set", hint)
			}
		}
		if tool.InputSchema["type"] != "object" || tool.InputSchema["properties"] == nil {
			t.Errorf("the input is no object with properties: %v", tool.InputSchema)
		}
		checkSchema(t, "inputSchema", tool.InputSchema)
	}
	if len(result.Tools) == 0 || size >= 3000 {
		t.Errorf("%d tools take %d bytes; each is paid for in every conversation", len(result.Tools), size)
	}
}

// checkSchema refuses what some client cannot read.
func checkSchema(t *testing.T, path string, schema map[string]any) {
	t.Helper()
	for _, name := range []string{"oneOf", "anyOf", "allOf", "not", "$ref"} {
		if _, ok := schema[name]; ok {
			t.Errorf("%s has %s", path, name)
		}
	}
	kind, ok := schema["type"].(string)
	if !ok {
		t.Errorf("%s: the type is %v, not one name", path, schema["type"])
	}
	if kind == "array" {
		if items, ok := schema["items"].(map[string]any); ok {
			checkSchema(t, path+"[]", items)
		} else {
			t.Errorf("%s is an array without items", path)
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if property, ok := properties[name].(map[string]any); ok {
			checkSchema(t, path+"."+name, property)
		} else {
			t.Errorf("%s.%s is no schema: %v", path, name, properties[name])
		}
	}
}
