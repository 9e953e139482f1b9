package provider

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

func TestClaudeVersion(t *testing.T) {
	tests := []struct {
		id, family string
		version    int
	}{
		{"claude-opus-4-8", "opus", 408},
		{"claude-opus-4-20250514", "opus", 400},
		{"claude-opus-4-1-20250805", "opus", 401},
		{"claude-sonnet-4-0", "sonnet", 400},
		{"claude-3-5-haiku-20241022", "haiku", 305},
		{"claude-3-7-sonnet-latest", "sonnet", 307},
		{"claude-3-opus-20240229", "opus", 300},
		{"claude-fable-5-1", "fable", 501},
		{"claude-mythos-preview", "mythos", 407},
		{"claude-instant-1.2", "instant", 102},
		{"claude-2.1", "", 201},
		{"anthropic/claude-haiku-4.5", "haiku", 405},
		{"eu.anthropic.claude-sonnet-4-20250514-v1:0", "sonnet", 400},
		{"claude-sonnet-4-5@20250929", "sonnet", 405},
		{"claude-opus-5[1m]", "opus", 500},
		{"claude-new", "new", newestClaude},
	}
	for _, test := range tests {
		family, version, ok := claudeVersion(test.id)
		if family != test.family || version != test.version || !ok {
			t.Errorf("%s: got %q %d %v", test.id, family, version, ok)
		}
	}
	if _, _, ok := claudeVersion("kimi-k2-4"); ok {
		t.Error("kimi is no Claude")
	}
}

// TestClaudeOf: what the models' families differ in, and that an unknown newer
// one is the newest.
func TestClaudeOf(t *testing.T) {
	tests := []struct {
		id   string
		want claude
	}{
		{"claude-3-haiku-20240307", claude{longest: 4096, measured: true, prefill: true}},
		{"claude-3-5-sonnet-20241022", claude{longest: 8192, measured: true, prefill: true}},
		{"claude-opus-4-0", claude{longest: 32_000, measured: true, prefill: true, thinks: "enabled", interleaves: true}},
		{"claude-sonnet-4-0", claude{longest: 64_000, measured: true, prefill: true, thinks: "enabled", interleaves: true}},
		{"claude-opus-4-1", claude{longest: 32_000, measured: true, prefill: true, either: true, schemas: true, thinks: "enabled", interleaves: true}},
		{"claude-haiku-4-5", claude{longest: 64_000, measured: true, prefill: true, either: true, schemas: true, thinks: "enabled", interleaves: true}},
		{"claude-sonnet-4-6", claude{longest: 128_000, measured: true, either: true, schemas: true, thinks: "adaptive", still: "disabled"}},
		{"claude-opus-4-7", claude{longest: 128_000, measured: true, fixed: true, schemas: true, thinks: "adaptive", still: "disabled", hides: true, xhigh: true}},
		{"claude-opus-4-8", claude{longest: 128_000, measured: true, fixed: true, schemas: true, systemTurns: true, thinks: "adaptive", still: "disabled", hides: true, xhigh: true}},
		{"claude-sonnet-5", claude{longest: 128_000, measured: true, fixed: true, schemas: true, thinks: "adaptive", still: "disabled", hides: true, xhigh: true}},
		{"claude-sonnet-5-5", claude{longest: 64_000, fixed: true, schemas: true, systemTurns: true, thinks: "adaptive", still: "between_tools", hides: true, xhigh: true, unforced: true}},
		{"claude-fable-5", claude{longest: 128_000, measured: true, fixed: true, schemas: true, systemTurns: true, thinks: "adaptive", hides: true, xhigh: true, unforced: true}},
		{"claude-haiku-7", claude{longest: 64_000, fixed: true, schemas: true, systemTurns: true, thinks: "adaptive", hides: true, xhigh: true, unforced: true}},
		{"glm-5", claude{longest: 8192, prefill: true, thinks: "enabled", still: "disabled"}},
	}
	for _, test := range tests {
		if got := claudeOf(test.id); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.id, got, test.want)
		}
	}
}

// said makes a message of a text.
func said(role Role, text string) Message {
	return Message{Role: role, Parts: []Part{{Type: TextPart, Text: text}}}
}

// TestAnthropicTurns: what becomes of a conversation. A turn is written as its
// role's letter and its blocks.
func TestAnthropicTurns(t *testing.T) {
	const old, new = "claude-haiku-4-5", "claude-opus-4-8"
	tests := []struct {
		name, model string
		messages    []Message
		want        string // of an error: its message
		adjusted    int
	}{
		{"one", old, []Message{said(User, "a")}, "u[a]", 0},
		{"leading", old, []Message{said(System, "s"), said(Developer, "d"), said(User, "a")}, "[s|d] u[a]", 0},
		{"neighbours", old, []Message{said(User, "a"), said(User, "b"), said(Assistant, "c"), said(Assistant, "d"), said(User, "e")}, "u[a|b] a[c|d] u[e]", 0},
		{"first assistant", old, []Message{said(Assistant, "a"), said(User, "b")}, "a[a] u[b]", 0},
		{"only system", old, []Message{said(System, "s"), said(System, "t")}, "u[s|t]", 1},
		{"system inside, old", old, []Message{said(User, "a"), said(System, "s"), said(Assistant, "b"), said(User, "c")}, "u[a|<system>s</system>] a[b] u[c]", 1},
		{"system inside, new", new, []Message{said(User, "a"), said(System, "s"), said(Developer, "t"), said(Assistant, "b"), said(User, "c")}, "u[a] s[s|t] a[b] u[c]", 0},
		{"system at the end", new, []Message{said(User, "a"), said(System, "s")}, "u[a] s[s]", 0},
		{"system after assistant", new, []Message{said(User, "a"), said(Assistant, "b"), said(System, "s")}, "u[a] a[b] u[<system>s</system>]", 1},
		{"system between users", new, []Message{said(User, "a"), said(System, "s"), said(User, "b")}, "u[a|<system>s</system>|b]", 1},
		{"system before an empty turn", new, []Message{said(User, "a"), said(System, "s"), said(Assistant, " "), said(User, "b")}, "u[a|<system>s</system>|b]", 2},
		{"empty text", old, []Message{{Role: User, Parts: []Part{{Type: TextPart, Text: ""}, {Type: TextPart, Text: "a"}, {Type: TextPart, Text: "\n"}}}}, "u[a]", 1},
		{"empty assistant", old, []Message{said(User, "a"), said(Assistant, ""), said(User, "b")}, "u[a|b]", 1},
		{"empty last user", old, []Message{said(User, "a"), said(Assistant, "b"), said(User, "")}, "messages[2].content: got nothing but white space, allowed: a text, since Anthropic refuses empty messages", 0},
		{"empty last user before system", new, []Message{said(User, "a"), said(User, " "), said(System, "s")}, "messages[1].content: got nothing but white space, allowed: a text, since Anthropic refuses empty messages", 0},
		{"nothing", old, []Message{said(Assistant, "")}, "messages: got nothing but white space, allowed: at least one message with a text", 0},
		{"prefill", old, []Message{said(User, "a"), said(Assistant, "b \n")}, "u[a] a[b]", 1},
		{"prefill, newer", "claude-sonnet-4-6", []Message{said(User, "a"), said(Assistant, "b")}, "messages: got one of the assistant as the last, allowed: one of the user, since claude-sonnet-4-6 does not continue an answer begun for it", 0},
		{"names", old, []Message{{Role: User, Name: "x", Parts: []Part{{Type: TextPart, Text: "a"}}}, {Role: Assistant, Name: "y", Parts: []Part{{Type: TextPart, Text: "b"}}}, said(User, "c")}, "u[a] a[b] u[c]", 1},
	}
	for _, test := range tests {
		e := anthropicEncoding{model: claudeOf(test.model), ids: newCallIDs()}
		e.wire.Model = test.model
		var got []string
		if fault := e.conversation(&Request{Messages: test.messages}); fault != nil {
			got = []string{fault.Message}
		} else {
			join := func(texts []string) string { return "[" + strings.Join(texts, "|") + "]" }
			var system []string
			for _, block := range e.wire.System {
				system = append(system, block.Text)
			}
			if len(system) > 0 {
				got = append(got, join(system))
			}
			for _, turn := range e.wire.Messages {
				var texts []string
				for _, block := range turn.Content {
					texts = append(texts, block.(*anthropicContent).Text)
				}
				got = append(got, string(turn.Role[0])+join(texts))
			}
			if len(e.adjusted) != test.adjusted {
				t.Errorf("%s: adjusted %v", test.name, e.adjusted)
			}
		}
		if got := strings.Join(got, " "); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// TestAnthropicEncodeKeeps: the caller's request is not written to.
func TestAnthropicEncodeKeeps(t *testing.T) {
	temperature := 2.0
	request := &Request{Model: "claude-haiku-4-5", Messages: []Message{said(User, "a"), said(System, "s"), said(Assistant, "b ")}, Temperature: &temperature}
	row := &Row{Endpoint: "https://api.anthropic.com/v1"}
	first, _, err := anthropic{}.Encode(row, request)
	if err != nil {
		t.Fatal(err)
	}
	second, adjusted, err := anthropic{}.Encode(row, request)
	if err != nil || !bytes.Equal(first.Body, second.Body) || temperature != 2 || len(adjusted) != 3 {
		t.Fatalf("%s\n%s\n%v %v", first.Body, second.Body, adjusted, err)
	}
}

func rewritten(schema []byte) []byte {
	return (&anthropicSchema{}).append(nil, json.Parse(schema), true, 0)
}

func TestAnthropicSchema(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{"type":"object"}`, `{"type":"object","additionalProperties":false}`},
		{`{"type":["object","null"]}`, `{"type":["object","null"],"additionalProperties":false}`},
		{`{"additionalProperties":true,"type":"object"}`, `{"additionalProperties":false,"type":"object"}`},
		{`{"type":"string","default":{"type":"object"}}`, `{"type":"string","default":{"type":"object"}}`},
		{
			`{"z":1,"type":"object","properties":{"type":{"type":"object"},"a":{"enum":[{"type":"object"}]}}}`,
			`{"z":1,"type":"object","properties":{"type":{"type":"object","additionalProperties":false},"a":{"enum":[{"type":"object"}]}},"additionalProperties":false}`,
		},
		{
			`{"anyOf":[{"type":"object"},true],"items":{"type":"object"},"$defs":{"d\"e":{"type":"object"}}}`,
			`{"anyOf":[{"type":"object","additionalProperties":false},true],"items":{"type":"object","additionalProperties":false},"$defs":{"d\"e":{"type":"object","additionalProperties":false}}}`,
		},
		{`{}`, `{}`},
		{`{"properties":[],"items":"x"}`, `{"properties":[],"items":"x"}`},
		{`{"properties":{"minimum":{"type":"number"}}}`, `{"properties":{"minimum":{"type":"number"}},"additionalProperties":false}`},
		{
			`{"allOf":[{"type":"object","properties":{"a":{"type":"object"}}}],"not":{"type":"object","minimum":1},"if":{"type":"object"},"then":{"properties":{}},"else":true}`,
			`{"allOf":[{"type":"object","properties":{"a":{"type":"object"}}}],"not":{"type":"object","minimum":1},"if":{"type":"object"},"then":{"properties":{}},"else":true}`,
		},
		{
			`{"type":"integer","minimum":3,"description":"Age \"x\"","maximum":1e2}`,
			`{"type":"integer","description":"Age \"x\" (minimum: 3, maximum: 1e2)"}`,
		},
		{
			`{"type":"array","minItems":1,"maxItems":4,"items":{"type":"string","maxLength":5,"pattern":"a+"}}`,
			`{"type":"array","minItems":1,"items":{"type":"string","pattern":"a+","description":"maxLength: 5"},"description":"maxItems: 4"}`,
		},
		{`{"minItems":2,"description":7}`, `{"minItems":2,"description":7}`},
	}
	for _, test := range tests {
		got := string(rewritten([]byte(test.in)))
		if got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.in, got, test.want)
		}
		if again := string(rewritten([]byte(got))); again != got {
			t.Errorf("%s: a second time %s", got, again)
		}
	}
}

func FuzzAnthropicSchema(f *testing.F) {
	f.Add([]byte(`{"type":"object","properties":{"a":{"type":["object"]}},"anyOf":[{}],"minItems":2,"description":"a"}`))
	f.Fuzz(func(t *testing.T, schema []byte) {
		if !json.Valid(schema) {
			return
		}
		once := rewritten(json.Compact(schema))
		if !json.Valid(once) {
			t.Fatalf("%s is not JSON", once)
		}
		if again := rewritten(once); !bytes.Equal(once, again) {
			t.Fatalf("%s, a second time %s", once, again)
		}
	})
}

// TestAnthropicErrors: the kinds of errors that status and type leave open.
func TestAnthropicErrors(t *testing.T) {
	tests := []struct {
		status int
		body   string
		kind   Kind
		retry  bool
	}{
		{400, `{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 3333404 tokens > 200000 maximum"}}`, ContextLength, false},
		{400, `{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}`, Quota, false},
		{400, `{"type":"error","error":{"type":"invalid_request_error","message":"temperature: range: 0..1"}}`, InvalidRequest, false},
		{401, `{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}`, Authentication, false},
		{402, `{"type":"error","error":{"type":"billing_error","message":"m"}}`, Quota, false},
		{403, `{"type":"error","error":{"type":"permission_error","message":"m"}}`, Permission, false},
		{404, `{"type":"error","error":{"type":"not_found_error","message":"model: claude-x"}}`, NotFound, false},
		{413, `{"type":"error","error":{"type":"request_too_large","message":"m"}}`, TooLarge, false},
		{429, `{"type":"error","error":{"type":"rate_limit_error","message":"m"}}`, RateLimit, true},
		{500, `{"type":"error","error":{"type":"api_error","message":"m"}}`, Overloaded, true},
		{504, `{"type":"error","error":{"type":"timeout_error","message":"m"}}`, Timeout, true},
		{529, `{"type":"error","error":{"type":"overloaded_error","message":"m"}}`, Overloaded, true},
		{200, `{"type":"error","error":{"type":"overloaded_error","message":"m"}}`, Overloaded, true},
		{200, `{"type":"error","error":{"type":"invalid_request_error","message":"m"}}`, InvalidRequest, false},
		{200, `{"id":"chatcmpl-1","choices":[]}`, BadReply, false},
	}
	for _, test := range tests {
		_, err := anthropic{}.Decode(&Reply{Status: test.status, Body: strings.NewReader(test.body)}, nil)
		if fault, ok := err.(*Error); !ok || fault.Kind != test.kind || fault.Retry != test.retry {
			t.Errorf("%d %s: got %+v", test.status, test.body, err)
		}
	}
}
