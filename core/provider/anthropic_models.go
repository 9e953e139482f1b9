package provider

import (
	"slices"
	"strconv"
	"strings"
)

// claude is what a model of the Messages form takes and refuses.
type claude struct {
	// longest is max_tokens where the caller names none. Where it is measured
	// it is the model's limit, and more is a 400.
	longest  int64
	measured bool
	// either: temperature or top_p, not both. fixed: neither.
	either, fixed bool
	// prefill: a last turn of the assistant's is continued.
	prefill bool
	// systemTurns: messages of role system may stand inside a conversation.
	systemTurns bool
	// schemas: output_config.format is kept to.
	schemas bool
}

// claudeOf tells a model by its id, and is a guess only for ids that are newer
// than this table: these behave like the newest known. Versions are compared
// as one number, 405 for 4.5.
//
//	longest        list of models at platform.claude.com/docs/en/about-claude/models,
//	               and the 400 "max_tokens: N > M, which is the maximum"
//	either         400 "`temperature` and `top_p` cannot both be specified" since 4.1
//	fixed          400 "`temperature` is deprecated for this model" since 4.7
//	prefill        400 since 4.6; recorded to work on Haiku 4.5
//	systemTurns    recorded on Opus 4.8; 400 before; Sonnet 5 answers and ignores them
//	schemas        capability structured_outputs of /v1/models, since Opus 4.1
func claudeOf(id string) claude {
	family, version, ok := claudeVersion(id)
	if !ok {
		// Another maker's model behind this form: its limit is not known, so a
		// caller's number is sent as it is. 8192 is what even older models
		// write; 4096, often seen, cuts answers that people wait for.
		return claude{
			longest: 8192, measured: false,
			either: false, fixed: false,
			prefill: true, systemTurns: false, schemas: false,
		}
	}
	model := claude{
		measured:    true,
		either:      version >= 401 && version < 407,
		fixed:       version >= 407,
		prefill:     version < 406,
		systemTurns: version >= 408 && (family != "sonnet" || version != 500),
		schemas:     version >= 401,
	}
	switch {
	case version < 305:
		model.longest = 4096
	case version < 307:
		model.longest = 8192
	case version >= 400 && version < 405 && family == "opus":
		model.longest = 32_000
	case version < 406:
		model.longest = 64_000
	case version <= 500 && (family == "opus" || family == "sonnet" || family == "fable"):
		model.longest = 128_000
	default:
		// Newer than the sources. No model since 4.5 takes less than this; its
		// real limit is for the provider to name.
		model.longest, model.measured = 64_000, false
	}
	return model
}

// newestClaude is the version of an id that names none.
const newestClaude = 9900

// claudeVersion reads an id such as claude-opus-4-8, claude-3-5-haiku-20241022,
// anthropic/claude-haiku-4.5 or eu.anthropic.claude-sonnet-4-20250514-v1:0. The
// version is the first run of numbers of one or two digits; longer ones are dates.
func claudeVersion(id string) (family string, version int, ok bool) {
	words := strings.FieldsFunc(strings.ToLower(id), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	at := slices.Index(words, "claude")
	if at < 0 {
		return "", 0, false
	}
	var numbers []int
	ended := false
	for _, word := range words[at+1:] {
		number, err := strconv.Atoi(word)
		switch {
		case err == nil && len(word) <= 2 && !ended && len(numbers) < 2:
			numbers = append(numbers, number)
			continue
		case err != nil && family == "":
			family = word
		}
		ended = len(numbers) > 0
	}
	switch len(numbers) {
	case 2:
		return family, numbers[0]*100 + numbers[1], true
	case 1:
		return family, numbers[0] * 100, true
	}
	if family == "mythos" {
		return family, 407, true // claude-mythos-preview came with Opus 4.7
	}
	return family, newestClaude, true
}

// decimal writes a number for people.
func decimal(n int64) string { return strconv.FormatInt(n, 10) }
