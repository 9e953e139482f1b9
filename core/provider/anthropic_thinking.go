package provider

import "github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"

// thinking writes reasoning_effort: as an effort beside adaptive thinking where
// the model has it, as a budget of tokens where it has not.
// https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking
func (e *anthropicEncoding) thinking(request *Request) {
	effort, model := request.ReasoningEffort, e.wire.Model
	choice := e.wire.ToolChoice
	forced := choice != nil && (choice.Type == "any" || choice.Type == "tool")
	drop := func(reason string) { e.adjusted.note("reasoning_effort", "dropped", model+reason) }
	switch {
	case effort == "":
	case effort == "none":
		e.quiet()
	case e.model.thinks == "":
		drop(" does not think")
	case forced && !e.model.hides:
		// 400 "Thinking may not be enabled when tool_choice forces tool use" up
		// to 4.6. The choice is what the caller cannot do without.
		drop(" does not think where tool_choice forces a call")
	case e.begun():
		drop(" does not think in an answer begun for it")
	case e.model.thinks == "adaptive":
		e.wire.Thinking = &anthropicThinking{Type: "adaptive"}
		if e.model.hides && !request.adds("thinking.display") {
			e.wire.Thinking.Display = "summarized"
		}
		if e.wire.OutputConfig == nil {
			e.wire.OutputConfig = &anthropicOutput{}
		}
		level := effort
		switch {
		case effort == "minimal":
			level = "low"
		case effort == "xhigh" && !e.model.xhigh:
			level = "max"
		}
		if e.wire.OutputConfig.Effort = level; level != effort {
			e.adjusted.note("reasoning_effort", "clamped", model+" does not know "+effort+": "+level+" was asked for")
		}
	case !e.mayBegin():
		drop(" cannot begin to think after calls that it made without thoughts")
	default:
		budget := anthropicBudgets[effort]
		if e.model.measured && (effort == "max" || budget >= e.model.longest) {
			budget = e.model.longest - 1
		}
		e.wire.Thinking = &anthropicThinking{Type: "enabled", BudgetTokens: budget}
		if e.model.interleaves && len(e.wire.Tools) > 0 {
			e.beta = append(e.beta, anthropicInterleaved)
		}
		e.adjusted.note("reasoning_effort", "renamed", model+" has a budget of tokens in its place: "+decimal(budget))
	}
}

// anthropicBudgets are the tokens for thoughts; max is all that a model writes,
// where that is known.
var anthropicBudgets = map[string]int64{
	"minimal": 1024, "low": 2048, "medium": 10_000, "high": 16_384, "xhigh": 32_768, "max": 32_768,
}

// quiet asks for no thoughts.
func (e *anthropicEncoding) quiet() {
	switch {
	case e.model.still == "between_tools":
		e.adjusted.note("reasoning_effort", "clamped", e.wire.Model+" thinks at least between tools")
		fallthrough
	case e.model.still != "":
		e.wire.Thinking = &anthropicThinking{Type: e.model.still}
	case e.model.thinks == "adaptive":
		e.adjusted.note("reasoning_effort", "dropped", e.wire.Model+" cannot be kept from thinking")
	}
}

// mayBegin reports whether a thought may come next. With a budget the turn of
// the assistant whose calls are answered must begin with one: 400 "Expected
// `thinking` or `redacted_thinking`, but found `tool_use`".
func (e *anthropicEncoding) mayBegin() bool {
	last := len(e.wire.Messages) - 1
	result, ok := e.wire.Messages[last].Content[0].(*anthropicContent)
	if !ok || result.Type != "tool_result" || last == 0 {
		return true
	}
	_, thought := e.wire.Messages[last-1].Content[0].(json.RawMessage)
	return thought
}
