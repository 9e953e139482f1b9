package transport

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// redacted stands where a secret stood. It is the same in a JSON string, in a
// URL and in plain text.
const redacted = "[redacted]"

// shortestSecret is the length from which on a secret is redacted. Shorter ones
// ("none", "test", "ollama", which people set for local servers) are words that
// every answer may hold, and keys that protect something are longer.
const shortestSecret = 8

// layers is how many times a provider's echo may have been escaped: once by it,
// once by whom it asked, once by us.
const layers = 3

// redactor takes secrets out of texts in whatever encoding they were echoed:
// as they are, in hex or in base64, and each of these with any of its
// characters escaped for JSON or for a URL, up to [layers] times. It says
// nothing of whose text it is: a text that merely looks like a secret goes too.
//
// All that is found is replaced: where findings overlap, by one mark. A JSON
// escape sequence is replaced as a whole or left as a whole.
//
// A nil redactor has no secrets. A redactor may be used by many at once.
type redactor struct {
	forms [256][]string        // the encodings of secrets, by their first byte
	pairs [1 << 16 / 64]uint64 // the pairs of bytes that an echo may begin with
}

// newRedactor returns a redactor of the values of secrets, nil where none is
// long enough to be one.
func newRedactor(secrets map[string]string) *redactor {
	var r *redactor
	for _, secret := range secrets {
		if len(secret) < shortestSecret {
			continue
		}
		if r == nil {
			r = &redactor{}
		}
		r.add(secret)
		r.add(fmt.Sprintf("%x", secret))
		r.add(fmt.Sprintf("%X", secret))
		for before := range 3 {
			r.add(insideBase64(base64.RawStdEncoding, secret, before))
			r.add(insideBase64(base64.RawURLEncoding, secret, before))
		}
	}
	return r
}

// insideBase64 returns what is the same in the base64 of all texts that have
// the secret after a number of bytes that is before, modulo 3: the first and
// the last character may share their bits with a neighbour of the secret.
func insideBase64(encoding *base64.Encoding, secret string, before int) string {
	text := encoding.EncodeToString(append(make([]byte, before), secret...))
	return text[(8*before+5)/6 : 8*(before+len(secret))/6]
}

// add adds an encoding of a secret. Any of its bytes may come escaped.
func (r *redactor) add(form string) {
	if slices.Contains(r.forms[form[0]], form) {
		return
	}
	r.forms[form[0]] = append(r.forms[form[0]], form)
	r.addPair(form[0], form[1])
	for _, b := range []byte(specials) {
		r.addPair(form[0], b)
		for next := range 256 {
			r.addPair(b, byte(next))
		}
	}
}

func (r *redactor) addPair(a, b byte)       { r.pairs[int(a)<<2|int(b)>>6] |= 1 << (b & 63) }
func (r *redactor) mayBegin(a, b byte) bool { return r.pairs[int(a)<<2|int(b)>>6]>>(b&63)&1 != 0 }

// text returns s without secrets.
func (r *redactor) text(s string) string {
	if r == nil {
		return s
	}
	clean, _, _ := r.redact(s, 0, true)
	return clean
}

// bytes returns b without secrets: b itself where there are none. JSON stays
// JSON, of the same structure.
func (r *redactor) bytes(b []byte) []byte {
	if r == nil {
		return b
	}
	s := unsafe.String(unsafe.SliceData(b), len(b)) // spares a copy; nothing keeps it
	clean := r.text(s)
	switch {
	case clean == s:
		return b
	case json.Valid(b):
		return r.literals(s)
	}
	return []byte(clean)
}

// literals returns a JSON text whose strings and numbers hold no secrets. A
// secret with quotes or commas in it may be found across the structure of a
// text, and one of digits alone as a number, which becomes a string.
func (r *redactor) literals(s string) []byte {
	const structure = " \t\r\n,:[]{}"
	clean := make([]byte, 0, len(s))
	for at := 0; at < len(s); {
		end := at + 1
		switch {
		case strings.IndexByte(structure, s[at]) >= 0:
			clean = append(clean, s[at])
		case s[at] == '"':
			for end < len(s) && s[end] != '"' {
				if s[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end, len(s))
			clean = append(append(append(clean, '"'), r.text(s[at+1:end])...), '"')
			end++
		default:
			for end < len(s) && strings.IndexByte(structure, s[end]) < 0 {
				end++
			}
			word := s[at:end]
			if r.text(word) != word {
				word = `"` + redacted + `"`
			}
			clean = append(clean, word...)
		}
		at = end
	}
	return clean
}

// redactedStream takes secrets out of a text that comes in pieces, and so may
// bring a secret in pieces too.
type redactedStream struct {
	redactor *redactor
	held     string // what may be the beginning of a secret
	covered  int    // how much of it was found to be one's, and has its mark
}

func (r *redactor) stream() *redactedStream { return &redactedStream{redactor: r} }

// add takes the next piece and returns what is safe to show, which with all
// that was returned before is the beginning of the redacted text.
func (s *redactedStream) add(piece string) string {
	if s.redactor == nil {
		return piece
	}
	if s.held != "" {
		piece = s.held + piece
	}
	var safe string
	safe, s.held, s.covered = s.redactor.redact(piece, s.covered, false)
	return safe
}

// rest returns what was held back, now that nothing more comes.
func (s *redactedStream) rest() string {
	if s.redactor == nil {
		return ""
	}
	safe, _, _ := s.redactor.redact(s.held, s.covered, true)
	s.held, s.covered = "", 0
	return safe
}

// redact returns the beginning of t without secrets, and the rest of it whose
// fate depends on what comes next: none where t is whole. That much of t as
// covered says was found to be a secret's before, likewise of the rest.
func (r *redactor) redact(t string, covered int, whole bool) (clean, rest string, restCovered int) {
	var out strings.Builder
	at, done := 0, covered // all before done is in out or is a secret's
	for at < len(t) {
		if at+1 < len(t) && !r.mayBegin(t[at], t[at+1]) {
			at++
			continue
		}
		unit, open := sequence(t, at)
		end := 0
		for i := at; i < at+unit; i++ {
			e, o := r.find(t, i)
			end, open = max(end, e), open || o
		}
		if open && !whole {
			break
		}
		if end > 0 {
			if at >= done {
				out.WriteString(t[done:at])
				out.WriteString(redacted)
			}
			done = max(done, end)
		}
		if done > at {
			done = max(done, at+unit)
		}
		at += unit
	}
	if out.Len() == 0 {
		return t[min(done, at):at], t[at:], max(0, done-at)
	}
	out.WriteString(t[min(done, at):at])
	return out.String(), t[at:], max(0, done-at)
}

// sequence returns the length of the JSON escape sequence at a place, 1 where
// none is, and whether more text could make it longer.
func sequence(t string, at int) (length int, open bool) {
	switch {
	case t[at] != '\\':
		return 1, false
	case at+1 == len(t):
		return 1, true
	case strings.IndexByte(`"\/bfnrtu`, t[at+1]) < 0:
		return 1, false
	case t[at+1] != 'u':
		return 2, false
	}
	n, next := number(t, at+2, 0, 4)
	if n < 0 || next < 0 {
		return 2, next < 0
	}
	return 6, false
}

// find returns the end of the longest secret that begins at a place, 0 where
// none does, and whether more text could make a longer one.
func (r *redactor) find(t string, at int) (end int, open bool) {
	for depth := range layers + 1 {
		c, next := decode(t, at, depth)
		if next < 0 {
			return end, true
		}
		for _, form := range r.forms[c.bytes[0]] {
			e, o := match(form, t, at)
			end, open = max(end, e), open || o
		}
		if !special(t[at]) {
			break // it is the same at every depth
		}
	}
	return end, open
}

// match is find for one form. What a special byte stands for depends on how
// often it was escaped, which may differ from one to the next: so all ways to
// read the text are followed.
func match(form, t string, start int) (end int, open bool) {
	type way struct{ done, at int } // how much of the form was found up to where
	var room [8]way
	ways := append(room[:0], way{0, start})
	for n := 0; n < len(ways); n++ {
		w := ways[n]
		for w.done < len(form) && w.at < len(t) && t[w.at] == form[w.done] && !special(t[w.at]) {
			w.done++
			w.at++
		}
		switch {
		case w.done == len(form):
			end = max(end, w.at)
			continue
		case w.at < len(t) && !special(t[w.at]):
			continue
		}
		for depth := range layers + 1 {
			c, next := decode(t, w.at, depth)
			if next < 0 {
				open = true
				break
			}
			to := way{w.done + c.size, next}
			if strings.HasPrefix(form[w.done:], string(c.bytes[:c.size])) && !slices.Contains(ways, to) {
				ways = append(ways, to)
			}
		}
	}
	return end, open
}

// char is what was escaped as one: a character in UTF-8, or one byte.
type char struct {
	bytes [utf8.UTFMax]byte
	size  int
}

func charOf(b byte) char { return char{[utf8.UTFMax]byte{b}, 1} }

// specials are the bytes that may stand for something else.
const specials = `\%+`

func special(b byte) bool { return b == '\\' || b == '%' || b == '+' }

// decode returns what stands at a place of a text that was escaped depth times,
// and the next place, -1 where the text ends before that is known. What is not
// an escape stands for itself.
func decode(t string, at, depth int) (c char, next int) {
	if at >= len(t) {
		return char{}, -1
	}
	if depth == 0 || !special(t[at]) {
		return charOf(t[at]), at + 1
	}
	depth--
	if c, next = decode(t, at, depth); next < 0 || c.size > 1 {
		return c, next
	}
	switch c.bytes[0] {
	case '+':
		return charOf(' '), next
	case '%':
		if code, after := number(t, next, depth, 2); after < 0 || code >= 0 {
			return charOf(byte(code)), after
		}
	case '\\':
		kind, after := decode(t, next, depth)
		if after < 0 {
			return c, -1
		}
		switch letter := kind.bytes[0]; letter {
		case 'u':
			if r, after := codePoint(t, after, depth); after < 0 || r >= 0 {
				c.size = utf8.EncodeRune(c.bytes[:], r)
				return c, after
			}
		case 'x': // not JSON's, but of languages whose literals are quoted
			if code, after := number(t, after, depth, 2); after < 0 || code >= 0 {
				return charOf(byte(code)), after
			}
		default:
			if i := strings.IndexByte(`bfnrt"\/'`, letter); i >= 0 {
				return charOf("\b\f\n\r\t\"\\/'"[i]), after
			}
		}
	}
	return c, next
}

// codePoint returns the character whose digits stand after \u, -1 where others
// stand: two sequences make one character outside of the basic plane.
func codePoint(t string, at, depth int) (r rune, next int) {
	high, next := number(t, at, depth, 4)
	if next < 0 || !utf16.IsSurrogate(high) {
		return high, next
	}
	low := next
	for _, want := range []byte(`\u`) {
		c, after := decode(t, low, depth)
		if after < 0 || c.bytes[0] != want {
			return high, min(after, next)
		}
		low = after
	}
	second, after := number(t, low, depth, 4)
	if r = utf16.DecodeRune(high, second); after < 0 || r != utf8.RuneError {
		return r, after
	}
	return high, next
}

// number returns what so many hexadecimal digits say, -1 where others stand.
func number(t string, at, depth, digits int) (n rune, next int) {
	for range digits {
		c, after := decode(t, at, depth)
		if after < 0 {
			return 0, -1
		}
		d := digit(c.bytes[0])
		if d < 0 {
			return -1, at
		}
		n, at = n<<4|rune(d), after
	}
	return n, at
}

func digit(b byte) int {
	switch {
	case '0' <= b && b <= '9':
		return int(b - '0')
	case 'a' <= b|0x20 && b|0x20 <= 'f':
		return int(b|0x20-'a') + 10
	}
	return -1
}
