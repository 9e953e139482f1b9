package core

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// shownImages are the types of images that go into a block: those that the
// models behind clients see. A client that passes on another one has its whole
// request refused.
var shownImages = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// shown is how the media of one result become blocks.
type shown struct {
	elsewhere bool   // structuredContent holds the data: they are only named here
	format    string // of sounds, as the request asked for it in audio.format
	room      int64  // bytes of base64 that the client takes; negative: any
	wrapped   bool   // raw samples were made a WAV file
}

// images are a message's images as blocks, and what is left of them for the
// completion object: the data of an image that is in a block, or for which there
// is no room, is taken out of it. An image that a provider keeps is given by its
// address, in words: clients older than 2025-06-18 refuse results with a link of
// MCP's.
func (s *shown) images(images []json.RawMessage) (blocks []block, left []json.RawMessage) {
	kept := int64(0)
	for _, image := range images {
		url := imageURL(image)
		address := url.String()
		mimeType, data := dataURL(address)
		empty := address[:len(address)-len(data)]
		fate := s.spend("an image", mimeType, data)
		switch {
		case fate != "":
			blocks = append(blocks, aside(fate))
			image = replaced(image, url, empty)
		case s.elsewhere:
			kept++
		case strings.HasPrefix(address, "https://"), strings.HasPrefix(address, "http://"):
			blocks = append(blocks, block{Type: "text", Text: "The model made an image: " + address})
		case !slices.Contains(shownImages, mimeType) || !isBase64(data):
			blocks = append(blocks, aside("The model made an image of a form that cannot be shown here; the completion object holds it."))
		default:
			blocks = append(blocks, block{Type: "image", Data: data, MIMEType: mimeType})
			image = replaced(image, url, empty)
		}
		left = append(left, image)
	}
	if kept > 0 {
		blocks = append(blocks, aside("The model made "+count(kept, "image")+", which structuredContent holds."))
	}
	return blocks, left
}

// audio is a message's sound as a block, and what is left of it, likewise.
func (s *shown) audio(audio json.RawMessage) (blocks []block, left json.RawMessage) {
	value := json.Parse(audio).Get("data")
	data := value.String()
	if data == "" {
		return nil, audio
	}
	sound, err := base64.StdEncoding.DecodeString(data)
	mimeType, rate, channels := s.soundType(json.Parse(audio).Get("mime_type").String(), sound)
	fate := s.spend("audio", mimeType, data)
	switch {
	case fate != "":
		return []block{aside(fate)}, replaced(audio, value, "")
	case s.elsewhere:
		return []block{aside("The model made audio, which structuredContent holds.")}, audio
	case err != nil:
		return []block{aside("The model made audio of a form that cannot be played here; the completion object holds it.")}, audio
	case rate > 0:
		data = base64.StdEncoding.EncodeToString(append(waveHeader(len(sound), rate, channels), sound...))
		s.wrapped = true
	}
	return []block{{Type: "audio", Data: data, MIMEType: mimeType}}, replaced(audio, value, "")
}

// soundFormat is the format of sounds that a request asks for.
func soundFormat(request *provider.Request) string {
	return cmp.Or(json.Parse(request.Audio).Get("format").String(), json.Parse(request.Extra).Get("audio.format").String())
}

// spend takes the room that data needs, or says that there is none.
func (s *shown) spend(what, mimeType, data string) (fate string) {
	size := int64(len(data))
	if s.room >= 0 && size > s.room {
		return "The model made " + what + " (" + mimeType + ", " + strconv.FormatInt((size*3/4+999)/1000, 10) +
			" kB), more than this client takes in one result; ask for a smaller one, or for a format that compresses."
	}
	if s.room >= 0 {
		s.room -= size
	}
	return ""
}

// soundType is the media type of a sound: as its provider tells, as its first
// bytes tell, or as it was asked for. Raw samples, which nobody plays, have a
// rate and become audio/wav.
func (s *shown) soundType(told string, sound []byte) (mimeType string, rate, channels int) {
	kind, rest, _ := strings.Cut(strings.ToLower(told), ";")
	switch {
	case kind == "audio/l16", kind == "audio/pcm":
		// Gemini: audio/L16;codec=pcm;rate=24000, lower byte first in spite of
		// RFC 2586, which says one channel where nothing is said.
		return "audio/wav", parameter(rest, "rate", 24000), parameter(rest, "channels", 1)
	case kind != "":
		return kind, 0, 0
	case s.format == "pcm16":
		return "audio/wav", 24000, 1 // OpenAI: 24 kHz, one channel, lower byte first
	}
	for _, known := range []struct{ begin, kind string }{
		{"RIFF", "audio/wav"},
		{"ID3", "audio/mpeg"},
		{"fLaC", "audio/flac"},
		{"OggS", "audio/ogg"},
		{"\xff\xf1", "audio/aac"},
		{"\xff\xf9", "audio/aac"},
		{"\xff\xfb", "audio/mpeg"},
		{"\xff\xfa", "audio/mpeg"},
		{"\xff\xf3", "audio/mpeg"},
		{"\xff\xf2", "audio/mpeg"},
	} {
		if strings.HasPrefix(string(sound[:min(4, len(sound))]), known.begin) {
			return known.kind, 0, 0
		}
	}
	switch s.format {
	case "mp3":
		return "audio/mpeg", 0, 0
	case "opus":
		return "audio/ogg", 0, 0
	case "flac", "aac":
		return "audio/" + s.format, 0, 0
	}
	return "audio/wav", 0, 0
}

// parameter reads a number of a media type's parameters.
func parameter(parameters, name string, otherwise int) int {
	for field := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		if n, err := strconv.ParseUint(value, 10, 20); key == name && err == nil && n > 0 {
			return int(n)
		}
	}
	return otherwise
}

// waveHeader is what makes raw samples of 16 bits a WAV file (Microsoft's
// "Multimedia Programming Interface and Data Specifications 1.0").
func waveHeader(size, rate, channels int) []byte {
	order := binary.LittleEndian
	header := append(order.AppendUint32([]byte("RIFF"), uint32(36+size)), "WAVEfmt "...)
	header = order.AppendUint32(header, 16) // what describes the samples
	header = order.AppendUint16(header, 1)  // PCM
	header = order.AppendUint16(header, uint16(channels))
	header = order.AppendUint32(header, uint32(rate))
	header = order.AppendUint32(header, uint32(2*rate*channels))
	header = order.AppendUint16(header, uint16(2*channels))
	header = order.AppendUint16(header, 16)
	return order.AppendUint32(append(header, "data"...), uint32(size))
}

// imageURL finds the address of an image: OpenRouter's form, or the address
// alone.
func imageURL(image json.RawMessage) json.Value {
	value := json.Parse(image)
	for _, path := range []string{"image_url.url", "image_url", "url"} {
		if url := value.Get(path); url.Type == json.String {
			return url
		}
	}
	return json.Value{}
}

// dataURL reads a data URL with base64; "" and "" of any other text.
func dataURL(text string) (mimeType, data string) {
	head, data, _ := strings.Cut(text, ",")
	mimeType, ok := strings.CutPrefix(head, "data:")
	kind, encoded := strings.CutSuffix(mimeType, ";base64")
	if !ok || !encoded {
		return "", ""
	}
	kind, _, _ = strings.Cut(kind, ";")
	return strings.ToLower(kind), data
}

// isBase64 checks what clients check: many throw the whole result away for a
// block whose data they cannot decode.
func isBase64(data string) bool {
	n, err := io.Copy(io.Discard, base64.NewDecoder(base64.StdEncoding, strings.NewReader(data)))
	return err == nil && n > 0
}

// replaced is raw JSON with a text in the place of a string of it.
func replaced(raw json.RawMessage, found json.Value, text string) json.RawMessage {
	quoted, err := json.Marshal(text)
	if err != nil {
		return raw
	}
	return slices.Concat(raw[:found.Index], quoted, raw[found.Index+len(found.Raw):])
}

// aside is what the gateway tells the assistant beside the answer.
func aside(text string) block {
	return block{Type: "text", Text: "[" + text + "]", Annotations: &blockAnnotations{Audience: []string{"assistant"}}}
}

// wrapping tells the person that raw samples became a file.
var wrapping = provider.Adjustment{
	Parameter: "audio", Action: "converted", Reason: "raw samples are played by no client: a WAV file of them follows",
}
