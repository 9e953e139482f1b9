package core

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// target is one way to have a request answered.
type target struct {
	named
	asked   string            // the name by which the caller asked
	form    string            // the row's, or what the request needs
	request *provider.Request // as it is for this model
}

// route decides who is asked, in which order: what the name means, then what the
// caller names for when that fails, or else the configuration. Where nobody is
// known to have a name, the providers' lists are read first.
func (c *call) route(request *provider.Request, fallbacks []string) ([]target, *provider.Error) {
	found, fault := c.catalogue.resolve(request.Model)
	if fault != nil && fault.Kind == provider.NotFound {
		c.readLists("", false)
		if c.canceled {
			return nil, errCanceled
		}
		found, fault = c.catalogue.resolve(request.Model)
	}
	if fault != nil {
		return nil, fault
	}
	if len(fallbacks) == 0 && len(found) > 0 {
		fallbacks = c.catalogue.fallbacks(request.Model, found[0])
	}
	for _, name := range fallbacks {
		more, fault := c.catalogue.resolve(name)
		if fault != nil {
			fault.Message = "fallback_models: " + strings.TrimPrefix(fault.Message, "model: ")
			return nil, fault
		}
		found = append(found, more...)
	}
	var targets []target
	for i, n := range found {
		if !slices.ContainsFunc(found[:i], func(other named) bool { return other.full() == n.full() }) {
			targets = append(targets, c.aim(request, n))
		}
	}
	if len(targets) == 0 {
		return nil, c.catalogue.unknown(request.Model)
	}
	return targets, nil
}

// aim makes of a request one for a model: under the name that its provider knows,
// and with what the user wants where the caller says nothing.
func (c *call) aim(request *provider.Request, n named) target {
	aimed, wanted := *request, n.defaults()
	aimed.Model = n.id
	if request.TopP == nil {
		// Who sets top_p chose the one way of sampling; vendors advise against both.
		aimed.Temperature = cmp.Or(request.Temperature, wanted.Temperature, c.config.DefaultTemperature)
	}
	if request.MaxCompletionTokens == nil {
		aimed.MaxTokens = cmp.Or(request.MaxTokens, wanted.MaxTokens, c.config.DefaultMaxTokens)
	}
	aimed.ReasoningEffort = cmp.Or(request.ReasoningEffort, wanted.ReasoningEffort)
	return target{named: n, asked: request.Model, form: provider.FormFor(n.row, &aimed), request: &aimed}
}

// The times of a call that has somebody else to ask, in milliseconds.
const (
	// patienceWithOthers is the longest wait between attempts at one model.
	patienceWithOthers = 5_000
	// timeForOther is what each that may still be asked is left of the call's
	// time, or its equal share where there is less.
	timeForOther = 15_000
)

// chain asks one target after the other until one answers, or fails in a way
// that another would not mend. The last answer comes back, be it a failure.
func (c *call) chain(targets []target) *answer {
	var last *answer
	for i, to := range targets {
		others := targets[i+1:]
		if last != nil && last.fault.Kind == provider.ContextLength && !roomier(to, last.target) {
			continue
		}
		c.lessons.Now = nil // each target may be corrected once
		answer := c.try(to, len(others))
		if i > 0 && answer.fault != nil && !answer.sent && last != nil {
			// It cannot even be asked: what the one before said weighs more.
			c.skipped = append(c.skipped, provider.Adjustment{
				Parameter: "fallback_models", Action: "dropped", Reason: to.full() + " was not asked: " + answer.fault.Message,
			})
			continue
		}
		last = answer
		if answer.fault == nil || !c.onward(answer.fault) {
			return answer
		}
	}
	return last
}

// onward reports whether somebody else should be asked after a failure: never
// once text has left, nor where the request or the key is at fault, unless the
// user wants that.
func (c *call) onward(fault *provider.Error) bool {
	if c.spoke || c.canceled || c.timeout > 0 && c.since(c.began) >= c.timeout {
		return false
	}
	switch fault.Kind {
	case provider.RateLimit, provider.Overloaded, provider.Timeout, provider.Network, provider.BadReply, provider.Quota, provider.ContextLength:
		return true
	}
	return slices.Contains(c.config.FallbackOn, fault.Kind)
}

// roomier reports whether a model may read more than another, which could not
// read it all: where one of the two is not known, it may.
func roomier(to, than target) bool {
	context, taken := to.context(), than.context()
	return context == 0 || taken == 0 || context > taken
}

// share is how long, in milliseconds, a target may take that has others behind
// it; 0: as long as the call.
func (c *call) share(others int) int64 {
	if others == 0 || c.timeout == 0 {
		return 0
	}
	left := c.timeout - c.since(c.began)
	reserve := min(timeForOther, left/int64(others+1))
	return max(1, left-reserve*int64(others))
}
