package imitation

import (
	"encoding/json"
	"fmt"
	"slices"
)

// responses is OpenAI's Responses API, without anything that is stored.
// https://platform.openai.com/docs/api-reference/responses
type responses struct{ openAI }

// Wire types.

type responsesRequest struct {
	Model           string          `json:"model"`
	Input           json.RawMessage `json:"input"` // a string, or []responsesInput
	Instructions    string          `json:"instructions"`
	MaxOutputTokens *int            `json:"max_output_tokens"`
	Stream          bool            `json:"stream"`
	Include         []string        `json:"include"`
	Text            struct {
		Format struct {
			Type   string          `json:"type"`
			Name   string          `json:"name"`
			Schema json.RawMessage `json:"schema"`
		} `json:"format"`
	} `json:"text"`
}

// responsesInput is an item of the input. A message need not say its type.
type responsesInput struct {
	Type    string          `json:"type"`
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
	CallID  string          `json:"call_id"`
	Output  json.RawMessage `json:"output"` // of function_call_output
}

type responsesBody struct {
	ID                string           `json:"id"`
	Object            string           `json:"object"`
	CreatedAt         int              `json:"created_at"` // Unix seconds
	Status            string           `json:"status"`
	Error             *responsesError  `json:"error"`
	IncompleteDetails *responsesReason `json:"incomplete_details"`
	Model             string           `json:"model"`
	Output            []responsesItem  `json:"output"`
	ParallelToolCalls bool             `json:"parallel_tool_calls"`
	Store             bool             `json:"store"`
	Usage             *responsesUsage  `json:"usage"`
}

type responsesReason struct {
	Reason string `json:"reason"`
}

type responsesError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// responsesItem is an item of the output: its type says which fields it has.
type responsesItem struct {
	ID               string           `json:"id"`
	Type             string           `json:"type"` // message, reasoning or function_call
	Status           string           `json:"status,omitempty"`
	Role             string           `json:"role,omitempty"`
	Content          *[]responsesPart `json:"content,omitempty"`
	Summary          *[]responsesPart `json:"summary,omitempty"`
	EncryptedContent string           `json:"encrypted_content,omitempty"`
	CallID           string           `json:"call_id,omitempty"`
	Name             string           `json:"name,omitempty"`
	Arguments        *string          `json:"arguments,omitempty"`
}

type responsesPart struct {
	Type        string `json:"type"` // output_text or summary_text
	Text        string `json:"text"`
	Annotations *[]any `json:"annotations,omitempty"` // of output_text
}

type responsesUsage struct {
	InputTokens  int `json:"input_tokens"`
	InputDetails struct {
		CachedTokens int `json:"cached_tokens"`
	} `json:"input_tokens_details"`
	OutputTokens  int `json:"output_tokens"`
	OutputDetails struct {
		ReasoningTokens int `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
	TotalTokens int `json:"total_tokens"`
}

type responsesEvent struct {
	Type           string         `json:"type"`
	SequenceNumber int            `json:"sequence_number"`
	Response       *responsesBody `json:"response,omitempty"`
	ItemID         string         `json:"item_id,omitempty"`
	OutputIndex    *int           `json:"output_index,omitempty"`
	ContentIndex   *int           `json:"content_index,omitempty"`
	SummaryIndex   *int           `json:"summary_index,omitempty"`
	Item           *responsesItem `json:"item,omitempty"`
	Part           *responsesPart `json:"part,omitempty"`
	Delta          *string        `json:"delta,omitempty"`
	Text           *string        `json:"text,omitempty"`
	Arguments      *string        `json:"arguments,omitempty"`
	Error          *apiError      `json:"error,omitempty"`
}

// responsesFewest is the least that max_output_tokens may be.
const responsesFewest = 16

func (responses) read(_ *exchange, body []byte) (prompt, *apiError) {
	var request responsesRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return prompt{}, notARequest("responses", err)
	}
	refuse := func(parameter string, code any, format string, values ...any) (prompt, *apiError) {
		return prompt{}, &apiError{Message: fmt.Sprintf(format, values...), Type: "invalid_request_error", Param: parameter, Code: code}
	}
	if request.Model == "" {
		return prompt{}, noModel()
	}
	if most := request.MaxOutputTokens; most != nil && *most < responsesFewest {
		return refuse("max_output_tokens", "integer_below_min_value",
			"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= %d, but got %d instead.", responsesFewest, *most)
	}
	read := prompt{
		model: request.Model, stream: request.Stream,
		encrypted: slices.Contains(request.Include, "reasoning.encrypted_content"),
	}
	if format := request.Text.Format; format.Type == "json_schema" {
		if format.Name == "" {
			return refuse("text.format.name", "missing_required_parameter", "Missing required parameter: 'text.format.name'.")
		}
		read.schema = format.Schema
	}
	if request.Instructions != "" {
		read.turns = append(read.turns, turn{role: roleOther, text: request.Instructions})
	}
	if text := contentText(request.Input); text != "" && request.Input[0] == '"' {
		read.turns = append(read.turns, turn{role: roleUser, text: text})
		return read, nil
	}
	var items []responsesInput
	if err := json.Unmarshal(request.Input, &items); err != nil || len(items) == 0 {
		return refuse("input", "missing_required_parameter", "Missing required parameter: 'input'.")
	}
	var calls []string // ids
	for _, item := range items {
		switch item.Type {
		case "", "message":
			text, images := readContent(item.Content)
			read.turns = append(read.turns, turn{roleOf(item.Role), text, images})
		case "function_call":
			calls = append(calls, item.CallID)
			read.turns = append(read.turns, turn{role: roleAssistant})
		case "function_call_output":
			if !slices.Contains(calls, item.CallID) {
				return refuse("input", nil, "No tool call found for function call output with call_id %s.", item.CallID)
			}
			text, images := readContent(item.Output)
			read.turns = append(read.turns, turn{roleTool, text, images})
		}
	}
	return read, nil
}

// Answer.

func (responses) document(x *exchange) any {
	return responsesWhole(x)
}

// responsesWhole is the response when it is done.
func responsesWhole(x *exchange) *responsesBody {
	status, reason := responsesEnd(x)
	whole := responsesOf(x, status)
	if reason != "" {
		whole.IncompleteDetails = &responsesReason{reason}
	}
	whole.Output = responsesItems(x, status)
	if x.behaviour.usage {
		words := countWords(x.text)
		whole.Usage = &responsesUsage{InputTokens: x.promptWords, OutputTokens: words, TotalTokens: x.promptWords + words}
	}
	return whole
}

// responsesOf is the response while nothing has come.
func responsesOf(x *exchange, status string) *responsesBody {
	return &responsesBody{
		ID: fmt.Sprintf("resp_imitated_%d", x.n), Object: "response", CreatedAt: created, Status: status,
		Model: x.prompt.model, Output: []responsesItem{}, ParallelToolCalls: true,
	}
}

// responsesItems are the whole items of the output.
func responsesItems(x *exchange, status string) (items []responsesItem) {
	if x.behaviour.reasoning != "" {
		thought := responsesItem{
			ID: fmt.Sprintf("rs_imitated_%d", x.n), Type: "reasoning",
			Summary: &[]responsesPart{{Type: "summary_text", Text: x.behaviour.reasoning}},
		}
		if x.prompt.encrypted {
			thought.EncryptedContent = fmt.Sprintf("encrypted_imitated_%d", x.n)
		}
		items = append(items, thought)
	}
	if x.calls {
		return append(items, responsesItem{
			ID: fmt.Sprintf("fc_imitated_%d", x.n), Type: "function_call", Status: status,
			CallID: x.toolCallID(), Name: x.behaviour.tool, Arguments: &x.text,
		})
	}
	return append(items, responsesItem{
		ID: fmt.Sprintf("msg_imitated_%d", x.n), Type: "message", Status: status, Role: "assistant",
		Content: &[]responsesPart{{Type: "output_text", Text: x.text, Annotations: &[]any{}}},
	})
}

// responsesEnd is the status of the response and why it is incomplete: OpenAI's
// words for Chat Completions in those of Responses, others as they are.
func responsesEnd(x *exchange) (status, reason string) {
	switch finish := x.finish(); finish {
	case "stop", "tool_calls":
		return "completed", ""
	case "length":
		return "incomplete", "max_output_tokens"
	default:
		return "incomplete", finish
	}
}

// Stream.

func (responses) events(x *exchange) (opening, content, closing []event) {
	number := 0
	say := func(list *[]event, one responsesEvent) {
		one.SequenceNumber = number
		number++
		*list = append(*list, event{one.Type, one})
	}
	whole := responsesWhole(x)
	say(&opening, responsesEvent{Type: "response.created", Response: responsesOf(x, "in_progress")})
	say(&opening, responsesEvent{Type: "response.in_progress", Response: responsesOf(x, "in_progress")})
	none, last := "", len(whole.Output)-1
	if last > 0 { // a thought comes first
		thought := whole.Output[0]
		begun := thought
		begun.Summary, begun.EncryptedContent = &[]responsesPart{}, ""
		about := responsesEvent{ItemID: thought.ID, OutputIndex: new(int), SummaryIndex: new(int)}
		of := func(kind string) responsesEvent {
			about.Type = kind
			return about
		}
		say(&opening, responsesEvent{Type: "response.output_item.added", OutputIndex: new(int), Item: &begun})
		one := of("response.reasoning_summary_part.added")
		one.Part = &responsesPart{Type: "summary_text"}
		say(&opening, one)
		one = of("response.reasoning_summary_text.delta")
		one.Delta = &x.behaviour.reasoning
		say(&opening, one)
		one = of("response.reasoning_summary_text.done")
		one.Text = &x.behaviour.reasoning
		say(&opening, one)
		one = of("response.reasoning_summary_part.done")
		one.Part = &(*thought.Summary)[0]
		say(&opening, one)
		say(&opening, responsesEvent{Type: "response.output_item.done", OutputIndex: new(int), Item: &thought})
	}

	item := whole.Output[last]
	begun := item
	begun.Status = "in_progress"
	about := responsesEvent{ItemID: item.ID, OutputIndex: &last}
	of := func(kind string) responsesEvent {
		about.Type = kind
		return about
	}
	if x.calls {
		begun.Arguments = &none
	} else {
		begun.Content = &[]responsesPart{}
	}
	say(&opening, responsesEvent{Type: "response.output_item.added", OutputIndex: &last, Item: &begun})
	if !x.calls {
		about.ContentIndex = new(int)
		one := of("response.content_part.added")
		one.Part = &responsesPart{Type: "output_text", Annotations: &[]any{}}
		say(&opening, one)
	}
	delta := "response.output_text.delta"
	if x.calls {
		delta = "response.function_call_arguments.delta"
	}
	for _, piece := range x.pieces() {
		one := of(delta)
		one.Delta = &piece
		say(&content, one)
	}
	if x.calls {
		one := of("response.function_call_arguments.done")
		one.Arguments = &x.text
		say(&closing, one)
	} else {
		one := of("response.output_text.done")
		one.Text = &x.text
		say(&closing, one)
		one = of("response.content_part.done")
		one.Part = &(*item.Content)[0]
		say(&closing, one)
	}
	say(&closing, responsesEvent{Type: "response.output_item.done", OutputIndex: &last, Item: &item})
	say(&closing, responsesEvent{Type: "response." + whole.Status, Response: whole})
	return opening, content, closing
}

// Errors.

func (responses) brokenDocument(x *exchange, problem apiError) any {
	return responsesFailed(x, problem)
}

// brokenEvents are an error with its fields in an object, and the response that
// has failed, as OpenAI's service sends them.
func (responses) brokenEvents(x *exchange, problem apiError) []event {
	return []event{
		{"error", responsesEvent{Type: "error", SequenceNumber: x.events, Error: &problem}},
		{"response.failed", responsesEvent{Type: "response.failed", SequenceNumber: x.events + 1, Response: responsesFailed(x, problem)}},
	}
}

func responsesFailed(x *exchange, problem apiError) *responsesBody {
	failed := responsesOf(x, "failed")
	failed.Error = &responsesError{problem.Type, problem.Message}
	return failed
}
