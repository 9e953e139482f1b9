package provider

import (
	"slices"
	"strings"
)

// openAIModel is what OpenAI's own service refuses of a model. Other servers
// know their models by other names, and are sent what was asked for.
//
// Sources: the 400s of recordings (unsupported_parameter, unsupported_value),
// and the model pages of platform.openai.com. Dated ids (gpt-5-2025-08-07) are
// like the id without date; a newer model is taken for what the newest one is.
type openAIModel struct {
	noSampling bool // temperature, top_p and penalties other than the defaults
	noStop     bool
	noSystem   bool // nor developer messages
}

func openAIModelOf(id string) openAIModel {
	if tuned, ok := strings.CutPrefix(id, "ft:"); ok {
		id, _, _ = strings.Cut(tuned, ":") // ft:MODEL:organization:name:id
	}
	switch {
	case strings.HasPrefix(id, "o1-mini"), strings.HasPrefix(id, "o1-preview"):
		return openAIModel{noSampling: true, noStop: true, noSystem: true}
	case strings.Contains(id, "-search-preview"):
		return openAIModel{noSampling: true}
	case strings.HasPrefix(id, "gpt-5-chat"), !isReasoning(id):
		return openAIModel{}
	case strings.HasPrefix(id, "o3-mini"):
		return openAIModel{noSampling: true}
	}
	// Without an effort, 5.1 to 5.4 do not reason and then take sampling.
	family, variant, _ := strings.Cut(strings.TrimPrefix(id, "gpt-"), "-")
	quiet := slices.Contains([]string{"5.1", "5.2", "5.3", "5.4"}, family) &&
		!strings.HasPrefix(variant, "codex") && !strings.HasPrefix(variant, "chat") && !strings.HasPrefix(variant, "pro")
	return openAIModel{noSampling: !quiet, noStop: true}
}

// isReasoning knows o1, o3, o4-mini and so on, and gpt-5 and later.
func isReasoning(id string) bool {
	if len(id) >= 2 && id[0] == 'o' && id[1] >= '1' && id[1] <= '9' {
		return true
	}
	family, ok := strings.CutPrefix(id, "gpt-")
	return ok && family != "" && (family[0] >= '5' && family[0] <= '9' || len(family) > 1 && family[0] == '1' && family[1] >= '0' && family[1] <= '9')
}

// fit leaves out what the model refuses, and returns the list of it.
func (m openAIModel) fit(wire *openAIChatRequest) (adjusted []Adjustment) {
	drop := func(parameter string) {
		adjusted = append(adjusted, Adjustment{parameter, "dropped", wire.Model + " refuses it"})
	}
	if m.noSampling {
		for _, sampling := range []struct {
			name    string
			value   **float64
			allowed float64 // the default, which is tolerated
		}{
			{"temperature", &wire.Temperature, 1},
			{"top_p", &wire.TopP, 1},
			{"frequency_penalty", &wire.FrequencyPenalty, 0},
			{"presence_penalty", &wire.PresencePenalty, 0},
		} {
			if value := *sampling.value; value != nil && *value != sampling.allowed {
				*sampling.value = nil
				drop(sampling.name)
			}
		}
	}
	if m.noStop && len(wire.Stop) > 0 {
		wire.Stop = nil
		drop("stop")
	}
	return adjusted
}
