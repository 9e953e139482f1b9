package peertest

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// versions are the protocols that are tested with the SDK: the newest, which
// has no handshake, and the newest of those that have one.
var versions = []string{"2025-11-25", "2026-07-28"}

// onAll runs a test on both targets with each version of the protocol.
func onAll(t *testing.T, test func(t *testing.T, on target, version string)) {
	onBoth(t, func(t *testing.T, on target) {
		for _, version := range versions {
			t.Run(version, func(t *testing.T) { test(t, on, version) })
		}
	})
}

// peer is the SDK's client, connected to a process of the program.
type peer struct {
	*mcp.ClientSession
	record *record

	mu       sync.Mutex
	progress []*mcp.ProgressNotificationParams // as the SDK delivers it
}

// connect starts a process and speaks the handshake with it. The process has
// to end well and must not have written to stderr.
func connect(t *testing.T, on target, version, endpoint string, more ...string) *peer {
	t.Helper()
	p := connectTalkative(t, on, version, endpoint, more...)
	t.Cleanup(func() {
		p.end(t)
		quiet(t, p.record.stderr.String())
	})
	return p
}

// connectTalkative is connect for processes that have reason to complain.
func connectTalkative(t *testing.T, on target, version, endpoint string, more ...string) *peer {
	t.Helper()
	command := on.command(endpoint, cache, more...)
	p := &peer{record: &record{transport: &mcp.CommandTransport{Command: command}}}
	command.Stderr = &p.record.stderr
	client := mcp.NewClient(&mcp.Implementation{Name: "peertest", Version: "1"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, request *mcp.ProgressNotificationClientRequest) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.progress = append(p.progress, request.Params)
		},
	})
	session, err := client.Connect(timeLimit(t), p.record, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatalf("%v\n%s", err, p.record.stderr.String())
	}
	p.ClientSession = session
	t.Cleanup(func() { p.end(t) })
	return p
}

// end ends the session, which ends the process. To end it again does nothing.
func (p *peer) end(t *testing.T) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Errorf("the process ended with %v", err)
	}
}

// delivered is the progress that the SDK has delivered so far.
func (p *peer) delivered() []*mcp.ProgressNotificationParams {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.progress)
}

// progressOfOne is the progress of the only call so far, whose answer has come:
// at least two notifications, all of them before the answer.
func (p *peer) progressOfOne(t *testing.T) []*mcp.ProgressNotificationParams {
	t.Helper()
	received := p.record.received()
	if _, ok := received[len(received)-1].(*jsonrpc.Response); !ok {
		t.Errorf("after the answer came %+v", received[len(received)-1])
	}
	notifications := len(received) - len(p.record.responses())
	if notifications < 2 {
		t.Errorf("a stream made %d notifications", notifications)
	}
	// The SDK delivers them after the answer, if it likes.
	eventually(t, deadline, "the SDK has delivered all progress", func() bool { return len(p.delivered()) == notifications })
	return p.delivered()
}

// ask calls chat_completion.
func (p *peer) ask(ctx context.Context, q question) (*mcp.CallToolResult, error) {
	return p.CallTool(ctx, &mcp.CallToolParams{Name: "chat_completion", Arguments: q.arguments()})
}

// answerTo calls chat_completion and returns a result that is no error.
func (p *peer) answerTo(t *testing.T, q question) *mcp.CallToolResult {
	t.Helper()
	result, err := p.ask(timeLimit(t), q)
	if err != nil {
		t.Fatal(err)
	}
	if result.IsError {
		t.Fatalf("an error: %s", textOf(t, result, 0))
	}
	return result
}

// timeLimit ends with the deadline. It does not end with the test, since the
// SDK needs the context of Connect for as long as the session lasts.
func timeLimit(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// textOf is the text of a result's block.
func textOf(t *testing.T, result *mcp.CallToolResult, block int) string {
	t.Helper()
	if len(result.Content) <= block {
		t.Fatalf("there is no block %d in %+v", block, result)
	}
	text, ok := result.Content[block].(*mcp.TextContent)
	if !ok {
		t.Fatalf("block %d is a %T", block, result.Content[block])
	}
	return text.Text
}

// record is a transport that notes what the process sends in the order in
// which it comes: the SDK delivers progress and answers by different ways, so
// behind it a test could not tell which was first.
type record struct {
	transport mcp.Transport
	stderr    bytes.Buffer // of the process; complete when it has ended

	mu       sync.Mutex
	messages []jsonrpc.Message
}

func (r *record) Connect(ctx context.Context) (mcp.Connection, error) {
	connection, err := r.transport.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &recorded{connection, r}, nil
}

// received is all that has come so far.
func (r *record) received() []jsonrpc.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.messages)
}

// responses are those of what has come that answer a request.
func (r *record) responses() []*jsonrpc.Response {
	var responses []*jsonrpc.Response
	for _, message := range r.received() {
		if response, ok := message.(*jsonrpc.Response); ok {
			responses = append(responses, response)
		}
	}
	return responses
}

type recorded struct {
	mcp.Connection
	record *record
}

func (c *recorded) Read(ctx context.Context) (jsonrpc.Message, error) {
	message, err := c.Connection.Read(ctx)
	if err == nil {
		c.record.mu.Lock()
		defer c.record.mu.Unlock()
		c.record.messages = append(c.record.messages, message)
	}
	return message, err
}
