package core_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// FuzzMedia: whatever a provider sends as images and sound, the result is of
// MCP's form, with blocks that every client can decode, since many throw away
// all of a result that has another one.
func FuzzMedia(f *testing.F) {
	for _, images := range []string{
		`[{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}},{"image_url":"https://x.example/a.png"},{"url":"data:image/svg+xml;base64,QUJD"}]`,
		`["data:image/png;base64,QUJD",null,{"image_url":{"url":"data:image/gif;name=a,b;base64,!"}},{"url":"data:image\/jpeg;base64,\u0051UJD"}]`,
	} {
		for _, audio := range []string{
			`{"id":"a","data":"UklGRg==","transcript":"t"}`, `{"data":"QUJDRA==","mime_type":"audio/L16;codec=pcm;rate=24000;channels=9"}`,
			`{"data":"QU JD","mime_type":"audio/x\"y"}`, `{"data":"","data":"QUJD"}`, `[]`,
		} {
			for how := range uint8(4) {
				f.Add(images, audio, "pcm16", how)
			}
		}
	}
	f.Fuzz(func(t *testing.T, images, audio, format string, how uint8) {
		config := core.Config{DefaultModel: "m", Providers: []provider.Row{{Name: "p", Form: "openai-chat", Endpoint: "http://x"}}}
		structured := how%2 == 1
		if structured {
			config.Output = core.OutputStructured
		}
		if how/2%2 == 1 {
			config.MediaLimit = 10
		}
		asked, _ := json.Marshal(map[string]any{
			"messages": []any{map[string]any{"role": "user", "content": "x"}}, "extra_body": map[string]any{"audio": map[string]any{"format": format}},
		})
		engine := core.New()
		var result *core.Result
		for _, event := range []core.Event{
			&core.Configure{Config: config}, &core.Call{ID: core.CallID(1), Tool: "chat_completion", Arguments: asked},
			&core.Head{ID: core.CallID(1) | 1, Status: 200, Header: []provider.Field{{Name: "content-type", Value: "application/json"}}},
			&core.Chunk{ID: core.CallID(1) | 1, Body: []byte(`{"choices":[{"message":{"content":null,"images":` + images + `,"audio":` + audio + `},"finish_reason":"stop"}]}`)},
			&core.End{ID: core.CallID(1) | 1},
		} {
			effects, err := engine.Step(event)
			if err != nil {
				t.Fatal(err)
			}
			for _, effect := range effects {
				if ended, ok := effect.(*core.Result); ok {
					result = ended
				}
			}
		}
		if result == nil {
			return // the reply was no JSON: it is asked for again
		}
		var read struct {
			Content []struct{ Type, Text, Data, MIMEType string }
		}
		if err := json.Unmarshal(result.Body, &read); err != nil || len(read.Content) == 0 {
			t.Fatalf("%v: %s", err, result.Body)
		}
		room := 0
		for _, block := range read.Content {
			switch block.Type {
			case "text":
				if block.Text == "" || block.Data != "" {
					t.Errorf("a text is %+v", block)
				}
			case "image", "audio":
				data, err := base64.StdEncoding.DecodeString(block.Data)
				if err != nil || len(data) == 0 || block.MIMEType == "" || structured {
					t.Errorf("%v in %+v", err, block)
				}
				if block.Type == "image" {
					room += len(block.Data)
					if !slices.Contains([]string{"image/png", "image/jpeg", "image/gif", "image/webp"}, block.MIMEType) {
						t.Errorf("an image is of type %q", block.MIMEType)
					}
				}
			default:
				t.Errorf("a block is %+v", block)
			}
		}
		if config.MediaLimit > 0 && room > 10 {
			t.Errorf("images have %d bytes, allowed are 10", room)
		}
	})
}
