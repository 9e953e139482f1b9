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
	path := strings.TrimRight(address.Path, "/")
	for _, call := range []string{"/chat/completions", "/completions", "/responses", "/messages", "/models"} {
		path = strings.TrimRight(strings.TrimSuffix(path, call), "/")
	}
	switch {
	case form == "anthropic" && !strings.HasSuffix(path, "/v1"):
		// Anthropic's own SDKs are given the host alone; gateways keep a path.
		path += "/v1"
	case form == "openai-chat" && path == "" && address.Host == "api.openai.com":
		path = "/v1"
	}
	address.Path, address.RawPath = path, ""
	return address.String(), true
}
