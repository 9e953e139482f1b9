package imitation

import (
	"net/http"
	"strings"
)

// model is one of those that the list names. Any other name is answered as
// well: what differs is what the list says of them.
type model struct {
	name, title    string
	context, most  int // tokens that it reads, and writes
	sees, thinks   bool
	prompt, answer string // prices, US dollars a token
}

var models = []model{
	{"imitated", "Imitated", 128_000, 16_384, false, false, "0.000001", "0.000002"},
	{"imitated-large", "Imitated Large", 1_000_000, 64_000, true, true, "0.000005", "0.000025"},
	{"imitated-vision", "Imitated Vision", 200_000, 32_768, true, false, "0.000002", "0.000008"},
}

// modelList is the list in the shape that the request asks for.
func modelList(x *exchange) any {
	switch x.form.(type) {
	case anthropic:
		return listOf(anthropicModel, func(list []any) any {
			return map[string]any{"data": list, "has_more": false, "first_id": models[0].name, "last_id": models[len(models)-1].name}
		})
	case gemini:
		return listOf(geminiModel, func(list []any) any { return map[string]any{"models": list} })
	}
	if isOpenRouter(x.request) {
		return listOf(openRouterModel, func(list []any) any { return map[string]any{"data": list} })
	}
	return listOf(openAIModel, func(list []any) any { return map[string]any{"object": "list", "data": list} })
}

// isOpenRouter reports whether the path is below OpenRouter's.
func isOpenRouter(r *http.Request) bool { return strings.Contains(r.URL.Path, "/api/v1/") }

func listOf(entry func(model) any, around func([]any) any) any {
	var list []any
	for _, one := range models {
		list = append(list, entry(one))
	}
	return around(list)
}

// openAIModel tells no more than OpenAI does.
// https://platform.openai.com/docs/api-reference/models
func openAIModel(m model) any {
	return map[string]any{"id": m.name, "object": "model", "created": created, "owned_by": "imitation"}
}

// https://docs.claude.com/en/api/models-list
func anthropicModel(m model) any {
	able := func(supported bool) any { return map[string]any{"supported": supported} }
	return map[string]any{
		"type": "model", "id": m.name, "display_name": m.title, "created_at": "2023-11-14T22:13:20Z",
		"max_input_tokens": m.context, "max_tokens": m.most,
		"capabilities": map[string]any{
			"image_input": able(m.sees), "pdf_input": able(false), "structured_outputs": able(true), "thinking": able(m.thinks),
		},
	}
}

// https://ai.google.dev/api/models
func geminiModel(m model) any {
	return map[string]any{
		"name": "models/" + m.name, "version": "001", "displayName": m.title,
		"inputTokenLimit": m.context, "outputTokenLimit": m.most,
		"supportedGenerationMethods": []string{"generateContent"}, "thinking": m.thinks,
	}
}

// https://openrouter.ai/docs/api-reference/list-available-models
func openRouterModel(m model) any {
	inputs, parameters := []string{"text"}, []string{"max_tokens", "response_format", "stream", "structured_outputs", "tools"}
	if m.sees {
		inputs = append(inputs, "image")
	}
	if m.thinks {
		parameters = append(parameters, "reasoning")
	}
	return map[string]any{
		"id": m.name, "canonical_slug": m.name, "name": m.title, "created": created, "context_length": m.context,
		"architecture":         map[string]any{"input_modalities": inputs, "output_modalities": []string{"text"}},
		"pricing":              map[string]any{"prompt": m.prompt, "completion": m.answer},
		"top_provider":         map[string]any{"context_length": m.context, "max_completion_tokens": m.most, "is_moderated": false},
		"supported_parameters": parameters,
	}
}
