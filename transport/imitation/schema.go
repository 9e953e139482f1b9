package imitation

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

const (
	maxDepth = 64     // of schemas in schemas
	maxNodes = 10_000 // values in a fitting answer
)

// schema is what is read of a JSON schema. What is not read here, such as
// pattern, is not kept to.
type schema struct {
	Type       any                        `json:"type"` // a name, in OpenAPI's dialect in upper case, or several
	Properties map[string]json.RawMessage `json:"properties"`
	Required   []string                   `json:"required"`
	Items      json.RawMessage            `json:"items"`
	MinItems   int                        `json:"minItems"`
	Enum       []json.RawMessage          `json:"enum"`
	Const      json.RawMessage            `json:"const"`
	AnyOf      []json.RawMessage          `json:"anyOf"`
	OneOf      []json.RawMessage          `json:"oneOf"`
	AllOf      []json.RawMessage          `json:"allOf"`
	Ref        string                     `json:"$ref"`
	Minimum    *float64                   `json:"minimum"`
	Maximum    *float64                   `json:"maximum"`
	MinLength  int                        `json:"minLength"`
	MaxLength  *int                       `json:"maxLength"`
}

// fitting returns a JSON value that fits a schema: objects have their required
// properties in that order, arrays one item or as many as they must; strings
// are "imitated", numbers 1, booleans true; of several choices the first is
// taken.
func fitting(raw []byte) []byte {
	f := fit{root: raw}
	return f.append(nil, raw, 0)
}

// fit is one value while it is made.
type fit struct {
	root  []byte
	nodes int
}

func (f *fit) append(out []byte, raw json.RawMessage, depth int) []byte {
	var s schema
	f.nodes++
	if json.Unmarshal(raw, &s) != nil || depth > maxDepth || f.nodes > maxNodes {
		return append(out, "null"...) // true and false are schemas, too
	}
	if s.Ref != "" {
		return f.append(out, f.referenced(s.Ref), depth+1)
	}
	if s.Const != nil {
		return append(out, s.Const...)
	}
	if len(s.Enum) > 0 {
		return append(out, s.Enum[0]...)
	}
	if s.kind() == "" {
		for _, choices := range [][]json.RawMessage{s.AllOf, s.AnyOf, s.OneOf} {
			if len(choices) > 0 {
				return f.append(out, choices[0], depth+1)
			}
		}
	}
	switch s.kind() {
	case "object":
		out = append(out, '{')
		for i, name := range s.Required {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(append(out, encode(name)...), ':')
			out = f.append(out, s.Properties[name], depth+1)
		}
		return append(out, '}')
	case "array":
		out = append(out, '[')
		for i := range min(max(s.MinItems, 1), maxNodes) {
			if i > 0 {
				out = append(out, ',')
			}
			if len(s.Items) == 0 {
				out = append(out, '1')
				continue
			}
			out = f.append(out, s.Items, depth+1)
		}
		return append(out, ']')
	case "integer", "number":
		return append(out, encode(s.number())...)
	case "boolean":
		return append(out, "true"...)
	case "null":
		return append(out, "null"...)
	}
	return append(out, encode(s.text())...)
}

// kind is the first type that the schema allows, or what its keywords mean; ""
// where it does not say.
func (s *schema) kind() string {
	switch given := s.Type.(type) {
	case string:
		return strings.ToLower(given)
	case []any:
		for _, name := range given {
			if name, ok := name.(string); ok && name != "null" {
				return name
			}
		}
	}
	switch {
	case s.Properties != nil, s.Required != nil:
		return "object"
	case s.Items != nil:
		return "array"
	}
	return ""
}

// number is 1, or the whole number within the bounds that is the nearest.
func (s *schema) number() float64 {
	number := 1.0
	if s.Minimum != nil && number < *s.Minimum {
		number = math.Ceil(*s.Minimum)
	}
	if s.Maximum != nil && number > *s.Maximum {
		number = math.Floor(*s.Maximum)
	}
	return number
}

// text is "imitated", as long as it has to be.
func (s *schema) text() string {
	text := "imitated"
	if missing := min(s.MinLength, maxSize) - len(text); missing > 0 {
		text += strings.Repeat(".", missing)
	}
	if s.MaxLength != nil && *s.MaxLength >= 0 && *s.MaxLength < len(text) {
		text = text[:*s.MaxLength]
	}
	return text
}

// referenced finds the schema of a $ref within the document.
func (f *fit) referenced(pointer string) json.RawMessage {
	path, local := strings.CutPrefix(pointer, "#")
	found := json.RawMessage(f.root)
	if !local {
		return nil
	}
	for name := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if name == "" {
			continue
		}
		var fields map[string]json.RawMessage
		if json.Unmarshal(found, &fields) != nil {
			return nil
		}
		found = fields[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
	}
	return found
}

// closed reports whether all objects of a schema forbid other properties, as
// Anthropic demands.
func closed(raw json.RawMessage) bool {
	var value any
	return json.Unmarshal(raw, &value) == nil && closedValue(value)
}

func closedValue(value any) bool {
	switch value := value.(type) {
	case []any:
		return !slices.ContainsFunc(value, func(inner any) bool { return !closedValue(inner) })
	case map[string]any:
		if value["type"] == "object" && fmt.Sprint(value["additionalProperties"]) != "false" {
			return false
		}
		for _, inner := range value {
			if !closedValue(inner) {
				return false
			}
		}
	}
	return true
}
