package coretest

import "slices"

// Bytes are a fuzzer's bytes, drawn one by one. Where they end, 0 is drawn.
type Bytes struct{ data []byte }

// NewBytes returns bytes to draw from.
func NewBytes(data []byte) *Bytes { return &Bytes{data} }

// More reports whether there is something left to draw.
func (b *Bytes) More() bool { return len(b.data) > 0 }

// Number draws a number below n, which is at most 256.
func (b *Bytes) Number(n int) int {
	if len(b.data) == 0 {
		return 0
	}
	drawn := int(b.data[0])
	b.data = b.data[1:]
	return drawn % n
}

// Take draws bytes as they are, at most n.
func (b *Bytes) Take(n int) []byte {
	n = min(n, len(b.data))
	taken := slices.Clone(b.data[:n])
	b.data = b.data[n:]
	return taken
}

// Pick draws one of a list.
func Pick[T any](b *Bytes, list []T) T { return list[b.Number(len(list))] }

// scalars are the JSON values at which readers of JSON part: numbers beyond
// what they hold, lone surrogates, bytes that are not UTF-8.
var scalars = []string{
	`""`, `"a"`, `"text"`, `"tool_use"`, `"thinking"`, `"text_delta"`, `"input_json_delta"`, `"thinking_delta"`, `"signature_delta"`, `"citations_delta"`, `"compaction"`, `"message"`,
	`"é😀"`, `"\ud83d\ude00\u0000\n"`, `"\ud800"`, "\"\u2028<&>\\\"\"", "\"\xff\xc3\"", `"34.4s"`, `"overloaded_error"`, `"{\"a\":1}"`, `"1"`, `"rate_limit_exceeded"`,
	`0`, `1`, `-1`, `-0`, `2`, `0.1`, `1.5`, `1e-7`, `1E3`, `1e21`, `1e30`, `-1e30`, `1e400`, `9007199254740993`, `9223372036854775807`, `9223372036854775808`, `-9223372036854775808`, `123456789012345678901234567890`, `429`, `1e-400`,
	`null`, `true`, `false`, `{}`, `[]`, ` [ ] `,
}

// value appends a JSON value.
func (b *Bytes) value(to []byte, depth int) []byte {
	switch kind := b.Number(8); {
	case kind == 0 && depth < 4:
		return b.object(to, depth+1, otherFields)
	case kind == 1 && depth < 4:
		to = append(to, '[')
		for n := b.Number(3); n >= 0; n-- {
			if to[len(to)-1] != '[' {
				to = append(to, ',')
			}
			to = b.value(to, depth+1)
		}
		return append(to, ']')
	}
	return append(to, Pick(b, scalars)...)
}

// object appends a JSON object with some of the fields.
func (b *Bytes) object(to []byte, depth int, names []string) []byte {
	to = append(to, '{')
	if b.Number(8) == 7 {
		return append(to, '}')
	}
	to = append(append(append(to, '"'), Pick(b, names)...), `":`...)
	return b.fields(b.value(to, depth+1), depth, names)
}

// fields appends some more fields to an object and closes it.
func (b *Bytes) fields(to []byte, depth int, names []string) []byte {
	for n := b.Number(4); n > 0; n-- {
		to = append(append(append(to, `,"`...), Pick(b, names)...), `":`...)
		to = b.value(to, depth+1)
	}
	return append(to, '}')
}
