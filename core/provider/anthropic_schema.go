package provider

import (
	"slices"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// anthropicSchema writes a JSON schema as Anthropic takes it: each object that
// says nothing of other properties is closed, and bounds stand in the
// description, where the model reads them. The order of keys is part of what
// providers cache, so the text is copied, not decoded.
type anthropicSchema struct {
	added, moved bool // additionalProperties was, bounds were
	closed       bool // an object was open to other properties than those it names
	unnamed      bool // an object was, and names none: it cannot be said
}

// anthropicBounds are keywords that Anthropic refuses; minItems only above 1.
var anthropicBounds = []string{
	"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
	"minLength", "maxLength", "minItems", "maxItems",
}

func isAnthropicBound(key, value json.Value) bool {
	if key.String() == "pattern" { // with a look around, which is refused
		return strings.Contains(value.String(), "(?=") || strings.Contains(value.String(), "(?!") || strings.Contains(value.String(), "(?<")
	}
	return value.Type == json.Number && slices.Contains(anthropicBounds, key.String()) && (key.String() != "minItems" || value.Float() > 1)
}

// append writes one schema. Inside an allOf nothing is closed: each of its
// schemas would shut out the properties of the others.
func (s *anthropicSchema) append(out []byte, schema json.Value, closing bool, depth int) []byte {
	if !schema.IsObject() || depth == schemaDepth {
		return append(out, schema.Raw...)
	}
	description := schema.Get("description")
	describable := !description.Exists() || description.Type == json.String
	var bounds []string
	schema.ForEach(func(key, value json.Value) bool {
		if describable && isAnthropicBound(key, value) {
			bounds = append(bounds, key.String()+": "+value.Raw)
		}
		return true
	})
	words := strings.Join(bounds, ", ")
	if words != "" && description.String() != "" {
		words = description.String() + " (" + words + ")"
	}
	s.moved = s.moved || words != ""

	out = append(out, '{')
	first := len(out)
	key := func(name string) {
		if len(out) > first {
			out = append(out, ',')
		}
		out = append(append(out, name...), ':')
	}
	schema.ForEach(func(name, value json.Value) bool {
		if words != "" && (name.String() == "description" || isAnthropicBound(name, value)) {
			return true
		}
		key(name.Raw)
		switch name.String() {
		case "properties", "patternProperties", "$defs", "definitions", "dependentSchemas":
			out = s.appendEach(out, value, closing, depth)
		case "additionalProperties":
			// 400 "'additionalProperties: true' is not supported" (LiteLLM#35808). An
			// answer with the named properties alone fits an open object as well.
			if value.Type != json.False {
				s.closed, s.unnamed = true, s.unnamed || len(schema.Get("properties").Map()) == 0
			}
			out = append(out, "false"...)
		case "items", "prefixItems", "contains", "anyOf", "oneOf", "allOf":
			inner := closing && name.String() != "allOf"
			if value.IsArray() {
				out = s.appendEach(out, value, inner, depth)
			} else {
				out = s.append(out, value, inner, depth+1)
			}
		default:
			// enum, const, default and the like are data. What stands in not,
			// if, then and else would mean something else without its bounds.
			out = append(out, value.Raw...)
		}
		return true
	})
	if words != "" {
		if written, err := json.Marshal(words); err == nil {
			key(`"description"`)
			out = append(out, written...)
		}
	}
	if closing && describesObject(schema) && !schema.Get("additionalProperties").Exists() {
		s.added = true
		key(`"additionalProperties"`)
		out = append(out, "false"...)
	}
	return append(out, '}')
}

// appendEach writes an object or a list whose elements are schemas.
func (s *anthropicSchema) appendEach(out []byte, schemas json.Value, closing bool, depth int) []byte {
	if !schemas.IsObject() && !schemas.IsArray() {
		return append(out, schemas.Raw...)
	}
	out = append(out, schemas.Raw[0])
	first := len(out)
	schemas.ForEach(func(name, schema json.Value) bool {
		if len(out) > first {
			out = append(out, ',')
		}
		if schemas.IsObject() {
			out = append(append(out, name.Raw...), ':')
		}
		out = s.append(out, schema, closing, depth+1)
		return true
	})
	return append(out, schemas.Raw[len(schemas.Raw)-1])
}

// describesObject reports whether a schema is one of objects: by its type, or
// without one by its properties.
func describesObject(schema json.Value) (object bool) {
	kinds := schema.Get("type")
	if !kinds.Exists() {
		return schema.Get("properties").IsObject()
	}
	kinds.ForEach(func(_, kind json.Value) bool { // one value, or each of a list
		object = object || text(kind) == "object"
		return true
	})
	return object
}

// schemaDepth is how deep schemas are read; providers take ten levels or so.
const schemaDepth = 100
