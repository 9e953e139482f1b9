package provider

import (
	"net/url"
	"strings"
)

// Endpoint makes a base URL of whatever people paste as one: with or without a
// slash at the end, a version, the path of a call. The second result is false
// where it is no URL with http or https, or holds a name or password. A query
// is kept; forms append their paths in front of it.
func Endpoint(form, pasted string) (string, bool) {
	address, err := url.Parse(strings.TrimSpace(pasted))
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Host == "" || address.User != nil {
		return "", false
	}
	address.Fragment = ""
	address.Host = strings.ToLower(address.Host)
	if address.Scheme == "https" {
		address.Host = strings.TrimSuffix(address.Host, ":443") // the official host stays one
	}
	path := strings.TrimRight(address.EscapedPath(), "/") // %2F stays what it is
	for _, call := range []string{"/chat/completions", "/completions", "/responses", "/messages/count_tokens", "/messages", "/models"} {
		base, found := strings.CutSuffix(path, call)
		base = strings.TrimRight(base, "/")
		if found && (call != "/models" || isVersion(base[strings.LastIndex(base, "/")+1:])) {
			path = base
			break
		}
	}
	switch {
	case form == "anthropic" && !strings.HasSuffix(path, "/v1"):
		// Anthropic's own SDKs are given the host alone; gateways keep a path.
		path += "/v1"
	case form == "openai-chat" && path == "" && address.Host == "api.openai.com":
		path = "/v1"
	}
	if address.Path, err = url.PathUnescape(path); err != nil {
		return "", false
	}
	address.RawPath = path
	return address.String(), true
}

// isVersion knows v1, v2, v1beta and the like. Elsewhere /models may be a part
// of a server's own path.
func isVersion(segment string) bool {
	return len(segment) >= 2 && segment[0] == 'v' && segment[1] >= '0' && segment[1] <= '9'
}
