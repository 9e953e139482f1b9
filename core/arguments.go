package core

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// arguments reads the arguments of a tool call: leniently in form, since
// clients stringify lists and numbers on the way, strictly in meaning. Faults
// are collected, so that an assistant can mend them at once.
type arguments struct {
	fields map[string]json.Value // looked up, never walked
	faults []string              // the first few
	more   int                   // and how many others
	// adjusted is what was adapted on the way.
	adjusted []provider.Adjustment
}

// faultLimit is how many faults are told: a sentence has to stay one.
const faultLimit = 10

// readArguments reads the object in raw. The names are those that are allowed.
// What is no object is not readable.
func readArguments(raw []byte, names []string) (a *arguments, readable bool) {
	a = &arguments{fields: make(map[string]json.Value)}
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	if !json.Valid(raw) {
		a.fault("arguments", "text that is not JSON", "an object")
		return a, false
	}
	if !utf8.Valid(raw) { // a schema is carried unread
		raw = []byte(legible(string(raw)))
	}
	object := unquoted(json.Parse(json.Paired(raw)))
	if object.Type == json.Null { // as some clients write that there are none
		object = json.Parse([]byte("{}"))
	}
	if !object.IsObject() {
		a.fault("arguments", given(object), "an object")
		return a, false
	}
	a.each("", object, names, func(name string, value json.Value) { a.fields[name] = value })
	return a, true
}

// each walks an object's fields in the order of the text and refuses unknown
// names. A null counts as absent.
func (a *arguments) each(path string, object json.Value, names []string, visit func(string, json.Value)) {
	var unknown []string
	object.ForEach(func(key, value json.Value) bool {
		name := key.String()
		switch {
		case !slices.Contains(names, name):
			unknown = append(unknown, path+cmp.Or(shorten(name), `""`))
		case value.Type != json.Null:
			visit(name, value)
		}
		return true
	})
	if n := len(unknown); n > faultLimit {
		unknown = append(unknown[:faultLimit], strconv.Itoa(n-faultLimit)+" more")
	}
	if len(unknown) > 0 {
		a.note(strings.Join(unknown, ", ") + ": no such argument; allowed: " + strings.Join(names, ", "))
	}
}

// fault notes what was wrong: the argument, what was given, what is allowed.
func (a *arguments) fault(name, given, allowed string) {
	a.note(name + ": got " + given + ", allowed: " + allowed)
}

func (a *arguments) note(fault string) {
	if len(a.faults) < faultLimit {
		a.faults = append(a.faults, fault)
	} else {
		a.more++
	}
}

// adapted notes once what was read as something else.
func (a *arguments) adapted(parameter, action, reason string) {
	adjustment := provider.Adjustment{Parameter: parameter, Action: action, Reason: reason}
	if !slices.Contains(a.adjusted, adjustment) {
		a.adjusted = append(a.adjusted, adjustment)
	}
}

// err returns what was wrong as one error, or nil.
func (a *arguments) err() *provider.Error {
	if len(a.faults) == 0 {
		return nil
	}
	message := strings.Join(a.faults, "; ")
	if a.more > 0 {
		message += "; and " + strconv.Itoa(a.more) + " more"
	}
	return &provider.Error{Kind: provider.InvalidRequest, Message: message}
}

// text reads a string.
func (a *arguments) text(name string) string {
	value, ok := a.fields[name]
	if !ok {
		return ""
	}
	return a.string(name, value)
}

// number reads a number from lowest to highest, be it in quotes.
func (a *arguments) number(name string, lowest, highest float64) *float64 {
	value, ok := a.fields[name]
	if !ok {
		return nil
	}
	number, err := strconv.ParseFloat(digits(value), 64)
	if err != nil || number < lowest || number > highest {
		a.fault(name, given(value), "a number from "+format(lowest)+" to "+format(highest))
		return nil
	}
	return &number
}

// MostInteger is the largest whole number that every reader of JSON has exact.
const MostInteger = 1<<53 - 1

// integer reads a whole number, be it in quotes or written 1e3.
func (a *arguments) integer(name string, lowest, highest int64) *int64 {
	value, ok := a.fields[name]
	if !ok {
		return nil
	}
	number, err := strconv.ParseFloat(digits(value), 64)
	if whole := int64(number); err == nil && float64(whole) == number && whole >= lowest && whole <= highest {
		return &whole
	}
	a.fault(name, given(value), "a whole number from "+strconv.FormatInt(lowest, 10)+" to "+strconv.FormatInt(highest, 10))
	return nil
}

// truth reads true or false, be it in quotes; nil where nothing is said.
func (a *arguments) truth(name string) *bool {
	value, ok := a.fields[name]
	if !ok {
		return nil
	}
	word := strings.ToLower(strings.TrimSpace(value.String()))
	if truth := word == "true"; truth || word == "false" {
		return &truth
	}
	a.fault(name, given(value), "true or false")
	return nil
}

// word reads one of a few words.
func (a *arguments) word(name string, words []string) string {
	value, ok := a.fields[name]
	if !ok {
		return ""
	}
	if word := strings.ToLower(value.String()); slices.Contains(words, word) {
		return word
	}
	a.fault(name, given(value), strings.Join(words, ", "))
	return ""
}

// texts reads a list of strings; a single string is a list of one, and a list
// in quotes is a list where its elements may be such texts: "[1]" is a text. An
// empty list and an empty string say nothing.
func (a *arguments) texts(name string, most int) (found []string) {
	value, ok := a.fields[name]
	if !ok || value.Type == json.String && value.String() == "" {
		return nil
	}
	said := func(element json.Value) bool { return element.Type == json.String && element.String() != "" }
	if list := unquoted(value).Array(); len(list) > 0 && !slices.ContainsFunc(list, func(element json.Value) bool { return !said(element) }) {
		value = unquoted(value)
	}
	for i, element := range elements(value) {
		if !said(element) {
			a.fault(name+"["+strconv.Itoa(i)+"]", given(element), "a string of at least one character")
			continue
		}
		found = append(found, element.String())
	}
	if len(found) > most {
		a.fault(name, strconv.Itoa(len(found))+" strings", "at most "+strconv.Itoa(most))
	}
	return found
}

// elements returns a list's elements; what is no list is a list of one.
func elements(value json.Value) []json.Value {
	if value.IsArray() {
		return value.Array()
	}
	return []json.Value{value}
}

// unquoted returns the object or list that a string holds as JSON, as some
// clients send it; any other value as it is.
func unquoted(value json.Value) json.Value {
	if value.Type != json.String {
		return value
	}
	text := strings.TrimSpace(value.String())
	if text == "" || text[0] != '{' && text[0] != '[' || !json.Valid([]byte(text)) {
		return value
	}
	return json.Parse(json.Paired([]byte(text)))
}

// digits is the text of a number, in quotes or not.
func digits(value json.Value) string {
	switch value.Type {
	case json.Number:
		return value.Raw
	case json.String:
		text := strings.TrimSpace(value.String())
		if json.Valid([]byte(text)) && json.Parse([]byte(text)).Type == json.Number {
			return text // not what else Go's parser takes: 0x10, 1_0, Inf
		}
	}
	return ""
}

// given describes a wrong value in a sentence.
func given(value json.Value) string {
	switch {
	case !value.Exists():
		return "nothing"
	case value.IsObject():
		return "an object"
	case value.IsArray() && len(value.Array()) == 0:
		return "an empty list"
	case value.IsArray():
		return "a list"
	case value.Type == json.String:
		return "the string " + strconv.Quote(shorten(value.String()))
	}
	return shorten(value.Raw)
}

// shorten keeps a quoted value from filling the sentence.
func shorten(text string) string {
	const most = 60
	runes := []rune(text[:min(len(text), 4*most)])
	if len(runes) <= most {
		return string(runes)
	}
	return string(runes[:most]) + "…"
}

func format(number float64) string { return strconv.FormatFloat(number, 'f', -1, 64) }
