package transport

import (
	"bytes"
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
}

// Upstream performs exchanges with providers over HTTP. It puts in the
// credential at the last moment, and never follows a redirect with it.
type Upstream struct {
	client    *http.Client
	origins   map[string]map[string]bool // origin -> names of credentials
	secrets   map[string]string
	userAgent string
	longest   int64
}

// NewUpstream returns an upstream with connections of its own.
func NewUpstream(config UpstreamConfig) *Upstream {
	connections := http.DefaultTransport.(*http.Transport).Clone()
	// The defaults keep 2 idle connections a host: at 64 calls in flight two
	// thirds of all requests would open a new one.
	connections.MaxIdleConns = 0
	connections.MaxIdleConnsPerHost = 1024
	u := &Upstream{
		client: &http.Client{
			Transport:     connections,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		origins:   map[string]map[string]bool{},
		secrets:   config.Secrets,
		userAgent: config.UserAgent,
		longest:   config.Longest,
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
func (u *Upstream) Fetch(ctx context.Context, fetch *core.Fetch, tell func(core.Event)) {
	request, fail := u.request(ctx, fetch)
	if fail != nil {
		tell(fail)
		return
	}
	reply, err := u.client.Do(request)
	if err != nil {
		tell(failure(ctx, err, request.URL.Hostname(), false))
		return
	}
	defer reply.Body.Close()
	head := &core.Head{Status: reply.StatusCode}
	for _, name := range provider.ReplyHeaders {
		if value := reply.Header.Get(name); value != "" {
			head.Header = append(head.Header, provider.Field{Name: name, Value: value})
		}
	}
	tell(head)
	buffer := make([]byte, firstBuffer)
	for length := int64(0); ; {
		n, err := reply.Body.Read(buffer)
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
			tell(failure(ctx, err, request.URL.Hostname(), true))
			return
		}
		if n == len(buffer) && n < largestBuffer {
			buffer = make([]byte, min(4*n, largestBuffer))
		}
	}
}

// request makes the HTTP request, or says why it may not be sent.
func (u *Upstream) request(ctx context.Context, fetch *core.Fetch) (*http.Request, *core.Fail) {
	request, err := http.NewRequestWithContext(ctx, fetch.Method, fetch.URL, bytes.NewReader(fetch.Body))
	if err != nil {
		return nil, &core.Fail{
			Kind: provider.InvalidRequest, Reason: "the endpoint of " + fetch.Provider + " is not a URL",
			Next: "Set API_ENDPOINT to a URL such as https://api.openai.com/v1.",
		}
	}
	credentials, known := u.origins[originOf(request.URL)]
	name := fetch.Credential.Name
	if !known || !credentials[name] {
		return nil, &core.Fail{Kind: provider.Internal, Reason: "a request to an origin or with a credential that the configuration does not name was stopped"}
	}
	for _, field := range fetch.Header {
		request.Header.Set(field.Name, field.Value)
	}
	request.Header.Set("User-Agent", u.userAgent)
	if name == "" {
		return request, nil
	}
	secret := u.secrets[name]
	if secret == "" {
		return nil, &core.Fail{
			Kind: provider.Authentication, Reason: "no key is set for " + fetch.Provider,
			Next: `Set API_KEY in the "env" of this server in the client's configuration, then restart the server.`,
		}
	}
	if request.URL.Scheme != "https" && !isLoopback(request.URL.Hostname()) {
		return nil, &core.Fail{
			Kind: provider.InvalidRequest, Reason: "the key for " + fetch.Provider + " would go over plain http to " + request.URL.Hostname(),
			Next: "Use an https endpoint.",
		}
	}
	request.Header.Set(fetch.Credential.Header, fetch.Credential.Prefix+secret)
	return request, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// failure says in our own words why an exchange broke: a library's error may
// quote the URL and what stands in its query. Once a reply has begun only the
// core can know whether a second attempt is harmless.
func failure(ctx context.Context, err error, host string, begun bool) *core.Fail {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		record      tls.RecordHeaderError
		network     net.Error
		op          *net.OpError
	)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &core.Fail{Kind: provider.Timeout, Reason: "no complete answer within the time allowed"}
	case ctx.Err() != nil:
		return &core.Fail{Kind: provider.Canceled, Reason: "the exchange was aborted"}
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return &core.Fail{Kind: provider.Network, Reason: "the proxy could not be reached", Next: "Check the proxy that is set for this server.", Retry: true}
	case errors.As(err, &dns):
		return &core.Fail{Kind: provider.Network, Reason: "the host " + host + " was not found", Retry: dns.IsTemporary}
	case errors.As(err, &certificate), errors.As(err, &authority):
		return &core.Fail{Kind: provider.Network, Reason: "the certificate of " + host + " is not trusted"}
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return &core.Fail{Kind: provider.Network, Reason: host + " does not speak TLS on this port", Next: "Check whether the endpoint is http or https."}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &core.Fail{Kind: provider.Network, Reason: "the connection to " + host + " was refused", Retry: true}
	case errors.As(err, &network) && network.Timeout():
		return &core.Fail{Kind: provider.Network, Reason: "the connection to " + host + " took too long", Retry: true}
	case begun:
		return &core.Fail{Kind: provider.Network, Reason: "the connection to " + host + " broke in the middle of the answer", Retry: true}
	}
	return &core.Fail{Kind: provider.Network, Reason: "the connection to " + host + " broke before an answer came", Retry: true}
}

// CloseIdle closes connections that are not in use.
func (u *Upstream) CloseIdle() { u.client.CloseIdleConnections() }
