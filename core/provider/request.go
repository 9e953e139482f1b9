package provider

import "github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"

// Request is the unified request, in OpenAI's chat names. A nil pointer or an
// empty list means that the caller said nothing. Values were checked before
// they came here; what a form cannot express it refuses or lists as adjusted.
type Request struct {
	Model            string
	Messages         []Message // at least one
	Temperature      *float64  // 0 to 2
	TopP             *float64  // 0 to 1
	FrequencyPenalty *float64  // -2 to 2
	PresencePenalty  *float64  // -2 to 2
	MaxTokens        *int64    // at least 1
	Stop             []string  // at most 4
	ResponseFormat   *ResponseFormat
	Stream           bool
}

// Role says who speaks in a [Message].
type Role string

// The roles.
const (
	System    Role = "system"
	Developer Role = "developer"
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is one turn of the conversation.
type Message struct {
	Role  Role
	Name  string
	Parts []Part // at least one
}

// Part is one piece of a message's content.
type Part struct {
	Type string // "text"
	Text string
}

// ResponseFormat asks for a form of the answer.
type ResponseFormat struct {
	Type string // text, json_object or json_schema
	// JSONSchema is the object that OpenAI calls json_schema ({name, schema,
	// strict, description}), carried byte for byte: key order is part of
	// what providers cache.
	JSONSchema json.RawMessage
}

// Adjustment is one deviation of what was sent from what was asked.
type Adjustment struct {
	Parameter string `json:"parameter"`
	Action    string `json:"action"` // renamed, clamped, dropped, added or moved
	Reason    string `json:"reason"`
}
