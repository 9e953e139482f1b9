package transport

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// distant is the name of the test's endpoints: loopback hosts would be reached
// directly. Nobody resolves it but the test's proxies.
const distant = "provider.example"

// authority makes an authority, and a certificate of it for the test's servers.
func authority(t *testing.T) (*x509.CertPool, *tls.Config) {
	t.Helper()
	issue := func(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		if signer == nil {
			parent, signer = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return certificate, key
	}
	root, rootKey := issue(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	leaf, leafKey := issue(&x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{distant}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, root, rootKey)
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return pool, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: leafKey}}}
}

// relayProxy is a proxy that takes every host for its target, and keeps what
// it can read.
type relayProxy struct {
	scheme, address, target string
	refuses                 int    // status of its answers, 0: it does not refuse
	userinfo                string // it wants this Proxy-Authorization; empty: none

	mu    sync.Mutex
	asked []string // such as "CONNECT provider.example:443"
	clear bytes.Buffer
}

// Write records what the proxy reads.
func (p *relayProxy) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clear.Write(data)
}

func (p *relayProxy) ask(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, what)
}

// seen tells what the proxy was asked for, and what it could read.
func (p *relayProxy) seen() ([]string, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...), p.clear.String()
}

func relayTo(t *testing.T, scheme, target string, secure *tls.Config) *relayProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &relayProxy{scheme: scheme, address: listener.Addr().String(), target: target}
	if scheme == "https" {
		// It would speak HTTP/2 if it were asked to, which CONNECT in HTTP/1.1
		// does not survive.
		secure = secure.Clone()
		secure.NextProtos = []string{"h2", "http/1.1"}
		listener = tls.NewListener(listener, secure)
	}
	var group sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); group.Wait() })
	group.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer client.Close()
				if secured, ok := client.(*tls.Conn); ok && secured.Handshake() == nil && secured.ConnectionState().NegotiatedProtocol == "h2" {
					p.ask("HTTP/2")
					return
				}
				reader := bufio.NewReader(io.TeeReader(client, p))
				if strings.HasPrefix(scheme, "socks") {
					p.socks(reader, client)
				} else {
					p.http(reader, client)
				}
			})
		}
	})
	return p
}

func (p *relayProxy) http(reader *bufio.Reader, client net.Conn) {
	for {
		request, err := http.ReadRequest(reader)
		if err != nil {
			_, _ = io.WriteString(client, "HTTP/1.1 400 Bad Request\r\n\r\n")
			return
		}
		p.ask(request.Method + " " + request.RequestURI)
		refuses := p.refuses
		if p.userinfo != "" && request.Header.Get("Proxy-Authorization") != p.userinfo {
			refuses = 407
		}
		if refuses != 0 {
			_, _ = io.Copy(io.Discard, request.Body)
			_, _ = fmt.Fprintf(client, "HTTP/1.1 %d Refused\r\nContent-Length: 0\r\n\r\n", refuses)
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			return
		}
		if request.Method == "CONNECT" {
			_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
			pipe(reader, client, server)
			return
		}
		request.Header.Del("Proxy-Authorization")
		_ = request.Write(server)
		if reply, err := http.ReadResponse(bufio.NewReader(server), request); err == nil {
			_ = reply.Write(client)
		}
		_ = server.Close()
	}
}

func (p *relayProxy) socks(reader *bufio.Reader, client net.Conn) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(reader, head); err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, reader, int64(head[1])) // methods
	_, _ = client.Write([]byte{5, 0})                   // no authentication
	order := make([]byte, 5)                            // version, connect, 0, a name follows, its length
	if _, err := io.ReadFull(reader, order); err != nil || order[3] != 3 {
		return
	}
	name := make([]byte, int(order[4])+2)
	if _, err := io.ReadFull(reader, name); err != nil {
		return
	}
	p.ask(fmt.Sprintf("SOCKS %s:%d", name[:order[4]], binary.BigEndian.Uint16(name[order[4]:])))
	server, err := net.Dial("tcp", p.target)
	if p.refuses != 0 || err != nil {
		_, _ = client.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	_, _ = client.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	pipe(reader, client, server)
}

// pipe carries bytes both ways until one side ends.
func pipe(reader io.Reader, client, server net.Conn) {
	go func() {
		_, _ = io.Copy(server, reader)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
	_ = client.Close()
	_ = server.Close()
}

// arrivals is what an endpoint got.
type arrivals struct {
	mu       sync.Mutex
	keys     []string
	versions []string
}

func (a *arrivals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys = append(a.keys, r.Header.Get("Authorization"))
	a.versions = append(a.versions, r.Proto)
	if r.Header.Get("Proxy-Authorization") != "" {
		a.keys = append(a.keys, "the proxy's password")
	}
	_, _ = io.WriteString(w, "ok")
}

func (a *arrivals) got() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.keys, ", ") + " " + strings.Join(a.versions, ", ")
}

func endpointAt(t *testing.T, secure *tls.Config, answer http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(answer)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure != nil {
		server.EnableHTTP2 = true
		server.TLS = secure.Clone()
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server
}

// through is an upstream with the bearer key for the endpoint.
func through(t *testing.T, endpoint string, config UpstreamConfig) *Upstream {
	config.Secrets = map[string]string{"key": secret}
	config.Providers = []provider.Row{{Name: "imitated", Endpoint: endpoint, Credential: bearer}}
	upstream := NewUpstream(config)
	t.Cleanup(upstream.CloseIdle)
	return upstream
}

func TestProxyMatrix(t *testing.T) {
	pool, secure := authority(t)
	for _, scheme := range []string{"none", "http", "https", "socks5", "socks5h"} {
		for _, endpointScheme := range []string{"http", "https"} {
			for _, host := range []string{distant, "127.0.0.1"} {
				for _, allow := range []bool{false, true} {
					for _, no := range []string{"", distant} {
						got := new(arrivals)
						var server *httptest.Server
						if endpointScheme == "https" {
							server = endpointAt(t, secure, got)
						} else {
							server = endpointAt(t, nil, got)
						}
						target := server.Listener.Addr().String()
						proxy := relayTo(t, scheme, target, secure)
						endpoint := endpointScheme + "://" + distant + ":8443"
						if host != distant {
							endpoint = endpointScheme + "://" + target
						}
						config := UpstreamConfig{AllowHTTP: allow, Network: Network{RootCAs: pool, Proxy: ProxyConfig{No: no}}}
						if scheme != "none" {
							config.Proxy.All = scheme + "://user:p%40ss@" + proxy.address
							if !strings.HasPrefix(scheme, "socks") {
								proxy.userinfo = "Basic dXNlcjpwQHNz" // user:p@ss
							}
						}
						x := fetch(t.Context(), t, through(t, endpoint, config), post(endpoint, "{}"))

						direct := scheme == "none" || no != "" || host != distant
						refused := endpointScheme == "http" && host == distant && !allow
						want, asked := "reply", ""
						version := "HTTP/1.1"
						if endpointScheme == "https" {
							version = "HTTP/2.0"
						}
						switch {
						case refused:
							want = "invalid_request"
						case direct && host == distant:
							want = "network"
						case direct:
						case strings.HasPrefix(scheme, "socks"):
							asked = "SOCKS provider.example:8443"
						case endpointScheme == "https":
							asked = "CONNECT provider.example:8443"
						default:
							asked = "POST http://provider.example:8443/chat/completions"
						}
						wantKey := " "
						if want == "reply" {
							wantKey = "Bearer " + secret + " " + version
						}
						outcome := "reply"
						if x.fail != nil {
							outcome = string(x.fail.Kind)
						}
						proxyAsked, clear := proxy.seen()
						cell := fmt.Sprintf("proxy %-7s endpoint %-5s at %-16s allow %-5t no %-16q", scheme, endpointScheme, host, allow, no)
						t.Logf("%s: %-15s asked of the proxy %q, the endpoint got %q", cell, outcome, proxyAsked, strings.ReplaceAll(got.got(), secret, "KEY"))
						if outcome != want || got.got() != wantKey || strings.Join(proxyAsked, ", ") != asked {
							t.Errorf("%s: want %s, of the proxy %q; got %+v, the endpoint %q", cell, want, asked, x.fail, got.got())
						}
						if endpointScheme == "https" && strings.Contains(clear, secret) || asked == "" && clear != "" {
							t.Errorf("%s: the proxy read %q", cell, clear)
						}
						if x.fail != nil && strings.Contains(x.fail.Reason+x.fail.Next, "p%40ss") {
							t.Errorf("%s: the password is in %+v", cell, x.fail)
						}
						server.CloseClientConnections()
					}
				}
			}
		}
	}
}

func TestProxyChoice(t *testing.T) {
	way := ProxyConfig{HTTP: "http://a:1", All: "socks5://b:2", No: "direct.example,.inner.example"}.ways()
	t.Setenv("HTTPS_PROXY", "http://environment:1")
	for endpoint, want := range map[string]string{
		"http://x.example": "http://a:1", "https://x.example": "socks5://b:2",
		"https://direct.example": "", "https://a.inner.example": "", "https://localhost": "", "http://[::1]:8": "",
	} {
		endpoint := post(endpoint, "").URL
		request, _ := http.NewRequest("GET", endpoint, nil)
		got := ""
		if proxy := way(request.URL); proxy != nil {
			got = proxy.String()
		}
		if got != want {
			t.Errorf("%s goes through %q, want %q", endpoint, got, want)
		}
	}
	const endpoint = "https://" + distant
	// None of these goes directly instead.
	for _, proxy := range []string{"ftp://user:p%40ss@a:1", "http://user:p%40ss@a b\x7f", "http://user:p%40ss@:80", "socks4://a:1", "://"} {
		x := fetch(t.Context(), t, through(t, endpoint, UpstreamConfig{Network: Network{Proxy: ProxyConfig{HTTPS: proxy}}}), post(endpoint, "{}"))
		x.wantFail(t, provider.InvalidRequest, false, "is not the URL of a proxy")
		if strings.Contains(x.fail.Reason+x.fail.Next, "p%40ss") {
			t.Errorf("the password is in %+v", x.fail)
		}
	}
}

func TestProxyRefuses(t *testing.T) {
	pool, secure := authority(t)
	got := new(arrivals)
	server := endpointAt(t, secure, got)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for _, test := range []struct {
		name, scheme, endpoint string
		refuses                int
		retry                  bool
		word                   string
	}{
		{"407 on CONNECT", "http", "https", 407, false, " with status 407"},
		{"407 on CONNECT over TLS", "https", "https", 407, false, " with status 407"},
		{"407 on a forwarded request", "http", "http", 407, false, " with status 407"},
		{"403", "http", "https", 403, false, " with status 403"},
		{"502", "http", "https", 502, true, " with status 502"},
		{"SOCKS", "socks5", "https", 5, true, " did not connect to " + distant},
		{"closed", "http", "https", -1, true, " was refused"},
		{"closed, with TLS", "https", "https", -1, true, " was refused"},
		{"closed SOCKS", "socks5", "https", -1, true, " was refused"},
		{"closed, forwarded", "http", "http", -1, true, " was refused"},
		{"no TLS", "https", "https", -2, false, " does not speak TLS on this port"},
		{"untrusted", "https", "https", -3, false, " is from an authority that is not trusted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			scheme, roots := test.scheme, pool
			if test.refuses == -2 {
				scheme = "http"
			}
			if test.refuses == -3 {
				roots = x509.NewCertPool()
			}
			proxy := relayTo(t, scheme, server.Listener.Addr().String(), secure)
			proxy.refuses = test.refuses
			if test.refuses == -1 {
				proxy.address = closed.Addr().String()
			}
			endpoint := test.endpoint + "://" + distant
			upstream := through(t, endpoint, UpstreamConfig{
				AllowHTTP: true, Network: Network{RootCAs: roots, Proxy: ProxyConfig{All: test.scheme + "://us3r:passw0rd@" + proxy.address}},
			})
			x := fetch(t.Context(), t, upstream, post(endpoint, "{}"))
			x.wantFail(t, provider.Network, test.retry, "the proxy "+proxy.address)
			x.wantFail(t, provider.Network, test.retry, test.word)
			if said := x.fail.Reason + x.fail.Next; strings.Contains(said, "us3r") || strings.Contains(said, "passw0rd") {
				t.Errorf("the proxy's user is in %q", said)
			}
			t.Log(x.fail.Reason)
		})
	}
	if got.got() != " " {
		t.Errorf("the endpoint got %s", got.got())
	}
}

func TestProxyTunnelReused(t *testing.T) {
	pool, secure := authority(t)
	got := new(arrivals)
	proxy := relayTo(t, "http", endpointAt(t, secure, got).Listener.Addr().String(), secure)
	const endpoint = "https://" + distant
	// The connection outlives the deadline of its opening.
	upstream := through(t, endpoint, UpstreamConfig{
		Network: Network{RootCAs: pool, Proxy: ProxyConfig{HTTPS: "http://" + proxy.address}, Deadlines: Deadlines{Connect: time.Second}},
	})
	for n := range 30 {
		if n == 20 {
			time.Sleep(1100 * time.Millisecond)
		}
		if x := fetch(t.Context(), t, upstream, post(endpoint, "{}")); x.fail != nil || string(x.body) != "ok" {
			t.Fatalf("fetch %d: %+v", n, x.fail)
		}
	}
	if asked, _ := proxy.seen(); len(asked) != 1 {
		t.Errorf("30 fetches opened %d tunnels, want 1", len(asked))
	}
	if n := strings.Count(got.got(), "HTTP/2.0"); n != 30 {
		t.Errorf("%d of 30 fetches were in HTTP/2", n)
	}
}

func TestHTTP2(t *testing.T) {
	pool, secure := authority(t)
	got := new(arrivals)
	endpoint := endpointAt(t, secure, got).URL
	x := fetch(t.Context(), t, through(t, endpoint, UpstreamConfig{Network: Network{RootCAs: pool}}), post(endpoint, "{}"))
	if x.fail != nil || got.got() != "Bearer "+secret+" HTTP/2.0" {
		t.Errorf("got %+v, the endpoint %s", x.fail, got.got())
	}
}

func TestDeadline(t *testing.T) {
	pool, secure := authority(t)
	mute, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody speaks
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	stalls := func(after string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			// HTTP/1.1 notices that the client has gone once the body is read.
			_, _ = io.Copy(io.Discard, r.Body)
			if after != "" {
				_, _ = io.WriteString(w, after)
				_ = http.NewResponseController(w).Flush()
			}
			<-r.Context().Done()
		}
	}
	const soon = 50 * time.Millisecond
	silent := mute.Addr().String()
	connect := Deadlines{Connect: soon}
	for _, test := range []struct {
		name, endpoint, proxy string
		deadlines             Deadlines
		kind                  provider.Kind
		word                  string
	}{
		{"TLS", "https://" + silent, "", connect, provider.Network, "connect deadline of 50ms"},
		{"CONNECT", "https://" + distant, "http://" + silent, connect, provider.Network, "through the proxy " + silent + " could not be opened within the connect deadline of 50ms"},
		{"TLS of the proxy", "https://" + distant, "https://" + silent, connect, provider.Network, "through the proxy " + silent},
		{"SOCKS", "https://" + distant, "socks5://" + silent, connect, provider.Network, "through the proxy " + silent},
		{"first byte", endpointAt(t, nil, stalls("")).URL, "", Deadlines{FirstByte: soon}, provider.Timeout, "first byte of an answer within the deadline of 50ms"},
		{"first byte in HTTP/2", endpointAt(t, secure, stalls("")).URL, "", Deadlines{FirstByte: soon}, provider.Timeout, "first byte of an answer within the deadline of 50ms"},
		{"silence", endpointAt(t, nil, stalls("a")).URL, "", Deadlines{Silence: soon}, provider.Timeout, "silence lasted longer than the deadline of 50ms"},
		{"silence in HTTP/2", endpointAt(t, secure, stalls("a")).URL, "", Deadlines{Silence: soon}, provider.Timeout, "silence lasted longer than the deadline of 50ms"},
	} {
		t.Run(test.name, func(t *testing.T) {
			upstream := through(t, test.endpoint, UpstreamConfig{Network: Network{RootCAs: pool, Proxy: ProxyConfig{All: test.proxy}, Deadlines: test.deadlines}})
			began := time.Now()
			x := fetch(t.Context(), t, upstream, post(test.endpoint, "{}"))
			x.wantFail(t, test.kind, test.kind == provider.Network, test.word)
			if took := time.Since(began); took < soon || took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if begun := test.deadlines.Silence > 0; (x.head != nil) != begun || (string(x.body) == "a") != begun {
				t.Errorf("the head is %+v, the body %q", x.head, x.body)
			}
		})
	}
	t.Run("pauses that are allowed", func(t *testing.T) {
		slow := endpointAt(t, nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for range 8 {
				time.Sleep(100 * time.Millisecond)
				_, _ = io.WriteString(w, "a")
				_ = http.NewResponseController(w).Flush()
			}
		})).URL
		limits := Deadlines{Connect: 600 * time.Millisecond, FirstByte: 600 * time.Millisecond, Silence: 600 * time.Millisecond}
		x := fetch(t.Context(), t, through(t, slow, UpstreamConfig{Network: Network{Deadlines: limits}}), post(slow, "{}"))
		if x.fail != nil || string(x.body) != "aaaaaaaa" {
			t.Errorf("got %+v, %q", x.fail, x.body)
		}
	})
}
