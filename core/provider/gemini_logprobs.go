package provider

import "github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"

type geminiToken struct {
	Token       string          `json:"token"`
	Logprob     json.RawMessage `json:"logprob"`
	Bytes       []int           `json:"bytes"` // OpenAI's field, which may be null
	TopLogprobs []geminiToken   `json:"top_logprobs,omitempty"`
}

// appendGeminiLogprobs reads a logprobsResult: the tokens that were chosen and,
// in a list of their own, those that were likely at each place.
func appendGeminiLogprobs(list []json.RawMessage, result json.Value) []json.RawMessage {
	places := objects(result.Get("topCandidates"))
	for i, chosen := range objects(result.Get("chosenCandidates")) {
		token := readGeminiToken(chosen)
		if i < len(places) {
			for _, other := range objects(places[i].Get("candidates")) {
				token.TopLogprobs = append(token.TopLogprobs, readGeminiToken(other))
			}
		}
		if written, err := json.Marshal(token); err == nil {
			list = append(list, written)
		}
	}
	return list
}

func readGeminiToken(value json.Value) geminiToken {
	token := geminiToken{Token: text(value.Get("token")), Logprob: json.RawMessage("0")}
	if number := value.Get("logProbability"); number.Type == json.Number { // 0 is left out
		token.Logprob = json.RawMessage(number.Raw)
	}
	return token
}

// geminiLogprobs is OpenAI's logprobs of the tokens.
func geminiLogprobs(list []json.RawMessage) json.RawMessage {
	if len(list) == 0 {
		return nil
	}
	out := []byte(`{"content":[`)
	for i, token := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, token...)
	}
	return append(out, "]}"...)
}
