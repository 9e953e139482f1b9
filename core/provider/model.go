package provider

import (
	"cmp"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// Model is what is known of one model: what its provider publishes, or what
// the user's configuration says of it. Zero and empty mean: not known.
type Model struct {
	// Provider is the name of a [Row]; ID is what that provider calls the model.
	Provider string `json:"provider"`
	ID       string `json:"id"`
	// Name is for people, such as "Claude Opus 5.5".
	Name string `json:"name,omitempty"`
	// Description is the provider's own, or the user's. Strengths are the
	// user's words for what to choose the model for.
	Description string `json:"description,omitempty"`
	Strengths   string `json:"strengths,omitempty"`
	// Context and Output are the most tokens that it reads and writes.
	Context int64  `json:"context,omitempty"`
	Output  int64  `json:"output,omitempty"`
	Price   *Price `json:"price,omitempty"`
	// Abilities are some of [Abilities], in that order. KnowsAbilities says
	// that what is not among them it does not have.
	Abilities      []string `json:"abilities,omitempty"`
	KnowsAbilities bool     `json:"knows_abilities,omitempty"`
	// Aliases are other names of the same provider for it.
	Aliases []string `json:"aliases,omitempty"`
	// Retires is the date on which it ends, as its provider writes it.
	Retires string `json:"retires,omitempty"`
	// Defaults stand where a call says nothing.
	Defaults *ModelDefaults `json:"defaults,omitempty"`
}

// ModelDefaults are parameters for a model where a call says nothing of them.
type ModelDefaults struct {
	Temperature     *float64 `json:"temperature,omitempty"`
	MaxTokens       *int64   `json:"max_tokens,omitempty"`
	ReasoningEffort string   `json:"reasoning_effort,omitempty"`
}

// Price is in US dollars for a million tokens. A nil pointer is not known; 0 is
// free.
type Price struct {
	Prompt     *float64 `json:"prompt,omitempty"`
	Completion *float64 `json:"completion,omitempty"`
	CacheRead  *float64 `json:"cache_read,omitempty"`
	CacheWrite *float64 `json:"cache_write,omitempty"`
}

// Of is what an answer costs by this price, in US dollars; not known where a price
// is missing that it needs. Tokens that were read from or written to a cache cost
// as others where nothing is known of that.
func (p *Price) Of(usage *Usage) (dollars float64, known bool) {
	if p == nil || p.Prompt == nil || p.Completion == nil {
		return 0, false
	}
	plain := usage.PromptTokens
	add := func(tokens int64, price *float64) {
		if price != nil && tokens > 0 {
			plain -= tokens
			dollars += float64(tokens) * *price
		}
	}
	if details := usage.PromptTokensDetails; details != nil {
		add(details.CachedTokens, p.CacheRead)
		add(details.CacheWriteTokens, p.CacheWrite)
	}
	dollars += float64(max(0, plain))**p.Prompt + float64(usage.CompletionTokens)**p.Completion
	return dollars / 1e6, true
}

// The abilities of models, in the order in which they are listed.
var Abilities = []string{"vision", "audio", "files", "video", "tools", "reasoning", "structured", "images"}

// Full is the name under which the gateway knows the model everywhere.
func (m *Model) Full() string { return m.Provider + "/" + m.ID }

// Can reports whether a model has an ability, and whether that is known.
func (m *Model) Can(ability string) (can, known bool) {
	can = slices.Contains(m.Abilities, ability)
	return can, can || m.KnowsAbilities
}

// listLimit bounds a page of a list of models, in bytes: the largest known, with
// over 400 models, has one megabyte.
const listLimit = 8 << 20

// listPages bounds how many pages of a list are read.
const listPages = 20

// modelLimit bounds how many models a list may have.
const modelLimit = 5000

// Lists reports whether the row's provider has a list of what it serves. Azure
// lists base models, which nobody can ask: deployments have names of their own.
// Vertex AI has no list at the address of its models.
func (r *Row) Lists() bool {
	return r.Endpoint != "" && !r.azure() && (r.Form != "gemini" || !IsVertex(r.Endpoint))
}

// ServesVendors reports whether the row's provider calls models VENDOR/MODEL.
func (r *Row) ServesVendors() bool { return r.has(VendorNames) }

// modelsRequest is the request for one page of the row's list. After is where
// the page before ended, "" for the first.
//
// Sources: https://platform.openai.com/docs/api-reference/models,
// https://docs.anthropic.com/en/api/models-list,
// https://ai.google.dev/api/models, https://openrouter.ai/docs/api-reference/list-available-models.
func modelsRequest(row *Row, after string) HTTPRequest {
	request := HTTPRequest{Method: "GET", Header: slices.Clone(row.Header)}
	query := ""
	switch row.Form {
	case "anthropic":
		request.Header = append(request.Header, Field{"anthropic-version", cmp.Or(row.Version, anthropicVersion)})
		query = "limit=1000"
		if after != "" {
			query += "&after_id=" + url.QueryEscape(after)
		}
	case "gemini":
		query = "pageSize=1000"
		if after != "" {
			query += "&pageToken=" + url.QueryEscape(after)
		}
	}
	request.URL = row.at("/models")
	if query != "" {
		request.URL = withQuery(request.URL, query)
	}
	return request
}

// ListModels reads the row's whole list of models, page by page, through fetch,
// which performs one exchange. An error is always an *Error; what had come
// before it is of no use.
func ListModels(row *Row, fetch func(HTTPRequest) (*Reply, error)) ([]Model, error) {
	var all []Model
	seen := map[string]bool{}
	after := ""
	for range listPages {
		reply, err := fetch(modelsRequest(row, after))
		if err != nil {
			return nil, AsError(err)
		}
		page, next, err := readModels(row, reply)
		if err != nil {
			return nil, err
		}
		for _, model := range page {
			if !seen[model.ID] && len(all) < modelLimit {
				seen[model.ID] = true
				all = append(all, model)
			}
		}
		if next == "" || next == after {
			break
		}
		after = next
	}
	return all, nil
}

// readModels reads one page, and where it ended; "" where no other follows.
func readModels(row *Row, reply *Reply) (models []Model, next string, err error) {
	if reply.Status != 200 {
		return nil, "", readError(reply)
	}
	body, failure := io.ReadAll(io.LimitReader(reply.Body, listLimit+1))
	if failure != nil {
		return nil, "", AsError(failure)
	}
	if len(body) > listLimit {
		return nil, "", &Error{Kind: TooLarge, Status: reply.Status, Message: "the list of models is longer than " + strconv.Itoa(listLimit>>20) + " MB"}
	}
	if body = validUTF8(body); !json.Valid(body) {
		return nil, "", &Error{Kind: BadReply, Status: reply.Status, Message: "the list of models is not JSON: " + quote(body)}
	}
	document := json.Parse(json.Paired(body))
	if _, failed := errorPart(document); failed && !document.IsArray() {
		return nil, "", errorIn(reply, document)
	}
	list := document // Together sends the bare list
	for _, name := range []string{"data", "models"} {
		if inner := document.Get(name); inner.IsArray() {
			list = inner
		}
	}
	if !list.IsArray() {
		return nil, "", &Error{Kind: BadReply, Status: reply.Status, Message: "the reply holds no list of models"}
	}
	list.ForEach(func(_, entry json.Value) bool {
		if model, ok := readModel(entry); ok {
			model.Provider = row.Name
			models = append(models, model)
		}
		return len(models) < modelLimit
	})
	if next = text(document.Get("nextPageToken")); next == "" && document.Get("has_more").Bool() {
		next = text(document.Get("last_id"))
	}
	return models, next, nil
}

// readModel reads one entry of a list, whoever made it: what a field is called
// tells what it means. What cannot answer a chat is left out, where that is told.
func readModel(entry json.Value) (model Model, chats bool) {
	model.ID = strings.TrimPrefix(text(entry.Get("id")), "models/")
	if model.ID == "" {
		model.ID = strings.TrimPrefix(text(entry.Get("name")), "models/") // Gemini's, Ollama's
	}
	if model.ID == "" || len(model.ID) > 200 {
		return model, false
	}
	for _, name := range []string{"display_name", "displayName", "name"} { // Anthropic, Gemini, OpenRouter
		if given := text(entry.Get(name)); given != "" && model.Name == "" && strings.TrimPrefix(given, "models/") != model.ID {
			model.Name = cutWords(given, 100)
		}
	}
	model.Description = cutWords(text(entry.Get("description")), 400)
	model.Context = readFirst(entry, "context_length", "max_input_tokens", "inputTokenLimit", "max_context_length", "context_window", "max_model_len",
		"capabilities.limits.max_context_window_tokens").n
	model.Output = readFirst(entry, "top_provider.max_completion_tokens", "max_completion_tokens", "outputTokenLimit", "max_tokens",
		"capabilities.limits.max_output_tokens").n
	model.Price = readPrice(entry.Get("pricing"))
	for _, name := range []string{"retires_at", "deprecation", "expiration_date", "shutdown_date"} {
		if date := text(entry.Get(name)); date != "" && model.Retires == "" {
			model.Retires = date[:min(len(date), 10)]
		}
	}
	for _, alias := range entry.Get("aliases").Array() {
		if name := text(alias); name != "" && name != model.ID && len(model.Aliases) < 10 {
			model.Aliases = append(model.Aliases, name)
		}
	}
	model.readAbilities(entry)
	return model, chatsAtAll(entry)
}

// abilityFields are where lists tell an ability: a truth, or a list with a word.
// In this order: OpenRouter, Anthropic, Mistral, Gemini, GitHub Copilot.
var abilityFields = []struct{ ability, path, word string }{
	{"vision", "architecture.input_modalities", "image"},
	{"vision", "capabilities.image_input", ""},
	{"vision", "capabilities.vision", ""},
	{"vision", "capabilities.supports.vision", ""},
	{"audio", "architecture.input_modalities", "audio"},
	{"audio", "capabilities.audio", ""},
	{"files", "architecture.input_modalities", "file"},
	{"files", "capabilities.pdf_input", ""},
	{"video", "architecture.input_modalities", "video"},
	{"tools", "supported_parameters", "tools"},
	{"tools", "capabilities.function_calling", ""},
	{"tools", "capabilities.supports.tool_calls", ""},
	{"reasoning", "supported_parameters", "reasoning"},
	{"reasoning", "capabilities.thinking", ""},
	{"reasoning", "capabilities.reasoning", ""},
	{"reasoning", "thinking", ""},
	{"structured", "supported_parameters", "structured_outputs"},
	{"structured", "capabilities.structured_outputs", ""},
	{"structured", "capabilities.supports.structured_outputs", ""},
	{"images", "architecture.output_modalities", "image"},
}

// readAbilities reads what a list tells of a model's abilities.
func (m *Model) readAbilities(entry json.Value) {
	for _, ability := range Abilities {
		for _, field := range abilityFields {
			if field.ability == ability && tellsAbility(entry.Get(field.path), field.word) {
				m.Abilities = append(m.Abilities, ability)
				break
			}
		}
	}
	m.KnowsAbilities = entry.Get("supported_parameters").IsArray() || entry.Get("capabilities").IsObject()
	if entry.Get("type").String() == "model" && entry.Get("capabilities").IsObject() {
		// Anthropic's models all call tools, which it does not say.
		m.add("tools")
	}
}

// add keeps the order of Abilities.
func (m *Model) add(ability string) {
	if slices.Contains(m.Abilities, ability) {
		return
	}
	m.Abilities = append(m.Abilities, ability)
	slices.SortFunc(m.Abilities, func(a, b string) int { return slices.Index(Abilities, a) - slices.Index(Abilities, b) })
}

// tellsAbility reads a truth, {"supported": true}, or a list that holds a word.
func tellsAbility(value json.Value, word string) bool {
	switch {
	case value.IsArray():
		return slices.ContainsFunc(value.Array(), func(element json.Value) bool { return word != "" && element.String() == word })
	case value.IsObject():
		return value.Get("supported").Bool()
	}
	return value.Type == json.True
}

// chatsAtAll reports whether a model can answer a chat, as far as a list tells:
// most lists hold models for speech, pictures and vectors as well.
func chatsAtAll(entry json.Value) bool {
	if methods := entry.Get("supportedGenerationMethods"); methods.IsArray() {
		return tellsAbility(methods, "generateContent")
	}
	if chat := entry.Get("capabilities.completion_chat"); chat.Exists() {
		return chat.Bool()
	}
	if outputs := entry.Get("architecture.output_modalities"); outputs.IsArray() {
		return tellsAbility(outputs, "text")
	}
	if active := entry.Get("active"); active.Exists() && !active.Bool() {
		return false
	}
	if kind := text(entry.Get("type")); kind == "embedding" || kind == "image" || kind == "audio" || kind == "rerank" || kind == "moderation" {
		return false
	}
	// What OpenAI's bare list does not tell, the names of its families do.
	id := text(entry.Get("id"))
	return !slices.ContainsFunc(otherModels, func(word string) bool { return strings.Contains(id, word) })
}

// otherModels are words in ids of what does not chat.
var otherModels = []string{
	"embedding", "whisper", "tts", "dall-e", "gpt-image", "chatgpt-image", "moderation", "transcribe", "realtime", "sora", "babbage", "davinci",
	"gpt-3.5-turbo-instruct", "prompt-guard", "orpheus",
}

// readPrice reads prices: strings of dollars a token (OpenRouter), or numbers of
// dollars a million (Together).
func readPrice(pricing json.Value) *Price {
	if !pricing.IsObject() {
		return nil
	}
	amount := func(names ...string) *float64 {
		for _, name := range names {
			value := pricing.Get(name)
			var dollars float64
			switch value.Type {
			case json.String:
				number, err := strconv.ParseFloat(strings.TrimSpace(value.String()), 64)
				if err != nil {
					continue
				}
				dollars = round(number * 1e6)
			case json.Number:
				dollars = value.Float()
			default:
				continue
			}
			if dollars >= 0 && dollars < 1e6 { // OpenRouter's router has -1: it depends
				return &dollars
			}
		}
		return nil
	}
	price := &Price{
		Prompt: amount("prompt", "input"), Completion: amount("completion", "output"),
		CacheRead: amount("input_cache_read", "cached_input"), CacheWrite: amount("input_cache_write"),
	}
	if price.Prompt == nil && price.Completion == nil {
		return nil
	}
	return price
}

// round keeps a millionth of a millionth of a dollar: what a product of floats
// has beyond is noise.
func round(dollars float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(dollars, 'f', 6, 64), 64)
	if err != nil {
		return dollars
	}
	return rounded
}

// cutWords shortens a text of somebody else's to one line of at most some
// characters.
func cutWords(words string, most int) string {
	words = strings.Join(strings.Fields(words), " ")
	runes := []rune(words)
	if len(runes) <= most {
		return words
	}
	return strings.TrimSpace(string(runes[:most-1])) + "…"
}
