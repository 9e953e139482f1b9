package coretest

import (
	"regexp"
	"strconv"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// Examinee is a provider that takes the exam: a row, or a row at one of the
// addresses that its service has.
type Examinee struct {
	// Name is what the table calls it: the row's name, and the address's where
	// there are several.
	Name string
	Row  provider.Row

	url, streamURL string // to be called, by the vendor's pages
	model, thinker string
	developer      bool // messages of that role are known
	system         int  // how many system messages are safe; 0: any number
	ids            *regexp.Regexp
	dialect        dialect
}

// dialect is how a server writes its form. The zero value is OpenAI's own way.
type dialect struct {
	before      string // of a document
	first       string // of a stream
	comment     string // now and then in a stream
	nakedChoice string // a chunk whose choice has no delta
	crlf        bool
	noDone      bool   // no [DONE]
	usage       string // of a stream: "" in a chunk of its own, finish, finish again, every
	beside      bool   // message beside delta
	roleAlways  bool
	thinks      string // the field, list or details; "": reasoning_content

	callIDs      []string
	noCallType   bool
	noWholeIDs   bool // of calls in a document
	wholeCalls   bool // not in pieces
	allIndexZero bool
	callsStop    bool // finish_reason stop beside calls

	wrongKey, broken reply
	tooMany          func(now int64) reply // asks for a wait of 2 s
	inStream         []string              // an error within a stream
}

// told is in every error that the exam sends, and has to reach the user.
const told = "told by the exam"

// The ids that a provider takes.
var (
	anyID       = regexp.MustCompile(`^.+$`)
	chatID      = regexp.MustCompile(`^.{1,40}$`)
	responsesID = regexp.MustCompile(`^.{1,64}$`)
	mistralID   = regexp.MustCompile(`^[a-zA-Z0-9]{9}$`)
	anthropicID = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
)

func openAIError(message, kind string, code any) string {
	return object{"error": object{"message": message, "type": kind, "param": nil, "code": code}}.String()
}

var twoSeconds = provider.Field{Name: "retry-after", Value: "2"}

// likeOpenAI are the dialects of OpenAI's errors, and of who copies them.
func likeOpenAI(d dialect) dialect {
	d.wrongKey = jsonReply(401, openAIError("Incorrect API key provided, "+told, "invalid_request_error", "invalid_api_key"))
	d.broken = jsonReply(500, openAIError("The server had an error while processing your request, "+told, "server_error", nil))
	d.tooMany = func(int64) reply {
		return jsonReply(429, openAIError("Rate limit reached, "+told, "requests", "rate_limit_exceeded"), twoSeconds)
	}
	d.inStream = []string{"data: " + openAIError("The server had an error, "+told, "server_error", nil) + "\n\n"}
	if d.callIDs == nil {
		d.callIDs = []string{"call_1", "call_2"}
	}
	return d
}

// change is a dialect with something else.
func (d dialect) change(how func(*dialect)) dialect {
	how(&d)
	return d
}

// dialects are those of the rows, by name. Sources: the recordings and the
// vendors' pages; who is not known to differ writes as OpenAI does.
var dialects = map[string]dialect{
	"openai": likeOpenAI(dialect{}).change(func(d *dialect) {
		d.tooMany = func(int64) reply {
			return jsonReply(429, openAIError("Rate limit reached, "+told, "tokens", "rate_limit_exceeded"), provider.Field{Name: "retry-after-ms", Value: "2000"})
		}
	}),
	"openai-responses": likeOpenAI(dialect{}).change(func(d *dialect) {
		d.inStream = []string{
			"event: error\ndata: " + `{"type":"error","sequence_number":9,"error":{"type":"server_error","code":"server_error","message":"The server had an error, ` + told + `","param":null}}` + "\n\n",
			"event: response.failed\ndata: " + `{"type":"response.failed","sequence_number":10,"response":{"id":"resp_1","status":"failed","error":{"code":"server_error","message":"The server had an error, ` + told + `"}}}` + "\n\n",
		}
	}),
	"azure": likeOpenAI(dialect{
		first:       `data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}` + "\n\n",
		nakedChoice: `data: {"choices":[{"content_filter_offsets":{"check_offset":1},"content_filter_results":{},"finish_reason":null,"index":0}],"created":0,"id":"","model":"","object":""}` + "\n\n",
	}).change(func(d *dialect) {
		d.wrongKey = jsonReply(401, object{"error": object{"code": "401", "message": "Access denied due to invalid subscription key or wrong API endpoint, " + told}}.String())
		d.tooMany = func(int64) reply {
			return jsonReply(429, object{"error": object{"code": "429", "message": "Requests have exceeded the call rate limit, " + told}}.String(),
				provider.Field{Name: "retry-after-ms", Value: "0"}, twoSeconds)
		}
	}),
	"anthropic": {
		wrongKey: jsonReply(401, object{"type": "error", "error": object{"type": "authentication_error", "message": "invalid x-api-key, " + told}, "request_id": "req_1"}.String(), provider.Field{Name: "x-should-retry", Value: "false"}),
		broken:   jsonReply(500, object{"type": "error", "error": object{"type": "api_error", "message": "Internal server error, " + told}}.String(), provider.Field{Name: "x-should-retry", Value: "true"}),
		tooMany: func(int64) reply {
			return jsonReply(429, object{"type": "error", "error": object{"type": "rate_limit_error", "message": "This request would exceed your rate limit, " + told}}.String(), twoSeconds)
		},
		inStream: []string{"event: error\ndata: " + object{"type": "error", "error": object{"type": "overloaded_error", "message": "Overloaded, " + told}}.String() + "\n\n"},
	},
	"gemini": {
		wrongKey: jsonReply(400, object{"error": object{
			"code": 400, "message": "API key not valid, " + told, "status": "INVALID_ARGUMENT",
			"details": []any{object{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}},
		}}.String()),
		broken: jsonReply(500, object{"error": object{"code": 500, "message": "An internal error has occurred, " + told, "status": "INTERNAL"}}.String()),
		tooMany: func(int64) reply {
			return jsonReply(429, object{"error": object{
				"code": 429, "message": "You exceeded your current quota, " + told, "status": "RESOURCE_EXHAUSTED",
				"details": []any{object{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}},
			}}.String())
		},
		inStream: []string{"data: " + object{"error": object{"code": 503, "message": "The model is overloaded, " + told, "status": "UNAVAILABLE"}}.String() + "\r\n\r\n"},
	},
	"openrouter": likeOpenAI(dialect{comment: ": OPENROUTER PROCESSING\n\n", usage: "finish again", thinks: "details"}).change(func(d *dialect) {
		d.wrongKey = jsonReply(401, object{"error": object{"message": "No auth credentials found, " + told, "code": 401}}.String())
		d.tooMany = func(now int64) reply {
			reset := strconv.FormatInt(now+2000, 10) // milliseconds
			return jsonReply(429, object{"error": object{"code": 429, "message": "Rate limit exceeded", "metadata": object{
				"headers": object{"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}, "provider_name": "x", "raw": told,
			}}, "user_id": "u"}.String())
		}
		d.broken = jsonReply(502, object{"error": object{"code": 502, "message": "Provider returned error", "metadata": object{"provider_name": "x", "raw": told}}}.String())
		d.inStream = []string{
			"data: " + object{
				"id": "c1", "model": "m", "object": "chat.completion.chunk", "choices": []any{object{"index": 0, "delta": object{"content": ""}, "finish_reason": "error"}},
				"error": object{"code": 502, "message": "Provider returned error", "metadata": object{"provider_name": "x", "raw": told}},
			}.String() + "\n\n", "data: [DONE]\n\n",
		}
	}),
	"groq": likeOpenAI(dialect{thinks: "reasoning"}).change(func(d *dialect) {
		d.inStream = []string{"event: error\ndata: " + object{"error": object{
			"message": "Failed to call a function, " + told, "type": "invalid_request_error", "code": "tool_use_failed", "failed_generation": "<f",
		}}.String() + "\n\n"} // and no [DONE]
	}),
	"mistral": likeOpenAI(dialect{usage: "finish", thinks: "list", callIDs: []string{"D681PevKs", "a1B2c3D4e"}, noCallType: true, wholeCalls: true}).change(func(d *dialect) {
		d.wrongKey = jsonReply(401, object{"detail": "Invalid API Key, " + told}.String())
		d.broken = jsonReply(500, object{"object": "error", "message": "Service unavailable, " + told, "type": "internal_server_error", "param": nil, "code": "3000"}.String())
		d.tooMany = func(int64) reply {
			return jsonReply(429, object{"object": "error", "message": "Requests rate limit exceeded, " + told, "type": "rate_limited", "param": nil, "code": "1300"}.String(), twoSeconds)
		}
		d.inStream = []string{"data: " + object{"object": "error", "message": "Service unavailable, " + told, "type": "internal_server_error", "param": nil, "code": "3000"}.String() + "\n\n"}
	}),
	"deepseek": likeOpenAI(dialect{before: "\n\n\n", first: "\n\n", comment: ": keep-alive\n\n", usage: "finish"}),
	"xai": likeOpenAI(dialect{first: ": keepalive\n\n", roleAlways: true}).change(func(d *dialect) {
		d.wrongKey = jsonReply(400, object{"code": "invalid-argument", "error": "Incorrect API key provided: x, " + told}.String())
		d.broken = jsonReply(500, object{"code": "internal", "error": "Internal error, " + told}.String())
		d.tooMany = func(int64) reply {
			return jsonReply(429, object{"code": "resource-exhausted", "error": "Too many requests, " + told}.String(), twoSeconds)
		}
		d.inStream = []string{"data: " + object{"code": "internal", "error": "Internal error, " + told}.String() + "\n\n"}
	}),
	"together":  likeOpenAI(dialect{}),
	"fireworks": likeOpenAI(dialect{}),
	"cerebras":  likeOpenAI(dialect{thinks: "reasoning"}),
	"perplexity": likeOpenAI(dialect{crlf: true, noDone: true, usage: "every", beside: true}).change(func(d *dialect) {
		d.wrongKey = reply{401, []provider.Field{{Name: "content-type", Value: "text/html"}}, "<html><head><title>401 Authorization Required, " + told + "</title></head></html>"}
		d.broken = jsonReply(500, object{"error": object{"message": "Internal error, " + told, "type": "internal_error", "code": 500}}.String())
		d.inStream = []string{"data: " + object{"error": object{"message": "Internal error, " + told, "type": "internal_error", "code": 500}}.String() + "\r\n\r\n"}
	}),
	"moonshot":    likeOpenAI(dialect{}),
	"zai":         likeOpenAI(dialect{}),
	"alibaba":     likeOpenAI(dialect{}),
	"huggingface": likeOpenAI(dialect{}),
	"cohere": likeOpenAI(dialect{}).change(func(d *dialect) {
		d.wrongKey = jsonReply(401, object{"id": "e1", "message": "invalid api token, " + told}.String())
		d.broken = jsonReply(500, object{"id": "e1", "message": "internal server error, " + told}.String())
		d.tooMany = func(int64) reply {
			return jsonReply(429, object{"id": "e1", "message": "too many requests, " + told}.String(), twoSeconds)
		}
	}),
	"github": likeOpenAI(dialect{}),
	"ollama": likeOpenAI(dialect{thinks: "reasoning", callsStop: true, wholeCalls: true}),
	"vllm": likeOpenAI(dialect{thinks: "reasoning"}).change(func(d *dialect) {
		d.broken = jsonReply(500, object{"object": "error", "message": "Internal error, " + told, "type": "InternalServerError", "param": nil, "code": 500}.String())
		d.inStream = []string{"data: " + object{"error": object{"object": "error", "message": "Internal error, " + told, "type": "InternalServerError", "param": nil, "code": 500}}.String() + "\n\n", "data: [DONE]\n\n"}
	}),
	"lmstudio": likeOpenAI(dialect{}),
	"llamacpp": likeOpenAI(dialect{}).change(func(d *dialect) {
		d.broken = jsonReply(500, object{"error": object{"code": 500, "message": "failed to decode, " + told, "type": "server_error"}}.String())
		d.inStream = []string{`error: {"detail":"failed to decode","error":{"code":500,"message":"failed to decode, ` + told + `","type":"server_error"}}` + "\n\n"}
	}),
	// Gemini's compatible endpoint: calls without an id in a document, in a stream
	// all of one index, and an array around its errors.
	"another server": likeOpenAI(dialect{noWholeIDs: true, wholeCalls: true, allIndexZero: true, callsStop: true}).change(func(d *dialect) {
		d.wrongKey = jsonReply(400, `[{"error":{"code":400,"message":"API key not valid, `+told+`","status":"INVALID_ARGUMENT"}}]`)
		d.broken = jsonReply(500, `[{"error":{"code":500,"message":"Internal error, `+told+`","status":"INTERNAL"}}]`)
		d.tooMany = func(int64) reply {
			return jsonReply(429, `[{"error":{"code":429,"message":"Resource exhausted, `+told+`","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"2s"}]}}]`)
		}
	}),
}

// addresses are where providers are called, by the vendors' pages, and the
// models that the exam asks.
var addresses = map[string]struct{ url, model, thinker string }{
	"openai":           {"https://api.openai.com/v1/chat/completions", "gpt-4.1", "gpt-5.6"},
	"openai-responses": {"https://api.openai.com/v1/responses", "gpt-4.1", "gpt-5.6"},
	"azure (classic)":  {"https://resource.openai.azure.com/openai/deployments/prod/chat/completions?api-version=2024-10-21", "gpt-4.1", "gpt-5.6"},
	"azure (v1)":       {"https://resource.openai.azure.com/openai/v1/chat/completions", "gpt-4.1", "gpt-5.6"},
	"anthropic":        {"https://api.anthropic.com/v1/messages", "claude-opus-4-8", "claude-opus-4-8"},
	"gemini":           {"https://generativelanguage.googleapis.com/v1beta/models/gemini-3-flash-preview:generateContent", "gemini-3-flash-preview", "gemini-3-flash-preview"},
	"gemini (Vertex)":  {"https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/gemini-3-flash-preview:generateContent", "gemini-3-flash-preview", "gemini-3-flash-preview"},
	"openrouter":       {"https://openrouter.ai/api/v1/chat/completions", "z-ai/glm-5", "z-ai/glm-5"},
	"groq":             {"https://api.groq.com/openai/v1/chat/completions", "openai/gpt-oss-120b", "openai/gpt-oss-120b"},
	"mistral":          {"https://api.mistral.ai/v1/chat/completions", "mistral-medium-latest", "magistral-medium-latest"},
	"deepseek":         {"https://api.deepseek.com/chat/completions", "deepseek-v4", "deepseek-v4"},
	"xai":              {"https://api.x.ai/v1/chat/completions", "grok-4.5", "grok-4.5"},
	"together":         {"https://api.together.xyz/v1/chat/completions", "m", "m"},
	"fireworks":        {"https://api.fireworks.ai/inference/v1/chat/completions", "m", "m"},
	"cerebras":         {"https://api.cerebras.ai/v1/chat/completions", "m", "m"},
	"perplexity":       {"https://api.perplexity.ai/chat/completions", "sonar", "sonar-reasoning"},
	"moonshot":         {"https://api.moonshot.ai/v1/chat/completions", "kimi-k2", "kimi-k2-thinking"},
	"zai":              {"https://api.z.ai/api/paas/v4/chat/completions", "glm-5", "glm-5"},
	"alibaba":          {"https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions", "qwen3-max", "qwen3-max"},
	"huggingface":      {"https://router.huggingface.co/v1/chat/completions", "m", "m"},
	"cohere":           {"https://api.cohere.ai/compatibility/v1/chat/completions", "command-a-03-2025", "command-a-reasoning-08-2025"},
	"github":           {"https://models.github.ai/inference/chat/completions", "openai/gpt-4.1", "openai/gpt-4.1"},
	"ollama":           {"http://localhost:11434/v1/chat/completions", "qwen3", "qwen3"},
	"vllm":             {"http://localhost:8000/v1/chat/completions", "m", "m"},
	"lmstudio":         {"http://localhost:1234/v1/chat/completions", "m", "m"},
	"llamacpp":         {"http://localhost:8080/v1/chat/completions", "m", "m"},
	"another server":   {"https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", "gemini-3-flash-preview", "gemini-3-flash-preview"},
}

// Examinees are who takes the exam: every row, Azure in both of its styles,
// Gemini at Vertex AI too, and a server of which nothing is known.
func Examinees() (all []Examinee) {
	add := func(name, dialect string, row provider.Row) {
		at, known := addresses[name]
		spoken, too := dialects[dialect]
		if !known || !too {
			panic("the exam knows no dialect and address of " + name) // a new row needs both
		}
		e := Examinee{Name: name, Row: row, url: at.url, streamURL: at.url, model: at.model, thinker: at.thinker, system: 1, ids: anyID, dialect: spoken}
		switch row.Form {
		case "openai-responses":
			e.system, e.developer, e.ids = 0, true, responsesID
		case "anthropic":
			e.system, e.ids = 0, anthropicID
		case "gemini":
			e.system = 0
			e.streamURL = at.url[:len(at.url)-len(":generateContent")] + ":streamGenerateContent?alt=sse"
		}
		switch dialect {
		case "openai":
			e.system, e.developer, e.ids = 0, true, chatID
		case "azure":
			e.ids = chatID
		case "openrouter":
			e.system, e.developer = 0, true
		case "mistral":
			e.ids = mistralID
		}
		all = append(all, e)
	}
	for _, row := range provider.Rows {
		switch row.Name {
		case "azure":
			for _, style := range [][2]string{{"azure (v1)", "https://resource.openai.azure.com"}, {"azure (classic)", "https://resource.openai.azure.com/openai/deployments/prod"}} {
				endpoint, _ := provider.Endpoint(row.Form, style[1])
				row.Endpoint = provider.AzureVersion(endpoint, "")
				add(style[0], "azure", row)
			}
		case "gemini":
			add(row.Name, row.Name, row)
			row.Endpoint, _ = provider.Endpoint(row.Form, "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google")
			row.Credential.Header, row.Credential.Prefix = "authorization", "Bearer "
			add("gemini (Vertex)", "gemini", row)
		default:
			add(row.Name, row.Name, row)
		}
	}
	endpoint, _ := provider.Endpoint("openai-chat", "https://generativelanguage.googleapis.com/v1beta/openai")
	add("another server", "another server", provider.Row{
		Name: "generativelanguage.googleapis.com", Form: "openai-chat", Endpoint: endpoint,
		Credential: provider.Credential{Name: "API_KEY", Header: "authorization", Prefix: "Bearer "},
	})
	return all
}
