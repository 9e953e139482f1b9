package traffic

import (
	"bytes"
	"encoding/json"
	"strings"
)

// node is a JSON value for reading without knowing its form: what is not
// there, or is of another type, reads as nothing.
type node struct{ value any }

func parse(text string) (node, bool) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return node{value}, err == nil
}

func (n node) at(path ...string) node {
	for _, name := range path {
		object, _ := n.value.(map[string]any)
		n = node{object[name]}
	}
	return n
}

func (n node) list() (nodes []node) {
	list, _ := n.value.([]any)
	for _, value := range list {
		nodes = append(nodes, node{value})
	}
	return nodes
}

func (n node) text() string { text, _ := n.value.(string); return text }

func (n node) number() int64 {
	number, _ := n.value.(json.Number)
	whole, _ := number.Int64()
	return whole
}

func (n node) isObject() bool { _, ok := n.value.(map[string]any); return ok }

// plain is the value with numbers as encoding/json reads them by default.
func (n node) plain() (plain any) {
	data, err := json.Marshal(n.value)
	if err != nil || json.Unmarshal(data, &plain) != nil {
		return nil
	}
	return plain
}

// plains are the elements of a list, or nil where there are none.
func plains(nodes []node) (values []any) {
	for _, n := range nodes {
		values = append(values, n.plain())
	}
	return values
}

// event is one event of a recorded stream.
type event struct{ name, data string }

// events splits a whole stream. The field error is llama.cpp's; a line of JSON
// without a field is how Google breaks off.
func events(body []byte) (list []event) {
	text := strings.TrimPrefix(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(body)), "\ufeff")
	var current event
	var data []string
	bare := false
	for line := range strings.SplitSeq(text+"\n\n", "\n") {
		name, value, _ := strings.Cut(strings.TrimLeft(line, " \t"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if current.data = strings.Join(data, "\n"); data != nil {
				list = append(list, current)
			}
			current, data, bare = event{}, nil, false
		case name == "event":
			current.name = value
		case name == "data":
			data = append(data, value)
		case name == "error":
			current.name, data = "error", []string{value}
		case bare, data == nil && line[0] == '{':
			bare, data = true, append(data, line)
		}
	}
	return list
}

// wordsOf are the provider's words in an error's body.
func wordsOf(body []byte) []string {
	value, ok := parse(string(body))
	if !ok {
		return []string{string(bytes.TrimSpace(body))}
	}
	if list := value.list(); len(list) > 0 {
		value = list[0]
	}
	var words []string
	for _, said := range []string{
		value.at("error", "message").text(), value.at("error").text(), value.at("message").text(), value.at("detail").text(),
	} {
		if said != "" {
			words = append(words, said)
			break
		}
	}
	if raw := value.at("error", "metadata", "raw").text(); raw != "" {
		words = append(words, raw)
	}
	return words
}

// reading is the recorded JSON, read as the form's documentation says, with
// no code of the gateway's.
func reading(r *recording) *answer {
	if r.status >= 400 {
		return &answer{failed: true, status: r.status, message: wordsOf(r.body)}
	}
	a := map[form]func(*recording) *answer{
		openAIForm: readOpenAI, responsesForm: readResponses, anthropicForm: readAnthropic, geminiForm: readGemini,
	}[r.form](r)
	if a.failed {
		a.status = r.status
	}
	return a
}
