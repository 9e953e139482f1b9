package provider

import (
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// split collects the events of a body.
func split(body io.Reader) (events []string) {
	stream := eventStream{body: body}
	for {
		name, data, err := stream.next()
		if err == io.EOF {
			return events
		}
		if err != nil {
			return append(events, "error: "+err.Error())
		}
		events = append(events, string(name)+"|"+string(data))
	}
}

func TestEventStream(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
	}{
		{"nothing", "", nil},
		{"only comments", ": a\n\n:b\n", nil},
		{"one", "data: a\n\n", []string{"|a"}},
		{"no last blank line", "data: a\n", []string{"|a"}},
		{"no last newline", "data: a", []string{"|a"}},
		{"no space, two spaces", "data:a\n\ndata:  b\n\n", []string{"|a", "| b"}},
		{"lines join", "data: a\ndata\ndata: b\n\n", []string{"|a\n\nb"}},
		{"an empty event", "data\n\ndata:\n\n", []string{"|", "|"}},
		{"CRLF, CR, LF", "data: a\r\n\r\ndata: b\r\rdata: c\n\n", []string{"|a", "|b", "|c"}},
		{"mixed ends", "data: a\r\n\ndata: b\n\r\n", []string{"|a", "|b"}},
		{"names last for one event", "event: x\ndata: a\n\nevent: y\n\ndata: b\n\n", []string{"x|a", "|b"}},
		{"other fields", "id: 1\nretry: 2\nfoo\ndata: a\n\n", []string{"|a"}},
		{"white space before", " \tdata: a\n\n", []string{"|a"}},
		{"a BOM", "\ufeffdata: a\n\n", []string{"|a"}},
		{"a BOM only at the start", "data: a\n\n\ufeffdata: b\n\n", []string{"|a"}},
		{"the field error", "error: {\"x\":1}\n\n", []string{"error|{\"x\":1}"}},
		{"JSON without a field", "data: a\n\n{\"x\": {\r\n \"y\": 1\n}}\n", []string{"|a", "|{\"x\": {\n \"y\": 1\n}}"}},
		{"JSON without a field, then data", "{\"x\":1}\ndata: a\n\n", []string{"|{\"x\":1}\na"}},
		{"a colon in the value", "data: a:b\n\n", []string{"|a:b"}},
	}
	for _, test := range tests {
		for way, body := range map[string]io.Reader{
			"whole": strings.NewReader(test.in), "bytewise": iotest.OneByteReader(strings.NewReader(test.in)),
			"with EOF beside the data": iotest.DataErrReader(strings.NewReader(test.in)),
		} {
			if got := split(body); !reflect.DeepEqual(got, test.want) {
				t.Errorf("%s, %s: got %q, want %q", test.name, way, got, test.want)
			}
		}
	}
	if got := split(&endless{}); len(got) != 1 || got[0] != "error: the provider sent an event longer than 32 MB" {
		t.Errorf("an endless line gave %.200q", got)
	}
}

// endless is a line without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestEventStreamTail: lines after an event are not touched by its consumer.
func TestEventStreamTail(t *testing.T) {
	body := "data: " + strings.Repeat("a", 10_000) + "\n\n" + strings.Repeat("data: b\n\n", 2_000)
	got := split(iotest.HalfReader(strings.NewReader(body)))
	if len(got) != 2001 || len(got[0]) != 10_001 || got[2000] != "|b" {
		t.Errorf("%d events", len(got))
	}
}

// TestRetryAfter: every form of a wait, and none that is absurd.
func TestRetryAfter(t *testing.T) {
	const at = 784_111_777_000 // Sun, 06 Nov 1994 08:49:37 GMT
	const year = 365 * 24 * 3600 * 1000
	for value, want := range map[string]int64{
		"2": 2000, "0.5": 500, "-1": 0, "NaN": 0, "1e99": year, "soon": 0,
		"Sun, 06 Nov 1994 08:49:40 GMT":  3000,
		"Sunday, 06-Nov-94 08:49:40 GMT": 3000,
		"Sun Nov  6 08:49:40 1994":       3000,
		"Sun, 06 Nov 1994 08:49:30 GMT":  0,
		"Fri, 31 Dec 9999 23:59:59 GMT":  year,
	} {
		if got := (&Reply{Header: []Field{{"retry-after", value}}, At: at}).RetryAfterMS(); got != want {
			t.Errorf("%s: %d, want %d", value, got, want)
		}
	}
}

// TestLimits: what goes beyond a limit of ours is said, not left out.
func TestLimits(t *testing.T) {
	list := func(element string, n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + "]"
	}
	for body, form := range map[string]Translator{
		`{"content":` + list(`{"type":"text","text":"x"}`, anthropicBlockLimit+1) + `,"stop_reason":"end_turn"}`:                       anthropic{},
		`{"candidates":` + list(`{"finishReason":"STOP"}`, choiceLimit+1) + `}`:                                                        gemini{},
		`{"candidates":[{"content":{"parts":` + list(`{"functionCall":{"name":"f"}}`, callLimit+1) + `},"finishReason":"STOP"}]}`:      gemini{},
		`{"choices":` + list(`{"message":{"content":"x"},"finish_reason":"stop"}`, choiceLimit+1) + `}`:                                openAIChat{},
		`{"choices":[{"message":{"tool_calls":` + list(`{"function":{"name":"f"}}`, callLimit+1) + `},"finish_reason":"tool_calls"}]}`: openAIChat{},
	} {
		response, err := form.Decode(&Reply{Status: 200, Body: strings.NewReader(body)}, nil)
		fault, ok := err.(*Error)
		if !ok || fault.Kind != TooLarge || fault.Next == "" || len(response.Choices) == 0 {
			t.Errorf("%.60s: %v", body, err)
		}
	}
}
