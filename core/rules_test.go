//go:build !wasip1

package core_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestRules holds docs/rules.md against what it names: the rules 1 to 65 are
// there, once each, and each is held by transcripts and tests that exist and
// name it, or says why it does not apply. What names a rule is in the list.
func TestRules(t *testing.T) {
	const last = 65
	page, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	named := namedRules(t)
	row := regexp.MustCompile(`(?m)^\| (\d+) \|.*\| (.+) \|$`)
	holder := regexp.MustCompile("`(\\w[\\w-]*(?:\\.txtar)?)`")
	number := 0
	listed := map[string][]int{}
	for _, match := range row.FindAllStringSubmatch(string(page), -1) {
		number++
		if match[1] != strconv.Itoa(number) {
			t.Fatalf("rule %s stands where %d should", match[1], number)
		}
		holders := holder.FindAllStringSubmatch(match[2], -1)
		if strings.HasPrefix(match[2], "does not apply: ") {
			continue
		}
		if len(holders) == 0 {
			t.Errorf("rule %d: nothing holds it, and it does not say why", number)
		}
		for _, name := range holders {
			listed[name[1]] = append(listed[name[1]], number)
			if rules, exists := named[name[1]]; !exists {
				t.Errorf("rule %d: there is no %s", number, name[1])
			} else if !slices.Contains(rules, number) {
				t.Errorf("rule %d: %s does not name it", number, name[1])
			}
		}
	}
	if number != last {
		t.Errorf("%d rules of %d", number, last)
	}
	for name, rules := range named {
		for _, rule := range rules {
			if !slices.Contains(listed[name], rule) {
				t.Errorf("%s names rule %d, and the list does not have it there", name, rule)
			}
		}
	}
}

// namedRules are all transcripts and tests, and the rules that each names.
func namedRules(t *testing.T) map[string][]int {
	named := map[string][]int{}
	transcripts, err := filepath.Glob("testdata/transcripts/*.txtar")
	if err != nil || len(transcripts) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range transcripts {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		named[filepath.Base(file)] = rulesIn(string(archive.Comment))
	}
	for _, pattern := range []string{"*_test.go", "provider/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no tests %s: %v", pattern, err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, declared := range parsed.Decls {
				if function, ok := declared.(*ast.FuncDecl); ok && function.Recv == nil && strings.HasPrefix(function.Name.Name, "Test") {
					named[function.Name.Name] = append(named[function.Name.Name], rulesIn(function.Doc.Text())...)
				}
			}
		}
	}
	return named
}

// rulesIn finds "Rule 3." and "Rules 3, 4, 8." in a comment.
func rulesIn(comment string) (rules []int) {
	comment = strings.Join(strings.Fields(comment), " ")
	for _, match := range regexp.MustCompile(`\bRules? (\d+(?:, \d+)*)\.`).FindAllStringSubmatch(comment, -1) {
		for _, digits := range strings.Split(match[1], ", ") {
			if number, err := strconv.Atoi(digits); err == nil {
				rules = append(rules, number)
			}
		}
	}
	return rules
}
