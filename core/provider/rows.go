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
	// ImagesOnly: of the parts that are not text only images are taken.
	ImagesOnly Trait = "images_only"
	// JSONWord: json_object is refused where no message says JSON.
	JSONWord Trait = "json_word"
	// NoJSONObject: json_object is refused, json_schema is not.
	NoJSONObject Trait = "no_json_object"
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
	// PrefixMark: a last message of the assistant has to be marked prefix, and one
	// of the system is refused.
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
	// and there is low, high and max. While it thinks, which is the default, no
	// call can be forced, and sampling parameters are passed over.
	ThinkingSwitch Trait = "thinking_switch"
	// ThinkingType: reasoning_effort is {"thinking": {"type": "enabled" or
	// "disabled"}}, without levels unless the model's row names efforts.
	ThinkingType Trait = "thinking_type"
	// EnableThinking: reasoning_effort is enable_thinking, true or false.
	EnableThinking Trait = "enable_thinking"
	// GreedyTopP: temperature 0 is refused beside a top_p other than 1.
	GreedyTopP Trait = "greedy_top_p"
	// PositivePenalty: frequency_penalty has to be more than 0.
	PositivePenalty Trait = "positive_penalty"
	// Alternating: after the first system messages, those of the user and the
	// assistant take turns, and there are no other system messages.
	Alternating Trait = "alternating"
	// NoToolChoice: tool_choice is passed over.
	NoToolChoice Trait = "no_tool_choice"
	// RequireParameters: parameters are passed over where a model's server does
	// not have them, unless {"provider": {"require_parameters": true}} is said.
	RequireParameters Trait = "require_parameters"
	// ImagesBack: images go back with the assistant's messages.
	ImagesBack Trait = "images_back"
	// NoReasoningSummary: Responses refuse reasoning.summary, as OpenAI's do to
	// organisations that are not verified.
	NoReasoningSummary Trait = "no_reasoning_summary"
	// NoEncryptedReasoning: Responses refuse to give reasoning.encrypted_content.
	NoEncryptedReasoning Trait = "no_encrypted_reasoning"
	// ReasoningBack: reasoning_content goes back with the assistant's messages.
	ReasoningBack Trait = "reasoning_back"
	// ReasoningFieldBack: the same under the name reasoning.
	ReasoningFieldBack Trait = "reasoning_field_back"
	// VendorNames: ids of models are VENDOR/MODEL, of all vendors.
	VendorNames Trait = "vendor_names"
	// ReasoningDetailsBack: reasoning_details go back with the assistant's messages.
	ReasoningDetailsBack Trait = "reasoning_details_back"
)

// has reports whether a row has a trait.
func (r *Row) has(trait Trait) bool { return slices.Contains(r.Traits, trait) }

// Bearer is how most providers want their key.
func Bearer(name string) Credential {
	return Credential{Name: name, Header: "authorization", Prefix: "Bearer "}
}

// openAIOnly are the parameters of OpenAI's own service that no compatible one
// documents.
var openAIOnly = []string{"verbosity", "metadata", "store", "prompt_cache_options", "modalities", "audio", "moderation"}

// lacks are openAIOnly and others.
func lacks(others ...string) []string { return slices.Concat(openAIOnly, others) }

// Rows are the providers. All but Azure need no endpoint. The credential's name is the
// variable in which their users have the key.
//
// Sources: the vendors' API pages, and recordings where one is named.
var Rows = []Row{
	{
		Name: "openai", Form: "openai-chat", Endpoint: "https://api.openai.com/v1", Families: []string{"gpt-", "chatgpt-", "o1", "o3", "o4"}, Credential: Bearer("OPENAI_API_KEY"),
		Traits: []Trait{OpenAIModels, MaxCompletionTokens, DeveloperRole, KnownFields, JSONWord},
		Lacks:  []string{"top_k", "cache_control"},
	},
	{
		Name: "openai-responses", Form: "openai-responses", Endpoint: "https://api.openai.com/v1", Credential: Bearer("OPENAI_API_KEY"),
		Traits: []Trait{OpenAIModels, MaxCompletionTokens, DeveloperRole, JSONWord},
	},
	{
		// Each customer has an address of its own (azure.go). The models of other
		// vendors, which it serves as well, do not know the role developer.
		Name: "azure", Form: "openai-chat", Credential: Credential{Name: "AZURE_OPENAI_API_KEY", Header: "api-key"},
		Traits: []Trait{OpenAIModels, MaxCompletionTokens, KnownFields, JSONWord},
		Lacks:  []string{"top_k", "cache_control"},
	},
	{
		Name: "anthropic", Form: "anthropic", Endpoint: "https://api.anthropic.com/v1",
		Families: []string{"claude-"}, Credential: Credential{Name: "ANTHROPIC_API_KEY", Header: "x-api-key"},
	},
	{
		Name: "gemini", Form: "gemini", Endpoint: "https://generativelanguage.googleapis.com/v1beta",
		Families: []string{"gemini-", "gemma-"}, Credential: Credential{Name: "GEMINI_API_KEY", Header: "x-goog-api-key"},
	},
	{
		// https://openrouter.ai/docs/api-reference/parameters; the word JSON is for
		// OpenAI's and Alibaba's models behind it.
		Name: "openrouter", Form: "openai-chat", Endpoint: "https://openrouter.ai/api/v1", Credential: Bearer("OPENROUTER_API_KEY"),
		Traits: []Trait{DeveloperRole, ToolImages, ReasoningObject, ReasoningDetailsBack, RequireParameters, ImagesBack, VendorNames, JSONWord},
		Lacks:  []string{"store", "prompt_cache_options", "moderation"},
	},
	{
		// https://console.groq.com/docs/openai#currently-unsupported-openai-features
		// and https://console.groq.com/docs/reasoning. Temperature 0 it makes 1e-8 itself.
		Name: "groq", Form: "openai-chat", Endpoint: "https://api.groq.com/openai/v1", Credential: Bearer("GROQ_API_KEY"),
		Traits: []Trait{MaxCompletionTokens, NoNames, NoLogprobs, OneChoice, KnownFields, ImagesOnly, JSONWord},
		Lacks:  lacks("top_k", "logit_bias", "prompt_cache_key", "cache_control", "prediction", "web_search_options"),
		Models: []ModelRow{
			{Name: "openai/gpt-oss", Efforts: []string{"low", "medium", "high"}},
			{Name: "qwen/qwen3", Efforts: []string{"none", "default"}},
			{Name: "llama", Lacks: []string{"reasoning_effort"}},
			{Name: "meta-llama/", Lacks: []string{"reasoning_effort"}},
		},
	},
	{
		// 422 for any field that it does not know; ids: gptel#1203. metadata and
		// prediction: https://docs.mistral.ai/api/endpoint/chat; prompt_cache_key: recorded.
		// Names of messages: autogen#2748.
		Name: "mistral", Form: "openai-chat", Endpoint: "https://api.mistral.ai/v1", Families: []string{"mistral-", "ministral-", "magistral-", "codestral-", "devstral-", "pixtral-"}, Credential: Bearer("MISTRAL_API_KEY"),
		Traits:  []Trait{RandomSeed, ChoiceAny, ShortCallIDs, NoStreamOptions, KnownFields, NoNames, PrefixMark, DocumentURLPart, GreedyTopP},
		Lacks:   []string{"top_k", "logit_bias", "verbosity", "user", "store", "service_tier", "prompt_cache_options", "cache_control", "modalities", "audio", "web_search_options", "moderation"},
		Hottest: 1.5,
	},
	{
		// "unknown variant `image_url`, expected `text`"; the reasoning of calls
		// has to come back.
		Name: "deepseek", Form: "openai-chat", Endpoint: "https://api.deepseek.com", Families: []string{"deepseek-"}, Credential: Bearer("DEEPSEEK_API_KEY"),
		Traits: []Trait{TextOnly, NoSchema, JSONWord, ThinkingSwitch, ReasoningBack},
		Lacks:  lacks("top_k", "logit_bias", "user", "service_tier", "prompt_cache_key", "cache_control", "prediction", "web_search_options"),
	},
	{
		// https://docs.x.ai/docs/guides/reasoning: models that reason refuse the
		// penalties and stop, and each has efforts of its own.
		Name: "xai", Form: "openai-chat", Endpoint: "https://api.x.ai/v1", Families: []string{"grok-"}, Credential: Bearer("XAI_API_KEY"),
		Traits: []Trait{MaxCompletionTokens},
		Lacks:  lacks("top_k", "cache_control", "prediction"),
		Models: []ModelRow{
			{Name: "grok-4.5", Efforts: []string{"low", "medium", "high"}, Lacks: notReasoning},
			{Name: "grok-4.3", Efforts: []string{"none", "low", "medium", "high"}, Lacks: notReasoning},
			{Name: "grok-4.20", Lacks: append([]string{"reasoning_effort"}, notReasoning...)},
			{Name: "grok-4-0709", Lacks: append([]string{"reasoning_effort"}, notReasoning...)},
			{Name: "grok-4-fast-reasoning", Lacks: notReasoning},
			{Name: "grok-4-1-fast-reasoning", Lacks: notReasoning},
			{Name: "grok-code-fast", Lacks: notReasoning},
			{Name: "grok-3-mini", Efforts: []string{"low", "high"}, Lacks: notReasoning},
		},
	},
	{Name: "together", Form: "openai-chat", Endpoint: "https://api.together.xyz/v1", Credential: Bearer("TOGETHER_API_KEY"), Lacks: openAIOnly},
	{Name: "fireworks", Form: "openai-chat", Endpoint: "https://api.fireworks.ai/inference/v1", Credential: Bearer("FIREWORKS_API_KEY"), Lacks: openAIOnly},
	{Name: "cerebras", Form: "openai-chat", Endpoint: "https://api.cerebras.ai/v1", Credential: Bearer("CEREBRAS_API_KEY"), Traits: []Trait{ReasoningFieldBack}, Lacks: openAIOnly},
	{
		// https://docs.perplexity.ai/api-reference/chat-completions-post: temperature
		// is less than 2.
		Name: "perplexity", Form: "openai-chat", Endpoint: "https://api.perplexity.ai", Families: []string{"sonar"}, Credential: Bearer("PERPLEXITY_API_KEY"),
		Traits:  []Trait{Alternating, PositivePenalty, NoJSONObject},
		Lacks:   lacks("logit_bias", "user", "service_tier", "prompt_cache_key", "cache_control", "prediction"),
		Hottest: 1.99,
	},
	{
		Name: "moonshot", Form: "openai-chat", Endpoint: "https://api.moonshot.ai/v1", Families: []string{"kimi-", "moonshot-"}, Credential: Bearer("MOONSHOT_API_KEY"),
		Traits: []Trait{ReasoningBack, NoRequired, ThinkingType}, Lacks: openAIOnly,
	},
	{
		// https://docs.z.ai/guides/capabilities/thinking-mode; reasoning_effort
		// beside it is recorded of GLM 5.2 and 5.3.
		Name: "zai", Form: "openai-chat", Endpoint: "https://api.z.ai/api/paas/v4", Families: []string{"glm-"}, Credential: Bearer("ZAI_API_KEY"),
		Traits: []Trait{ReasoningBack, ThinkingType}, Lacks: openAIOnly,
		Models: []ModelRow{{Name: "glm-5.", Efforts: Efforts}},
	},
	{
		// https://www.alibabacloud.com/help/en/model-studio/deep-thinking; 400
		// "'messages' must contain the word 'json' in some form" (agno#5317).
		Name: "alibaba", Form: "openai-chat", Endpoint: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", Families: []string{"qwen"}, Credential: Bearer("DASHSCOPE_API_KEY"),
		Traits: []Trait{EnableThinking, JSONWord}, Lacks: openAIOnly,
	},
	{Name: "huggingface", Form: "openai-chat", Endpoint: "https://router.huggingface.co/v1", Credential: Bearer("HF_TOKEN")},
	{
		// https://docs.cohere.com/docs/compatibility-api#unsupported-parameters
		Name: "cohere", Form: "openai-chat", Endpoint: "https://api.cohere.ai/compatibility/v1", Families: []string{"command-"}, Credential: Bearer("COHERE_API_KEY"),
		Lacks: lacks("top_k", "logit_bias", "user", "service_tier", "prompt_cache_key", "cache_control", "prediction", "web_search_options"),
	},
	{Name: "github", Form: "openai-chat", Endpoint: "https://models.github.ai/inference", Credential: Bearer("GITHUB_TOKEN")},
	{
		// https://docs.ollama.com/api/openai-compatibility
		Name: "ollama", Form: "openai-chat", Endpoint: "http://localhost:11434/v1",
		Traits: []Trait{ToolImages, OneChoice, DataURLs, ReasoningFieldBack, NoToolChoice},
		Lacks:  lacks("top_k", "logit_bias", "user", "service_tier", "prompt_cache_key", "cache_control", "prediction", "web_search_options"),
		Models: []ModelRow{{Efforts: []string{"none", "low", "medium", "high", "max"}}},
	},
	{Name: "vllm", Form: "openai-chat", Endpoint: "http://localhost:8000/v1", Traits: []Trait{ReasoningFieldBack}},
	{Name: "lmstudio", Form: "openai-chat", Endpoint: "http://localhost:1234/v1"},
	{Name: "llamacpp", Form: "openai-chat", Endpoint: "http://localhost:8080/v1", Traits: []Trait{ToolImages}},
}

// notReasoning are the parameters that some models refuse since they reason.
var notReasoning = []string{"frequency_penalty", "presence_penalty", "stop"}

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
