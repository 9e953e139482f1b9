package imitation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestPlainAnswer(t *testing.T) {
	_, url := serve(t)
	got := ask(t, url, "any/name?finish=length")
	want := `{"id":"chatcmpl-imitated-1","object":"chat.completion","created":1700000000,` +
		`"model":"any/name?finish=length","choices":[{"index":0,"message":{"role":"assistant",` +
		`"content":"You said: \"Hello there\". I am an imitated model."},"finish_reason":"length"}],` +
		`"usage":{"prompt_tokens":4,"completion_tokens":9,"total_tokens":13}}`
	if got.err != nil || got.status != 200 || got.body != want {
		t.Errorf("got %+v\nwant %s", got, want)
	}
	if length := got.header.Get("Content-Length"); length != fmt.Sprint(len(want)) {
		t.Errorf("Content-Length %q", length)
	}
	if id := got.header.Get("X-Request-Id"); id != "req_imitated_1" {
		t.Errorf("x-request-id %q", id)
	}
	if id := ask(t, url, "imitated").header.Get("X-Request-Id"); id != "req_imitated_2" {
		t.Errorf("second x-request-id %q", id)
	}
}

func TestStreamedAnswer(t *testing.T) {
	_, url := serve(t)
	got := ask(t, url, "m?chunks=2&reasoning=Let+me+see", `"stream":true`, `"stream_options":{"include_usage":true}`)
	chunk := func(choices, usage string) string {
		return `data: {"id":"chatcmpl-imitated-1","object":"chat.completion.chunk","created":1700000000,` +
			`"model":"m?chunks=2&reasoning=Let+me+see","choices":[` + choices + `],"usage":` + usage + "}\n\n"
	}
	want := chunk(`{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}`, "null") +
		chunk(`{"index":0,"delta":{"reasoning_content":"Let me see"},"finish_reason":null}`, "null") +
		chunk(`{"index":0,"delta":{"content":"You said: \"Hello there\"."},"finish_reason":null}`, "null") +
		chunk(`{"index":0,"delta":{"content":" I am an imitated model."},"finish_reason":null}`, "null") +
		chunk(`{"index":0,"delta":{},"finish_reason":"stop"}`, "null") +
		chunk(``, `{"prompt_tokens":4,"completion_tokens":9,"total_tokens":13}`) +
		"data: [DONE]\n\n"
	if got.err != nil || got.status != 200 || got.body != want {
		t.Errorf("got %d %v\n%s\nwant\n%s", got.status, got.err, got.body, want)
	}
	if kind := got.header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("Content-Type %q", kind)
	}
}

// TestShape checks plain and streamed answers by what they must and must not
// contain.
func TestShape(t *testing.T) {
	const plain, stream, streamUsage = `"stream":false`, `"stream":true`, `"stream":true,"stream_options":{"include_usage":true}`
	_, url := serve(t)
	for _, test := range []struct {
		model, member string
		has, hasNot   string
	}{
		{"m?usage=0", plain, `"finish_reason":"stop"`, `"usage"`},
		{"m?usage=1", plain, `"usage":{`, `null`},
		{"m?usage=0", streamUsage, `[DONE]`, `"usage"`},
		{"m", stream, `[DONE]`, `"usage"`},
		{"m?crlf=1", stream, "}\r\n\r\ndata: [DONE]\r\n\r\n", "}\n"},
		{"m?crlf=0&comments=0", stream, "}\n\ndata: [DONE]\n\n", "keep-alive"},
		{"m?comments=1", stream, "}\n\n: keep-alive\n\ndata: [DONE]\n\n", "\r"},
		{"m?comments=1&crlf=1", stream, "}\r\n\r\n: keep-alive\r\n\r\ndata: [DONE]\r\n\r\n", "}\n"},
		{"m?finish=content_filter", stream, `"delta":{},"finish_reason":"content_filter"`, `"stop"`},
		{"m?reasoning=Hm%20hm", plain, `"reasoning_content":"Hm hm"`, `"completion_tokens":11`},
		{"m?text=a%26b&again=c", plain, `"content":"a&b"`, "You said"},
		{"m?text=a&again=c", plain + `,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"},{"role":"user","content":"z"}]`, `"content":"c"`, "You said"},
		{"m?text=a+b", stream, `"content":"a "`, "You said"},
		{"m?size=0", plain, `"content":""`, "lorem"},
		{"m?size=0", stream, `[DONE]`, "lorem"},
		{"m?tool=get_weather", plain, `"content":null,"tool_calls":[{"id":"call_imitated_`, `"stop"`},
		{"m?tool=get_weather", plain, `"type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}}]},` +
			`"finish_reason":"tool_calls"`, `"index":0,"id"`},
		{"m?tool=get_weather&finish=stop", plain, `"finish_reason":"stop"`, `"finish_reason":"tool_calls"`},
		{"m?tool=get_weather&chunks=2", stream, `"arguments":"{\"city\""}}]}`, `"stop"`},
	} {
		got := ask(t, url, test.model, test.member)
		if got.err != nil || got.status != 200 {
			t.Errorf("%s %s: %+v", test.model, test.member, got)
		}
		if !strings.Contains(got.body, test.has) || strings.Contains(got.body, test.hasNot) {
			t.Errorf("%s %s: got\n%s\nmust contain %q, not %q", test.model, test.member, got.body, test.has, test.hasNot)
		}
	}
}

func TestStreamedToolCall(t *testing.T) {
	_, url := serve(t)
	got := ask(t, url, "m?tool=f", `"stream":true`)
	names, arguments, pieces := "", "", 0
	for _, data := range events(got.body) {
		var chunk completion
		if json.Unmarshal([]byte(data), &chunk) != nil || len(chunk.Choices) == 0 {
			continue
		}
		for _, call := range chunk.Choices[0].Delta.ToolCalls {
			names += call.ID + call.Function.Name
			arguments += call.Function.Arguments
			if call.Function.Arguments != "" {
				pieces++
			}
		}
	}
	if names != "call_imitated_1f" || arguments != toolArguments || pieces != toolChunks {
		t.Errorf("got %q %q in %d pieces", names, arguments, pieces)
	}
}

func TestChunks(t *testing.T) {
	_, url := serve(t)
	for _, test := range []struct {
		query, said string
		chunks      int
	}{
		{"", "Hello there", 9},
		{"", "", 8},
		{"", strings.Repeat("many words ", 30), 40},
		{"?chunks=1", "x", 1},
		{"?chunks=7", "x", 7},
		{"?chunks=100000", "æøå 😀", 42}, // all the characters there are
		{"?chunks=41", "æøå 😀😀😀", 41},
		{"?size=1", "", 1},
		{"?size=8000", "", 40},
		{"?size=800&chunks=800", "", 800},
		{"?size=0&chunks=3", "", 0},
	} {
		said, _ := json.Marshal(test.said)
		body := fmt.Sprintf(`{"model":"m%s","messages":[{"role":"user","content":%s}]`, test.query, said)
		var whole completion
		if err := json.Unmarshal([]byte(post(t.Context(), url, body+"}").body), &whole); err != nil {
			t.Fatal(err)
		}
		pieces := contents(t, post(t.Context(), url, body+`,"stream":true}`).body)
		if len(pieces) != test.chunks {
			t.Errorf("%s: got %d chunks, want %d", body, len(pieces), test.chunks)
		}
		if text := strings.Join(pieces, ""); text != *whole.Choices[0].Message.Content {
			t.Errorf("%s: streamed %q, plain %q", body, text, *whole.Choices[0].Message.Content)
		}
	}
}

func TestText(t *testing.T) {
	for _, size := range []int{0, 1, 2, len(words), len(words) + 1, 2*len(words) + 1, 8000} {
		text := wordsText(size)
		if len(text) != size || size > 0 && text[size-1] != '.' || strings.Contains(text, "  ") {
			t.Errorf("wordsText(%d) has %d bytes", size, len(text))
		}
	}
	if got := shorten(strings.Repeat("€", 400)); got != strings.Repeat("€", 333)+"…" {
		t.Errorf("shorten left %q", got)
	}
	for content, want := range map[string]string{
		`"a b"`: "a b",
		`[{"type":"text","text":"a"},{"type":"image_url"},{"type":"text","text":"b"}]`: "a\nb",
		`null`: "", ``: "", `7`: "",
	} {
		if got := contentText(json.RawMessage(content)); got != want {
			t.Errorf("contentText(%s) = %q, want %q", content, got, want)
		}
	}
}

func TestStatus(t *testing.T) {
	_, url := serve(t)
	for status, code := range map[int]any{
		400: "invalid_value", 401: "invalid_api_key", 403: "access_denied", 404: "model_not_found",
		408: "request_timeout", 413: "request_too_large", 422: "unprocessable_entity",
		429: "rate_limit_exceeded", 500: nil, 502: "bad_gateway", 503: "engine_overloaded",
		529: "overloaded", 418: nil, 599: nil,
	} {
		for _, member := range []string{`"stream":false`, `"stream":true`} {
			got := ask(t, url, fmt.Sprintf("m?status=%d&retry_after=7", status), member)
			var body errorBody
			if err := json.Unmarshal([]byte(got.body), &body); err != nil || got.status != status {
				t.Fatalf("status=%d: %+v", status, got)
			}
			if body.Error.Code != code || body.Error.Message == "" || body.Error.Type == "" {
				t.Errorf("status=%d: %s", status, got.body)
			}
			if got.header.Get("Retry-After") != "7" || strings.Contains(got.body, testKey) {
				t.Errorf("status=%d: %v %s", status, got.header, got.body)
			}
		}
		if got := ask(t, url, fmt.Sprintf("m?status=%d&echo=key", status)); !strings.Contains(got.body, testKey) {
			t.Errorf("status=%d&echo=key: %s", status, got.body)
		}
	}
	for _, member := range []string{`"stream":false`, `"stream":true`} {
		if got := ask(t, url, "m?fault=error&echo=key", member); !strings.Contains(got.body, testKey) {
			t.Errorf("fault=error&echo=key %s: %s", member, got.body)
		}
	}
}

func TestFaults(t *testing.T) {
	_, url := serve(t)
	half := func(t *testing.T, got answer) {
		if !strings.HasPrefix(got.body, `{"id":"`) || json.Valid([]byte(got.body)) {
			t.Error(got.body)
		}
	}
	halfStream := func(t *testing.T, got answer) {
		if pieces := contents(t, got.body); len(pieces) != 2 {
			t.Errorf("got %d of 5 chunks, want 2", len(pieces))
		}
		if strings.Contains(got.body, `"stop"`) || strings.Contains(got.body, "[DONE]") {
			t.Error(got.body)
		}
	}
	isHTML := func(t *testing.T, got answer) {
		if got.body != htmlPage || !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
			t.Errorf("%+v", got)
		}
	}
	isEmpty := func(t *testing.T, got answer) {
		if got.body != "" {
			t.Error(got.body)
		}
	}
	for _, test := range []struct {
		fault   string
		stream  bool
		status  int
		broken  bool // reading the body fails
		inspect func(*testing.T, answer)
	}{
		{"cut", false, 200, true, half},
		{"cut", true, 200, true, halfStream},
		{"end", false, 200, false, half},
		{"end", true, 200, false, halfStream},
		{"error", false, 200, false, func(t *testing.T, got answer) {
			if !strings.HasPrefix(got.body, `{"error":{"message":"`) || !json.Valid([]byte(got.body)) {
				t.Error(got.body)
			}
		}},
		{"error", true, 200, false, func(t *testing.T, got answer) {
			halfStream(t, got)
			if data := events(got.body); !strings.HasPrefix(data[len(data)-1], `{"error":{"message":"`) {
				t.Error(got.body)
			}
		}},
		{"html", false, 502, false, isHTML},
		{"html", true, 502, false, isHTML},
		{"empty", false, 200, false, isEmpty},
		{"empty", true, 200, false, isEmpty},
		{"garbage", false, 200, false, func(t *testing.T, got answer) {
			if got.body == "" || json.Valid([]byte(got.body)) {
				t.Error(got.body)
			}
		}},
		{"garbage", true, 200, false, func(t *testing.T, got answer) {
			if data := events(got.body); len(data) != 2 || json.Valid([]byte(data[0])) || data[1] != "[DONE]" {
				t.Error(got.body)
			}
		}},
		{"reset", false, 0, true, isEmpty},
		{"reset", true, 0, true, isEmpty},
	} {
		t.Run(fmt.Sprintf("%s,stream=%v", test.fault, test.stream), func(t *testing.T) {
			got := ask(t, url, "m?chunks=5&fault="+test.fault, fmt.Sprintf(`"stream":%v`, test.stream))
			if got.status != test.status || (got.err != nil) != test.broken {
				t.Fatalf("%+v", got)
			}
			if length := got.header.Get("Content-Length"); test.fault == "cut" && !test.stream && length != fmt.Sprint(len(got.body)*2) && length != fmt.Sprint(len(got.body)*2+1) {
				t.Errorf("cut: %d of %s bytes", len(got.body), length)
			}
			if test.fault == "cut" && !errors.Is(got.err, io.ErrUnexpectedEOF) {
				t.Errorf("cut: %v", got.err)
			}
			test.inspect(t, got)
		})
	}
}
