package transport

import (
	"bytes"
	"context"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// Server is an MCP server whose tools are those of a manifest, carried out by
// a host. mcp-go speaks the protocol: versions, handshake, listing, errors.
type Server struct {
	protocol *server.MCPServer
	host     *Host
	tools    map[string]bool
	client   func(string)
}

// Program names the server to clients.
type Program struct {
	Name, Title, Version string
	// Client is told the name that a client gives itself, each time that one
	// does, before anything is done for it. Nil: nobody wants to know.
	Client func(name string)
	// Models are the names of models that begin with, or else hold, a text. Nil:
	// none are known.
	Models func(text string) []string
}

// manifestTTL is how long, in milliseconds, a client of protocol 2026-07-28
// may keep the list of tools: it changes only with the configuration.
const manifestTTL = 3_600_000

// NewServer returns a server for the tools of the manifest.
func NewServer(program Program, manifest *core.Manifest, host *Host) *Server {
	options := []server.ServerOption{
		server.WithTitle(program.Title),
		server.WithInstructions(manifest.Instructions),
		server.WithToolCapabilities(false),
		server.WithCacheHints(manifestTTL, mcp.CacheScopePublic),
	}
	lists := slices.ContainsFunc(manifest.Tools, func(tool core.Tool) bool { return tool.Name == core.ListModels })
	if lists {
		options = append(options, server.WithResourceCapabilities(false, false))
	}
	if lists && program.Models != nil {
		options = append(options, server.WithCompletions(), server.WithResourceCompletionProvider(modelNames(program.Models)))
	}
	s := &Server{
		protocol: server.NewMCPServer(program.Name, program.Version, options...),
		host:     host,
		tools:    map[string]bool{},
		client:   program.Client,
	}
	if s.client == nil {
		s.client = func(string) {}
	}
	for _, tool := range manifest.Tools {
		s.tools[tool.Name] = true
		s.protocol.AddTool(mcp.Tool{
			Name: tool.Name, Title: tool.Title,
			// The user's own words and defaults: a key may stand there by mistake.
			Description:    host.redactor.text(tool.Description),
			RawInputSchema: host.redactor.bytes(tool.InputSchema), RawOutputSchema: tool.OutputSchema,
			Annotations: mcp.ToolAnnotation{
				ReadOnlyHint:    &tool.Annotations.ReadOnlyHint,
				DestructiveHint: &tool.Annotations.DestructiveHint,
				IdempotentHint:  &tool.Annotations.IdempotentHint,
				OpenWorldHint:   &tool.Annotations.OpenWorldHint,
			},
		}, s.call)
	}
	if lists {
		s.offerModels()
	}
	return s
}

// toolCall carries what mcp-go would spend most of its time on past it: the
// arguments as they came, the way back for progress, and the result as the
// machine wrote it.
type toolCall struct {
	arguments []byte
	text      func(string) // nil: the client wants no progress
	result    []byte
}

type toolCallKey struct{}

// call carries out one tool call. What it returns to mcp-go stands for the
// result, which goes past it.
func (s *Server) call(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	s.run(ctx, request.Params.Name, ctx.Value(toolCallKey{}).(*toolCall))
	return &mcp.CallToolResult{}, nil
}

// run has the host carry out a call, whose result is MCP's up to 2025-11-25:
// later versions want more of one.
func (s *Server) run(ctx context.Context, tool string, call *toolCall) {
	result := s.host.Call(ctx, tool, call.arguments, call.text).Body
	switch {
	case !json.Valid(result), !json.Parse(result).Get("content").IsArray():
		result = core.Failure(0, &provider.Error{Kind: provider.Internal, Message: "the result is not of MCP's form"}).Body
	case bytes.IndexByte(result, '\n') >= 0: // it has to fit on a line
		result = json.Compact(result)
	}
	call.result = result
}
