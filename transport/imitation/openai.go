package imitation

import "fmt"

// openAI is what Chat Completions and Responses have in common: the shape of
// errors, and ids of calls.
type openAI struct{}

func (openAI) traits() traits { return traits{requestID: "X-Request-Id"} }

type errorBody struct {
	Error apiError `json:"error"`
}

// apiError is OpenAI's error object. Param and Code are a string or nil.
type apiError struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   any    `json:"param"`
	Code    any    `json:"code"`
}

// statusErrors has the error of each status that providers are known to answer.
var statusErrors = map[int]apiError{
	400: {Message: "Invalid value for 'messages'.", Type: "invalid_request_error", Param: "messages", Code: "invalid_value"},
	401: {Message: "Incorrect API key provided.", Type: "invalid_request_error", Code: "invalid_api_key"},
	403: {Message: "Your project does not have access to this model.", Type: "permission_error", Code: "access_denied"},
	404: {Message: "The model does not exist or you do not have access to it.", Type: "invalid_request_error", Param: "model", Code: "model_not_found"},
	408: {Message: "The request timed out before it was complete.", Type: "timeout_error", Code: "request_timeout"},
	413: {Message: "The request is too large for this model.", Type: "invalid_request_error", Code: "request_too_large"},
	422: {Message: "The request could not be processed.", Type: "invalid_request_error", Code: "unprocessable_entity"},
	429: {Message: "Rate limit reached for requests. Please try again later.", Type: "requests", Code: "rate_limit_exceeded"},
	500: {Message: "The server had an error while processing your request.", Type: "server_error"},
	502: {Message: "The server received an invalid answer from upstream.", Type: "server_error", Code: "bad_gateway"},
	503: {Message: "The engine is currently overloaded, please try again later.", Type: "server_error", Code: "engine_overloaded"},
	529: {Message: "The provider is overloaded.", Type: "overloaded_error", Code: "overloaded"},
}

func (openAI) statusError(status int) apiError {
	problem, known := statusErrors[status]
	switch {
	case known:
	case status >= 500:
		problem.Type = "server_error"
	default:
		problem.Type = "invalid_request_error"
	}
	return problem
}

func (openAI) errorBody(_ *exchange, _ int, problem apiError) any { return errorBody{problem} }

// notARequest refuses a body that is none of a form's requests.
func notARequest(what string, err error) *apiError {
	return &apiError{
		Message: fmt.Sprintf("the body is not a %s request: %v; allowed: a JSON object", what, err),
		Type:    "invalid_request_error",
	}
}

func noModel() *apiError {
	return badModel("missing or empty; allowed: a name such as imitated?latency=200ms")
}

func (x *exchange) toolCallID() string {
	return fmt.Sprintf("call_imitated_%d", x.n)
}
