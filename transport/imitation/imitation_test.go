package imitation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const testKey = "sk-test-0123456789"

// answer is what a client saw of one exchange.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // of the request, or of reading its body
}

// serve starts a provider for one test.
func serve(t *testing.T) (*Provider, string) {
	t.Helper()
	provider := New()
	url, stop, err := provider.Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return provider, url
}

// chatBody is a request for model; members are further JSON members, if any.
func chatBody(model string, members ...string) string {
	name, _ := json.Marshal(model)
	members = append([]string{
		`"model":` + string(name),
		`"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello there"}]`,
	}, members...)
	return "{" + strings.Join(members, ",") + "}"
}

// post sends body to the provider at url.
func post(ctx context.Context, url, body string) answer {
	return send(ctx, url+"/chat/completions", body, "Authorization", "Bearer "+testKey)
}

// send sends body to an address, with header fields given by name and value.
func send(ctx context.Context, url, body string, fields ...string) answer {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	for i := 0; i < len(fields); i += 2 {
		request.Header.Set(fields[i], fields[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text), err}
}

func ask(t *testing.T, url, model string, members ...string) answer {
	return post(t.Context(), url, chatBody(model, members...))
}

// events returns the data of a stream's events.
func events(body string) []string {
	var data []string
	for line := range strings.Lines(body) {
		if event, ok := strings.CutPrefix(line, "data: "); ok {
			data = append(data, strings.TrimRight(event, "\r\n"))
		}
	}
	return data
}

// contents returns the content chunks of a stream, without the role chunk.
func contents(t *testing.T, body string) []string {
	t.Helper()
	var pieces []string
	for _, data := range events(body) {
		var chunk completion
		if data == "[DONE]" {
			continue
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			t.Fatalf("event %q: %v", data, err)
		}
		for _, choice := range chunk.Choices {
			if choice.Delta != nil && choice.Delta.Content != nil && choice.Delta.Role == "" {
				pieces = append(pieces, *choice.Delta.Content)
			}
		}
	}
	return pieces
}

func TestRefusals(t *testing.T) {
	_, url := serve(t)
	for query, want := range map[string]string{
		"colour=red":                         `unknown key "colour"; allowed: again, chunks, comments, crlf, echo, fault, finish, gap, id, latency, reasoning, retry_after, size, status, text, times, tool, usage`,
		"size=1&size=2":                      `key "size" is given 2 times; allowed: once`,
		"size=%zz":                           `is not a URL query`,
		"latency=5":                          `key "latency" is "5"; allowed: a duration from 0s to 60s`,
		"latency=61s":                        `key "latency" is "61s"`,
		"gap=-1ms":                           `key "gap" is "-1ms"; allowed: a duration from 0s to 60s`,
		"size=67108865":                      `key "size" is "67108865"; allowed: a whole number of bytes from 0 to 67108864`,
		"size=":                              `key "size" is ""`,
		"chunks=0":                           `key "chunks" is "0"; allowed: a whole number from 1 to 100000`,
		"status=200":                         `key "status" is "200"; allowed: an HTTP status from 400 to 599`,
		"status=429&retry_after=soon":        `key "retry_after" is "soon"; allowed: a whole number of seconds from 0 to 86400`,
		"fault=fire":                         `key "fault" is "fire"; allowed: cut, end, error, html, empty, garbage, hang, stall, reset`,
		"fault=cut&times=0":                  `key "times" is "0"; allowed: a whole number from 1 to 1000000`,
		"id=" + strings.Repeat("x", 201):     `allowed: a text of at most 200 bytes`,
		"crlf=yes":                           `key "crlf" is "yes"; allowed: 0 or 1`,
		"comments=2":                         `key "comments" is "2"; allowed: 0 or 1`,
		"usage=no":                           `key "usage" is "no"; allowed: 0 or 1`,
		"tool=get+weather":                   `key "tool" is "get weather"; allowed: 1 to 64 of`,
		"finish=Stop!":                       `key "finish" is "Stop!"; allowed: 1 to 64 of`,
		"reasoning=":                         `key "reasoning" is ""; allowed: a text that is not empty`,
		"text=a&size=3":                      `key "text" is "a" beside size or tool; allowed: one of them`,
		"again=a":                            `key "again" is "a" without text; allowed: together with text`,
		"status=401&echo=all":                `key "echo" is "all"; allowed: key`,
		"status=500&fault=cut":               `key "status" is 500 and key "fault" is "cut"; allowed: one of the two`,
		"fault=html&retry_after=1":           `key "retry_after" is "1" without status`,
		"times=1":                            `key "times" is 1 without a fault`,
		"fault=cut&echo=key":                 `key "echo" is "key" without an error`,
		"tool=f&size=1":                      `key "size" is 1 and key "tool" is "f"`,
		"id=" + strings.Repeat("x", maxName): `the name has`,
	} {
		got := ask(t, url, "m?"+query)
		var body errorBody
		if err := json.Unmarshal([]byte(got.body), &body); err != nil || got.status != 400 {
			t.Errorf("%.100s: %+v", query, got)
			continue
		}
		if !strings.HasPrefix(body.Error.Message, "model: ") || !strings.Contains(body.Error.Message, want) || body.Error.Param != "model" {
			t.Errorf("%.100s: got %s, want %q", query, got.body, want)
		}
	}
}

func TestRoutes(t *testing.T) {
	_, url := serve(t)
	for _, test := range []struct {
		method, path, body string
		status             int
		has                string
	}{
		{"GET", "/models", "", 200, `"id":"imitated"`},
		{"GET", "/some/where/models", "", 200, `"object":"list"`},
		{"POST", "/some/where/chat/completions", chatBody("m"), 200, "You said"},
		{"POST", "/models", "", 405, "allowed: GET"},
		{"GET", "/chat/completions", "", 405, "allowed: POST"},
		{"POST", "/completions", chatBody("m"), 404, "allowed: POST .../chat/completions, POST .../responses, POST .../messages, "},
		{"POST", "/chat/completions", "{", 400, "not a chat completion request"},
		{"POST", "/chat/completions", `{"model":7}`, 400, "not a chat completion request"},
		{"POST", "/chat/completions", "null", 400, "model: missing"},
		{"POST", "/chat/completions", `{"model":"m","messages":[]}`, 400, "messages: missing"},
	} {
		response := httptest.NewRecorder()
		New().ServeHTTP(response, httptest.NewRequest(test.method, url+test.path, strings.NewReader(test.body)))
		if response.Code != test.status || !strings.Contains(response.Body.String(), test.has) {
			t.Errorf("%s %s %.50s: got %d %s", test.method, test.path, test.body, response.Code, response.Body)
		}
	}
}

func TestTooLargeBody(t *testing.T) {
	provider, url := serve(t)
	body := chatBody("m", `"padding":"`+strings.Repeat("x", 2*maxKeptBody)+`"`)
	provider.maxBody = int64(len(body))
	if got := post(t.Context(), url, body); got.status != 200 {
		t.Errorf("%+v", got)
	}
	provider.maxBody--
	want := fmt.Sprintf("larger than the allowed %d bytes", len(body)-1)
	if got := post(t.Context(), url, body); got.status != 413 || !strings.Contains(got.body, want) {
		t.Errorf("%+v, want %q", got, want)
	}
	if got := provider.Requests()[1]; got.BodySize != len(body)-1 || len(got.Body) != maxKeptBody {
		t.Errorf("kept %d of %d bytes", len(got.Body), got.BodySize)
	}
}

func TestTimes(t *testing.T) {
	_, url := serve(t)
	var got []int
	for _, query := range []string{
		"status=503&times=2&id=a", "status=503&times=2&id=a", "status=503&times=2&id=a",
		"status=503&times=1&id=b", "status=503&times=1&id=b",
		"status=503&times=1", "status=503&times=1", "fault=html&times=1",
		"fault=html&times=1&id=c", "fault=html&times=1&id=c",
		"status=503", "status=503&id=a",
	} {
		got = append(got, ask(t, url, "m?"+query).status)
	}
	if want := "[503 503 200 503 200 503 200 200 502 200 503 503]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestTimesIsBounded(t *testing.T) {
	provider := New()
	for i := range maxIDs {
		provider.faulted[fmt.Sprint(i)] = 1
	}
	if _, refusal := provider.faultDue(behaviour{status: 500, times: 2, id: "one more"}); refusal == nil {
		t.Error("no refusal of a new id")
	}
	if due, refusal := provider.faultDue(behaviour{status: 500, times: 2, id: "7"}); !due || refusal != nil {
		t.Error("refusal of a known id")
	}
}

// TestWaits runs in fake time, and so sees the exact waits, the long ones too.
func TestWaits(t *testing.T) {
	for _, test := range []struct {
		query  string
		stream bool
		waits  time.Duration
		broken bool // the connection is closed in the end
	}{
		{"", true, 0, false},
		{"latency=60s", false, time.Minute, false},
		{"latency=200ms&status=500", false, 200 * time.Millisecond, false},
		{"latency=1s&chunks=5&gap=10ms", true, 1040 * time.Millisecond, false},
		{"chunks=5&gap=10ms", false, 0, false},
		{"chunks=5&gap=10ms&fault=end", true, 10 * time.Millisecond, false},
		{"fault=hang", false, time.Minute, true},
		{"latency=1s&fault=hang", true, 61 * time.Second, true},
		{"fault=stall", false, time.Minute, true},
		{"fault=stall", true, time.Minute, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			body := chatBody("m?"+test.query, fmt.Sprintf(`"stream":%v`, test.stream))
			response := httptest.NewRecorder()
			start := time.Now()
			defer func() {
				if thrown := recover(); (thrown == http.ErrAbortHandler) != test.broken {
					t.Errorf("%s: thrown %v", test.query, thrown)
				}
				if waited := time.Since(start); waited != test.waits {
					t.Errorf("%s: waited %v, want %v", test.query, waited, test.waits)
				}
				if hung := strings.Contains(test.query, "hang"); hung != (response.Body.Len() == 0) {
					t.Errorf("%s: body %s", test.query, response.Body)
				}
			}()
			New().ServeHTTP(response, httptest.NewRequest(http.MethodPost, "/chat/completions", strings.NewReader(body)))
		})
	}
}

// TestClientGoesAway checks that every way of waiting ends at once, and shows.
func TestClientGoesAway(t *testing.T) {
	for _, query := range []string{"latency=60s", "fault=hang", "fault=stall", "gap=60s", "size=16777216"} {
		for _, stream := range []bool{false, true} {
			if query == "gap=60s" && !stream {
				continue
			}
			t.Run(fmt.Sprintf("%s,stream=%v", query, stream), func(t *testing.T) {
				t.Parallel()
				provider, url := serve(t)
				ctx, leave := context.WithCancel(t.Context())
				request, _ := http.NewRequestWithContext(ctx, http.MethodPost, url+"/chat/completions",
					strings.NewReader(chatBody("m?"+query, fmt.Sprintf(`"stream":%v`, stream))))
				go func() {
					for provider.serving.Load() == 0 && ctx.Err() == nil {
						time.Sleep(time.Millisecond) // one that leaves sooner is never seen
					}
					time.Sleep(50 * time.Millisecond)
					leave()
				}()
				if response, err := http.DefaultClient.Do(request); err == nil {
					<-ctx.Done() // with the head received and the body unread
					response.Body.Close()
				}
				waitUntil(t, func() bool {
					requests := provider.Requests()
					return len(requests) == 1 && requests[0].Aborted && provider.serving.Load() == 0
				})
			})
		}
	}
}

func waitUntil(t *testing.T, reached func() bool) {
	t.Helper()
	for start := time.Now(); !reached(); time.Sleep(time.Millisecond) {
		if time.Since(start) > 30*time.Second {
			t.Fatal("not reached within 30 s")
		}
	}
}

func TestRequests(t *testing.T) {
	provider, url := serve(t)
	small := chatBody("m")
	large := chatBody("m", `"padding":"`+strings.Repeat("x", maxKeptBody)+`"`)
	ask(t, url, "m")
	post(t.Context(), url, large)
	post(t.Context(), url+"/elsewhere?x=1", small)
	got := provider.Requests()
	if len(got) != 3 {
		t.Fatalf("got %d requests", len(got))
	}
	for i, want := range []Request{
		{Path: "/v1/chat/completions", Body: []byte(small), BodySize: len(small)},
		{Path: "/v1/chat/completions", Body: []byte(large[:maxKeptBody]), BodySize: len(large)},
		{Path: "/v1/elsewhere", Body: []byte(small), BodySize: len(small)},
	} {
		if got[i].Method != "POST" || got[i].Path != want.Path || got[i].Aborted ||
			got[i].Header.Get("Authorization") != "Bearer "+testKey ||
			!bytes.Equal(got[i].Body, want.Body) || got[i].BodySize != want.BodySize {
			t.Errorf("request %d: %s %s, %d of %d bytes", i, got[i].Method, got[i].Path, len(got[i].Body), got[i].BodySize)
		}
	}
}

func TestRequestsIsBounded(t *testing.T) {
	provider := New()
	for i := range maxKept + 5 {
		provider.keep(httptest.NewRequest(http.MethodGet, fmt.Sprintf("/%d", i), nil), nil)
	}
	got := provider.Requests()
	if len(got) != maxKept || got[0].Path != "/5" || got[maxKept-1].Path != fmt.Sprintf("/%d", maxKept+4) {
		t.Errorf("got %d requests from %s to %s", len(got), got[0].Path, got[len(got)-1].Path)
	}
}

func TestPeak(t *testing.T) {
	const crowd = 300
	provider, url := serve(t)
	ctx, leave := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range crowd {
		running.Go(func() { post(ctx, url, chatBody("m?fault=hang")) })
	}
	waitUntil(t, func() bool { return provider.Peak() == crowd })
	leave()
	running.Wait()
	waitUntil(t, func() bool { return provider.serving.Load() == 0 })
	if got := provider.Peak(); got != crowd {
		t.Errorf("Peak() = %d after the crowd of %d has left", got, crowd)
	}
}

// TestPeakOfOneAfterTheOther has clients that send a request as soon as they
// have the last byte of the answer before: the two must not count together.
func TestPeakOfOneAfterTheOther(t *testing.T) {
	for _, test := range []struct{ member, last string }{
		{`"stream":false`, "}}"},
		{`"stream":true`, "[DONE]\n\n"},
	} {
		provider, url := serve(t)
		for range 150 {
			response, err := http.Post(url+"/chat/completions", "application/json", strings.NewReader(chatBody("m?size=8000&chunks=2", test.member)))
			if err != nil {
				t.Fatal(err)
			}
			text, part := "", make([]byte, 4096)
			for !strings.HasSuffix(text, test.last) && err == nil {
				var n int
				n, err = response.Body.Read(part)
				text += string(part[:n])
			}
			response.Body.Close()
			if !strings.HasSuffix(text, test.last) {
				t.Fatalf("%s: %v after %q", test.member, err, text)
			}
		}
		if got := provider.Peak(); got != 1 {
			t.Errorf("%s: Peak() = %d with one client", test.member, got)
		}
		for i, request := range provider.Requests() {
			if request.Aborted {
				t.Errorf("%s: request %d counts as aborted", test.member, i)
			}
		}
	}
}

func TestStop(t *testing.T) {
	url, stop, err := New().Serve()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(url, "http://127.0.0.1:") || !strings.HasSuffix(url, "/v1") {
		t.Errorf("url %s", url)
	}
	time.AfterFunc(20*time.Millisecond, stop)
	if got := ask(t, url, "m?fault=hang"); got.err == nil {
		t.Errorf("got %+v of a stopped provider", got)
	}
	stop()
	if got := ask(t, url, "m"); got.err == nil {
		t.Errorf("got %+v of a stopped provider", got)
	}
}
