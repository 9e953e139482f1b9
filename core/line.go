package core

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// line is a frame as one line of JSON, for hosts that can only run a command:
//
//	{"kind":"chunk","id":"1.1","at_ms":1700000000000,"meta":{...},"body":"text"}
//
// A body that is not UTF-8 stands in body64, as base64.
type line struct {
	Kind   string          `json:"kind"`
	ID     string          `json:"id,omitempty"`
	AtMS   int64           `json:"at_ms,omitempty"`
	Meta   json.RawMessage `json:"meta,omitempty"`
	Body   string          `json:"body,omitempty"`
	Body64 string          `json:"body64,omitempty"`
}

// AppendEffectLine appends an effect as one line with its newline to b.
func AppendEffectLine(b []byte, effect Effect) ([]byte, error) {
	form := effect.effect()
	out := line{Kind: form.kind.String()}
	if form.id != nil && *form.id != 0 {
		out.ID = form.id.String()
	}
	if form.meta != nil {
		meta, err := json.Marshal(form.meta)
		if err != nil {
			return nil, ErrFrame
		}
		out.Meta = meta
	}
	if form.text != nil {
		out.Body = *form.text
	} else if form.body != nil && utf8.Valid(*form.body) {
		out.Body = string(*form.body)
	} else if form.body != nil {
		out.Body64 = base64.StdEncoding.EncodeToString(*form.body)
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, ErrFrame
	}
	return append(append(b, text...), '\n'), nil
}

// DecodeEventLine reads an event from one line.
func DecodeEventLine(text []byte) (Event, error) {
	var in line
	if !json.Valid(text) || json.Unmarshal(text, &in) != nil {
		return nil, ErrFrame
	}
	event := eventNamed(in.Kind)
	if event == nil {
		return nil, ErrFrame
	}
	form := event.event()
	if form.id != nil {
		id, ok := ParseID(in.ID)
		if !ok {
			return nil, ErrFrame
		}
		*form.id = id
	}
	if form.at != nil {
		*form.at = in.AtMS
	}
	if form.meta != nil && json.Unmarshal(bytes.TrimSpace(in.Meta), form.meta) != nil {
		return nil, ErrFrame
	}
	if form.body != nil {
		*form.body = []byte(in.Body)
		if in.Body64 != "" {
			body, err := base64.StdEncoding.DecodeString(in.Body64)
			if err != nil {
				return nil, ErrFrame
			}
			*form.body = body
		}
	}
	return event, nil
}

func eventNamed(name string) Event {
	for kind := KindConfigure; kind <= KindChecked; kind++ {
		if kind.String() == name {
			return newEvent(kind)
		}
	}
	return nil
}
