package imitation

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// speaker is a form as its clients speak it.
type speaker struct {
	name string
	// path is where a model's answers are asked for.
	path func(model string, stream bool) string
	// body is a request of one question.
	body   func(model string, stream bool) string
	fields []string // of the header
	stop   string   // what is in the last event of a whole stream alone
}

var speakers = []speaker{
	{
		name: "chat",
		path: func(string, bool) string { return "/chat/completions" },
		body: func(model string, stream bool) string { return chatBody(model, fmt.Sprintf(`"stream":%v`, stream)) },
		stop: "[DONE]",
	},
	{
		name: "responses",
		path: func(string, bool) string { return "/responses" },
		body: func(model string, stream bool) string {
			return fmt.Sprintf(`{"model":%s,"stream":%v,"input":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"input_text","text":"Hello there"}]}]}`, encode(model), stream)
		},
		stop: `"type":"response.completed"`,
	},
	{
		name: "anthropic",
		path: func(string, bool) string { return "/messages" },
		body: func(model string, stream bool) string {
			return fmt.Sprintf(`{"model":%s,"max_tokens":99,"stream":%v,"system":[{"type":"text","text":"Be brief."}],"messages":[{"role":"user","content":[{"type":"text","text":"Hello there"}]}]}`, encode(model), stream)
		},
		fields: []string{"Anthropic-Version", "2023-06-01", "X-Api-Key", testKey},
		stop:   `"type":"message_stop"`,
	},
	{
		name: "gemini",
		path: func(model string, stream bool) string {
			if stream {
				return "/models/" + url.PathEscape(model) + ":streamGenerateContent?alt=sse"
			}
			return "/models/" + url.PathEscape(model) + ":generateContent"
		},
		body: func(string, bool) string {
			return `{"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"Hello there"}]}]}`
		},
		fields: []string{"X-Goog-Api-Key", testKey},
		stop:   `"finishReason"`,
	},
}

// ask asks the speaker's question.
func (s speaker) ask(t *testing.T, url, model string, stream bool) answer {
	t.Helper()
	return send(t.Context(), url+s.path(model, stream), s.body(model, stream), s.fields...)
}

func TestPlainAnswers(t *testing.T) {
	const model, said = "m?reasoning=Hm", `You said: \"Hello there\". I am an imitated model.`
	for i, want := range []string{
		`{"id":"chatcmpl-imitated-1","object":"chat.completion","created":1700000000,"model":"` + model + `","choices":[{"index":0,"message":{"role":"assistant",` +
			`"content":"` + said + `","reasoning_content":"Hm"},"finish_reason":"stop"}],"usage":{"prompt_tokens":4,"completion_tokens":9,"total_tokens":13}}`,
		`{"id":"resp_imitated_1","object":"response","created_at":1700000000,"status":"completed","error":null,"incomplete_details":null,"model":"` + model + `","output":[` +
			`{"id":"rs_imitated_1","type":"reasoning","summary":[{"type":"summary_text","text":"Hm"}]},` +
			`{"id":"msg_imitated_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"` + said + `","annotations":[]}]}],` +
			`"parallel_tool_calls":true,"store":false,"usage":{"input_tokens":4,"input_tokens_details":{"cached_tokens":0},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":13}}`,
		`{"id":"msg_imitated_1","type":"message","role":"assistant","model":"` + model + `","content":[{"type":"thinking","thinking":"Hm","signature":"signature_imitated_1"},{"type":"text","text":"` + said + `"}],` +
			`"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":4,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":9}}`,
		`{"candidates":[{"content":{"parts":[{"text":"Hm","thought":true},{"text":"` + said + `"}],"role":"model"},"finishReason":"STOP","index":0}],` +
			`"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":9,"totalTokenCount":13},"modelVersion":"` + model + `","responseId":"imitated_1"}`,
	} {
		_, url := serve(t)
		got := speakers[i].ask(t, url, model, false)
		if got.err != nil || got.status != 200 || got.body != want {
			t.Errorf("%s: got %d %v\n%s\nwant\n%s", speakers[i].name, got.status, got.err, got.body, want)
		}
	}
}

// TestStreams has the answers in two chunks, with a call of a tool where that is
// the shorter one to write down.
func TestStreams(t *testing.T) {
	sse := func(end string, lines ...string) string {
		return strings.Join(lines, end+end) + end + end
	}
	named := func(name, data string) string { return "event: " + name + "\ndata: " + data }
	response := func(status, output, usage string) string {
		return `"response":{"id":"resp_imitated_1","object":"response","created_at":1700000000,"status":"` + status + `","error":null,"incomplete_details":null,` +
			`"model":"m?tool=f&chunks=2","output":[` + output + `],"parallel_tool_calls":true,"store":false,"usage":` + usage + "}}"
	}
	call := func(status, arguments string) string {
		return `{"id":"fc_imitated_1","type":"function_call","status":"` + status + `","call_id":"call_imitated_1","name":"f","arguments":"` + arguments + `"}`
	}
	whole := call("completed", `{\"city\":\"Oslo\"}`)
	of := func(kind string, number int, rest string) string {
		return named(kind, fmt.Sprintf(`{"type":"%s","sequence_number":%d,%s`, kind, number, rest))
	}
	part := func(text, finish string, sum int) string {
		return fmt.Sprintf(`data: {"candidates":[{"content":{"parts":[{"text":%s}],"role":"model"},%s"index":0}],`+
			`"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":%d,"totalTokenCount":%d},"modelVersion":"m?chunks=2&text=Go+on","responseId":"imitated_1"}`, encode(text), finish, sum, 4+sum)
	}
	for _, test := range []struct {
		speaker speaker
		model   string
		want    string
	}{
		{speakers[1], "m?tool=f&chunks=2", sse("\n",
			of("response.created", 0, response("in_progress", "", "null")),
			of("response.in_progress", 1, response("in_progress", "", "null")),
			of("response.output_item.added", 2, `"output_index":0,"item":`+call("in_progress", "")+"}"),
			of("response.function_call_arguments.delta", 3, `"item_id":"fc_imitated_1","output_index":0,"delta":"{\"city\""}`),
			of("response.function_call_arguments.delta", 4, `"item_id":"fc_imitated_1","output_index":0,"delta":":\"Oslo\"}"}`),
			of("response.function_call_arguments.done", 5, `"item_id":"fc_imitated_1","output_index":0,"arguments":"{\"city\":\"Oslo\"}"}`),
			of("response.output_item.done", 6, `"output_index":0,"item":`+whole+"}"),
			of("response.completed", 7, response("completed", whole, `{"input_tokens":4,"input_tokens_details":{"cached_tokens":0},"output_tokens":1,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":5}`)),
		)},
		{speakers[2], "m?chunks=2&text=Go+on&reasoning=Hm", sse("\n",
			named("message_start", `{"type":"message_start","message":{"id":"msg_imitated_1","type":"message","role":"assistant","model":"m?chunks=2&text=Go+on&reasoning=Hm","content":[],`+
				`"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":4,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}`),
			named("ping", `{"type":"ping"}`),
			named("content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`),
			named("content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}`),
			named("content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"signature_imitated_1"}}`),
			named("content_block_stop", `{"type":"content_block_stop","index":0}`),
			named("content_block_start", `{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}`),
			named("content_block_delta", `{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Go"}}`),
			named("content_block_delta", `{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":" on"}}`),
			named("content_block_stop", `{"type":"content_block_stop","index":1}`),
			named("message_delta", `{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":4,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2}}`),
			named("message_stop", `{"type":"message_stop"}`),
		)},
		{speakers[3], "m?chunks=2&text=Go+on", sse("\r\n", part("Go", "", 1), part(" on", "", 2), part("", `"finishReason":"STOP",`, 2))},
	} {
		_, url := serve(t)
		got := test.speaker.ask(t, url, test.model, true)
		if got.err != nil || got.status != 200 || got.header.Get("Content-Type") != typeSSE || got.body != test.want {
			t.Errorf("%s: got %d %v\n%s\nwant\n%s", test.speaker.name, got.status, got.err, got.body, test.want)
		}
	}
}

// TestFormsShape checks what only one form has.
func TestFormsShape(t *testing.T) {
	_, url := serve(t)
	for _, test := range []struct {
		speaker     int
		model       string
		stream      bool
		has, hasNot string
	}{
		{1, "m?finish=length", false, `"status":"incomplete","error":null,"incomplete_details":{"reason":"max_output_tokens"}`, "completed"},
		{1, "m?finish=content_filter", true, `event: response.incomplete`, "completed"},
		{1, "m?usage=0", false, `"usage":null`, "input_tokens"},
		{1, "m?crlf=1&comments=1", true, "}\r\n\r\n: keep-alive\r\n\r\nevent: response.completed\r\n", "}\n"},
		{1, "m?reasoning=Hm", true, `"type":"response.reasoning_summary_text.delta","sequence_number":4,"item_id":"rs_imitated_`, "encrypted_content"},
		{1, "m?size=0", false, `"text":""`, "lorem"},
		{2, "m?tool=f", false, `"content":[{"type":"tool_use","id":"toolu_imitated_`, "end_turn"},
		{2, "m?tool=f", false, `"name":"f","input":{"city":"Oslo"}}],"stop_reason":"tool_use"`, "text"},
		{2, "m?tool=f&chunks=1", true, `"delta":{"type":"input_json_delta","partial_json":"{\"city\":\"Oslo\"}"}`, "end_turn"},
		{2, "m?finish=pause_turn", false, `"stop_reason":"pause_turn"`, "end_turn"},
		{2, "m?finish=length", true, `"stop_reason":"max_tokens"`, "end_turn"},
		{2, "m?size=0", false, `"content":[]`, "text"},
		{2, "m?size=0", true, `"stop_reason":"end_turn"`, "content_block"},
		{2, "m?usage=0", true, `message_stop`, "tokens"},
		{3, "m?tool=f", false, `"parts":[{"thoughtSignature":"aW1pdGF0ZWQ=","functionCall":{"name":"f","args":{"city":"Oslo"}}}]`, `"text"`},
		{3, "m?tool=f&chunks=3", true, `"functionCall":{"name":"f","args":{"city":"Oslo"}}`, "}\n"},
		{3, "m?crlf=0", true, "}\n\n", "\r"},
		{3, "m?finish=malformed_function_call", false, `"finishReason":"MALFORMED_FUNCTION_CALL"`, "STOP"},
		{3, "m?finish=length", false, `"finishReason":"MAX_TOKENS"`, "STOP"},
		{3, "m?usage=0", true, `"finishReason":"STOP"`, "TokenCount"},
	} {
		speaker := speakers[test.speaker]
		got := speaker.ask(t, url, test.model, test.stream)
		if got.err != nil || got.status != 200 || !strings.Contains(got.body, test.has) || strings.Contains(got.body, test.hasNot) {
			t.Errorf("%s %s, stream %v: got %d %v\n%s\nmust contain %q, not %q", speaker.name, test.model, test.stream, got.status, got.err, got.body, test.has, test.hasNot)
		}
	}
	// Without alt=sse Gemini's stream is an array.
	got := send(t.Context(), url+"/models/m:streamGenerateContent", speakers[3].body("m", true))
	var chunks []geminiAnswer
	if err := json.Unmarshal([]byte(got.body), &chunks); err != nil || len(chunks) != 10 || chunks[9].Candidates[0].FinishReason != "STOP" {
		t.Errorf("%v: %d %s", err, got.status, got.body)
	}
}

func TestFormsStatus(t *testing.T) {
	_, url := serve(t)
	for _, test := range []struct {
		speaker, status int
		want            string // beside the message
	}{
		{1, 429, `"code":"rate_limit_exceeded"`},
		{1, 418, `"type":"invalid_request_error"`},
		{2, 400, `"type":"invalid_request_error"`},
		{2, 401, `"type":"authentication_error"`},
		{2, 404, `"type":"not_found_error"`},
		{2, 418, `"type":"invalid_request_error"`},
		{2, 429, `"type":"rate_limit_error"`},
		{2, 503, `"type":"api_error"`},
		{2, 529, `"type":"overloaded_error","message":"Overloaded"`},
		{3, 400, `"status":"INVALID_ARGUMENT"`},
		{3, 418, `"status":"FAILED_PRECONDITION"`},
		{3, 429, `"status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]`},
		{3, 503, `"status":"UNAVAILABLE"`},
		{3, 599, `"status":"INTERNAL"`},
	} {
		speaker := speakers[test.speaker]
		for _, stream := range []bool{false, true} {
			got := speaker.ask(t, url, fmt.Sprintf("m?status=%d&retry_after=7", test.status), stream)
			if got.status != test.status || !strings.Contains(got.body, test.want) || !strings.Contains(got.body, `"message":"`) || strings.Contains(got.body, testKey) {
				t.Errorf("%s %d: %+v, want %s", speaker.name, test.status, got, test.want)
			}
			if header := got.header.Get("Retry-After"); (header == "7") == (speaker.name == "gemini") {
				t.Errorf("%s %d: Retry-After %q", speaker.name, test.status, header)
			}
		}
		if len(speaker.fields) > 0 {
			if got := speaker.ask(t, url, fmt.Sprintf("m?status=%d&echo=key", test.status), false); !strings.Contains(got.body, testKey) {
				t.Errorf("%s %d with echo=key: %s", speaker.name, test.status, got.body)
			}
		}
	}
	got := speakers[2].ask(t, url, "m?status=500", false)
	var body anthropicErrorBody
	if err := json.Unmarshal([]byte(got.body), &body); err != nil || body.Type != "error" || body.RequestID == "" || body.RequestID != got.header.Get("Request-Id") {
		t.Errorf("%v: %+v", err, got)
	}
}

// TestFormsFaults has every fault in every form.
func TestFormsFaults(t *testing.T) {
	_, url := serve(t)
	for _, speaker := range speakers {
		whole := speaker.ask(t, url, "m?chunks=5", true)
		if !strings.Contains(whole.body, speaker.stop) {
			t.Fatalf("%s: a whole stream is without %s: %s", speaker.name, speaker.stop, whole.body)
		}
		for _, fault := range faults {
			if fault == "hang" || fault == "stall" {
				continue // TestWaits, which is no form's own
			}
			for _, stream := range []bool{false, true} {
				got := speaker.ask(t, url, "m?chunks=5&fault="+fault, stream)
				name := fmt.Sprintf("%s, %s, stream %v", speaker.name, fault, stream)
				status := map[string]int{"html": 502, "reset": 0}
				want, odd := status[fault]
				if !odd {
					want = 200
				}
				if broken := fault == "cut" || fault == "reset"; got.status != want || (got.err != nil) != broken {
					t.Errorf("%s: %+v", name, got)
				}
				if stream && fault != "garbage" && strings.Contains(got.body, speaker.stop) {
					t.Errorf("%s: it looks whole: %s", name, got.body)
				}
				half := fault == "cut" || fault == "end" || fault == "error"
				if stream && half && (!strings.Contains(got.body, `You said:`) || strings.Contains(got.body, "imitated model")) {
					t.Errorf("%s: this is no half: %s", name, got.body)
				}
				if !stream && fault != "error" && json.Valid([]byte(got.body)) {
					t.Errorf("%s: this is JSON: %s", name, got.body)
				}
				if fault == "garbage" && !strings.Contains(got.body, garbage) {
					t.Errorf("%s: %s", name, got.body)
				}
			}
		}
	}
	for i, want := range []struct{ document, events string }{
		{`{"error":{"message":`, `data: {"error":{"message":`},
		{`"status":"failed","error":{"code":"server_error","message":`, `event: response.failed`},
		{`{"type":"error","error":{"type":"api_error",`, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\","},
		{`{"error":{"code":500,"message":`, `data: {"error":{"code":500,"message":`},
	} {
		if got := speakers[i].ask(t, url, "m?fault=error", false); !strings.Contains(got.body, want.document) {
			t.Errorf("%s: %s", speakers[i].name, got.body)
		}
		if got := speakers[i].ask(t, url, "m?fault=error", true); !strings.Contains(got.body, want.events) {
			t.Errorf("%s: %s", speakers[i].name, got.body)
		}
	}
}

// TestFormsTimes: an id counts the same whatever the form.
func TestFormsTimes(t *testing.T) {
	_, url := serve(t)
	var got []int
	for range 2 {
		for _, speaker := range speakers {
			got = append(got, speaker.ask(t, url, "m?status=503&times=3&id=a", false).status)
		}
	}
	if fmt.Sprint(got) != "[503 503 503 200 200 200 200 200]" {
		t.Errorf("got %v", got)
	}
}

func TestFormsRefusals(t *testing.T) {
	_, url := serve(t)
	const user = `{"role":"user","content":"x"}`
	for _, test := range []struct {
		speaker    int
		body, want string
	}{
		{1, `{"model":7}`, "not a responses request"},
		{1, `{"input":"x"}`, "model: missing"},
		{1, `{"model":"m"}`, "'input'"},
		{1, `{"model":"m","input":[]}`, "'input'"},
		{1, `{"model":"m","input":"x","max_output_tokens":15}`, "integer_below_min_value"},
		{1, `{"model":"m","input":"x","text":{"format":{"type":"json_schema","schema":{}}}}`, "text.format.name"},
		{1, `{"model":"m","input":[{"type":"function_call_output","call_id":"c","output":"x"}]}`, `No tool call found for function call output with call_id c.","type":"invalid_request_error","param":"input","code":null`},
		{1, `{"model":"m?fault=fire","input":"x"}`, `key \"fault\" is \"fire\"`},
		{2, `[]`, "not a messages request"},
		{2, `{"max_tokens":1,"messages":[` + user + `]}`, "model: missing"},
		{2, `{"model":"m","messages":[` + user + `]}`, "max_tokens"},
		{2, `{"model":"m","max_tokens":1,"messages":[]}`, "at least one message"},
		{2, `{"model":"m","max_tokens":1,"messages":[{"role":"tool","content":"x"}]}`, "messages.0.role"},
		{2, `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":""}]}]}`, "non-empty"},
		{2, `{"model":"m","max_tokens":1,"messages":[` + user + `,{"role":"assistant","content":[{"type":"tool_use","id":"a"}]},` + user + `,{"role":"user","content":[{"type":"tool_result","tool_use_id":"a"}]}]}`, "unexpected `tool_use_id`"},
		{2, `{"model":"m","max_tokens":1,"messages":[` + user + `],"output_config":{"format":{"type":"json_object"}}}`, "json_schema"},
		{2, `{"model":"m","max_tokens":1,"messages":[` + user + `],"output_config":{"format":{"type":"json_schema","schema":{"type":"array","items":{"type":"object"}}}}}`, "additionalProperties"},
		{3, `{"contents":7}`, "not a generateContent request"},
		{3, `{"contents":[]}`, "contents is not specified"},
		{3, `{"contents":[{"role":"assistant","parts":[{"text":"x"}]}]}`, "valid role"},
		{3, `{"contents":[{"role":"user","parts":[]}]}`, "at least one part"},
		{3, `{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f"}}]}]}`, "thought_signature"},
		{3, `{"contents":[{"role":"user","parts":[{"functionResponse":{"response":{}}}]}]}`, "function_response.name"},
	} {
		speaker := speakers[test.speaker]
		got := send(t.Context(), url+speaker.path("m", false), test.body, speaker.fields...)
		if got.status != 400 || !strings.Contains(got.body, test.want) || !strings.Contains(got.body, `"error":{`) {
			t.Errorf("%s %s: got %d %s, want %s", speaker.name, test.body, got.status, got.body, test.want)
		}
	}
	if got := send(t.Context(), url+"/messages", speakers[2].body("m", false)); got.status != 400 || !strings.Contains(got.body, "anthropic-version") {
		t.Errorf("without anthropic-version: %+v", got)
	}
	if got := speakers[3].ask(t, url, "m?colour=red", false); got.status != 400 || !strings.Contains(got.body, `unknown key \"colour\"`) {
		t.Errorf("an unknown key: %+v", got)
	}
}

// TestFormsRoutes: a wrong path is refused in the words of whoever asks.
func TestFormsRoutes(t *testing.T) {
	for _, test := range []struct {
		method, path string
		fields       []string
		status       int
		has          string
	}{
		{"POST", "/v1beta/models/m:countTokens", nil, 404, `"status":"NOT_FOUND"`},
		{"POST", "/v1beta/models/m", nil, 404, `"status":"NOT_FOUND"`},
		{"POST", "/v1/models/:generateContent", nil, 400, `"status":"INVALID_ARGUMENT"`},
		{"GET", "/v1beta/models/m:generateContent", nil, 405, "allowed: POST"},
		{"POST", "/v1/complete", speakers[2].fields, 404, `"type":"not_found_error"`},
		{"GET", "/v1/messages", nil, 405, "allowed: POST"},
		{"GET", "/v1/responses", nil, 405, `"code":"method_not_allowed"`},
		{"GET", "/v1/models", nil, 200, `{"data":[{"created":1700000000,"id":"imitated","object":"model","owned_by":"imitation"},`},
		{"GET", "/v1/models", speakers[2].fields, 200, `"first_id":"imitated","has_more":false,"last_id":"imitated-vision"`},
		{"GET", "/v1/models", speakers[2].fields, 200, `"max_input_tokens":1000000,"max_tokens":64000,"type":"model"`},
		{"GET", "/v1/models", speakers[3].fields, 200, `{"models":[{"displayName":"Imitated","inputTokenLimit":128000,"name":"models/imitated","outputTokenLimit":16384,"supportedGenerationMethods":["generateContent"],"thinking":false,`},
		{"GET", "/v1beta/models", nil, 200, `"name":"models/imitated"`},
		{"GET", "/api/v1/models", nil, 200, `"pricing":{"completion":"0.000002","prompt":"0.000001"}`},
		{"GET", "/api/v1/models", nil, 200, `"input_modalities":["text","image"]`},
	} {
		request := httptest.NewRequest(test.method, "http://provider"+test.path, strings.NewReader("{}"))
		for i := 0; i < len(test.fields); i += 2 {
			request.Header.Set(test.fields[i], test.fields[i+1])
		}
		response := httptest.NewRecorder()
		New().ServeHTTP(response, request)
		if response.Code != test.status || !strings.Contains(response.Body.String(), test.has) {
			t.Errorf("%s %s %v: got %d %s, want %s", test.method, test.path, test.fields, response.Code, response.Body, test.has)
		}
		if response.Code == http.StatusMethodNotAllowed && response.Header().Get("Allow") != "POST" {
			t.Errorf("%s %s: Allow is %q", test.method, test.path, response.Header().Get("Allow"))
		}
	}
}

// TestConversations: what is read of a conversation, in each form.
func TestConversations(t *testing.T) {
	_, url := serve(t)
	for _, test := range []struct {
		name    string
		speaker int
		body    string
		want    string // the answer
	}{
		{"images", 0, `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"data:"}}]}]}`, `You said: "x". I see 1 image. I am an imitated model.`},
		{"images", 1, `{"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":"data:"},{"type":"input_image","image_url":"data:"}]}]}`, `You said nothing. I see 2 images. I am an imitated model.`},
		{"images", 2, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image","source":{}},{"type":"document","source":{}}]}]}`, `You said: "x". I see 1 image. I am an imitated model.`},
		{"images", 3, `{"contents":[{"parts":[{"text":"x"},{"inlineData":{"mimeType":"image/png","data":""}},{"fileData":{"mimeType":"image/png","fileUri":""}},{"inlineData":{"mimeType":"audio/wav","data":""}}]}]}`, `You said: "x". I see 2 images. I am an imitated model.`},
		{"results", 0, `{"model":"m?tool=f","messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[]},{"role":"tool","tool_call_id":"a","content":"4 degrees"}]}`, `The tool said: "4 degrees". I am an imitated model.`},
		{"results", 1, `{"model":"m?tool=f","input":[{"role":"user","content":"x"},{"type":"function_call","call_id":"a"},{"type":"function_call","call_id":"b"},{"type":"function_call_output","call_id":"a","output":"4"},{"type":"function_call_output","call_id":"b","output":[{"type":"input_text","text":"5"},{"type":"input_image","image_url":"data:"}]}]}`, "The tool said: \"4\n5\". I see 1 image. I am an imitated model."},
		{"results", 2, `{"model":"m?tool=f","max_tokens":9,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"a"}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"4"}]}]}]}`, `The tool said: "4". I am an imitated model.`},
		{"results", 3, `{"contents":[{"parts":[{"text":"x"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":"x"}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"4"}}}]}]}`, `The tool said: "4". I am an imitated model.`},
		{"an object as result", 3, `{"contents":[{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"degrees":4}}}]}]}`, `The tool said: "{"degrees":4}". I am an imitated model.`},
		{"a text after results", 2, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"a"}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"4"},{"type":"text","text":"y"}]}]}`, `You said: "y". I am an imitated model.`},
		{"a schema", 0, `{"model":"m","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"object","required":["b","a"],"properties":{"a":{"type":"string"},"b":{"type":"integer"}}}}}}`, `{"b":1,"a":"imitated"}`},
		{"a schema", 1, `{"model":"m","input":"x","text":{"format":{"type":"json_schema","name":"n","schema":{"type":"array","items":{"type":"boolean"}}}}}`, `[true]`},
		{"a schema", 2, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],"output_config":{"format":{"type":"json_schema","schema":{"type":"object","additionalProperties":false}}}}`, `{}`},
		{"a schema", 3, `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"responseJsonSchema":{"enum":["red","blue"]}}}`, `"red"`},
		{"OpenAPI's schema", 3, `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"responseSchema":{"type":"OBJECT","required":["a"],"properties":{"a":{"type":"NUMBER"}}}}}`, `{"a":1}`},
		{"a text in spite of a schema", 0, `{"model":"m?text=no","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"object"}}}}`, `no`},
	} {
		speaker := speakers[test.speaker]
		model := "m"
		if test.name == "results" {
			model += "?tool=f" // which it has called
		}
		got := send(t.Context(), url+speaker.path(model, false), test.body, speaker.fields...)
		if got.status != 200 || !strings.Contains(got.body, string(encode(test.want))) {
			t.Errorf("%s, %s: got %d %s\nwant %s", speaker.name, test.name, got.status, got.body, test.want)
		}
	}
}
