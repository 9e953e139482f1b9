package transport

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// answer is what a provider sends: a status, a type, and the body in pieces.
type answer struct {
	status int
	kind   string
	pieces []string
}

// paths are the ways on which a provider's words reach a client.
var paths = map[string]func(words string) answer{
	"error": func(w string) answer {
		return answer{401, "application/json", []string{`{"error":{"message":` + inJSON(w) + `,"code":"invalid_api_key"}}`}}
	},
	"text": func(w string) answer { return answer{400, "application/json", []string{`{"error":` + inJSON(w) + `}`}} },
	"detail": func(w string) answer {
		return answer{422, "application/json", []string{`{"detail":` + inJSON(w) + `}`}}
	},
	"code": func(w string) answer {
		return answer{400, "application/json", []string{`{"error":{"message":"no","code":` + inJSON(w) + `}}`}}
	},
	"page": func(w string) answer { return answer{502, "text/html", []string{"<p>" + w + "</p>"}} },
	"in 200": func(w string) answer {
		return answer{200, "application/json", []string{`{"error":{"message":` + inJSON(w) + `}}`}}
	},
	"no JSON": func(w string) answer { return answer{200, "application/json", []string{w}} },
	"answer": func(w string) answer {
		return answer{200, "application/json", []string{`{"id":` + inJSON(w) + `,"model":` + inJSON(w) + `,"choices":[{"message":{"content":` + inJSON(w) + `,"annotations":[` + inJSON(w) + `]},"finish_reason":"stop"}]}`}}
	},
	"stream error": func(w string) answer {
		return answer{200, "text/event-stream", []string{delta("Half"), "data: {\"error\":{\"message\":" + inJSON(w) + "}}\n\n"}}
	},
	"cut stream": func(w string) answer { return answer{200, "text/event-stream", []string{delta(w)}} },
}

func inJSON(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}

func delta(text string) string {
	return `data: {"choices":[{"index":0,"delta":{"content":` + inJSON(text) + `}}]}` + "\n\n"
}

// seen is all that a client and an operator see of a call.
func seen(t *testing.T, secrets map[string]string, output core.Output, reply answer) string {
	t.Helper()
	var all strings.Builder
	host := NewHost(HostConfig{
		Secrets: secrets,
		Log:     func(text string) { all.WriteString(text + "\n") },
		Open: func(context.Context) (core.Machine, error) {
			machine := core.New()
			_, err := machine.Step(&core.Configure{Config: core.Config{Output: output, Providers: []provider.Row{{Name: "p", Form: "openai-chat", Endpoint: "https://p.example"}}}})
			return machine, err
		},
		Fetcher: exchanges(func(_ context.Context, _ *core.Fetch, tell func(core.Event)) {
			tell(&core.Head{Status: reply.status, Header: []provider.Field{{Name: "content-type", Value: reply.kind}, {Name: "x-should-retry", Value: "false"}}})
			for _, piece := range reply.pieces {
				tell(&core.Chunk{Body: []byte(piece)})
			}
			tell(&core.End{})
		}),
	})
	deltas := ""
	result := host.Call(t.Context(), "chat_completion", []byte(`{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}`), func(text string) { deltas += text })
	if !json.Valid(result.Body) {
		t.Errorf("this is no JSON: %s", result.Body)
	}
	var inside any
	_ = json.Unmarshal(result.Body, &inside)
	if found := leakInside(inside, plainKey); found != "" {
		all.WriteString(" and inside as " + plainKey)
	}
	return all.String() + deltas + string(result.Body)
}

// TestSecretsOnAllPaths: no encoding of a key shows on any path, in any form
// of results, however the answer is cut.
func TestSecretsOnAllPaths(t *testing.T) {
	secrets := map[string]string{"k": plainKey}
	findings, tried := 0, 0
	look := func(what, all string) {
		tried++
		if found := leak(all, plainKey); found != "" {
			findings++
			t.Errorf("%s: shows the key as %s: %.300s", what, found, all)
		}
	}
	for _, echo := range echoes {
		words := "bad key " + echo.of(plainKey) + " sent"
		for name, path := range paths {
			for _, output := range []core.Output{core.OutputText, core.OutputRaw} {
				look(name+", "+echo.name, seen(t, secrets, output, path(words)))
			}
		}
	}
	// The key in the answer's text, cut at every position into two deltas.
	for cut := range len(plainKey) + 1 {
		reply := answer{200, "text/event-stream", []string{delta("the key is " + plainKey[:cut]), delta(plainKey[cut:] + ", yes"), "data: [DONE]\n\n"}}
		look("cut", seen(t, secrets, "", reply))
	}
	t.Logf("%d findings in %d", findings, tried)
	if leak(seen(t, nil, "", paths["error"]("bad key "+plainKey)), plainKey) == "" {
		t.Error("a planted leak is not found")
	}
}
