package json

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// errUnwritable says that a value has no JSON, or is of a type that [ownMarshal]
// does not take.
var errUnwritable = errors.New("json: a value that cannot be written")

var rawMessage = reflect.TypeFor[RawMessage]()

// ownMarshal writes what encoding/json writes without HTML escaping, byte for
// byte: of structs, pointers, slices, strings, numbers, bools, RawMessages,
// interfaces that hold these, and types with a method MarshalJSON on the value.
// It takes no maps, arrays and bytes, which the core does not write.
func ownMarshal(v any) ([]byte, error) { return appendValue(nil, reflect.ValueOf(v)) }

func appendValue(b []byte, v reflect.Value) ([]byte, error) {
	if !v.IsValid() {
		return append(b, "null"...), nil
	}
	switch kind := v.Kind(); kind {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		return appendValue(b, v.Elem())
	case reflect.Slice:
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		if v.Type() == rawMessage {
			return appendRaw(b, v.Bytes())
		}
	}
	if v.Type().NumMethod() > 0 {
		if own, ok := v.Interface().(interface{ MarshalJSON() ([]byte, error) }); ok {
			raw, err := own.MarshalJSON()
			if err != nil {
				return nil, err
			}
			return appendRaw(b, raw)
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		return appendStruct(b, v)
	case reflect.Slice:
		return appendSlice(b, v)
	case reflect.String:
		return appendText(b, v.String()), nil
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(b, v.Uint(), 10), nil
	case reflect.Float64:
		return appendFloat(b, v.Float())
	}
	return nil, errUnwritable
}

func appendStruct(b []byte, v reflect.Value) (_ []byte, err error) {
	fields := known.fields(v.Type())
	b = append(b, '{')
	before := len(b)
	for i := range fields {
		f := &fields[i]
		value := f.at(v, false)
		if !value.IsValid() || f.omitEmpty && isEmpty(value) || f.omitZero && isZero(value) {
			continue
		}
		if len(b) > before {
			b = append(b, ',')
		}
		b = append(b, f.key...)
		if f.quoted {
			if value.Kind() != reflect.Int64 && value.Kind() != reflect.Uint64 {
				return nil, errUnwritable
			}
			b = append(b, '"')
		}
		if b, err = appendValue(b, value); err != nil {
			return nil, err
		}
		if f.quoted {
			b = append(b, '"')
		}
	}
	return append(b, '}'), nil
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

func isZero(v reflect.Value) bool {
	if v.Type().NumMethod() > 0 && v.Kind() != reflect.Interface {
		if own, ok := v.Interface().(interface{ IsZero() bool }); ok && (v.Kind() != reflect.Pointer || !v.IsNil()) {
			return own.IsZero()
		}
	}
	return v.IsZero()
}

func appendSlice(b []byte, v reflect.Value) (_ []byte, err error) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return nil, errUnwritable
	}
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendValue(b, v.Index(i)); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// appendFloat writes a number as ECMAScript does, with an exponent only far
// from 1.
func appendFloat(b []byte, f float64) ([]byte, error) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, errUnwritable
	}
	if size := math.Abs(f); size == 0 || size >= 1e-6 && size < 1e21 {
		return strconv.AppendFloat(b, f, 'f', -1, 64), nil
	}
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	if n := len(b); bytes.HasPrefix(b[n-4:], []byte("e-0")) { // e-09 is e-9
		b = append(b[:n-2], b[n-1])
	}
	return b, nil
}

// appendText writes a string. What is not UTF-8 becomes U+FFFD.
func appendText(b []byte, text string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	kept := 0 // text[:kept] is in b
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(text[i:]); (r != utf8.RuneError || size != 1) && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
		}
		b = append(b, text[kept:i]...)
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\f':
			b = append(b, `\f`...)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case size == 1:
			b = append(b, `\ufffd`...)
		default: // JavaScript would end a line there
			b = append(b, `\u202`...)
			b = append(b, hex[text[i+2]&15])
		}
		i += size
		kept = i
	}
	return append(append(b, text[kept:]...), '"')
}

// appendRaw writes JSON without its white space.
func appendRaw(b, raw []byte) ([]byte, error) {
	if !Valid(raw) {
		return nil, errUnwritable
	}
	kept := 0 // raw[:kept] is in b
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '"':
			i = TextEnd(raw, i+1)
		case c <= ' ':
			b = append(b, raw[kept:i]...)
			kept = i + 1
		}
	}
	return append(b, raw[kept:]...), nil
}

func ownCompact(data []byte) ([]byte, error) { return appendRaw(nil, data) }

func ownIndent(data []byte) ([]byte, error) {
	compact, err := ownCompact(data)
	if err != nil {
		return nil, err
	}
	var b []byte
	depth := 0
	line := func() {
		b = append(b, '\n')
		for range depth {
			b = append(b, "  "...)
		}
	}
	for i := 0; i < len(compact); i++ {
		switch c := compact[i]; c {
		case '"':
			end := TextEnd(compact, i+1)
			b = append(b, compact[i:end+1]...)
			i = end
		case '{', '[':
			b = append(b, c)
			if next := compact[i+1]; next == '}' || next == ']' {
				b = append(b, next)
				i++
				continue
			}
			depth++
			line()
		case '}', ']':
			depth--
			line()
			b = append(b, c)
		case ',':
			b = append(b, c)
			line()
		case ':':
			b = append(b, ": "...)
		default:
			b = append(b, c)
		}
	}
	return append(b, data[len(bytes.TrimRight(data, " \t\r\n")):]...), nil // as encoding/json leaves it
}
