package config

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// Wanted is a provider as a user names it, in variables or in a file.
type Wanted struct {
	// Name is what it is to be called; "" is the row's name, or the host where
	// somebody else than the row's provider serves its form.
	Name string
	// Form is the name of one of [provider.Rows]: a provider, or a wire form.
	Form string
	// Endpoint is what was pasted as one; "" is the row's own.
	Endpoint string
	// Credential is the name of its secret; "": the user gave none. Key is the
	// secret where it is known already; Printed says that a command prints it.
	Credential, Key string
	Printed         bool
	// Organization, Version and AzureVersion are for those that know them.
	Organization, Version, AzureVersion string
}

// Wrong is a field of a [Wanted] that is not allowed: its lower-case name, such
// as endpoint, and what is to be said behind it.
type Wrong struct{ Field, Text string }

// azure is the name of the row whose customers each have an address of their
// own, azureExample one of those.
const azure, azureExample = "azure", "https://RESOURCE.openai.azure.com"

const versionAllowed = "a date such as 2023-06-01"

var dated = pattern(`^\d{4}-\d{2}-\d{2}$`)

// RowNamed finds a row by its name.
func RowNamed(name string) (provider.Row, bool) {
	i := slices.IndexFunc(provider.Rows, func(row provider.Row) bool { return row.Name == name })
	if i < 0 {
		return provider.Row{}, false
	}
	return provider.Rows[i], true
}

// rowNames are the names of all rows.
func rowNames() (names []string) {
	for _, row := range provider.Rows {
		names = append(names, row.Name)
	}
	return names
}

// Row makes the provider's row, as far as what is wrong allows. Secrets are what
// the endpoint's query holds of them, by the parameter.
func (w Wanted) Row() (row provider.Row, secrets map[string]string, wrong []Wrong) {
	row, known := RowNamed(w.Form)
	if !known {
		wrong = append(wrong, given("form", w.Form, strings.Join(rowNames(), ", ")))
		row = provider.Rows[0]
	}
	usual := row.Credential
	switch {
	case usual.Name != "":
		row.Credential.Name = cmp.Or(w.Credential, usual.Name)
	case w.Credential != "": // it wants none, and the user has one all the same
		row.Credential = provider.Bearer(w.Credential)
	}
	switch {
	case row.Form == "anthropic":
		if row.Version = w.Version; w.Version != "" && !dated().MatchString(w.Version) {
			wrong = append(wrong, given("version", w.Version, versionAllowed))
			row.Version = ""
		}
	case strings.ContainsFunc(w.Organization, unicode.IsControl):
		wrong = append(wrong, Wrong{"organization", ": holds a line break or another control character"})
	case w.Organization != "" && strings.HasPrefix(row.Form, "openai-") && row.Name != azure:
		row.Header = []provider.Field{{Name: "openai-organization", Value: w.Organization}}
	}
	if w.Endpoint == "" {
		if row.Name == azure {
			wrong = append(wrong, Wrong{"endpoint", ": got nothing, allowed: the address of your Azure resource, such as " + azureExample})
		}
		row.Name = cmp.Or(w.Name, row.Name)
		return row, nil, wrong
	}
	example := cmp.Or(row.Endpoint, azureExample)
	endpoint, ok := provider.Endpoint(row.Form, w.Endpoint)
	address, err := url.Parse(endpoint)
	if !ok || err != nil {
		// What stands there is not repeated: it may be a key, put in the wrong place.
		return row, nil, append(wrong, Wrong{"endpoint", ": allowed: a URL that begins with https:// or http://, without a name or password, such as " + example})
	}
	if port, err := strconv.Atoi(cmp.Or(address.Port(), "443")); err != nil || port < 1 || port > 65535 {
		found := given("endpoint", address.Port(), "1 to 65535")
		wrong = append(wrong, Wrong{"endpoint", ", the port" + found.Text})
	}
	for name, values := range address.Query() {
		if secretName().MatchString(name) {
			if secrets == nil {
				secrets = map[string]string{}
			}
			secrets[name] = values[0]
		}
	}
	row.Endpoint = endpoint
	there, official := provider.RowAt(row.Form, address.Host)
	switch {
	case official:
		row.Name = there.Name
		row.TakeAfter(there)
		switch {
		case w.Credential == "":
			row.Credential = there.Credential // no other provider's key goes there
		case there.Credential.Name != "":
			row.Credential.Header, row.Credential.Prefix = there.Credential.Header, there.Credential.Prefix
		}
	case w.Name == row.Name:
		// The user says who it is, behind another address.
	case slices.Contains([]string{"openai", "openai-responses", "anthropic", "gemini"}, row.Name):
		// These are forms as well: it is somebody else who speaks them.
		row.Name = address.Host
		row.TakeAfter(provider.Row{})
	}
	if row.Name == azure {
		row.Header = nil // OpenAI's organizations are none of Azure's
		row.Endpoint = provider.AzureVersion(endpoint, w.AzureVersion)
	}
	if row.Form == "gemini" && (strings.HasPrefix(w.Key, "ya29.") || w.Printed) && provider.IsVertex(endpoint) {
		// A token of a Google account, which is no API key. A command prints nothing
		// else there.
		row.Credential = provider.Bearer(w.Credential)
	}
	if w.Credential == "" && !official {
		row.Credential = provider.Credential{} // many servers of one's own want none
	}
	row.Name = cmp.Or(w.Name, row.Name)
	return row, secrets, wrong
}

func given(field, got, allowed string) Wrong { return Wrong{field, ": " + Given(got, allowed)} }

// Given says what was given in place of what is allowed. What may be a key in
// the wrong place is not repeated.
func Given(got, allowed string) string {
	if looksSecret(got) {
		return "got something else, allowed: " + allowed
	}
	return "got " + strconv.Quote(got) + ", allowed: " + allowed
}

// secretName knows the parameters of a query, and headers, that carry secrets.
var secretName = pattern(`(?i)key|token|secret|sig|pass|code|auth|cookie`)
