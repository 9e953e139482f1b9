package core

import (
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// The fewest and the most models of a comparison.
const fewestCompared, mostCompared = 2, 8

// comparison is what a comparison brought, for programs: in the order in which
// the models were named.
type comparison struct {
	Answers []compared `json:"answers"`
}

// compared is one model's answer, or its failure.
type compared struct {
	Model      string      `json:"model"` // as the caller named it
	Completion *completion `json:"completion,omitempty"`
	Error      *failure    `json:"error,omitempty"`
}

// contest is one model of a comparison while it runs.
type contest struct {
	name    string
	targets []target
	fault   *provider.Error // before anything was sent
	child   *call
	answer  *answer // nil: none, or the child failed inside
	tookMS  int64
}

// compare asks several models the same at once and ends the call: each is a child
// of its own, with its own retries and fallbacks.
func (c *call) compare(asked *asked) {
	contests := make([]*contest, len(asked.models))
	var mains []func(*call)
	for i, name := range asked.models {
		contest := &contest{name: name}
		contests[i] = contest
		request := *asked.request
		request.Model, request.Stream = name, false
		if contest.targets, contest.fault = c.route(&request, nil); contest.fault != nil {
			continue
		}
		mains = append(mains, func(child *call) {
			contest.child = child
			contest.answer = child.settle(child.chain(contest.targets), asked.repair)
			contest.tookMS = child.since(child.began)
			c.told(contest, contests)
		})
	}
	if c.canceled {
		c.fail(errCanceled, nil)
		return
	}
	c.gather(mains)
	if c.canceled {
		c.fail(errCanceled, nil)
		return
	}
	c.succeedCompared(contests)
}

// told tells the client that one model is done.
func (c *call) told(done *contest, all []*contest) {
	if !c.deltas || c.canceled {
		return
	}
	n := 0
	for _, contest := range all {
		if contest.answer != nil || contest.fault != nil {
			n++
		}
	}
	state := "answered"
	if done.answer == nil || done.answer.fault != nil {
		state = "failed"
	}
	c.engine.emit(&Delta{ID: c.id, Text: done.name + " " + state + " after " + seconds(done.tookMS) + " (" + strconv.Itoa(n) + " of " + strconv.Itoa(len(all)) + ")\n"})
}

// succeedCompared ends a comparison: one text for the assistant, each answer below
// its model's name, errors beside answers. It is a failure where no model answered.
func (c *call) succeedCompared(contests []*contest) {
	object := &comparison{}
	result := toolResult{IsError: true}
	var text strings.Builder
	var kind provider.Kind
	var media []block
	var lines []string
	for _, contest := range contests {
		if text.Len() > 0 {
			text.WriteString("\n\n")
		}
		text.WriteString("# " + contest.name + "\n")
		one := compared{Model: contest.name}
		fault, answer := contest.fault, contest.answer
		switch {
		case fault == nil && answer == nil:
			fault = errInside
		case fault == nil:
			fault = answer.fault
		}
		child := contest.child
		if child == nil {
			child = c
		}
		if fault != nil {
			words, failure := child.failure(fault, answer)
			one.Error = failure
			text.WriteString("\n" + words)
			kind = fault.Kind
			lines = append(lines, contest.name+" failed ("+string(fault.Kind)+")")
			object.Answers = append(object.Answers, one)
			continue
		}
		result.IsError = false
		one.Completion = child.completion(answer)
		one.Completion.Gateway.LatencyMS = contest.tookMS
		line := child.summary(one.Completion)
		lines = append(lines, line)
		text.WriteString("(" + line + ")\n")
		blocks, left := child.content(one.Completion, answer, true)
		if answer.wrong() {
			blocks = append(blocks, aside("The answer is "+notAsked(one.Completion)))
		}
		for _, block := range blocks {
			if block.Type == "text" {
				text.WriteString("\n" + block.Text)
			} else {
				media = append(media, block)
			}
		}
		one.Completion = left
		object.Answers = append(object.Answers, one)
	}
	result.Content = append([]block{{Type: "text", Text: text.String()}}, media...)
	result.Content = append(result.Content, block{
		Type: "text", Text: strings.Join(lines, "\n"), Annotations: &blockAnnotations{Audience: []string{"user"}},
	})
	if c.config.Output == OutputStructured {
		result.StructuredContent = object
	} else {
		result.Meta.Comparison = object
	}
	if !result.IsError {
		kind = ""
	}
	c.finish(kind, &result)
}
