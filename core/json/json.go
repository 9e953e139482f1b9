// Package json is the core's one door to JSON: decode, encode, scan.
//
// Encoding and decoding of structs is done by goccy/go-json in native builds.
// In the wasip1 build, where go-json would add 4.5 MB to the module and
// encoding/json adds half a megabyte, this package does it, for the types that
// the core has (docs/RATIONALE.md): FuzzOwn holds it against encoding/json. The
// build tag `stdjson` gives a native build with encoding/json, so that the
// transcripts tell a library's difference from a target's.
//
// Scanning is done by tidwall/gjson on both targets: a delta of a stream is a
// few fields out of some hundred bytes, and reflection costs twenty times more
// there. A scan forgives everything, so bytes from outside pass [Valid] first.
//
// The texts of these libraries' errors differ between targets. They are never
// shown: a caller says in its own words what it could not read.
package json

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// Value is one scanned JSON value. It refers to the bytes it was scanned from.
type Value = gjson.Result

// The types of a [Value].
const (
	Null   = gjson.Null
	False  = gjson.False
	True   = gjson.True
	Number = gjson.Number
	String = gjson.String
	Object = gjson.JSON // an object or an array
)

// MaxDepth is the deepest nesting that [Valid] accepts, the depth at which
// encoding/json gives up as well. Deeper documents exhaust the stack of hosts
// that run the module in JavaScript.
const MaxDepth = 9999

// Marshal encodes v without HTML escaping, compact and without a final newline.
// Map keys are sorted, so the bytes depend on v alone; the wasip1 build takes no
// maps.
func Marshal(v any) ([]byte, error) { return marshal(v) }

// Unmarshal decodes data into v.
func Unmarshal(data []byte, v any) error { return unmarshal(data, v) }

// Valid reports whether data is one JSON value, no deeper than [MaxDepth]. It is
// gjson's check on every target, held against encoding/json's by FuzzValid: in a
// guest it takes a fifth of the time.
func Valid(data []byte) bool { return shallow(data) && gjson.ValidBytes(data) }

// Parse scans data, which must have passed [Valid].
func Parse(data []byte) Value { return gjson.ParseBytes(data) }

// ParseString is Parse of a string, which it does not copy.
func ParseString(data string) Value { return gjson.Parse(data) }

// Paired returns data with U+FFFD in place of every escaped surrogate that has
// no partner, as encoding/json reads it. A scan takes the escape behind such a
// one for the partner, and loses it.
func Paired(data []byte) []byte {
	if !bytes.Contains(data, []byte(`\u`)) {
		return data
	}
	var out []byte
	kept := 0 // data[:kept] is in out
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		first, ok := escaped(data[i:])
		if !ok {
			i++ // whatever is escaped is no backslash of its own
			continue
		}
		if utf16.IsSurrogate(first) {
			if second, ok := escaped(data[i+6:]); ok && utf16.DecodeRune(first, second) != utf8.RuneError {
				i += 6
			} else {
				out = append(append(out, data[kept:i]...), `\ufffd`...)
				kept = i + 6
			}
		}
		i += 5
	}
	if kept == 0 {
		return data
	}
	return append(out, data[kept:]...)
}

// escaped reads the escape \u0000 at the start of data.
func escaped(data []byte) (rune, bool) {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return 0, false
	}
	code, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	return rune(code), err == nil
}

// TextEnd returns the place of the quote that ends a string of JSON whose
// characters begin at start, -1 where there is none.
func TextEnd(data []byte, start int) int {
	for at := start; ; at++ {
		quote := bytes.IndexByte(data[at:], '"')
		if quote < 0 {
			return -1
		}
		at += quote
		escapes := 0
		for at-1-escapes >= start && data[at-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return at
		}
	}
}

// Compact returns valid data without insignificant white space.
func Compact(data []byte) []byte {
	if out, err := compact(data); err == nil {
		return out
	}
	return data
}

// Indent returns valid data laid out for people, two spaces a level.
func Indent(data []byte) []byte {
	if out, err := indent(data); err == nil {
		return out
	}
	return data
}

// shallow reports whether no bracket of data is nested deeper than MaxDepth.
// Quoted brackets do not count.
func shallow(data []byte) bool {
	if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) <= MaxDepth {
		return true // there are not that many at all, be they quoted
	}
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted:
			switch c {
			case '\\':
				i++
			case '"':
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}
