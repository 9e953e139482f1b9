package provider

import "github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"

// count is a number of tokens, which may be missing.
type count struct {
	n     int64
	known bool
}

// countLimit is the highest count: beyond it not every reader of JSON is exact.
const countLimit = 1<<53 - 1

// readCount reads a number from 0 to countLimit; what is no number is missing.
func readCount(value json.Value) count {
	if value.Type != json.Number {
		return count{}
	}
	return count{int64(max(0, min(value.Float(), countLimit))), true}
}

// readFirst reads the first count that is there.
func readFirst(value json.Value, paths ...string) count {
	for _, path := range paths {
		if c := readCount(value.Get(path)); c.known {
			return c
		}
	}
	return count{}
}

// raise keeps the larger of two counts.
func (c *count) raise(other count) {
	*c = count{max(c.n, other.n), c.known || other.known}
}

func (c *count) add(other count) {
	*c = count{min(c.n+other.n, countLimit), c.known || other.known}
}

// readUsage reads OpenAI's usage object and its relatives; nil where there is
// none. total tells where reasoning was left outside of completion_tokens
// (xAI chat) or not told at all (Gemini's compatible endpoint).
func readUsage(value json.Value) *Usage {
	prompt, completion := readFirst(value, "prompt_tokens"), readFirst(value, "completion_tokens")
	if !prompt.known && !completion.known {
		return nil
	}
	total := readFirst(value, "total_tokens")
	sum := prompt
	sum.add(completion)
	if hidden := total.n - sum.n; hidden > 0 {
		if hidden == readFirst(value, "prompt_tokens_details.audio_tokens").n {
			prompt.n += hidden // Mistral counts heard audio in the total alone
		} else {
			completion.n += hidden
		}
	} else if total.n == 0 {
		total = sum
	}
	usage := &Usage{PromptTokens: prompt.n, CompletionTokens: completion.n, TotalTokens: total.n, CostUSD: readCost(value)}
	// In this order: OpenAI, DeepSeek, Mistral.
	cached := readFirst(value, "prompt_tokens_details.cached_tokens", "prompt_cache_hit_tokens", "num_cached_tokens")
	written := readFirst(value, "prompt_tokens_details.cache_write_tokens")
	if cached.known || written.known {
		usage.PromptTokensDetails = &PromptDetails{CachedTokens: cached.n, CacheWriteTokens: written.n}
	}
	if reasoning := readFirst(value, "completion_tokens_details.reasoning_tokens"); reasoning.known {
		usage.CompletionTokensDetails = &CompletionDetails{ReasoningTokens: reasoning.n}
	}
	return usage
}

// readCost reads what a provider says that an answer cost, in US dollars: a
// number (OpenRouter), an object (Perplexity), or ticks of a ten-thousandth of a
// millionth (xAI, https://docs.x.ai/developers/cost-tracking); nil where it
// says nothing.
func readCost(value json.Value) *float64 {
	for _, field := range []struct {
		path string
		per  float64
	}{{"cost", 1}, {"cost.total_cost", 1}, {"cost_in_usd_ticks", 1e10}} {
		if said := value.Get(field.path); said.Type == json.Number && said.Float() >= 0 {
			dollars := said.Float() / field.per
			return &dollars
		}
	}
	return nil
}

// readResponsesUsage reads the usage of a response, whose counts are inclusive;
// nil where there is none.
func readResponsesUsage(value json.Value) *Usage {
	input, output := readFirst(value, "input_tokens"), readFirst(value, "output_tokens")
	if !input.known && !output.known {
		return nil
	}
	total := input
	total.add(output)
	if said := readFirst(value, "total_tokens"); said.n > total.n {
		output.n += said.n - total.n
		total = said
	}
	usage := &Usage{PromptTokens: input.n, CompletionTokens: output.n, TotalTokens: total.n, CostUSD: readCost(value)}
	cached, written := readFirst(value, "input_tokens_details.cached_tokens"), readFirst(value, "input_tokens_details.cache_write_tokens")
	if cached.known || written.known {
		usage.PromptTokensDetails = &PromptDetails{CachedTokens: cached.n, CacheWriteTokens: written.n}
	}
	if reasoning := readFirst(value, "output_tokens_details.reasoning_tokens"); reasoning.known {
		usage.CompletionTokensDetails = &CompletionDetails{ReasoningTokens: reasoning.n}
	}
	return usage
}

// anthropicUsage holds the counts as they come: message_start has some,
// message_delta is cumulative and, since 2026, repeats those of the input,
// which some gateways write as zeros. So the largest of each counts; nothing
// is added up over events.
type anthropicUsage struct {
	input, output, cached, written, thinking count
}

func (u *anthropicUsage) read(value json.Value) {
	u.input.raise(readFirst(value, "input_tokens"))
	u.output.raise(readFirst(value, "output_tokens"))
	u.cached.raise(readFirst(value, "cache_read_input_tokens"))
	u.written.raise(readFirst(value, "cache_creation_input_tokens"))
	u.thinking.raise(readFirst(value, "output_tokens_details.thinking_tokens"))
	u.readIterations(value.Get("iterations"))
}

// readIterations counts the steps of an answer whose prompt was compacted on
// the way: the sums beside them leave the compaction out. They are right for
// other steps (fallback, advisor).
func (u *anthropicUsage) readIterations(iterations json.Value) {
	compacted := false
	var sum anthropicUsage
	iterations.ForEach(func(_, step json.Value) bool {
		kind := text(step.Get("type"))
		compacted = compacted || kind == "compaction"
		if kind == "compaction" || kind == "message" {
			sum.input.add(readFirst(step, "input_tokens"))
			sum.output.add(readFirst(step, "output_tokens"))
			sum.cached.add(readFirst(step, "cache_read_input_tokens"))
			sum.written.add(readFirst(step, "cache_creation_input_tokens"))
		}
		return true
	})
	if compacted {
		sum.thinking = u.thinking
		*u = sum
	}
}

// result gives the counts OpenAI's form: input_tokens leaves cache reads and
// writes out, prompt_tokens holds them.
func (u *anthropicUsage) result() *Usage {
	if !u.input.known && !u.output.known {
		return nil
	}
	prompt := u.input
	prompt.add(u.cached)
	prompt.add(u.written)
	total := prompt
	total.add(u.output)
	usage := &Usage{PromptTokens: prompt.n, CompletionTokens: u.output.n, TotalTokens: total.n}
	if u.cached.known || u.written.known {
		usage.PromptTokensDetails = &PromptDetails{CachedTokens: u.cached.n, CacheWriteTokens: u.written.n}
	}
	if u.thinking.known {
		usage.CompletionTokensDetails = &CompletionDetails{ReasoningTokens: u.thinking.n}
	}
	return usage
}
