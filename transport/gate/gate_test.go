package gate_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/gate"
)

// TestPure: nothing that could do I/O, know the time, draw lots or run beside.
func TestPure(t *testing.T) {
	allowed := []string{"math", "slices", "strconv", "github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		read++
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for node := range ast.Preorder(syntax) {
			place := set.Position(node.Pos())
			switch node := node.(type) {
			case *ast.ImportSpec:
				if path, err := strconv.Unquote(node.Path.Value); err != nil || !slices.Contains(allowed, path) {
					t.Errorf("%v: imports %s, allowed: %v", place, node.Path.Value, allowed)
				}
			case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt:
				t.Errorf("%v: a %T", place, node)
			}
		}
	}
	if read == 0 {
		t.Fatal("no source was read")
	}
}

// TestManyWait: a long queue is served to its end, in order.
func TestManyWait(t *testing.T) {
	g := gate.New(map[string]gate.Limits{"local": {Concurrency: 1}})
	for n := range uint64(gate.QueueLimit + 1) {
		g.Step(&gate.Ask{Fetch: n, Call: n, Provider: "local", AtMS: epoch})
	}
	for n := range uint64(gate.QueueLimit) {
		effects := g.Step(&gate.Done{Fetch: n, AtMS: epoch})
		if len(effects) != 1 {
			t.Fatalf("the end of %d had %d effects", n, len(effects))
		}
		if admit, ok := effects[0].(*gate.Admit); !ok || admit.Fetch != n+1 {
			t.Fatalf("the end of %d had the effect %+v", n, effects[0])
		}
	}
}

// BenchmarkExchange is what one exchange costs, Ask and Done together.
func BenchmarkExchange(b *testing.B) {
	limits := map[string]gate.Limits{"places": {Concurrency: 100}, "rate": {PerMinute: 60_000}}
	for _, name := range []string{"none", "places", "rate"} {
		b.Run(name, func(b *testing.B) {
			g, at := gate.New(limits), int64(epoch)
			b.ReportAllocs()
			for n := uint64(1); b.Loop(); n++ {
				at += 2
				if effects := g.Step(&gate.Ask{Fetch: n, Call: n, Provider: name, AtMS: at}); len(effects) != 1 {
					b.Fatalf("an Ask had %d effects", len(effects))
				}
				g.Step(&gate.Done{Fetch: n, AtMS: at})
			}
		})
	}
	// Each exchange waits behind as many others.
	for _, waiting := range []int{10, gate.QueueLimit - 1} {
		b.Run("behind-"+strconv.Itoa(waiting), func(b *testing.B) {
			g := gate.New(map[string]gate.Limits{"local": {Concurrency: 1}})
			next := uint64(0)
			ask := func() {
				g.Step(&gate.Ask{Fetch: next, Call: next, Provider: "local", AtMS: epoch})
				next++
			}
			for range waiting {
				ask()
			}
			b.ReportAllocs()
			for n := uint64(0); b.Loop(); n++ {
				ask()
				if effects := g.Step(&gate.Done{Fetch: n, AtMS: epoch, Kind: provider.InvalidRequest}); len(effects) != 1 {
					b.Fatalf("a Done had %d effects", len(effects))
				}
			}
		})
	}
}
