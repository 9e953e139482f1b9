package provider

import (
	"encoding/base64"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// chatAudio is message.audio. A stream brings it in pieces: an id, pieces of
// the transcript, pieces of the data, when it expires.
type chatAudio struct {
	last       json.RawMessage // the piece as it came: where there is one, it is the whole
	count      int
	id         string
	expires    int64
	transcript []byte
	data       []string
}

// add reads a piece. Snowflake sends an object of empty fields where there is
// no audio.
func (c *chatAudio) add(value json.Value) {
	id, data, transcript := text(value.Get("id")), text(value.Get("data")), text(value.Get("transcript"))
	expires := value.Get("expires_at")
	if id == "" && data == "" && transcript == "" && expires.Type != json.Number {
		return
	}
	c.last = json.Compact([]byte(value.Raw))
	c.count++
	if id != "" {
		c.id = id
	}
	if expires.Type == json.Number {
		c.expires = expires.Int()
	}
	c.transcript = append(c.transcript, transcript...)
	if data != "" {
		c.data = append(c.data, strings.Clone(data))
	}
}

// result is the whole, nil where nothing is heard or said.
func (c *chatAudio) result() json.RawMessage {
	if len(c.data) == 0 && len(c.transcript) == 0 {
		return nil
	}
	if c.count == 1 {
		return c.last
	}
	whole, _ := json.Marshal(struct {
		ID         string `json:"id"`
		Data       string `json:"data"`
		ExpiresAt  int64  `json:"expires_at,omitempty"`
		Transcript string `json:"transcript"`
	}{c.id, joinedBase64(c.data), c.expires, string(c.transcript)})
	return whole
}

// joinedBase64 is the base64 of what pieces of base64 hold together. Each may
// be padded, or end inside of a group that the next one goes on with. What is
// not base64 stays as it came.
func joinedBase64(pieces []string) string {
	whole := strings.Join(pieces, "")
	if !strings.Contains(strings.TrimRight(whole, "="), "=") {
		return whole
	}
	var all []byte
	rest := ""
	for _, piece := range pieces {
		rest += piece
		groups := len(rest) / 4 * 4
		var err error
		if all, err = base64.StdEncoding.AppendDecode(all, []byte(rest[:groups])); err != nil {
			return whole
		}
		rest = rest[groups:]
	}
	if rest != "" {
		return whole
	}
	return base64.StdEncoding.EncodeToString(all)
}
