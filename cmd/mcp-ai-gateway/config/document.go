package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// What a file may cost. The parser's own work grows with the square of the
// nesting, and cannot be stopped.
const (
	longestFile    = 1 << 20
	deepestNesting = 64
	mostEntries    = 20_000 // of mappings and lists, each counted as often as it is referred to
	mostFaults     = 50
)

// document is a file while it is read. It goes on after a fault: one bad entry
// costs itself.
type document struct {
	name    string
	lines   []string
	anchors map[string]ast.Node
	entries int // that may still be read
	faults  []Fault
	unsaid  int // faults beyond mostFaults
}

// parse reads YAML. Where it is none it returns nil, and has noted why.
func (d *document) parse(data []byte) ast.Node {
	switch {
	case len(data) > longestFile:
		d.whole("got %d bytes, allowed: at most %d", len(data), longestFile)
		return nil
	case !utf8.Valid(data):
		d.whole("allowed: a text in UTF-8")
		return nil
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	d.lines = strings.Split(text, "\n")
	if line := tooDeep(d.lines); line > 0 {
		d.whole("line %d: nested too deeply, allowed: at most %d levels", line, deepestNesting)
		return nil
	}
	file, err := parsed(text)
	if err != nil {
		var place *token.Token
		why := "it is not YAML"
		var known yaml.Error
		if errors.As(err, &known) {
			place, why = known.GetToken(), known.GetMessage()
		}
		d.fault(place, "", "%s", veiled(why))
		return nil
	}
	var bodies []ast.Node
	for _, part := range file.Docs {
		if part.Body != nil && part.Body.Type() != ast.CommentType && part.Body.Type() != ast.NullType {
			bodies = append(bodies, part.Body)
		}
	}
	if len(bodies) == 0 {
		return nil
	}
	if len(bodies) > 1 {
		d.fault(bodies[1].GetToken(), "", "got a second document, allowed: one")
	}
	d.anchors = map[string]ast.Node{}
	ast.Walk(anchorage(d.anchors), bodies[0])
	return bodies[0]
}

var errUnparsed = errors.New("the parser gave up")

// parsed is goccy/go-yaml's reading. A panic there costs the file, as other
// faults of the text do, and not the program's start.
func parsed(text string) (file *ast.File, err error) {
	defer func() {
		if recover() != nil {
			file, err = nil, errUnparsed
		}
	}()
	return parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
}

// tooDeep returns the number of the line where brackets, or marks of list
// entries on one line, are nested too deeply; 0: nowhere. Brackets in texts
// count as well: no text needs that many that are not closed.
func tooDeep(lines []string) int {
	depth := 0
	for i, line := range lines {
		marks := 0
		for at := 0; at < len(line); at++ {
			switch line[at] {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			case '-', '?':
				marks++
			case ' ', '\t':
			default:
				marks = -len(line) // what follows is text
			}
			if depth > deepestNesting || marks > deepestNesting && !strings.HasPrefix(line, "---") {
				return i + 1
			}
		}
	}
	return 0
}

// anchorage collects the anchors of a document. The first of a name counts.
type anchorage map[string]ast.Node

func (a anchorage) Visit(node ast.Node) ast.Visitor {
	if anchor, ok := node.(*ast.AnchorNode); ok && anchor.Name != nil && anchor.Value != nil {
		if name := anchor.Name.GetToken().Value; a[name] == nil {
			a[name] = anchor.Value
		}
	}
	return a
}

// content is a node without anchor and tag, and what an alias stands for. Nil
// where that is nothing.
func (d *document) content(node ast.Node) ast.Node {
	for range deepestNesting {
		switch n := node.(type) {
		case *ast.AnchorNode:
			node = n.Value
		case *ast.TagNode:
			node = n.Value
		case *ast.AliasNode:
			if n.Value == nil {
				return nil
			}
			node = d.anchors[n.Value.GetToken().Value]
		case *ast.NullNode, nil:
			return nil
		default:
			return node
		}
	}
	return nil
}

// entry is one field of a mapping.
type entry struct {
	name  string
	key   *token.Token
	value ast.Node // as it stands there, never nil
	path  string   // where it is in the document, such as models.openai/gpt-5.price
}

// place is where a fault of the entry's value is shown.
func (e entry) place(d *document) *token.Token {
	if node := d.content(e.value); node != nil {
		if literal, ok := node.(*ast.LiteralNode); ok && literal.Start != nil {
			return literal.Start
		}
		if place := first(node); place != nil {
			return place
		}
	}
	return e.key
}

// first is the token at which a node begins: a mapping's is its colon.
func first(node ast.Node) *token.Token {
	switch n := node.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	}
	return node.GetToken()
}

// mapping reads a mapping: the entries in their order, those of merges (<<)
// behind, where they are not there already. A name that comes twice is noted
// and counts once, the first time.
func (d *document) mapping(at entry, allowed string) ([]entry, bool) {
	var entries []entry
	if !d.collect(at, at.value, &entries, map[string]int{}, 0) {
		d.wrong(at, allowed)
		return nil, false
	}
	return entries, true
}

func (d *document) collect(at entry, node ast.Node, entries *[]entry, seen map[string]int, merges int) bool {
	if merges > deepestNesting {
		return false
	}
	var values []*ast.MappingValueNode
	switch n := d.content(node).(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	case nil:
		return merges == 0 // `aliases:` with nothing behind it
	case *ast.SequenceNode:
		if merges == 0 {
			return false
		}
		for _, one := range n.Values {
			if d.spend(at) && !d.collect(at, one, entries, seen, merges+1) {
				return false
			}
		}
		return true
	default:
		return false
	}
	var merged []*ast.MappingValueNode
	for _, value := range values {
		if !d.spend(at) {
			return true
		}
		if value.Key.IsMergeKey() {
			merged = append(merged, value)
			continue
		}
		key := value.Key.GetToken()
		e := entry{name: d.text(value.Key), key: key, value: value.Value}
		if e.value == nil {
			e.value = ast.Null(key)
		}
		e.path = e.name
		if at.path != "" {
			e.path = at.path + "." + e.name
		}
		lower := strings.ToLower(e.name)
		if line, twice := seen[lower]; twice {
			if merges == 0 {
				d.fault(key, e.path, "this name is there already, on line %d, which counts", line)
			}
			continue
		}
		seen[lower] = key.Position.Line
		*entries = append(*entries, e)
	}
	for _, merge := range merged {
		if !d.collect(at, merge.Value, entries, seen, merges+1) {
			d.fault(merge.Key.GetToken(), at.path, "<<: allowed: an alias of a mapping, or a list of such")
		}
	}
	return true
}

// spend takes one from what may still be read, and notes when that is all.
func (d *document) spend(at entry) bool {
	if d.entries--; d.entries == -1 {
		d.fault(at.key, at.path, "too long with all that its aliases stand for, allowed: %d entries in a file", mostEntries)
	}
	return d.entries >= 0
}

// text is what a scalar says, "" where it is none.
func (d *document) text(node ast.Node) string {
	switch n := d.content(node).(type) {
	case *ast.MappingKeyNode:
		return d.text(n.Value)
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return strings.TrimSuffix(n.Value.Value, "\n")
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value
	}
	return ""
}

// isText reports whether a node is a text, or a number that is meant as one.
func (d *document) isText(node ast.Node) bool {
	switch d.content(node).(type) {
	case *ast.StringNode, *ast.LiteralNode, *ast.IntegerNode, *ast.FloatNode:
		return true
	}
	return false
}

// words reads a text.
func (d *document) words(e entry, allowed string) (string, bool) {
	text := strings.TrimSpace(d.text(e.value))
	if !d.isText(e.value) || text == "" {
		d.wrong(e, allowed)
		return "", false
	}
	return text, true
}

// choice reads one of a few words.
func (d *document) choice(e entry, choices ...string) (string, bool) {
	text := strings.ToLower(strings.TrimSpace(d.text(e.value)))
	if !slices.Contains(choices, text) {
		d.wrong(e, strings.Join(choices, ", "))
		return "", false
	}
	return text, true
}

// number reads a number from lowest to highest.
func (d *document) number(e entry, lowest, highest float64, allowed string) (float64, bool) {
	switch d.content(e.value).(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		text := strings.ReplaceAll(d.text(e.value), "_", "")
		if number, err := strconv.ParseFloat(text, 64); err == nil && number >= lowest && number <= highest {
			return number, true
		}
	}
	d.wrong(e, allowed)
	return 0, false
}

// integer reads a whole number from lowest to highest.
func (d *document) integer(e entry, lowest, highest int64, allowed string) (int64, bool) {
	if _, ok := d.content(e.value).(*ast.IntegerNode); ok {
		number, err := strconv.ParseInt(strings.ReplaceAll(d.text(e.value), "_", ""), 10, 64)
		if err == nil && number >= lowest && number <= highest {
			return number, true
		}
	}
	d.wrong(e, allowed)
	return 0, false
}

// longest is a day: whoever wants more wants no limit.
const longest = 24 * time.Hour

const durations = "a time such as 90s, 1m30s or 90 (seconds), at most a day"

// duration reads a time: a number of seconds, or one with its unit.
func (d *document) duration(e entry, zero string) (time.Duration, bool) {
	allowed := durations + zero
	var duration time.Duration
	switch d.content(e.value).(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		seconds, ok := d.number(e, 0, longest.Seconds(), allowed)
		if !ok {
			return 0, false
		}
		duration = time.Duration(seconds * float64(time.Second))
	default:
		var err error
		if duration, err = time.ParseDuration(strings.TrimSpace(d.text(e.value))); err != nil {
			duration = -1
		}
	}
	if duration < 0 || duration > longest || duration == 0 && zero == "" {
		d.wrong(e, allowed)
		return 0, false
	}
	return duration, true
}

// list reads a list of texts, or one alone. What is no text costs itself.
func (d *document) list(e entry, allowed string) (texts []string) {
	for _, one := range d.items(e) {
		if text, ok := d.words(one, allowed); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// items are the entries of a list, or what is meant as its only one.
func (d *document) items(e entry) []entry {
	sequence, ok := d.content(e.value).(*ast.SequenceNode)
	if !ok {
		return []entry{e}
	}
	var items []entry
	for i, value := range sequence.Values {
		if !d.spend(e) {
			break
		}
		items = append(items, entry{name: e.name, key: e.key, value: value, path: e.path + "[" + strconv.Itoa(i) + "]"})
	}
	return items
}

// wrong notes a value that is not allowed.
func (d *document) wrong(e entry, allowed string) {
	node := d.content(e.value)
	given := "nothing"
	switch node.(type) {
	case nil:
	case *ast.MappingNode, *ast.MappingValueNode:
		given = "a mapping"
	case *ast.SequenceNode:
		given = "a list"
	default:
		given = quoted(node.GetToken().Value)
	}
	d.fault(e.place(d), e.path, "got %s, allowed: %s", given, allowed)
}

// unknown notes a name that is not one of those that are allowed.
func (d *document) unknown(e entry, allowed []string) {
	path := e.path
	if looksSecret(e.name) {
		path = strings.TrimSuffix(path, e.name) + hidden
	}
	d.fault(e.key, path, "there is no such field, allowed: %s", strings.Join(allowed, ", "))
}

// whole notes a fault of the file as such.
func (d *document) whole(format string, values ...any) { d.fault(nil, "", format, values...) }

// fault notes what is wrong at a place, and returns it.
func (d *document) fault(place *token.Token, path, format string, values ...any) Fault {
	fault := Fault{File: d.name, Field: path, Text: fmt.Sprintf(format, values...)}
	if place != nil && place.Position != nil {
		fault.Line, fault.Column = place.Position.Line, place.Position.Column
		fault.Excerpt = d.excerpt(fault.Line, fault.Column, strings.Contains(path, ".headers."))
	}
	if len(d.faults) < mostFaults {
		d.faults = append(d.faults, fault)
	} else {
		d.unsaid++
	}
	return fault
}
