package provider

import (
	"slices"
	"strconv"
	"strings"
)

// geminiModel is what a model of the form gemini takes and refuses.
type geminiModel struct {
	// generation is the version as one number, 205 for 2.5. Gemma counts for
	// itself.
	generation int
	gemma      bool
	// kind is pro, flash or flash-lite; empty: not told by the id.
	kind string
	// makesMedia: such models make images or speech, and cannot be told how long to
	// think.
	makesMedia bool
}

// newestGemini is the generation of an id that names none, such as
// gemini-flash-latest, a tuned model or one newer than this table.
const newestGemini = 9900

// geminiModelOf tells a model by its id: gemini-2.5-flash-lite,
// models/gemini-3.1-pro-preview, gemma-3-27b-it.
//
//	thinking       ai.google.dev/gemini-api/docs/thinking: budgets up to 2.5, levels since 3
//	penalties      400 "Penalty is not enabled for models/X"; recorded to work at Vertex AI on 2.5
//	system         400 "Developer instruction is not enabled" of Gemma
//	signatures     400 "Function call is missing a thought_signature" since 3
//	formats        since 3 beside tools
//	media          in functionResponse.parts since 3
func geminiModelOf(id string) geminiModel {
	id = strings.ToLower(id[strings.LastIndex(id, "/")+1:])
	model := geminiModel{generation: newestGemini, gemma: strings.HasPrefix(id, "gemma")}
	words := strings.Split(id, "-")
	for _, word := range words[min(1, len(words)):] {
		if major, minor, ok := geminiVersion(word); ok {
			model.generation = major*100 + minor
			break
		}
	}
	if strings.HasPrefix(id, "gemini-robotics-er-1") {
		model.generation = 205 // that is what its 1.5 and 1.6 are built on
	}
	has := func(word string) bool { return slices.Contains(words, word) }
	switch {
	case has("pro"):
		model.kind = "pro"
	case has("flash") && has("lite"):
		model.kind = "flash-lite"
	case has("flash"):
		model.kind = "flash"
	}
	model.makesMedia = has("image") || has("tts")
	return model
}

// geminiVersion reads 2.5, 3 or 3.1. Longer numbers are dates, and 27b is a size.
func geminiVersion(word string) (major, minor int, ok bool) {
	first, second, _ := strings.Cut(word, ".")
	major, err := strconv.Atoi(first)
	if err != nil || len(first) > 2 || major <= 0 {
		return 0, 0, false
	}
	if second != "" {
		if minor, err = strconv.Atoi(second); err != nil || len(second) > 2 || minor < 0 {
			return 0, 0, false
		}
	}
	return major, minor, true
}

// penalties reports whether frequencyPenalty and presencePenalty are taken.
func (m geminiModel) penalties(vertex bool) bool {
	return !m.gemma && (m.generation < 205 || vertex && m.generation < 300)
}

// systemInstruction reports whether there may be one.
func (m geminiModel) systemInstruction() bool { return !m.gemma }

// signed reports whether a call in the conversation needs its thoughtSignature.
func (m geminiModel) signed() bool { return !m.gemma && m.generation >= 300 }

// formatBesideTools reports whether response_format and tools go together.
func (m geminiModel) formatBesideTools() bool { return m.gemma || m.generation >= 300 }

// showsMedia reports whether a functionResponse may hold media of a type.
// https://ai.google.dev/gemini-api/docs/function-calling#multimodal
func (m geminiModel) showsMedia(mimeType string) bool {
	return !m.gemma && m.generation >= 300 && slices.Contains([]string{"image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"}, mimeType)
}

// The budgets of reasoning_effort for models that count tokens of thought. The
// longest is the limit of 2.5 Pro; that of Flash is geminiFlashBudget.
var geminiBudgets = map[string]int64{
	"none": 0, "minimal": 1024, "low": 2048, "medium": 8192, "high": 24_576, "xhigh": 32_768, "max": -1,
}

const (
	geminiFlashBudget    = 24_576
	geminiLeastProBudget = 128
)

// thinking writes reasoning_effort. Thoughts are asked for as text with it,
// unless there shall be none.
func (m geminiModel) thinking(effort, name string, adjusted *adjustments) *geminiThinking {
	thinks := m.generation >= 205
	if m.gemma {
		thinks = m.generation >= 400
	}
	if !thinks || m.makesMedia {
		if thinks || effort != "none" {
			adjusted.note("reasoning_effort", "dropped", name+" cannot be told how long to think")
		}
		return nil
	}
	if m.gemma || m.generation >= 300 {
		return m.level(effort, name, adjusted)
	}
	budget := geminiBudgets[effort]
	switch {
	case budget == 0 && m.kind == "pro":
		budget = geminiLeastProBudget
		adjusted.note("reasoning_effort", "clamped", name+" thinks at least "+decimal(budget)+" tokens: thinkingBudget "+decimal(budget))
	case budget > geminiFlashBudget && m.kind != "pro":
		budget = geminiFlashBudget
		adjusted.note("reasoning_effort", "clamped", name+" thinks at most "+decimal(budget)+" tokens: thinkingBudget "+decimal(budget))
	default:
		adjusted.note("reasoning_effort", "renamed", "Gemini counts the tokens of thought: thinkingBudget "+decimal(budget))
	}
	return &geminiThinking{IncludeThoughts: effort != "none", ThinkingBudget: &budget}
}

// level writes reasoning_effort for models that know levels. None of them can
// be kept from thinking, and not all know all levels: the first Pro of
// generation 3 had only the ends, no Pro and no Flash since 3.7 has MINIMAL.
func (m geminiModel) level(effort, name string, adjusted *adjustments) *geminiThinking {
	level := strings.ToUpper(effort)
	switch effort {
	case "none":
		level = "MINIMAL"
	case "xhigh", "max":
		level = "HIGH"
	}
	switch {
	case level == "MINIMAL" && (m.kind == "pro" || m.generation >= 307 && m.kind != "flash-lite"):
		level = "LOW"
	case level == "MEDIUM" && m.kind == "pro" && m.generation == 300:
		level = "HIGH"
	}
	if level == strings.ToUpper(effort) {
		adjusted.note("reasoning_effort", "renamed", "Gemini calls it thinkingLevel")
	} else {
		adjusted.note("reasoning_effort", "clamped", name+" has no "+effort+": thinkingLevel "+level)
	}
	return &geminiThinking{IncludeThoughts: effort != "none", ThinkingLevel: level}
}
