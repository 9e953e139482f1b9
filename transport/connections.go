package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// ProxyConfig says which way connections take. Loopback hosts are always
// reached directly.
type ProxyConfig struct {
	// HTTP and HTTPS are the URLs of the proxies to http and https endpoints:
	// http, https, socks5 or socks5h, or host:port for http. SOCKS proxies
	// resolve the endpoint's name under either scheme.
	HTTP, HTTPS string
	// All is the proxy where HTTP or HTTPS is empty.
	All string
	// No lists what is reached directly, in the form of NO_PROXY.
	No string
}

// Deadlines bound the parts of an exchange, which has no other bound than its
// context.
type Deadlines struct {
	// Connect is how long opening a connection may take: dial, the proxy's
	// consent and TLS together. 0 means 10 s.
	Connect time.Duration
	// FirstByte is how long the reply's header may take once the request has
	// been written. 0 means no bound.
	FirstByte time.Duration
	// Silence is the longest pause between two pieces of the reply's body. 0
	// means no bound.
	Silence time.Duration
}

const usualConnect = 10 * time.Second

// ways returns what tells the proxy to an address, nil where there is none.
func (c ProxyConfig) ways() func(*url.URL) *url.URL {
	proxy := func(text string) string {
		if text == "" {
			text = c.All
		}
		_, err := url.Parse(text)
		if _, short := url.Parse("http://" + text); err != nil && short != nil {
			// httpproxy would go directly where it cannot read the URL. This
			// one it reads, and usable refuses.
			return "unusable://unusable"
		}
		return text
	}
	config := httpproxy.Config{HTTPProxy: proxy(c.HTTP), HTTPSProxy: proxy(c.HTTPS), NoProxy: c.No}
	way := config.ProxyFunc()
	return func(address *url.URL) *url.URL {
		proxy, _ := way(address) // it fails under CGI only
		return proxy
	}
}

// Proxy is the proxy on the way to an address, nil where there is none.
func (c ProxyConfig) Proxy(address *url.URL) *url.URL { return c.ways()(address) }

// usable reports whether a proxy speaks something that we speak: net/http
// would take any other scheme for http.
func usable(proxy *url.URL) bool {
	switch proxy.Scheme {
	case "http", "https", "socks5", "socks5h":
		return proxy.Hostname() != ""
	}
	return false
}

// newConnections returns the connections of a network. Each request must be
// on a trip.
func newConnections(config Network) *http.Transport {
	secure := &tls.Config{RootCAs: config.RootCAs, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	dialer := net.Dialer{Timeout: config.Deadlines.Connect, KeepAlive: 30 * time.Second}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		until := time.Now().Add(config.Deadlines.Connect)
		connection, err := dialer.DialContext(ctx, network, address)
		if err == nil {
			// net/http goes on opening a connection that nobody waits for any
			// more, and gives SOCKS no time limit at all. A trip that gets the
			// connection takes this deadline away.
			_ = connection.SetDeadline(until) // it fails on closed ones only
		}
		return connection, err
	}
	return &http.Transport{
		Proxy:       func(r *http.Request) (*url.URL, error) { return tripOf(r.Context()).proxy, nil },
		DialContext: dial,
		// This is for the first hop only; net/http does the TLS in a tunnel.
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			connection, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			hop := secure.Clone()
			hop.ServerName, _, _ = net.SplitHostPort(address) // net/http made the address
			if tripOf(ctx).proxy != nil {
				// net/http would offer HTTP/2 to the proxy, and then send it
				// CONNECT in HTTP/1.1 nevertheless.
				hop.NextProtos = []string{"http/1.1"}
			}
			encrypted := tls.Client(connection, hop)
			if err := encrypted.HandshakeContext(ctx); err != nil {
				_ = connection.Close() // the handshake's error says more
				return nil, err
			}
			return encrypted, nil
		},
		TLSClientConfig:     secure,
		TLSHandshakeTimeout: config.Deadlines.Connect,
		OnProxyConnectResponse: func(ctx context.Context, _ *url.URL, _ *http.Request, reply *http.Response) error {
			if reply.StatusCode != http.StatusOK {
				return proxyRefusal(reply.StatusCode)
			}
			tripOf(ctx).pass()
			return nil
		},
		// Own dial functions and an own TLS configuration turn HTTP/2 off.
		ForceAttemptHTTP2: true,
		// The default keeps 2 idle connections a host: at 64 calls in flight
		// two thirds of all requests would open a new one.
		MaxIdleConnsPerHost:   1024,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// proxyRefusal is the status with which a proxy refuses.
type proxyRefusal int

func (r proxyRefusal) Error() string { return "the proxy refused with status " + strconv.Itoa(int(r)) }

// late is the cause of a trip's end at a deadline.
type late struct{ fail *core.Fail }

func (l late) Error() string { return l.fail.Reason }

// trip is the way of one exchange through the connections.
type trip struct {
	host      string
	secure    bool
	proxy     *url.URL // nil: none
	deadlines Deadlines
	end       context.CancelCauseFunc

	mu     sync.Mutex
	timer  *time.Timer
	passed bool // the proxy has opened the tunnel
	open   bool // there is a connection
	begun  bool // the reply's header is there
}

type tripKey struct{}

func tripOf(ctx context.Context) *trip { return ctx.Value(tripKey{}).(*trip) }

// travel puts a request on a trip. The caller calls the trip's end.
func travel(request *http.Request, proxy *url.URL, deadlines Deadlines) (*http.Request, *trip) {
	ctx, end := context.WithCancelCause(request.Context())
	t := &trip{
		host: request.URL.Hostname(), secure: request.URL.Scheme == "https",
		proxy: proxy, deadlines: deadlines, end: end,
	}
	ctx = context.WithValue(ctx, tripKey{}, t)
	// A request that met a connection which was just being closed is sent
	// again: the steps may come more than once.
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) {
			t.step(false)
			t.await(deadlines.Connect, t.lateConnection)
		},
		GotConn: func(got httptrace.GotConnInfo) {
			t.step(true)
			t.await(0, nil)
			_ = got.Conn.SetDeadline(time.Time{}) // where this fails, so will the exchange
		},
		WroteRequest: func(httptrace.WroteRequestInfo) {
			t.mu.Lock()
			waits := t.open && !t.begun
			t.mu.Unlock()
			if waits {
				t.await(deadlines.FirstByte, func() *core.Fail {
					return &core.Fail{
						Kind: provider.Timeout, Reason: t.host + " gave no first byte of an answer within the deadline of " + deadlines.FirstByte.String(),
					}
				})
			}
		},
	})
	return request.WithContext(ctx), t
}

// await ends the trip with a failure after some time, unless the next await
// comes before. 0 is no time limit.
func (t *trip) await(limit time.Duration, fail func() *core.Fail) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	if limit > 0 {
		t.timer = time.AfterFunc(limit, func() { t.end(late{fail()}) })
	}
}

func (t *trip) step(open bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = open
}

func (t *trip) pass() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.passed = true
}

// begin notes that the reply's header is there.
func (t *trip) begin() {
	t.mu.Lock()
	t.begun = true
	t.mu.Unlock()
	t.await(0, nil)
}

// listen bounds the wait for the next piece of the body, until heard.
func (t *trip) listen() {
	if silence := t.deadlines.Silence; silence > 0 {
		t.await(silence, func() *core.Fail {
			return &core.Fail{
				Kind: provider.Timeout, Reason: t.host + " stopped in the middle of its answer: its silence lasted longer than the deadline of " + silence.String(),
			}
		})
	}
}

func (t *trip) heard() {
	if t.deadlines.Silence > 0 {
		t.await(0, nil)
	}
}

// proxyName names the proxy without the user and password in its URL.
func (t *trip) proxyName() string { return "the proxy " + t.proxy.Host }

// forwarded reports that the proxy reads the exchange and passes it on.
func (t *trip) forwarded() bool {
	return t.proxy != nil && !t.secure && !strings.HasPrefix(t.proxy.Scheme, "socks")
}

// opening reports that there was no connection yet.
func (t *trip) opening() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.open
}

// atProxy reports that the proxy was the one we spoke with, not the provider.
func (t *trip) atProxy() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.forwarded() || t.proxy != nil && t.secure && !strings.HasPrefix(t.proxy.Scheme, "socks") && !t.open && !t.passed
}

func (t *trip) lateConnection() *core.Fail {
	to := t.host
	if t.proxy != nil {
		to += " through " + t.proxyName()
	}
	return &core.Fail{
		Kind:   provider.Network,
		Reason: "the connection to " + to + " could not be opened within the connect deadline of " + t.deadlines.Connect.String(),
		Retry:  true,
	}
}

// refused says that the proxy answered, and not the provider.
func (t *trip) refused(status int) *core.Fail {
	fail := &core.Fail{
		Kind:   provider.Network,
		Reason: t.proxyName() + " refused the connection to " + t.host + " with status " + strconv.Itoa(status),
		Next:   checkProxy,
		Retry:  status >= 500,
	}
	if status == http.StatusProxyAuthRequired {
		fail.Next = "Set the proxy's user and password in its URL, such as http://user:password@host:port."
	}
	return fail
}

const checkProxy = "Check the proxy that is set for this server."
