package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/imitation"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm/hosttest"
)

// serve serves the page and returns its address.
func serve(t *testing.T, endpoint, key string) string {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	address := server.Listener.Addr().String()
	pages, err := handler(address, endpoint, key)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = pages
	server.Start()
	t.Cleanup(server.Close)
	return server.URL + "/page.html"
}

// visit opens the page and waits until it is ready.
func visit(t *testing.T, url string) *tab {
	t.Helper()
	page := newTab(t, chromium(t), url)
	page.until(`globalThis.ask && !ask.disabled`)
	return page
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("chromium is missing: scripts/hosts installs it, or apt-get install chromium")
	return ""
}

// TestHosts holds the page to what every host must do.
func TestHosts(t *testing.T) {
	hosttest.Run(t, func(t *testing.T, endpoint, key string) hosttest.Host {
		page := visit(t, serve(t, endpoint, key))
		page.evaluate(`globalThis.stops = []`)
		var calls atomic.Int64
		return hosttest.Host{
			Name: "Chromium", Version: version(t),
			Call: func(ctx context.Context, arguments []byte, text func(string)) ([]byte, error) {
				number := calls.Add(1)
				stop := context.AfterFunc(ctx, func() { page.evaluate(fmt.Sprintf(`stops[%d].abort()`, number)) })
				defer stop()
				watch := fmt.Sprintf(`signal: (stops[%d] = new AbortController()).signal`, number)
				if text != nil {
					page.hear(number, text)
					watch += fmt.Sprintf(`, text: (piece) => told(JSON.stringify({ call: %d, piece }))`, number)
				}
				result := page.evaluate(fmt.Sprintf(`gateway.call("chat_completion", %s, { %s }).then(JSON.stringify)`, arguments, watch))
				return []byte(result), ctx.Err()
			},
		}
	})
}

// TestPage uses the page as a visitor does.
func TestPage(t *testing.T) {
	endpoint, stop, err := imitation.New().Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	page := visit(t, serve(t, endpoint, ""))
	submit := func(name, text string) {
		page.evaluate(fmt.Sprintf(`model.value = %q, question.value = %q, ask.click()`, name, text))
	}

	// A reply of which only half ever comes: what is there is shown, and Stop stops.
	submit("imitated?fault=stall", "What do you show me while I wait?")
	page.until(`answer.textContent.includes("What do you")`)
	if half := page.evaluate(`answer.textContent`); strings.Contains(half, "imitated model") {
		t.Errorf("the half of an answer is %s", half)
	}
	page.screenshot("half.png")
	page.evaluate(`cancel.click()`)
	page.until(`!ask.disabled && about.textContent.includes("kind canceled")`)

	submit("imitated?gap=5ms", "Which planet is red? Grüße 😀")
	page.until(`!ask.disabled`)
	if got, want := page.evaluate(`answer.textContent`), `You said: "Which planet is red? Grüße 😀". I am an imitated model.`; got != want {
		t.Errorf("the answer is %s\nwant %s", got, want)
	}
	if got := page.evaluate(`about.textContent`); !strings.Contains(got, "tokens in") {
		t.Errorf("below it stands %s", got)
	}
	page.screenshot("whole.png")

	// A module that died is replaced by a fresh one.
	submit("imitated?fault=stall", "Are you well?")
	page.until(`answer.textContent.includes("Are you")`)
	page.evaluate(`gateway.step(255, 1n)`)
	page.until(`!ask.disabled && about.textContent.includes("try again")`)
	submit("imitated", "Again?")
	page.until(`!ask.disabled && answer.textContent.includes("imitated model")`)
}

// TestOthers: other sites do not get at the key.
func TestOthers(t *testing.T) {
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s%s%s", r.URL.Path, r.Header["Authorization"], r.Header["Cookie"])
	}))
	defer provider.Close()
	page := serve(t, provider.URL+"/v1", "sesame")
	for _, test := range []struct{ host, origin, want string }{
		{"", "", "/v1/chat/completions[Bearer sesame][]"},
		{"", "https://evil.example", ""},
		{"evil.example", "", ""},
	} {
		request, err := http.NewRequest(http.MethodPost, strings.Replace(page, "page.html", "provider/chat/completions", 1), strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		request.Host = test.host
		request.Header.Set("Cookie", "a=b")
		if test.origin != "" {
			request.Header.Set("Origin", test.origin)
		}
		reply, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(reply.Body)
		reply.Body.Close()
		if err != nil || (reply.StatusCode == http.StatusOK) != (test.want != "") || test.want != "" && string(body) != test.want {
			t.Errorf("%+v: %s %s, %v", test, reply.Status, body, err)
		}
	}
}

func version(t *testing.T) string {
	t.Helper()
	out, err := exec.Command(chromium(t), "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`[0-9.]+`).FindString(string(out))
}

// screenshot keeps a picture of the page where go test -artifacts is given.
func (p *tab) screenshot(name string) {
	p.t.Helper()
	var picture struct{ Data string }
	reply, err := p.ask("Page.captureScreenshot", map[string]any{})
	if err == nil {
		err = json.Unmarshal(reply, &picture)
	}
	data, decodeErr := base64.StdEncoding.DecodeString(picture.Data)
	if err != nil || decodeErr != nil || len(data) == 0 {
		p.t.Fatalf("no screenshot: %v, %v", err, decodeErr)
	}
	if err := os.WriteFile(filepath.Join(p.t.ArtifactDir(), name), data, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// until waits for a condition.
func (p *tab) until(condition string) {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); p.evaluate(condition) != "true"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("it never comes to this: %s\nabout: %s", condition, p.evaluate(`document.body.innerText`))
		}
	}
}
