package config

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// asJSON is a YAML text as JSON's values.
func asJSON(t *testing.T, data []byte) any {
	t.Helper()
	text, err := yaml.YAMLToJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func schemaFile(t *testing.T) map[string]any {
	t.Helper()
	data, err := os.ReadFile("../../../docs/config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return value.(map[string]any)
}

// TestSchemaFields holds the fields of the schema against those that are read,
// both ways.
func TestSchemaFields(t *testing.T) {
	at := func(node map[string]any, path ...string) map[string]any {
		for _, name := range path {
			node, _ = node[name].(map[string]any)
		}
		return node
	}
	top := schemaFile(t)
	one := at(top, "properties", "providers", "additionalProperties")
	model := at(top, "properties", "models", "additionalProperties")
	for _, section := range []struct {
		name   string
		schema map[string]any
		fields []string
	}{
		{"the file", top, names(topFields)},
		{"defaults", at(top, "properties", "defaults"), names(defaultFields)},
		{"a provider", one, names(providerFields)},
		{"deadlines", at(one, "properties", "deadlines"), names(deadlineFields)},
		{"a model", model, names(modelFields)},
		{"price", at(model, "properties", "price"), names(priceFields)},
		{"a model's defaults", at(model, "properties", "defaults"), names(modelDefaultFields)},
	} {
		told := slices.Sorted(maps.Keys(at(section.schema, "properties")))
		if read := slices.Sorted(slices.Values(section.fields)); !slices.Equal(told, read) {
			t.Errorf("%s: the schema has %q, read are %q", section.name, told, read)
		}
		if section.schema["additionalProperties"] != false {
			t.Errorf("%s: the schema allows other fields", section.name)
		}
		for name, property := range at(section.schema, "properties") {
			if property.(map[string]any)["description"] == nil {
				t.Errorf("%s: the schema does not describe %s", section.name, name)
			}
		}
	}
	words := func(section map[string]any, name string) (words []string) {
		field := at(section, "properties", name)
		list, ok := field["enum"].([]any)
		if !ok {
			either, _ := field["anyOf"].([]any)
			list, _ = either[0].(map[string]any)["enum"].([]any)
		}
		for _, word := range list {
			words = append(words, word.(string))
		}
		return words
	}
	for name, lists := range map[string][2][]string{
		"form":             {words(one, "form"), rowNames()},
		"tools":            {words(top, "tools"), core.ToolNames},
		"fallback_on":      {words(top, "fallback_on"), fallbackKinds},
		"reasoning_effort": {words(at(model, "properties", "defaults"), "reasoning_effort"), provider.Efforts},
	} {
		if !slices.Equal(lists[0], lists[1]) {
			t.Errorf("%s: the schema allows %q, read are %q", name, lists[0], lists[1])
		}
	}
}

// TestSchema: what the schema takes is read without a fault, and the reverse.
func TestSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("config.json", schemaFile(t)); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(asJSON(t, example(t))); err != nil {
		t.Errorf("the documented example: %v", err)
	}
	for _, text := range []string{
		"{}", "x-mine: [1, {a: b}]", "providers: {openai: , ollama: {}}", "timeout: 90", "timeout: 1m30s", "timeout: 0", "allow: gpt-*", "allow: [gpt-*, 5]",
		"aliases: {fast: [openai/a, b], slow: c}", "models: {openai/a: {price: {prompt: 0}}}", "models: {openai/a: }", "providers: {openai: {key: 'cmd:pass show x'}}",
		"output: raw", "sandbox: off", "defaults: {temperature: 2, max_tokens: 1}", "fallback_on: budgets", "fallback_on: content_filter",
		"outptu: raw", "output: pretty", "timeout: soon", "timeout: -1", "timeout: 100000", "providers: [openai]", "providers: {openai: {key: sk-1}}",
		"providers: {openai: {key: 'env:A B'}}", "providers: {openai: {concurrency: 0}}", "providers: {openai: {concurrency: 1.5}}", "providers: {-a: {form: openai}}",
		"providers: {openai: {deadlines: {connect: 0}}}", "providers: {openai: {version: latest}}", "models: {a: {}}", "models: {openai/a: {price: {prompt: cheap}}}",
		"models: {openai/a: {price: {prompt: -1}}}", "models: {openai/a: {abilities: [flying]}}", "models: {openai/a: {defaults: {reasoning_effort: much}}}",
		"models: {openai/a: {context: 128k}}", "aliases: {fast: {a: b}}", "tools: [chat]", "defaults: {temperature: 3}", "description: [a]", "- a",
	} {
		_, faults := Read("config.yaml", []byte(text), theWorld)
		if err := schema.Validate(asJSON(t, []byte(text))); (err == nil) != (len(faults) == 0) {
			t.Errorf("%s\n  read: %v\n  the schema: %v", text, faults, err)
		}
	}
}
