package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// TestValidatedAnswers: from a call to its result, over the wire, with the real
// core, the host's check and an imitated provider.
func TestValidatedAnswers(t *testing.T) {
	imitated, endpoint := imitated(t)
	rows := []provider.Row{{Name: "imitated", Form: "openai-chat", Endpoint: endpoint}}
	host := NewHost(HostConfig{
		Open: func(context.Context) (core.Machine, error) {
			machine := core.New()
			_, err := machine.Step(&core.Configure{Config: core.Config{Target: "native", Output: core.OutputStructured, Providers: rows, Checks: true}})
			return machine, err
		},
		Fetcher: NewUpstream(UpstreamConfig{Providers: rows}),
		Warm:    2,
	})
	defer host.Close()
	const schema = `{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}`
	const good, bad = `{"city": "Oslo"}`, `{"city": 7}`
	for _, test := range []struct {
		name, text, again, schema, more string
		validated                       string // true, false or null
		requests                        int
		said                            string // in validation
	}{
		{"valid", good, good, schema, ``, "true", 1, ""},
		{"invalid", bad, good, schema, ``, "false", 1, "/city: got number, want string"},
		{"repaired", bad, good, schema, `,"repair":true`, "true", 2, ""},
		{"repaired in vain", bad, `{"city": []}`, schema, `,"repair":true`, "false", 2, "/city: got array, want string"},
		{"streamed", bad, good, schema, `,"stream":true,"repair":true`, "false", 1, "it was not asked for again, since its text had left as progress"},
		{"not to be told", good, good, `{"$ref":"file:///etc/passwd"}`, `,"repair":true`, "null", 1, `it could not be checked against the schema: the schema refers to what is not in it, "file:///etc/passwd"`},
		{"hostile", good, good, doubled(40, `{"anyOf":[%s,%s]}`, `false`), ``, "null", 1, "it could not be checked against the schema: the check takes too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(imitated.Requests())
			model := "m?" + url.Values{"text": {test.text}, "again": {test.again}}.Encode()
			arguments := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"Where?"}],"response_format":{"type":"json_schema","json_schema":{"schema":%s}}%s}`, model, test.schema, test.more)
			result := host.Call(t.Context(), "chat_completion", []byte(arguments), func(string) {})
			var shown struct {
				StructuredContent struct {
					Gateway struct {
						Validated  *bool
						Validation []string
						Attempts   []any
					}
				}
			}
			if err := json.Unmarshal(result.Body, &shown); err != nil || result.Kind != "" {
				t.Fatalf("%s %s, %v", result.Kind, result.Body, err)
			}
			gateway := shown.StructuredContent.Gateway
			if validated, _ := json.Marshal(gateway.Validated); string(validated) != test.validated {
				t.Errorf("validated is %s, want %s: %s", validated, test.validated, result.Body)
			}
			if said := strings.Join(gateway.Validation, "\n"); !strings.HasSuffix(said, test.said) || (said == "") != (test.said == "") {
				t.Errorf("validation is %q, want %q", said, test.said)
			}
			if requests := len(imitated.Requests()) - before; requests != test.requests || len(gateway.Attempts) != requests {
				t.Errorf("%d requests and %d attempts, want %d", requests, len(gateway.Attempts), test.requests)
			}
		})
	}
	t.Run("at once", func(t *testing.T) {
		var calls sync.WaitGroup
		for i := range 40 {
			calls.Go(func() {
				text := fmt.Sprintf(`{"city": "%d"}`, i)
				model := "m?" + url.Values{"text": {bad}, "again": {text}}.Encode()
				result := host.Call(t.Context(), "chat_completion", fmt.Appendf(nil, `{"model":%q,"messages":[{"role":"user","content":"Where?"}],"repair":true,"response_format":{"type":"json_schema","json_schema":{"schema":%s}}}`, model, schema), nil)
				if quoted, _ := json.Marshal(text); !strings.Contains(string(result.Body), `"text":`+string(quoted)) || !strings.Contains(string(result.Body), `"validated":true`) {
					t.Errorf("call %d: %s", i, result.Body)
				}
			})
		}
		calls.Wait()
	})
}

// TestCheckOfACanceledCall: nobody waits for a check whose call has ended, and
// its verdict comes too late.
func TestCheckOfACanceledCall(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	late := make(chan *core.Checked, 1)
	ended := false
	host := NewHost(HostConfig{Open: always(script(func(event core.Event) ([]core.Effect, error) {
		switch event := event.(type) {
		case *core.Call:
			cancel()
			return []core.Effect{&core.Check{ID: event.ID | 1, Schema: []byte(doubled(60, `{"anyOf":[%s,%s]}`, `false`)), Text: "1"}}, nil
		case *core.Cancel:
			ended = true
			return []core.Effect{&core.Abort{ID: event.ID | 1}, &core.Result{ID: event.ID, Kind: provider.Canceled}}, nil
		case *core.Checked:
			if !ended || event.ID != event.ID.Call()|1 || event.AtMS == 0 {
				t.Errorf("a verdict %+v, ended %t", event, ended)
			}
			late <- event
		}
		return nil, nil
	}))})
	defer host.Close()
	wantKind(t, launch(ctx, host, "tool", nil), provider.Canceled)
	if verdict := <-late; verdict.Verdict != core.Unknown {
		t.Errorf("the verdict is %s", told(verdict))
	}
}
