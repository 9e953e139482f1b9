package provider

import (
	"slices"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// logprobs joins the pieces of logprobs: the lists, each by its name (content,
// refusal and, from DeepSeek, reasoning_content), and the last of what is no
// list. The entries are carried unread.
type logprobs struct {
	said    bool // an object came, be it empty
	members []logprobMember
}

type logprobMember struct {
	name    string // as JSON
	listed  bool
	list    []json.RawMessage
	another json.RawMessage // what is no list
}

// logprobLimit is the most members of one logprobs. Two are documented.
const logprobLimit = 16

func (l *logprobs) add(piece json.Value) {
	if !piece.IsObject() {
		return
	}
	l.said = true
	piece.ForEach(func(key, value json.Value) bool {
		member := l.member(key.Raw)
		switch {
		case member == nil:
		case value.IsArray():
			member.listed, member.list = true, appendRaw(member.list, value)
		default:
			member.another = json.Compact([]byte(value.Raw))
		}
		return true
	})
}

func (l *logprobs) member(name string) *logprobMember {
	i := slices.IndexFunc(l.members, func(known logprobMember) bool { return known.name == name })
	if i < 0 {
		if len(l.members) == logprobLimit {
			return nil
		}
		i = len(l.members)
		l.members = append(l.members, logprobMember{name: name})
	}
	return &l.members[i]
}

// result is what the pieces said, or nil where none said anything.
func (l *logprobs) result() json.RawMessage {
	if !l.said {
		return nil
	}
	out := []byte{'{'}
	for i, member := range l.members {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, member.name...), ':')
		if !member.listed {
			out = append(out, member.another...)
			continue
		}
		out = append(out, '[')
		for j, entry := range member.list {
			if j > 0 {
				out = append(out, ',')
			}
			out = append(out, entry...)
		}
		out = append(out, ']')
	}
	return append(out, '}')
}
