package traffic

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// unasked is what the gateway says in every request of a form without being
// asked, and why. It is no adjustment, since nothing that was asked for is
// another; and what a caller asked for is never overridden by it.
var unasked = map[form]map[string]string{
	openAIForm: {
		"stream_options.include_usage": "without it a stream carries no usage",
	},
	responsesForm: {
		"store":             "false: every request brings the whole conversation",
		"include":           "the model's thoughts, encrypted, since nothing is stored",
		"reasoning.summary": "the answer's reasoning_content is made of it",
		"tools[].strict":    "false, as in OpenAI's chat form where nothing is said; here nothing means that schemas are rewritten",
	},
	geminiForm: {
		"tools[].functionDeclarations[].description": "empty: some versions of Vertex AI want one",
	},
}

// compare holds what is sent against what was recorded, and returns what was
// said unasked.
func compare(t *testing.T, q *question, want map[string]any, got *sent) (found []string) {
	t.Helper()
	r, form := q.recording, q.recording.form
	if sentTo, recordedTo := place(got.url), place(r.url); sentTo != recordedTo {
		t.Errorf("it asks %s, recorded was %s, adjusted %+v", sentTo, recordedTo, got.adjusted)
		return nil
	}
	strict(t, q, got)
	have := wires[form].canonical(got.body)
	var padded bool
	var covered []string // by adjustments
	changes := map[int][]string{}
	for i, a := range got.adjusted {
		places, ok := wires[form].covers[a.Parameter]
		if !ok {
			places = []string{a.Parameter}
		}
		padded = padded || a.Parameter == "messages" && a.Action == "added"
		if a.Action == "renamed" && moved(want, have, places) {
			continue // and the value is to be the same
		}
		covered = append(covered, places...)
		if a.Action != "renamed" { // of the argument, which the wire may well call so
			changes[i] = places
		}
	}
	for _, path := range differ("", want, have) {
		pattern := places.ReplaceAllString(path, "[]")
		if _, known := unasked[form][pattern]; known && at(want, path) == nil {
			found = append(found, string(form)+" "+pattern)
			continue
		}
		if !within(pattern, covered) {
			t.Errorf("%s: recorded %s, sent %s; adjusted %+v", path, quoted(at(want, path)), quoted(at(have, path)), got.adjusted)
		}
		for i, places := range changes {
			if within(pattern, places) {
				delete(changes, i)
			}
		}
	}
	for i, places := range changes {
		if len(places) > 0 {
			t.Errorf("it says that it changed what is the same: %+v", got.adjusted[i])
		}
	}
	// What an adjustment covers may stand elsewhere, but it is still all said.
	if recorded, sent := words(want), words(have); recorded != sent && !padded {
		t.Errorf("other words: recorded %q, sent %q, adjusted %+v", recorded, sent, got.adjusted)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// moved gives what was recorded the name under which it was sent, where there
// are two.
func moved(want, have map[string]any, names []string) bool {
	for _, old := range names {
		for _, name := range names {
			if want[old] != nil && have[old] == nil && want[name] == nil && have[name] != nil {
				want[name] = want[old]
				delete(want, old)
				return true
			}
		}
	}
	return false
}

var places = regexp.MustCompile(`\[\d+\]`)

// within reports whether a place is one of some, or inside of it.
func within(place string, some []string) bool {
	for _, prefix := range some {
		if rest, ok := strings.CutPrefix(place, prefix); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// differ lists the places where two values are not the same, the innermost.
func differ(path string, want, got any) (paths []string) {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok && len(want) == 0 {
			return []string{path}
		}
		names := map[string]bool{}
		for name := range want {
			names[name] = true
		}
		for name := range got {
			names[name] = true
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			paths = append(paths, differ(strings.TrimPrefix(path+"."+name, "."), want[name], got[name])...)
		}
		return paths
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return []string{path}
		}
		for i := range want {
			paths = append(paths, differ(path+"["+strconv.Itoa(i)+"]", want[i], got[i])...)
		}
		return paths
	case nil:
		// An object that one side has alone differs by its members.
		if object, ok := got.(map[string]any); ok && len(object) > 0 {
			return differ(path, map[string]any{}, object)
		}
	}
	if reflect.DeepEqual(want, got) {
		return nil
	}
	return []string{path}
}

// at is the value at a place that differ named.
func at(value any, path string) any {
	for _, step := range steps.FindAllString(path, -1) {
		if index, err := strconv.Atoi(strings.Trim(step, "[]")); err == nil && step[0] == '[' {
			list, _ := value.([]any)
			if index >= len(list) {
				return nil
			}
			value = list[index]
			continue
		}
		object, _ := value.(map[string]any)
		value = object[step]
	}
	return value
}

var steps = regexp.MustCompile(`\[\d+\]|[^.\[]+`)

// quoted shows a value, and not too much of it.
func quoted(value any) string {
	raw, _ := json.Marshal(value)
	if len(raw) > 600 {
		raw = append(raw[:600:600], "..."...)
	}
	return string(raw)
}

// words are all texts of a conversation, in their order, without white space
// and without the tags that mark a system message inside it.
func words(body map[string]any) string {
	var out strings.Builder
	var walk func(value any)
	walk = func(value any) {
		switch value := value.(type) {
		case []any:
			for _, element := range value {
				walk(element)
			}
		case map[string]any:
			if text, ok := value["text"].(string); ok {
				out.WriteString(text)
			}
			for _, name := range []string{"parts", "content", "output"} {
				walk(value[name])
			}
		}
	}
	for _, name := range []string{"system", "systemInstruction", "messages", "input", "contents"} {
		walk(body[name])
	}
	plain := strings.NewReplacer("<system>", "", "</system>", "").Replace(out.String())
	return strings.Join(strings.Fields(plain), "")
}
