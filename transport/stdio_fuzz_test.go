package transport

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

// FuzzServeStdio: whatever a client writes, and however it arrives, each
// request gets one answer under the id that it came with, what is no message
// gets one error, and every line that is written is a message.
func FuzzServeStdio(f *testing.F) {
	for _, input := range []string{
		"\ufeff" + callLine(`"\u00e9"`, "echo", `{"a":[1 , 2]}`, "7") + "\r\n" + pingLine("1E400") + "\n",
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}` +
			"\n" + `{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n" + `{"jsonrpc":"2.0","id":2,"method":"tools/list","params":null}`,
		"[]\n\n5\n{\"jsonrpc\":\"2.0\"\n" + cancelLine("3") + "\n" + callLine("3", "count", "", `"t"`) + "\n{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{}}\n",
		`{"jsonrpc":"2.0","id":null,"method":"ping"}` + "\n" + `{"jsonrpc":"1.0","id":{},"method":5,"params":[]}` + "\n" + callLine("4", "no", "{}", ""),
		`{"jsonrpc":"2.0","id":4,"method":"logging/setLevel","params":{"level":"debug"}}` + "\n" + `{"jsonrpc":"2.0","id":5,"method":"resources/read","params":{"uri":"x"}}`,
	} {
		f.Add([]byte(input), []byte{3, 1, 40})
	}
	f.Fuzz(func(t *testing.T, input, cuts []byte) {
		server := newServer(script(func(event core.Event) ([]core.Effect, error) {
			if call, ok := event.(*core.Call); ok {
				return []core.Effect{&core.Delta{ID: call.ID, Text: "é"}, answered(call.ID, string(call.Arguments))}, nil
			}
			return nil, nil
		}))
		defer server.host.Close()
		var out bytes.Buffer
		if err := server.ServeStdio(t.Context(), &cutReader{input: input, cuts: cuts}, &out); err != nil {
			t.Fatal(err)
		}

		var got []string
		for line := range bytes.Lines(out.Bytes()) {
			var message struct {
				JSONRPC           string
				ID, Result, Error json.RawMessage
				Method            string
				Params            json.RawMessage
			}
			if err := json.Unmarshal(line, &message); err != nil || !utf8.Valid(line) || message.JSONRPC != "2.0" || line[len(line)-1] != '\n' {
				t.Fatalf("it wrote %q, %v", line, err)
			}
			if message.Method == "notifications/progress" && message.ID == nil {
				continue
			}
			if message.ID == nil || (message.Result == nil) == (message.Error == nil) {
				t.Fatalf("it wrote %q, neither an answer nor a notification", line)
			}
			got = append(got, string(message.ID))
		}
		want, exact := answers(input)
		slices.Sort(want)
		slices.Sort(got)
		if exact && !slices.Equal(want, got) {
			t.Fatalf("%q: it answers %q, want %q", input, got, want)
		}
		if len(got) > len(want) {
			t.Fatalf("%q: it gives %d answers to %d questions", input, len(got), len(want))
		}
	})
}

// FuzzReadLine: lines are those of the input, however it arrives, also where a
// line is longer than what is read at once; each in memory of its own.
func FuzzReadLine(f *testing.F) {
	f.Add([]byte("a\n\nlonger than the buffer is\r\nexactly sixteen!\nlast"), []byte{3, 1, 17})
	f.Add([]byte("exactly fifteen\n\n\x00"), []byte(nil))
	f.Fuzz(func(t *testing.T, input, cuts []byte) {
		reader := bufio.NewReaderSize(&cutReader{input: input, cuts: cuts}, 16) // the least that bufio takes
		var got [][]byte
		for {
			line, err := readLine(reader)
			if len(line) > 0 {
				got = append(got, line)
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		want := slices.Collect(bytes.Lines(input))
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("%q is read as %q, want %q", input, got, want)
		}
	})
}

// cutReader hands out input in pieces of the lengths of cuts.
type cutReader struct {
	input, cuts []byte
	reads       int
}

func (r *cutReader) Read(p []byte) (int, error) {
	if len(r.input) == 0 {
		return 0, io.EOF
	}
	n := len(r.input)
	if len(r.cuts) > 0 {
		n = max(1, int(r.cuts[r.reads%len(r.cuts)]))
		r.reads++
	}
	n = copy(p[:min(n, len(p))], r.input)
	r.input = r.input[n:]
	return n, nil
}

// answers are the ids of the answers that an input asks for, read line by
// line. Not exact is the count where a line says a name twice, which readers
// take differently, or cancels something, which may come in time or not.
func answers(input []byte) (ids []string, exact bool) {
	exact = true
	for line := range bytes.SplitSeq(bytes.TrimPrefix(input, []byte("\xef\xbb\xbf")), []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var message map[string]json.RawMessage
		if !utf8.Valid(line) || json.Unmarshal(line, &message) != nil || message == nil {
			ids = append(ids, "null")
			continue
		}
		names := 0
		decoder := json.NewDecoder(bytes.NewReader(line))
		_, _ = decoder.Token()
		for decoder.More() {
			var value json.RawMessage
			_, _ = decoder.Token()
			_ = decoder.Decode(&value)
			names++
		}
		exact = exact && names == len(message)

		is := func(name string, first string) bool {
			return len(message[name]) > 0 && bytes.IndexByte([]byte(first), message[name][0]) >= 0
		}
		var version, method string
		_ = json.Unmarshal(message["jsonrpc"], &version)
		_ = json.Unmarshal(message["method"], &method)
		_, identified := message["id"]
		_, asks := message["method"]
		_, parameters := message["params"]
		says := message["result"] != nil || message["error"] != nil
		sound := version == "2.0" && (asks || says) &&
			(!identified || is("id", `"-0123456789`)) && (!asks || is("method", `"`)) && (!parameters || is("params", "{n"))
		exact = exact && method != "notifications/cancelled"
		switch {
		case sound && (!asks || !identified):
			// a response, or a notification
		case is("id", `"-0123456789`):
			ids = append(ids, string(message["id"]))
		default:
			ids = append(ids, "null")
		}
	}
	return ids, exact
}
