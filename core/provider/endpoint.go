package provider

import (
	"net/url"
	"strings"
)

// Endpoint makes a base URL of whatever people paste as one: with or without a
// scheme, quotes, a slash at the end, a version, the path of a call. The second
// result is false where it is no URL with http or https, or holds a name or
// password. A query is kept; forms append their paths in front of it.
func Endpoint(form, pasted string) (string, bool) {
	address, err := url.Parse(completed(pasted))
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Host == "" || address.User != nil {
		return "", false
	}
	address.Fragment = ""
	address.Host = strings.ToLower(address.Host)
	if address.Scheme == "https" {
		address.Host = strings.TrimSuffix(address.Host, ":443") // the official host stays one
	}
	path := strings.TrimRight(address.EscapedPath(), "/") // %2F stays what it is
	for cut := true; cut; {
		path, cut = withoutCall(path)
	}
	switch {
	case form == "gemini":
		path = geminiBase(path, address.Host)
		address.RawQuery = without(address.RawQuery, "alt") // each call says its own
	case form == "anthropic" && !strings.HasSuffix(path, "/v1"):
		// Anthropic's own SDKs are given the host alone; gateways keep a path.
		path += "/v1"
	case strings.HasPrefix(form, "openai-") && isAzure(address.Host):
		path = azureAddress(address, path)
	case strings.HasPrefix(form, "openai-") && path == "":
		row, known := RowAt("openai-chat", address.Host)
		switch {
		case known:
			_, path, _ = strings.Cut(row.Endpoint, address.Host)
		case strings.HasPrefix(address.Path, "/chat/completions"), strings.HasPrefix(address.Path, "/responses"):
			// The call was pasted with it, and stands at the root.
		default:
			path = "/v1" // what people paste for a server of their own, too
		}
	}
	if address.Path, err = url.PathUnescape(path); err != nil {
		return "", false
	}
	address.RawPath = path
	return address.String(), true
}

// withoutCall cuts the path of a call from the end of another.
func withoutCall(path string) (base string, cut bool) {
	for _, call := range []string{"/api/chat", "/api/generate", "/chat/completions", "/completions", "/responses", "/messages/count_tokens", "/messages", "/models"} {
		base, found := strings.CutSuffix(path, call)
		base = strings.TrimRight(base, "/")
		if found && (call != "/models" || isVersion(base[strings.LastIndex(base, "/")+1:])) {
			return base, true
		}
	}
	return path, false
}

// completed is what was pasted, without quotes around it and with a scheme.
func completed(pasted string) string {
	pasted = strings.TrimSpace(pasted)
	if last := len(pasted) - 1; last > 0 && pasted[0] == pasted[last] && (pasted[0] == '"' || pasted[0] == '\'') {
		pasted = strings.TrimSpace(pasted[1:last])
	}
	if !strings.Contains(pasted, "://") {
		pasted = withScheme(pasted)
	}
	return pasted
}

// geminiBase is the path above models/{model}. At Vertex AI it ends with the
// publisher: of a project, or of none in express mode.
func geminiBase(path, host string) string {
	for _, folder := range []string{"/models/", "/tunedModels/"} {
		if at := strings.LastIndex(path, folder); at >= 0 && !strings.Contains(path[at+len(folder):], "/") {
			path = path[:at]
		}
	}
	path = strings.TrimSuffix(strings.TrimSuffix(path, "/models"), "/openai")
	projects := strings.Index(path, "/projects/")
	switch {
	case projects < 0 && !strings.HasSuffix(host, vertexHost):
		if !isVersion(path[strings.LastIndex(path, "/")+1:]) {
			path += "/v1beta"
		}
		return path
	case projects >= 0 && !isVersion(path[strings.LastIndex(path[:projects], "/")+1:projects]):
		path = path[:projects] + "/v1" + path[projects:]
	case path == "":
		path = "/v1"
	}
	if !strings.Contains(path, "/publishers/") {
		path += "/publishers/google"
	}
	return path
}

// without is a query without one parameter; the others stay as they are.
func without(query, name string) string {
	var kept []string
	for field := range strings.SplitSeq(query, "&") {
		if key, _, _ := strings.Cut(field, "="); field != "" && strings.TrimPrefix(key, "$") != name && key != "%24"+name {
			kept = append(kept, field)
		}
	}
	return strings.Join(kept, "&")
}

// withScheme completes a host without one: https, but http on this machine.
// What could be a key in the wrong place stays what it is, for it would be asked
// of the domain name system.
func withScheme(pasted string) string {
	host, _, _ := strings.Cut(pasted, "/")
	name, _, _ := strings.Cut(host, ":")
	switch {
	case name == "localhost", strings.HasPrefix(name, "127."):
		return "http://" + pasted
	case strings.Contains(name, ".") && !strings.Contains("."+name+".", "..") && len(name) < 40 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == "":
		return "https://" + pasted
	}
	return pasted
}

// isVersion knows v1, v2, v1beta and the like. Elsewhere /models may be a part
// of a server's own path.
func isVersion(segment string) bool {
	return len(segment) >= 2 && segment[0] == 'v' && segment[1] >= '0' && segment[1] <= '9'
}
