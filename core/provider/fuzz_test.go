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

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
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

// FuzzModel: whatever a model is called, each form writes a request for it: with
// its name in one place, a measure of thinking that the form has, and room for
// an answer beside it.
func FuzzModel(f *testing.F) {
	for i, model := range []string{
		"gpt-5.6-mini-2026-01-01", "ft:gpt-4o:a::b", "o3-pro", "openai/gpt-oss-20b", "claude-opus-4-8", "eu.anthropic.claude-sonnet-4-20250514-v1:0", "claude-3-haiku",
		"models/gemini-2.5-pro", "publishers/google/models/gemini-3.1-flash-lite", "tunedModels/a/b", "gemma-4-27b-it", "gemini-3-pro-image", "a/b?c#d%2F:e", "..", "é\xff", "",
	} {
		f.Add(model, uint8(i), int64(i*i*i))
	}
	f.Fuzz(func(t *testing.T, model string, which uint8, most int64) {
		model = strings.ToValidUTF8(model, "\ufffd")
		row := Rows[which%5] // those of OpenAI, Azure, Anthropic and Google
		if row.Endpoint == "" {
			row.Endpoint = "https://r.openai.azure.com/openai/v1"
		}
		effort := Efforts[which/5%7]
		request := &Request{Model: model, ReasoningEffort: effort, Messages: []Message{said(User, "x")}}
		if most > 0 {
			request.MaxTokens = &most
		}
		http, adjusted, err := Translators[row.Form].Encode(&row, request)
		if fault, refused := err.(*Error); refused && fault.Kind == InvalidRequest && fault.Message != "" {
			return
		}
		address, parseErr := url.Parse(http.URL)
		if err != nil || parseErr != nil || !json.Valid(http.Body) {
			t.Fatalf("%s %s, %v, %v", http.URL, http.Body, err, parseErr)
		}
		body := json.Parse(http.Body)
		known := func(value json.Value, allowed string) {
			if value.Exists() && !slices.Contains(strings.Fields(allowed), value.String()) {
				t.Fatalf("%s is asked to think %s", model, value.Raw)
			}
		}
		if row.Form != "gemini" && body.Get("model").String() != model {
			t.Fatalf("%q is called %s", model, body.Get("model").Raw)
		}
		var written json.Value
		switch row.Form {
		case "openai-chat":
			written = body.Get("reasoning_effort")
			known(written, strings.Join(Efforts, " "))
		case "openai-responses":
			written = body.Get("reasoning.effort")
			known(written, strings.Join(Efforts, " "))
		case "anthropic":
			known(body.Get("output_config.effort"), "low medium high xhigh max")
			room, budget := body.Get("max_tokens").Int(), body.Get("thinking.budget_tokens")
			if room <= 0 || budget.Exists() && (budget.Int() < 1024 || budget.Int() >= room) {
				t.Fatalf("%s is given %s", model, http.Body)
			}
			return
		case "gemini":
			segments := strings.Split(strings.TrimPrefix(address.EscapedPath(), "/v1beta/"), "/")
			if len(segments) != 2 || !strings.HasSuffix(segments[1], ":generateContent") || address.RawQuery+address.Fragment != "" {
				t.Fatalf("%q is asked at %s", model, http.URL)
			}
			thinking := body.Get("generationConfig.thinkingConfig")
			level, budget := thinking.Get("thinkingLevel"), thinking.Get("thinkingBudget")
			known(level, "MINIMAL LOW MEDIUM HIGH")
			if level.Exists() && budget.Exists() || budget.Exists() && (budget.Int() < -1 || budget.Int() > 32_768) {
				t.Fatalf("%s thinks %s", model, thinking.Raw)
			}
			return
		}
		if written.String() != effort && !slices.ContainsFunc(adjusted, func(a Adjustment) bool { return a.Parameter == "reasoning_effort" }) {
			t.Fatalf("%s is asked to think %q in place of %s, and nobody is told", model, written.String(), effort)
		}
	})
}

// FuzzCallIDs: ids of calls get a form that is allowed, the same each time, and
// no two the same; those that a reply left out are made so that none is there
// twice.
func FuzzCallIDs(f *testing.F) {
	f.Add("call_1 functions.f:0 functions:f.0 aB3456789 é call_1", "resp_1")
	f.Add(strings.Repeat("x", 65)+" "+strings.Repeat("x", 66)+"  _ -", "")
	f.Fuzz(func(t *testing.T, text, source string) {
		given := strings.Split(text, " ")
		for _, form := range []struct {
			name, allowed   string
			fewest, most    int
			made, elsewhere func(string) string
		}{
			{"short", shortIDAlphabet, 9, 9, newCallIDs().short, newCallIDs().short},
			{"plain", shortIDAlphabet + "_-", 1, 64, withMost(newCallIDs(), 64), withMost(newCallIDs(), 64)},
			{"plain of 40", shortIDAlphabet + "_-", 1, 40, withMost(newCallIDs(), 40), withMost(newCallIDs(), 40)},
		} {
			from := map[string]string{}
			for _, id := range given {
				made := form.made(id)
				other, taken := from[made]
				if id != "" && (len(made) < form.fewest || len(made) > form.most || strings.Trim(made, form.allowed) != "") ||
					taken && other != id || form.made(id) != made || form.elsewhere(id) != made {
					t.Fatalf("%s: %q becomes %q, as %q does", form.name, id, made, other)
				}
				from[made] = id
			}
		}
		named, seen := nameCalls(source, slices.Clone(given)), map[string]bool{}
		for i, id := range named {
			if given[i] != "" && id != given[i] || id == "" || given[i] == "" && seen[id] {
				t.Fatalf("%q become %q", given, named)
			}
			seen[id] = true
		}
	})
}

func withMost(ids *callIDs, most int) func(string) string {
	return func(id string) string { return ids.plain(id, most) }
}

// FuzzGeminiArguments: arguments in pieces become an object, and a cut one is
// its beginning.
func FuzzGeminiArguments(f *testing.F) {
	f.Add(`[{"jsonPath":"$.a[0]['b c'].d","stringValue":"é\ud800"},{"jsonPath":"$.a[0]['b c'].d","stringValue":"x"},{"jsonPath":"$.n","numberValue":1E3},{"jsonPath":"$[0]","nullValue":0}]`)
	f.Add(`[{"jsonPath":"a..b","boolValue":true},{"jsonPath":"odd[","stringValue":""},{"jsonPath":"[\"q\"]"},{"jsonPath":"$.a","numberValue":-0}]`)
	f.Fuzz(func(t *testing.T, pieces string) {
		if !json.Valid([]byte(pieces)) {
			return
		}
		var arguments geminiArguments
		for _, piece := range objects(json.Parse(json.Paired([]byte(pieces)))) {
			arguments.add(piece)
		}
		whole, cut := arguments.append(nil, false), arguments.append(nil, true)
		if !json.Valid(whole) || !json.Parse(whole).IsObject() || !utf8.Valid(whole) {
			t.Fatalf("%s became %s", pieces, whole)
		}
		if !bytes.HasPrefix(whole, cut) {
			t.Fatalf("%s is cut to %s", whole, cut)
		}
	})
}
