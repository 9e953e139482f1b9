// Command bare is what the gateway is measured against: a plain JSON-RPC loop
// over stdio that does the least that a client can live with. It validates,
// retries and converts nothing. It is left as it is, or figures of different
// days could not be compared.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
)

type request struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Arguments json.RawMessage `json:"arguments"`
		Meta      struct {
			ProgressToken json.RawMessage `json:"progressToken"`
		} `json:"_meta"`
	} `json:"params"`
}

type message struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  any             `json:"result,omitempty"`
}

type choices struct {
	Choices []struct {
		Message struct {
			Content string `json:"content"`
		} `json:"message"`
		Delta struct {
			Content string `json:"content"`
		} `json:"delta"`
	} `json:"choices"`
}

type object = map[string]any

var (
	writing sync.Mutex
	output  = bufio.NewWriterSize(os.Stdout, 64<<10)
	client  = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1024}}
)

func write(m message) {
	m.JSONRPC = "2.0"
	line, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	writing.Lock()
	defer writing.Unlock()
	output.Write(line)
	output.WriteByte('\n')
	output.Flush()
}

func main() {
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	var calls sync.WaitGroup
	defer calls.Wait()
	for {
		line, err := input.ReadBytes('\n')
		var r request
		if json.Unmarshal(line, &r) == nil && r.ID != nil {
			switch r.Method {
			case "initialize":
				write(message{ID: r.ID, Result: object{
					"protocolVersion": "2025-06-18", "capabilities": object{"tools": object{}},
					"serverInfo": object{"name": "bare", "version": "1"},
				}})
			case "tools/list":
				write(message{ID: r.ID, Result: object{"tools": []object{{"name": "chat_completion", "inputSchema": object{"type": "object"}}}}})
			case "tools/call":
				calls.Go(func() { call(r) })
			}
		}
		if err != nil {
			return
		}
	}
}

func call(r request) {
	text, err := ask(r)
	if err != nil {
		text = err.Error()
	}
	write(message{ID: r.ID, Result: object{"content": []object{{"type": "text", "text": text}}, "isError": err != nil}})
}

// ask posts the arguments on as they are.
func ask(r request) (string, error) {
	post, err := http.NewRequest("POST", strings.TrimSuffix(os.Getenv("API_ENDPOINT"), "/")+"/chat/completions", bytes.NewReader(r.Params.Arguments))
	if err != nil {
		return "", err
	}
	post.Header.Set("Content-Type", "application/json")
	post.Header.Set("Authorization", "Bearer "+os.Getenv("API_KEY"))
	reply, err := client.Do(post)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	if strings.HasPrefix(reply.Header.Get("Content-Type"), "text/event-stream") {
		return stream(r, reply.Body)
	}
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		return "", err
	}
	var c choices
	if err := json.Unmarshal(body, &c); err != nil || len(c.Choices) == 0 {
		return string(body), err
	}
	return c.Choices[0].Message.Content, nil
}

func stream(r request, body io.Reader) (string, error) {
	var text strings.Builder
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		var c choices
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if !ok || json.Unmarshal(data, &c) != nil || len(c.Choices) == 0 || c.Choices[0].Delta.Content == "" {
			continue
		}
		piece := c.Choices[0].Delta.Content
		text.WriteString(piece)
		if token := r.Params.Meta.ProgressToken; token != nil {
			write(message{Method: "notifications/progress", Params: object{"progressToken": token, "progress": text.Len(), "message": piece}})
		}
	}
	return text.String(), lines.Err()
}
