package provider

import (
	"strings"
	"unicode/utf8"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// geminiGrounding collects what an answer rests on: groundingMetadata of
// searches, citationMetadata of texts that the model knew by heart. Streams
// repeat it.
type geminiGrounding struct {
	citations []geminiCitation
	known     map[geminiCitation]bool
	others    []json.RawMessage // annotations of other types
	seen      map[string]bool
}

// geminiCitation is one source, and the bytes of the answer that rest on it.
type geminiCitation struct {
	url, title string
	placed     bool
	start, end int64
	text       string // that stands there
}

type geminiAnnotation struct {
	Type        string            `json:"type"`
	URLCitation geminiURLCitation `json:"url_citation"`
}

// geminiURLCitation has OpenAI's fields: places are characters, not bytes.
type geminiURLCitation struct {
	StartIndex *int   `json:"start_index,omitempty"`
	EndIndex   *int   `json:"end_index,omitempty"`
	URL        string `json:"url"`
	Title      string `json:"title"`
}

// citationLimit is the most sources of one answer. Searches name some dozens.
const citationLimit = 4096

// full reports whether there are more than that.
func (g *geminiGrounding) full() bool { return len(g.citations)+len(g.others) > citationLimit }

func (g *geminiGrounding) read(candidate json.Value) {
	metadata := candidate.Get("groundingMetadata")
	chunks := objects(metadata.Get("groundingChunks"))
	named := make([]bool, len(chunks))
	for _, support := range objects(metadata.Get("groundingSupports")) {
		segment := support.Get("segment")
		for _, number := range support.Get("groundingChunkIndices").Array() {
			at := readCount(number)
			if !at.known || at.n >= int64(len(chunks)) {
				continue
			}
			named[at.n] = true
			g.cite(chunks[at.n], geminiCitation{
				placed: segment.Exists(), start: readCount(segment.Get("startIndex")).n, end: readCount(segment.Get("endIndex")).n,
				text: text(segment.Get("text")),
			})
		}
	}
	for i, chunk := range chunks {
		if !named[i] {
			g.cite(chunk, geminiCitation{})
		}
	}
	if queries := metadata.Get("webSearchQueries"); queries.IsArray() {
		g.other(`{"type":"gemini.web_search_queries","web_search_queries":`, queries)
	}
	cited := candidate.Get("citationMetadata")
	for _, list := range []string{"citationSources", "citations"} { // the Gemini API's name, and Vertex AI's
		for _, source := range objects(cited.Get(list)) {
			g.add(geminiCitation{
				url: text(source.Get("uri")), title: text(source.Get("title")), placed: true,
				start: readCount(source.Get("startIndex")).n, end: readCount(source.Get("endIndex")).n,
			})
		}
	}
}

// cite adds a groundingChunk: a page of the web, a place of a map, or something
// of the caller's own, which need not have an address.
func (g *geminiGrounding) cite(chunk json.Value, citation geminiCitation) {
	for _, kind := range []string{"web", "maps", "retrievedContext", "image"} {
		source := chunk.Get(kind)
		if citation.url = text(source.Get("uri")); citation.url == "" {
			citation.url = text(source.Get("sourceUri"))
		}
		if citation.url != "" {
			citation.title = text(source.Get("title"))
			g.add(citation)
			return
		}
	}
	g.other(`{"type":"gemini.grounding_chunk","grounding_chunk":`, chunk)
}

func (g *geminiGrounding) add(citation geminiCitation) {
	if g.known == nil {
		g.known = map[geminiCitation]bool{}
	}
	if !g.known[citation] {
		g.known[citation] = true
		g.citations = append(g.citations, citation)
	}
}

func (g *geminiGrounding) other(start string, value json.Value) {
	annotation := start + string(json.Compact([]byte(value.Raw))) + "}"
	if g.seen == nil {
		g.seen = map[string]bool{}
	}
	if !g.seen[annotation] {
		g.seen[annotation] = true
		g.others = append(g.others, json.RawMessage(annotation))
	}
}

// annotations are OpenAI's, for an answer's text. A place that is not in the
// text is left out.
func (g *geminiGrounding) annotations(content string) (list []json.RawMessage) {
	for _, citation := range g.citations {
		annotation := geminiAnnotation{"url_citation", geminiURLCitation{URL: citation.url, Title: citation.title}}
		if start, end, ok := citation.place(content); ok {
			annotation.URLCitation.StartIndex, annotation.URLCitation.EndIndex = &start, &end
		}
		if written, err := json.Marshal(annotation); err == nil {
			list = append(list, written)
		}
	}
	return append(list, g.others...)
}

// place is where in the content the citation stands, in characters. Gemini
// counts bytes, in a stream not always from the beginning: then the text tells.
func (c geminiCitation) place(content string) (start, end int, ok bool) {
	if !c.placed {
		return 0, 0, false
	}
	from, to := int(c.start), int(c.end)
	inside := from <= to && to <= len(content)
	if c.text != "" && (!inside || content[from:to] != c.text) {
		if from = strings.Index(content, c.text); from < 0 {
			return 0, 0, false
		}
		to, inside = from+len(c.text), true
	}
	if !inside || to == 0 {
		return 0, 0, false
	}
	start = utf8.RuneCountInString(content[:from])
	return start, start + utf8.RuneCountInString(content[from:to]), true
}
