package transport

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

// What is checked. A schema comes from whoever writes the assistant's
// messages, and validating against one can cost as much as its author wants:
// references that fan out double the work with every line.
const (
	longestSchema    = 64 << 10 // bytes
	longestChecked   = 1 << 20  // bytes of the model's text
	deepestSchema    = 256      // levels of brackets
	deepestChecked   = 64
	longestNumber    = 400     // digits, and the exponent: 1e999999 has a million
	deepestStack     = 20_000  // schemas entered at once, of some 3 kB
	largestPattern   = 10_000  // instructions of one compiled pattern
	checkSteps       = 1 << 19 // values looked at, about a second of work at worst
	checkTime        = 2 * time.Second
	checkedFaults    = 4096 // that are looked through for the first ones
	longestFaultText = 200  // bytes
)

// checkSchema gives the verdict on a text by a schema of draft 4, 6, 7, 2019-09
// or 2020-12 (the default), and gives up where that costs too much or ctx ends.
// No reference to another document is followed. The keyword format says nothing
// here, as 2020-12 has it. The verdict lacks its id and time.
func checkSchema(ctx context.Context, schema []byte, text string) (verdict *core.Checked) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case untold:
			verdict = &core.Checked{Verdict: core.Unknown, Reason: string(fault)}
		default: // one of the library's own
			verdict = &core.Checked{Verdict: core.Unknown, Reason: "the check broke down"}
		}
	}()
	if len(schema) > longestSchema {
		panic(untold("the schema is longer than " + strconv.Itoa(longestSchema>>10) + " kB"))
	}
	if len(text) > longestChecked {
		panic(untold("the answer is longer than " + strconv.Itoa(longestChecked>>10) + " kB"))
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(schema)))
	if err != nil {
		panic(untold("the schema is not JSON"))
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return &core.Checked{Verdict: core.Invalid, Faults: []core.SchemaFault{{Fault: "the answer is not JSON"}}}
	}
	bound(document, deepestSchema, "the schema")
	depth := bound(value, deepestChecked, "the answer")
	m := &meter{ctx: ctx, left: checkSteps}
	objects, strays := countStrays(document)
	m.charge(objects * strays)
	compiled, err := m.compile(document)
	if err != nil {
		panic(untold(misunderstood(err)))
	}
	m.watch(compiled, depth)
	var invalid *jsonschema.ValidationError
	switch err := compiled.Validate(value); {
	case err == nil:
		return &core.Checked{Verdict: core.Valid}
	case errors.As(err, &invalid):
		faults, more := schemaFaults(invalid)
		return &core.Checked{Verdict: core.Invalid, Faults: faults, More: more}
	}
	panic(untold("the check broke down"))
}

// untold is why there is no verdict. As a panic it ends what cannot be ended
// otherwise: the library's recursion, which takes no context.
type untold string

// bound refuses a document that is nested too deep or has a number that takes
// long to compute with, and returns its depth.
func bound(value any, most int, who string) (depth int) {
	if most < 0 {
		panic(untold(who + " is nested too deep"))
	}
	switch value := value.(type) {
	case map[string]any:
		for _, element := range value {
			depth = max(depth, 1+bound(element, most-1, who))
		}
	case []any:
		for _, element := range value {
			depth = max(depth, 1+bound(element, most-1, who))
		}
	case json.Number:
		_, exponent, _ := strings.Cut(strings.ToLower(value.String()), "e")
		power, err := strconv.Atoi(exponent)
		if len(value) > longestNumber || exponent != "" && (err != nil || power > longestNumber || power < -longestNumber) {
			panic(untold(who + " holds a number that is beyond all measure"))
		}
	}
	return depth
}

// definition is a reference to where schemas are expected.
var definition = regexp.MustCompile(`^#(/(\$defs|definitions)/[^/]*)?$`)

// countStrays counts objects, and references to where no schema is expected, for
// each of which the library copies what it knows of all objects.
func countStrays(value any) (objects, strays int64) {
	add := func(element any) {
		o, s := countStrays(element)
		objects, strays = objects+o, strays+s
	}
	switch value := value.(type) {
	case map[string]any:
		objects++
		for name, element := range value {
			if to, ok := element.(string); ok && name == "$ref" && !definition.MatchString(to) {
				strays++
			}
			add(element)
		}
	case []any:
		for _, element := range value {
			add(element)
		}
	}
	return objects, strays
}

// meter counts the steps of one check.
type meter struct {
	ctx  context.Context
	left int64
}

func (m *meter) charge(steps int64) {
	if m.left -= steps; m.left < 0 || m.ctx.Err() != nil {
		panic(untold("the check takes too long"))
	}
}

// schemaURL is the base of references, which nobody can load.
const schemaURL = "https://schema.invalid/"

func (m *meter) compile(document any) (*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(jsonschema.SchemeURLLoader{}) // it loads nothing: no file, no address
	compiler.UseRegexpEngine(m.pattern)
	if err := compiler.AddResource(schemaURL, document); err != nil {
		return nil, err
	}
	return compiler.Compile(schemaURL)
}

// pattern compiles a regular expression. Go's take time by the length of text
// and pattern alone, but a pattern may be small and compile to much.
func (m *meter) pattern(text string) (jsonschema.Regexp, error) {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		panic(untold("the schema has a pattern that is not understood, " + shown(strconv.Quote(text))))
	}
	size := instructions(parsed)
	if size > largestPattern {
		panic(untold("the schema has a pattern that is too large, " + shown(strconv.Quote(text))))
	}
	m.charge(size)
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	return &pattern{Regexp: compiled, size: size, meter: m}, nil
}

// instructions is about how many a pattern compiles to.
func instructions(pattern *syntax.Regexp) int64 {
	size := int64(1 + len(pattern.Rune))
	for _, part := range pattern.Sub {
		size += instructions(part)
	}
	if pattern.Op == syntax.OpRepeat {
		size *= int64(max(pattern.Min+1, pattern.Max))
	}
	return min(size, 1<<40) // a product of two of these still is a number
}

// pattern is a regular expression whose work is counted.
type pattern struct {
	*regexp.Regexp
	size  int64
	meter *meter
}

func (p *pattern) MatchString(text string) bool {
	p.meter.charge(1 + int64(len(text))*p.size/64) // so fast it is, beside a step
	return p.Regexp.MatchString(text)
}

// watch puts the meter into every schema that a check may come to: in place of
// its format, which the library looks at before anything that branches.
func (m *meter) watch(root *jsonschema.Schema, depth int) {
	seen := map[*jsonschema.Schema]bool{root: true}
	branching := 0
	for rest := []*jsonschema.Schema{root}; len(rest) > 0; {
		s := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		if s.DynamicRef != nil || s.RecursiveRef != nil {
			panic(untold("the schema has a dynamic reference")) // which leads to what is not known here
		}
		b := branchesOf(s)
		for _, next := range slices.Concat(b.here, b.each, b.once) {
			if !seen[next] {
				seen[next] = true
				rest = append(rest, next)
			}
		}
		if len(b.here) > 0 {
			branching++
		}
		here, each, once := weight(b.here), weight(b.each), weight(b.once)+b.names
		s.Format = &jsonschema.Format{Validate: func(value any) error {
			length := int64(0)
			switch value := value.(type) {
			case map[string]any:
				length = int64(len(value))
			case []any:
				length = int64(len(value))
			}
			m.charge(1 + once + length + (1+length)*(here+each))
			return nil
		}}
	}
	// A stack that overflows ends the program. In place, each schema is entered
	// once at most (the library sees cycles), then only a level deeper.
	if (branching+1)*(depth+1) > deepestStack {
		panic(untold("the schema branches too deep"))
	}
}

// weight is what it costs to enter schemas, up to where they count themselves.
func weight(schemas []*jsonschema.Schema) (sum int64) {
	for _, s := range schemas {
		sum++
		if s.Enum != nil {
			sum += int64(len(s.Enum.Values))
		}
	}
	return sum
}

// branches are the schemas that one leads to.
type branches struct {
	here  []*jsonschema.Schema // for the same value
	each  []*jsonschema.Schema // for all of its elements
	once  []*jsonschema.Schema // for one of its elements each
	names int64                // of properties that are looked up
}

func branchesOf(s *jsonschema.Schema) (b branches) {
	add := func(to *[]*jsonschema.Schema, schemas ...*jsonschema.Schema) {
		for _, s := range schemas {
			if s != nil {
				*to = append(*to, s)
			}
		}
	}
	add(&b.here, s.Ref, s.Not, s.If, s.Then, s.Else)
	add(&b.here, slices.Concat(s.AllOf, s.AnyOf, s.OneOf)...)
	for _, next := range s.DependentSchemas {
		add(&b.here, next)
	}
	for _, next := range s.Dependencies {
		switch next := next.(type) {
		case *jsonschema.Schema:
			add(&b.here, next)
		case []string:
			b.names += int64(len(next))
		}
	}
	add(&b.each, s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems)
	for _, next := range s.PatternProperties {
		add(&b.each, next)
	}
	for _, next := range []any{s.AdditionalProperties, s.AdditionalItems, s.Items} {
		switch next := next.(type) {
		case *jsonschema.Schema:
			add(&b.each, next)
		case []*jsonschema.Schema:
			add(&b.once, next...)
		}
	}
	for _, next := range s.Properties {
		add(&b.once, next)
	}
	add(&b.once, s.PrefixItems...)
	b.names += int64(len(s.Required))
	for _, names := range s.DependentRequired {
		b.names += int64(len(names))
	}
	return b
}

// misunderstood says in a sentence why a schema could not be compiled.
func misunderstood(err error) string {
	var elsewhere *jsonschema.LoadURLError
	var invalid *jsonschema.SchemaValidationError
	var why *jsonschema.ValidationError
	switch {
	case errors.As(err, &elsewhere):
		return "the schema refers to what is not in it, " + shown(strconv.Quote(strings.TrimPrefix(elsewhere.URL, schemaURL)))
	case errors.As(err, &invalid) && errors.As(invalid.Err, &why):
		if faults, _ := schemaFaults(why); len(faults) > 0 {
			return "the schema is no JSON schema; at " + strconv.Quote(faults[0].Place) + ": " + faults[0].Fault
		}
	}
	return "the schema is not understood: " + shown(strings.ReplaceAll(err.Error(), schemaURL, ""))
}

// schemaFaults are the first faults by their places, and how many others there
// are. The library finds them in no order.
func schemaFaults(invalid *jsonschema.ValidationError) (faults []core.SchemaFault, more int) {
	var leaves []*jsonschema.ValidationError
	total := 0
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if !isLeaf(e) {
			for _, cause := range e.Causes {
				walk(cause)
			}
			return
		}
		if _, endless := e.ErrorKind.(*kind.RefCycle); endless {
			panic(untold("the schema refers to itself without end"))
		}
		if total++; total <= checkedFaults {
			leaves = append(leaves, e)
		}
	}
	walk(invalid)
	for _, leaf := range leaves {
		faults = append(faults, core.SchemaFault{Place: place(leaf), Fault: shown(faultText(leaf))})
	}
	slices.SortFunc(faults, func(a, b core.SchemaFault) int {
		return strings.Compare(a.Place+"\x00"+a.Fault, b.Place+"\x00"+b.Fault)
	})
	faults = slices.Compact(faults)
	if n := len(faults); n > core.FaultLimit {
		faults, more = faults[:core.FaultLimit], n-core.FaultLimit
	}
	return faults, more + max(0, total-checkedFaults)
}

// isLeaf knows an error that is one fault. The causes of others are faults of
// their own; those of alternatives are not, since none of them had to be met.
func isLeaf(e *jsonschema.ValidationError) bool {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Contains, *kind.MinContains, *kind.PropertyNames:
		return true
	}
	return len(e.Causes) == 0
}

// place is where a fault is, as a JSON pointer.
func place(e *jsonschema.ValidationError) string {
	if _, ok := e.ErrorKind.(*kind.PropertyNames); ok {
		return "" // v6.0.3 may give the place of another value
	}
	var pointer strings.Builder
	for _, name := range e.InstanceLocation {
		pointer.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return pointer.String()
}

// faultText is one fault in the library's words, or in ours where those lean on
// the schema or write numbers for people, 1,000 and 10³.
func faultText(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		slices.Sort(k.Properties)
	case *kind.FalseSchema:
		return "nothing is allowed here"
	case *kind.Not:
		return "it is what the schema excludes (not)"
	case *kind.AnyOf:
		return alternatives(e)
	case *kind.OneOf:
		if len(k.Subschemas) == 0 {
			return alternatives(e)
		}
	case *kind.Enum:
		return "want one of " + asJSON(k.Want...)
	case *kind.Const:
		return "want " + asJSON(k.Want)
	case *kind.Minimum:
		return "got " + decimal(k.Got) + ", want at least " + decimal(k.Want)
	case *kind.Maximum:
		return "got " + decimal(k.Got) + ", want at most " + decimal(k.Want)
	case *kind.ExclusiveMinimum:
		return "got " + decimal(k.Got) + ", want more than " + decimal(k.Want)
	case *kind.ExclusiveMaximum:
		return "got " + decimal(k.Got) + ", want less than " + decimal(k.Want)
	case *kind.MultipleOf:
		return "got " + decimal(k.Got) + ", want a multiple of " + decimal(k.Want)
	case *kind.MinLength:
		return wanted(k.Got, "at least", k.Want, "characters")
	case *kind.MaxLength:
		return wanted(k.Got, "at most", k.Want, "characters")
	case *kind.MinItems:
		return wanted(k.Got, "at least", k.Want, "items")
	case *kind.MaxItems:
		return wanted(k.Got, "at most", k.Want, "items")
	case *kind.MinProperties:
		return wanted(k.Got, "at least", k.Want, "properties")
	case *kind.MaxProperties:
		return wanted(k.Got, "at most", k.Want, "properties")
	}
	// The library's printer is behind its outputs alone.
	leaf := &jsonschema.ValidationError{SchemaURL: e.SchemaURL, InstanceLocation: e.InstanceLocation, ErrorKind: e.ErrorKind}
	return leaf.DetailedOutput().Error.String()
}

func wanted(got int, bound string, want int, what string) string {
	return "got " + strconv.Itoa(got) + ", want " + bound + " " + strconv.Itoa(want) + " " + what
}

// decimal is exact where it is whole.
func decimal(n *big.Rat) string {
	if n.IsInt() {
		return n.Num().String()
	}
	nearest, _ := n.Float64()
	return strconv.FormatFloat(nearest, 'g', -1, 64)
}

func asJSON(values ...any) string {
	texts := make([]string, len(values))
	for i, value := range values {
		text, _ := json.Marshal(value) // it was read from JSON
		texts[i] = string(text)
	}
	return strings.Join(texts, ", ")
}

// alternatives tells the first fault of each alternative, of the first few.
func alternatives(e *jsonschema.ValidationError) string {
	const most = 3
	texts := []string{}
	for _, cause := range e.Causes[:min(len(e.Causes), most)] {
		faults, _ := schemaFaults(cause)
		text := faults[0].Fault
		if deeper := strings.TrimPrefix(faults[0].Place, place(e)); deeper != "" {
			text = deeper + ": " + text
		}
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	if n := len(e.Causes) - most; n > 0 {
		texts = append(texts, strconv.Itoa(n)+" more")
	}
	return "it is none of the alternatives: " + strings.Join(texts, "; or ")
}

// shown is a text that is short enough for a sentence.
func shown(text string) string {
	if len(text) <= longestFaultText {
		return text
	}
	return strings.ToValidUTF8(text[:longestFaultText], "") + "…"
}
