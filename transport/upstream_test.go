package transport

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/imitation"
)

const secret = "sk-secret-0123456789"

// bearer is how most providers want their key.
var bearer = provider.Credential{Name: "key", Header: "authorization", Prefix: "Bearer "}

// upstreamFor is an upstream that knows the endpoints, each with the bearer key.
func upstreamFor(t *testing.T, endpoints ...string) *Upstream {
	config := UpstreamConfig{Secrets: map[string]string{"key": secret, "other": "sk-other"}, UserAgent: "test/1"}
	for _, endpoint := range endpoints {
		config.Providers = append(config.Providers, provider.Row{Name: "imitated", Endpoint: endpoint, Credential: bearer})
	}
	upstream := NewUpstream(config)
	t.Cleanup(upstream.CloseIdle)
	return upstream
}

// post is a fetch of an endpoint's chat completions, with the bearer key.
func post(endpoint, body string) *core.Fetch {
	return &core.Fetch{
		HTTPRequest: provider.HTTPRequest{
			Method: "POST", URL: endpoint + "/chat/completions",
			Header: []provider.Field{{Name: "content-type", Value: "application/json"}}, Body: []byte(body),
		},
		Provider: "imitated", Model: "imitated", Credential: bearer,
	}
}

// chat is a fetch that an imitated provider answers as the model's name asks.
func chat(endpoint, model string, stream bool) *core.Fetch {
	body := `{"model":"` + model + `","messages":[{"role":"user","content":"Hello"}]`
	if stream {
		body += `,"stream":true`
	}
	return post(endpoint, body+"}")
}

// exchange is what a fetch told.
type exchange struct {
	head    *core.Head
	body    []byte
	largest int // bytes of the largest chunk
	ended   bool
	fail    *core.Fail
}

// fetch performs an exchange, and checks what holds of every one: the order of
// its events, and that a failure is a sentence without the secret.
func fetch(ctx context.Context, t *testing.T, upstream *Upstream, request *core.Fetch) (x exchange) {
	t.Helper()
	upstream.Fetch(ctx, request, Body{request.Body}, func(event core.Event) {
		if x.ended || x.fail != nil {
			t.Errorf("a %T came after the end", event)
		}
		switch event := event.(type) {
		case *core.Head:
			if x.head != nil {
				t.Error("a second head came")
			}
			x.head = event
		case *core.Chunk:
			if x.head == nil || len(event.Body) == 0 {
				t.Errorf("a chunk of %d bytes came, head %v", len(event.Body), x.head)
			}
			x.body = append(x.body, event.Body...)
			x.largest = max(x.largest, len(event.Body))
			clear(event.Body) // a machine keeps no byte of it
		case *core.End:
			if x.head == nil {
				t.Error("the end came before the head")
			}
			x.ended = true
		case *core.Fail:
			x.fail = event
			said := event.Reason + event.Next
			if event.Kind == "" || event.Reason == "" || strings.Contains(said, secret) || strings.Contains(said, "token=") {
				t.Errorf("the failure is %+v", event)
			}
		default:
			t.Errorf("a %T came", event)
		}
	})
	if !x.ended && x.fail == nil {
		t.Error("the exchange has no end")
	}
	return x
}

// wantFail checks a failure: its kind, whether to try again, and a word of it.
func (x exchange) wantFail(t *testing.T, kind provider.Kind, retry bool, word string) {
	t.Helper()
	if x.fail == nil {
		t.Fatalf("the exchange went well: %+v %.200s", x.head, x.body)
	}
	if x.fail.Kind != kind || x.fail.Retry != retry || !strings.Contains(x.fail.Reason, word) {
		t.Errorf("the failure is %+v, want kind %s, retry %t and %q", x.fail, kind, retry, word)
	}
}

// imitated starts an imitated provider.
func imitated(t *testing.T) (*imitation.Provider, string) {
	t.Helper()
	imitated := imitation.New()
	endpoint, stop, err := imitated.Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return imitated, endpoint
}

// counting starts a server that counts its requests. An https one is known to
// nobody's authorities.
func counting(t *testing.T, secure bool, answer http.HandlerFunc) (endpoint string, requests *atomic.Int32) {
	t.Helper()
	requests = new(atomic.Int32)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if answer != nil {
			answer(w, r)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.URL, requests
}

func TestFetch(t *testing.T) {
	imitated, endpoint := imitated(t)
	upstream := upstreamFor(t, endpoint)
	for _, stream := range []bool{false, true} {
		x := fetch(t.Context(), t, upstream, chat(endpoint, "imitated", stream))
		if x.fail != nil || x.head.Status != 200 || !strings.Contains(string(x.body), "Hello") {
			t.Errorf("stream %t: %+v %s", stream, x, x.body)
		}
	}
	x := fetch(t.Context(), t, upstream, chat(endpoint, "imitated?status=429&retry_after=7&echo=key", false))
	want := []provider.Field{
		{Name: "content-type", Value: "application/json"},
		{Name: "retry-after", Value: "7"},
		{Name: "x-request-id", Value: "req_imitated_3"},
	}
	if x.fail != nil || x.head.Status != 429 || !slices.Equal(x.head.Header, want) {
		t.Errorf("got %+v, want 429 and %v", x.head, want)
	}
	requests := imitated.Requests()
	if len(requests) != 3 {
		t.Fatalf("the provider got %d requests", len(requests))
	}
	for _, request := range requests {
		if request.Method != "POST" || request.Path != "/v1/chat/completions" {
			t.Errorf("the provider got %s %s", request.Method, request.Path)
		}
		for name, want := range map[string]string{"Authorization": "Bearer " + secret, "Content-Type": "application/json", "User-Agent": "test/1"} {
			if got := request.Header[name]; len(got) != 1 || got[0] != want {
				t.Errorf("the provider got %s %q, want %q", name, got, want)
			}
		}
	}
	if got, want := string(requests[0].Body), string(chat(endpoint, "imitated", false).Body); got != want {
		t.Errorf("the provider got the body %s, want %s", got, want)
	}
}

func TestReplyHeaders(t *testing.T) {
	endpoint, _ := counting(t, false, func(w http.ResponseWriter, _ *http.Request) {
		for _, name := range provider.ReplyHeaders {
			w.Header().Set(name, "of "+name)
		}
		for _, name := range []string{"set-cookie", "location", "server", "x-ratelimit-remaining-tokens", "authorization"} {
			w.Header().Set(name, secret)
		}
		w.WriteHeader(201)
	})
	x := fetch(t.Context(), t, upstreamFor(t, endpoint), post(endpoint, ""))
	var want []provider.Field
	for _, name := range provider.ReplyHeaders {
		want = append(want, provider.Field{Name: name, Value: "of " + name})
	}
	if x.head.Status != 201 || !slices.Equal(x.head.Header, want) || !x.ended || len(x.body) > 0 {
		t.Errorf("got %+v, want 201 and %v", x.head, want)
	}
}

func TestCredentialPlace(t *testing.T) {
	for _, test := range []struct {
		credential  provider.Credential
		header      string
		want        string
		fetchHeader provider.Field
	}{
		{bearer, "Authorization", "Bearer " + secret, provider.Field{}},
		{provider.Credential{Name: "key", Header: "x-api-key"}, "X-Api-Key", secret, provider.Field{}},
		{bearer, "Authorization", "Bearer " + secret, provider.Field{Name: "authorization", Value: "Bearer of the machine"}},
		{provider.Credential{}, "Authorization", "", provider.Field{}},
	} {
		got := []string{"no request"}
		endpoint, _ := counting(t, false, func(_ http.ResponseWriter, r *http.Request) { got = r.Header[test.header] })
		upstream := NewUpstream(UpstreamConfig{
			Providers: []provider.Row{{Endpoint: endpoint, Credential: test.credential}},
			Secrets:   map[string]string{"key": secret},
		})
		request := post(endpoint, "")
		request.Credential = test.credential
		if test.fetchHeader.Name != "" {
			request.Header = append(request.Header, test.fetchHeader)
		}
		fetch(t.Context(), t, upstream, request)
		upstream.CloseIdle()
		if strings.Join(got, ", ") != test.want {
			t.Errorf("%+v gave %s: %q, want %q", test.credential, test.header, got, test.want)
		}
	}
}

// TestRefused: none of these leaves the program.
func TestRefused(t *testing.T) {
	endpoint, requests := counting(t, false, nil)
	other, otherRequests := counting(t, false, nil)
	config := UpstreamConfig{
		Providers: []provider.Row{
			{Name: "imitated", Endpoint: endpoint + "/v1", Credential: bearer},
			{Name: "elsewhere", Endpoint: "https://elsewhere.invalid", Credential: provider.Credential{Name: "other"}},
			{Name: "poor", Endpoint: "http://poor.invalid/v1", Credential: provider.Credential{Name: "unset"}},
			{Name: "poor", Endpoint: endpoint, Credential: provider.Credential{Name: "unset"}},
			{Name: "plain", Endpoint: "http://example.invalid", Credential: bearer},
			{Name: "broken", Endpoint: "http://bro ken\x7f", Credential: bearer},
		},
		Secrets: map[string]string{"key": secret, "other": "sk-other", "unset": ""},
	}
	upstream := NewUpstream(config)
	port := strings.TrimPrefix(other, "http://127.0.0.1")
	for _, test := range []struct {
		name       string
		url        string
		credential string
		kind       provider.Kind
		word       string
	}{
		{"no secret", endpoint, "unset", provider.Authentication, "no key is set"},
		{"another origin", other, "key", provider.Internal, "stopped"},
		{"another origin without a credential", other, "", provider.Internal, "stopped"},
		{"another scheme", strings.Replace(endpoint, "http:", "https:", 1), "key", provider.Internal, "stopped"},
		{"another name of the host", "http://localhost" + port, "key", provider.Internal, "stopped"},
		{"the host as a user", strings.Replace(other, "http://", endpoint+"@", 1), "key", provider.Internal, "stopped"},
		{"a credential of another row", endpoint, "other", provider.Internal, "stopped"},
		{"an unknown credential", endpoint, "unknown", provider.Internal, "stopped"},
		{"no credential where the row has one", endpoint, "", provider.Internal, "stopped"},
		{"the key to another row's origin", "https://elsewhere.invalid", "key", provider.Internal, "stopped"},
		{"the key over plain http", "http://example.invalid", "key", provider.InvalidRequest, "plain http"},
		{"no URL", "http://bro ken\x7f", "key", provider.InvalidRequest, "not a URL"},
		{"no host", "/v1", "key", provider.Internal, "stopped"},
		{"a file", "file:///v1", "key", provider.Internal, "stopped"},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := post(test.url, "{}")
			request.Credential = provider.Credential{Name: test.credential, Header: "authorization", Prefix: "Bearer "}
			x := fetch(t.Context(), t, upstream, request)
			x.wantFail(t, test.kind, false, test.word)
			if x.head != nil {
				t.Errorf("a head came: %+v", x.head)
			}
		})
	}
	if requests.Load()+otherRequests.Load() != 0 {
		t.Errorf("the servers saw %d and %d requests", requests.Load(), otherRequests.Load())
	}
}

func TestRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		other, otherRequests := counting(t, false, nil)
		endpoint, requests := counting(t, false, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other+"/v1?token=stolen", status)
		})
		// Even where the other origin is known with the same key.
		x := fetch(t.Context(), t, upstreamFor(t, endpoint, other), post(endpoint, "{}"))
		if x.fail != nil || x.head.Status != status || requests.Load() != 1 || otherRequests.Load() != 0 {
			t.Errorf("%d: got %+v, %+v; the servers saw %d and %d requests", status, x.head, x.fail, requests.Load(), otherRequests.Load())
		}
	}
}

func TestUnreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	refusing := "http://" + closed.Addr().String()
	t.Run("refused", func(t *testing.T) {
		fetch(t.Context(), t, upstreamFor(t, refusing), post(refusing+"/v1?token=x", "{}")).wantFail(t, provider.Network, true, "127.0.0.1 was refused")
	})
	t.Run("no such host", func(t *testing.T) {
		const nowhere = "https://example.invalid"
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		x := fetch(ctx, t, upstreamFor(t, nowhere), post(nowhere, "{}"))
		if x.fail == nil || x.fail.Kind != provider.Network || !strings.Contains(x.fail.Reason, "the host example.invalid was not found") {
			t.Errorf("got %+v, want network and the host's name", x.fail)
		}
	})
	t.Run("unknown authority", func(t *testing.T) {
		endpoint, requests := counting(t, true, nil)
		fetch(t.Context(), t, upstreamFor(t, endpoint), post(endpoint, "{}")).wantFail(t, provider.Network, false, "the certificate of 127.0.0.1 is from an authority that is not trusted here")
		if requests.Load() != 0 {
			t.Error("the server saw a request")
		}
	})
	t.Run("https to a port that speaks something else", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		go func() {
			connection, err := listener.Accept()
			if err == nil {
				_, _ = io.WriteString(connection, "220 mail.invalid ESMTP\r\n")
				_, _ = io.Copy(io.Discard, connection)
				_ = connection.Close()
			}
		}()
		endpoint := "https://" + listener.Addr().String()
		x := fetch(t.Context(), t, upstreamFor(t, endpoint), post(endpoint, "{}"))
		x.wantFail(t, provider.Network, false, "127.0.0.1 does not speak TLS on this port")
	})
}

func TestBroken(t *testing.T) {
	_, endpoint := imitated(t)
	upstream := upstreamFor(t, endpoint)
	for _, test := range []struct {
		model  string
		stream bool
		head   bool
		word   string
	}{
		{"imitated?fault=cut", false, true, "in the middle"},
		{"imitated?fault=cut", true, true, "in the middle"},
		{"imitated?fault=cut&size=300000", false, true, "in the middle"},
		{"imitated?fault=reset", false, false, "before an answer came"},
		{"imitated?fault=reset", true, false, "before an answer came"},
	} {
		x := fetch(t.Context(), t, upstream, chat(endpoint, test.model, test.stream))
		x.wantFail(t, provider.Network, true, test.word)
		if (x.head != nil) != test.head || (len(x.body) > 0) != test.head {
			t.Errorf("%s: the head is %+v, the body %.200s", test.model, x.head, x.body)
		}
	}
}

func TestEndedByContext(t *testing.T) {
	_, endpoint := imitated(t)
	upstream := upstreamFor(t, endpoint)
	for _, test := range []struct {
		model  string
		stream bool
		head   bool
	}{
		{"imitated?fault=hang", false, false},
		{"imitated?fault=stall", false, true},
		{"imitated?fault=stall", true, true},
	} {
		t.Run(test.model, func(t *testing.T) {
			t.Parallel()
			for kind, end := range map[provider.Kind]func(context.Context) (context.Context, context.CancelFunc){
				provider.Timeout: func(ctx context.Context) (context.Context, context.CancelFunc) {
					return context.WithTimeout(ctx, 500*time.Millisecond)
				},
				provider.Canceled: func(ctx context.Context) (context.Context, context.CancelFunc) {
					ctx, cancel := context.WithCancel(ctx)
					time.AfterFunc(500*time.Millisecond, cancel)
					return ctx, cancel
				},
			} {
				ctx, cancel := end(t.Context())
				began := time.Now()
				x := fetch(ctx, t, upstream, chat(endpoint, test.model, test.stream))
				cancel()
				x.wantFail(t, kind, false, "")
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("%s: it took %v", kind, took)
				}
				if (x.head != nil) != test.head {
					t.Errorf("%s: the head is %+v", kind, x.head)
				}
			}
		})
	}
	t.Run("before it began", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		fetch(ctx, t, upstream, chat(endpoint, "imitated", false)).wantFail(t, provider.Canceled, false, "aborted")
	})
}

func TestLargeBody(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789abcdef"), 5<<20/16)
	endpoint, _ := counting(t, false, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(want) })
	x := fetch(t.Context(), t, upstreamFor(t, endpoint), post(endpoint, "{}"))
	if x.fail != nil || !bytes.Equal(x.body, want) {
		t.Errorf("got %d bytes and %+v, want %d bytes", len(x.body), x.fail, len(want))
	}
	if x.largest <= firstBuffer || x.largest > 64<<10 {
		t.Errorf("the largest chunk has %d bytes, want more than 4 KiB, at most 64 KiB", x.largest)
	}
}

func TestConnectionsReused(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(imitation.New())
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	upstream := upstreamFor(t, server.URL)
	for n := range 50 {
		model := []string{"imitated", "imitated?size=200000", "imitated?status=429", "imitated?fault=empty", "imitated?fault=html"}[n%5]
		if x := fetch(t.Context(), t, upstream, chat(server.URL, model, n%2 == 0)); x.fail != nil {
			t.Fatalf("fetch %d: %+v", n, x.fail)
		}
	}
	if opened.Load() != 1 {
		t.Errorf("50 fetches one after another used %d connections, want 1", opened.Load())
	}
	for range 2 {
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() { fetch(t.Context(), t, upstream, chat(server.URL, "imitated?latency=300ms", false)) })
		}
		group.Wait()
	}
	if opened.Load() > 30 {
		t.Errorf("twice 20 fetches at once used %d connections, want about 20", opened.Load())
	}
}

func TestOriginOf(t *testing.T) {
	for text, want := range map[string]string{
		"https://API.OpenAI.com/v1":       "https://api.openai.com",
		"HTTP://127.0.0.1:8080/v1?key=x":  "http://127.0.0.1:8080",
		"https://user:word@example.com/a": "https://example.com",
	} {
		address, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := originOf(address); got != want {
			t.Errorf("the origin of %s is %s, want %s", text, got, want)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.8.9.10": true, "::1": true, "localhost": true,
		"": false, "0.0.0.0": false, "10.0.0.1": false, "example.com": false, "127.0.0.1.example.com": false, "localhost.example.com": false,
	} {
		if got := isLoopback(host); got != want {
			t.Errorf("%q: %t, want %t", host, got, want)
		}
	}
}
