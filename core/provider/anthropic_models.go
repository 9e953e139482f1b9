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
	// thinks is the type of thinking that may be asked for: adaptive, enabled
	// (with a budget), or none. still is the type that asks for none of it;
	// where there is none, the model always thinks or never unless asked.
	thinks, still string
	// interleaves: thinking between tool calls has to be asked for by a beta.
	interleaves bool
	// hides: thoughts come without their text unless it is asked for.
	hides bool
	// xhigh: output_config.effort may be that.
	xhigh bool
	// unforced: tool_choice any and tool are refused.
	unforced bool
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
//	thinks         extended thinking from 3.7 on; adaptive since 4.6, where a budget
//	               is deprecated, and a 400 since 4.7
//	still          Opus 5.5 and Fable cannot be kept from thinking, Sonnet 5.5 only
//	               but between tools (the SDK's ThinkingConfigBetweenToolsParam)
//	hides          display is omitted by default since 4.7
//	xhigh          400 "This model does not support effort level 'xhigh'" on 4.6
//	unforced       the vendor's page on tool_choice: Fable, Mythos, and all since 5.5
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
			// Most of them think, and like to be told.
			thinks: "enabled", still: "disabled",
		}
	}
	model := claude{
		measured:    true,
		either:      version >= 401 && version < 407,
		fixed:       version >= 407,
		prefill:     version < 406,
		systemTurns: version >= 408 && (family != "sonnet" || version != 500),
		schemas:     version >= 401,
		interleaves: version >= 400 && version < 406,
		hides:       version >= 407,
		xhigh:       version >= 407,
	}
	free := family == "fable" || family == "mythos"
	model.unforced = free || version >= 505
	switch {
	case version >= 406:
		model.thinks = "adaptive"
		switch {
		case family == "sonnet" && version >= 505:
			model.still = "between_tools"
		case !free && version < 505:
			model.still = "disabled"
		}
	case version >= 307:
		model.thinks = "enabled"
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
