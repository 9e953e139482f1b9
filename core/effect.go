package core

import (
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// Effect is what a [Machine] wants a host to do: one of [*Manifest], [*Fetch],
// [*Abort], [*Timer], [*Check], [*Delta], [*Result] and [*Log]. The set is
// closed.
// Effects are to be performed in order; they belong to the host.
type Effect interface {
	effect() wireForm
}

// Manifest describes the tools, for tools/list.
type Manifest struct {
	// Instructions are for the assistant, about the server as a whole.
	Instructions string `json:"instructions"`
	Tools        []Tool `json:"tools"`
}

// Tool is one tool of the manifest, in MCP's names.
type Tool struct {
	Name         string          `json:"name"`
	Title        string          `json:"title"`
	Description  string          `json:"description"`
	InputSchema  json.RawMessage `json:"inputSchema"`
	OutputSchema json.RawMessage `json:"outputSchema,omitempty"`
	Annotations  Annotations     `json:"annotations"`
}

// Annotations are MCP's hints about a tool.
type Annotations struct {
	ReadOnlyHint    bool `json:"readOnlyHint"`
	DestructiveHint bool `json:"destructiveHint"`
	IdempotentHint  bool `json:"idempotentHint"`
	OpenWorldHint   bool `json:"openWorldHint"`
}

// Fetch asks for an HTTP exchange. The host answers with one [*Head], any
// number of [*Chunk] and one [*End], or at any point with one [*Fail].
type Fetch struct {
	ID ID `json:"-"`
	provider.HTTPRequest
	// Provider and Model say what it is for.
	Provider string `json:"provider"`
	Model    string `json:"model"`
	// Credential names the secret that the host puts in, at the last moment.
	Credential provider.Credential `json:"credential,omitzero"`
}

// Abort says that nothing more is wanted of a fetch, a timer or a check.
type Abort struct {
	ID ID `json:"-"`
}

// Timer asks for a [*Fire] after a while.
type Timer struct {
	ID      ID    `json:"-"`
	AfterMS int64 `json:"after_ms"`
}

// Check asks whether a text is what a JSON schema allows. The host answers with
// one [*Checked]. Only hosts that said so ([Config].Checks) are asked.
type Check struct {
	ID ID `json:"-"`
	// Schema is the caller's, an object of whatever draft of JSON Schema, and
	// not checked itself: it may be large, wrong, or made to cost much.
	Schema json.RawMessage `json:"schema"`
	// Text is the model's: one JSON value.
	Text string `json:"-"`
}

// Delta is a piece of the answer's text, as it comes. ID is the call's.
type Delta struct {
	ID   ID     `json:"-"`
	Text string `json:"-"`
}

// Result ends a call: exactly one for every [*Call]. Nothing more is wanted of
// its fetches; a host may read the rest of a reply to keep the connection.
type Result struct {
	ID ID `json:"-"`
	// Kind is empty where the call succeeded.
	Kind provider.Kind `json:"kind,omitempty"`
	// Learned is what models refused and can be spared in later calls: it goes
	// into their Lessons. A newer lesson takes the place of one that differs in
	// Instead alone.
	Learned []provider.Lesson `json:"learned,omitempty"`
	// Body is MCP's CallToolResult as JSON: content, structuredContent,
	// isError, _meta.
	Body []byte `json:"-"`
}

// Log is a line for the operator.
type Log struct {
	ID   ID     `json:"-"`
	Text string `json:"text"`
}
