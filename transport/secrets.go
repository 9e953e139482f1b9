package transport

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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

// notSecrets are what guides tell people to set where a server wants no key.
var notSecrets = []string{
	"lm-studio", "lmstudio", "not-needed", "notneeded", "no-key-required", "sk-no-key-required", "placeholder", "your-api-key",
}

// cutSecret is how much of a secret's beginning may stand in front of an
// ellipsis: the core quotes long texts up to a limit, and may cut a secret.
const cutSecret = 12

// cutWindow is how far in front of an ellipsis such a beginning is looked for.
const cutWindow = 2 << 10

// ellipsis is how the core ends what it cut.
const ellipsis = "…"

// layers is how often an echo may be escaped: by whom a provider asked, it, us.
const layers = 3

// redactor takes secrets out of texts. It may be used by many at once, and learn
// of more meanwhile. A nil redactor has no secrets.
type redactor struct {
	found atomic.Pointer[known]

	mu      sync.Mutex // held while it learns
	secrets []string
}

// newRedactor returns a redactor of the values of secrets.
func newRedactor(secrets map[string]string) *redactor {
	r := &redactor{}
	r.conceal(slices.Sorted(maps.Values(secrets))...)
	return r
}

// conceal makes the redactor know more secrets. What is shown after it has
// returned holds none of them.
func (r *redactor) conceal(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, secret := range secrets {
		if !slices.Contains(r.secrets, secret) {
			r.secrets = append(r.secrets, secret)
		}
	}
	r.found.Store(newKnown(r.secrets))
}

// now is what is known by now, nil for no secrets.
func (r *redactor) now() *known {
	if r == nil {
		return nil
	}
	return r.found.Load()
}

func (r *redactor) text(s string) string { return r.now().text(s) }

func (r *redactor) bytes(b []byte) []byte { return r.now().bytes(b) }

// Conceal makes the host know a secret that was not in its configuration: no
// result, progress or log line shows it from now on.
func (h *Host) Conceal(secret string) { h.redactor.conceal(secret) }

// known finds secrets in texts, in whatever encoding they were echoed:
// as they are, in hex or in base64, and each of these with any of its
// characters escaped for JSON, a URL or HTML, up to [layers] times. Findings that
// overlap have one mark. No JSON escape sequence is cut in two.
// Nil has no secrets. It does not change, and may be used by many at once.
type known struct {
	forms  [256][]string  // the encodings of secrets, by their first byte
	begins [256][256]bool // the pairs of bytes that an echo may begin with
}

// newKnown returns what finds some secrets, nil where none is long enough to be
// one.
func newKnown(secrets []string) *known {
	var r *known
	for _, secret := range secrets {
		if len(secret) < shortestSecret || slices.Contains(notSecrets, strings.ToLower(secret)) {
			continue
		}
		if r == nil {
			r = &known{}
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
func (r *known) add(form string) {
	if slices.Contains(r.forms[form[0]], form) {
		return
	}
	r.forms[form[0]] = append(r.forms[form[0]], form)
	for _, first := range []byte(strings.Replace(form[:1], " ", " +", 1)) {
		for _, second := range []byte(form[1:2] + `\%+&`) {
			r.begins[first][second] = true
		}
	}
	for _, second := range []byte(`0123456789abcdefABCDEFux\%`) {
		r.begins['%'][second], r.begins['\\'][second] = true, true
	}
	if i := strings.IndexByte(meant, form[0]); i >= 0 {
		r.begins['\\'][letters[i]] = true
	}
	for _, second := range []byte(`#alqg\%`) {
		r.begins['&'][second] = true
	}
}

// text returns s without secrets.
func (r *known) text(s string) string {
	if r == nil {
		return s
	}
	s, _, _ = r.redact(s, 0, true)
	for end := 0; ; end += len(ellipsis) {
		next := strings.Index(s[end:], ellipsis)
		if next < 0 {
			return s
		}
		end += next
		if _, begun, _ := r.redact(s[max(0, end-cutWindow):end], 0, false); len(begun) >= cutSecret {
			s = s[:end-len(begun)] + redacted + s[end:]
			end += len(redacted) - len(begun)
		}
	}
}

// bytes returns b without secrets: b itself where there are none. JSON stays
// JSON, of the same structure.
func (r *known) bytes(b []byte) []byte {
	s := unsafe.String(unsafe.SliceData(b), len(b)) // spares a copy; nothing keeps it
	clean := r.text(s)
	if clean == s {
		return b
	}
	if json.Valid(b) {
		return r.literals(s)
	}
	return []byte(clean)
}

// literals returns a JSON text whose strings and numbers hold no secrets. A
// secret with quotes or commas in it may be found across the structure of a
// text, and one of digits alone as a number, which becomes a string.
func (r *known) literals(s string) []byte {
	const structure = " \t\r\n,:[]{}"
	clean := make([]byte, 0, len(s))
	for at := 0; at < len(s); {
		end := at + 1
		switch {
		case strings.IndexByte(structure, s[at]) >= 0:
			clean = append(clean, s[at])
		case s[at] == '"':
			for end < len(s)-1 && s[end] != '"' {
				if s[end] == '\\' {
					end++
				}
				end++
			}
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
	now := s.redactor.now()
	if now == nil {
		return piece
	}
	piece = s.held + piece // no copy where nothing was held
	piece, s.held, s.covered = now.redact(piece, s.covered, false)
	return piece
}

// rest returns what was held back, now that nothing more comes.
func (s *redactedStream) rest() string {
	safe, _, _ := s.redactor.now().redact(s.held, s.covered, true)
	s.held, s.covered = "", 0
	return safe
}

// redact returns the beginning of t without secrets, and the rest of it whose
// fate depends on what comes next: none where t is whole. That much of t as
// covered says was found to be a secret's before, likewise of the rest.
func (r *known) redact(t string, covered int, whole bool) (clean, rest string, restCovered int) {
	var out strings.Builder
	at, done := 0, covered // all before done is in out or is a secret's
	for at < len(t) {
		if at+1 < len(t) && t[at] != '\\' && !r.begins[t[at]][t[at+1]] {
			at++
			continue
		}
		unit, open := sequence(t, at)
		end := 0
		for i := at; i < at+unit; i++ {
			if i+1 == len(t) || r.begins[t[i]][t[i+1]] {
				e, o := r.find(t, i)
				end, open = max(end, e), open || o
			}
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
	clean = t[min(done, at):at]
	if out.Len() > 0 {
		out.WriteString(clean)
		clean = out.String()
	}
	return clean, t[at:], max(0, done-at)
}

// sequence returns the length of the JSON escape sequence at a place, 1 where
// none is, and whether more text could make it longer.
func sequence(t string, at int) (length int, open bool) {
	switch {
	case t[at] == '\\' && at+1 == len(t):
		return 1, true
	case t[at] != '\\' || strings.IndexByte(`"\/bfnrtu`, t[at+1]) < 0:
		return 1, false
	case t[at+1] != 'u':
		return 2, false
	}
	if n, next := number(t, at+2, 0, 4); n < 0 || next < 0 {
		return 2, next < 0
	}
	return 6, false
}

// find returns the end of the longest secret that begins at a place, 0 where
// none does, and whether more text could make a longer one.
func (r *known) find(t string, at int) (end int, open bool) {
	c := decode(t, at, 0)
	for depth := 0; c.next >= 0; depth++ {
		b, _ := c.bytes()
		for _, form := range r.forms[b[0]] {
			e, o := match(form, t, at)
			end, open = max(end, e), open || o
		}
		if depth == layers || !c.special() {
			return end, open
		}
		c = unescape(t, c, depth)
	}
	return end, true
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
		for w.done < len(form) && w.at < len(t) && t[w.at] == form[w.done] && !charOf(t[w.at], 0).special() {
			w.done++
			w.at++
		}
		if w.done == len(form) {
			end = max(end, w.at)
			continue
		}
		c := decode(t, w.at, 0)
		for depth := 0; c.next >= 0; depth++ {
			b, size := c.bytes()
			to := way{w.done + size, c.next}
			if strings.HasPrefix(form[w.done:], string(b[:size])) && !slices.Contains(ways, to) {
				ways = append(ways, to)
			}
			if depth == layers || !c.special() {
				break
			}
			c = unescape(t, c, depth)
		}
		open = open || c.next < 0
	}
	return end, open
}

// char is what was escaped as one: a character, or a byte of one.
type char struct {
	code rune // negative where it is a byte
	next int  // where the text goes on, -1 where it ends before that is known
}

func charOf(b byte, next int) char {
	if b >= utf8.RuneSelf {
		return char{-rune(b), next}
	}
	return char{rune(b), next}
}

func (c char) bytes() (b [utf8.UTFMax]byte, size int) {
	if c.code < 0 {
		return [utf8.UTFMax]byte{byte(-c.code)}, 1
	}
	size = utf8.EncodeRune(b[:], c.code)
	return b, size
}

// special reports whether a character may stand for something else.
func (c char) special() bool {
	return c.code == '\\' || c.code == '%' || c.code == '+' || c.code == '&'
}

// decode returns what stands at a place of a text that was escaped depth times.
func decode(t string, at, depth int) char {
	if at >= len(t) {
		return char{next: -1}
	}
	c := charOf(t[at], at+1)
	for below := 0; below < depth && c.next >= 0 && c.special(); below++ {
		c = unescape(t, c, below)
	}
	return c
}

// The letters of escape sequences other than \u, and what they mean.
const (
	letters = `bfnrt"\/'`
	meant   = "\b\f\n\r\t\"\\/'"
)

// unescape returns what a special character means together with what follows,
// which was escaped depth times. What is not an escape stands for itself.
func unescape(t string, c char, depth int) char {
	switch c.code {
	case '+':
		return char{' ', c.next}
	case '&':
		if r, next := reference(t, c.next, depth); r >= 0 {
			return char{r, next}
		}
	case '%':
		if code, next := number(t, c.next, depth, 2); code >= 0 {
			return charOf(byte(code), next)
		}
	case '\\':
		kind := decode(t, c.next, depth)
		if kind.next < 0 {
			return kind
		}
		switch kind.code {
		case 'u':
			if r, next := codePoint(t, kind.next, depth); r >= 0 {
				return char{r, next}
			}
		case 'x': // not JSON's, but of languages whose literals are quoted
			if code, next := number(t, kind.next, depth, 2); code >= 0 {
				return charOf(byte(code), next)
			}
		default:
			if i := strings.IndexRune(letters, max(0, kind.code)); i >= 0 {
				return char{rune(meant[i]), kind.next}
			}
		}
	}
	return c
}

// references are HTML's names of the characters that it escapes.
var references = map[string]rune{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\''}

// longestReference is the length of the longest one, such as #x1F600.
const longestReference = 8

// reference returns the character of HTML's character reference whose name
// stands after &, as number does.
func reference(t string, at, depth int) (r rune, next int) {
	var name []byte
	for len(name) <= longestReference {
		c := decode(t, at, depth)
		if c.next < 0 {
			return 0, -1
		}
		at = c.next
		if c.code == ';' {
			break
		}
		if c.code != '#' && (c.code < '0' || c.code > '9') && (c.code|0x20 < 'a' || c.code|0x20 > 'z') {
			return -1, at
		}
		name = append(name, byte(c.code))
	}
	if r, known := references[string(name)]; known {
		return r, at
	}
	digits, numeric := strings.CutPrefix(string(name), "#")
	base := 10
	if hex := strings.TrimLeft(digits, "xX"); hex != digits {
		digits, base = hex, 16
	}
	code, err := strconv.ParseUint(digits, base, 20)
	if !numeric || err != nil {
		return -1, at
	}
	return rune(code), at
}

// codePoint returns the character whose digits stand after \u, as number does:
// two sequences make one character outside of the basic plane.
func codePoint(t string, at, depth int) (r rune, next int) {
	high, next := number(t, at, depth, 4)
	if next < 0 || !utf16.IsSurrogate(high) {
		return high, next
	}
	low := next
	for _, want := range `\u` {
		c := decode(t, low, depth)
		if c.next < 0 || c.code != want {
			return high, min(c.next, next)
		}
		low = c.next
	}
	second, after := number(t, low, depth, 4)
	if r = utf16.DecodeRune(high, second); after < 0 || r != utf8.RuneError {
		return r, after
	}
	return high, next
}

// number returns what so many hexadecimal digits say and the next place, or -1
// and any place where others stand, or 0 and -1 where the text ends.
func number(t string, at, depth, digits int) (n rune, next int) {
	for range digits {
		c := decode(t, at, depth)
		if c.next < 0 {
			return 0, -1
		}
		switch d := c.code; {
		case '0' <= d && d <= '9':
			n = n<<4 | (d - '0')
		case 'a' <= d|0x20 && d|0x20 <= 'f':
			n = n<<4 | (d | 0x20 - 'a' + 10)
		default:
			return -1, at
		}
		at = c.next
	}
	return n, at
}
