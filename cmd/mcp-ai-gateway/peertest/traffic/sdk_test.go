package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"
)

// RoundTrip makes a recording the network of an SDK.
func (r *recording) RoundTrip(request *http.Request) (*http.Response, error) {
	header := http.Header{}
	for _, field := range r.header {
		header.Set(field.Name, field.Value)
	}
	return &http.Response{
		Status: http.StatusText(r.status), StatusCode: r.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(r.body)), ContentLength: int64(len(r.body)), Request: request,
	}, nil
}

// unknownToSDKs are the fields that no SDK has: they are held by the reading
// of the recorded JSON alone.
var unknownToSDKs = []string{"reasoning", "details", "native", "annotations", "images", "audio", "logprobs"}

// askSDK has the form's official SDK read a recording, as its user would.
func askSDK(r *recording) *answer {
	network := &http.Client{Transport: r}
	var a *answer
	var err error
	if r.form == anthropicForm {
		client := anthropic.NewClient(anthropicoption.WithAPIKey("none"), anthropicoption.WithHTTPClient(network), anthropicoption.WithMaxRetries(0))
		a, err = askAnthropic(client, r)
	} else {
		client := openai.NewClient(openaioption.WithAPIKey("none"), openaioption.WithHTTPClient(network), openaioption.WithMaxRetries(0))
		a, err = askOpenAI(client, r)
	}
	if err == nil {
		return a
	}
	a.failed = true
	var openAIError *openai.Error
	var anthropicError *anthropic.Error
	switch {
	case errors.As(err, &openAIError):
		a.status = openAIError.StatusCode
		if openAIError.Message != "" {
			a.message = []string{openAIError.Message}
		}
	case errors.As(err, &anthropicError):
		a.status, a.message = anthropicError.StatusCode, wordsOf([]byte(anthropicError.RawJSON()))
	}
	return a
}

// limit is what an SDK does not know of other servers than its vendor's, or
// sees otherwise. There the reading of the recorded JSON stands alone.
type limit struct {
	form   form
	fields []string // of an answer; nil: all
	met    func(r *recording, want *answer) bool
	why    string
}

// limits are the known ones. One whose recordings no longer need it fails the
// test, as an exception does.
var limits = []limit{
	{anthropicForm, []string{"model"}, holds(`"type":"fallback"`), "it keeps the model that began, not the one that went on"},
	{anthropicForm, nil, holds("\ndata: [DONE]"), "it takes the last line that gateways add for broken JSON"},
	{openAIForm, []string{"text"}, holds(`"thinking":[`), "it hands Mistral's list of parts on as JSON text"},
	{openAIForm, []string{"usage"}, holds(`"num_cached_tokens"`), "it does not know Mistral's count of cached tokens"},
	{openAIForm, []string{"failed"}, failsWhole, "it takes an error of status 200 for a completion without choices"},
	{openAIForm, []string{"failed"}, holds("\nerror: {"), "it drops llama.cpp's field error, and with it the failure"},
	{openAIForm, []string{"failed"}, isCut, "it does not notice that a stream was cut"},
	{anthropicForm, []string{"failed"}, isCut, "it does not notice that a stream was cut"},
}

// sighting says what recordings showed of a limit: some met its condition, some
// differed for it.
type sighting struct{ met, needed bool }

func holds(sign string) func(*recording, *answer) bool {
	return func(r *recording, _ *answer) bool { return bytes.Contains(r.body, []byte(sign)) }
}

func failsWhole(r *recording, want *answer) bool {
	return r.status < 300 && !r.isStream() && want.message != nil
}

func isCut(r *recording, want *answer) bool {
	return r.isStream() && want.failed && want.message == nil
}

// excuses finds the limit that explains why an SDK's answer differs in a field.
func excuses(r *recording, want *answer, field string) (index int, ok bool) {
	for i, l := range limits {
		if l.form == r.form && (l.fields == nil || slices.Contains(l.fields, field)) && l.met(r, want) {
			return i, true
		}
	}
	return 0, false
}

// errRefused says that an accumulator did not take a piece.
var errRefused = errors.New("the SDK's accumulator refuses a piece of the stream")

func askOpenAI(client openai.Client, r *recording) (*answer, error) {
	params := openai.ChatCompletionNewParams{Model: "any", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello")}}
	var whole openai.ChatCompletion
	var counts openai.CompletionUsage
	if r.asStream() {
		stream := client.Chat.Completions.NewStreaming(context.Background(), params)
		defer stream.Close()
		var pieces openai.ChatCompletionAccumulator
		for stream.Next() {
			chunk := stream.Current()
			if !pieces.AddChunk(chunk) {
				return &answer{}, errRefused
			}
			if chunk.JSON.Usage.Valid() { // the accumulator adds them up
				counts = chunk.Usage
			}
		}
		if err := stream.Err(); err != nil {
			return &answer{}, err
		}
		whole = pieces.ChatCompletion
	} else {
		got, err := client.Chat.Completions.New(context.Background(), params)
		if err != nil {
			return &answer{}, err
		}
		whole, counts = *got, got.Usage
	}
	a := &answer{id: whole.ID, model: whole.Model}
	if counts.RawJSON() != "" {
		a.usage = &usage{
			prompt: counts.PromptTokens, completion: counts.CompletionTokens, total: counts.TotalTokens,
			cached: counts.PromptTokensDetails.CachedTokens, written: counts.PromptTokensDetails.CacheWriteTokens,
			reasoning: counts.CompletionTokensDetails.ReasoningTokens,
		}
		a.usage.include(counts.PromptTokensDetails.AudioTokens)
	}
	for _, c := range whole.Choices {
		made := choice{index: int(c.Index), text: c.Message.Content, refusal: c.Message.Refusal}
		for _, call := range c.Message.ToolCalls {
			made.calls = append(made.calls, toolCall{call.ID, call.Function.Name + call.Custom.Name, call.Function.Arguments + call.Custom.Input})
		}
		if call := c.Message.JSON.FunctionCall; call.Valid() { // the form of 2023, which the SDK calls deprecated
			if old, _ := parse(call.Raw()); old.at("name").text() != "" { // Snowflake sends it empty
				made.calls = append(made.calls, toolCall{"", old.at("name").text(), old.at("arguments").text()})
			}
		}
		made.finish = finishOpenAI(c.FinishReason, len(made.calls) > 0, true)
		a.choices = append(a.choices, made)
	}
	return a, nil
}

func askAnthropic(client anthropic.Client, r *recording) (*answer, error) {
	params := anthropic.MessageNewParams{Model: "any", MaxTokens: 1, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Hello"))}}
	var whole anthropic.Message
	if r.asStream() {
		stream := client.Messages.NewStreaming(context.Background(), params)
		defer stream.Close()
		for stream.Next() {
			if err := whole.Accumulate(stream.Current()); err != nil {
				return &answer{}, errors.Join(errRefused, err)
			}
		}
		if err := stream.Err(); err != nil {
			return &answer{}, err
		}
	} else {
		got, err := client.Messages.New(context.Background(), params)
		if err != nil {
			return &answer{}, err
		}
		whole = *got
	}
	a := &answer{id: whole.ID, model: string(whole.Model)}
	u := whole.Usage
	a.usage = &usage{
		prompt: u.InputTokens + u.CacheReadInputTokens + u.CacheCreationInputTokens, completion: u.OutputTokens,
		cached: u.CacheReadInputTokens, written: u.CacheCreationInputTokens, reasoning: u.OutputTokensDetails.ThinkingTokens,
	}
	a.usage.total = a.usage.prompt + a.usage.completion
	c := choice{}
	for _, block := range whole.Content {
		switch block.Type {
		case "text":
			c.text += block.Text
		case "tool_use":
			input := bytes.NewBuffer(block.Input)
			if !r.asStream() { // a streamed one is text, and stays as it came
				input = new(bytes.Buffer)
				if err := json.Compact(input, block.Input); err != nil {
					return a, err
				}
			}
			c.calls = append(c.calls, toolCall{block.ID, block.Name, input.String()})
		}
	}
	if whole.StopReason == anthropic.StopReasonRefusal {
		c.refusal = whole.StopDetails.Explanation
	}
	c.finish = finishAnthropic(string(whole.StopReason), len(c.calls) > 0)
	a.choices = []choice{c}
	return a, nil
}
