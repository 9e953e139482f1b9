package json

import (
	"reflect"
	"slices"
	"strings"
)

// field is a field of a struct as encoding/json sees it, by the same rules: the
// tag's name or its own, those of embedded structs among them, hidden by a
// shallower one of the same name.
type field struct {
	name      string
	key       string // the name in quotes, with its colon
	path      []int  // through embedded structs
	tagged    bool
	omitEmpty bool
	omitZero  bool
	quoted    bool // a number in a string
}

// structures remembers the fields of a type. What it tells depends on the type
// alone, so that machines which share it do not see each other.
type structures map[reflect.Type][]field

var known = structures{}

func (s structures) fields(t reflect.Type) []field {
	fields, ok := s[t]
	if !ok {
		fields = visible(appendFields(nil, t, nil))
		s[t] = fields
	}
	return fields
}

// appendFields appends all fields of t, the hidden ones too, in their order.
func appendFields(fields []field, t reflect.Type, above []int) []field {
	for i := range t.NumField() {
		declared := t.Field(i)
		tag := declared.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		path := append(slices.Clone(above), i)
		if declared.Anonymous && name == "" {
			embedded := declared.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			if embedded.Kind() == reflect.Struct {
				fields = appendFields(fields, embedded, path)
				continue
			}
		}
		if tag == "-" || !declared.IsExported() {
			continue
		}
		f := field{name: name, path: path, tagged: name != ""}
		if name == "" {
			f.name = declared.Name
		}
		f.key = string(append(appendText(nil, f.name), ':'))
		for option := range strings.SplitSeq(options, ",") {
			switch option {
			case "omitempty":
				f.omitEmpty = true
			case "omitzero":
				f.omitZero = true
			case "string":
				f.quoted = true
			}
		}
		fields = append(fields, f)
	}
	return fields
}

// visible leaves out what a shallower field of the same name hides, or of two
// equally deep ones the one with a tag, and both where that does not decide.
func visible(fields []field) []field {
	var kept []field
	for i, f := range fields {
		hidden := false
		for j, other := range fields {
			if i == j || f.name != other.name || len(other.path) > len(f.path) {
				continue
			}
			hidden = hidden || len(other.path) < len(f.path) || other.tagged || !f.tagged
		}
		if !hidden {
			kept = append(kept, f)
		}
	}
	return kept
}

// at is the field's value in v, or the zero Value where an embedded pointer on
// the way is nil; with fill, such a pointer is set if its type is exported.
func (f *field) at(v reflect.Value, fill bool) reflect.Value {
	for _, i := range f.path {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if !fill || !v.CanSet() {
					return reflect.Value{}
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v
}
