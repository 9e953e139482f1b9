package peertest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// TestLessons: a server refuses a temperature once. The first call gets its
// answer by a second request, the next one by its first.
func TestLessons(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		var requests atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			requests.Add(1)
			var body struct{ Temperature *float64 }
			if err := json.NewDecoder(q.Body).Decode(&body); err != nil {
				t.Errorf("the request is no JSON: %v", err)
			}
			w.Header().Set("Content-Type", "application/json")
			if body.Temperature == nil {
				_, _ = io.WriteString(w, completion)
				return
			}
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":{"message":"Unsupported value: 'temperature' does not support 0.5 with this model.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}`)
		}))
		t.Cleanup(server.Close)
		p := connect(t, on, "", server.URL+"/v1")
		arguments := question{text: "Hello"}.arguments()
		arguments["temperature"] = 0.5
		for i, want := range []struct {
			requests int32
			note     string
		}{
			{2, "temperature dropped: imitated refused it (400)"},
			{3, "temperature dropped: imitated refused it before"},
		} {
			result, err := p.CallTool(timeLimit(t), &mcp.CallToolParams{Name: "chat_completion", Arguments: arguments})
			if err != nil {
				t.Fatal(err)
			}
			if result.IsError || textOf(t, result, 0) != "Hi." || !strings.HasSuffix(textOf(t, result, 1), want.note) {
				t.Errorf("call %d: %q, %q", i+1, textOf(t, result, 0), textOf(t, result, 1))
			}
			if got := requests.Load(); got != want.requests {
				t.Errorf("call %d: the server got %d requests in all, want %d", i+1, got, want.requests)
			}
		}
	})
}
