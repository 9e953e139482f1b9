package transport

import (
	"context"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

// Server is an MCP server whose tools are those of a manifest, carried out by
// a host. mcp-go speaks the protocol: versions, handshake, listing, errors.
type Server struct {
	protocol *server.MCPServer
	host     *Host
}

// Program names the server to clients.
type Program struct {
	Name, Title, Version string
}

// manifestTTL is how long, in milliseconds, a client of protocol 2026-07-28
// may keep the list of tools: it changes only with the configuration.
const manifestTTL = 3_600_000

// NewServer returns a server for the tools of the manifest.
func NewServer(program Program, manifest *core.Manifest, host *Host) *Server {
	s := &Server{
		protocol: server.NewMCPServer(program.Name, program.Version,
			server.WithTitle(program.Title),
			server.WithInstructions(manifest.Instructions),
			server.WithToolCapabilities(false),
			server.WithCacheHints(manifestTTL, mcp.CacheScopePublic),
		),
		host: host,
	}
	for _, tool := range manifest.Tools {
		s.protocol.AddTool(mcp.Tool{
			Name: tool.Name, Title: tool.Title, Description: tool.Description,
			RawInputSchema: tool.InputSchema, RawOutputSchema: tool.OutputSchema,
			Annotations: mcp.ToolAnnotation{
				ReadOnlyHint:    &tool.Annotations.ReadOnlyHint,
				DestructiveHint: &tool.Annotations.DestructiveHint,
				IdempotentHint:  &tool.Annotations.IdempotentHint,
				OpenWorldHint:   &tool.Annotations.OpenWorldHint,
			},
		}, s.call)
	}
	return s
}

// toolCall carries what mcp-go would spend most of its time on past it: the
// arguments as they came, and the way back for progress.
type toolCall struct {
	arguments []byte
	text      func(string) // nil: the client wants no progress
}

type toolCallKey struct{}

// call carries out one tool call.
func (s *Server) call(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	call, ok := ctx.Value(toolCallKey{}).(*toolCall)
	if !ok {
		call = &toolCall{arguments: request.Params.RawArguments}
	}
	result := s.host.Call(ctx, request.Params.Name, call.arguments, call.text)
	var body struct {
		Content           []mcp.TextContent          `json:"content"`
		StructuredContent json.RawMessage            `json:"structuredContent"`
		IsError           bool                       `json:"isError"`
		Meta              map[string]json.RawMessage `json:"_meta"`
	}
	if err := json.Unmarshal(result.Body, &body); err != nil {
		return mcp.NewToolResultError("The result is not of MCP's form (kind internal). Try again; if it stays, report it."), nil
	}
	out := &mcp.CallToolResult{RawStructuredContent: body.StructuredContent, IsError: body.IsError}
	for _, block := range body.Content {
		out.Content = append(out.Content, block)
	}
	if len(body.Meta) > 0 {
		meta := &mcp.Meta{AdditionalFields: make(map[string]any, len(body.Meta))}
		for name, value := range body.Meta {
			meta.AdditionalFields[name] = value
		}
		out.Meta = meta
	}
	return out, nil
}
