package provider

import "testing"

func TestEndpoint(t *testing.T) {
	for _, test := range []struct{ form, pasted, want string }{
		{"openai-chat", "https://api.openai.com", "https://api.openai.com/v1"},
		{"openai-chat", "https://API.OpenAI.com/", "https://api.openai.com/v1"},
		{"openai-chat", "https://api.openai.com/v1", "https://api.openai.com/v1"},
		{"openai-chat", "https://api.openai.com/v1/", "https://api.openai.com/v1"},
		{"openai-chat", "https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1"},
		{"openai-chat", " https://api.openai.com/v1/chat/completions/ ", "https://api.openai.com/v1"},
		{"openai-chat", "https://api.openai.com/v1/models", "https://api.openai.com/v1"},
		{"openai-chat", "https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"},
		{"openai-chat", "https://api.groq.com/openai/v1/", "https://api.groq.com/openai/v1"},
		{"openai-chat", "https://api.perplexity.ai", "https://api.perplexity.ai"},
		{"openai-chat", "https://openrouter.ai/", "https://openrouter.ai/api/v1"},
		{"openai-chat", "http://localhost:1234", "http://localhost:1234/v1"},
		{"openai-chat", "http://nas:11434/api/chat", "http://nas:11434/v1"},
		{"openai-chat", "https://x.example/v1?\"#", "https://x.example/v1?\""},
		{"openai-chat", "localhost:11434", "http://localhost:11434/v1"},
		{"openai-chat", `"api.openai.com/v1"`, "https://api.openai.com/v1"},
		{"openai-chat", "http://localhost:11434/v1#x", "http://localhost:11434/v1"},
		{"openai-chat", "https://x.example/v1/chat/completions?api-version=1", "https://x.example/v1?api-version=1"},
		{"openai-chat", "https://x.example/chat/completions", "https://x.example"},
		{"openai-chat", "https://api.openai.com/chat/completions", "https://api.openai.com/v1"},
		{"openai-responses", "https://x.example/responses/", "https://x.example"},
		{"openai-chat", "https://x.example/v1/chat/completions/responses/", "https://x.example/v1"},
		{"openai-chat", "https://x.example/team%2Fa/v1/models", "https://x.example/team%2Fa/v1"},
		{"openai-chat", "http://[::1]:8080/v1", "http://[::1]:8080/v1"},
		{"openai-chat", "https://api.openai.com:443/", "https://api.openai.com/v1"},
		{"openai-chat", "https://x.example/models", "https://x.example/models"},
		{"openai-chat", "https://x.example/v1beta/models/", "https://x.example/v1beta"},
		{"openai-chat", "https://x.example/a%2Fb/v1/chat/completions", "https://x.example/a%2Fb/v1"},
		{"openai-chat", "https://x.example/a%20b/v1", "https://x.example/a%20b/v1"},
		{"anthropic", "https://api.anthropic.com/v1/messages/count_tokens", "https://api.anthropic.com/v1"},
		{"anthropic", "https://api.anthropic.com", "https://api.anthropic.com/v1"},
		{"anthropic", "https://api.anthropic.com/", "https://api.anthropic.com/v1"},
		{"anthropic", "https://api.anthropic.com/v1", "https://api.anthropic.com/v1"},
		{"anthropic", "https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1"},
		{"anthropic", "https://api.deepseek.com/anthropic", "https://api.deepseek.com/anthropic/v1"},
		{"gemini", "https://generativelanguage.googleapis.com", "https://generativelanguage.googleapis.com/v1beta"},
		{"gemini", "generativelanguage.googleapis.com/v1beta/", "https://generativelanguage.googleapis.com/v1beta"},
		{"gemini", "https://generativelanguage.googleapis.com/v1alpha", "https://generativelanguage.googleapis.com/v1alpha"},
		{"gemini", "https://generativelanguage.googleapis.com/v1beta/models", "https://generativelanguage.googleapis.com/v1beta"},
		{"gemini", "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", "https://generativelanguage.googleapis.com/v1beta"},
		{"gemini", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent", "https://generativelanguage.googleapis.com/v1beta"},
		{"gemini", "https://generativelanguage.googleapis.com/v1beta/tunedModels/x:streamGenerateContent?alt=sse", "https://generativelanguage.googleapis.com/v1beta"},
		{"gemini", "https://x.example/v1/account/google-ai-studio?a=1&$alt=json%3Benum-encoding%3Dint", "https://x.example/v1/account/google-ai-studio/v1beta?a=1"},
		{"gemini", "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1", "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google"},
		{"gemini", "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global/publishers/google/models/gemini-2.5-pro:streamGenerateContent", "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global/publishers/google"},
		{"gemini", "https://aiplatform.googleapis.com/projects/p/locations/global/publishers/google/models", "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google"},
		{"gemini", "https://aiplatform.googleapis.com", "https://aiplatform.googleapis.com/v1/publishers/google"},
		{"gemini", "https://proxy.example/vertex/v1/projects/p/locations/l", "https://proxy.example/vertex/v1/projects/p/locations/l/publishers/google"},
	} {
		if got, ok := Endpoint(test.form, test.pasted); !ok || got != test.want {
			t.Errorf("%s, %s: %s, %v, want %s", test.form, test.pasted, got, ok, test.want)
		}
	}
	for _, pasted := range []string{"", "ftp://x.example", "eyJhbGciOi.eyJzdWIiOi.SflKxwRJSM", "sk-ant-0123456789", "v1/chat", ".", "a..b", "https://", "sk-key", "https://name:pass@x.example", "http://%zz"} {
		if got, ok := Endpoint("openai-chat", pasted); ok {
			t.Errorf("%q is taken as %s", pasted, got)
		}
	}
}

// TestQuery: a query of the endpoint stays behind the path, on every form.
func TestQuery(t *testing.T) {
	for form, want := range map[string]string{
		"openai-chat": "https://x.example/v1/chat/completions?api-version=1",
		"anthropic":   "https://x.example/v1/messages?api-version=1",
		"gemini":      "https://x.example/v1/models/m:generateContent?api-version=1",
	} {
		request := &Request{Model: "m", Messages: []Message{{Role: User, Parts: []Part{{Type: "text", Text: "x"}}}}}
		http, _, err := Translators[form].Encode(&Row{Endpoint: "https://x.example/v1?api-version=1"}, request)
		if err != nil || http.URL != want {
			t.Errorf("%s asks %s, %v", form, http.URL, err)
		}
	}
}
