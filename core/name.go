package core

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// named is what a name of a model means: whom to ask for what.
type named struct {
	row   *provider.Row
	id    string          // the provider's name for the model
	model *provider.Model // what is known of it, or nil
}

// full is the name without doubt.
func (n named) full() string { return n.row.Name + "/" + n.id }

// resolve finds what a name means, in the order in which to ask: an alias may
// stand for several models. The way of a name:
//
//  1. an alias;
//  2. PROVIDER/MODEL, where PROVIDER is one that is configured; unless its list is
//     known and has no such model, and another's has one of just this name;
//  3. what the catalogue has by this name: the user's providers in their order,
//     so that openai's own gpt-5 goes before another's;
//  4. the provider whose family it is of (claude-... is anthropic's);
//  5. VENDOR/MODEL at a provider that serves many vendors (openrouter);
//  6. the only provider that is configured.
//
// Where all that fails the name may be in a list that was not read yet.
func (k *catalogue) resolve(name string) ([]named, *provider.Error) {
	if len(k.config.Providers) == 0 {
		return nil, &provider.Error{
			Kind: provider.InvalidRequest, Message: "no provider is configured",
			Next: "Set a provider's key, such as OPENAI_API_KEY, or API_KEY, and API_ENDPOINT where it is not OpenAI.",
		}
	}
	var found []named
	for _, one := range k.meanings(name, nil) {
		n, fault := k.one(one)
		if fault != nil {
			return nil, fault
		}
		if !slices.ContainsFunc(found, func(other named) bool { return other.full() == n.full() }) {
			found = append(found, n)
		}
	}
	return found, nil
}

// meanings are the names of models that a name stands for, aliases followed.
// One that leads back to itself stands for no more.
func (k *catalogue) meanings(name string, through []string) []string {
	lower := strings.ToLower(name)
	alias := k.alias[lower]
	if alias == nil {
		return []string{name}
	}
	if slices.Contains(through, lower) {
		return nil
	}
	var names []string
	for _, one := range alias.Models {
		names = append(names, k.meanings(one, append(slices.Clip(through), lower))...)
	}
	return names
}

// one finds what a name that is no alias means.
func (k *catalogue) one(name string) (named, *provider.Error) {
	n, known := k.find(name)
	if !known {
		return named{}, k.unknown(name)
	}
	if !k.allows(n.row.Name, n.id) {
		return named{}, &provider.Error{
			Kind: provider.InvalidRequest, Message: "model: got " + strconv.Quote(shorten(name)) + ", which the gateway's configuration does not allow",
			Next: "Choose another; list_models shows those that are allowed.",
		}
	}
	return n, nil
}

func (k *catalogue) find(name string) (named, bool) {
	listed := k.byName[strings.ToLower(name)]
	prefix, rest, parted := strings.Cut(name, "/")
	if row := k.rows[strings.ToLower(prefix)]; parted && row != nil && rest != "" {
		own := k.model(row.Name, rest)
		switch {
		case own != nil:
			return named{row, own.ID, own}, true
		case len(listed) > 0 && k.lists[row.Name] != nil: // openai/gpt-oss-120b is not OpenAI's
			return k.at(listed[0]), true
		case row.ServesVendors() && !strings.Contains(rest, "/"):
			return named{row: row, id: name}, true // openrouter/auto
		}
		return named{row: row, id: rest}, true
	}
	if len(listed) > 0 {
		return k.at(listed[0]), true
	}
	for i := range k.config.Providers {
		row := &k.config.Providers[i]
		if slices.ContainsFunc(row.Families, func(family string) bool { return strings.HasPrefix(strings.ToLower(name), family) }) {
			return named{row: row, id: name}, true
		}
	}
	for i := range k.config.Providers {
		if row := &k.config.Providers[i]; parted && row.ServesVendors() {
			return named{row: row, id: name}, true
		}
	}
	if len(k.config.Providers) == 1 {
		return named{row: &k.config.Providers[0], id: name}, true
	}
	return named{}, false
}

func (k *catalogue) at(place int) named {
	model := &k.models[place]
	return named{k.rows[model.Provider], model.ID, model}
}

// unknown is the error for a name that nobody has.
func (k *catalogue) unknown(name string) *provider.Error {
	allowed := "PROVIDER/MODEL with one of the providers " + k.providers()
	if near := k.nearest(name, 5); len(near) > 0 {
		allowed = "a model such as " + strings.Join(near, ", ") + ", or " + allowed
	}
	return &provider.Error{
		Kind: provider.NotFound, Message: "model: got " + strconv.Quote(shorten(name)) + ", which no provider lists; allowed: " + allowed,
		Next: "Call list_models to see what there is.",
	}
}

// fallbacks are what the configuration has asked where a model fails: by its
// full name, its id, or the name that the caller used.
func (k *catalogue) fallbacks(name string, first named) []string {
	for _, fallback := range k.config.Fallbacks {
		for _, other := range []string{name, first.full(), first.id} {
			if strings.EqualFold(fallback.Name, other) {
				return fallback.Models
			}
		}
	}
	return nil
}

// defaults are what the user wants of a model where a call says nothing, laid
// over what is wanted of all.
func (n named) defaults() provider.ModelDefaults {
	if n.model == nil || n.model.Defaults == nil {
		return provider.ModelDefaults{}
	}
	return *n.model.Defaults
}

// context is the most tokens that it reads; 0: not known.
func (n named) context() int64 {
	if n.model == nil {
		return 0
	}
	return n.model.Context
}
