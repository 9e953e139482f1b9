package peertest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/imitation"
)

// TestLargeImages: images arrive byte for byte at every attempt, also those
// that are larger than what a guest of the sandbox can bear.
func TestLargeImages(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		var mu sync.Mutex
		var bodies [][]byte
		imitated := imitation.New()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || r.ContentLength != int64(len(body)) {
				t.Errorf("the request is of %d bytes, says %d, %v", len(body), r.ContentLength, err)
			}
			mu.Lock()
			bodies = append(bodies, body)
			mu.Unlock()
			r.Body = io.NopCloser(bytes.NewReader(body))
			imitated.ServeHTTP(w, r)
		}))
		defer server.Close()

		random := rand.New(rand.NewPCG(1, 2))
		var want []string
		parts := []any{map[string]any{"type": "text", "text": "Look."}}
		for _, size := range []int{12_000_000, 100_000, 1_000} {
			image := make([]byte, size)
			for i := range image {
				image[i] = byte(random.Uint32())
			}
			want = append(want, "data:image/png;base64,"+base64.StdEncoding.EncodeToString(image))
			parts = append(parts, map[string]any{"type": "image_url", "image_url": map[string]any{"url": want[len(want)-1]}})
		}
		p := connect(t, on, versions[0], server.URL+"/v1")
		result, err := p.CallTool(timeLimit(t), &mcp.CallToolParams{Name: "chat_completion", Arguments: map[string]any{
			"model": "imitated?status=503&times=1", "messages": []any{map[string]any{"role": "user", "content": parts}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		completion := readMeta(t, result.Meta).Completion
		if result.IsError || completion == nil || completion.Gateway.Target != on.name || len(completion.Gateway.Attempts) != 2 {
			t.Fatalf("the result is %.300s, %+v", textOf(t, result, 0), completion)
		}
		p.end(t)
		if len(bodies) != 2 || !bytes.Equal(bodies[0], bodies[1]) {
			t.Fatalf("%d requests were sent, want two that are the same", len(bodies))
		}
		var sent struct {
			Messages []struct {
				Content []struct {
					ImageURL struct{ URL string } `json:"image_url"`
				}
			}
		}
		if err := json.Unmarshal(bodies[0], &sent); err != nil {
			t.Fatal(err)
		}
		for i, url := range want {
			if got := sent.Messages[0].Content[i+1].ImageURL.URL; got != url {
				t.Errorf("image %d arrived as %d characters, %.100s, want %d", i, len(got), got, len(url))
			}
		}
	})
}
