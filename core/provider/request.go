package provider

import "github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"

// Request is the unified request, in OpenAI's chat names. A nil pointer, an
// empty string or an empty list means that the caller said nothing. Values
// were checked before they came here; what a form cannot express it refuses or
// lists as adjusted.
type Request struct {
	Model            string
	Messages         []Message // at least one
	Temperature      *float64  // 0 to 2
	TopP             *float64  // 0 to 1
	FrequencyPenalty *float64  // -2 to 2
	PresencePenalty  *float64  // -2 to 2
	MaxTokens        *int64    // at least 1
	// MaxCompletionTokens is the newer name of the same, and counts where both
	// are given: [Request.most].
	MaxCompletionTokens *int64
	Stop                []string // at most 4
	Seed                *int64
	N                   *int64 // 1 to 8
	ResponseFormat      *ResponseFormat
	Tools               []Tool
	ToolChoice          *ToolChoice // only beside tools
	// ParallelToolCalls says whether one answer may hold several calls.
	ParallelToolCalls *bool
	// ReasoningEffort is one of [Efforts].
	ReasoningEffort string
	Stream          bool
	// Logprobs asks for the probabilities of the answer's tokens, and of
	// TopLogprobs others (0 to 20) at each place.
	Logprobs    *bool
	TopLogprobs *int64

	// The rest is what fewer providers have.
	TopK      *int64          // at least 1
	LogitBias json.RawMessage // an object of numbers from -100 to 100
	Verbosity string          // low, medium or high
	// User is the caller's name for the person who asks.
	User     string
	Metadata json.RawMessage // an object of at most 16 strings
	Store    *bool
	// ServiceTier is OpenAI's word, or the provider's own.
	ServiceTier        string
	PromptCacheKey     string
	PromptCacheOptions json.RawMessage // an object
	// CacheControl asks that the provider keeps the whole prompt, as that of a
	// part does up to there.
	CacheControl json.RawMessage
	// Modalities are text, audio and image: what the answer shall be.
	Modalities []string
	// Audio is the sound of a spoken answer: {voice, format}.
	Audio            json.RawMessage
	Prediction       json.RawMessage // an object
	WebSearchOptions json.RawMessage // an object
	Moderation       json.RawMessage // an object

	// Extra is extra_body: fields for the wire that the gateway does not know,
	// an object, laid over the body. It cannot name what the gateway does know.
	Extra json.RawMessage
	// Adjusted is what was adapted when the request was read.
	Adjusted []Adjustment
}

// Efforts are the values of reasoning_effort, upwards.
var Efforts = []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}

// Role says who speaks in a [Message].
type Role string

// The roles.
const (
	System    Role = "system"
	Developer Role = "developer"
	User      Role = "user"
	Assistant Role = "assistant"
	// RoleTool is the result of a call that the assistant asked for.
	RoleTool Role = "tool"
)

// Message is one turn of the conversation.
type Message struct {
	Role  Role
	Name  string
	Parts []Part // of an assistant's message that calls tools: may be none
	// ToolCalls are the calls that an assistant's message asks for.
	ToolCalls []ToolCall
	// ToolCallID is the call that a tool's message answers.
	ToolCallID string
	// Reasoning is what an assistant's message thought, as text, and
	// ReasoningDetails the same as the provider gave it, which goes back
	// unread and unchanged, but only to where it came from.
	Reasoning        string
	ReasoningDetails []json.RawMessage
	// Images are those that an assistant's message made, of type image_url, and
	// Spoken what it said aloud.
	Images []Part
	Spoken *Spoken
}

// Spoken is the audio of an answer. What is not known is empty.
type Spoken struct {
	ID         string // OpenAI's name for it, for an hour or so
	Transcript string
	// Media is the sound. Its type is not known of OpenAI's.
	Media Media
}

// PartType says what a [Part] is.
type PartType string

// The types of parts.
const (
	TextPart    PartType = "text"
	ImagePart   PartType = "image_url"
	AudioPart   PartType = "input_audio"
	FilePart    PartType = "file"
	VideoPart   PartType = "video_url"
	RefusalPart PartType = "refusal"
)

// Part is one piece of a message's content.
type Part struct {
	Type PartType
	Text string // of text and refusal
	// Media is of all others.
	Media Media
	// CacheControl marks the end of a prefix that the provider should keep, as
	// Anthropic and OpenRouter understand it: {"type":"ephemeral"}.
	CacheControl json.RawMessage
}

// Media is an image, a sound, a file or a video: by URL, by value or by the
// provider's own name for it.
type Media struct {
	// URL is where it is, https: or http:. Empty: it is given by value or id.
	URL string
	// Type is the media type of Data, such as image/png.
	Type string
	// Data is the thing itself, base64 in the standard alphabet, as it came.
	Data string
	// ID is what the provider calls a file that was uploaded before.
	ID string
	// Filename is a file's name.
	Filename string
	// Detail is low, high, auto or original, for images.
	Detail string
}

// DataURL is the media as a URL: its own, or a data URL.
func (m Media) DataURL() string {
	if m.URL != "" {
		return m.URL
	}
	return "data:" + m.Type + ";base64," + m.Data
}

// anyName is a name for a file that has none.
func (m Media) anyName() string {
	if m.Type == "application/pdf" {
		return "file.pdf"
	}
	return "file"
}

// Tool is a function that the model may call. Parameters and Strict are as
// OpenAI's tools have them.
type Tool struct {
	Name        string
	Description string
	// Parameters is a JSON schema, byte for byte: key order is part of what
	// providers cache. Empty: the function takes none.
	Parameters   json.RawMessage
	Strict       *bool
	CacheControl json.RawMessage
}

// ToolChoice says which tools may be called.
type ToolChoice struct {
	Mode string // auto, none, required or function
	Name string // of mode function
	// Allowed are the names of the tools among which auto and required choose.
	// Nil: all.
	Allowed []string
}

// ResponseFormat asks for a form of the answer.
type ResponseFormat struct {
	Type string // text, json_object or json_schema
	// JSONSchema is the object that OpenAI calls json_schema ({name, schema,
	// strict, description}), carried byte for byte: key order is part of
	// what providers cache.
	JSONSchema json.RawMessage
}

// Adjustment is one deviation of what was sent from what was asked, or of what
// is given from what came.
type Adjustment struct {
	Parameter string `json:"parameter"`
	Action    string `json:"action"` // renamed, clamped, dropped, added, moved or converted
	Reason    string `json:"reason"`
}
