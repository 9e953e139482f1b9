package provider

import (
	"slices"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// geminiArguments puts the arguments of one call together from partialArgs: a
// value for each jsonPath, texts in pieces, in the order in which they begin.
// https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling#streaming-fc
type geminiArguments struct {
	root  geminiArgument
	count int
}

// geminiArgument is one value: an object or a list of others, a text, or a
// number, truth or null as it came.
type geminiArgument struct {
	name  string // in an object; in a list its place, as [0]
	inner []*geminiArgument
	list  bool
	text  []byte
	said  bool // text is one, be it empty
	other string
}

// geminiArgumentLimit is the most values of one call.
const geminiArgumentLimit = 4096

// add reads one entry of partialArgs. It reports whether there was room.
func (a *geminiArguments) add(piece json.Value) bool {
	at := &a.root
	for _, name := range geminiPathNames(text(piece.Get("jsonPath"))) {
		at.list = strings.HasPrefix(name, "[") && at != &a.root // arguments are an object
		i := slices.IndexFunc(at.inner, func(known *geminiArgument) bool { return known.name == name })
		if i < 0 {
			if a.count++; a.count > geminiArgumentLimit {
				return false
			}
			i = len(at.inner)
			at.inner = append(at.inner, &geminiArgument{name: name})
		}
		at = at.inner[i]
	}
	if at == &a.root {
		return true // of nothing
	}
	if value := piece.Get("stringValue"); value.Type == json.String {
		at.text, at.said = append(at.text, value.String()...), true
	}
	for _, field := range []string{"numberValue", "boolValue"} {
		if value := piece.Get(field); value.Type == json.Number || value.Type == json.True || value.Type == json.False {
			at.other = value.Raw
		}
	}
	if piece.Get("nullValue").Exists() {
		at.other = "null"
	}
	return true
}

// geminiPathNames splits a path such as $.a.b[0] or $['a b'] into names; places
// in lists keep their brackets. What is written otherwise is one name.
func geminiPathNames(path string) (names []string) {
	rest := strings.TrimPrefix(path, "$")
	for rest != "" && len(names) <= geminiArgumentLimit {
		switch {
		case strings.HasPrefix(rest, "['"), strings.HasPrefix(rest, `["`):
			name, after, found := strings.Cut(rest[2:], rest[1:2]+"]")
			if !found {
				return append(names, rest)
			}
			names, rest = append(names, name), after
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return append(names, strings.TrimLeft(rest, "["))
			}
			names, rest = append(names, rest[:end+1]), rest[end+1:]
		default:
			rest = strings.TrimPrefix(rest, ".")
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return names
			}
			names, rest = append(names, rest[:end]), rest[end:]
		}
	}
	return names
}

// append writes the object. Cut arguments are left open where the last piece
// ended.
func (a *geminiArguments) append(out []byte, cut bool) []byte {
	if len(a.root.inner) == 0 {
		if cut {
			return out
		}
		return append(out, "{}"...)
	}
	return a.root.append(out, cut)
}

func (a *geminiArgument) append(out []byte, cut bool) []byte {
	switch {
	case len(a.inner) > 0:
		brackets := "{}"
		if a.list {
			brackets = "[]"
		}
		out = append(out, brackets[0])
		for i, value := range a.inner {
			if i > 0 {
				out = append(out, ',')
			}
			if !a.list {
				name, err := json.Marshal(value.name)
				if err != nil {
					name = []byte(`""`)
				}
				out = append(append(out, name...), ':')
			}
			out = value.append(out, cut && i == len(a.inner)-1)
		}
		if !cut {
			out = append(out, brackets[1])
		}
		return out
	case a.said:
		quoted, err := json.Marshal(string(a.text))
		if err != nil {
			return append(out, `""`...)
		}
		if cut {
			quoted = quoted[:len(quoted)-1]
		}
		return append(out, quoted...)
	case a.other != "":
		return append(out, a.other...)
	}
	return append(out, "null"...)
}
