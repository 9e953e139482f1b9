package traffic

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

// answer is what a reply says, whoever read it: the gateway, an SDK, or the
// tests themselves.
type answer struct {
	failed  bool
	partial bool     // of a failure: something of an answer had come
	status  int      // of a failure
	message []string // of a failure: words of the provider that have to be told

	id, model string
	created   int64 // Unix seconds; 0: not told, and not compared
	choices   []choice
	usage     *usage
}

type choice struct {
	index                    int
	text, refusal, reasoning string
	finish, native           string
	calls                    []toolCall
	extras                   map[int]any // what a provider wants back beside a call, by its place
	annotations, images      []any
	details                  []any // of the reasoning, in the provider's form
	audio                    any
	logprobs                 any
}

// toolCall is a call of a function or of a custom tool, whose input is text.
type toolCall struct{ id, name, arguments string }

func (c toolCall) MarshalJSON() ([]byte, error) {
	return json.Marshal([]string{c.id, c.name, c.arguments})
}

// usage counts inclusively; what is not told of a prompt or completion is 0.
type usage struct{ prompt, completion, total, cached, written, reasoning int64 }

// difference is a field in which two answers differ, and both values.
type difference struct{ field, values string }

// differences compares two answers. Two failures have to agree in what they
// are; what had come of an answer is compared where both have it.
func differences(want, got *answer) (found []difference) {
	note := func(field string, want, got any) {
		if !reflect.DeepEqual(want, got) {
			found = append(found, difference{field, fmt.Sprintf("want %.400s, got %.400s", visible(want), visible(got))})
		}
	}
	note("failed", want.failed, got.failed)
	if want.failed != got.failed {
		return found
	}
	if want.failed {
		if want.status != 0 {
			note("status", want.status, got.status)
		}
		if !tells(got.message[0], want.message) {
			note("message", want.message, got.message)
		}
		if !want.partial || !got.partial {
			return found
		}
	}
	note("id", want.id, got.id)
	note("model", want.model, got.model)
	if want.created != 0 {
		note("created", want.created, got.created)
	}
	note("usage", want.usage, got.usage)
	note("choices", len(want.choices), len(got.choices))
	for i := range min(len(want.choices), len(got.choices)) {
		want, got := want.choices[i], got.choices[i]
		note("index", want.index, got.index)
		note("text", want.text, got.text)
		note("refusal", want.refusal, got.refusal)
		note("reasoning", want.reasoning, got.reasoning)
		note("finish", want.finish, got.finish)
		note("native", want.native, got.native)
		note("calls", want.calls, got.calls)
		note("extras", want.extras, got.extras)
		note("annotations", want.annotations, got.annotations)
		note("images", want.images, got.images)
		note("details", want.details, got.details)
		note("audio", want.audio, got.audio)
		note("logprobs", want.logprobs, got.logprobs)
	}
	return found
}

// extra notes what comes beside a call.
func (c *choice) extra(place int, value any) {
	if value != nil {
		if c.extras == nil {
			c.extras = map[int]any{}
		}
		c.extras[place] = value
	}
}

// named is an answer without the ids of calls that another one does not name:
// the gateway makes them, and has to make a different one for each call.
func (a answer) named(want *answer) *answer {
	a.choices = slices.Clone(a.choices)
	uses := map[string]int{}
	for _, c := range a.choices {
		for _, call := range c.calls {
			uses[call.id]++
		}
	}
	for i := range min(len(a.choices), len(want.choices)) {
		c := &a.choices[i]
		c.calls = slices.Clone(c.calls)
		for j := range min(len(c.calls), len(want.choices[i].calls)) {
			id := c.calls[j].id
			switch known := want.choices[i].calls[j].id; {
			case known != "":
			case id == "", uses[id] > 1:
				c.calls[j].id = fmt.Sprintf("%q, which is no id of its own", id)
			default:
				c.calls[j].id = ""
			}
		}
	}
	return &a
}

// sorted is an answer whose calls have their arguments in the order of names:
// a reading of JSON as such knows no other.
func (a answer) sorted() *answer {
	a.choices = slices.Clone(a.choices)
	for i := range a.choices {
		c := &a.choices[i]
		c.calls = slices.Clone(c.calls)
		for j := range c.calls {
			if value, ok := parse(c.calls[j].arguments); ok {
				written, _ := json.Marshal(value.plain())
				c.calls[j].arguments = string(written)
			}
		}
	}
	return &a
}

// visible makes a value fit for a message.
func visible(value any) string {
	if u, ok := value.(*usage); ok && u != nil {
		return fmt.Sprintf("%+v", *u)
	}
	if text, ok := value.(string); ok {
		return strconv.Quote(text)
	}
	if data, err := json.Marshal(value); err == nil && string(data) != "{}" {
		return string(data)
	}
	return fmt.Sprintf("%+v", value)
}

// toolResult is the gateway's result, as a client reads it.
type toolResult struct {
	Content           []struct{ Type, Text string } `json:"content"`
	IsError           bool                          `json:"isError"`
	StructuredContent *completion                   `json:"structuredContent"`
	Meta              struct {
		Completion *completion `json:"mcp-ai-gateway/completion"`
		Error      *struct {
			Kind   string `json:"kind"`
			Status int    `json:"status"`
		} `json:"mcp-ai-gateway/error"`
	} `json:"_meta"`
}

type completion struct {
	ID      string `json:"id"`
	Model   string `json:"model"`
	Created int64  `json:"created"`
	Choices []struct {
		Index        int    `json:"index"`
		FinishReason string `json:"finish_reason"`
		Native       string `json:"native_finish_reason"`
		Logprobs     any    `json:"logprobs"`
		Message      struct {
			Role      string  `json:"role"`
			Content   *string `json:"content"`
			Refusal   string  `json:"refusal"`
			Reasoning string  `json:"reasoning_content"`
			Details   []any   `json:"reasoning_details"`
			ToolCalls []struct {
				ID, Type string
				Function struct{ Name, Arguments string }
				Custom   struct{ Name, Input string }
				Extra    any `json:"extra_content"`
			} `json:"tool_calls"`
			Annotations []any `json:"annotations"`
			Images      []any `json:"images"`
			Audio       any   `json:"audio"`
		} `json:"message"`
	} `json:"choices"`
	Usage *struct {
		Prompt        int64 `json:"prompt_tokens"`
		Completion    int64 `json:"completion_tokens"`
		Total         int64 `json:"total_tokens"`
		PromptDetails struct {
			Cached  int64 `json:"cached_tokens"`
			Written int64 `json:"cache_write_tokens"`
		} `json:"prompt_tokens_details"`
		CompletionDetails struct {
			Reasoning int64 `json:"reasoning_tokens"`
		} `json:"completion_tokens_details"`
	} `json:"usage"`
}

// answerOf reads the gateway's answer from the effects of a replay. The error
// is what is not true of them though it is of every result.
func answerOf(effects []core.Effect) (*answer, error) {
	var deltas strings.Builder
	var result *core.Result
	for _, effect := range effects {
		switch effect := effect.(type) {
		case *core.Delta:
			deltas.WriteString(effect.Text)
		case *core.Result:
			result = effect
		case *core.Abort:
		default:
			return nil, fmt.Errorf("a replay does not expect %s", shown(effect))
		}
	}
	if result == nil {
		return nil, errors.New("no result")
	}
	var read toolResult
	if err := json.Unmarshal(result.Body, &read); err != nil {
		return nil, fmt.Errorf("the result: %w", err)
	}
	a := &answer{failed: read.IsError}
	object := read.StructuredContent
	if a.failed {
		if read.Meta.Error == nil || read.Meta.Error.Kind == "" || read.Meta.Error.Kind != string(result.Kind) {
			return nil, fmt.Errorf("a failure without its kind: %s", result.Body)
		}
		a.status, a.message = read.Meta.Error.Status, []string{read.Content[0].Text}
		object = read.Meta.Completion // what had come, without its text
	} else if result.Kind != "" || object == nil {
		return nil, fmt.Errorf("a success without completion, or of a kind: %s", result.Body)
	}
	if object == nil {
		return a, nil
	}
	a.partial = a.failed
	a.id, a.model, a.created = object.ID, object.Model, object.Created
	if u := object.Usage; u != nil {
		a.usage = &usage{u.Prompt, u.Completion, u.Total, u.PromptDetails.Cached, u.PromptDetails.Written, u.CompletionDetails.Reasoning}
	}
	for i, c := range object.Choices {
		made := choice{
			index: c.Index, refusal: c.Message.Refusal, reasoning: c.Message.Reasoning, finish: c.FinishReason, native: c.Native,
			annotations: c.Message.Annotations, images: c.Message.Images, details: c.Message.Details, audio: c.Message.Audio, logprobs: c.Logprobs,
		}
		if c.Message.Content != nil {
			made.text = *c.Message.Content
		}
		if a.failed && i == 0 && len(read.Content) > 1 { // else nothing was said
			made.text = read.Content[1].Text
			if made.text == made.refusal || len(c.Message.ToolCalls) > 0 && strings.HasPrefix(made.text, `{"tool_calls":`) {
				made.text = "" // it shows what else there is
			}
		}
		for place, call := range c.Message.ToolCalls {
			made.extra(place, call.Extra)
			made.calls = append(made.calls, toolCall{call.ID, call.Function.Name + call.Custom.Name, call.Function.Arguments + call.Custom.Input})
		}
		if i == 0 && deltas.Len() > 0 && deltas.String() != made.text {
			return nil, fmt.Errorf("the deltas say %q, the answer %q", deltas.String(), made.text)
		}
		a.choices = append(a.choices, made)
	}
	return a, nil
}

// tells reports whether a failure's sentence holds the provider's words, of
// each the beginning: more than 300 bytes are not quoted.
func tells(sentence string, words []string) bool {
	for _, said := range words {
		said = strings.Join(strings.Fields(said), " ")
		said = strings.ToValidUTF8(said[:min(len(said), 290)], "")
		if !strings.Contains(sentence, strings.TrimRight(said, ". ")) {
			return false
		}
	}
	return true
}
