package transport

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// TestNetworks: a provider with a network of its own takes its authority and its
// deadlines, and nobody else does.
func TestNetworks(t *testing.T) {
	pool, secure := authority(t)
	stop := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/slow") {
			<-stop
		}
	}))
	server.TLS = secure
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	defer close(stop)
	upstream := NewUpstream(UpstreamConfig{
		Providers: []provider.Row{
			{Name: "own", Endpoint: server.URL, Credential: bearer},
			{Name: "hasty", Endpoint: server.URL, Credential: bearer},
			{Name: "usual", Endpoint: server.URL, Credential: bearer},
		},
		Secrets: map[string]string{"key": secret},
		Networks: map[string]Network{
			"own":   {RootCAs: pool},
			"twin":  {RootCAs: pool},
			"hasty": {RootCAs: pool, Deadlines: Deadlines{FirstByte: 50 * time.Millisecond}},
			"as":    {},
		},
	})
	defer upstream.CloseIdle()
	from := func(name, path string) *core.Fetch {
		request := post(server.URL+path, "{}")
		request.Provider = name
		return request
	}
	if x := fetch(t.Context(), t, upstream, from("own", "")); !x.ended {
		t.Errorf("own: %+v", x.fail)
	}
	if x := fetch(t.Context(), t, upstream, from("usual", "")); x.fail == nil || !strings.Contains(x.fail.Reason, "authority that is not trusted") {
		t.Errorf("usual: %+v", x.fail)
	}
	if x := fetch(t.Context(), t, upstream, from("hasty", "/slow")); x.fail == nil || x.fail.Kind != provider.Timeout {
		t.Errorf("hasty: %+v", x.fail)
	}
	if upstream.way("own") != upstream.way("twin") || upstream.way("own") == upstream.way("hasty") || upstream.way("as") != upstream.usual {
		t.Error("who has the same network does not have the same connections")
	}
}

// TestNetworkProxy: one provider goes through its proxy, the other directly.
func TestNetworkProxy(t *testing.T) {
	_, endpoint := imitated(t)
	var mu sync.Mutex
	var through []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		through = append(through, r.URL.Host)
		mu.Unlock()
		w.WriteHeader(http.StatusTeapot)
	}))
	defer proxy.Close()
	far := "http://" + distant + "/v1"
	upstream := NewUpstream(UpstreamConfig{
		Providers: []provider.Row{{Name: "far", Endpoint: far}, {Name: "near", Endpoint: endpoint}},
		Networks:  map[string]Network{"far": {Proxy: ProxyConfig{All: proxy.URL}}},
	})
	defer upstream.CloseIdle()
	request := post(far, "{}")
	request.Provider, request.Credential = "far", provider.Credential{}
	if x := fetch(t.Context(), t, upstream, request); x.head == nil || x.head.Status != http.StatusTeapot {
		t.Errorf("far: %+v", x)
	}
	request = post(endpoint, `{"model":"imitated","messages":[{"role":"user","content":"Hello"}]}`)
	request.Provider, request.Credential = "near", provider.Credential{}
	if x := fetch(t.Context(), t, upstream, request); x.head == nil || x.head.Status != http.StatusOK {
		t.Errorf("near: %+v", x)
	}
	if len(through) != 1 || through[0] != distant {
		t.Errorf("through the proxy went %q", through)
	}
}

// TestFetchedSecret: a credential that is not among the secrets is fetched, and
// what fetching says goes out.
func TestFetchedSecret(t *testing.T) {
	var sent string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { sent = r.Header.Get("Authorization") }))
	defer server.Close()
	upstream := NewUpstream(UpstreamConfig{
		Providers: []provider.Row{{Name: "imitated", Endpoint: server.URL, Credential: bearer}},
		Secret: func(_ context.Context, name string) (string, *core.Fail) {
			if sent != "" {
				return "", &core.Fail{Kind: provider.Authentication, Reason: "the vault is closed"}
			}
			return "sk-of-" + name, nil
		},
	})
	defer upstream.CloseIdle()
	if x := fetch(t.Context(), t, upstream, post(server.URL, "{}")); !x.ended || sent != "Bearer sk-of-key" {
		t.Errorf("sent was %q: %+v", sent, x)
	}
	if x := fetch(t.Context(), t, upstream, post(server.URL, "{}")); x.fail == nil || x.fail.Reason != "the vault is closed" {
		t.Errorf("%+v", x.fail)
	}
}
