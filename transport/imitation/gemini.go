package imitation

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// gemini is the Gemini API's generateContent.
// https://ai.google.dev/api/generate-content
type gemini struct{}

func (gemini) traits() traits { return traits{requestID: "X-Request-Id", crlf: true, retryInfo: true} }

// Wire types.

type geminiRequest struct {
	Contents          []geminiContent `json:"contents"`
	SystemInstruction geminiContent   `json:"systemInstruction"`
	GenerationConfig  struct {
		ResponseJSONSchema json.RawMessage `json:"responseJsonSchema"`
		ResponseSchema     json.RawMessage `json:"responseSchema"`
	} `json:"generationConfig"`
}

type geminiContent struct {
	Parts []geminiPart `json:"parts"`
	Role  string       `json:"role,omitempty"`
}

type geminiPart struct {
	Text             *string                 `json:"text,omitempty"`
	Thought          bool                    `json:"thought,omitempty"`
	ThoughtSignature string                  `json:"thoughtSignature,omitempty"`
	FunctionCall     *geminiFunctionCall     `json:"functionCall,omitempty"`
	FunctionResponse *geminiFunctionResponse `json:"functionResponse,omitempty"`
	InlineData       *geminiMedia            `json:"inlineData,omitempty"`
	FileData         *geminiMedia            `json:"fileData,omitempty"`
}

type geminiFunctionCall struct {
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
}

type geminiFunctionResponse struct {
	Name     string          `json:"name"`
	Response json.RawMessage `json:"response"` // an object
	Parts    []geminiPart    `json:"parts"`
}

type geminiMedia struct {
	MIMEType string `json:"mimeType"`
}

type geminiAnswer struct {
	Candidates    []geminiCandidate `json:"candidates"`
	UsageMetadata *geminiUsage      `json:"usageMetadata,omitempty"`
	ModelVersion  string            `json:"modelVersion"`
	ResponseID    string            `json:"responseId"`
}

type geminiCandidate struct {
	Content      geminiContent `json:"content"`
	FinishReason string        `json:"finishReason,omitempty"`
	Index        int           `json:"index"`
}

type geminiUsage struct {
	PromptTokenCount     int `json:"promptTokenCount"`
	CandidatesTokenCount int `json:"candidatesTokenCount"`
	TotalTokenCount      int `json:"totalTokenCount"`
}

type geminiErrorBody struct {
	Error geminiError `json:"error"`
}

type geminiError struct {
	Code    int               `json:"code"`
	Message string            `json:"message"`
	Status  string            `json:"status"`
	Details []geminiRetryInfo `json:"details,omitempty"`
}

// geminiRetryInfo is https://pkg.go.dev/google.golang.org/genproto/googleapis/rpc/errdetails#RetryInfo
type geminiRetryInfo struct {
	Type       string `json:"@type"`
	RetryDelay string `json:"retryDelay"` // such as 34s
}

func (gemini) read(x *exchange, body []byte) (prompt, *apiError) {
	var request geminiRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return prompt{}, notARequest("generateContent", err)
	}
	refuse := func(format string, values ...any) (prompt, *apiError) {
		return prompt{}, &apiError{Message: fmt.Sprintf(format, values...)}
	}
	model, verb := geminiCall(x.request.URL)
	if model == "" {
		return prompt{}, noModel()
	}
	if len(request.Contents) == 0 {
		return refuse("* GenerateContentRequest.contents: contents is not specified")
	}
	read := prompt{model: model, schema: request.GenerationConfig.ResponseJSONSchema}
	if read.schema == nil {
		read.schema = request.GenerationConfig.ResponseSchema
	}
	if verb == "streamGenerateContent" {
		read.stream = x.request.URL.Query().Get("alt") == "sse"
		read.array = !read.stream
	}
	turns, _ := geminiTurns(roleOther, request.SystemInstruction.Parts)
	read.turns = append(read.turns, turns...)
	for i, content := range request.Contents {
		role := roleUser
		switch content.Role {
		case "", "user":
		case "model":
			role = roleAssistant
		default:
			return refuse("Please use a valid role: user, model.")
		}
		turns, wrong := geminiTurns(role, content.Parts)
		if wrong != "" {
			return refuse("contents[%d]: %s", i, wrong)
		}
		read.turns = append(read.turns, turns...)
	}
	return read, nil
}

// geminiTurns reads one content, and says what is wrong with it. The signature
// of a call is wanted of the first one, as since Gemini 3.
// https://ai.google.dev/gemini-api/docs/thought-signatures
func geminiTurns(role role, parts []geminiPart) (turns []turn, wrong string) {
	said := turn{role: role}
	var texts []string
	calls := 0
	if len(parts) == 0 && role != roleOther {
		return nil, "parts: must include at least one part"
	}
	for _, part := range parts {
		switch result := part.FunctionResponse; {
		case part.Text != nil:
			texts = append(texts, *part.Text)
		case part.FunctionCall != nil:
			if calls++; calls == 1 && part.ThoughtSignature == "" {
				return nil, "Function call is missing a thought_signature in functionCall parts."
			}
		case result != nil:
			if result.Name == "" {
				return nil, "function_response.name: Name cannot be empty."
			}
			turns = append(turns, turn{roleTool, geminiOutput(result.Response), geminiImages(result.Parts)})
		}
	}
	said.text, said.images = strings.Join(texts, "\n"), geminiImages(parts)
	return append(turns, said), ""
}

// geminiOutput is the text of a tool's result: its output if it has nothing
// else, or all of it as JSON.
func geminiOutput(response json.RawMessage) string {
	var fields map[string]json.RawMessage
	var output string
	if json.Unmarshal(response, &fields) == nil && len(fields) == 1 && json.Unmarshal(fields["output"], &output) == nil {
		return output
	}
	return string(response)
}

func geminiImages(parts []geminiPart) (images int) {
	for _, part := range parts {
		for _, media := range []*geminiMedia{part.InlineData, part.FileData} {
			if media != nil && strings.HasPrefix(media.MIMEType, "image/") {
				images++
			}
		}
	}
	return images
}

// Answer.

func (f gemini) document(x *exchange) any {
	if x.prompt.array {
		opening, content, closing := f.events(x)
		answers := []any{}
		for _, one := range append(append(opening, content...), closing...) {
			answers = append(answers, one.data)
		}
		return answers
	}
	var parts []geminiPart
	if x.behaviour.reasoning != "" {
		parts = append(parts, geminiPart{Text: &x.behaviour.reasoning, Thought: true})
	}
	if x.calls {
		parts = append(parts, geminiFunction(x))
	} else {
		parts = append(parts, geminiPart{Text: &x.text})
	}
	return geminiChunk(x, parts, geminiFinish(x), countWords(x.text))
}

func geminiFunction(x *exchange) geminiPart {
	return geminiPart{FunctionCall: &geminiFunctionCall{x.behaviour.tool, json.RawMessage(x.text)}, ThoughtSignature: geminiSignature}
}

// geminiSignature says imitated, in base64 since the field holds bytes.
const geminiSignature = "aW1pdGF0ZWQ="

// geminiChunk is an answer, or a piece of one in a stream.
func geminiChunk(x *exchange, parts []geminiPart, finish string, output int) geminiAnswer {
	chunk := geminiAnswer{
		Candidates:   []geminiCandidate{{Content: geminiContent{Parts: parts, Role: "model"}, FinishReason: finish}},
		ModelVersion: x.prompt.model,
		ResponseID:   fmt.Sprintf("imitated_%d", x.n),
	}
	if x.behaviour.usage {
		chunk.UsageMetadata = &geminiUsage{x.promptWords, output, x.promptWords + output}
	}
	return chunk
}

// geminiFinish is the finishReason: OpenAI's words in Google's, others in upper
// case. A call ends with STOP.
func geminiFinish(x *exchange) string {
	switch finish := x.finish(); finish {
	case "stop", "tool_calls":
		return "STOP"
	case "length":
		return "MAX_TOKENS"
	case "content_filter":
		return "SAFETY"
	default:
		return strings.ToUpper(finish)
	}
}

// Stream.

func (gemini) events(x *exchange) (opening, content, closing []event) {
	output := 0 // words so far: the counts of a stream are sums
	chunk := func(part geminiPart, finish string) event {
		return event{data: geminiChunk(x, []geminiPart{part}, finish, output)}
	}
	if x.behaviour.reasoning != "" {
		opening = append(opening, chunk(geminiPart{Text: &x.behaviour.reasoning, Thought: true}, ""))
	}
	if x.calls {
		// A call comes whole.
		output = countWords(x.text)
		content = append(content, chunk(geminiFunction(x), ""))
	} else {
		for _, piece := range x.pieces() {
			output = min(output+countWords(piece), countWords(x.text))
			content = append(content, chunk(geminiPart{Text: &piece}, ""))
		}
	}
	none := ""
	output = countWords(x.text)
	return opening, content, append(closing, chunk(geminiPart{Text: &none}, geminiFinish(x)))
}

// Errors.

// geminiErrors has the status and the words of each code that Google documents.
// https://ai.google.dev/gemini-api/docs/troubleshooting
var geminiErrors = map[int]geminiError{
	400: {Status: "INVALID_ARGUMENT", Message: "Request contains an invalid argument."},
	401: {Status: "UNAUTHENTICATED", Message: "Request had invalid authentication credentials."},
	403: {Status: "PERMISSION_DENIED", Message: "The caller does not have permission"},
	404: {Status: "NOT_FOUND", Message: "The model is not found for API version v1beta, or is not supported for generateContent."},
	408: {Status: "DEADLINE_EXCEEDED", Message: "The request timed out."},
	409: {Status: "ABORTED", Message: "The operation was aborted."},
	413: {Status: "INVALID_ARGUMENT", Message: "Request payload size exceeds the limit."},
	429: {Status: "RESOURCE_EXHAUSTED", Message: "Resource has been exhausted (e.g. check quota)."},
	500: {Status: "INTERNAL", Message: "An internal error has occurred. Please retry."},
	503: {Status: "UNAVAILABLE", Message: "The model is overloaded. Please try again later."},
	504: {Status: "DEADLINE_EXCEEDED", Message: "The request did not complete within its deadline."},
}

func (gemini) statusError(status int) apiError {
	return apiError{Message: geminiErrors[status].Message}
}

func (gemini) errorBody(x *exchange, status int, problem apiError) any {
	fault := geminiError{Code: status, Message: problem.Message, Status: geminiErrors[status].Status}
	switch {
	case fault.Status != "":
	case status >= 500:
		fault.Status = "INTERNAL"
	default:
		fault.Status = "FAILED_PRECONDITION"
	}
	if x.behaviour.retryAfter != "" && x.behaviour.status == status {
		fault.Details = []geminiRetryInfo{{"type.googleapis.com/google.rpc.RetryInfo", x.behaviour.retryAfter + "s"}}
	}
	if x.prompt.array {
		return []geminiErrorBody{{fault}}
	}
	return geminiErrorBody{fault}
}

func (f gemini) brokenDocument(x *exchange, problem apiError) any {
	return f.errorBody(x, http.StatusInternalServerError, problem)
}

func (f gemini) brokenEvents(x *exchange, problem apiError) []event {
	return []event{{data: f.brokenDocument(x, problem)}}
}
