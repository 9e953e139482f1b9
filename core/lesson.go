package core

import (
	"bytes"
	"slices"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// Which parameters a model refuses, no table of names can know: deployments are
// called anything, and models change. So a call that is refused one that it can
// do without asks again without it, once, and its result tells the host, which
// tells later calls.

// knownLessons takes over what the host knows, in the form that a frame gives it.
func knownLessons(event *Call) provider.Lessons {
	known := slices.Clone(event.Lessons)
	for i := range known {
		lesson := &known[i]
		for _, text := range []*string{&lesson.Endpoint, &lesson.Form, &lesson.Model, &lesson.Effort, &lesson.Parameter, &lesson.Instead, &lesson.Beside} {
			*text = legible(*text)
		}
	}
	return provider.Lessons{Before: known}
}

// askHeeding performs one attempt, and the call's one correction behind it if
// the provider refused what the request can do without.
func (c *call) askHeeding(to target, request *provider.Request) *answer {
	answer := c.ask(to, request)
	if answer.fault != nil && c.correct(to, request, answer.fault) {
		answer = c.ask(to, request)
	}
	if c.learned == nil && isPast(answer, c.lessons.Now) {
		c.learned = c.lessons.Now
	}
	return answer
}

// correct takes what a provider refused out of the request, and reports whether
// to ask again. A correction that changes nothing is none: the parameter came by
// extra_body, or from nowhere.
func (c *call) correct(to target, request *provider.Request, fault *provider.Error) bool {
	if len(fault.Refused) == 0 || len(c.lessons.Now) > 0 || c.spoke || c.canceled {
		return false
	}
	refused, _, err := c.encode(to, request)
	if err != nil {
		return false
	}
	c.lessons.Status = fault.Status
	for _, refusal := range fault.Refused {
		c.lessons.Now = append(c.lessons.Now, provider.LessonOf(refusal, to.row, to.form, request))
	}
	corrected, _, err := c.encode(to, request)
	if err != nil || bytes.Equal(corrected.Body, refused.Body) {
		c.lessons.Now = nil
		return false
	}
	return true
}

// isPast reports whether an attempt shows that the server no longer minds: it
// answered, or found another fault with the request.
func isPast(answer *answer, corrected []provider.Lesson) bool {
	switch {
	case len(corrected) == 0:
		return false
	case answer.fault == nil, answer.response != nil && len(answer.response.Choices) > 0:
		return true
	}
	return len(answer.fault.Refused) > 0 && !slices.ContainsFunc(answer.fault.Refused, func(refusal provider.Refusal) bool {
		return slices.ContainsFunc(corrected, func(lesson provider.Lesson) bool { return lesson.Parameter == refusal.Parameter })
	})
}

// withHeeded adds what lessons changed to what an encoder did. A name that a
// lesson decided is the encoder's only because it was told.
func withHeeded(adjusted, heeded []provider.Adjustment) []provider.Adjustment {
	adjusted = slices.DeleteFunc(adjusted, func(a provider.Adjustment) bool {
		return slices.ContainsFunc(heeded, func(b provider.Adjustment) bool { return a.Parameter == b.Parameter && a.Action == b.Action })
	})
	return append(adjusted, heeded...)
}
