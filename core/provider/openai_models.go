package provider

import (
	"slices"
	"strconv"
	"strings"
)

// openAIModel is what OpenAI's own service refuses of a model. Other servers
// know their models by other names, and are sent what was asked for.
//
// Sources: the 400s of recordings (unsupported_parameter, unsupported_value),
// and the model pages of platform.openai.com. Dated ids (gpt-5-2025-08-07) are
// like the id without date; a newer model is taken for what the newest one is.
type openAIModel struct {
	sampling  sampling // temperature, top_p and penalties other than the defaults
	noStop    bool
	noSystem  bool      // nor developer messages
	one       bool      // n may only be 1
	reasons   bool      // as far as is known
	efforts   []string  // of reasoning_effort, upwards; nil: not known; none: it may not be said
	chatTools chatTools // tools on Chat Completions
	// chatEfforts are efforts where Chat Completions know fewer.
	chatEfforts []string
	// responsesOnly: Chat Completions do not have the model at all.
	responsesOnly bool
}

// sampling says when a model takes sampling parameters.
type sampling int

const (
	samplingAlways   sampling = iota
	samplingUnless            // unless an effort other than none is asked for: it does not reason by itself
	samplingWithNone          // with reasoning_effort none only: it reasons by itself
	samplingNever
)

// chatTools says when a model takes tools on Chat Completions.
type chatTools int

const (
	toolsAlways        chatTools = iota
	toolsWithoutEffort           // only while it does not reason
	toolsNever
)

// callsOnChat reports whether the model takes tools on Chat Completions at an
// effort. One that does not reason by itself does where nothing is said as well
// (gpt-5.4-mini, recorded).
func (m openAIModel) callsOnChat(effort string) bool {
	switch m.chatTools {
	case toolsWithoutEffort:
		return effort == "none" || effort == "" && m.sampling == samplingUnless
	case toolsNever:
		return false
	}
	return true
}

func openAIModelOf(id string) openAIModel {
	if tuned, ok := strings.CutPrefix(id, "ft:"); ok {
		id, _, _ = strings.Cut(tuned, ":") // ft:MODEL:organization:name:id
	}
	words := strings.Split(id, "-")
	model := openAIModel{
		responsesOnly: slices.Contains(words, "pro") || slices.Contains(words, "codex") ||
			strings.Contains(id, "deep-research") || strings.HasPrefix(id, "computer-use"),
	}
	switch {
	case strings.HasPrefix(id, "o1-mini"), strings.HasPrefix(id, "o1-preview"):
		model.sampling, model.noStop, model.noSystem, model.reasons = samplingNever, true, true, true
		model.efforts = []string{}
		return model
	case strings.Contains(id, "-search-preview"):
		model.sampling, model.one = samplingNever, true
		return model
	case strings.HasPrefix(id, "gpt-5-chat"):
		return model
	case strings.HasPrefix(id, "codex-"), strings.HasPrefix(id, "computer-use"):
		model.reasons = true
		return model
	case !isReasoning(id):
		// The owner of a deployment at Azure calls it anything.
		named := strings.HasPrefix(id, "gpt-") || strings.HasPrefix(id, "chatgpt-")
		model.responsesOnly = model.responsesOnly && named
		model.reasons = !named || strings.HasPrefix(id, "gpt-oss")
		return model
	}
	version, variant := gptVersion(words)
	model.sampling, model.reasons = samplingNever, true
	model.noStop = !strings.HasPrefix(id, "o3-mini")
	model.efforts = effortsOf(version, variant, words)
	if version > 600 && len(model.efforts) > 1 { // the changelog of 6.1 and 6.2: xhigh is the top there
		model.chatEfforts = model.efforts[:len(model.efforts)-1]
	}
	switch {
	case version < 501, model.responsesOnly, variant == "chat":
	case version <= 504: // without an effort, they do not reason
		model.sampling = samplingUnless
	case version <= 506, version == 600 && (variant == "sol" || variant == "luna"):
		model.sampling = samplingWithNone
	}
	switch {
	case version < 504, variant == "chat":
	case model.sampling == samplingNever: // none is no effort of theirs
		model.chatTools = toolsNever
	default:
		model.chatTools = toolsWithoutEffort
	}
	return model
}

// effortsOf lists what reasoning_effort may be.
func effortsOf(version int, variant string, words []string) []string {
	all := Efforts
	pro, codex := slices.Contains(words, "pro"), slices.Contains(words, "codex")
	switch {
	case variant == "chat":
		return nil
	case version < 500: // o1, o3, o4-mini
		return all[2:5]
	case version == 500 && pro:
		return all[4:5]
	case version == 500 && !codex:
		return all[1:5]
	case pro:
		return all[3:6]
	case codex && (version > 501 || slices.Contains(words, "max")):
		return all[2:6]
	case codex:
		return all[2:5]
	case version == 501:
		return slices.Delete(slices.Clone(all[:5]), 1, 2)
	case version <= 505:
		return slices.Delete(slices.Clone(all[:6]), 1, 2)
	case version == 506, version == 600 && (variant == "sol" || variant == "luna"):
		return slices.Delete(slices.Clone(all), 1, 2)
	}
	return all[2:]
}

// effort is the effort that the model knows and that is the nearest to what was
// asked for, from there upwards; "" where it knows none.
func (m openAIModel) effort(asked, id string, adjusted *adjustments) string {
	switch {
	case asked == "":
		return ""
	case !m.reasons:
		adjusted.note("reasoning_effort", "dropped", id+" does not reason")
		return ""
	case m.efforts != nil && len(m.efforts) == 0:
		adjusted.note("reasoning_effort", "dropped", id+" does not take it")
		return ""
	case m.efforts == nil || slices.Contains(m.efforts, asked):
		return asked
	}
	adjusted.note("reasoning_effort", "clamped", id+" knows "+strings.Join(m.efforts, ", "))
	for _, effort := range Efforts[slices.Index(Efforts, asked)+1:] {
		if slices.Contains(m.efforts, effort) {
			return effort
		}
	}
	return m.efforts[len(m.efforts)-1]
}

// gptVersion reads gpt-5.4-mini as 504 and mini; 0 of what is no GPT.
func gptVersion(words []string) (version int, variant string) {
	if len(words) < 2 || words[0] != "gpt" {
		return 0, ""
	}
	major, minor, _ := strings.Cut(words[1], ".")
	number, err := strconv.Atoi(major)
	if err != nil || number > 99 {
		return 0, ""
	}
	version = 100 * number
	if number, err = strconv.Atoi(minor); err == nil && number < 100 {
		version += number
	}
	if len(words) > 2 {
		variant = words[2]
	}
	return version, variant
}

// isReasoning knows o1, o3, o4-mini and so on, and gpt-5 and later.
func isReasoning(id string) bool {
	if len(id) >= 2 && id[0] == 'o' && id[1] >= '1' && id[1] <= '9' {
		return true
	}
	family, ok := strings.CutPrefix(id, "gpt-")
	return ok && family != "" && (family[0] >= '5' && family[0] <= '9' || len(family) > 1 && family[0] == '1' && family[1] >= '0' && family[1] <= '9')
}

// samplingParameter is one that a model may refuse.
type samplingParameter struct {
	name    string
	value   **float64
	allowed float64 // the default, which is tolerated
}

// refusesSampling says why the model refuses sampling parameters at an effort,
// or nothing. Azure refuses what its newer models take elsewhere (LiteLLM#33171).
func (m openAIModel) refusesSampling(request *Request, effort string, row *Row) string {
	reason := request.Model + " refuses it"
	switch m.sampling {
	case samplingAlways:
		return ""
	case samplingUnless:
		if effort == "" || effort == "none" {
			return ""
		}
		reason += " beside reasoning_effort " + effort
	case samplingWithNone:
		if effort == "none" && !row.azure() {
			return ""
		}
		if !row.azure() {
			reason += " unless reasoning_effort is none"
		}
	}
	return reason
}

// refusesProbabilities is the error for probabilities of tokens that were asked
// of a model while it reasons: 400 "logprobs are not supported with reasoning
// models" (vllm#23319).
func (m openAIModel) refusesProbabilities(request *Request, effort string, row *Row) *Error {
	name, given, none := request.probabilities()
	if name == "" || m.refusesSampling(request, effort, row) == "" {
		return nil
	}
	return &Error{
		Kind: InvalidRequest, Message: name + ": got " + given + ", allowed: " + none + ", since " + request.Model + " gives none while it reasons",
		Next: "Leave it out, or choose another model.",
	}
}

// fitSampling leaves out what the model refuses at an effort.
func (m openAIModel) fitSampling(request *Request, effort string, row *Row, parameters []samplingParameter, adjusted *adjustments) {
	reason := m.refusesSampling(request, effort, row)
	if reason == "" {
		return
	}
	for _, parameter := range parameters {
		if value := *parameter.value; value != nil && *value != parameter.allowed {
			*parameter.value = nil
			adjusted.note(parameter.name, "dropped", reason)
		}
	}
}

// fit leaves out of a request for Chat Completions what the model refuses; what
// the request would not be the same without is refused.
func (m openAIModel) fit(request *Request, row *Row, wire *openAIChatRequest, adjusted *adjustments) *Error {
	if m.one && wire.N != nil {
		if *wire.N > 1 {
			return &Error{
				Kind: InvalidRequest, Message: "n: got " + decimal(*wire.N) + ", allowed: 1, since " + request.Model + " gives one answer",
				Next: "Ask several times, or choose another model.",
			}
		}
		wire.N = nil // as without
	}
	if m.chatEfforts != nil {
		m.efforts = m.chatEfforts
	}
	wire.ReasoningEffort = m.effort(wire.ReasoningEffort, request.Model, adjusted)
	if fault := m.refusesProbabilities(request, wire.ReasoningEffort, row); fault != nil {
		return fault
	}
	if m.refusesSampling(request, wire.ReasoningEffort, row) != "" {
		wire.Logprobs = nil // false: as without
	}
	m.fitSampling(request, wire.ReasoningEffort, row, []samplingParameter{
		{"temperature", &wire.Temperature, 1},
		{"top_p", &wire.TopP, 1},
		{"frequency_penalty", &wire.FrequencyPenalty, 0},
		{"presence_penalty", &wire.PresencePenalty, 0},
	}, adjusted)
	if reason := m.refusesSampling(request, wire.ReasoningEffort, row); reason != "" && wire.LogitBias != nil {
		wire.LogitBias = nil
		adjusted.note("logit_bias", "dropped", reason)
	}
	if m.noStop && len(wire.Stop) > 0 {
		wire.Stop = nil
		adjusted.note("stop", "dropped", request.Model+" refuses it")
	}
	return nil
}
