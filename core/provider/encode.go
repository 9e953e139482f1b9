package provider

import (
	"slices"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// adjustments are the deviations of what is sent from what was asked.
type adjustments []Adjustment

// note adds one, once, however many messages share it.
func (a *adjustments) note(parameter, action, reason string) {
	adjustment := Adjustment{parameter, action, reason}
	if !slices.Contains(*a, adjustment) {
		*a = append(*a, adjustment)
	}
}

// silenced are the parts of an assistant's message where what it made beside
// text cannot go back: of what it said aloud the words stay.
func (a *adjustments) silenced(message Message, who string) []Part {
	if len(message.Images) > 0 {
		a.note("messages[].images", "dropped", who+" does not take back what the assistant made")
	}
	switch spoken := message.Spoken; {
	case spoken == nil:
	case spoken.Transcript == "":
		a.note("messages[].audio", "dropped", who+" does not take back what the assistant made")
	default:
		a.note("messages[].audio", "renamed", who+" does not take it back: its transcript went as text")
		return append(slices.Clip(message.Parts), Part{Type: TextPart, Text: spoken.Transcript})
	}
	return message.Parts
}

// post makes the HTTP request of any form: the body, with the caller's extra
// fields, to a path below the row's endpoint.
func post(row *Row, path string, wire any, extra json.RawMessage, header ...Field) (HTTPRequest, error) {
	body, err := json.Marshal(wire)
	if err != nil {
		return HTTPRequest{}, &Error{Kind: InvalidRequest, Message: "the request cannot be written as JSON"}
	}
	if len(extra) > 0 {
		merged, clash := appendMerged(make([]byte, 0, len(body)+len(extra)), json.Parse(body), json.Parse(extra), "")
		if clash != "" {
			return HTTPRequest{}, &Error{
				Kind: InvalidRequest, Message: "extra_body" + clash + ": the gateway writes this field itself; allowed: fields that it does not write",
				Next: "Use the argument of chat_completion for it, or leave it out of extra_body.",
			}
		}
		body = merged
	}
	header = append([]Field{{"content-type", "application/json"}}, header...)
	return HTTPRequest{Method: "POST", URL: row.at(path), Header: append(header, row.Header...), Body: body}, nil
}

// longerLists are the lists of a body that extra_body may add to: the
// provider's own tools, and what a reply shall hold beside (Responses).
var longerLists = []string{".tools", ".include"}

// appendMerged lays one object over another, and objects in them as well; lists
// that may be longer go one behind the other. The first field that both have
// otherwise is a clash.
func appendMerged(out []byte, base, over json.Value, path string) (merged []byte, clash string) {
	added := map[string]json.Value{}
	over.ForEach(func(key, value json.Value) bool {
		added[key.String()] = value
		return true
	})
	member := func(key, value string) {
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	out = append(out, '{')
	base.ForEach(func(key, value json.Value) bool {
		addition, both := added[key.String()]
		if !both {
			member(key.Raw, value.Raw)
			return true
		}
		delete(added, key.String())
		at := path + "." + key.String()
		switch {
		case value.IsObject() && addition.IsObject():
			member(key.Raw, "")
			out, clash = appendMerged(out, value, addition, at)
		case value.IsArray() && addition.IsArray() && slices.Contains(longerLists, at):
			member(key.Raw, "")
			out = appendList(out, append(value.Array(), addition.Array()...))
		default:
			clash = at
		}
		return clash == ""
	})
	if clash != "" {
		return nil, clash
	}
	over.ForEach(func(key, value json.Value) bool {
		if _, missing := added[key.String()]; missing {
			member(key.Raw, value.Raw)
		}
		return true
	})
	return append(out, '}'), ""
}

// appendList writes a list of values, each of the same once.
func appendList(out []byte, values []json.Value) []byte {
	out = append(out, '[')
	var written []string
	for _, value := range values {
		if slices.Contains(written, value.Raw) {
			continue
		}
		if len(written) > 0 {
			out = append(out, ',')
		}
		written = append(written, value.Raw)
		out = append(out, value.Raw...)
	}
	return append(out, ']')
}
