//go:build !wasip1

// The laws of the core, and the test that keeps them.
//
// The core turns a history of inputs into effects and touches nothing else.
// That is what lets it run as a wasm guest, be replayed from a transcript and
// be tested without a network. It stays so only while somebody looks:
//
//	law 1     no I/O
//	law 2     no clock, no chance
//	law 3     no goroutine, no lock
//	law 4     the same history gives the same effects
//	law 6     no global state
//	law door  who may import whom
//
// Laws 5 and 7 speak of what the core does while it runs, not of its sources;
// the transcripts keep them.
//
// The sources are type-checked, not searched: an alias, a dot import, an
// embedded method and a function value are the same object by another name.
// The sources in testdata/laws show what each law catches.
//
// A guest cannot start the go command, hence the build tag: the native test
// reads the sources of both targets.
package core_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/types/typeutil"
)

const (
	modulePath  = "github.com/mcp-ai-gateway/mcp-ai-gateway"
	corePath    = modulePath + "/core"
	harnessPath = corePath + "/coretest" // it runs the core in tests, so it is exempt
)

type report func(at ast.Node, reason string)

// laws are functions that report each node of a package that breaks them.
var laws = []struct {
	name   string
	breach func(*packages.Package, report)
}{
	{"law 1", inputOutput},
	{"law 2", clockChance},
	{"law 3", concurrency},
	{"law 4", disorder},
	{"law 6", globalState},
	{"law door", crossing},
}

// closed is what the core does not use, by the reason why: import paths, where
// /... stands for all paths below too, and objects by their full names.
type closed map[string]string

// breach reports each use of what is closed, but for the nodes allowed.
func (c closed) breach(pkg *packages.Package, report report, allowed ...ast.Node) {
	for node := range nodes(pkg) {
		for why, names := range c {
			switch node := node.(type) {
			case *ast.ImportSpec:
				if path := imported(node); matches(path, strings.Fields(names)...) {
					report(node, path+": "+why)
				}
			case *ast.Ident:
				name := fullName(pkg.TypesInfo.Uses[node])
				if slices.Contains(strings.Fields(names), name) && !slices.Contains(allowed, ast.Node(node)) {
					report(node, name+": "+why)
				}
			}
		}
	}
}

// inputOutput is law 1: what the core knows comes in, what it does goes out,
// and both pass through its host. A library that brings the network along
// weighs on the guest even if nobody calls it, so it counts at any distance.
func inputOutput(pkg *packages.Package, report report) {
	closed{
		"the network is the host's": "net net/http/...", // net/url and net/netip only compute
		"the system is the host's":  "os/... syscall/... runtime/debug/... log/...",
		"files are the host's":      "embed io/fs io/ioutil path/filepath",
		"the streams are the host's": "print println fmt.Print fmt.Printf fmt.Println " +
			"fmt.Scan fmt.Scanf fmt.Scanln",
		"it goes around every law":    "C unsafe",
		"a test is not for the users": "testing/...",
	}.breach(pkg, report)
	for node := range nodes(pkg) {
		if spec, ok := node.(*ast.ImportSpec); ok {
			if chain := chainToNet(pkg.Imports[imported(spec)], nil); chain != "" {
				report(spec, "it reaches the network: "+chain)
			}
		}
	}
}

// clockChance is law 2: time and randomness are inputs like any other, or a
// transcript could not be replayed.
func clockChance(pkg *packages.Package, report report) {
	closed{
		"chance comes in as an input":   "crypto/rand/... hash/maphash math/rand/...",
		"the time comes in as an input": "time.Now time.Since time.Until",
		"a timer is an effect": "time.After time.AfterFunc time.NewTicker time.NewTimer " +
			"time.Sleep time.Tick",
		"the zones are the host's": "time.Local (time.Time).Local time.LoadLocation",
	}.breach(pkg, report)
}

// concurrency is law 3: whoever runs the core decides about threads, and a
// guest has one. Any expression of a channel type is a breach, which covers
// types, make, sends, receives and ranges. A coroutine is had from iter.Pull.
func concurrency(pkg *packages.Package, report report) {
	closed{
		"the host cancels by an input":          "context",
		"scheduler and collector have no order": "runtime",
		"one history needs no lock":             "sync/...",
	}.breach(pkg, report)
	for node := range nodes(pkg) {
		switch node := node.(type) {
		case *ast.GoStmt:
			report(node, "a goroutine")
		case *ast.SelectStmt:
			report(node, "a select: chance decides among what is ready")
		case ast.Expr:
			if has[*types.Chan](pkg.TypesInfo.TypeOf(node)) {
				report(node, "a channel: its order is the scheduler's")
			}
		}
	}
}

// disorder is law 4: nothing that differs from run to run or from target to
// target may become visible. That is the order of a map, and the wording of a
// library's error: go-json and encoding/json say the same in different words.
func disorder(pkg *packages.Package, report report) {
	info := pkg.TypesInfo
	var sorted []ast.Node
	for node := range nodes(pkg) {
		switch node := node.(type) {
		case *ast.RangeStmt:
			if has[*types.Map](info.TypeOf(node.X)) {
				report(node, "a range over a map: it has no order")
			}
		case *ast.SelectorExpr:
			if foreignText(info.Uses[node.Sel]) {
				report(node.Sel, "the text of an error that need not be ours")
			}
		case *ast.CallExpr:
			function := fullName(typeutil.Callee(info, node))
			switch function {
			case "slices.Sorted", "slices.SortedFunc", "slices.SortedStableFunc":
				keys, ok := ast.Unparen(node.Args[0]).(*ast.CallExpr)
				if ok && strings.HasPrefix(fullName(typeutil.Callee(info, keys)), "maps.") {
					sorted = slices.AppendSeq(sorted, ast.Preorder(keys.Fun))
				}
			}
			for _, arg := range node.Args {
				if t := info.TypeOf(arg); strings.HasPrefix(function, "fmt.") && types.Implements(t, errorType) {
					if text, _, _ := types.LookupFieldOrMethod(t, false, nil, "Error"); foreignText(text) {
						report(arg, "the text of an error that need not be ours")
					}
				}
			}
		}
	}
	closed{
		"a map has no order but what slices.Sorted, SortedFunc or SortedStableFunc gives it": "maps.All " +
			"maps.Keys maps.Values (reflect.Value).MapKeys (reflect.Value).MapRange " +
			"(reflect.Value).Seq (reflect.Value).Seq2",
	}.breach(pkg, report, sorted...)
}

var errorType = types.Universe.Lookup("error").Type().Underlying().(*types.Interface)

// foreignText tells whether an object is the method Error of an error whose
// words the core did not choose. An interface may hold anybody's error: one
// counts as ours only if the core gave it a name and a method Error of its own,
// and so took the words upon itself.
func foreignText(object types.Object) bool {
	method, ok := object.(*types.Func)
	if !ok || method.Name() != "Error" || method.Signature().Recv() == nil {
		return false
	}
	receiver := method.Signature().Recv().Type()
	_, nameless := receiver.(*types.Interface)
	ours := !nameless && method.Pkg() != nil && matches(method.Pkg().Path(), corePath+"/...")
	return !ours && types.Implements(receiver, errorType)
}

// globalState is law 6: two machines in one process share nothing that changes.
// It sees assignments and the builtins that write. It does not see a method
// that writes to its receiver, nor a write through a pointer taken before.
func globalState(pkg *packages.Package, report report) {
	check := func(targets ...ast.Expr) {
		for _, target := range targets {
			if name := fullName(root(pkg.TypesInfo, target)); name != "" {
				report(target, "a write to "+name+", which all machines share")
			}
		}
	}
	for node := range nodes(pkg) {
		switch node := node.(type) {
		case *ast.AssignStmt:
			check(node.Lhs...)
		case *ast.IncDecStmt:
			check(node.X)
		case *ast.RangeStmt:
			check(node.Key, node.Value)
		case *ast.CallExpr:
			switch fullName(typeutil.Callee(pkg.TypesInfo, node)) {
			case "clear", "copy", "delete":
				check(node.Args[0])
			}
		}
	}
}

// borders say that no package of from imports to, except those in but.
var borders = []struct{ from, to, but, why string }{
	{modulePath + "/...", "github.com/mark3labs/mcp-go/...", modulePath + "/transport/...", "MCP's wire is the transport's"},
	{modulePath + "/...", "github.com/tetratelabs/wazero/...", modulePath + "/wasm/...", "wasm runs the guests"},
	{modulePath + "/...", "github.com/goccy/go-json/...", corePath + "/json", "core/json is the door to JSON"},
	{modulePath + "/...", "github.com/santhosh-tekuri/jsonschema/...", modulePath + "/transport", "the transport's host is who checks"},
	{modulePath + "/...", "github.com/goccy/go-yaml/...", modulePath + "/cmd/mcp-ai-gateway/config", "the configuration is the door to YAML"},
	{modulePath + "/transport/gate", modulePath + "/transport", "", "the gate does not know its host"},
	{modulePath + "/...", modulePath + "/cmd/...", modulePath + "/cmd/...", "a command is no library"},
	{modulePath + "/transport/...", modulePath + "/wasm/...", "", "the two hosts do not know each other"},
	{modulePath + "/wasm/...", modulePath + "/transport/...", modulePath + "/wasm/hosts/... " + modulePath + "/wasm/hosttest", "the two hosts do not know each other"},
	{corePath + "/...", "encoding/json/...", corePath + "/json " + harnessPath, "core/json is the door to JSON"},
	{corePath + "/...", "github.com/tidwall/gjson/...", corePath + "/json " + harnessPath, "core/json is the door to JSON"},
	{corePath + "/...", modulePath + "/transport/...", harnessPath, "the core does not know its hosts"},
	{corePath + "/...", modulePath + "/wasm/...", harnessPath, "the core does not know its hosts"},
	{corePath + "/...", harnessPath, "", "what the laws exempt must not come back by a friend"},
	{corePath + "/provider/...", corePath, "", "the core asks providers, never the reverse"},
}

// crossing is the law of doors: each border is crossed by those alone who may.
func crossing(pkg *packages.Package, report report) {
	for node := range nodes(pkg) {
		if spec, ok := node.(*ast.ImportSpec); ok {
			if why := refusal(pkg.PkgPath, imported(spec)); why != "" {
				report(spec, why)
			}
		}
	}
}

// refusal says why from must not import to, or nothing.
func refusal(from, to string) string {
	for _, b := range borders {
		if matches(from, b.from) && matches(to, b.to) && !matches(from, strings.Fields(b.but)...) {
			return to + ": " + b.why
		}
	}
	return ""
}

// matches tells whether a path is one of the patterns or below one with /...
func matches(path string, patterns ...string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		tree, below := strings.CutSuffix(pattern, "/...")
		return path == tree || below && strings.HasPrefix(path, tree+"/")
	})
}

func imported(spec *ast.ImportSpec) string {
	path, _ := strconv.Unquote(spec.Path.Value)
	return path
}

// chainToNet is a way by which a package imports the network, if there is one.
func chainToNet(pkg *packages.Package, seen map[string]bool) string {
	if seen == nil {
		seen = map[string]bool{}
	}
	if pkg == nil || seen[pkg.PkgPath] {
		return ""
	}
	seen[pkg.PkgPath] = true
	if pkg.PkgPath == "net" || pkg.PkgPath == "net/http" {
		return pkg.PkgPath
	}
	for _, path := range slices.Sorted(maps.Keys(pkg.Imports)) {
		if chain := chainToNet(pkg.Imports[path], seen); chain != "" {
			return pkg.PkgPath + " → " + chain
		}
	}
	return ""
}

// nodes walks all files of a package in order.
func nodes(pkg *packages.Package) iter.Seq[ast.Node] {
	return func(yield func(ast.Node) bool) {
		for _, file := range pkg.Syntax {
			for node := range ast.Preorder(file) {
				if !yield(node) {
					return
				}
			}
		}
	}
}

// fullName names a function, method, builtin or global variable; nothing else.
func fullName(object types.Object) string {
	switch object := object.(type) {
	case *types.Func:
		return object.Origin().FullName()
	case *types.Builtin:
		return object.Name()
	case *types.Var:
		if object.Pkg() != nil && object.Parent() == object.Pkg().Scope() {
			return object.Pkg().Path() + "." + object.Name()
		}
	}
	return ""
}

// root is what an assigned expression is a part of: the first variable in it.
func root(info *types.Info, part ast.Expr) types.Object {
	if part == nil {
		return nil
	}
	for node := range ast.Preorder(part) {
		if ident, ok := node.(*ast.Ident); ok {
			if v, ok := info.Uses[ident].(*types.Var); ok {
				return v
			}
		}
	}
	return nil
}

// has tells whether a type is a T underneath, or a type parameter that may be one.
func has[T types.Type](t types.Type) bool {
	if t == nil {
		return false
	}
	switch t := t.Underlying().(type) {
	case T:
		return true
	case *types.Interface:
		return slices.ContainsFunc(slices.Collect(t.EmbeddedTypes()), has[T])
	case *types.Union:
		return slices.ContainsFunc(slices.Collect(t.Terms()), func(term *types.Term) bool { return has[T](term.Type()) })
	}
	return false
}

// judge tells of each line that breaks a law, once a law, whatever the reasons.
func judge(pkg *packages.Package, tell func(place token.Position, law, reason string)) {
	for _, law := range laws {
		seen := map[token.Position]bool{}
		law.breach(pkg, func(at ast.Node, reason string) {
			place := pkg.Fset.PositionFor(at.Pos(), false) // no //line moves it
			place.Offset, place.Column = 0, 0
			if !seen[place] {
				seen[place] = true
				tell(place, law.name, reason)
			}
		})
	}
}

// load type-checks packages against the export data of their dependencies,
// which is fast, and asks for the import graph alone of what lies further down.
func load(t *testing.T, target []string, patterns ...string) []*packages.Package {
	t.Helper()
	ask := func(mode packages.LoadMode) []*packages.Package {
		mode |= packages.NeedName | packages.NeedImports
		pkgs, err := packages.Load(&packages.Config{Mode: mode, Env: append(os.Environ(), target...)}, patterns...)
		if err != nil {
			t.Fatal(err)
		}
		packages.Visit(pkgs, nil, func(pkg *packages.Package) {
			for _, err := range pkg.Errors {
				t.Error(target, pkg.PkgPath, err)
			}
		})
		return pkgs
	}
	imports := map[string]map[string]*packages.Package{}
	for _, pkg := range ask(packages.NeedDeps) {
		imports[pkg.PkgPath] = pkg.Imports
	}
	files, pkgs := 0, ask(packages.NeedFiles|packages.NeedSyntax|packages.NeedTypes|packages.NeedTypesInfo)
	for _, pkg := range pkgs {
		files += len(pkg.Syntax)
		pkg.Imports = imports[pkg.PkgPath]
	}
	if t.Failed() || files == 0 {
		t.Fatalf("%v: %d packages, %d files: what is not read in full cannot be judged", target, len(pkgs), files)
	}
	return pkgs
}

// sources lists the non-test Go files of the module, whatever their build tags.
func sources(t *testing.T, top string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(top, func(file string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		if file != top && (name == "testdata" || name[0] == '.' || name[0] == '_') {
			if entry.IsDir() {
				return filepath.SkipDir
			}
		} else if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			files = append(files, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestLaws judges the core as each build has it, and the doors of the whole module.
func TestLaws(t *testing.T) {
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{} // a set: most lines are read for both targets
	tell := func(place token.Position, law, reason string) {
		name, _ := filepath.Rel(top, place.Filename)
		found[fmt.Sprintf("%s:%d: %s: %s", name, place.Line, law, reason)] = true
	}
	read := map[string]bool{}
	for _, target := range [][]string{nil, {"GOFLAGS=-tags=stdjson"}, {"GOOS=wasip1", "GOARCH=wasm"}} {
		for _, pkg := range load(t, target, "./...") {
			for _, file := range pkg.Syntax {
				read[pkg.Fset.PositionFor(file.Package, false).Filename] = true
			}
			if pkg.PkgPath != harnessPath {
				judge(pkg, tell)
			}
		}
	}
	for _, file := range sources(t, top) {
		name, _ := filepath.Rel(top, file)
		pkg := path.Join(modulePath, filepath.ToSlash(filepath.Dir(name)))
		if matches(pkg, corePath+"/...") && !read[file] {
			t.Errorf("%s: no target builds it, so no law was applied to it", name)
		}
		// Only imports count at a door, so the build tags make no difference.
		fset := token.NewFileSet()
		syntax, err := parser.ParseFile(fset, file, nil, parser.ImportsOnly)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, spec := range syntax.Imports {
			if why := refusal(pkg, imported(spec)); why != "" {
				tell(fset.Position(spec.Pos()), "law door", why)
			}
		}
	}
	for _, line := range slices.Sorted(maps.Keys(found)) {
		t.Error(line)
	}
}

// TestLawsCatch judges the sources in testdata/laws. Each breaks a law on every
// line that says `// want "law N"`, and on no other.
func TestLawsCatch(t *testing.T) {
	dirs, err := filepath.Glob("testdata/laws/*")
	if err != nil || len(dirs) < 11 { // ten bad ones and the good one
		t.Fatalf("%d sources in testdata/laws, %v", len(dirs), err)
	}
	for i := range dirs {
		dirs[i] = "./" + filepath.ToSlash(dirs[i])
	}
	shown := map[string]bool{}
	for _, pkg := range load(t, nil, dirs...) {
		wants := map[string]bool{}
		for _, file := range pkg.Syntax {
			for _, group := range file.Comments {
				for _, comment := range group.List {
					if law, ok := strings.CutPrefix(comment.Text, "// want "); ok {
						law = strings.Trim(law, `"`)
						wants[fmt.Sprint(pkg.Fset.Position(comment.Pos()).Line, ": ", law)] = true
						shown[law] = true
					}
				}
			}
		}
		t.Run(path.Base(pkg.PkgPath), func(t *testing.T) {
			if good := pkg.Name == "good"; good != (len(wants) == 0) {
				t.Errorf("%d lines want a violation", len(wants))
			}
			judge(pkg, func(place token.Position, law, reason string) {
				line := fmt.Sprint(place.Line, ": ", law)
				if !wants[line] {
					t.Errorf("not wanted: %s: %s", line, reason)
				}
				delete(wants, line)
			})
			for _, line := range slices.Sorted(maps.Keys(wants)) {
				t.Errorf("not caught: %s", line)
			}
		})
	}
	for _, law := range laws {
		if !shown[law.name] {
			t.Errorf("no source in testdata breaks %s", law.name)
		}
	}
}

// TestLawsBorders shows both sides of the borders, since no source in testdata
// could import all that they speak of.
func TestLawsBorders(t *testing.T) {
	for pair, open := range map[[2]string]bool{
		{"/transport/stdio", "github.com/mark3labs/mcp-go/mcp"}: true,
		{"/cmd/x", "github.com/mark3labs/mcp-go/mcp"}:           false,
		{"/wasm", "github.com/tetratelabs/wazero"}:              true,
		{"/core", "github.com/tetratelabs/wazero/api"}:          false,
		{"/core/json", "github.com/goccy/go-json"}:              true,
		{"/transport", "github.com/goccy/go-json"}:              false,
		{"/transport", "encoding/json"}:                         true,
		{"/core/jsonrpc", "encoding/json"}:                      false,
		{"/core/provider", "github.com/tidwall/gjson"}:          false,
		{"/cmd/x", modulePath + "/transport"}:                   true,
		{"/transport", modulePath + "/cmd/x"}:                   false,
		{"/transport/imitation", modulePath + "/wasm/guest"}:    false,
		{"/wasm/guest/reactor", corePath}:                       true,
		{"/wasm/guest/reactor", modulePath + "/transport"}:      false,
		{"/core", corePath + "/provider"}:                       true,
		{"/core/provider", corePath + "/json"}:                  true,
		{"/core/provider", corePath}:                            false,
		{"/core", modulePath + "/transport"}:                    false,
		{"/core/json", modulePath + "/wasm"}:                    false,
		{"/core", harnessPath}:                                  false,
	} {
		if why := refusal(modulePath+pair[0], pair[1]); (why == "") != open {
			t.Errorf("%s: refused %q, want open %v", pair, why, open)
		}
	}
}
