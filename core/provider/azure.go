package provider

import (
	"net/url"
	"slices"
	"strings"
)

// Azure serves OpenAI's and other vendors' models under an address of the
// customer's own, in two styles:
//
//	v1       https://RESOURCE.openai.azure.com/openai/v1/chat/completions
//	classic  https://RESOURCE.openai.azure.com/openai/deployments/NAME/chat/completions?api-version=2024-10-21
//
// In both what is asked is a deployment, whose name its owner chose. v1 has it
// as `model` in the body; classic has it in the path, and ignores `model`.
// https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle

// azureHosts are the ends of Azure's hosts.
var azureHosts = []string{".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com"}

func isAzure(host string) bool {
	host, _, _ = strings.Cut(host, ":")
	return slices.ContainsFunc(azureHosts, func(end string) bool { return strings.HasSuffix(host, end) })
}

// azure knows Azure behind somebody's own host, too, where the user says so.
func (r *Row) azure() bool { return r.Name == "azure" || isAzure(hostOf(r.Endpoint)) }

// azureAddress completes a pasted address of Azure's, whose path is without the
// call: of the resource alone, and of Responses in the old style, it makes v1.
// There a dated api-version is refused; preview is not.
func azureAddress(address *url.URL, path string) string {
	switch path {
	case "", "/openai":
		path = "/openai/v1"
	}
	if path == "/openai/v1" && isDated(address.Query().Get("api-version")) {
		query := address.Query()
		query.Del("api-version")
		address.RawQuery = query.Encode()
	}
	return path
}

// isDated knows API versions such as 2024-10-21 and 2025-04-01-preview.
func isDated(version string) bool {
	return len(version) >= len("2024-10-21") && version[0] == '2' && version[4] == '-'
}

// azureNewestDated is the API version of the classic style where neither the
// address nor the user names one: the newest that is no preview.
const azureNewestDated = "2024-10-21"

// azureCompletionTokens is the API version that brought max_completion_tokens
// and stream_options.
const azureCompletionTokens = "2024-09-01"

// AzureVersion puts an API version, the user's or "", into an endpoint that
// needs one and has none: one of the classic style. Other endpoints stay as
// they are.
func AzureVersion(endpoint, version string) string {
	base, query, _ := strings.Cut(endpoint, "?")
	values, err := url.ParseQuery(query)
	row := Row{Endpoint: endpoint}
	_, deployment, classic := row.azureClassic()
	if !classic || err != nil || values.Has("api-version") {
		return endpoint
	}
	switch {
	case version != "":
	case deployment == "":
		version = "2024-05-01-preview" // the only one of /models
	default:
		version = azureNewestDated
	}
	values.Set("api-version", version)
	return base + "?" + values.Encode()
}

// azureClassic takes an endpoint of the classic style apart: where the resource
// is, and its deployment, which the endpoint of other vendors' models
// (/models) does not name.
func (r *Row) azureClassic() (resource, deployment string, classic bool) {
	base, _, _ := strings.Cut(r.Endpoint, "?")
	if resource, ok := strings.CutSuffix(base, "/models"); ok && r.azure() {
		return resource, "", true
	}
	resource, deployment, classic = strings.Cut(base, "/openai/deployments/")
	if name, err := url.PathUnescape(deployment); err == nil {
		deployment = name
	}
	return resource, deployment, classic
}

// olderThan reports whether an endpoint of a deployment names an API version
// before a date.
func (r *Row) olderThan(date string) bool {
	if _, deployment, _ := r.azureClassic(); deployment == "" {
		return false
	}
	_, query, _ := strings.Cut(r.Endpoint, "?")
	values, err := url.ParseQuery(query)
	version := values.Get("api-version")
	return err == nil && isDated(version) && version < date
}

// deployment notes that the endpoint decided who answers.
func (a *adjustments) deployment(name, model string) {
	if name != model {
		a.note("model", "dropped", "the endpoint names the deployment "+name+", which answers whatever model is asked for")
	}
}
