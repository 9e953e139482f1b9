package transport

import (
	"bytes"
	"crypto/rand"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// shortestPayload is the length, in characters, from which on base64 does not
// enter a machine.
const shortestPayload = 32 << 10

// payloads are what was taken out of the arguments of one call: the base64 of
// images, sounds and files, which a machine would only copy, several times, and
// check byte by byte. A reference stands in its place, and the payload takes it
// back in what a fetch sends. They are the call's, and gone when it ends.
//
// A reference is base64 as well, with the first characters, the last ones and
// the remainder of the length by four of what it stands for: so a machine finds
// the type of an image, and quotes the beginning in an error, as if it were all
// there. It holds a mark that is drawn anew for each call, which nobody outside
// can know: what looks like a reference is one.
//
// A nil *payloads is that of a call without any.
type payloads struct {
	mark string
	all  []payload
}

// payload is one string's base64.
type payload struct {
	data []byte // without escapes
	raw  []byte // as it stood in the JSON; the same where nothing was escaped
}

// The parts of a reference: so many first characters, the mark, a slash, the
// payload's number, so many last characters and one for each that its length
// is beyond a multiple of four. The slash is escaped where the payload has
// escapes: how it comes back tells whether the machine read the string or
// carried it.
const (
	payloadHead   = 96
	payloadNumber = 5 // digits; 64 MB have 2,048
	payloadTail   = 4
)

func (p payload) head() []byte { return p.data[:payloadHead] }
func (p payload) tail() []byte { return p.data[len(p.data)-payloadTail-len(p.data)%4:] }

// payloadKeys are the keys below messages under which a message's media stand.
// Whatever else is there the core reads, to the last character.
var payloadKeys = []string{"url", "image_url", "video_url", "data", "file_data", "file_url"}

// takeOut returns a call's arguments with references in the place of payloads:
// strings under one of payloadKeys, or anywhere in extra_body, that are base64
// behind data:TYPE;base64, or nothing. The arguments themselves where there are
// none. The payloads refer to the arguments. What is no JSON is left as it is.
func takeOut(arguments []byte) (lean []byte, p *payloads) {
	if len(arguments) < shortestPayload {
		return arguments, nil
	}
	var top, key []byte // as they stand between the quotes
	depth, kept := 0, 0 // arguments[:kept] is in lean
	direct := false     // the next value is the key's own
	for at := 0; at < len(arguments); at++ {
		switch arguments[at] {
		case ' ', '\t', '\r', '\n':
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			start := at + 1
			end := json.TextEnd(arguments, start)
			if end < 0 {
				at = len(arguments)
				break
			}
			content := arguments[start:end]
			at = end
			if next := bytes.TrimLeft(arguments[end+1:min(len(arguments), end+65)], " \t\r\n"); len(next) > 0 && next[0] == ':' {
				if key = content; depth == 1 {
					top = content
				}
				at = bytes.IndexByte(arguments[end:], ':') + end
				direct = true
				continue
			}
			if len(content) < shortestPayload ||
				string(top) != "extra_body" && (string(top) != "messages" || !direct || !slices.Contains(payloadKeys, string(key))) {
				break
			}
			skip, found := findPayload(content)
			if found.data == nil {
				break
			}
			if p == nil {
				p = &payloads{mark: rand.Text()}
				lean = make([]byte, 0, len(arguments)-len(content)+1<<10)
			}
			lean = append(lean, arguments[kept:start+skip]...)
			lean = p.appendReference(lean, found)
			kept = end
		}
		direct = false
	}
	if p == nil {
		return arguments, nil
	}
	return append(lean, arguments[kept:]...), p
}

// longestPrefix bounds what stands in front of a data URL's comma.
const longestPrefix = 256

// findPayload finds the payload of a string, and where it begins. The data of
// a text are none: the core may read them.
func findPayload(content []byte) (skip int, found payload) {
	if comma := bytes.IndexByte(content[:longestPrefix], ','); comma >= 0 {
		prefix := strings.ToLower(strings.ReplaceAll(string(content[:comma]), `\/`, `/`))
		mediaType, ok := strings.CutPrefix(prefix, "data:")
		kind, _, _ := strings.Cut(mediaType, "/")
		if !ok || !strings.HasSuffix(prefix, ";base64") || !slices.Contains([]string{"image", "audio", "video", "application"}, kind) {
			return 0, payload{}
		}
		skip = comma + 1
	}
	raw := content[skip:]
	data := raw
	if bytes.IndexByte(raw, '\\') >= 0 {
		data = unescaped(raw)
	}
	if len(data) < shortestPayload || !isBase64(data) {
		return 0, payload{}
	}
	return skip, payload{data: data, raw: raw}
}

// unescaped returns a string of JSON without escapes, nil where it has others
// than those of characters of base64.
func unescaped(raw []byte) []byte {
	data := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		plain := bytes.IndexByte(raw, '\\')
		if plain < 0 {
			plain = len(raw)
		}
		data = append(data, raw[:plain]...)
		switch raw = raw[plain:]; {
		case len(raw) == 0:
		case bytes.HasPrefix(raw, []byte(`\/`)):
			data, raw = append(data, '/'), raw[2:]
		case bytes.HasPrefix(raw, []byte(`\u00`)) && len(raw) >= 6:
			code, err := strconv.ParseUint(string(raw[4:6]), 16, 8)
			if err != nil {
				return nil
			}
			data, raw = append(data, byte(code)), raw[6:]
		default:
			return nil
		}
	}
	return data
}

// base64Alphabet are the characters of base64 other than padding.
var base64Alphabet = func() (is [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		is[c] = true
	}
	return is
}()

// isBase64 reports whether data are base64, padded or not. That the core looks
// for itself in what it is given.
func isBase64(data []byte) bool {
	for range 2 {
		data = bytes.TrimSuffix(data, []byte("="))
	}
	for _, c := range data {
		if !base64Alphabet[c] {
			return false
		}
	}
	return true
}

func (p *payloads) appendReference(to []byte, found payload) []byte {
	number := strconv.Itoa(len(p.all))
	p.all = append(p.all, found)
	to = append(append(to, found.head()...), p.mark...)
	if len(found.raw) != len(found.data) {
		to = append(to, '\\')
	}
	to = append(to, '/')
	to = append(to, strings.Repeat("0", payloadNumber-len(number))+number...)
	return append(to, found.tail()...)
}

// standIn is a reference where it stands in a text.
type standIn struct {
	start, end int
	payload    payload
	escapes    int // backslashes that stand where the payload's escapes have one
}

// find returns the first reference of a text. It is not whole where some of it
// is missing.
func (p *payloads) find(text []byte) (found standIn, whole, exists bool) {
	marked := bytes.Index(text, []byte(p.mark))
	if marked < 0 {
		return standIn{}, false, false
	}
	rest := text[marked+len(p.mark):]
	found = standIn{start: marked, end: len(text) - len(rest)}
	found.escapes = len(rest) - len(bytes.TrimLeft(rest, `\`))
	rest = bytes.TrimPrefix(rest[found.escapes:], []byte("/"))
	if len(rest) < payloadNumber {
		return found, false, true
	}
	number, err := strconv.Atoi(string(rest[:payloadNumber]))
	if err != nil || number < 0 || number >= len(p.all) {
		return found, false, true
	}
	found.payload = p.all[number]
	rest, ended := bytes.CutPrefix(rest[payloadNumber:], found.payload.tail())
	begun := bytes.HasSuffix(text[:marked], found.payload.head())
	if begun {
		found.start -= payloadHead
	}
	found.end = len(text) - len(rest)
	return found, begun && ended, true
}

// body is what a fetch sends whose body the machine wrote. It is not whole
// where the machine lost a part of a reference.
func (p *payloads) body(lean []byte) (body Body, whole bool) {
	if p == nil {
		return Body{lean}, true
	}
	for {
		found, whole, exists := p.find(lean)
		if !exists {
			return append(body, lean), true
		}
		if !whole {
			return nil, false
		}
		data := found.payload.data
		if found.escapes > 0 {
			data = found.payload.raw
		}
		if found.escapes > 1 { // it stands in a JSON text that stands in a string
			data = bytes.ReplaceAll(data, []byte(`\`), bytes.Repeat([]byte(`\`), found.escapes))
		}
		body = append(body, lean[:found.start], data)
		lean = lean[found.end:]
	}
}

// told is a result for people and models: it says how long a payload is that a
// reference stands for. Megabytes of base64 would be too long for any client.
func (p *payloads) told(result []byte) []byte {
	if p == nil {
		return result
	}
	var told []byte
	for {
		found, _, exists := p.find(result)
		if !exists && told == nil {
			return result
		}
		if !exists {
			return append(told, result...)
		}
		told = append(told, result[:found.start]...)
		told = append(told, "[base64 of "+strconv.Itoa(len(found.payload.data))+" characters]"...)
		result = result[found.end:]
	}
}

// Body is what an exchange sends, in pieces. Nothing writes to them.
type Body [][]byte

// Len is the length of the whole, in bytes.
func (b Body) Len() (length int64) {
	for _, piece := range b {
		length += int64(len(piece))
	}
	return length
}

// Reader reads the whole, from its beginning.
func (b Body) Reader() io.Reader {
	readers := make([]io.Reader, len(b))
	for i, piece := range b {
		readers[i] = bytes.NewReader(piece)
	}
	if len(readers) == 1 {
		return readers[0]
	}
	return io.MultiReader(readers...)
}
