package traffic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// question is a recorded request as a call of the tool.
type question struct {
	recording *recording
	row       provider.Row
	arguments map[string]any
	extra     map[string]any // extra_body: what the arguments have no name for
	left      []string       // what neither can say
}

// wire is what the test knows of a form: nothing of it is the gateway's.
type wire struct {
	// canonical writes a request in one of the ways to say it.
	canonical func(body map[string]any) map[string]any
	// read puts a canonical body, which it may take apart, into a question.
	read func(q *question, body map[string]any)
	// again has the official SDK's types of the form read a request, and write it.
	again func(body []byte) ([]byte, error)
	// covers are the places on the wire of a parameter that an adjustment names.
	covers map[string][]string
}

var wires = map[form]wire{
	openAIForm:    {canonicalOpenAI, readOpenAIRequest, againOpenAI, coversOpenAI},
	anthropicForm: {canonicalAnthropic, readAnthropicRequest, againAnthropic, coversAnthropic},
	responsesForm: {canonicalResponses, readResponsesRequest, againResponses, coversResponses},
	geminiForm:    {canonicalGemini, readGeminiRequest, againGemini, coversGemini},
}

// argumentNames are the arguments that are named as OpenAI's chat form names
// its fields, and mean the same.
var argumentNames = []string{
	"model", "messages", "temperature", "max_tokens", "stream", "top_p", "frequency_penalty", "presence_penalty", "stop",
	"response_format", "tools", "tool_choice", "parallel_tool_calls", "reasoning_effort", "seed", "n", "logprobs", "top_logprobs",
	"max_completion_tokens", "top_k", "logit_bias", "verbosity", "user", "metadata", "store", "service_tier",
	"prompt_cache_key", "prompt_cache_options", "cache_control", "modalities", "audio", "prediction",
	"web_search_options", "moderation", "functions", "function_call",
}

// set gives an argument, or the field of the wire of another name where the
// tool has no such argument.
func (q *question) set(name string, value any, field string) {
	if slices.Contains(argumentNames, name) {
		q.arguments[name] = value
		return
	}
	q.beside(value, strings.Split(field, ".")...)
}

// beside puts a field of the wire into extra_body.
func (q *question) beside(value any, path ...string) {
	at := q.extra
	for _, name := range path[:len(path)-1] {
		inner, _ := at[name].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
			at[name] = inner
		}
		at = inner
	}
	at[path[len(path)-1]] = value
}

// tools gives the functions as the argument, the provider's own by extra_body.
func (q *question) tools(functions, own []any) {
	if len(functions) > 0 {
		q.arguments["tools"] = functions
	}
	if len(own) > 0 {
		q.extra["tools"] = own
	}
}

// leave notes a field that cannot be asked for.
func (q *question) leave(field string) { q.left = append(q.left, field) }

// rest leaves what is left of an object that was taken apart.
func (q *question) rest(object map[string]any, path string) {
	for name := range object {
		q.leave(path + name)
	}
}

// move takes fields of the wire as arguments: pairs of both names.
func (q *question) move(body map[string]any, names ...string) {
	for i := 0; i < len(names); i += 2 {
		if value, ok := take(body, names[i]); ok {
			q.set(names[i+1], value, names[i])
		}
	}
}

// leftover is what was left, each once.
func (q *question) leftover() []string {
	slices.Sort(q.left)
	return slices.Compact(q.left)
}

// take removes a member.
func take(object map[string]any, name string) (any, bool) {
	value, ok := object[name]
	delete(object, name)
	return value, ok
}

func takeText(object map[string]any, name string) string {
	value, _ := take(object, name)
	text, _ := value.(string)
	return text
}

// appendTurn adds a turn to others, or what it says, a list of that name, to the
// latest one where both are of one role.
func appendTurn(turns []any, turn map[string]any, says string) []any {
	if len(turns) > 0 {
		if last := turns[len(turns)-1].(map[string]any); last["role"] == turn["role"] {
			last[says] = append(last[says].([]any), turn[says].([]any)...)
			return turns
		}
	}
	return append(turns, turn)
}

// objects are the elements of a list that are objects.
func objects(list any) (found []map[string]any) {
	elements, _ := list.([]any)
	for _, element := range elements {
		if object, ok := element.(map[string]any); ok {
			found = append(found, object)
		}
	}
	return found
}

func cloned(value map[string]any) map[string]any {
	clone, _ := node{value}.plain().(map[string]any)
	return clone
}

// fieldsOf names the members of an object, one level deep in objects.
func fieldsOf(object map[string]any) (fields []string) {
	for name, value := range object {
		inner, _ := value.(map[string]any)
		if len(inner) == 0 {
			fields = append(fields, name)
			continue
		}
		for member := range inner {
			fields = append(fields, name+"."+member)
		}
	}
	return fields
}

// bases stand for the addresses that recordings hide.
var bases = strings.NewReplacer(
	"<OLLAMA_API_BASE>", "http://localhost:11434/v1", "<GPUSTACK_API_BASE>", "https://gpustack.example/v1",
	"<GOOGLE_CLOUD_PROJECT>", "project", "<GOOGLE_CLOUD_LOCATION>", "location",
)

// rowOf is the provider that the program would make of a recorded address.
func rowOf(t *testing.T, r *recording) provider.Row {
	t.Helper()
	address := bases.Replace(r.url)
	endpoint, ok := provider.Endpoint(string(r.form), address)
	u, err := url.Parse(endpoint)
	if !ok || err != nil {
		t.Fatalf("%s is no endpoint", address)
	}
	row := provider.Row{Name: u.Host, Form: string(r.form), Endpoint: provider.AzureVersion(endpoint, "")}
	if known, official := provider.RowAt(row.Form, u.Host); official {
		row.TakeAfter(known)
		if model, _ := r.asked["model"].(string); !strings.HasPrefix(model, known.Name+"/") { // else it says whom to ask
			row.Name = known.Name
		}
	}
	return row
}

// sent is what the gateway sends for a call.
type sent struct {
	url      string
	raw      []byte
	body     map[string]any
	adjusted []provider.Adjustment
}

// ask gives the call to a machine, once to see the request and once to run it
// dry, which tells what was adjusted. A refusal is the gateway's sentence.
func ask(t *testing.T, q *question) (got *sent, refusal string) {
	t.Helper()
	engine := core.New()
	defer engine.Close()
	if _, err := engine.Step(&core.Configure{AtMS: epoch, Config: core.Config{
		Target: "any", Output: core.OutputStructured, Providers: []provider.Row{q.row},
	}}); err != nil {
		t.Fatal(err)
	}
	call := func(id uint32, dry bool) core.Effect {
		arguments := maps.Clone(q.arguments)
		if len(q.extra) > 0 {
			arguments["extra_body"] = q.extra
		}
		if dry {
			arguments["dry_run"] = true
		}
		raw, err := json.Marshal(arguments)
		if err != nil {
			t.Fatal(err)
		}
		effects, err := engine.Step(&core.Call{ID: core.CallID(id), AtMS: epoch, Tool: "chat_completion", Arguments: raw})
		if err != nil {
			t.Fatal(err)
		}
		if len(effects) != 1 {
			t.Fatalf("%d effects of a call", len(effects))
		}
		return effects[0]
	}
	fetch, ok := call(1, false).(*core.Fetch)
	var result struct {
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
	}
	shown, _ := call(2, true).(*core.Result)
	if shown == nil {
		t.Fatal("a dry run without a result")
	}
	if err := json.Unmarshal(shown.Body, &result); err != nil || len(result.Content) == 0 {
		t.Fatalf("a dry run without a text: %s", shown.Body)
	}
	if !ok {
		return nil, result.Content[0].Text
	}
	var dry struct {
		URL      string                `json:"url"`
		Body     json.RawMessage       `json:"body"`
		Adjusted []provider.Adjustment `json:"adjusted"`
	}
	if err := json.Unmarshal([]byte(result.Content[0].Text), &dry); err != nil {
		t.Fatalf("a dry run shows %s", result.Content[0].Text)
	}
	var seen, sends bytes.Buffer
	if err := errors.Join(json.Compact(&seen, dry.Body), json.Compact(&sends, fetch.Body)); err != nil {
		t.Fatal(err)
	}
	if dry.URL != fetch.URL || seen.String() != sends.String() {
		t.Errorf("a dry run shows another request: %s %s, not %s %s", dry.URL, &seen, fetch.URL, &sends)
	}
	got = &sent{url: fetch.URL, raw: fetch.Body, adjusted: dry.Adjusted}
	value, _ := parse(string(fetch.Body))
	if got.body, ok = withoutNulls(value.value).(map[string]any); !ok {
		t.Fatalf("the request is no JSON object: %s", fetch.Body)
	}
	return got, ""
}

// place is an address without what is not of it: keys and other words of a
// query than the version.
func place(address string) string {
	u, err := url.Parse(bases.Replace(address))
	if err != nil {
		return address
	}
	return fmt.Sprint(u.Scheme, "://", u.Host, u.Path, " ", u.Query().Get("api-version"))
}
