package provider

import (
	"slices"
	"strings"
)

// Trait is one way in which a server of the form openai-chat differs from the
// plainest compatible one. The set is closed: a trait is code in openai_chat.go
// and openai_responses.go, who has it is data.
type Trait string

// The traits.
const (
	// OpenAIModels: the models are OpenAI's own, which refuse parameters
	// (openai_models.go). Roles and names are those of OpenAI's own service.
	OpenAIModels Trait = "openai_models"
	// MaxCompletionTokens: that is what max_tokens is called.
	MaxCompletionTokens Trait = "max_completion_tokens"
	// DeveloperRole: messages may have it. Elsewhere it is written system.
	DeveloperRole Trait = "developer_role"
	// RandomSeed: that is what seed is called.
	RandomSeed Trait = "random_seed"
	// ChoiceAny: tool_choice required is called any.
	ChoiceAny Trait = "tool_choice_any"
	// ShortCallIDs: ids of tool calls have exactly 9 letters and digits.
	ShortCallIDs Trait = "short_call_ids"
	// NoStreamOptions: the field is refused; usage comes without asking.
	NoStreamOptions Trait = "no_stream_options"
	// TextOnly: any other part of a message is refused.
	TextOnly Trait = "text_only"
	// NoSchema: json_schema is refused, json_object is not.
	NoSchema Trait = "no_json_schema"
	// NoNames: messages[].name is refused.
	NoNames Trait = "no_names"
	// NoLogprobs: logprobs and top_logprobs are refused.
	NoLogprobs Trait = "no_logprobs"
	// OneChoice: n is refused, or passed over.
	OneChoice Trait = "one_choice"
	// NoRequired: tool_choice required is refused.
	NoRequired Trait = "no_tool_choice_required"
	// KnownFields: fields of other services in messages are refused, such as
	// cache_control and extra_content.
	KnownFields Trait = "known_fields"
	// PrefixMark: a last message of the assistant has to be marked prefix.
	PrefixMark Trait = "prefix"
	// DocumentURLPart: a part of type file is called document_url.
	DocumentURLPart Trait = "document_url"
	// DataURLs: images are given by value only.
	DataURLs Trait = "data_urls"
	// ToolImages: the message of a tool may hold an image. Elsewhere it goes
	// into a user's message behind.
	ToolImages Trait = "tool_images"
	// ReasoningObject: reasoning_effort is {"reasoning": {"effort": ...}}.
	ReasoningObject Trait = "reasoning_object"
	// ThinkingSwitch: reasoning_effort none is {"thinking": {"type": "disabled"}},
	// and there is low, high and max. No call can be forced while it thinks.
	ThinkingSwitch Trait = "thinking_switch"
	// NoReasoningSummary: Responses refuse reasoning.summary, as OpenAI's do to
	// organisations that are not verified.
	NoReasoningSummary Trait = "no_reasoning_summary"
	// NoEncryptedReasoning: Responses refuse to give reasoning.encrypted_content.
	NoEncryptedReasoning Trait = "no_encrypted_reasoning"
	// ReasoningBack: reasoning_content goes back with the assistant's messages.
	ReasoningBack Trait = "reasoning_back"
	// ReasoningFieldBack: the same under the name reasoning.
	ReasoningFieldBack Trait = "reasoning_field_back"
	// ReasoningDetailsBack: reasoning_details go back with the assistant's messages.
	ReasoningDetailsBack Trait = "reasoning_details_back"
)

// has reports whether a row has a trait.
func (r *Row) has(trait Trait) bool { return slices.Contains(r.Traits, trait) }

// bearer is how most providers want their key.
func bearer(name string) Credential {
	return Credential{Name: name, Header: "authorization", Prefix: "Bearer "}
}

// Rows are the providers. All but Azure need no endpoint. The credential's name is the
// variable in which their users have the key.
//
// Sources: the vendors' API pages, and recordings where one is named.
var Rows = []Row{
	{
		Name: "openai", Form: "openai-chat", Endpoint: "https://api.openai.com/v1", Credential: bearer("OPENAI_API_KEY"),
		Traits: []Trait{OpenAIModels, MaxCompletionTokens, DeveloperRole, KnownFields},
	},
	{
		Name: "openai-responses", Form: "openai-responses", Endpoint: "https://api.openai.com/v1", Credential: bearer("OPENAI_API_KEY"),
		Traits: []Trait{OpenAIModels, MaxCompletionTokens, DeveloperRole},
	},
	{
		// Each customer has an address of its own (azure.go). The models of other
		// vendors, which it serves as well, do not know the role developer.
		Name: "azure", Form: "openai-chat", Credential: Credential{Name: "AZURE_OPENAI_API_KEY", Header: "api-key"},
		Traits: []Trait{OpenAIModels, MaxCompletionTokens, KnownFields},
	},
	{
		Name: "anthropic", Form: "anthropic", Endpoint: "https://api.anthropic.com/v1",
		Credential: Credential{Name: "ANTHROPIC_API_KEY", Header: "x-api-key"},
	},
	{
		Name: "gemini", Form: "gemini", Endpoint: "https://generativelanguage.googleapis.com/v1beta",
		Credential: Credential{Name: "GEMINI_API_KEY", Header: "x-goog-api-key"},
	},
	{
		Name: "openrouter", Form: "openai-chat", Endpoint: "https://openrouter.ai/api/v1", Credential: bearer("OPENROUTER_API_KEY"),
		Traits: []Trait{DeveloperRole, ToolImages, ReasoningObject, ReasoningDetailsBack},
	},
	{
		Name: "groq", Form: "openai-chat", Endpoint: "https://api.groq.com/openai/v1", Credential: bearer("GROQ_API_KEY"),
		Traits: []Trait{MaxCompletionTokens, NoNames, NoLogprobs, OneChoice, KnownFields},
	},
	{
		// 422 for any field that it does not know; ids: gptel#1203.
		Name: "mistral", Form: "openai-chat", Endpoint: "https://api.mistral.ai/v1", Credential: bearer("MISTRAL_API_KEY"),
		Traits: []Trait{RandomSeed, ChoiceAny, ShortCallIDs, NoStreamOptions, KnownFields, PrefixMark, DocumentURLPart},
	},
	{
		// "unknown variant `image_url`, expected `text`"; the reasoning of calls
		// has to come back.
		Name: "deepseek", Form: "openai-chat", Endpoint: "https://api.deepseek.com", Credential: bearer("DEEPSEEK_API_KEY"),
		Traits: []Trait{TextOnly, NoSchema, ThinkingSwitch, ReasoningBack},
	},
	{
		Name: "xai", Form: "openai-chat", Endpoint: "https://api.x.ai/v1", Credential: bearer("XAI_API_KEY"),
		Traits: []Trait{MaxCompletionTokens},
	},
	{Name: "together", Form: "openai-chat", Endpoint: "https://api.together.xyz/v1", Credential: bearer("TOGETHER_API_KEY")},
	{Name: "fireworks", Form: "openai-chat", Endpoint: "https://api.fireworks.ai/inference/v1", Credential: bearer("FIREWORKS_API_KEY")},
	{Name: "cerebras", Form: "openai-chat", Endpoint: "https://api.cerebras.ai/v1", Credential: bearer("CEREBRAS_API_KEY"), Traits: []Trait{ReasoningFieldBack}},
	{Name: "perplexity", Form: "openai-chat", Endpoint: "https://api.perplexity.ai", Credential: bearer("PERPLEXITY_API_KEY")},
	{Name: "moonshot", Form: "openai-chat", Endpoint: "https://api.moonshot.ai/v1", Credential: bearer("MOONSHOT_API_KEY"), Traits: []Trait{ReasoningBack, NoRequired}},
	{Name: "zai", Form: "openai-chat", Endpoint: "https://api.z.ai/api/paas/v4", Credential: bearer("ZAI_API_KEY"), Traits: []Trait{ReasoningBack}},
	{Name: "alibaba", Form: "openai-chat", Endpoint: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", Credential: bearer("DASHSCOPE_API_KEY")},
	{Name: "huggingface", Form: "openai-chat", Endpoint: "https://router.huggingface.co/v1", Credential: bearer("HF_TOKEN")},
	{Name: "cohere", Form: "openai-chat", Endpoint: "https://api.cohere.ai/compatibility/v1", Credential: bearer("COHERE_API_KEY")},
	{Name: "github", Form: "openai-chat", Endpoint: "https://models.github.ai/inference", Credential: bearer("GITHUB_TOKEN")},
	{Name: "ollama", Form: "openai-chat", Endpoint: "http://localhost:11434/v1", Traits: []Trait{ToolImages, OneChoice, DataURLs, ReasoningFieldBack}},
	{Name: "vllm", Form: "openai-chat", Endpoint: "http://localhost:8000/v1", Traits: []Trait{ReasoningFieldBack}},
	{Name: "lmstudio", Form: "openai-chat", Endpoint: "http://localhost:1234/v1"},
	{Name: "llamacpp", Form: "openai-chat", Endpoint: "http://localhost:8080/v1", Traits: []Trait{ToolImages}},
}

// RowAt finds the row of a form whose service has a host, such as
// api.groq.com or localhost:11434.
func RowAt(form, host string) (Row, bool) {
	for _, row := range Rows {
		if row.Name == "azure" && strings.HasPrefix(form, "openai-") && isAzure(host) {
			row.Form = form // it has both
			return row, true
		}
		if row.Form == form && row.Endpoint != "" && hostOf(row.Endpoint) == host {
			return row, true
		}
	}
	return Row{}, false
}

// hostOf is the host of an endpoint, with its port.
func hostOf(endpoint string) string {
	_, rest, _ := strings.Cut(endpoint, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}
