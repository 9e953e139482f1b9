package provider

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// traits are all that there are: who misspells one has none.
var traits = []Trait{
	OpenAIModels, MaxCompletionTokens, DeveloperRole, RandomSeed, ChoiceAny, ShortCallIDs, NoStreamOptions, TextOnly,
	NoSchema, NoNames, NoLogprobs, OneChoice, NoRequired, KnownFields, PrefixMark, DocumentURLPart, DataURLs, ToolImages,
	ReasoningObject, ThinkingSwitch, ThinkingType, EnableThinking, GreedyTopP, PositivePenalty, Alternating, NoToolChoice,
	RequireParameters, ImagesBack, VendorNames, ImagesOnly, JSONWord, NoJSONObject, ReasoningBack, ReasoningFieldBack, ReasoningDetailsBack,
}

// TestRows: what code and configuration rely on.
func TestRows(t *testing.T) {
	names, keys := map[string]bool{}, map[string]bool{}
	used := map[Trait]bool{}
	for _, row := range Rows {
		if row.Name == "" || strings.ToLower(row.Name) != row.Name || strings.ContainsAny(row.Name, "/: ") || names[row.Name] {
			t.Errorf("the name %q is none, or is there twice", row.Name)
		}
		names[row.Name] = true
		if Translators[row.Form] == nil {
			t.Errorf("%s: no form %q", row.Name, row.Form)
		}
		if row.Name == "azure" { // each customer has an address of its own
			row.Endpoint = "https://resource.openai.azure.com"
		}
		endpoint, err := url.Parse(row.Endpoint)
		switch {
		case err != nil || endpoint.Host == "" || strings.HasSuffix(row.Endpoint, "/"):
			t.Errorf("%s: the endpoint %q", row.Name, row.Endpoint)
		case endpoint.Scheme != "https" && endpoint.Hostname() != "localhost":
			t.Errorf("%s: a key would go out in the clear", row.Name)
		case (row.Credential.Name == "") != (endpoint.Hostname() == "localhost"):
			t.Errorf("%s: the credential %q", row.Name, row.Credential.Name)
		}
		if key := row.Credential.Name; key != "" {
			if keys[key] && row.Name != "openai-responses" || row.Credential.Header != strings.ToLower(row.Credential.Header) || row.Credential.Header == "" {
				t.Errorf("%s: the credential %+v", row.Name, row.Credential)
			}
			keys[key] = true
		}
		for i, trait := range row.Traits {
			if !slices.Contains(traits, trait) || slices.Contains(row.Traits[:i], trait) {
				t.Errorf("%s: the trait %q", row.Name, trait)
			}
			used[trait] = true
		}
		if !strings.HasPrefix(row.Form, "openai-") && len(row.Traits) > 0 {
			t.Errorf("%s: traits are of OpenAI's forms", row.Name)
		}
		known := func(name string) bool {
			return slices.ContainsFunc(parameters, func(parameter parameter) bool { return parameter.name == name })
		}
		missing := slices.Clone(row.Lacks)
		for _, model := range row.Models {
			missing = append(missing, model.Lacks...)
			for i, effort := range model.Efforts {
				if order := append(slices.Clone(Efforts), "default"); i > 0 && slices.Index(order, effort) <= slices.Index(order, model.Efforts[i-1]) {
					t.Errorf("%s: the efforts %q of %s are not in order", row.Name, model.Efforts, model.Name)
				}
			}
		}
		for _, name := range missing {
			if !known(name) {
				t.Errorf("%s lacks the parameter %q, which cannot be taken away", row.Name, name)
			}
		}
		if found, ok := RowAt(row.Form, endpoint.Host); !ok || found.Name != row.Name {
			t.Errorf("%s: at its host is %q", row.Name, found.Name)
		}
	}
	for _, trait := range traits {
		if !used[trait] {
			t.Errorf("nobody has the trait %q", trait)
		}
	}
	if _, ok := RowAt("openai-chat", "a.example"); ok {
		t.Error("a row at a.example")
	}
}
