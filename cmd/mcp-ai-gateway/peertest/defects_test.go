package peertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The tests TestD1... to TestD39... each hold one defect of the TypeScript
// program of this name down, by the number it has in the list of them. They
// run the real program, since most of the defects were in how its parts were
// put together. From D12 on they are in defects_calls_test.go, those of Anthropic's
// form in defects_anthropic_test.go.

// key looks like one. It is put together here so that no text of that look is
// in the repository, which TestD4 demands.
var key = "sk-" + strings.Repeat("Secret", 5)

// session runs the program with this environment and no other, from the first
// line to the end of its stdin, and returns what it said. Responses come in the
// order in which they are done, so tests find them by id.
func session(t *testing.T, env map[string]string, lines ...string) []message {
	t.Helper()
	process := start(env)
	process.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	var stdout, stderr bytes.Buffer
	process.Stdout, process.Stderr = &stdout, &stderr
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	stop := time.AfterFunc(deadline, func() { _ = process.Process.Kill() })
	defer stop.Stop()
	if err := process.Wait(); err != nil {
		t.Fatalf("the process ended with %v\n%s", err, stderr.String())
	}
	if key := env["API_KEY"]; key != "" && strings.Contains(stdout.String()+stderr.String(), key) {
		t.Errorf("the program says its key:\n%s\n%s", stdout.String(), stderr.String())
	}
	var messages []message
	for line := range strings.Lines(stdout.String()) {
		messages = append(messages, (&pipes{t: t}).read(line))
	}
	return messages
}

// start is a process that is yet to start, natively and with this environment
// beside what every process has.
func start(env map[string]string) *exec.Cmd {
	process := exec.Command(program)
	process.Env = []string{"PATH=" + os.Getenv("PATH"), "XDG_CACHE_HOME=" + cache, "HOME=" + cache, "LocalAppData=" + cache}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		process.Env = append(process.Env, name+"="+env[name])
	}
	return process
}

// responseTo finds the response to an id.
func responseTo(t *testing.T, messages []message, id string) message {
	t.Helper()
	for _, m := range messages {
		if m.Method == "" && string(m.ID) == id {
			return m
		}
	}
	t.Fatalf("no response to %s in %v", id, messages)
	return message{}
}

// chat is a call of chat_completion with arguments that are JSON.
func chat(id, arguments string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"chat_completion","arguments":` + arguments + `}}`
}

// hello asks a model; more are further arguments, or empty.
func hello(id, model, more string) string {
	if more != "" {
		more = "," + more
	}
	return chat(id, fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"Hello"}]%s}`, model, more))
}

// outcome is a tool's result.
type outcome struct {
	text    string // of the first block
	all     string // of all blocks
	note    string // of the last block, if it is for the person
	isError bool
	about
	adjusted []string // parameter action
	attempts []int    // statuses
}

// outcomeOf reads the result for an id; the call may have failed, but only as
// a tool does.
func outcomeOf(t *testing.T, messages []message, id string) outcome {
	t.Helper()
	m := responseTo(t, messages, id)
	if m.Error != nil {
		t.Fatalf("a call ended with an error of the protocol: %s", m)
	}
	var result struct {
		Content []struct {
			Text        string
			Annotations struct{ Audience []string }
		}
		IsError bool
		Meta    map[string]json.RawMessage `json:"_meta"`
	}
	if err := json.Unmarshal(m.Result, &result); err != nil || len(result.Content) == 0 {
		t.Fatalf("this is no result of a tool (%v): %s", err, m)
	}
	o := outcome{text: result.Content[0].Text, isError: result.IsError, about: readMeta(t, result.Meta)}
	for _, block := range result.Content {
		o.all += block.Text + "\n"
	}
	if last := result.Content[len(result.Content)-1]; slices.Equal(last.Annotations.Audience, []string{"user"}) {
		o.note = last.Text
	}
	var more struct {
		Gateway struct {
			Adjusted []struct{ Parameter, Action, Reason string }
			Attempts []struct{ Status int }
		}
	}
	if text := result.Meta["mcp-ai-gateway/completion"]; text != nil {
		if err := json.Unmarshal(text, &more); err != nil {
			t.Fatal(err)
		}
	}
	for _, adjustment := range more.Gateway.Adjusted {
		o.adjusted = append(o.adjusted, adjustment.Parameter+" "+adjustment.Action)
		if adjustment.Reason == "" {
			t.Errorf("no reason is given why %s was %s", adjustment.Parameter, adjustment.Action)
		}
	}
	for _, attempt := range more.Gateway.Attempts {
		o.attempts = append(o.attempts, attempt.Status)
	}
	return o
}

// answered demands that a call went well.
func answered(t *testing.T, messages []message, id string) outcome {
	t.Helper()
	o := outcomeOf(t, messages, id)
	if o.isError {
		t.Fatalf("the call failed: %s", o.all)
	}
	return o
}

// failed demands that a call failed, with all of the words in its text.
func failed(t *testing.T, messages []message, id, kind string, words ...string) outcome {
	t.Helper()
	o := outcomeOf(t, messages, id)
	if !o.isError || o.Error == nil || o.Error.Kind != kind {
		t.Fatalf("this is no failure of the kind %s: %+v %s", kind, o.Error, o.all)
	}
	for _, word := range words {
		if !strings.Contains(o.text, word) {
			t.Errorf("it does not say %q: %s", word, o.text)
		}
	}
	return o
}

// toolText is the list of tools as it is sent.
func toolText(t *testing.T, env map[string]string) string {
	t.Helper()
	m := responseTo(t, session(t, env, initialize, request("1", "tools/list")), "1")
	if m.Result == nil {
		t.Fatalf("there is no list of tools: %s", m)
	}
	return string(m.Result)
}

// received is a request as a recorder got it.
type received struct {
	uri    string
	header http.Header
	body   string
}

// recorder is a server that answers everything alike.
type recorder struct {
	url string

	mu       sync.Mutex
	requests []received
}

// answering starts a recorder with this answer.
func answering(t *testing.T, status int, contentType, answer string) *recorder {
	t.Helper()
	r := &recorder{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		r.requests = append(r.requests, received{q.RequestURI, q.Header, string(body)})
		r.mu.Unlock()
		w.Header().Set("Content-Type", contentType)
		if status >= 300 && status < 400 {
			w.Header().Set("Location", answer)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// all are the requests so far.
func (r *recorder) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// only is the one request that there was.
func (r *recorder) only(t *testing.T) received {
	t.Helper()
	requests := r.all()
	if len(requests) != 1 {
		t.Fatalf("%d requests, not 1: %+v", len(requests), requests)
	}
	return requests[0]
}

// completion is a whole answer in OpenAI's form.
const completion = `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-x","choices":[{"index":0,"message":{"role":"assistant","content":"Hi."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`

// wiretap is a proxy that writes down every byte it is given, lets tunnels be
// opened, and hands nothing on.
type wiretap struct {
	url string

	mu          sync.Mutex
	connections []string
}

func tap(t *testing.T) *wiretap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	w := &wiretap{url: "http://" + listener.Addr().String()}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go w.listen(connection)
		}
	}()
	return w
}

func (w *wiretap) listen(connection net.Conn) {
	defer connection.Close()
	w.mu.Lock()
	n := len(w.connections)
	w.connections = append(w.connections, "")
	w.mu.Unlock()
	_ = connection.SetDeadline(time.Now().Add(5 * time.Second))
	buffer := make([]byte, 64<<10)
	read := func() bool {
		length, err := connection.Read(buffer)
		w.mu.Lock()
		w.connections[n] += string(buffer[:length])
		w.mu.Unlock()
		return err == nil
	}
	if !read() {
		return
	}
	if bytes.HasPrefix(buffer, []byte("CONNECT ")) {
		// What comes next tells whether the tunnel is used for TLS.
		if _, err := io.WriteString(connection, "HTTP/1.1 200 Connection established\r\n\r\n"); err == nil {
			read()
		}
		return
	}
	_, _ = io.WriteString(connection, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

func (w *wiretap) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.connections)
}

func TestD1ProxyInClear(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		proxy := tap(t)
		env := map[string]string{name: proxy.url, "API_ENDPOINT": "https://provider.example/v1", "API_KEY": key, "REQUEST_TIMEOUT": "5"}
		arguments := `{"model":"m","messages":[{"role":"user","content":"A secret prompt"}]}`
		o := outcomeOf(t, session(t, env, chat("1", arguments)), "1")
		if !o.isError {
			t.Errorf("%s: an answer from nowhere: %s", name, o.all)
		}
		if len(proxy.seen()) == 0 {
			t.Errorf("%s: the proxy was not used: %s", name, o.all)
		}
		for _, seen := range proxy.seen() {
			if !strings.HasPrefix(seen, "CONNECT provider.example:443 HTTP/1.1\r\n") {
				t.Errorf("%s: the proxy was asked %q", name, seen)
			}
			if _, tunnel, _ := strings.Cut(seen, "\r\n\r\n"); tunnel != "" && tunnel[0] != 0x16 {
				t.Errorf("%s: this is no TLS handshake: %q", name, tunnel)
			}
			if strings.Contains(seen, key) || strings.Contains(strings.ToLower(seen), "\r\nauthorization") || strings.Contains(seen, "secret prompt") {
				t.Errorf("%s: the proxy saw what only the provider may: %q", name, seen)
			}
		}
	}
}

func TestD2NoProxy(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, scheme := range []string{"http", "https"} {
		for _, no := range []string{"", "NO_PROXY", "no_proxy"} {
			proxy := tap(t)
			env := map[string]string{
				strings.ToUpper(scheme) + "_PROXY": proxy.url, "REQUEST_TIMEOUT": "2",
				"API_ENDPOINT": scheme + "://provider.example/v1", // without a key, which http could not carry
			}
			if no != "" {
				env[no] = "elsewhere.example,provider.example"
			}
			outcomeOf(t, session(t, env, hello("1", "m", "")), "1")
			switch seen := proxy.seen(); {
			case no == "" && len(seen) == 0:
				t.Errorf("%s: the proxy was not used at all", scheme)
			case no != "" && len(seen) > 0:
				t.Errorf("%s: in spite of %s the proxy saw %q", scheme, no, seen)
			}
		}
	}
}

func TestD3EchoedKey(t *testing.T) {
	t.Parallel() // it mostly waits
	provider, endpoint := ownProvider(t)
	env := map[string]string{"API_ENDPOINT": endpoint, "API_KEY": key}
	// session looks for the key in all that the program says.
	messages := session(t, env,
		hello("1", "imitated?status=400&echo=key", ""), hello("2", "imitated?fault=error&echo=key", ""),
		hello("3", "imitated?fault=error&echo=key", `"stream":true`))
	for _, id := range []string{"1", "2", "3"} {
		if o := outcomeOf(t, messages, id); !o.isError {
			t.Errorf("call %s is no failure: %s", id, o.all)
		}
	}
	if got := provider.Requests()[0].Header.Get("Authorization"); got != "Bearer "+key {
		t.Errorf("the provider got %q, so there was nothing to echo", got)
	}
}

// root is the repository's.
var root = filepath.Join("..", "..", "..")

func TestD4CommittedKey(t *testing.T) {
	list := exec.Command("git", "ls-files", "-z")
	list.Dir = root
	names, err := list.Output()
	if err != nil {
		t.Logf("no repository is here, so nothing is tracked: %v", err)
		return
	}
	likeKey := regexp.MustCompile(`\bsk-[A-Za-z0-9_-]{24,}`)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			continue // a link to a folder, or removed and not yet committed
		}
		if found := likeKey.Find(text); found != nil {
			t.Errorf("%s holds what looks like a key: %.10s...", name, found)
		}
	}
}

// TestD5KeyOverHTTP: neither of oneself nor by a redirect.
func TestD5KeyOverHTTP(t *testing.T) {
	proxy := tap(t)
	env := map[string]string{"API_ENDPOINT": "http://provider.example/v1", "API_KEY": key, "HTTP_PROXY": proxy.url}
	failed(t, session(t, env, hello("1", "m", "")), "1", "invalid_request", "plain http", "provider.example")
	if seen := proxy.seen(); len(seen) > 0 {
		t.Errorf("something went out: %q", seen)
	}

	elsewhere := answering(t, 200, "application/json", completion)
	for _, status := range []int{301, 302, 307, 308} {
		mover := answering(t, status, "text/plain", elsewhere.url+"/v1/chat/completions")
		env := map[string]string{"API_ENDPOINT": mover.url + "/v1", "API_KEY": key}
		if o := outcomeOf(t, session(t, env, hello("1", "m", "")), "1"); !o.isError {
			t.Errorf("a redirect (%d) was followed: %s", status, o.all)
		}
	}
	if got := elsewhere.all(); len(got) > 0 {
		t.Errorf("the redirects' target was asked: %+v", got)
	}
}

// TestD7Query is about the query alone. Azure's own form, with its deployments
// and its header api-key, is a later part.
func TestD7Query(t *testing.T) {
	for _, path := range []string{"/openai/deployments/d", "/openai/deployments/d/chat/completions", "/openai/deployments/d/"} {
		server := answering(t, 200, "application/json", completion)
		env := map[string]string{"API_ENDPOINT": server.url + path + "?api-version=2024-10-21", "API_KEY": key}
		answered(t, session(t, env, hello("1", "m", "")), "1")
		if got, want := server.only(t).uri, "/openai/deployments/d/chat/completions?api-version=2024-10-21"; got != want {
			t.Errorf("%s became %s, not %s", path, got, want)
		}
	}
}

func TestD8TrailingSlash(t *testing.T) {
	provider, endpoint := ownProvider(t)
	for i, end := range []string{"", "/", "//", "/chat/completions", "/chat/completions/", "/chat/completions//"} {
		messages := session(t, map[string]string{"API_ENDPOINT": endpoint + end}, hello("1", "imitated", ""))
		if got := answered(t, messages, "1").text; got != said("Hello") {
			t.Errorf("with %q at the end the answer is %q", end, got)
		}
		if got := provider.Requests()[i].Path; got != "/v1/chat/completions" {
			t.Errorf("with %q at the end the path is %s", end, got)
		}
	}
}

func TestD9UnknownFormat(t *testing.T) {
	provider, endpoint := ownProvider(t)
	env := map[string]string{"API_ENDPOINT": endpoint, "API_KEY": key, "API_FORMAT": "telepathy"}
	failed(t, session(t, env, hello("1", "imitated", "")), "1", "invalid_request", "API_FORMAT", `telepathy`, "openai, openai-responses, azure, anthropic, gemini")
	if asked := len(provider.Requests()); asked != 0 {
		t.Errorf("the provider was asked %d times", asked)
	}
}

func TestD10ManyModels(t *testing.T) {
	provider, endpoint := ownProvider(t)
	env := map[string]string{"API_ENDPOINT": endpoint, "DEFAULT_MODEL": "first"}
	messages := session(t, env, hello("1", "imitated", ""), chat("2", `{"messages":[{"role":"user","content":"Hello"}]}`))
	for id, model := range map[string]string{"1": "imitated", "2": "first"} {
		if got := answered(t, messages, id).Completion.Model; got != model {
			t.Errorf("%s answers instead of %s", got, model)
		}
	}
	if asked := len(provider.Requests()); asked != 2 {
		t.Errorf("the provider was asked %d times", asked)
	}
	t.Log("many providers in one process are a later part; this is many models of one")
}

func TestD11Retry(t *testing.T) {
	t.Parallel() // it mostly waits
	_, endpoint := ownProvider(t)
	messages := session(t, map[string]string{"API_ENDPOINT": endpoint}, hello("1", "imitated?status=503&times=1", ""))
	if got := answered(t, messages, "1").attempts; !slices.Equal(got, []int{503, 200}) {
		t.Errorf("the attempts are %v", got)
	}
	t.Log("the listing of models and falling back to another model are later parts")
}
