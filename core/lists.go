package core

import (
	"slices"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// listTime is how long reading one provider's list may take, in milliseconds:
// one that hangs does not keep the others from being shown.
const listTime = 15_000

// readLists reads the lists of all providers, or of one, that were not read
// lately, at once, and makes the catalogue anew. What was read goes out with the
// result, for the host to keep. It returns the failures by provider, which are
// looked up, never walked.
func (c *call) readLists(only string, refresh bool) map[string]*provider.Error {
	failed := map[string]*provider.Error{}
	var mains []func(*call)
	var read []List
	for i := range c.config.Providers {
		row := &c.config.Providers[i]
		list := c.catalogue.lists[row.Name]
		fresh := list != nil && c.since(list.AtMS) < freshFor && !refresh
		if only != "" && row.Name != only || !row.Lists() || fresh {
			continue
		}
		mains = append(mains, func(child *call) {
			child.within(listTime)
			models, err := provider.ListModels(row, func(request provider.HTTPRequest) (*provider.Reply, error) {
				return child.fetch(&Fetch{HTTPRequest: request, Provider: row.Name, Credential: row.Credential})
			})
			child.abandon()
			if err != nil {
				failed[row.Name] = provider.AsError(err)
				return
			}
			read = append(read, List{Provider: row.Name, AtMS: c.engine.now, Models: models})
		})
	}
	if len(mains) == 0 {
		return failed
	}
	c.gather(mains)
	if len(read) == 0 {
		return failed
	}
	slices.SortFunc(read, func(a, b List) int { return strings.Compare(a.Provider, b.Provider) })
	config := *c.config
	config.Lists = slices.Clone(config.Lists)
	for _, list := range read {
		config.Lists = slices.DeleteFunc(config.Lists, func(old List) bool { return old.Provider == list.Provider })
		config.Lists = append(config.Lists, list)
	}
	c.lists = append(c.lists, read...)
	c.config, c.catalogue = &config, newCatalogue(&config)
	return failed
}
