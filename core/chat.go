package core

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// retries is how often a call is tried again after its first attempt.
const retries = 2

// longestWait is the longest wait, in milliseconds, that a provider may ask
// for between attempts; one that asks for more is not asked again.
const longestWait = 60_000

// tool runs one tool call, from arguments to result.
func (c *call) tool(event *Call) {
	if !offers(c.config, event.Tool) {
		c.fail(&provider.Error{
			Kind: provider.InvalidRequest, Message: "there is no tool " + strconv.Quote(shorten(event.Tool)) + "; there is " + strings.Join(toolsOf(c.config), ", "),
		}, nil)
		return
	}
	if event.Tool == ListModels {
		c.list(event)
		return
	}
	asked, fault := readAsked(c.config, event.Tool, event.Arguments)
	switch {
	case fault != nil:
		c.fail(fault, nil)
	case event.Tool == compareModels:
		c.compare(asked)
	case asked.dryRun:
		c.show(asked)
	default:
		c.chat(asked)
	}
}

// show ends a dry run with the request that would be sent. The credential is
// named: the core does not have it.
func (c *call) show(asked *asked) {
	targets, fault := c.route(asked.request, asked.fallbacks)
	if fault != nil {
		c.fail(fault, nil)
		return
	}
	target := targets[0]
	answer := &answer{target: target}
	http, adjusted, err := c.encode(target, target.request)
	if err != nil {
		c.fail(provider.AsError(err), answer)
		return
	}
	credential := target.row.Credential
	if credential.Name != "" {
		http.Header = append(http.Header, provider.Field{Name: credential.Header, Value: credential.Prefix + "[" + credential.Name + "]"})
	}
	if adjusted == nil {
		adjusted = []provider.Adjustment{}
	}
	var others []string
	for _, other := range targets[1:] {
		others = append(others, other.full())
	}
	c.succeedDry(&dryRun{
		Provider: target.row.Name, Model: target.id, Method: http.Method, URL: http.URL, Header: http.Header,
		Body: json.RawMessage(http.Body), Adjusted: adjusted, Fallbacks: others,
	})
}

// encode writes the request for a target, without what is known to be refused.
func (c *call) encode(to target, request *provider.Request) (provider.HTTPRequest, []provider.Adjustment, error) {
	translator := provider.Translators[to.form]
	if translator == nil {
		return provider.HTTPRequest{}, nil, &provider.Error{Kind: provider.Internal, Message: "no wire form " + strconv.Quote(to.form)}
	}
	row, request, heeded := c.lessons.Heed(to.row, to.form, request)
	http, adjusted, err := translator.Encode(row, request)
	return http, slices.Concat(request.Adjusted, withHeeded(adjusted, heeded)), err
}

// attempt is one exchange with a provider, as results list it.
type attempt struct {
	Provider string        `json:"provider"`
	Model    string        `json:"model"`
	Status   int           `json:"status,omitempty"`
	Kind     provider.Kind `json:"kind,omitempty"`
	// Refused: the host did not let it begin.
	Refused bool  `json:"refused,omitempty"`
	MS      int64 `json:"ms"`
	// Usage is that of an answer that is not the result, whose usage is its own.
	Usage *provider.Usage `json:"usage,omitempty"`
}

// chat asks for a completion and ends the call.
func (c *call) chat(asked *asked) {
	targets, fault := c.route(asked.request, asked.fallbacks)
	if fault != nil {
		c.fail(fault, nil)
		return
	}
	answer := c.settle(c.chain(targets), asked.repair)
	switch {
	case answer.fault != nil:
		c.fail(answer.fault, answer)
	case c.canceled:
		c.fail(errCanceled, answer)
	default:
		c.succeed(answer)
	}
}

// try asks one target, again where that may help. Others is how many may still
// be asked behind it.
func (c *call) try(to target, others int) *answer {
	var before *answer
	for try := 0; ; try++ {
		if share := c.share(others); share > 0 {
			c.within(share)
		}
		answer := c.askHeeding(to, to.request)
		c.lift()
		if answer.fault == nil {
			return answer
		}
		if before != nil && answer.fault.Unsent {
			return before // what the provider said tells more than that it is not asked again
		}
		before = answer
		wait, again := c.patience(answer.fault, try)
		if !again || others > 0 && wait > patienceWithOthers {
			return answer
		}
		if !c.sleep(wait) {
			answer.fault = errCanceled
			return answer
		}
	}
}

// answer is what one attempt brought.
type answer struct {
	target    target
	response  *provider.Response // of a failure: what had come, or nil
	adjusted  []provider.Adjustment
	requestID string
	fault     *provider.Error
	sent      bool // a request was, or would have been had the host let it
	judgement      // of an answer that is whole
}

// ask performs one attempt.
func (c *call) ask(to target, request *provider.Request) *answer {
	answer := &answer{target: to}
	began := c.engine.now
	http, adjusted, err := c.encode(to, request)
	answer.adjusted = adjusted
	if err != nil {
		answer.fault = provider.AsError(err)
		return answer
	}
	answer.sent = true
	effect := &Fetch{HTTPRequest: http, Provider: to.row.Name, Model: to.id, Credential: to.row.Credential}
	reply, err := c.fetch(effect)
	tried := attempt{Provider: to.row.Name, Model: to.id}
	if err == nil {
		tried.Status = reply.Status
		answer.requestID = reply.RequestID()
		answer.response, err = provider.Translators[to.form].Decode(reply, c.delta)
	}
	if err == nil {
		// What may still come of the reply is for the host to read or not:
		// an abort would cost it the connection.
		c.closed(effect.ID)
	} else {
		c.abort(effect.ID)
		answer.fault = provider.AsError(err)
		tried.Kind, tried.Refused = answer.fault.Kind, answer.fault.Unsent
		answer.sent = !tried.Refused
		if tried.Kind == provider.Authentication && to.row.Credential.Name == "" {
			answer.fault.Next = "No key is set, and it wants one: set API_KEY in the gateway's configuration."
		}
	}
	tried.MS = c.since(began)
	c.reached = append(c.reached, tried)
	return answer
}

// patience decides whether to try again after a failure, and when. Once text
// has left the gateway there is no second attempt: the client would see two
// beginnings.
func (c *call) patience(fault *provider.Error, try int) (ms int64, again bool) {
	if !fault.Retry || try == retries || c.spoke || c.canceled || fault.RetryAfterMS > longestWait {
		return 0, false
	}
	// 0.5 s doubled up to 8 s, less up to a quarter: what the vendors' SDKs do.
	backoff := min(int64(500)<<try, 8000)
	backoff -= int64(chance(c.seed, try) % uint64(backoff/4))
	wait := max(backoff, fault.RetryAfterMS)
	// A wait beyond the call's time would only hide what happened.
	return wait, c.timeout == 0 || c.since(c.began)+wait < c.timeout
}

// chance draws the nth number of a seed (splitmix64).
func chance(seed uint64, n int) uint64 {
	z := seed + uint64(n+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
