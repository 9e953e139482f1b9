package core

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// freshFor is how long, in milliseconds, a provider's list is used before it is
// read again: providers add a model every few days.
const freshFor = 24 * 3600 * 1000

// pageBytes bounds a page of models: some 2,000 tokens, at 2.8 bytes a token of
// names and numbers.
const pageBytes = 5500

// State is what the host knows of a provider that cannot be asked as usual.
type State struct {
	Provider string `json:"provider"`
	// Text says it, such as "not asked until 12:04, after 5 failures (timeout)".
	Text string `json:"text"`
}

// listNames are the arguments of list_models.
var listNames = []string{"query", "provider", "ability", "max_price", "page", "refresh"}

// listQuery is what a caller of list_models wants to see.
type listQuery struct {
	words    []string // all of which a model's texts hold
	provider string
	ability  string
	maxPrice *float64 // US dollars for a million tokens of the answer
	page     int64
	refresh  bool
}

func readList(k *catalogue, raw []byte) (query listQuery, fault *provider.Error) {
	a, readable := readArguments(raw, listNames)
	if !readable {
		return query, a.err()
	}
	query.words = strings.Fields(strings.ToLower(a.text("query")))
	if named := strings.ToLower(strings.TrimSpace(a.text("provider"))); named != "" {
		if query.provider = named; k.rows[named] == nil {
			a.fault("provider", strconv.Quote(shorten(named)), k.providers())
		}
	}
	query.ability = a.word("ability", provider.Abilities)
	query.maxPrice = a.number("max_price", 0, 1e6)
	query.page = 1
	if page := a.integer("page", 1, 10_000); page != nil {
		query.page = *page
	}
	query.refresh = is(a.truth("refresh"))
	return query, a.err()
}

// list ends a call of list_models.
func (c *call) list(event *Call) {
	query, fault := readList(c.catalogue, event.Arguments)
	if fault != nil {
		c.fail(fault, nil)
		return
	}
	failed := c.readLists(query.provider, query.refresh)
	if c.canceled {
		c.fail(errCanceled, nil)
		return
	}
	c.finish("", &toolResult{Content: []block{{Type: "text", Text: c.listPage(query, failed, event.States)}}})
}

// listPage writes one page of the models that a query asks for.
func (c *call) listPage(query listQuery, failed map[string]*provider.Error, states []State) string {
	k := c.catalogue
	var lines []string
	unpriced := 0
	for _, alias := range k.config.Aliases {
		if query.provider == "" && query.ability == "" && query.maxPrice == nil && holdsAll(query.words, alias.Name, strings.Join(alias.Models, " ")) {
			lines = append(lines, alias.Name+" = "+strings.Join(alias.Models, ", else "))
		}
	}
	for _, model := range k.ranked(query.words) {
		if query.provider != "" && model.Provider != query.provider {
			continue
		}
		if can, _ := model.Can(query.ability); query.ability != "" && !can {
			continue
		}
		if query.maxPrice != nil {
			if model.Price == nil || model.Price.Completion == nil {
				unpriced++
				continue
			}
			if *model.Price.Completion > *query.maxPrice {
				continue
			}
		}
		lines = append(lines, modelLine(model))
	}
	pages := paged(lines, pageBytes)
	number := int(min(query.page, int64(len(pages))))
	var out strings.Builder
	out.WriteString(count(int64(len(lines)), "model"))
	if len(pages) > 1 {
		out.WriteString(", page " + strconv.Itoa(number) + " of " + strconv.Itoa(len(pages)))
	}
	out.WriteString(". After the name: tokens in and out, US dollars for a million in / out, abilities, what it is for.")
	if unpriced > 0 {
		out.WriteString(" " + count(int64(unpriced), "model") + " without a known price left out.")
	}
	if len(pages) > 0 {
		for _, line := range pages[number-1] {
			out.WriteString("\n" + line)
		}
	} else {
		out.WriteString("\nNone. Ask for less: without query, ability or max_price; or for another provider.")
	}
	if number < len(pages) {
		out.WriteString("\n(page=" + strconv.Itoa(number+1) + " shows more; query narrows)")
	}
	if runes := []rune(chatDescription(k.config)); number == 1 && len(runes) > descriptionLimit {
		out.WriteString("\nThe rest of chat_completion's description: …" + string(runes[descriptionLimit-1:]))
	}
	for _, line := range c.listStates(query.provider, failed, states) {
		out.WriteString("\n" + line)
	}
	return out.String()
}

// listStates says what is not as it should be: lists that are old or could not
// be read, providers that cannot be asked.
func (c *call) listStates(only string, failed map[string]*provider.Error, states []State) (lines []string) {
	k := c.catalogue
	for i := range k.config.Providers {
		row := &k.config.Providers[i]
		if only != "" && row.Name != only {
			continue
		}
		list := k.lists[row.Name]
		fault := failed[row.Name]
		switch {
		case fault != nil && list != nil:
			lines = append(lines, row.Name+": the list is "+age(c.since(list.AtMS))+" old; it could not be read again ("+string(fault.Kind)+")")
		case fault != nil:
			lines = append(lines, row.Name+": its list could not be read: "+strings.TrimRight(fault.Message, ". ")+" ("+string(fault.Kind)+"); a model is asked by its name all the same")
		case !row.Lists():
			lines = append(lines, row.Name+": has no list; name a model or deployment that you know")
		case list != nil && c.since(list.AtMS) >= 60_000:
			lines = append(lines, row.Name+": the list is "+age(c.since(list.AtMS))+" old")
		}
		for _, state := range states {
			if state.Provider == row.Name {
				lines = append(lines, row.Name+": "+legible(state.Text))
			}
		}
	}
	return lines
}

// ranked are the models whose texts hold all of some words, those first whose
// name does; without words the user's own come first, as they are.
func (k *catalogue) ranked(words []string) []*provider.Model {
	var inName, elsewhere []*provider.Model
	for i := range k.models {
		model := &k.models[i]
		switch {
		case holdsAll(words, model.Full(), model.Name, strings.Join(model.Aliases, " ")):
			inName = append(inName, model)
		case holdsAll(words, model.Full(), model.Name, model.Description, model.Strengths, strings.Join(model.Abilities, " ")):
			elsewhere = append(elsewhere, model)
		}
	}
	own := func(model *provider.Model) int {
		if model.Strengths != "" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(inName, func(a, b *provider.Model) int { return cmp.Compare(own(a), own(b)) })
	return append(inName, elsewhere...)
}

// holdsAll reports whether each of some lower-case words stands in one of the texts.
func holdsAll(words []string, texts ...string) bool {
	all := strings.ToLower(strings.Join(texts, "\n"))
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(all, word) })
}

// modelLine says in one line what there is to know to choose a model.
func modelLine(model *provider.Model) string {
	words := []string{model.Full()}
	switch {
	case model.Context > 0 && model.Output > 0:
		words = append(words, tokens(model.Context)+" in, "+tokens(model.Output)+" out")
	case model.Context > 0:
		words = append(words, tokens(model.Context)+" in")
	}
	if price := model.Price; price != nil {
		switch in, out := dollars(price.Prompt), dollars(price.Completion); {
		case in == "0" && out == "0":
			words = append(words, "free")
		case in != out:
			words = append(words, "$"+cmp.Or(in, "?")+" / "+cmp.Or(out, "?"))
		default:
			words = append(words, "$"+in)
		}
	}
	if len(model.Abilities) > 0 {
		words = append(words, strings.Join(model.Abilities, " "))
	}
	if model.Retires != "" {
		words = append(words, "ends "+model.Retires)
	}
	if model.Strengths != "" {
		words = append(words, model.Strengths)
	} else if model.Context == 0 && model.Price == nil && model.Description != "" {
		words = append(words, cut(model.Description, 80)) // nothing else tells
	}
	return strings.Join(words, " · ")
}

// tokens writes a number of tokens as people say it: 128k, 1M.
func tokens(n int64) string {
	switch {
	case n >= 1_000_000:
		return strconv.FormatFloat(float64(n/10_000)/100, 'f', -1, 64) + "M"
	case n >= 1000:
		return strconv.FormatInt(n/1000, 10) + "k"
	}
	return strconv.FormatInt(n, 10)
}

// dollars writes an amount, or nothing where it is not known.
func dollars(amount *float64) string {
	if amount == nil {
		return ""
	}
	return strconv.FormatFloat(*amount, 'f', -1, 64)
}

// age writes how long ago something was.
func age(ms int64) string {
	switch minutes := ms / 60_000; {
	case minutes < 120:
		return count(max(minutes, 1), "minute")
	case minutes < 48*60:
		return count(minutes/60, "hour")
	default:
		return count(minutes/60/24, "day")
	}
}

// paged cuts lines into pages of at most some bytes, a line at least.
func paged(lines []string, most int) (pages [][]string) {
	size := 0
	for _, line := range lines {
		if len(pages) == 0 || size+len(line)+1 > most {
			pages, size = append(pages, nil), 0
		}
		pages[len(pages)-1] = append(pages[len(pages)-1], line)
		size += len(line) + 1
	}
	return pages
}
