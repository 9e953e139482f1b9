package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// UpstreamConfig is what an [Upstream] is made of.
type UpstreamConfig struct {
	// Providers are the rows that may be asked. Their endpoints' origins are
	// the only ones that are ever fetched from, each only with the credentials
	// of its own rows.
	Providers []provider.Row
	// Secrets are the credentials by name.
	Secrets map[string]string
	// UserAgent names the program to providers.
	UserAgent string
	// Longest bounds a reply's body, in bytes, decompressed. 0 means no bound.
	Longest int64
	// AllowHTTP lets keys go over plain http to hosts other than this one,
	// where everybody on the way can read them.
	AllowHTTP bool
	// Network is the way to all providers but those of Networks, which have one
	// of their own, by name.
	Network
	Networks map[string]Network
	// Secret fetches a credential that Secrets does not have. It may take its
	// time, and counts as a part of the exchange. Nil: there are no others.
	Secret func(ctx context.Context, name string) (string, *core.Fail)
	// Place says where a user sets a credential, for a sentence that begins
	// "Set it in the". Nil: this program's environment.
	Place func() string
}

// Network is a way to providers.
type Network struct {
	// Proxy says which way connections take. The environment has no say.
	Proxy ProxyConfig
	// RootCAs are the authorities that are trusted. Nil: the system's.
	RootCAs *x509.CertPool
	// Deadlines bound the parts of an exchange.
	Deadlines Deadlines
}

// way is a network with its connections.
type way struct {
	client    *http.Client
	proxy     func(*url.URL) *url.URL
	deadlines Deadlines
}

func newWay(network Network) *way {
	if network.Deadlines.Connect <= 0 {
		network.Deadlines.Connect = usualConnect
	}
	return &way{
		client: &http.Client{
			Transport:     newConnections(network),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		proxy:     network.Proxy.ways(),
		deadlines: network.Deadlines,
	}
}

// Upstream performs exchanges with providers over HTTP. It puts in the
// credential at the last moment, and never follows a redirect with it.
type Upstream struct {
	usual     *way
	ways      map[string]*way            // those of providers that have one of their own
	origins   map[string]map[string]bool // origin -> names of credentials
	secrets   map[string]string
	secret    func(context.Context, string) (string, *core.Fail)
	userAgent string
	longest   int64
	allowHTTP bool
	place     func() string
}

// NewUpstream returns an upstream with connections of its own.
func NewUpstream(config UpstreamConfig) *Upstream {
	u := &Upstream{
		usual:     newWay(config.Network),
		ways:      map[string]*way{},
		origins:   map[string]map[string]bool{},
		secrets:   config.Secrets,
		secret:    config.Secret,
		userAgent: config.UserAgent,
		longest:   config.Longest,
		allowHTTP: config.AllowHTTP,
		place:     config.Place,
	}
	same := map[Network]*way{config.Network: u.usual} // who has the same network has the same connections
	for name, network := range config.Networks {
		if same[network] == nil {
			same[network] = newWay(network)
		}
		u.ways[name] = same[network]
	}
	if u.place == nil {
		u.place = func() string { return "environment of this program" }
	}
	for _, row := range config.Providers {
		endpoint, err := url.Parse(row.Endpoint)
		if err != nil {
			continue // its fetches will be refused
		}
		origin := originOf(endpoint)
		if u.origins[origin] == nil {
			u.origins[origin] = map[string]bool{}
		}
		u.origins[origin][row.Credential.Name] = true
	}
	return u
}

func originOf(u *url.URL) string { return strings.ToLower(u.Scheme + "://" + u.Host) }

// The sizes of a fetch's buffer: many calls wait at once, few are read from at
// once. The largest is the largest chunk that a machine should be given.
const (
	firstBuffer   = 4 << 10
	largestBuffer = 64 << 10
)

// Fetch performs one exchange.
func (u *Upstream) Fetch(ctx context.Context, fetch *core.Fetch, body Body, tell func(core.Event)) {
	way := u.way(fetch.Provider)
	request, proxy, fail := u.request(ctx, fetch, body, way)
	if fail != nil {
		tell(fail)
		return
	}
	request, trip := travel(request, proxy, way.deadlines)
	defer trip.end(nil)
	defer trip.await(0, nil)
	reply, err := way.client.Do(request)
	trip.begin()
	if err != nil {
		tell(failure(request.Context(), err, trip, false))
		return
	}
	defer reply.Body.Close()
	if reply.StatusCode == http.StatusProxyAuthRequired && trip.forwarded() {
		tell(trip.refused(reply.StatusCode))
		return
	}
	head := &core.Head{Status: reply.StatusCode}
	for _, name := range provider.ReplyHeaders {
		if value := reply.Header.Get(name); value != "" {
			head.Header = append(head.Header, provider.Field{Name: name, Value: value})
		}
	}
	tell(head)
	buffer := make([]byte, firstBuffer)
	for length := int64(0); ; {
		trip.listen()
		n, err := reply.Body.Read(buffer)
		trip.heard()
		if length += int64(n); u.longest > 0 && length > u.longest {
			tell(&core.Fail{Kind: provider.TooLarge, Reason: fmt.Sprintf("the reply is longer than %d MB", u.longest>>20), Next: "Ask for less at once."})
			return
		}
		if n > 0 {
			tell(&core.Chunk{Body: buffer[:n]})
		}
		if err == io.EOF {
			tell(&core.End{})
			return
		}
		if err != nil {
			tell(failure(request.Context(), err, trip, true))
			return
		}
		if n == len(buffer) && n < largestBuffer {
			buffer = make([]byte, min(4*n, largestBuffer))
		}
	}
}

// request makes the HTTP request and finds the proxy that it goes through, nil
// for none, or says why it may not be sent.
func (u *Upstream) request(ctx context.Context, fetch *core.Fetch, body Body, way *way) (*http.Request, *url.URL, *core.Fail) {
	request, err := http.NewRequestWithContext(ctx, fetch.Method, fetch.URL, nil)
	if err != nil {
		return nil, nil, &core.Fail{
			Kind: provider.InvalidRequest, Reason: "the endpoint of " + fetch.Provider + " is not a URL",
			Next: "Set API_ENDPOINT to a URL such as https://api.openai.com/v1.",
		}
	}
	if request.ContentLength = body.Len(); request.ContentLength > 0 {
		// Asked for once more where a connection was just being closed.
		request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(body.Reader()), nil }
		request.Body, _ = request.GetBody()
	}
	credentials, known := u.origins[originOf(request.URL)]
	name := fetch.Credential.Name
	if !known || !credentials[name] {
		return nil, nil, &core.Fail{Kind: provider.Internal, Reason: "a request to an origin or with a credential that the configuration does not name was stopped"}
	}
	proxy := way.proxy(request.URL)
	if proxy != nil && !usable(proxy) {
		return nil, nil, &core.Fail{
			Kind: provider.InvalidRequest, Reason: "the proxy to " + request.URL.Hostname() + " is not the URL of a proxy",
			Next: "Set the proxy to a URL such as http://host:port; the schemes are http, https, socks5 and socks5h.",
		}
	}
	for _, field := range fetch.Header {
		request.Header.Set(field.Name, field.Value)
	}
	request.Header.Set("User-Agent", u.userAgent)
	if name == "" {
		return request, proxy, nil
	}
	secret, fail := u.credential(ctx, name)
	if fail != nil {
		return nil, nil, fail
	}
	if request.URL.Scheme != "https" && !u.allowHTTP && (proxy != nil || !isLoopback(request.URL.Hostname())) {
		fail := &core.Fail{
			Kind: provider.InvalidRequest, Reason: "the key would go over plain http to " + request.URL.Hostname(),
			Next: "Use an https endpoint, or remove " + name + " if the server wants none, or set ALLOW_HTTP=1 if everybody on the way may read it.",
		}
		if proxy != nil {
			fail.Reason += ", and the proxy " + proxy.Host + " could read it"
		}
		return nil, nil, fail
	}
	request.Header.Set(fetch.Credential.Header, fetch.Credential.Prefix+secret)
	return request, proxy, nil
}

// credential finds a secret.
func (u *Upstream) credential(ctx context.Context, name string) (string, *core.Fail) {
	if secret := u.secrets[name]; secret != "" {
		return secret, nil
	}
	if u.secret != nil {
		return u.secret(ctx, name)
	}
	return "", NoKey(name, u.place())
}

// NoKey is the failure of an exchange whose credential nobody has set, and where
// its user sets it, for a sentence that begins "Set it in the".
func NoKey(name, place string) *core.Fail {
	return &core.Fail{
		Kind: provider.Authentication, Reason: "no key is set",
		Next: "Set " + name + " in the " + place + ", then restart the server.",
	}
}

// Aborted is the failure of an exchange that nobody waits for any more.
func Aborted() *core.Fail {
	return &core.Fail{Kind: provider.Canceled, Reason: "the exchange was aborted"}
}

// way is the one to a provider.
func (u *Upstream) way(name string) *way {
	if own := u.ways[name]; own != nil {
		return own
	}
	return u.usual
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.TrimSuffix(strings.ToLower(host), ".") == "localhost" || ip != nil && ip.IsLoopback()
}

// failure says in our own words why an exchange broke: a library's error may
// quote the URL and what stands in its query. Once a reply has begun only the
// core can know whether a second attempt is harmless.
func failure(ctx context.Context, err error, trip *trip, begun bool) *core.Fail {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		other       x509.HostnameError
		invalid     x509.CertificateInvalidError
		record      tls.RecordHeaderError
		network     net.Error
		op          *net.OpError
		refusal     proxyRefusal
		late        late
	)
	peer, next := trip.host, ""
	if errors.As(err, &op) && op.Op == "proxyconnect" || trip.atProxy() {
		peer, next = trip.proxyName(), checkProxy
	}
	switch {
	case errors.As(context.Cause(ctx), &late):
		return late.fail
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &core.Fail{Kind: provider.Timeout, Reason: "no complete answer within the time allowed"}
	case ctx.Err() != nil:
		return Aborted()
	case errors.As(err, &refusal):
		return trip.refused(int(refusal))
	case errors.As(err, &dns):
		if next == "" {
			peer = "the host " + peer
		}
		return &core.Fail{Kind: provider.Network, Reason: peer + " was not found", Next: next, Retry: dns.IsTemporary}
	case errors.As(err, &other):
		return &core.Fail{Kind: provider.Network, Reason: "the certificate of " + peer + " is for another name", Next: cmp.Or(next, "Check the name in the endpoint.")}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return &core.Fail{Kind: provider.Network, Reason: "the certificate of " + peer + " has expired or is not valid yet", Next: "Check the clock of this machine; otherwise it is for the owner of the certificate to renew."}
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &invalid):
		return &core.Fail{
			Kind: provider.Network, Reason: "the certificate of " + peer + " is from an authority that is not trusted here",
			Next: "If your network has an authority of its own, set CA_FILE to a file with its certificates (PEM).",
		}
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		if next == "" {
			next = "Check whether the endpoint is http or https."
		}
		return &core.Fail{Kind: provider.Network, Reason: peer + " does not speak TLS on this port", Next: next}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &core.Fail{Kind: provider.Network, Reason: "the connection to " + peer + " was refused", Next: next, Retry: true}
	case errors.As(err, &network) && network.Timeout() && trip.opening():
		return trip.lateConnection() // the connection's own deadline came first
	case errors.As(err, &network) && network.Timeout():
		return &core.Fail{Kind: provider.Network, Reason: "the connection to " + peer + " took too long", Next: next, Retry: true}
	case op != nil && op.Op == "socks connect":
		return &core.Fail{Kind: provider.Network, Reason: trip.proxyName() + " did not connect to " + trip.host, Next: checkProxy, Retry: true}
	case begun:
		return &core.Fail{Kind: provider.Network, Reason: "the connection to " + peer + " broke in the middle of the answer", Next: next, Retry: true}
	}
	return &core.Fail{Kind: provider.Network, Reason: "the connection to " + peer + " broke before an answer came", Next: next, Retry: true}
}

// CloseIdle closes connections that are not in use.
func (u *Upstream) CloseIdle() {
	u.usual.client.CloseIdleConnections()
	for _, own := range u.ways {
		own.client.CloseIdleConnections()
	}
}
