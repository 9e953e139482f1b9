package provider

import (
	"bytes"
	"io"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// cutReader hands out a body in pieces whose lengths are those of cuts, from
// the start again when they end. A length of 0 is a Read that brings nothing,
// as a chunk without a body is.
type cutReader struct {
	body, cuts []byte
	reads      int
}

func (r *cutReader) Read(p []byte) (int, error) {
	if len(r.body) == 0 {
		return 0, io.EOF
	}
	n := len(r.body)
	if len(r.cuts) > 0 {
		// Every second round gives at least a byte: a body always ends.
		n = int(r.cuts[r.reads%len(r.cuts)]) + r.reads/len(r.cuts)%2
		r.reads++
	}
	n = copy(p[:min(n, len(p))], r.body)
	r.body = r.body[n:]
	return n, nil
}

// ways are the ways in which a body may come: whatever a decoder makes of one,
// it has to make of all.
func ways(body, cuts []byte) map[string]io.Reader {
	return map[string]io.Reader{
		"bytewise":                 iotest.OneByteReader(bytes.NewReader(body)),
		"with EOF beside the data": iotest.DataErrReader(bytes.NewReader(body)),
		"cut":                      &cutReader{body: body, cuts: cuts},
	}
}

// Ways is ways, for the tests outside of the package.
var Ways = ways

// plainEvents reads a stream as the HTML standard says, section 9.2.6, and
// forgives what eventStream says that it forgives: from the whole text at
// once, line by line.
func plainEvents(body []byte) (events []string) {
	text := strings.TrimPrefix(string(body), "\ufeff")
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
	name, data, bare := "", []string(nil), false
	dispatch := func() {
		if data != nil {
			joined := strings.Join(data, "\n")
			if !utf8.ValidString(joined) {
				joined = strings.ToValidUTF8(joined, "\ufffd")
			}
			events = append(events, name+"|"+joined)
		}
		name, data, bare = "", nil, false
	}
	for _, line := range lines {
		if line == "" {
			dispatch()
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch strings.TrimLeft(field, " \t") {
		case "data":
			data = append(data, value)
		case "event":
			name = value
		case "error":
			name, data = "error", []string{value}
		default: // JSON without a field's name takes what follows with it
			if bare = bare || data == nil && strings.Trim(line[:1], "{[") == ""; bare {
				data = append(data, line)
			}
		}
	}
	dispatch() // a last event without its blank line
	return events
}

// FuzzEventStream: a stream is split as the standard says, wherever its bytes
// were cut.
func FuzzEventStream(f *testing.F) {
	f.Add([]byte("event: x\r\ndata: a\ndata:b\r\r: c\nerror: d\n\n\ufeff"), []byte{3, 0, 1})
	f.Add([]byte("\ufeff\r\n \tdata: a\r\ndata\r\rdata:  \xff\xfe\ndata"), []byte{1})
	f.Add([]byte("data: a\n\nevent: y\n\ndata: b\r\n\r\nevent: z\nerror: c\ndata: d\n\n"), []byte{0, 0, 7})
	f.Add([]byte("event: x\n[{\r\n\"error\": {}\r\ndata: a\n: c\n}]\n\n {\ndata: b\n{\n\n"), []byte{4, 0})
	f.Add([]byte("\r\r\n\n:\ndata:\r\n\ndata :x\n\ndata: :\u2028\x00\n\n"), []byte{2, 5})
	f.Fuzz(func(t *testing.T, body, cuts []byte) {
		want := plainEvents(body)
		if got := split(bytes.NewReader(body)); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		for way, reader := range ways(body, cuts) {
			if got := split(reader); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: got %q, want %q", way, got, want)
			}
		}
	})
}

// FuzzEndpoint: what is taken as an endpoint is one, is taken again as it is,
// and has the host and the query that were pasted. Of Azure and Vertex AI other
// tests say more.
func FuzzEndpoint(f *testing.F) {
	for _, pasted := range []string{
		" https://API.OpenAI.com/v1/chat/completions/ ", "http://[::1]:8080/v1#x", "https://x.example/a%2Fb/v1/messages?api-version=1&a=/models",
		"https://x.example//models/chat/completions//", "http://x.example?", "https://n:p@x.example", "HTTP://ÄÖ.example/%C3%A4", "http://x.example/%3Fa%23b",
	} {
		for form := range uint8(4) {
			f.Add(pasted, form)
		}
	}
	f.Fuzz(func(t *testing.T, pasted string, which uint8) {
		form := []string{"openai-chat", "anthropic", "openai-responses", "gemini"}[which%4]
		endpoint, ok := Endpoint(form, pasted)
		if !ok {
			if endpoint != "" {
				t.Fatalf("%q is refused as %q", pasted, endpoint)
			}
			return
		}
		if again, ok := Endpoint(form, endpoint); !ok || again != endpoint {
			t.Fatalf("%q becomes %q, that %q", pasted, endpoint, again)
		}
		given, err := url.Parse(completed(pasted))
		if err != nil {
			t.Fatalf("%q is no URL: %v", pasted, err)
		}
		query, ends := given.RawQuery, []string{"", "/v1"}
		switch _, known := RowAt(form, strings.ToLower(given.Host)); {
		case isAzure(strings.ToLower(given.Host)) || strings.Contains(given.Path, "/projects/") || strings.HasSuffix(strings.ToLower(given.Host), vertexHost):
			return
		case form == "gemini":
			query, ends = without(query, "alt"), []string{"", "/v1beta"}
		case known:
			return
		}
		row := &Row{Endpoint: endpoint}
		called, err := url.Parse(row.at("/call"))
		if err != nil || called.Scheme != given.Scheme || !strings.EqualFold(called.Host, given.Host) || called.User != nil ||
			called.RawQuery != query || called.Fragment != "" || !strings.HasSuffix(called.EscapedPath(), "/call") {
			t.Fatalf("%q is called at %q, %v", pasted, row.at("/call"), err)
		}
		// The path is what was pasted, as it was written, less an end or with a version.
		path := strings.TrimSuffix(called.EscapedPath(), "/call")
		if !slices.ContainsFunc(ends, func(end string) bool { return strings.HasPrefix(given.EscapedPath(), strings.TrimSuffix(path, end)) }) {
			t.Fatalf("%q is called at the path %q", pasted, path)
		}
	})
}
