package main

import (
	"cmp"
	"crypto/x509"
	"errors"
	"io/fs"
	"net/url"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/cmd/mcp-ai-gateway/config"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport"
)

// readProxies reads the proxies: PROXY_URL is for everything, the others have
// the meaning that they have for other programs, in either case. One that is
// wrong matters only where it is the way to one of the endpoints: most are
// inherited from a desktop, which has other programs in mind.
func (s *settings) readProxies(endpoints []*url.URL) {
	s.proxy.No = cmp.Or(s.env("NO_PROXY"), s.env("no_proxy"))
	some := transport.ProxyConfig{All: "http://proxy.invalid", No: s.proxy.No}
	plain, secure := false, false // whether there are endpoints of each that are not this machine
	for _, endpoint := range endpoints {
		if some.Proxy(endpoint) != nil {
			plain, secure = plain || endpoint.Scheme == "http", secure || endpoint.Scheme == "https"
		}
	}
	if proxy, set := s.readProxy(plain || secure, "PROXY_URL"); set {
		s.proxy.All = proxy
		return
	}
	proxy, set := s.readProxy(plain, "HTTP_PROXY", "http_proxy")
	s.proxy.HTTP, plain = proxy, plain && !set
	proxy, set = s.readProxy(secure, "HTTPS_PROXY", "https_proxy")
	s.proxy.HTTPS, secure = proxy, secure && !set
	s.proxy.All, _ = s.readProxy(plain || secure, "ALL_PROXY", "all_proxy")
}

// proxyAllowed says what a proxy's URL looks like.
const proxyAllowed = "allowed: a URL with a host that begins with http://, https://, socks5:// or socks5h://;" +
	" in its user and password, write @ as %40, : as %3A, / as %2F, # as %23 and % as %25"

// readProxy reads the first of some variables that is set. It is a fault that
// it holds no proxy if it is used, a note otherwise.
func (s *settings) readProxy(used bool, names ...string) (proxy string, set bool) {
	for _, name := range names {
		value := s.env(name)
		if value == "" {
			continue
		}
		if proxy, secret, ok := config.Proxy(value); ok {
			if secret != "" {
				s.hidden[name] = secret
			}
			return proxy, true
		}
		// What stands there is not repeated: it may hold a password.
		if used {
			s.faults = append(s.faults, name+": "+proxyAllowed)
		} else {
			s.notes = append(s.notes, name+" is of no use, and not used: "+proxyAllowed)
		}
		return "", true
	}
	return "", false
}

// readAuthority reads certificates that are trusted beside the system's.
func (s *settings) readAuthority() {
	name := "CA_FILE"
	path := s.env(name)
	if path == "" {
		name = "NODE_EXTRA_CA_CERTS" // what users of the original have set
		path = s.env(name)
	}
	if path == "" {
		return
	}
	pool, allowed := s.certificates(path)
	if allowed != "" {
		s.wrong(name, path, allowed)
		return
	}
	s.authority = pool
}

// certificates reads a file's certificates, and the system's beside them. Where
// that fails it says what is allowed.
func (s *settings) certificates(path string) (pool *x509.CertPool, allowed string) {
	certificates, err := s.from.readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "a file, and there is none of this name"
	case errors.Is(err, fs.ErrPermission):
		return nil, "a file that this user may read"
	case err != nil:
		return nil, "a file that can be read"
	}
	if pool, err = x509.SystemCertPool(); err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(certificates) {
		return nil, "a file with certificates in PEM form"
	}
	return pool, ""
}
