package provider

import "github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"

// geminiDetail is an entry of reasoning_details: something of an answer's parts
// for which OpenAI's form has no place, and that Gemini wants back at its place.
// Signatures of calls are not among them: they ride on their calls, as
// extra_content.google.thought_signature.
type geminiDetail struct {
	// Type is gemini.thought_signature or gemini.part.
	Type string `json:"type"`
	// Part says whose signature it is: of a text, a thought or an image.
	Part string `json:"part,omitempty"`
	// Content and Calls are how much of the answer came before: bytes of
	// content, and calls.
	Content int `json:"content"`
	Calls   int `json:"calls"`
	// Length is how many bytes of content the text has; of an image it is how
	// many images came before.
	Length int `json:"length,omitempty"`
	// Text is what the thought says.
	Text string `json:"text,omitempty"`
	// Signature is base64 of either alphabet, as it came.
	Signature string `json:"signature,omitempty"`
	// Value is a part as it came: code that the model ran, its output, and what
	// else is not text, call, image or sound.
	Value json.RawMessage `json:"value,omitempty"`
}

const (
	geminiSignatureDetail = "gemini.thought_signature"
	geminiPartDetail      = "gemini.part"
)

// readGeminiDetails picks the entries that are of this form. Those of others
// mean nothing to Gemini.
func readGeminiDetails(raw []json.RawMessage) (details []geminiDetail) {
	for _, entry := range raw {
		if !json.Valid(entry) {
			continue
		}
		value := json.Parse(entry)
		detail := geminiDetail{
			Type:      text(value.Get("type")),
			Part:      text(value.Get("part")),
			Content:   int(readCount(value.Get("content")).n),
			Calls:     int(readCount(value.Get("calls")).n),
			Length:    int(readCount(value.Get("length")).n),
			Text:      text(value.Get("text")),
			Signature: text(value.Get("signature")),
		}
		switch detail.Type {
		case geminiSignatureDetail:
			if detail.Signature != "" {
				details = append(details, detail)
			}
		case geminiPartDetail:
			if part := value.Get("value"); part.IsObject() {
				detail.Value = json.Compact([]byte(part.Raw))
				details = append(details, detail)
			}
		}
	}
	return details
}

// appendGeminiDetails writes the entries.
func appendGeminiDetails(raw []json.RawMessage, details []geminiDetail) []json.RawMessage {
	for _, detail := range details {
		if entry, err := json.Marshal(detail); err == nil {
			raw = append(raw, entry)
		}
	}
	return raw
}
