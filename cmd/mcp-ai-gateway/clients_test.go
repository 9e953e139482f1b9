package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestImagesFitTheClient: Claude Desktop throws a result over 1 MB away, and
// with it an answer that was paid for; other clients are given what there is.
func TestImagesFitTheClient(t *testing.T) {
	for _, test := range []struct {
		client string
		bytes  int
		given  bool
	}{
		{"claude-ai", 600_000, true}, {"claude-ai", 700_000, false}, {"claude-code", 700_000, true},
	} {
		image := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), test.bytes))
		provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"choices":[{"message":{"content":"Here.","images":[{"image_url":{"url":"data:image/png;base64,%s"}}]},"finish_reason":"stop"}]}`, image)
		}))
		defer provider.Close()
		environment := map[string]string{"API_ENDPOINT": provider.URL, "DEFAULT_MODEL": "m"}
		var stdout, stderr strings.Builder
		code := run(nil, func(name string) string { return environment[name] }, strings.NewReader(
			`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"`+test.client+`","version":"1"}}}`+"\n"+
				`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"chat_completion","arguments":{"messages":[{"role":"user","content":"x"}]}}}`,
		), &stdout, &stderr)
		if code != 0 || stderr.String() != "" {
			t.Fatalf("%s: exit code %d, %s", test.client, code, stderr.String())
		}
		block, told := `{"type":"image","data":"`+image+`","mimeType":"image/png"}`, `more than this client takes in one result`
		if out := stdout.String(); strings.Contains(out, block) != test.given || strings.Contains(out, told) == test.given {
			t.Errorf("%s, an image of %d bytes: %.400s", test.client, test.bytes, out[strings.Index(out, `"id":2`):])
		}
	}
}
