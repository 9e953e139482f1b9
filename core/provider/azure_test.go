package provider

import "testing"

// TestAzureEndpoint: every address that Azure's portal and its SDKs show.
func TestAzureEndpoint(t *testing.T) {
	for _, test := range []struct{ pasted, version, want string }{
		{"https://res.openai.azure.com", "", "https://res.openai.azure.com/openai/v1"},
		{"res.openai.azure.com/", "", "https://res.openai.azure.com/openai/v1"},
		{"https://Res.OpenAI.azure.com/openai/", "2024-10-21", "https://res.openai.azure.com/openai/v1"},
		{"https://res.services.ai.azure.com", "", "https://res.services.ai.azure.com/openai/v1"},
		{"https://res.cognitiveservices.azure.com/openai/v1/", "", "https://res.cognitiveservices.azure.com/openai/v1"},
		{"https://res.openai.azure.com/openai/v1/chat/completions", "", "https://res.openai.azure.com/openai/v1"},
		{"https://res.openai.azure.com/openai/v1/responses?api-version=preview", "", "https://res.openai.azure.com/openai/v1?api-version=preview"},
		{"https://res.openai.azure.com/openai/responses?api-version=2025-04-01-preview", "", "https://res.openai.azure.com/openai/v1"},
		{
			"https://res.openai.azure.com/openai/deployments/my-gpt/chat/completions?api-version=2025-01-01-preview", "2024-10-21",
			"https://res.openai.azure.com/openai/deployments/my-gpt?api-version=2025-01-01-preview",
		},
		{"https://res.openai.azure.com/openai/deployments/a%20b", "", "https://res.openai.azure.com/openai/deployments/a%20b?api-version=2024-10-21"},
		{"https://res.openai.azure.com/openai/deployments/d/", "2025-03-01-preview", "https://res.openai.azure.com/openai/deployments/d?api-version=2025-03-01-preview"},
		{"https://res.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview", "", "https://res.services.ai.azure.com/models?api-version=2024-05-01-preview"},
		{"https://res.services.ai.azure.com/models", "", "https://res.services.ai.azure.com/models?api-version=2024-05-01-preview"},
		{"https://gateway.example/x/openai/deployments/d", "", "https://gateway.example/x/openai/deployments/d?api-version=2024-10-21"},
		{"https://gateway.example/openai/deployments/d/chat/completions?api-version=1", "", "https://gateway.example/openai/deployments/d?api-version=1"},
	} {
		for _, form := range []string{"openai-chat", "openai-responses"} {
			got, ok := Endpoint(form, test.pasted)
			if got = AzureVersion(got, test.version); !ok || got != test.want {
				t.Errorf("%s, %s: %s, %v, want %s", form, test.pasted, got, ok, test.want)
			}
		}
	}
}

// TestAzureRow: the row is known by the host, whatever the resource is called.
func TestAzureRow(t *testing.T) {
	for host, want := range map[string]string{
		"res.openai.azure.com": "azure", "res.services.ai.azure.com:443": "azure", "res.cognitiveservices.azure.com": "azure",
		"openai.azure.com.example": "", "api.openai.com": "openai",
	} {
		if row, _ := RowAt("openai-chat", host); row.Name != want {
			t.Errorf("%s is %q, want %q", host, row.Name, want)
		}
	}
}
