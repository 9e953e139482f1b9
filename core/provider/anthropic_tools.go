package provider

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// tools writes the tools and the choice among them.
func (e *anthropicEncoding) tools(request *Request) *Error {
	var strictness anthropicStrictness
	for i, tool := range request.Tools {
		wire := anthropicTool{Name: tool.Name, Description: tool.Description, CacheControl: tool.CacheControl}
		path := "tools[" + strconv.Itoa(i) + "].function."
		beside, fault := e.input(&wire, path+"parameters", tool.Parameters)
		if fault != nil {
			return fault
		}
		if tool.Strict != nil && *tool.Strict {
			switch {
			case !e.model.schemas:
				e.adjusted.note("tools[].function.strict", "dropped", e.wire.Model+" cannot be held to a schema")
			case beside || !strictness.admits(json.Parse(wire.InputSchema)):
				e.adjusted.note("tools[].function.strict", "dropped", "Anthropic cannot hold a model to the schema of "+tool.Name)
			default:
				wire.Strict = true
			}
		}
		e.wire.Tools = append(e.wire.Tools, wire)
	}
	if len(request.Tools) == 0 && !request.adds("tools") {
		e.called(request.Messages)
	}
	return e.choice(request)
}

// called declares the tools that a conversation without tools has calls of,
// since the API wants every one declared, and keeps them from being called.
func (e *anthropicEncoding) called(messages []Message) {
	for _, message := range messages {
		for _, call := range message.ToolCalls {
			named := func(tool anthropicTool) bool { return tool.Name == call.Function.Name }
			if call.Function != nil && !slices.ContainsFunc(e.wire.Tools, named) {
				e.wire.Tools = append(e.wire.Tools, anthropicTool{Name: call.Function.Name, InputSchema: noParameters})
			}
		}
	}
	if len(e.wire.Tools) > 0 {
		e.wire.ToolChoice = &anthropicToolChoice{Type: "none"}
		e.adjusted.note("tools", "added", "Anthropic wants the tools that were called declared; tool_choice none keeps them from being called")
	}
}

// choice writes tool_choice and parallel_tool_calls.
func (e *anthropicEncoding) choice(request *Request) *Error {
	single := request.ParallelToolCalls != nil && !*request.ParallelToolCalls
	if len(request.Tools) == 0 {
		if single {
			e.adjusted.note("parallel_tool_calls", "dropped", "there are no tools")
		}
		return nil
	}
	switch choice := request.ToolChoice; {
	case choice == nil && !single:
		return nil
	case choice == nil:
		e.wire.ToolChoice = &anthropicToolChoice{Type: "auto"}
	case choice.Mode == "none":
		e.wire.ToolChoice = &anthropicToolChoice{Type: "none"}
		return nil // with no calls at all
	case choice.Mode == "auto":
		e.wire.ToolChoice = &anthropicToolChoice{Type: "auto"}
	case e.model.unforced:
		return &Error{
			Kind: InvalidRequest, Message: "tool_choice: got " + choice.Mode + ", allowed: auto, none, since " + e.wire.Model + " cannot be forced to call a tool",
			Next: "Use auto and ask for the call in a message, or choose another model.",
		}
	case choice.Mode == "function":
		e.wire.ToolChoice = &anthropicToolChoice{Type: "tool", Name: choice.Name}
	default:
		e.wire.ToolChoice = &anthropicToolChoice{Type: "any"}
	}
	e.wire.ToolChoice.DisableParallelToolUse = single
	return nil
}

// anthropicCombinators are refused at the root of an input_schema: "does not
// support oneOf, allOf, or anyOf at the top level".
var anthropicCombinators = []string{"anyOf", "oneOf", "allOf"}

// input writes a tool's parameters as input_schema, which must say type object
// at its root (400 "tools.0.custom.input_schema.type: Field required"). What
// cannot stand there goes into the description, beside the schema.
func (e *anthropicEncoding) input(tool *anthropicTool, path string, parameters json.RawMessage) (beside bool, fault *Error) {
	if len(parameters) == 0 {
		tool.InputSchema = noParameters
		return false, nil
	}
	root := json.Parse(parameters)
	kind, reference := root.Get("type"), root.Get("$ref")
	if !kind.Exists() && reference.Exists() {
		found := referenced(root, reference.String())
		if !describesObject(found) {
			return false, e.refused(path+".$ref", strconv.Quote(reference.String()), "the name of a schema of type object in $defs of the same schema")
		}
		e.adjusted.note("tools[].function.parameters", "moved", "Anthropic wants type object at the root: what $ref named stands there")
		root = inlined(root, found)
		kind = root.Get("type")
	}
	out := []byte{'{'}
	add := func(key, value string) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	objects := kind.IsArray() && slices.ContainsFunc(kind.Array(), func(one json.Value) bool { return text(one) == "object" })
	switch {
	case text(kind) == "object":
	case !kind.Exists():
		add(`"type"`, `"object"`)
		e.adjusted.note("tools[].function.parameters", "added", "Anthropic wants type object at the root")
	case objects:
		e.adjusted.note("tools[].function.parameters", "clamped", "Anthropic wants type object at the root, and no other")
	default:
		return false, e.refused(path+".type", shortened(kind.Raw), "object")
	}
	var besides []string
	root.ForEach(func(key, value json.Value) bool {
		switch name := key.String(); {
		case name == "type":
			add(key.Raw, `"object"`)
		case slices.Contains(anthropicCombinators, name):
			besides = append(besides, key.Raw+":"+value.Raw)
		default:
			add(key.Raw, value.Raw)
		}
		return true
	})
	if len(besides) > 0 {
		tool.Description = strings.TrimSpace(tool.Description + "\n\nThe input also has to match this JSON schema: {" + strings.Join(besides, ",") + "}")
		e.adjusted.note("tools[].function.parameters", "moved", "Anthropic refuses anyOf, oneOf and allOf at the root: they went into the description")
	}
	tool.InputSchema = append(out, '}')
	return len(besides) > 0, nil
}

// shortened keeps a quoted value from filling a sentence.
func shortened(raw string) string { return raw[:min(len(raw), 60)] }

// referenced finds the schema that a $ref of the same document names, in $defs
// or definitions.
func referenced(root json.Value, reference string) (found json.Value) {
	path, ok := strings.CutPrefix(reference, "#/")
	place, name, nested := strings.Cut(path, "/")
	if !ok || !nested || place != "$defs" && place != "definitions" {
		return found
	}
	name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
	root.Get(place).ForEach(func(key, value json.Value) bool {
		if key.String() == name {
			found = value
		}
		return true
	})
	return found
}

// inlined is a schema with another in the place of its $ref.
func inlined(root, found json.Value) json.Value {
	out := []byte{'{'}
	names := map[string]bool{"$ref": true}
	add := func(key, value json.Value) bool {
		if names[key.String()] {
			return true
		}
		names[key.String()] = true
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, key.Raw...), ':'), value.Raw...)
		return true
	}
	found.ForEach(add)
	root.ForEach(add)
	return json.Parse(append(out, '}'))
}

// anthropicStrictness adds up what the strict tools of a request have of what
// is limited. Sources: the 400s of recordings.
type anthropicStrictness struct{ tools, optional, unions int }

// admits reports whether one more tool may be strict, and counts it if so.
func (s *anthropicStrictness) admits(schema json.Value) bool {
	with := *s
	with.tools++
	if !with.add(schema, 0) || circular(schema, schema, nil, map[string]bool{}, true, 0) ||
		with.tools > 20 || with.optional > 24 || with.unions > 16 {
		return false
	}
	*s = with
	return true
}

// add counts a schema and those in it, and reports whether all of them are of
// the kind that a model can be held to.
func (s *anthropicStrictness) add(schema json.Value, depth int) bool {
	if !schema.IsObject() || depth == schemaDepth { // true and false are schemas elsewhere
		return false
	}
	var required []string
	for _, name := range schema.Get("required").Array() {
		required = append(required, name.String())
	}
	able, closed := true, !describesObject(schema)
	each := func(schemas json.Value, visit func(name string, schema json.Value)) {
		schemas.ForEach(func(name, schema json.Value) bool {
			visit(name.String(), schema)
			able = able && s.add(schema, depth+1)
			return able
		})
	}
	schema.ForEach(func(key, value json.Value) bool {
		switch name := key.String(); name {
		case "properties":
			each(value, func(name string, property json.Value) {
				if !slices.Contains(required, name) {
					s.optional++
				}
				if property.Get("anyOf").Exists() || property.Get("type").IsArray() {
					s.unions++
				}
			})
		case "$defs", "definitions", "anyOf", "allOf", "prefixItems":
			each(value, func(string, json.Value) {})
		case "items":
			able = able && s.add(value, depth+1)
		case "additionalProperties":
			closed = value.Type == json.False
		case "oneOf", "not", "if", "then", "else", "patternProperties", "dependentSchemas", "contains", "propertyNames", "$dynamicRef":
			able = false
		default:
			able = able && !isAnthropicBound(key, value)
		}
		return able
	})
	return able && closed
}

// circular reports whether a schema refers to itself. What is said of names that
// are not found is unknown. Those in done do not.
func circular(root, schema json.Value, open []string, done map[string]bool, unknown bool, depth int) (found bool) {
	if depth == schemaDepth {
		return true
	}
	schema.ForEach(func(key, value json.Value) bool {
		switch {
		case schema.IsObject() && key.String() == "$ref" && value.Type == json.String:
			name := value.String()
			if done[name] {
				return true
			}
			switch target := referenced(root, name); {
			case name == "#", slices.Contains(open, name):
				found = true
			case !target.Exists():
				found = unknown
			default:
				found = circular(root, target, append(slices.Clip(open), name), done, unknown, depth+1)
			}
			done[name] = true
		case value.IsObject() || value.IsArray():
			found = circular(root, value, open, done, unknown, depth+1)
		}
		return !found
	})
	return found
}
