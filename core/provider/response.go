package provider

import "github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"

// Response is the unified response: OpenAI's chat.completion object, whatever
// the provider. What is not known is null or absent, never invented.
type Response struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`  // always chat.completion
	Created int64    `json:"created"` // Unix seconds; 0 where the provider is silent
	Model   string   `json:"model"`
	Choices []Choice `json:"choices"`
	Usage   *Usage   `json:"usage"`

	// Raw is the provider's JSON as it came, where the reply was one document.
	Raw json.RawMessage `json:"-"`
}

// Choice is one answer of a [Response].
type Choice struct {
	Index        int           `json:"index"`
	Message      AnswerMessage `json:"message"`
	FinishReason FinishReason  `json:"finish_reason"`
	// NativeFinishReason is the provider's own word, unknown ones included.
	NativeFinishReason string `json:"native_finish_reason,omitempty"`
	// StopSequence is the one of the request's stop that ended the answer, where
	// the provider tells.
	StopSequence string          `json:"stop_sequence,omitempty"`
	Logprobs     json.RawMessage `json:"logprobs,omitempty"`
}

// AnswerMessage is the message of a [Choice]. Raw fields are carried unread,
// in the provider's form.
type AnswerMessage struct {
	Role             Role              `json:"role"`
	Content          *string           `json:"content"`
	Refusal          string            `json:"refusal,omitempty"`
	ReasoningContent string            `json:"reasoning_content,omitempty"`
	ReasoningDetails []json.RawMessage `json:"reasoning_details,omitempty"`
	ToolCalls        []ToolCall        `json:"tool_calls,omitempty"`
	Annotations      []json.RawMessage `json:"annotations,omitempty"`
	Images           []json.RawMessage `json:"images,omitempty"`
	Audio            json.RawMessage   `json:"audio,omitempty"`
}

// ToolCall is a call that the model wants made: of a function or, at OpenAI,
// of a custom tool.
type ToolCall struct {
	ID       string        `json:"id"`
	Type     string        `json:"type"` // function or custom
	Function *FunctionCall `json:"function,omitempty"`
	Custom   *CustomCall   `json:"custom,omitempty"`
	// ExtraContent is what the provider wants back beside the call, unread:
	// Gemini's thought signature, as its OpenAI-compatible endpoint has it.
	ExtraContent json.RawMessage `json:"extra_content,omitempty"`
}

// FunctionCall names a function. Arguments is JSON as the model wrote it,
// which a cut answer leaves incomplete.
type FunctionCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// CustomCall names a custom tool. Input is free text.
type CustomCall struct {
	Name  string `json:"name"`
	Input string `json:"input"`
}

// FinishReason says why an answer ended. The set is closed; a provider's own
// word rides beside it. Empty, and null in JSON: the answer is whole, and its
// provider did not say why it ended.
type FinishReason string

// MarshalJSON writes null for what was not said.
func (f FinishReason) MarshalJSON() ([]byte, error) {
	if f == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(f))
}

// The finish reasons.
const (
	FinishStop          FinishReason = "stop"
	FinishLength        FinishReason = "length"
	FinishToolCalls     FinishReason = "tool_calls"
	FinishContentFilter FinishReason = "content_filter"
	FinishError         FinishReason = "error"
)

// Usage counts tokens, inclusively: prompt_tokens holds cache reads and
// writes, completion_tokens holds reasoning. A missing usage is null in the
// [Response], not zero.
type Usage struct {
	PromptTokens            int64              `json:"prompt_tokens"`
	CompletionTokens        int64              `json:"completion_tokens"`
	TotalTokens             int64              `json:"total_tokens"`
	PromptTokensDetails     *PromptDetails     `json:"prompt_tokens_details,omitempty"`
	CompletionTokensDetails *CompletionDetails `json:"completion_tokens_details,omitempty"`
	// CostUSD is what the provider says that the answer cost, in US dollars;
	// nil: nothing. Results have it beside the usage.
	CostUSD *float64 `json:"-"`
}

// PromptDetails are parts of prompt_tokens.
type PromptDetails struct {
	CachedTokens     int64 `json:"cached_tokens"`
	CacheWriteTokens int64 `json:"cache_write_tokens,omitempty"`
}

// CompletionDetails are parts of completion_tokens.
type CompletionDetails struct {
	ReasoningTokens int64 `json:"reasoning_tokens"`
}
