package traffic

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"google.golang.org/genai"
)

// RoundTrip makes a recording the network of an SDK.
func (r *recording) RoundTrip(request *http.Request) (*http.Response, error) {
	header := http.Header{}
	for _, field := range r.header {
		header.Set(field.Name, field.Value)
	}
	return &http.Response{
		Status: http.StatusText(r.status), StatusCode: r.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(r.forSDK())), ContentLength: int64(len(r.forSDK())), Request: request,
	}, nil
}

var signature = regexp.MustCompile(`"thoughtSignature":\s*"[^"]*"`)

// forSDK is the reply's body. Some recordings of Gemini were written anew, with
// signatures in base64's alphabet for URLs, which JSON of protobuf allows and
// the SDK refuses, and with it the whole reply: it gets them in the other one.
func (r *recording) forSDK() []byte {
	if r.form != geminiForm {
		return r.body
	}
	return signature.ReplaceAllFunc(r.body, func(field []byte) []byte {
		return bytes.ReplaceAll(bytes.ReplaceAll(field, []byte("-"), []byte("+")), []byte("_"), []byte("/"))
	})
}

// unknownToSDKs are the fields that an SDK does not have, or not in a form that
// compares: they are held by the reading of the recorded JSON alone.
var unknownToSDKs = map[form][]string{
	openAIForm:    append([]string{"reasoning", "native"}, ofTheGateway...),
	responsesForm: ofTheGateway,
	anthropicForm: append([]string{"reasoning", "native"}, ofTheGateway...),
	geminiForm:    ofTheGateway,
}

var ofTheGateway = []string{"details", "annotations", "images", "audio", "logprobs", "extras"}

// askSDK has the form's official SDK read a recording, as its user would.
func askSDK(r *recording) *answer {
	network := &http.Client{Transport: r}
	var a *answer
	var err error
	switch r.form {
	case anthropicForm:
		a, err = askAnthropic(anthropic.NewClient(anthropicoption.WithAPIKey("none"), anthropicoption.WithHTTPClient(network), anthropicoption.WithMaxRetries(0)), r)
	case geminiForm:
		a, err = askGemini(network, r)
	default:
		client := openai.NewClient(openaioption.WithAPIKey("none"), openaioption.WithHTTPClient(network), openaioption.WithMaxRetries(0))
		ask := askOpenAI
		if r.form == responsesForm {
			ask = askResponses
		}
		a, err = ask(client, r)
	}
	if err == nil {
		return a
	}
	a.failed = true
	var openAIError *openai.Error
	var anthropicError *anthropic.Error
	var geminiError genai.APIError
	switch {
	case errors.As(err, &openAIError):
		a.status = openAIError.StatusCode
		if openAIError.Message != "" {
			a.message = []string{openAIError.Message}
		}
	case errors.As(err, &anthropicError):
		a.status, a.message = anthropicError.StatusCode, wordsOf([]byte(anthropicError.RawJSON()))
	case errors.As(err, &geminiError):
		a.message = []string{geminiError.Message}
		if r.status >= 300 { // else the body alone says it
			a.status = geminiError.Code
		}
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
	{responsesForm, []string{"id"}, renames, "it has the id of the last event, where a gateway gives each event another"},
	{geminiForm, []string{"calls"}, holds(`"partialArgs"`), "it hands pieces of arguments on as they come"},
	{geminiForm, []string{"message"}, isList, "it does not read an error that is a list"},
	{geminiForm, nil, hasNumber("finishReason"), "it refuses an enum that is written as its number"},
}

// sighting says what recordings showed of a limit: some met its condition, some
// differed for it.
type sighting struct{ met, needed bool }

func holds(sign string) func(*recording, *answer) bool {
	return func(r *recording, _ *answer) bool { return bytes.Contains(r.body, []byte(sign)) }
}

// renames finds a response whose id is not the same in every event.
func renames(r *recording, want *answer) bool {
	for _, event := range events(r.body) {
		value, _ := parse(event.data)
		if value.at("type").text() == "response.completed" {
			return value.at("response", "id").text() != want.id
		}
	}
	return false
}

// hasNumber finds a member whose value is a number, where it should be a word.
func hasNumber(name string) func(*recording, *answer) bool {
	sign := regexp.MustCompile(`"` + name + `":\s*[0-9]`)
	return func(r *recording, _ *answer) bool { return sign.Match(r.body) }
}

func isList(r *recording, _ *answer) bool {
	return r.status >= 300 && bytes.HasPrefix(r.body, []byte("["))
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

func askResponses(client openai.Client, r *recording) (*answer, error) {
	params := responses.ResponseNewParams{Model: "any", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Hello")}}
	var whole responses.Response
	if r.asStream() {
		stream := client.Responses.NewStreaming(context.Background(), params)
		defer stream.Close()
		items := map[int64]responses.ResponseOutputItemUnion{}
		for whole.ID == "" && stream.Next() { // nothing follows the whole response
			switch event := stream.Current(); event.Type {
			case "response.output_item.done":
				items[event.OutputIndex] = event.Item
			case "response.completed", "response.incomplete", "response.failed":
				whole = event.Response
			case "error":
				return &answer{message: []string{event.Message}}, errBroken
			}
		}
		if err := stream.Err(); err != nil {
			return &answer{}, err
		}
		if len(whole.Output) == 0 { // nothing, though items came
			for _, index := range slices.Sorted(maps.Keys(items)) {
				whole.Output = append(whole.Output, items[index])
			}
		}
	} else {
		got, err := client.Responses.New(context.Background(), params)
		if err != nil {
			return &answer{}, err
		}
		whole = *got
	}
	a := &answer{id: whole.ID, model: whole.Model, created: int64(whole.CreatedAt)}
	if u := whole.Usage; whole.JSON.Usage.Valid() {
		a.usage = &usage{
			u.InputTokens, u.OutputTokens, u.TotalTokens,
			u.InputTokensDetails.CachedTokens, u.InputTokensDetails.CacheWriteTokens, u.OutputTokensDetails.ReasoningTokens,
		}
		a.usage.include(0)
	}
	c := choice{}
	var thoughts []string
	for _, item := range whole.Output {
		switch item.Type {
		case "message":
			for _, part := range item.Content {
				if part.Type == "output_text" {
					c.text += part.Text
				}
				c.refusal += part.Refusal
			}
		case "reasoning":
			for _, part := range item.Summary {
				thoughts = append(thoughts, part.Text)
			}
			for _, part := range item.AsReasoning().Content {
				thoughts = append(thoughts, part.Text)
			}
		case "function_call":
			c.calls = append(c.calls, toolCall{item.CallID, item.Name, cmp.Or(item.Arguments.OfString, "{}")})
		case "custom_tool_call":
			c.calls = append(c.calls, toolCall{item.CallID, item.Name, item.Input})
		}
	}
	c.reasoning = joinThoughts(thoughts)
	c.finish, c.native = finishResponses(string(whole.Status), whole.IncompleteDetails.Reason, len(c.calls) > 0, true)
	a.choices = []choice{c}
	switch whole.Status {
	case responses.ResponseStatusFailed, responses.ResponseStatusCancelled:
		a.message = []string{whole.Error.Message}
		return a, errBroken
	case responses.ResponseStatusCompleted, responses.ResponseStatusIncomplete:
		return a, nil
	}
	return a, errBroken // there is no response yet, or none came
}

// errBroken is what an SDK's user makes of an answer that ended otherwise than
// well, of which the SDK makes no error.
var errBroken = errors.New("the answer says that it is none")

func askGemini(network *http.Client, r *recording) (*answer, error) {
	config := &genai.ClientConfig{Backend: genai.BackendGeminiAPI, APIKey: "none", HTTPClient: network}
	if strings.Contains(r.url, "aiplatform") {
		config.Backend = genai.BackendVertexAI
	}
	client, err := genai.NewClient(context.Background(), config)
	if err != nil {
		return &answer{}, err
	}
	var pieces []*genai.GenerateContentResponse
	once := false
	// Else it would ask for the rest of an answer that goes on elsewhere.
	alone := &genai.GenerateContentConfig{AutomaticContinuation: genai.Ptr(false)}
	switch prompt := genai.Text("Hello"); {
	case r.asStream():
		for piece, err := range client.Models.GenerateContentStream(context.Background(), "any", prompt, alone) {
			if err != nil {
				return &answer{}, err
			}
			pieces = append(pieces, piece)
		}
	case r.streamed: // a list, which the SDK never asks for: its types read it
		if err := json.Unmarshal(r.forSDK(), &pieces); err != nil {
			return &answer{}, err
		}
	default:
		piece, err := client.Models.GenerateContent(context.Background(), "any", prompt, alone)
		if err != nil {
			return &answer{}, err
		}
		pieces, once = []*genai.GenerateContentResponse{piece}, true
	}
	a := &answer{}
	var blocked *genai.GenerateContentResponsePromptFeedback
	for _, piece := range pieces {
		a.id, a.model = cmp.Or(a.id, piece.ResponseID), cmp.Or(a.model, piece.ModelVersion)
		if !piece.CreateTime.IsZero() && a.created == 0 {
			a.created = piece.CreateTime.Unix()
		}
		if u := piece.UsageMetadata; u != nil && (u.PromptTokenCount > 0 || u.TotalTokenCount > 0) {
			a.usage = &usage{
				int64(u.PromptTokenCount + u.ToolUsePromptTokenCount), int64(u.CandidatesTokenCount + u.ThoughtsTokenCount), int64(u.TotalTokenCount),
				int64(u.CachedContentTokenCount), 0, int64(u.ThoughtsTokenCount),
			}
			a.usage.include(0)
		}
		if feedback := piece.PromptFeedback; feedback != nil && feedback.BlockReason != "" {
			blocked = feedback
		}
		for _, said := range piece.Candidates {
			c := a.choice(int(said.Index))
			if said.FinishReason != "" && said.FinishReason != genai.FinishReasonUnspecified {
				c.native = string(said.FinishReason)
			}
			if said.FinishMessage != "" {
				c.refusal = said.FinishMessage
			}
			if said.Content == nil {
				continue
			}
			for _, part := range said.Content.Parts {
				switch call := part.FunctionCall; {
				case call != nil && call.Name != "":
					arguments, err := json.Marshal(call.Args)
					if err != nil {
						return a, err
					}
					if call.Args == nil {
						arguments = []byte("{}")
					}
					c.calls = append(c.calls, toolCall{call.ID, call.Name, string(arguments)})
				case part.Thought:
					c.reasoning += part.Text
				default:
					c.text += part.Text
				}
			}
		}
	}
	if len(a.choices) == 0 && blocked != nil {
		a.choices = []choice{{finish: "content_filter", native: string(blocked.BlockReason), refusal: blocked.BlockReasonMessage}}
		return a, nil
	}
	broken := len(a.choices) == 0
	for i := range a.choices {
		c := &a.choices[i]
		c.finish = finishGemini(c.native, len(c.calls) > 0, c.text != "" || len(c.calls) > 0)
		if c.native == "" && blocked != nil { // after some of the answer
			c.finish, c.native, c.refusal = "content_filter", string(blocked.BlockReason), cmp.Or(c.refusal, blocked.BlockReasonMessage)
		}
		if c.finish != "content_filter" {
			c.refusal = ""
		}
		// The SDK's documentation: without a reason the model has not stopped.
		broken = broken || c.finish == "error" || c.native == "" && !once
	}
	if broken {
		return a, errBroken
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
