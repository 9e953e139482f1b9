package core

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// catalogue is what there is to ask: the user's models and the providers' lists
// as one, found by any of their names. It is made of a Config, and never changed.
type catalogue struct {
	config *Config
	models []provider.Model         // of the providers in their order, the user's first
	byName map[string][]int         // places in models, by lower-case name: full, id, other names
	lists  map[string]*List         // by provider; looked up, never walked
	rows   map[string]*provider.Row // by name
	alias  map[string]*Alias        // by lower-case name
}

// newCatalogue makes the catalogue of a configuration.
func newCatalogue(config *Config) *catalogue {
	k := &catalogue{
		config: config, byName: map[string][]int{}, lists: map[string]*List{}, rows: map[string]*provider.Row{}, alias: map[string]*Alias{},
	}
	for i := range config.Providers {
		row := &config.Providers[i]
		if k.rows[row.Name] == nil {
			k.rows[row.Name] = row
		}
	}
	for i := range config.Lists {
		k.lists[config.Lists[i].Provider] = &config.Lists[i]
	}
	for i := range config.Aliases {
		k.alias[strings.ToLower(config.Aliases[i].Name)] = &config.Aliases[i]
	}
	for i := range config.Providers {
		k.addProvider(&config.Providers[i])
	}
	return k
}

// addProvider adds one provider's models: what the user says of one is laid over
// what its list says.
func (k *catalogue) addProvider(row *provider.Row) {
	listed := map[string]*provider.Model{}
	list := k.lists[row.Name]
	if list != nil {
		for i := range list.Models {
			listed[list.Models[i].ID] = &list.Models[i]
		}
	}
	said := map[string]bool{}
	for _, model := range k.config.Models {
		if model.Provider != row.Name || said[model.ID] {
			continue
		}
		said[model.ID] = true
		if known := listed[model.ID]; known != nil {
			model = laidOver(model, *known)
		}
		k.add(model)
	}
	if list == nil {
		return
	}
	for _, model := range list.Models {
		if !said[model.ID] {
			model.Provider = row.Name
			k.add(model)
		}
	}
}

// add adds a model that the user allows.
func (k *catalogue) add(model provider.Model) {
	if !k.allows(model.Provider, model.ID) {
		return
	}
	place := len(k.models)
	k.models = append(k.models, model)
	for _, name := range append([]string{model.Full(), model.ID}, model.Aliases...) {
		name = strings.ToLower(name)
		if places := k.byName[name]; len(places) == 0 || places[len(places)-1] != place {
			k.byName[name] = append(places, place)
		}
	}
}

// laidOver is what the user says of a model, and what its provider says of it
// where the user is silent.
func laidOver(said, known provider.Model) provider.Model {
	said.Name = cmp.Or(said.Name, known.Name)
	said.Description = cmp.Or(said.Description, known.Description)
	said.Context, said.Output = cmp.Or(said.Context, known.Context), cmp.Or(said.Output, known.Output)
	said.Price = cmp.Or(said.Price, known.Price)
	if len(said.Abilities) == 0 {
		said.Abilities, said.KnowsAbilities = known.Abilities, known.KnowsAbilities
	}
	said.Aliases, said.Retires = append(slices.Clip(said.Aliases), known.Aliases...), cmp.Or(said.Retires, known.Retires)
	return said
}

// allows reports whether the user lets a model be asked.
func (k *catalogue) allows(row, id string) bool {
	matches := func(pattern string) bool {
		if strings.Contains(pattern, "/") {
			return matchesPattern(pattern, row+"/"+id) || matchesPattern(pattern, id)
		}
		return matchesPattern(pattern, id)
	}
	if slices.ContainsFunc(k.config.Deny, matches) {
		return false
	}
	return len(k.config.Allow) == 0 || slices.ContainsFunc(k.config.Allow, matches)
}

// matchesPattern matches a name, in which * stands for any text, whatever the
// case.
func matchesPattern(pattern, name string) bool {
	pieces := strings.Split(strings.ToLower(pattern), "*")
	name, found := strings.CutPrefix(strings.ToLower(name), pieces[0])
	if len(pieces) == 1 {
		return found && name == ""
	}
	for _, piece := range pieces[1 : len(pieces)-1] {
		if !found {
			return false
		}
		_, name, found = strings.Cut(name, piece)
	}
	return found && strings.HasSuffix(name, pieces[len(pieces)-1])
}

// providers are the names of the providers, for a sentence.
func (k *catalogue) providers() string {
	var names []string
	for _, row := range k.config.Providers {
		names = append(names, row.Name)
	}
	return strings.Join(names, ", ")
}

// model is what is known of a provider's model, or nil.
func (k *catalogue) model(row, id string) *provider.Model {
	for _, place := range k.byName[strings.ToLower(row+"/"+id)] {
		if model := &k.models[place]; model.Provider == row {
			return model
		}
	}
	return nil
}

// nearest are the names that look most like one that nobody has.
func (k *catalogue) nearest(name string, most int) []string {
	type near struct {
		name     string
		distance int
	}
	wanted := strings.ToLower(name)
	var found []near
	consider := func(name string, others ...string) {
		best := len(wanted) + 1
		for _, other := range append(others, name) {
			other = strings.ToLower(other)
			d := distance(wanted, other, best)
			if strings.Contains(other, wanted) { // gpt-5 for gpt-5-mini
				d = min(d, 1+(len(other)-len(wanted))/4)
			}
			best = min(best, d)
		}
		if best <= max(2, len(wanted)/2) {
			found = append(found, near{name, best})
		}
	}
	for _, alias := range k.config.Aliases {
		consider(alias.Name)
	}
	for i := range k.models {
		model := &k.models[i]
		short := model.ID[strings.LastIndex(model.ID, "/")+1:]
		consider(model.Full(), model.ID, short)
	}
	slices.SortStableFunc(found, func(a, b near) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, near := range found[:min(most, len(found))] {
		names = append(names, near.name)
	}
	return names
}

// distance is how many letters have to be changed, added or left out to make one
// text of the other (Levenshtein); any number from most on means: too many.
func distance(a, b string, most int) int {
	if abs := len(a) - len(b); abs >= most || -abs >= most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner, least := row[0], i+1
		row[0] = i + 1
		for j := range len(b) {
			next := min(row[j+1], row[j]) + 1
			if a[i] == b[j] {
				next = min(next, corner)
			} else {
				next = min(next, corner+1)
			}
			corner, row[j+1] = row[j+1], next
			least = min(least, next)
		}
		if least >= most {
			return most
		}
	}
	return row[len(b)]
}

// ModelNames are the names under which a configuration's models can be asked for:
// aliases and full names that begin with a text, then those that hold it.
func ModelNames(config *Config, text string) []string {
	k := newCatalogue(config)
	text = strings.ToLower(text)
	var begin, hold []string
	consider := func(name string) {
		switch lower := strings.ToLower(name); {
		case strings.HasPrefix(lower, text):
			begin = append(begin, name)
		case strings.Contains(lower, text):
			hold = append(hold, name)
		}
	}
	for _, alias := range config.Aliases {
		consider(alias.Name)
	}
	for i := range k.models {
		consider(k.models[i].Full())
	}
	return append(begin, hold...)
}
