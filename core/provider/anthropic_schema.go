package provider

import "github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"

// appendClosed writes a JSON schema with additionalProperties false on each
// object that says nothing of it. The order of keys is part of what providers
// cache, so the text is copied, not decoded.
func appendClosed(out []byte, schema json.Value, depth int) []byte {
	if !schema.IsObject() || depth == schemaDepth {
		return append(out, schema.Raw...)
	}
	isObject, open := false, true
	out = append(out, '{')
	first := len(out)
	schema.ForEach(func(key, value json.Value) bool {
		if len(out) > first {
			out = append(out, ',')
		}
		out = append(append(out, key.Raw...), ':')
		switch key.String() {
		case "type":
			value.ForEach(func(_, kind json.Value) bool { // one value, or each of a list
				isObject = isObject || text(kind) == "object"
				return true
			})
		case "additionalProperties":
			open = false
		}
		switch key.String() {
		case "properties", "patternProperties", "$defs", "definitions", "dependentSchemas":
			out = appendEachClosed(out, value, depth)
		case "items", "prefixItems", "contains", "additionalProperties", "anyOf", "oneOf", "allOf", "not", "if", "then", "else":
			if value.IsArray() {
				out = appendEachClosed(out, value, depth)
			} else {
				out = appendClosed(out, value, depth+1)
			}
		default:
			out = append(out, value.Raw...) // enum, const, default and the like are data
		}
		return true
	})
	if isObject && open {
		if len(out) > first {
			out = append(out, ',')
		}
		out = append(out, `"additionalProperties":false`...)
	}
	return append(out, '}')
}

// appendEachClosed writes an object or a list whose elements are schemas.
func appendEachClosed(out []byte, schemas json.Value, depth int) []byte {
	if !schemas.IsObject() && !schemas.IsArray() {
		return append(out, schemas.Raw...)
	}
	out = append(out, schemas.Raw[0])
	first := len(out)
	schemas.ForEach(func(key, schema json.Value) bool {
		if len(out) > first {
			out = append(out, ',')
		}
		if schemas.IsObject() {
			out = append(append(out, key.Raw...), ':')
		}
		out = appendClosed(out, schema, depth+1)
		return true
	})
	return append(out, schemas.Raw[len(schemas.Raw)-1])
}

// schemaDepth is how deep schemas are read; providers take ten levels or so.
const schemaDepth = 100
