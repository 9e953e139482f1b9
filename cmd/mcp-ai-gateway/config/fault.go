package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Fault is something in the file that is wrong.
type Fault struct {
	File         string
	Line, Column int    // from 1 on; 0: the file as such
	Field        string // such as models.openai/gpt-5.price.prompt; may be empty
	Text         string // what was given, what is allowed
	Excerpt      string // the line with a caret below the place; may be empty
}

// Place is FILE:LINE:COLUMN.
func (f Fault) Place() string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

// Sentence is the fault on one line.
func (f Fault) Sentence() string {
	if f.Field == "" {
		return f.Place() + ": " + f.Text
	}
	return f.Place() + ": " + f.Field + ": " + f.Text
}

// String is the fault with its excerpt.
func (f Fault) String() string {
	if f.Excerpt == "" {
		return f.Sentence()
	}
	return f.Sentence() + "\n" + f.Excerpt
}

// longestLine is how much of a line is shown, in characters.
const longestLine = 120

// excerpt shows a place as goccy/go-yaml does, but one line of it alone: its
// neighbours may hold what nobody should see.
func (d *document) excerpt(line, column int, veil bool) string {
	if line < 1 || line > len(d.lines) {
		return ""
	}
	text := strings.ReplaceAll(strings.TrimRight(d.lines[line-1], "\r"), "\t", " ")
	runes := []rune(text)
	shown := veiled(text)
	// What is hidden in front of the place has another length.
	at := utf8.RuneCountInString(veiled(string(runes[:min(max(column, 1)-1, len(runes))])))
	if name, _, ok := strings.Cut(text, ":"); ok && veil {
		shown = name + ": " + hidden
	}
	runes = []rune(shown)
	at = min(at, len(runes))
	if cut := at - longestLine/2; cut > 0 && len(runes) > longestLine {
		runes, at = append([]rune{'…'}, runes[cut:]...), at-cut+1
	}
	if len(runes) > longestLine {
		runes = append(runes[:longestLine-1], '…')
	}
	head := fmt.Sprintf(">%3d | ", line)
	return head + string(runes) + "\n" + strings.Repeat(" ", len(head)+at) + "^"
}

// hidden stands where something may be a secret.
const hidden = "[hidden]"

var (
	secretField = pattern(`(?i)((?:^|[\s{,"'-])["']?(?:[\w.-]*[_.-])?(?:key|apikey|token|secret|password|passwd|auth|authorization|cookie)["']?\s*:\s+)("[^"]*"?|'[^']*'?|[^\s,}][^,}]*)`)
	reference   = pattern(`^["']?(env|file):`)
	userinfo    = pattern(`://[^/\s]+@`)
	word        = pattern(`[^\s"'{},:=\[\]]+`)
)

// pattern is compiled when it is first used: most starts need none.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// veiled is a text without what may be a secret.
func veiled(text string) string {
	text = secretField().ReplaceAllStringFunc(text, func(found string) string {
		parts := secretField().FindStringSubmatch(found)
		if reference().MatchString(parts[2]) {
			return found
		}
		return parts[1] + hidden
	})
	text = userinfo().ReplaceAllString(text, "://"+hidden+"@")
	return word().ReplaceAllStringFunc(text, func(one string) string {
		if looksSecret(one) {
			return hidden
		}
		return one
	})
}

// looksSecret reports whether a text may be a key in the wrong place.
func looksSecret(text string) bool {
	return strings.HasPrefix(text, "sk-") || len(text) > 30 && !strings.ContainsAny(text, " /")
}

// quoted shows a value that was given.
func quoted(text string) string {
	if veiled(text) != text {
		return "something else"
	}
	if runes := []rune(text); len(runes) > 60 {
		text = string(runes[:59]) + "…"
	}
	return strconv.Quote(text)
}
