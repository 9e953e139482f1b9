package json

import (
	"bytes"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// errUnreadable says that JSON does not fit a value, or that the value is of a
// type that [ownUnmarshal] does not take.
var errUnreadable = errors.New("json: not of the type that is wanted")

// ownUnmarshal reads what encoding/json reads, into the types that [ownMarshal]
// writes but for interfaces, and with the same result but in a value that does
// not fit: there it stops.
func ownUnmarshal(data []byte, v any) error {
	into := reflect.ValueOf(v)
	if !Valid(data) || into.Kind() != reflect.Pointer || into.IsNil() {
		return errUnreadable
	}
	return read(Parse(bytes.TrimSpace(data)), into.Elem())
}

func read(value Value, v reflect.Value) error {
	if v.Type() == rawMessage {
		v.SetBytes([]byte(value.Raw))
		return nil
	}
	kind := v.Kind()
	if value.Type == Null {
		switch kind {
		case reflect.Pointer, reflect.Interface, reflect.Slice:
			v.SetZero()
		}
		return nil
	}
	switch {
	case kind == reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return read(value, v.Elem())
	case kind == reflect.Struct && value.IsObject():
		return readStruct(value, v)
	case kind == reflect.Slice && value.IsArray() && v.Type().Elem().Kind() != reflect.Uint8:
		return readSlice(value, v)
	case kind == reflect.String && value.Type == String:
		v.SetString(textOf(value))
		return nil
	case kind == reflect.Bool && (value.Type == True || value.Type == False):
		v.SetBool(value.Type == True)
		return nil
	case value.Type == Number:
		return readNumber(value.Raw, v)
	}
	return errUnreadable
}

func readStruct(value Value, v reflect.Value) (err error) {
	fields := known.fields(v.Type())
	value.ForEach(func(key, value Value) bool {
		f := named(fields, textOf(key))
		if f == nil {
			return true
		}
		into := f.at(v, true)
		switch {
		case !into.IsValid():
			err = errUnreadable
		case f.quoted && value.Type != Null:
			err = readQuoted(value, into)
		default:
			err = read(value, into)
		}
		return err == nil
	})
	return err
}

// named is the field of a name, in any case where none is of exactly it.
func named(fields []field, name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	for i := range fields {
		if strings.EqualFold(fields[i].name, name) {
			return &fields[i]
		}
	}
	return nil
}

func readQuoted(value Value, v reflect.Value) error {
	text := textOf(value)
	if value.Type != String || text == "" {
		return errUnreadable
	}
	if text == "null" {
		return nil
	}
	if text[0] != '-' && (text[0] < '0' || text[0] > '9') {
		return errUnreadable
	}
	return readNumber(text, v)
}

func readNumber(text string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || v.OverflowInt(n) {
			return errUnreadable
		}
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || v.OverflowUint(n) {
			return errUnreadable
		}
		v.SetUint(n)
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return errUnreadable
		}
		v.SetFloat(n)
	default:
		return errUnreadable
	}
	return nil
}

// readSlice reads into the elements that are there, as encoding/json does.
func readSlice(value Value, v reflect.Value) (err error) {
	n := 0
	value.ForEach(func(_, element Value) bool {
		if n == v.Cap() {
			v.Grow(1)
		}
		if n >= v.Len() {
			v.SetLen(n + 1)
		}
		err = read(element, v.Index(n))
		n++
		return err == nil
	})
	if n == 0 {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	} else {
		v.SetLen(n)
	}
	return err
}

// textOf is a string as encoding/json reads it: half a surrogate pair, and each
// byte that is not UTF-8, is U+FFFD.
func textOf(value Value) string {
	text := value.Str
	if strings.Contains(value.Raw, `\u`) {
		text = Parse(Paired([]byte(value.Raw))).Str
	}
	if !utf8.ValidString(text) {
		text = string([]rune(text))
	}
	return text
}
