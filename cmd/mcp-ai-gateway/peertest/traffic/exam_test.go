package traffic

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/coretest"
	scan "github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

var updateRecorded = flag.Bool("recorded", false, "rewrite the list of the recordings behind the exam's cells")

// examined is who is asked in a group of recordings. Groups that are not here
// are of servers that have no row: those of OpenAI's chat form are any other
// server's.
var examined = map[string]string{
	"openai_chat": "openai", "openai_responses": "openai-responses", "azure_chat": "azure (v1)", "azure_responses": "azure (v1)",
	"anthropic": "anthropic", "gemini": "gemini", "vertex_gemini": "gemini (Vertex)", "openrouter": "openrouter", "groq": "groq", "mistral": "mistral",
	"deepseek": "deepseek", "xai": "xai", "together": "together", "fireworks": "fireworks", "cerebras": "cerebras", "perplexity": "perplexity",
	"moonshot": "moonshot", "zai": "zai", "alibaba": "alibaba", "huggingface": "huggingface", "cohere": "cohere", "github": "github", "ollama": "ollama",
	"vllm": "vllm", "lmstudio": "lmstudio", "llamacpp": "llamacpp",
}

// examineeOf finds whom a recording of a wire form is of, if anybody.
func examineeOf(r *recording, wire string, all []coretest.Examinee) (coretest.Examinee, bool) {
	name := examined[r.group]
	switch {
	case strings.HasPrefix(r.group, "azure_") && strings.Contains(r.url, "/deployments/"):
		name = "azure (classic)"
	case name == "":
		name = "another server"
	}
	i := slices.IndexFunc(all, func(e coretest.Examinee) bool { return e.Name == name })
	if i < 0 || all[i].Row.Form != wire && !strings.HasPrefix(name, "azure") {
		return coretest.Examinee{}, false
	}
	return all[i], true
}

// exchange is a recording and what the gateway makes of its reply.
type exchange struct {
	*recording
	lines  []string // the request's, as coretest reads it
	kind   provider.Kind
	result scan.Value
}

// examine gives a recorded reply to a call of the examinee's.
func examine(r *recording, who coretest.Examinee, wire string, machine core.Machine, id core.ID) (*exchange, error) {
	x := &exchange{recording: r}
	if r.asked != nil {
		body, err := json.Marshal(r.asked)
		if err != nil {
			return nil, err
		}
		x.lines = coretest.ReadRequest(wire, body)
	}
	arguments := `{"model":"any","messages":[{"role":"user","content":"Hello"}]`
	if wire != who.Row.Form { // Azure's models that are on the other API only
		arguments = strings.Replace(arguments, "any", "gpt-5-pro", 1)
	}
	if r.isStream() {
		arguments += `,"stream":true`
	}
	events := []core.Event{
		&core.Configure{AtMS: epoch, Config: core.Config{Target: "any", Output: core.OutputStructured, Providers: []provider.Row{who.Row}}},
		&core.Call{ID: id, AtMS: epoch, Tool: "chat_completion", TimeoutMS: 1, Arguments: []byte(arguments + "}")},
		&core.Head{ID: id | 1, AtMS: epoch, Status: r.status, Header: r.header},
		&core.Chunk{ID: id | 1, AtMS: epoch, Body: bytes.Clone(r.body)},
		&core.End{ID: id | 1, AtMS: epoch},
	}
	for _, event := range events {
		effects, err := machine.Step(event)
		if err != nil {
			return nil, fmt.Errorf("%T: %w", event, err)
		}
		for _, effect := range effects {
			switch effect := effect.(type) {
			case *core.Fetch:
				if coretest.FormOf(effect.URL) != wire {
					return nil, fmt.Errorf("a request to %s", effect.URL)
				}
			case *core.Result:
				x.kind, x.result = effect.Kind, scan.Parse(effect.Body)
			}
		}
	}
	if !x.result.Exists() {
		return nil, errors.New("no result")
	}
	return x, nil
}

// says reports how many lines of the request begin so.
func (x *exchange) says(beginnings ...string) (count int) {
	for _, line := range x.lines {
		if slices.ContainsFunc(beginnings, func(beginning string) bool { return strings.HasPrefix(line, beginning) }) {
			count++
		}
	}
	return count
}

// answered reports an answer that says, calls or thinks something.
func (x *exchange) answered() bool {
	message := x.result.Get("structuredContent.choices.0.message")
	return x.kind == "" && (message.Get("content").String() != "" || message.Get("reasoning_content").String() != "" || x.calls() > 0)
}

func (x *exchange) calls() int {
	return len(x.result.Get("structuredContent.choices.0.message.tool_calls").Array())
}

// told is the first block: of a failure, what is wrong.
func (x *exchange) told() string { return x.result.Get("content.0.text").String() }

const cutShort = "the stream ended before the answer was finished"

// shows are what a recording has to be to stand behind a cell of a column: by
// what was asked, and by what the gateway read.
var shows = map[string]func(x *exchange) bool{
	"plain": func(x *exchange) bool {
		return x.answered() && !x.isStream() && x.calls() == 0 && len(x.lines) == 1 && x.says("user text ") == 1
	},
	"several system": func(x *exchange) bool { return x.answered() && x.says("system text ", "developer text ") > 1 },
	"multi-turn": func(x *exchange) bool {
		i := slices.IndexFunc(x.lines, func(line string) bool { return strings.HasPrefix(line, "assistant text ") })
		return x.answered() && i > 0 && slices.ContainsFunc(x.lines[i:], func(line string) bool { return strings.HasPrefix(line, "user ") })
	},
	"tool call":      func(x *exchange) bool { return x.answered() && x.calls() == 1 },
	"parallel calls": func(x *exchange) bool { return x.answered() && x.calls() > 1 },
	"tool result":    func(x *exchange) bool { return x.answered() && x.says("result ") > 0 },
	"image":          func(x *exchange) bool { return x.answered() && x.says("user image ") > 0 },
	"file":           func(x *exchange) bool { return x.answered() && x.says("user file ") > 0 },
	"stream":         func(x *exchange) bool { return x.answered() && x.isStream() },
	"truncated stream": func(x *exchange) bool {
		return x.isStream() && x.kind == provider.BadReply && strings.Contains(x.told(), cutShort)
	},
	"reasoning round trip": func(x *exchange) bool { return x.answered() && x.says("assistant thought ") > 0 },
	"schema":               func(x *exchange) bool { return x.answered() && x.says("schema ") > 0 },
	"401":                  func(x *exchange) bool { return x.kind == provider.Authentication && x.status >= 400 },
	"429 with delay": func(x *exchange) bool {
		return x.kind == provider.RateLimit && x.status == 429 && x.result.Get("_meta.mcp-ai-gateway/error.retry_after_s").Int() > 0
	},
	"500": func(x *exchange) bool { return x.kind == provider.Overloaded && x.status >= 500 },
	"HTML for JSON": func(x *exchange) bool {
		return x.kind != "" && bytes.HasPrefix(bytes.TrimSpace(x.body), []byte("<"))
	},
	"error within a stream": func(x *exchange) bool {
		return x.isStream() && x.status == 200 && x.kind != "" && !strings.Contains(x.told(), cutShort)
	},
}

// TestExamRecorded holds the list of the recordings that stand behind cells of
// the exam (core.TestExam) against the recordings: each has to be there, and to
// show what its cell asks. Where there is no folder of recordings it says which
// are missing.
func TestExamRecorded(t *testing.T) {
	list := filepath.Join(root, "core", "testdata", "exam", "recorded.txt")
	listed := coretest.ReadRecorded(t, list)
	for _, column := range coretest.Columns {
		if shows[column.Name] == nil {
			t.Errorf("no recording can show %s", column.Name)
		}
	}
	folder := folders(t)["recorded"]
	if folder == "" {
		for cell, name := range listed {
			t.Logf("%s, %s: %s is missing", cell.Examinee, cell.Column, name)
		}
		t.Skip(nothingBeside)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings in %s: %v", folder, err)
	}
	slices.Sort(files)
	_, elsewhere := os.LookupEnv("TRAFFIC") // other recordings than those that are listed
	machine, all := core.New(), coretest.Examinees()
	found := map[coretest.Cell][]string{}
	for i, file := range files {
		r, err := read(file)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		wire := coretest.FormOf(r.url)
		who, ok := examineeOf(r, wire, all)
		if !ok {
			continue
		}
		x, err := examine(r, who, wire, machine, core.CallID(uint32(i+1)))
		if err != nil {
			t.Errorf("%s: %v", r.title(), err)
			continue
		}
		for _, column := range coretest.Columns {
			if shows[column.Name](x) {
				cell := coretest.Cell{Examinee: who.Name, Column: column.Name}
				found[cell] = append(found[cell], r.title())
			}
		}
	}
	var lines strings.Builder
	lines.WriteString("# Recorded exchanges behind cells of the exam: examinee | column | recording.\n# The traffic test finds them and checks each; its -recorded flag writes this file.\n")
	for _, who := range all {
		for _, column := range coretest.Columns {
			cell := coretest.Cell{Examinee: who.Name, Column: column.Name}
			switch name, among := listed[cell], found[cell]; {
			case name != "" && !slices.ContainsFunc(files, func(file string) bool { return strings.HasSuffix(filepath.ToSlash(file), "/"+name+".json") }) && elsewhere:
				t.Logf("%s, %s: %s is missing", who.Name, column.Name, name)
			case name != "" && !slices.Contains(among, name):
				t.Errorf("%s, %s: %s is not there, or does not show it", who.Name, column.Name, name)
			case name == "" && len(among) > 0:
				t.Logf("%s, %s: not listed, and recorded %d times", who.Name, column.Name, len(among))
			}
			if among := found[cell]; len(among) > 0 {
				fmt.Fprintf(&lines, "%s | %s | %s\n", who.Name, column.Name, among[0])
			}
		}
	}
	t.Logf("%d of %d cells are recorded", len(found), len(all)*len(coretest.Columns))
	if *updateRecorded {
		if err := os.WriteFile(list, []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
