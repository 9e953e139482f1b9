package main

import (
	"cmp"
	"crypto/x509"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport"
)

// readProxies reads the proxies: PROXY_URL is for everything, the others have
// the meaning that they have for other programs, in either case. One that is
// wrong matters only where it is the way to the endpoint: most are inherited
// from a desktop, which has other programs in mind.
func (s *settings) readProxies(endpoint *url.URL) {
	s.proxy.No = cmp.Or(s.env("NO_PROXY"), s.env("no_proxy"))
	some := transport.ProxyConfig{All: "http://proxy.invalid", No: s.proxy.No}
	used := some.Proxy(endpoint) != nil // not where the endpoint is this machine
	if proxy, set := s.readProxy(used, "PROXY_URL"); set {
		s.proxy.All = proxy
		return
	}
	proxy, set := s.readProxy(used && endpoint.Scheme == "http", "HTTP_PROXY", "http_proxy")
	s.proxy.HTTP, used = proxy, used && (!set || endpoint.Scheme != "http")
	proxy, set = s.readProxy(used && endpoint.Scheme == "https", "HTTPS_PROXY", "https_proxy")
	s.proxy.HTTPS, used = proxy, used && (!set || endpoint.Scheme != "https")
	s.proxy.All, _ = s.readProxy(used, "ALL_PROXY", "all_proxy")
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
		if !strings.Contains(value, "://") {
			value = "http://" + value // as curl and others take it
		}
		if rest, found := strings.CutPrefix(value, "socks://"); found {
			value = "socks5://" + rest // as desktops write it
		}
		address, err := url.Parse(value)
		if err == nil && address.Host != "" {
			switch address.Scheme {
			case "http", "https", "socks5", "socks5h":
				if password, ok := address.User.Password(); ok {
					s.hidden[name] = password
				} else if address.User != nil {
					s.hidden[name] = address.User.Username() // some proxies take a token there
				}
				return value, true
			}
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
	certificates, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.wrong(name, path, "a file, and there is none of this name")
		return
	case errors.Is(err, fs.ErrPermission):
		s.wrong(name, path, "a file that this user may read")
		return
	case err != nil:
		s.wrong(name, path, "a file that can be read")
		return
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(certificates) {
		s.wrong(name, path, "a file with certificates in PEM form")
		return
	}
	s.authority = pool
}
