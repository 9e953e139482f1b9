// Package client is an MCP client over pipes: mcp-go's, with what the program's
// demonstration needs. It is a package of its own so that who embeds package
// transport does not carry a client.
package client

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

// Client is a connection to one server.
type Client struct {
	peer   *client.Client
	tokens atomic.Int64

	mu       sync.Mutex
	progress map[string]func(text string) // by progress token
}

// Connect speaks initialize with a server that reads from in and writes to out.
func Connect(ctx context.Context, out io.Reader, in io.WriteCloser) (*Client, error) {
	c := &Client{
		peer:     client.NewClient(transport.NewIO(out, in, io.NopCloser(eof{}))),
		progress: map[string]func(string){},
	}
	if err := c.peer.Start(ctx); err != nil {
		return nil, err
	}
	c.peer.OnNotification(c.notify)
	request := mcp.InitializeRequest{}
	request.Params.ProtocolVersion = mcp.LATEST_LEGACY_PROTOCOL_VERSION
	request.Params.ClientInfo = mcp.Implementation{Name: "mcp-ai-gateway-demo", Version: "1"}
	if _, err := c.peer.Initialize(ctx, request); err != nil {
		return nil, err
	}
	return c, nil
}

// eof is the error output of a server whose real one somebody else reads.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// Tool is a tool as the server describes it.
type Tool struct {
	Name, Title, Description string
	// Definition is the whole of it, as an assistant gets it.
	Definition json.RawMessage
}

// Tools lists the tools.
func (c *Client) Tools(ctx context.Context) ([]Tool, error) {
	list, err := c.peer.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil {
		return nil, err
	}
	var tools []Tool
	for _, tool := range list.Tools {
		definition, err := json.Marshal(tool)
		if err != nil {
			return nil, err
		}
		tools = append(tools, Tool{tool.Name, tool.Title, tool.Description, definition})
	}
	return tools, nil
}

// Answer is the result of a call.
type Answer struct {
	Texts   []string // the text blocks for the assistant
	Notes   []string // the text blocks for the person
	IsError bool
}

// Call calls a tool. Where progress is not nil it receives the messages of
// progress notifications, before Call returns.
func (c *Client) Call(ctx context.Context, tool string, arguments any, progress func(text string)) (*Answer, error) {
	request := mcp.CallToolRequest{}
	request.Params.Name = tool
	request.Params.Arguments = arguments
	if progress != nil {
		token := "demo-" + strconv.FormatInt(c.tokens.Add(1), 10)
		request.Params.Meta = &mcp.Meta{ProgressToken: token}
		c.mu.Lock()
		c.progress[token] = progress
		c.mu.Unlock()
		defer func() {
			c.mu.Lock()
			delete(c.progress, token)
			c.mu.Unlock()
		}()
	}
	result, err := c.peer.CallTool(ctx, request)
	if err != nil {
		return nil, err
	}
	answer := &Answer{IsError: result.IsError}
	for _, content := range result.Content {
		text, ok := content.(mcp.TextContent)
		switch {
		case !ok:
		case text.Annotations != nil && len(text.Annotations.Audience) == 1 && text.Annotations.Audience[0] == mcp.RoleUser:
			answer.Notes = append(answer.Notes, text.Text)
		default:
			answer.Texts = append(answer.Texts, text.Text)
		}
	}
	return answer, nil
}

func (c *Client) notify(notification mcp.JSONRPCNotification) {
	fields := notification.Params.AdditionalFields
	token, _ := fields["progressToken"].(string)
	text, _ := fields["message"].(string)
	c.mu.Lock()
	progress := c.progress[token]
	c.mu.Unlock()
	if progress != nil {
		progress(text)
	}
}

// Close ends the connection, which ends the server.
func (c *Client) Close() error { return c.peer.Close() }
