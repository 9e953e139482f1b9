package peertest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// claude is a model that takes a temperature.
const claude = "claude-3-5-haiku-20241022"

// anthropicServer is a server of Anthropic's form, and the environment for it.
func anthropicServer(t *testing.T) (*recorder, map[string]string) {
	t.Helper()
	server := answering(t, 200, "application/json", `{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"Hi."}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`)
	return server, map[string]string{"API_FORMAT": "anthropic", "API_ENDPOINT": server.url, "API_KEY": key}
}

func TestD6AnthropicEndpoint(t *testing.T) {
	for _, end := range []string{"", "/", "/v1", "/v1/messages", "/v1/messages/"} {
		server, env := anthropicServer(t)
		env["API_ENDPOINT"] += end
		if got := answered(t, session(t, env, hello("1", claude, "")), "1").text; got != "Hi." {
			t.Errorf("%q: the answer is %q", end, got)
		}
		got := server.only(t)
		if got.uri != "/v1/messages" {
			t.Errorf("%q: the path is %s", end, got.uri)
		}
		if got.header.Get("X-Api-Key") != key || got.header.Get("Anthropic-Version") != "2023-06-01" || got.header.Get("Authorization") != "" {
			t.Errorf("%q: the header is %v", end, got.header)
		}
	}
}

func TestD13SystemMessages(t *testing.T) {
	server, env := anthropicServer(t)
	answered(t, session(t, env, chat("1", `{"model":"`+claude+`","messages":[`+
		`{"role":"system","content":"The first rule"},{"role":"system","content":"The second rule"},`+
		`{"role":"user","content":"Hello"},{"role":"assistant","content":"Yes?"},`+
		`{"role":"system","content":"The third rule"},{"role":"user","content":"Go on"}]}`)), "1")
	body := server.only(t).body
	var read struct{ System []struct{ Text string } }
	if err := json.Unmarshal([]byte(body), &read); err != nil {
		t.Fatal(err)
	}
	if len(read.System) != 2 || read.System[0].Text != "The first rule" || read.System[1].Text != "The second rule" {
		t.Errorf("the system prompt is %+v", read.System)
	}
	if strings.Count(body, "The third rule") != 1 {
		t.Errorf("a later system message is lost: %s", body)
	}
}

func TestD14Dropped(t *testing.T) {
	server, env := anthropicServer(t)
	o := answered(t, session(t, env, hello("1", claude, `"frequency_penalty":1,"presence_penalty":-1,"response_format":{"type":"json_object"}`)), "1")
	if body := server.only(t).body; strings.Contains(body, "penalty") || !strings.Contains(body, "JSON") {
		t.Errorf("the request is %s", body)
	}
	for _, want := range []string{"frequency_penalty dropped", "presence_penalty dropped", "response_format renamed"} {
		if !slices.Contains(o.adjusted, want) {
			t.Errorf("%s is not among %v", want, o.adjusted)
		}
	}
	if !strings.Contains(o.note, "frequency_penalty dropped") {
		t.Errorf("the person is not told: %q", o.note)
	}
}

func TestD15Limits(t *testing.T) {
	server, env := anthropicServer(t)
	o := answered(t, session(t, env, hello("1", claude, `"temperature":1.8`)), "1")
	var sent struct {
		Temperature *float64
		MaxTokens   int `json:"max_tokens"`
	}
	if err := json.Unmarshal([]byte(server.only(t).body), &sent); err != nil {
		t.Fatal(err)
	}
	if sent.Temperature == nil || *sent.Temperature != 1 || !slices.Equal(o.adjusted, []string{"temperature clamped"}) {
		t.Errorf("the request is %s, adjusted is %v", server.only(t).body, o.adjusted)
	}
	if sent.MaxTokens <= 1024 {
		t.Errorf("without max_tokens %d are asked for", sent.MaxTokens)
	}
}

// TestD20EmptyStop: what says nothing is sent to nobody, what says something
// to both.
func TestD20EmptyStop(t *testing.T) {
	anthropic, anthropicEnv := anthropicServer(t)
	openAI := answering(t, 200, "application/json", completion)
	for _, one := range []struct {
		server *recorder
		env    map[string]string
	}{{anthropic, anthropicEnv}, {openAI, map[string]string{"API_ENDPOINT": openAI.url}}} {
		messages := session(t, one.env, hello("1", claude, `"stop":""`), hello("2", claude, `"stop":[]`))
		for _, id := range []string{"1", "2"} {
			if o := answered(t, messages, id); len(o.adjusted) > 0 {
				t.Errorf("nothing was adjusted but %v", o.adjusted)
			}
		}
		answered(t, session(t, one.env, hello("3", claude, `"stop":"END"`)), "3")
		requests := one.server.all()
		if len(requests) != 3 {
			t.Fatalf("%d requests for 3 calls", len(requests))
		}
		for _, request := range requests[:2] {
			if strings.Contains(request.body, `"stop`) {
				t.Errorf("an empty stop is sent: %s", request.body)
			}
		}
		if !strings.Contains(requests[2].body, `["END"]`) {
			t.Errorf("a stop is not sent: %s", requests[2].body)
		}
	}
}
