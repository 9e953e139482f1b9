package transport

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// Each test here is a bug that was: its name says what went wrong.

// TestWaitsBeyondTheTimeout: a wait between attempts is part of a call's time,
// and what the provider said must not be lost in it.
func TestWaitsBeyondTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := NewHost(HostConfig{Open: configured, Timeout: 5 * time.Second, Fetcher: exchanges(func(ctx context.Context, f *core.Fetch, tell func(core.Event)) {
			tell(&core.Head{Status: 429, Header: []provider.Field{{Name: "retry-after", Value: "6"}}})
			tell(&core.End{})
		})})
		began := time.Now()
		wantKind(t, launch(t.Context(), host, "chat_completion", nil), provider.RateLimit)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the call took %v", took)
		}
	})
}

// TestCompileCountsAsProvider: the time of opening a machine is not the call's.
func TestCompileCountsAsProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := NewHost(HostConfig{Timeout: time.Second, Open: func(ctx context.Context) (core.Machine, error) {
			time.Sleep(10 * time.Second)
			return configured(ctx)
		}, Fetcher: exchanges(func(ctx context.Context, f *core.Fetch, tell func(core.Event)) {
			tell(&core.Head{Status: 200})
			tell(&core.Chunk{Body: []byte(`{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}`)})
			tell(&core.End{})
		})})
		result := host.Call(t.Context(), "chat_completion", []byte(`{"model":"m","messages":[{"role":"user","content":"x"}]}`), nil)
		if result.Kind != "" || !strings.Contains(string(result.Body), `"latency_ms":0,`) {
			t.Errorf("the result is %s", result.Body)
		}
	})
}

// TestDeadMachineTakesCalls: a machine that died while its call is busy with a
// slow client gets no new calls.
func TestDeadMachineTakesCalls(t *testing.T) {
	bubble(t, "one of two", HostConfig{}, func(t *testing.T, host *Host, f *fleet) {
		machine := relay()
		f.make = func() core.Machine {
			return script(func(e core.Event) ([]core.Effect, error) {
				if _, ok := e.(*core.End); ok {
					panic("private detail")
				}
				return machine.Step(e)
			})
		}
		busy := launch(t.Context(), host, "0s text", func(string) { time.Sleep(time.Minute) })
		time.Sleep(time.Second)
		f.mu.Lock()
		f.make = relay
		f.mu.Unlock()
		wantKind(t, launch(t.Context(), host, "0s", nil), "")
		<-busy
	})
}

// TestCallsAfterClose: a call that waits for its turn opens no machine behind
// the back of Close.
func TestCallsAfterClose(t *testing.T) {
	bubble(t, "waiting", HostConfig{Calls: 1}, func(t *testing.T, host *Host, f *fleet) {
		running := launch(t.Context(), host, "1s", nil)
		f.want(1)
		waiting := launch(t.Context(), host, "1s", nil)
		f.want(1)
		host.Close()
		wantKind(t, running, "")
		wantKind(t, waiting, provider.Internal)
		f.want(-1)
	})
}

// TestTextAfterCancel: a canceled call gives no sign, even if text came while
// the client was slow.
func TestTextAfterCancel(t *testing.T) {
	for range 50 { // the order of two ready channels is chance
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			host := NewHost(HostConfig{Open: configured, Fetcher: exchanges(func(_ context.Context, f *core.Fetch, tell func(core.Event)) {
				tell(&core.Head{Status: 200, Header: []provider.Field{{Name: "content-type", Value: "text/event-stream"}}})
				for range 3 {
					tell(&core.Chunk{Body: []byte("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n")})
					time.Sleep(time.Second)
				}
			})})
			host.Call(ctx, "chat_completion", []byte(`{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}`), func(string) {
				if ctx.Err() != nil {
					t.Error("text came after the cancel")
				}
				time.Sleep(1500 * time.Millisecond)
				cancel()
			})
			time.Sleep(time.Minute)
		})
	}
}

// TestFetcherWithoutEnd: an exchange that just returns does not leave its call
// waiting for ever.
func TestFetcherWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := NewHost(HostConfig{Open: configured, Fetcher: exchanges(func(context.Context, *core.Fetch, func(core.Event)) {})})
		wantKind(t, launch(t.Context(), host, "chat_completion", nil), provider.Internal)
	})
}

func TestLongArguments(t *testing.T) {
	host := NewHost(HostConfig{Longest: 10, Open: func(context.Context) (core.Machine, error) { return nil, errors.New("not to be opened") }})
	result := host.Call(t.Context(), "chat_completion", []byte(`{"a":"bcd"}`), nil)
	if result.Kind != provider.TooLarge || !strings.Contains(string(result.Body), "got 11 bytes, allowed: at most 10") {
		t.Errorf("the result is %s", result.Body)
	}
}

// TestLongReply: what a bomb decompresses to counts, not what it sends.
func TestLongReply(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		_, _ = packed.Write(make([]byte, 2<<20))
		_ = packed.Close()
	}))
	defer server.Close()
	upstream := NewUpstream(UpstreamConfig{Providers: []provider.Row{{Endpoint: server.URL}}, Longest: 1 << 20})
	fetch(t.Context(), t, upstream, &core.Fetch{HTTPRequest: provider.HTTPRequest{Method: "POST", URL: server.URL}}).
		wantFail(t, provider.TooLarge, false, "longer than 1 MB")
}

// TestHTTPSToHTTP: net/http has an error of its own for this.
func TestHTTPSToHTTP(t *testing.T) {
	endpoint, _ := counting(t, false, nil)
	endpoint = "https" + strings.TrimPrefix(endpoint, "http")
	fetch(t.Context(), t, upstreamFor(t, endpoint), post(endpoint, "{}")).wantFail(t, provider.Network, false, "does not speak TLS")
}

// TestBrokenOutputEndsTheSession, also without another line, and at once.
func TestBrokenOutputEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, client := io.Pipe()
		began := time.Now()
		ended := make(chan error, 1)
		go func() { ended <- newServer(toolbox()).ServeStdio(t.Context(), in, &full{0}) }()
		_, _ = io.WriteString(client, callLine("1", "nap", `"1h"`, "")+"\n"+pingLine("2")+"\n")
		if err := <-ended; err == nil {
			t.Error("the session ended without an error")
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
		_ = client.Close()
		time.Sleep(2 * time.Hour)
	})
}

// TestCapitalMethod: a name in another case is another name.
func TestCapitalMethod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t, newServer(toolbox()))
		s.call("7", "wait", "{}")
		synctest.Wait()
		s.say(`{"jsonrpc":"2.0","method":"x","Method":"notifications/cancelled","params":{"requestId":1}}`)
		synctest.Wait()
		if n := len(s.lines); n != 0 {
			t.Errorf("%d lines came", n)
		}
	})
}
