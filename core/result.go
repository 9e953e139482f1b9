package core

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// toolResult is MCP's CallToolResult.
type toolResult struct {
	Content           []block        `json:"content"`
	StructuredContent any            `json:"structuredContent,omitempty"`
	IsError           bool           `json:"isError,omitempty"`
	Meta              toolResultMeta `json:"_meta"`
}

// block is one content block.
type block struct {
	Type        string            `json:"type"`           // text, image or audio
	Text        string            `json:"text,omitempty"` // of a text, which is never empty
	Data        string            `json:"data,omitempty"` // of an image or audio: base64
	MIMEType    string            `json:"mimeType,omitempty"`
	Annotations *blockAnnotations `json:"annotations,omitempty"`
}

type blockAnnotations struct {
	Audience []string `json:"audience"`
}

// toolResultMeta is what rides beside the answer.
type toolResultMeta struct {
	Completion *completion `json:"mcp-ai-gateway/completion,omitempty"`
	Comparison *comparison `json:"mcp-ai-gateway/comparison,omitempty"`
	Error      *failure    `json:"mcp-ai-gateway/error,omitempty"`
}

// completion is the completion object: OpenAI's chat.completion, and how it
// came about.
type completion struct {
	provider.Response
	Gateway gateway `json:"gateway"`
}

// gateway says what the gateway did.
type gateway struct {
	Provider       string                `json:"provider"`
	RequestedModel string                `json:"requested_model"`
	model          string                // as it was asked for
	Attempts       []attempt             `json:"attempts"`
	Adjusted       []provider.Adjustment `json:"adjusted"`
	// CostUSD is in US dollars; CostFrom is provider, where it says so itself, or
	// prices, where it was reckoned by those that are known of the model.
	CostUSD   *float64 `json:"cost_usd,omitempty"`
	CostFrom  string   `json:"cost_from,omitempty"`
	LatencyMS int64    `json:"latency_ms"`
	RequestID string   `json:"request_id,omitempty"`
	Partial   bool     `json:"partial,omitempty"`
	// Validated says whether the answer has the form that response_format
	// asked for; nil where that was not judged. Validation are the faults, or
	// why it was not judged or repaired. Repaired: the first answer had faults,
	// and this is the second.
	Validated  *bool    `json:"validated,omitempty"`
	Validation []string `json:"validation,omitempty"`
	Repaired   bool     `json:"repaired,omitempty"`
	Target     string   `json:"target"`
}

// failure is a failure's fields, for programs.
type failure struct {
	Kind        provider.Kind `json:"kind"`
	Provider    string        `json:"provider,omitempty"`
	Model       string        `json:"model,omitempty"`
	Status      int           `json:"status,omitempty"`
	RequestID   string        `json:"request_id,omitempty"`
	RetryAfterS int64         `json:"retry_after_s,omitempty"`
	Attempts    []attempt     `json:"attempts,omitempty"`
	// Adjusted is what had been changed of the request that failed.
	Adjusted []provider.Adjustment `json:"adjusted,omitempty"`
}

// completion puts the completion object together.
func (c *call) completion(answer *answer) *completion {
	adjusted := slices.Concat(answer.adjusted, c.skipped)
	if adjusted == nil {
		adjusted = []provider.Adjustment{}
	}
	object := &completion{Response: *answer.response, Gateway: gateway{
		Provider:       answer.target.row.Name,
		RequestedModel: answer.target.asked,
		model:          answer.target.id,
		Attempts:       c.reached,
		Adjusted:       adjusted,
		LatencyMS:      c.since(c.began),
		RequestID:      answer.requestID,
		Partial:        answer.fault != nil,
		Validated:      answer.validated,
		Validation:     answer.validation,
		Repaired:       answer.repaired,
		Target:         c.config.Target,
	}}
	object.Gateway.CostUSD, object.Gateway.CostFrom = costOf(answer, c.reached)
	if object.Created == 0 {
		object.Created = c.engine.now / 1000
	}
	if object.Model == "" {
		object.Model = answer.target.id
	}
	return object
}

// costOf is what an answer cost, and those that it replaced, in US dollars, and
// who says so: the provider itself, or the prices that are known of the model;
// nil where nobody does.
func costOf(answer *answer, attempts []attempt) (cost *float64, from string) {
	usages := []*provider.Usage{answer.response.Usage}
	for _, attempt := range attempts {
		if attempt.Usage != nil {
			usages = append(usages, attempt.Usage)
		}
	}
	var price *provider.Price
	if known := answer.target.model; known != nil {
		price = known.Price
	}
	sum, from := 0.0, "provider"
	for _, usage := range usages {
		switch {
		case usage == nil:
			return nil, ""
		case usage.CostUSD != nil:
			sum += *usage.CostUSD
		default:
			dollars, known := price.Of(usage)
			if !known {
				return nil, ""
			}
			sum, from = sum+dollars, "prices"
		}
	}
	return &sum, from
}

// succeed ends the call with an answer.
func (c *call) succeed(answer *answer) {
	object := c.completion(answer)
	result := toolResult{}
	if c.config.Output == OutputRaw {
		raw := []byte(object.Raw)
		if raw == nil { // a stream is no document: its assembled answer is
			raw, _ = json.Marshal(object.Response)
		}
		result.Content = []block{{Type: "text", Text: string(json.Indent(raw))}}
		c.finish("", &result)
		return
	}
	var left *completion
	result.Content, left = c.content(object, answer, true)
	if answer.wrong() {
		result.Content = append(result.Content, aside("The answer is "+notAsked(object)))
	}
	result.Content = append(result.Content, block{
		Type: "text", Text: c.summary(object), Annotations: &blockAnnotations{Audience: []string{"user"}},
	})
	if c.config.Output == OutputStructured {
		result.StructuredContent = left
	} else {
		result.Meta.Completion = left
	}
	c.finish("", &result)
}

// dryRun is what a dry run shows: the request that would be sent.
type dryRun struct {
	Provider string                `json:"provider"`
	Model    string                `json:"model"`
	Method   string                `json:"method"`
	URL      string                `json:"url"`
	Header   []provider.Field      `json:"header"`
	Body     json.RawMessage       `json:"body"`
	Adjusted []provider.Adjustment `json:"adjusted"`
	// Fallbacks are whom would be asked if that one failed.
	Fallbacks []string `json:"fallbacks,omitempty"`
}

// succeedDry ends a dry run.
func (c *call) succeedDry(request *dryRun) {
	text, err := json.Marshal(request)
	if err != nil {
		text = unwritable
	}
	c.finish("", &toolResult{Content: []block{{Type: "text", Text: string(json.Indent(text))}}})
}

// Failure is the result with which a host answers a call that no machine
// could: it refused the call, or the machine died.
func Failure(id ID, fault *provider.Error) *Result {
	body, err := json.Marshal(&toolResult{
		Content: []block{{Type: "text", Text: sentence(fault, "", 0)}},
		IsError: true,
		Meta:    toolResultMeta{Error: &failure{Kind: fault.Kind}},
	})
	if err != nil {
		body = unwritable
	}
	return &Result{ID: id, Kind: fault.Kind, Body: body}
}

// unwritable stands where a result could not be written: every field is a
// string, a number or JSON that was read as such, so it never should.
var unwritable = []byte(`{"content":[{"type":"text","text":"The result could not be written as JSON (kind internal)."}],"isError":true}`)

// fail ends the call with a failure, and keeps what had come of an answer.
func (c *call) fail(fault *provider.Error, answer *answer) {
	if c.canceled {
		fault = errCanceled // whatever the decoder made of the sudden end
	}
	words, failure := c.failure(fault, answer)
	result := toolResult{IsError: true, Meta: toolResultMeta{Error: failure}}
	result.Content = []block{{Type: "text", Text: words}}
	if answer != nil && answer.response != nil && (len(answer.response.Choices) > 0 || answer.response.Usage != nil) {
		var blocks []block
		blocks, result.Meta.Completion = c.content(c.completion(answer), answer, false)
		if result.Content = append(result.Content, blocks...); len(blocks) > 0 {
			result.Content[0].Text += " What had come of the answer follows."
		}
	}
	c.finish(fault.Kind, &result)
}

// failure is a failure as a sentence, and as fields.
func (c *call) failure(fault *provider.Error, answer *answer) (string, *failure) {
	failure := &failure{
		Kind: fault.Kind, Status: fault.Status, RequestID: fault.RequestID,
		RetryAfterS: (fault.RetryAfterMS + 999) / 1000, Attempts: c.reached,
	}
	who := ""
	if answer != nil {
		if answer.sent { // else it is the gateway that refuses
			who = answer.target.row.Name
		}
		failure.Provider, failure.Model, failure.Adjusted = answer.target.row.Name, answer.target.id, slices.Concat(answer.adjusted, c.skipped)
		if failure.RequestID == "" {
			failure.RequestID = answer.requestID
		}
	}
	words := sentence(fault, who, begun(c.reached))
	if others := c.failedBefore(failure.Provider, failure.Model); others != "" {
		words += " Before that failed: " + others + "."
	}
	return words, failure
}

// begun counts the attempts that the host let begin.
func begun(attempts []attempt) (n int) {
	for _, attempt := range attempts {
		if !attempt.Refused {
			n++
		}
	}
	return n
}

// failedBefore lists the other models that were asked, and how each failed last.
func (c *call) failedBefore(row, model string) string {
	var others []string
	for i, tried := range c.reached {
		last := i+1 == len(c.reached) || c.reached[i+1].Provider != tried.Provider || c.reached[i+1].Model != tried.Model
		if last && (tried.Provider != row || tried.Model != model) {
			others = append(others, tried.Provider+"/"+tried.Model+" ("+string(tried.Kind)+")")
		}
	}
	return strings.Join(others, ", ")
}

func (c *call) finish(kind provider.Kind, result *toolResult) {
	body, err := json.Marshal(result)
	if err != nil {
		kind, body = provider.Internal, unwritable
	}
	c.end(kind, body)
}

// content is a completion object's answers as content, and what is left of the
// object: nothing that would only stand a second time. Of each choice come the
// text, first and alone, the tool calls as one JSON text, the images, the sound
// and, of a success, how it ended. In text mode images and sound are blocks of
// their own, and the object is without the text and their data (an image keeps
// its data:TYPE;base64, and a sound its other fields). In structured mode the
// object has all of it, since clients that read it drop content, and the content
// only says that there are images: base64 that stands twice goes beyond what
// clients take. So does what goes beyond MediaLimit, which is in neither.
func (c *call) content(object *completion, answer *answer, succeeded bool) (blocks []block, left *completion) {
	shown := &shown{elsewhere: succeeded && c.config.Output == OutputStructured, format: soundFormat(answer.target.request), room: -1}
	if c.config.MediaLimit > 0 {
		shown.room = c.config.MediaLimit
	}
	copied := *object
	left = &copied
	left.Choices = slices.Clone(object.Choices)
	for i, choice := range object.Choices {
		if text := answerText(choice.Message); text != "" {
			blocks = append(blocks, block{Type: "text", Text: text})
		}
		if len(choice.Message.ToolCalls) > 0 {
			if calls, err := json.Marshal(struct {
				ToolCalls []provider.ToolCall `json:"tool_calls"`
			}{choice.Message.ToolCalls}); err == nil {
				blocks = append(blocks, block{Type: "text", Text: string(calls)})
			}
		}
		var images, sound []block
		message := &left.Choices[i].Message
		images, message.Images = shown.images(choice.Message.Images)
		sound, message.Audio = shown.audio(choice.Message.Audio)
		blocks = append(append(blocks, images...), sound...)
		if !shown.elsewhere {
			message.Content = nil
		}
		if words := ending(choice, object.Usage); succeeded && words != "" {
			blocks = append(blocks, aside(words))
		}
	}
	if shown.wrapped {
		object.Gateway.Adjusted = append(slices.Clone(object.Gateway.Adjusted), wrapping)
		left.Gateway.Adjusted = object.Gateway.Adjusted
	}
	return blocks, left
}

// answerText is the answer's text, or else the refusal's, or what is spoken in
// its sound.
func answerText(message provider.AnswerMessage) string {
	if message.Content != nil && *message.Content != "" {
		return *message.Content
	}
	return cmp.Or(message.Refusal, json.Parse(message.Audio).Get("transcript").String())
}

// ending tells the assistant how an answer ended that is empty or cut, which
// its text does not show; "" of any other.
func ending(choice provider.Choice, usage *provider.Usage) string {
	message := choice.Message
	state := "cut"
	if answerText(message) == "" && len(message.ToolCalls)+len(message.Images)+len(message.Audio) == 0 {
		state = "empty"
	}
	why := ""
	switch {
	case choice.NativeFinishReason == "model_context_window_exceeded":
		why = "the model's context is full; shorten the messages"
	case choice.FinishReason == provider.FinishLength:
		why = "the limit of tokens was reached"
		if state == "empty" && usage != nil && usage.CompletionTokensDetails != nil && usage.CompletionTokensDetails.ReasoningTokens > 0 {
			why = "the limit of tokens was used up by " + count(usage.CompletionTokensDetails.ReasoningTokens, "reasoning token")
		} else if state == "empty" && message.ReasoningContent != "" {
			why = "the limit of tokens was used up by reasoning"
		}
		why += "; raise max_tokens"
	case choice.FinishReason == provider.FinishContentFilter && message.Refusal != "" && answerText(message) == message.Refusal:
		return "" // the text says it
	case choice.FinishReason == provider.FinishContentFilter:
		why = "a content filter stopped it"
		if choice.NativeFinishReason == "refusal" {
			why = "the model refused"
		}
		if message.Refusal != "" {
			why += " (" + strings.TrimRight(message.Refusal, ". ") + ")"
		}
		why += "; rephrase the messages, or choose another model"
	case choice.NativeFinishReason == "pause_turn":
		why = "the provider paused it; send it back as the last message to have it go on"
	case wantsApproval(message):
		why = "a tool on the provider's side wants an approval (mcp_approval_request); set its require_approval to never"
	case state == "cut": // by nothing
		return ""
	case message.ReasoningContent != "" || len(message.ReasoningDetails) > 0:
		why = "the model reasoned and said nothing; ask again, or choose another model"
	default:
		why = "the model said nothing; ask again, or choose another model"
	}
	return "The answer is " + state + ": " + why + "."
}

// wantsApproval knows an answer that waits for leave to call an MCP server.
func wantsApproval(message provider.AnswerMessage) bool {
	return slices.ContainsFunc(message.ReasoningDetails, func(detail json.RawMessage) bool {
		return json.Parse(detail).Get("type").String() == "mcp_approval_request"
	})
}

// notAsked says what is wrong with an answer that has not the form asked for.
func notAsked(object *completion) string {
	return "not of the form that was asked for: " + strings.Join(object.Gateway.Validation, "; ")
}

// summary is one line for the person: who answered, what it took.
func (c *call) summary(object *completion) string {
	words := []string{object.Model + " (" + object.Gateway.Provider + ")"}
	if usage := object.Usage; usage != nil {
		in, out := usage.PromptTokens, usage.CompletionTokens
		for _, attempt := range object.Gateway.Attempts { // an answer that was replaced cost as much
			if attempt.Usage != nil {
				in, out = in+attempt.Usage.PromptTokens, out+attempt.Usage.CompletionTokens
			}
		}
		words = append(words, count(in, "token")+" in, "+strconv.FormatInt(out, 10)+" out")
		if cost := object.Gateway.CostUSD; cost != nil && *cost > 0 {
			words = append(words, price(*cost))
		}
	}
	words = append(words, seconds(object.Gateway.LatencyMS))
	if tries := begun(object.Gateway.Attempts); tries > 1 {
		words = append(words, strconv.Itoa(tries)+" attempts")
	}
	if failed := c.failedBefore(object.Gateway.Provider, object.Gateway.model); failed != "" {
		words = append(words, "instead of "+failed)
	}
	for _, choice := range object.Choices {
		switch choice.FinishReason {
		case provider.FinishLength:
			words = append(words, "cut at the limit of tokens")
		case provider.FinishContentFilter:
			words = append(words, "cut by a content filter")
		}
	}
	if object.Gateway.Repaired {
		words = append(words, "asked for again, since the first answer was not of the form asked for")
	}
	if validated := object.Gateway.Validated; validated != nil && !*validated {
		words = append(words, notAsked(object))
	} else {
		words = append(words, object.Gateway.Validation...)
	}
	for _, adjustment := range object.Gateway.Adjusted {
		words = append(words, adjustment.Parameter+" "+adjustment.Action+": "+adjustment.Reason)
	}
	return strings.Join(words, " · ")
}

// price writes dollars, for small amounts too as 0.00004, not 4e-05.
func price(dollars float64) string {
	text := strconv.FormatFloat(dollars, 'g', 4, 64)
	if strings.Contains(text, "e") {
		text = strings.TrimRight(strconv.FormatFloat(dollars, 'f', 9, 64), "0")
	}
	return "$" + strings.TrimSuffix(text, ".")
}

func count(n int64, noun string) string {
	text := strconv.FormatInt(n, 10) + " " + noun
	if n != 1 {
		text += "s"
	}
	return text
}

func seconds(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', 1, 64) + " s" }

// sentence says what happened, what to do next, and the kind.
func sentence(fault *provider.Error, who string, attempts int) string {
	var s strings.Builder
	if who != "" && fault.Kind != provider.Canceled {
		s.WriteString(who)
		if fault.Status >= 300 {
			s.WriteString(" answered " + strconv.Itoa(fault.Status))
		}
		s.WriteString(": ")
	}
	message := fault.Message
	if message == "" {
		message = "no explanation was given"
	}
	s.WriteString(strings.TrimRight(message, ". "))
	s.WriteString(" (kind " + string(fault.Kind))
	if fault.Code != "" && fault.Code != string(fault.Kind) {
		s.WriteString(", code " + fault.Code)
	}
	if attempts > 1 {
		s.WriteString(", after " + strconv.Itoa(attempts) + " attempts")
	}
	s.WriteString(").")
	next := fault.Next
	if next == "" {
		next = nextSteps[fault.Kind]
	}
	if fault.RetryAfterMS > 0 && fault.Next == "" && waitingHelps(fault) {
		next = "Try again in " + strconv.FormatInt((fault.RetryAfterMS+999)/1000, 10) + " s."
	}
	if next != "" {
		s.WriteString(" " + next)
	}
	return s.String()
}

// waitingHelps reports whether the wait that a provider asks for is what to do.
func waitingHelps(fault *provider.Error) bool {
	switch fault.Kind {
	case provider.RateLimit, provider.Overloaded, provider.Timeout:
		return true
	case provider.Authentication, provider.Quota:
		return false
	}
	return fault.Retry
}

// nextSteps is what to do about a kind where nothing better is known.
var nextSteps = map[provider.Kind]string{
	provider.InvalidRequest: "Correct the arguments and call again.",
	provider.Authentication: "Check the key of this provider in the gateway's configuration.",
	provider.Permission:     "The key is not allowed to do this; use another model or key.",
	provider.NotFound:       "Check the model's name and the endpoint.",
	provider.ContextLength:  "Shorten the messages, or choose a model with a larger context.",
	provider.TooLarge:       "Send less at once.",
	provider.ContentFilter:  "Rephrase the messages, or choose another model.",
	provider.RateLimit:      "Wait and try again, or choose another model.",
	provider.Quota:          "The account has no quota or credit left; top it up, or choose another provider.",
	provider.Overloaded:     "Try again in a while, or choose another model.",
	provider.Timeout:        "Try again, ask for less, or raise REQUEST_TIMEOUT.",
	provider.Network:        "Check the endpoint and the connection, then try again.",
	provider.BadReply:       "Try again; if it stays, check the endpoint.",
	provider.Budget:         "Raise the budget in the gateway's configuration.",
	provider.Internal:       "Try again; if it stays, report it with the steps that led here.",
}
