package traffic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

const root = "../../../.." // of the repository

// recording is one exchange.
type recording struct {
	group, name string // folder and file
	form        form
	url         string
	asked       map[string]any // the request's body without what is null; or nil
	streamed    bool           // the request says so, or the reply where there is no request that could
	status      int
	header      []provider.Field
	body        []byte
}

// form is a wire form, by its name in a [provider.Row].
type form string

const (
	openAIForm    form = "openai-chat"
	responsesForm form = "openai-responses"
	anthropicForm form = "anthropic"
	geminiForm    form = "gemini"
)

// formOf tells the form by the path of a URL. A response that is fetched again
// by its id has the form of one that was just made.
func formOf(address string) form {
	address = pathOf(address)
	switch {
	case strings.HasSuffix(address, "/chat/completions"):
		return openAIForm
	case strings.HasSuffix(address, "/responses"), path.Base(path.Dir(address)) == "responses":
		return responsesForm
	case strings.HasSuffix(address, "/v1/messages"):
		return anthropicForm
	case strings.HasSuffix(address, ":generateContent"), strings.HasSuffix(address, ":streamGenerateContent"):
		return geminiForm
	}
	return ""
}

func pathOf(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Path
	}
	return address
}

// unspoken are the groups that are of no wire form of the gateway, and why.
var unspoken = map[string]string{
	"anthropic_count_tokens": "it asks for a count, and gets no answer of a model",
	"anthropic_models":       "a list of models",
	"cohere":                 "Cohere's own API, v2; its row speaks its OpenAI-compatible one",
	"gemini_count_tokens":    "it asks for a count, and gets no answer of a model",
	"groq_models":            "a list of models",
	"mistral_models":         "a list of models",
	"ollama_native":          "Ollama's own API; its row speaks its OpenAI-compatible one",
	"openai_models":          "a list of models",
}

// title names a recording in tables of exceptions and in messages.
func (r *recording) title() string { return r.group + "/" + r.name }

func (r *recording) get(name string) string {
	for _, field := range r.header {
		if field.Name == name {
			return field.Value
		}
	}
	return ""
}

// isStream reports whether the reply is a stream of events.
func (r *recording) isStream() bool {
	begins := func(field string) bool { return bytes.HasPrefix(r.body, []byte(field)) }
	return strings.HasPrefix(r.get("content-type"), "text/event-stream") || slices.ContainsFunc([]string{"data:", "event:", ":"}, begins)
}

// asStream reports whether an SDK is to read the reply as a stream: its user
// asked for one, and the server did not send a document in its place.
func (r *recording) asStream() bool { return r.isStream() || r.streamed && r.status >= 300 }

// nothingBeside is why a test of the recordings beside the repository is skipped.
const nothingBeside = "there is no folder ../shared/traffic beside the repository, and TRAFFIC names no other"

// folders are where recordings lie: those of the repository, and those beside
// it.
func folders(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{"own": filepath.Join(root, "core", "testdata", "recordings")}
	beside, named := os.LookupEnv("TRAFFIC")
	if !named {
		beside = filepath.Join(root, "..", "shared", "traffic")
	}
	if info, err := os.Stat(beside); err == nil && info.IsDir() {
		found["recorded"] = beside
	} else if named {
		t.Fatalf("TRAFFIC names %s, which is no folder", beside)
	}
	return found
}

// onFolders runs a test for the recordings of the repository, and for those
// beside it.
func onFolders(t *testing.T, test func(t *testing.T, title, folder string)) {
	t.Helper()
	where := folders(t)
	for _, title := range []string{"own", "recorded"} {
		t.Run(title, func(t *testing.T) {
			if where[title] == "" {
				t.Skip(nothingBeside)
			}
			test(t, title, where[title])
		})
	}
}

// load reads the recordings below a folder whose form the gateway speaks, in
// the order of their names.
func load(t *testing.T, folder string) []*recording {
	t.Helper()
	return slices.DeleteFunc(loadAll(t, folder), func(r *recording) bool { return r.form == "" })
}

// loadAll reads those of other forms as well, which have to be of the groups of
// which that is known. None that is of a form is an error: a test over nothing
// would pass.
func loadAll(t *testing.T, folder string) []*recording {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	var recordings []*recording
	for _, file := range files {
		r, err := read(file)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if _, known := unspoken[r.group]; r.form == "" && !known {
			t.Errorf("%s: of no form that the gateway speaks, and its group is not among those of which that is known: %s", r.title(), r.url)
		}
		recordings = append(recordings, r)
	}
	if !slices.ContainsFunc(recordings, func(r *recording) bool { return r.form != "" }) {
		t.Fatalf("no recordings in %s", folder)
	}
	return recordings
}

func read(file string) (*recording, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var exchange struct {
		Request struct {
			URL  string          `json:"url"`
			Body json.RawMessage `json:"body"`
		} `json:"request"`
		Response struct {
			Status  int               `json:"status"`
			Headers map[string]string `json:"headers"`
			Body    json.RawMessage   `json:"body"`
		} `json:"response"`
	}
	if err := json.Unmarshal(data, &exchange); err != nil {
		return nil, err
	}
	r := &recording{
		group: filepath.Base(filepath.Dir(file)), name: strings.TrimSuffix(filepath.Base(file), ".json"),
		url: exchange.Request.URL, form: formOf(exchange.Request.URL), status: exchange.Response.Status,
	}
	for name, value := range exchange.Response.Headers {
		name = strings.ToLower(name)
		if slices.Contains(provider.ReplyHeaders, name) { // what a host passes on
			r.header = append(r.header, provider.Field{Name: name, Value: value})
		}
	}
	slices.SortFunc(r.header, func(a, b provider.Field) int { return strings.Compare(a.Name, b.Name) })
	if r.body, err = bodyOf(exchange.Response.Body); err != nil {
		return nil, fmt.Errorf("the reply's body: %w", err)
	}
	r.streamed = r.isStream()
	if asked := exchange.Request.Body; len(asked) > 0 && asked[0] == '{' {
		body, _ := parse(string(asked))
		r.asked, _ = withoutNulls(body.value).(map[string]any)
		r.streamed = r.asked["stream"] == true
	}
	if r.form == geminiForm { // the path says so
		r.streamed = strings.HasSuffix(pathOf(r.url), ":streamGenerateContent")
	}
	return r, nil
}

// bodyOf gives a recorded body its bytes: a string is the text itself.
func bodyOf(recorded json.RawMessage) ([]byte, error) {
	if len(recorded) == 0 || string(recorded) == "null" {
		return nil, nil
	}
	if recorded[0] == '"' {
		var text string
		err := json.Unmarshal(recorded, &text)
		return []byte(text), err
	}
	var compact bytes.Buffer
	err := json.Compact(&compact, recorded)
	return compact.Bytes(), err
}

// withoutNulls leaves out the members that are null: to say nothing.
func withoutNulls(value any) any {
	switch value := value.(type) {
	case map[string]any:
		maps.DeleteFunc(value, func(_ string, member any) bool { return member == nil })
		for name, member := range value {
			value[name] = withoutNulls(member)
		}
	case []any:
		for i, element := range value {
			value[i] = withoutNulls(element)
		}
	}
	return value
}
