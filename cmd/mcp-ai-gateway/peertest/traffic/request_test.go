package traffic

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// offered are the parameters of OpenAI's form that the tool offers.
var offered = []string{
	"model", "messages", "temperature", "max_tokens", "stream", "top_p", "frequency_penalty", "presence_penalty", "stop",
	"response_format",
}

// tally counts requests, for one group.
type tally struct{ compared, equal, left int }

// TestRequests gives the machine every recorded request that says nothing
// beyond what the tool offers, and holds what it sends against what was sent.
func TestRequests(t *testing.T) {
	where := folders(t)
	for _, title := range []string{"own", "recorded"} {
		t.Run(title, func(t *testing.T) {
			folder := where[title]
			if folder == "" {
				t.Skip(nothingBeside)
			}
			tallies, missing, changed := map[string]*tally{}, map[string]int{}, map[string]int{}
			for _, r := range load(t, folder) {
				if r.asked == nil || r.form == responsesForm || r.form == geminiForm {
					continue
				}
				c := tallies[r.group]
				if c == nil {
					c = &tally{}
					tallies[r.group] = c
				}
				arguments, foreign := argumentsFor(r)
				if len(foreign) > 0 {
					c.left++
					for _, name := range foreign {
						missing[name]++
					}
					continue
				}
				c.compared++
				t.Run(r.title(), func(t *testing.T) {
					if compareRequest(t, r, arguments, changed) {
						c.equal++
					}
				})
			}
			t.Log(requestTable(tallies, missing, changed))
			if !slices.ContainsFunc(slices.Collect(maps.Values(tallies)), func(c *tally) bool { return c.compared > 0 }) {
				t.Error("no request was compared")
			}
		})
	}
}

// argumentsFor reads a recorded request as arguments of the tool, and names
// what the tool does not offer.
func argumentsFor(r *recording) (arguments map[string]any, foreign []string) {
	arguments = maps.Clone(r.asked)
	delete(arguments, "stream_options")
	if r.form == anthropicForm {
		translate(arguments)
	}
	for name := range arguments {
		if !slices.Contains(offered, name) {
			foreign = append(foreign, name)
		}
	}
	for _, message := range (node{arguments["messages"]}).list() {
		foreign = append(foreign, foreignIn(message)...)
	}
	slices.Sort(foreign)
	return arguments, slices.Compact(foreign)
}

// translate writes the parameters of Anthropic's form in OpenAI's names.
func translate(arguments map[string]any) {
	if system, ok := arguments["system"]; ok {
		messages, _ := arguments["messages"].([]any)
		arguments["messages"] = append([]any{map[string]any{"role": "system", "content": system}}, messages...)
		delete(arguments, "system")
	}
	if stops, ok := arguments["stop_sequences"]; ok {
		arguments["stop"] = stops
		delete(arguments, "stop_sequences")
	}
	output := node{arguments["output_config"]}
	if schema := output.at("format", "schema"); schema.isObject() && len(output.value.(map[string]any)) == 1 {
		arguments["response_format"] = map[string]any{
			"type": "json_schema", "json_schema": map[string]any{"name": "answer", "schema": schema.value},
		}
		delete(arguments, "output_config")
	}
}

// foreignIn names what a message holds beside a role, a name and text.
func foreignIn(message node) (foreign []string) {
	members, _ := message.value.(map[string]any)
	for name := range members {
		if !slices.Contains([]string{"role", "content", "name"}, name) {
			foreign = append(foreign, "messages[]."+name)
		}
	}
	if role := message.at("role").text(); role == "tool" || role == "function" {
		foreign = append(foreign, "messages[].role "+role)
	}
	content := message.at("content")
	if content.value == nil || content.list() == nil && content.text() == "" && content.value != "" {
		foreign = append(foreign, "messages[].content of nothing")
	}
	for _, part := range content.list() {
		if kind := part.at("type").text(); kind != "text" {
			foreign = append(foreign, "messages[].content["+kind+"]")
			continue
		}
		for name := range part.value.(map[string]any) {
			if name != "type" && name != "text" {
				foreign = append(foreign, "messages[].content[]."+name)
			}
		}
	}
	return foreign
}

// compareRequest reports whether the machine sends what was recorded, up to
// what it declares as adjusted, which it counts.
func compareRequest(t *testing.T, r *recording, arguments map[string]any, changed map[string]int) (equal bool) {
	raw, err := json.Marshal(arguments)
	if err != nil {
		t.Fatal(err)
	}
	fetch, adjusted := askedOf(t, r, raw)
	if fetch.URL != r.url {
		t.Errorf("it asks %s, recorded was %s", fetch.URL, r.url)
	}
	sent, ok := parse(string(fetch.Body))
	body, isObject := sent.value.(map[string]any)
	if !ok || !isObject {
		t.Fatalf("the request is no JSON object: %s", fetch.Body)
	}
	want, got := canonical(r.asked, r.form), canonical(body, r.form)
	for _, a := range adjusted {
		changed[a.Parameter+" "+a.Action+": "+a.Reason]++
		name, _, _ := strings.Cut(strings.TrimSuffix(a.Parameter, "[]"), "[")
		name, _, _ = strings.Cut(name, ".")
		switch {
		case a.Action == "renamed" && name == "max_tokens":
			want["max_completion_tokens"] = want["max_tokens"]
			delete(want, "max_tokens")
		case a.Action == "dropped" && name == a.Parameter:
			delete(want, name)
		case name == "response_format" && r.form == anthropicForm:
			delete(want, "output_config")
			delete(got, "output_config")
		default:
			delete(want, name)
			delete(got, name)
		}
	}
	if !reflect.DeepEqual(want, got) {
		t.Errorf("sent is not what was recorded, beyond %+v\nrecorded: %.2000s\nsent:     %.2000s", adjusted, visible(want), visible(got))
	}
	return !t.Failed()
}

// askedOf gives the call to a machine and returns the request it makes of it,
// and what it says that it changed.
func askedOf(t *testing.T, r *recording, arguments []byte) (*core.Fetch, []provider.Adjustment) {
	t.Helper()
	to := row(r.form)
	if strings.HasPrefix(r.url, "https://api.openai.com/") {
		to.Traits = provider.Rows[0].Traits
	}
	path := map[form]string{openAIForm: "/chat/completions", anthropicForm: "/messages"}[r.form]
	to.Endpoint = strings.Replace(r.url, path, "", 1)
	id, engine := core.CallID(1), core.New()
	defer engine.Close()
	var effects []core.Effect
	for _, event := range []core.Event{
		&core.Configure{AtMS: epoch, Config: core.Config{Target: "any", Output: core.OutputStructured, Providers: []provider.Row{to}}},
		&core.Call{ID: id, AtMS: epoch, Tool: "chat_completion", Arguments: arguments},
		&core.Head{ID: id | 1, AtMS: epoch, Status: 200},
		&core.Chunk{ID: id | 1, AtMS: epoch, Body: []byte(`{"choices":[{"message":{"content":"-"},"finish_reason":"stop"}],"content":[],"stop_reason":"end_turn"}`)},
		&core.End{ID: id | 1, AtMS: epoch},
	} {
		more, err := engine.Step(event)
		if err != nil {
			t.Fatal(err)
		}
		effects = append(effects, more...)
	}
	if len(effects) != 2 {
		t.Fatalf("the call is refused: %s", shown(effects[0]))
	}
	var result struct {
		StructuredContent struct {
			Gateway struct {
				Adjusted []provider.Adjustment `json:"adjusted"`
			} `json:"gateway"`
		} `json:"structuredContent"`
	}
	if err := json.Unmarshal(effects[1].(*core.Result).Body, &result); err != nil {
		t.Fatal(err)
	}
	return effects[0].(*core.Fetch), result.StructuredContent.Gateway.Adjusted
}

// canonical is a request in one of the ways to say it: contents are lists of
// parts, stops are a list, what is said by default is left out, and in
// Anthropic's form neighbours of one role are one turn, as the API takes them.
func canonical(body map[string]any, form form) map[string]any {
	plain, _ := node{body}.plain().(map[string]any)
	delete(plain, "stream_options")
	if plain["stream"] == false {
		delete(plain, "stream")
	}
	if stop, ok := plain["stop"].(string); ok {
		plain["stop"] = []any{stop}
	}
	if text, ok := plain["system"].(string); ok {
		plain["system"] = parts(text)
	}
	var turns []any
	list, _ := plain["messages"].([]any)
	for _, element := range list {
		message, _ := element.(map[string]any)
		if text, ok := message["content"].(string); ok {
			message["content"] = parts(text)
		}
		if last := len(turns) - 1; form == anthropicForm && last >= 0 && turns[last].(map[string]any)["role"] == message["role"] {
			before := turns[last].(map[string]any)
			before["content"] = append(before["content"].([]any), message["content"].([]any)...)
			continue
		}
		turns = append(turns, message)
	}
	plain["messages"] = turns
	return plain
}

func parts(text string) []any { return []any{map[string]any{"type": "text", "text": text}} }

// requestTable shows the tallies, what was adjusted, and what keeps requests
// from being compared.
func requestTable(tallies map[string]*tally, missing, changed map[string]int) string {
	var out strings.Builder
	sum := &tally{}
	fmt.Fprintf(&out, "\n%-44s %12s %8s\n", "group", "equal", "left")
	line := func(name string, c *tally) {
		fmt.Fprintf(&out, "%-44s %12s %8d\n", name, fmt.Sprintf("%d of %d", c.equal, c.compared), c.left)
	}
	for _, group := range slices.Sorted(maps.Keys(tallies)) {
		c := tallies[group]
		line(group, c)
		sum.compared, sum.equal, sum.left = sum.compared+c.compared, sum.equal+c.equal, sum.left+c.left
	}
	line("all", sum)
	list := func(title string, counts map[string]int) {
		fmt.Fprintf(&out, "%s, and in how many requests:\n", title)
		for _, name := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
			return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
		}) {
			fmt.Fprintf(&out, "%6d %s\n", counts[name], name)
		}
	}
	list("adjusted", changed)
	list("left for what the tool does not offer yet", missing)
	return out.String()
}
