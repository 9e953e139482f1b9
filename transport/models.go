package transport

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// The resources: what list_models shows, of all models and of one provider's or
// those with a word in their names.
const (
	modelsURI      = "models://all"
	modelsAbout    = "models://about/"
	modelsTemplate = modelsAbout + "{model}"
)

// offerModels offers the models as resources, and their names for completion.
func (s *Server) offerModels() {
	s.protocol.AddResource(mcp.NewResource(modelsURI, "models",
		mcp.WithResourceDescription("The models that chat_completion can ask, first page."), mcp.WithMIMEType("text/plain"),
	), s.readModels)
	s.protocol.AddResourceTemplate(mcp.NewResourceTemplate(modelsTemplate, "model",
		mcp.WithTemplateDescription("What is known of a model, or of all with these words in their names."), mcp.WithTemplateMIMEType("text/plain"),
	), s.readModels)
}

// readModels has list_models read a resource.
func (s *Server) readModels(ctx context.Context, request mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	arguments := []byte("{}")
	if words, found := strings.CutPrefix(request.Params.URI, modelsAbout); found {
		if plain, err := url.PathUnescape(words); err == nil {
			words = plain
		}
		query, err := json.Marshal(struct {
			Query string `json:"query"`
		}{words})
		if err != nil {
			return nil, err
		}
		arguments = query
	}
	result := json.Parse(s.host.Call(ctx, core.ListModels, arguments, nil).Body)
	text := result.Get("content.0.text").String()
	if result.Get("isError").Bool() {
		return nil, errors.New(text)
	}
	return []mcp.ResourceContents{mcp.TextResourceContents{URI: request.Params.URI, MIMEType: "text/plain", Text: text}}, nil
}

// modelNames completes names of models in the template's argument.
type modelNames func(prefix string) []string

// mostCompletions is the most that MCP allows in one answer.
const mostCompletions = 100

// CompleteResourceArgument is mcp-go's interface for it.
func (names modelNames) CompleteResourceArgument(_ context.Context, uri string, argument mcp.CompleteArgument, _ mcp.CompleteContext) (*mcp.Completion, error) {
	completion := &mcp.Completion{Values: []string{}}
	if uri != modelsTemplate || argument.Name != "model" {
		return completion, nil
	}
	all := names(argument.Value)
	completion.Total, completion.HasMore = len(all), len(all) > mostCompletions
	completion.Values = append(completion.Values, all[:min(len(all), mostCompletions)]...)
	return completion, nil
}
