// Package config reads the configuration file: providers and their keys'
// references, models, aliases, and what holds for all.
//
// The file is YAML, and so may be JSON. Reading is strict and goes on: what is
// not known is refused, with its place, and costs itself alone. A provider with a
// wrong endpoint is left out, a model with a wrong price has none, and all
// others are as they would be. Only what is no YAML at all costs the file.
//
// A key never stands in the file. It is referred to, and fetched by [Keys] when
// it is first needed. What may be a secret all the same is not repeated in a
// [Fault].
//
// docs/config.schema.json describes the file to editors; a test holds it against
// the tables in sections.go.
package config

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// File is what a configuration file says. Empty and nil mean: nothing.
type File struct {
	Providers  []Provider
	Models     []provider.Model
	Aliases    []core.Alias // none leads back to itself
	Fallbacks  []core.Alias
	FallbackOn []provider.Kind
	Allow      []string
	Deny       []string
	Tools      []string

	DefaultModel       string
	DefaultTemperature *float64
	DefaultMaxTokens   *int64
	Description        string
	Output             core.Output
	Timeout            *time.Duration // 0: none
	Sandbox            string         // off, auto or required
}

// Provider is a provider of the file.
type Provider struct {
	Row provider.Row
	// Key says where its key is; the credential's name is Row's. Nil: the row
	// has no credential, or the one of its usual variable.
	Key *Reference
	// Network is its own way to it.
	Network Network
	// Concurrency and PerMinute are its limits; 0: none.
	Concurrency, PerMinute int
	// Hidden are secrets that stand in the file all the same, by what they are:
	// of a query, a header, a proxy's address.
	Hidden map[string]string
}

// Network is a provider's own way. Empty and nil: as all others.
type Network struct {
	Proxy     string // a URL, or "none"
	CAFile    string // a path
	Connect   *time.Duration
	FirstByte *time.Duration // 0: no bound
	Silence   *time.Duration // 0: no bound
}

// reader is a file while it is read.
type reader struct {
	document
	file   File
	folder string
	world  World

	aliasAt map[string]entry // by lower-case name
}

// Read reads a file's bytes. The path is for messages and for what is relative
// to the file. Of the world it uses the variables, and what ~ stands for. The
// file is never nil.
func Read(path string, data []byte, world World) (*File, []Fault) {
	r := &reader{
		document: document{name: path, entries: mostEntries},
		folder:   filepath.Dir(path), world: world,
		aliasAt: map[string]entry{},
	}
	if body := r.parse(data); body != nil {
		readSection(r, entry{value: body, key: first(body)}, "", topFields, &r.file)
	}
	r.breakLoops()
	slices.SortStableFunc(r.faults, func(a, b Fault) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
	if r.unsaid > 0 {
		r.faults = append(r.faults, Fault{File: path, Text: fmt.Sprintf("and %d faults more", r.unsaid)})
	}
	return &r.file, r.faults
}

// field is a field of a section. Read notes what is wrong with it.
type field[T any] struct {
	name string
	read func(r *reader, e entry, into *T)
}

func names[T any](fields []field[T]) (names []string) {
	for _, field := range fields {
		names = append(names, field.name)
	}
	return names
}

// readSection reads a mapping with some fields; what else is allowed in its place
// is only told. Fields that begin with x- are the user's own, at the top only: a
// place for anchors.
func readSection[T any](r *reader, at entry, or string, fields []field[T], into *T) bool {
	entries, ok := r.mapping(at, "a mapping with the fields "+strings.Join(names(fields), ", ")+or)
	for _, e := range entries {
		i := slices.IndexFunc(fields, func(field field[T]) bool { return field.name == e.name })
		switch {
		case i >= 0:
			if r.content(e.value) != nil {
				fields[i].read(r, e, into)
			}
		case at.path == "" && strings.HasPrefix(e.name, "x-"):
		default:
			r.unknown(e, names(fields))
		}
	}
	return ok
}

// readProviders reads the mapping of providers.
func readProviders(r *reader, e entry, file *File) {
	entries, _ := r.mapping(e, "a mapping of names to providers, such as openai: {key: env:OPENAI_API_KEY}")
	for _, e := range entries {
		r.readProvider(e)
	}
}

// draft is a provider while it is read.
type draft struct {
	Provider
	wanted Wanted
	at     map[string]entry // its fields, by name
	// lost says that something is wrong without which it cannot be asked as the
	// user wants it. A wrong key is said by each call.
	lost bool
}

func (r *reader) readProvider(e entry) {
	name := strings.ToLower(e.name)
	if !isName(name) || looksSecret(name) {
		r.fault(e.key, "providers", "got %s, allowed: a name of letters of a-z, digits, ., _ and -, which begins with one of the first two", quoted(e.name))
		return
	}
	d := &draft{wanted: Wanted{Name: name}, at: map[string]entry{}}
	if !readSection(r, e, "; or nothing", providerFields, d) || d.lost {
		return
	}
	if d.wanted.Form == "" {
		if _, known := RowNamed(name); !known {
			r.fault(e.key, e.path+".form", "got nothing, allowed for a provider of one's own: %s", strings.Join(rowNames(), ", "))
			return
		}
		d.wanted.Form = name
	}
	if d.Key != nil {
		d.wanted.Credential = name + ".key"
		switch d.Key.Kind {
		case "env":
			d.wanted.Credential = d.Key.What // what messages tell users to set
			if r.world.Getenv != nil {
				d.wanted.Key = r.world.Getenv(d.Key.What)
			}
		case "cmd":
			d.wanted.Printed = true
		}
	}
	row, secrets, wrong := d.wanted.Row()
	for _, w := range wrong {
		at, there := d.at[w.Field]
		place := e.key
		if there {
			place = at.place(&r.document)
		}
		part, text, _ := strings.Cut(w.Text, ": ")
		r.fault(place, e.path+"."+w.Field+part, "%s", text)
		if w.Field == "endpoint" || w.Field == "form" {
			return
		}
	}
	for parameter, secret := range secrets {
		d.hide("endpoint, "+parameter, secret)
	}
	row.Header = append(row.Header, d.Row.Header...)
	d.Row = row
	r.file.Providers = append(r.file.Providers, d.Provider)
}

func (d *draft) hide(what, secret string) {
	if d.Hidden == nil {
		d.Hidden = map[string]string{}
	}
	d.Hidden["providers."+d.wanted.Name+", "+what] = secret
}

// isName reports whether a text may name a provider.
func isName(name string) bool {
	return name != "" && len(name) <= 64 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == "" && strings.Trim(name[:1], "._-") != ""
}

// readModels reads the mapping of models.
func readModels(r *reader, e entry, file *File) {
	entries, _ := r.mapping(e, "a mapping of PROVIDER/MODEL to what is to be known of it")
	for _, e := range entries {
		prefix, id, ok := strings.Cut(e.name, "/")
		prefix = strings.ToLower(prefix)
		if !ok || !isName(prefix) || id == "" || len(id) > 200 {
			r.fault(e.key, "models", "got %s, allowed: PROVIDER/MODEL, such as openai/gpt-5", quoted(e.name))
			continue
		}
		model := provider.Model{Provider: prefix, ID: id}
		if readSection(r, e, "", modelFields, &model) {
			file.Models = append(file.Models, model)
		}
	}
}

// readNames reads a mapping of names to lists of models, and where each stands.
func readNames(r *reader, e entry, allowed string) (aliases []core.Alias, at []entry) {
	entries, _ := r.mapping(e, allowed)
	for _, e := range entries {
		if e.name == "" || len(e.name) > 200 {
			r.fault(e.key, e.path, "got %s, allowed: a name of at most 200 characters", quoted(e.name))
			continue
		}
		if r.content(e.value) == nil {
			r.wrong(e, "a model, or a list of models")
			continue
		}
		models := r.list(e, "the name of a model")
		if len(models) == 0 {
			if sequence, ok := r.content(e.value).(*ast.SequenceNode); ok && len(sequence.Values) == 0 {
				r.fault(e.place(&r.document), e.path, "got an empty list, allowed: a model, or a list of models")
			}
			continue
		}
		aliases, at = append(aliases, core.Alias{Name: e.name, Models: models}), append(at, e)
	}
	return aliases, at
}

func readAliases(r *reader, e entry, file *File) {
	aliases, at := readNames(r, e, "a mapping of names to models, such as fast: openai/gpt-5-mini")
	file.Aliases = aliases
	for _, e := range at {
		r.aliasAt[strings.ToLower(e.name)] = e
	}
}

func readFallbacks(r *reader, e entry, file *File) {
	fallbacks, at := readNames(r, e, "a mapping of models to those that are asked where they fail")
	for i, fallback := range fallbacks {
		kept := slices.DeleteFunc(slices.Clone(fallback.Models), func(name string) bool { return strings.EqualFold(name, fallback.Name) })
		if len(kept) < len(fallback.Models) {
			r.fault(at[i].place(&r.document), at[i].path, "got the model itself, allowed: others")
		}
		if len(kept) > 0 {
			file.Fallbacks = append(file.Fallbacks, core.Alias{Name: fallback.Name, Models: kept})
		}
	}
}

// breakLoops leaves out the aliases that lead back to themselves, and says once
// for each loop how it goes. It walks each alias once.
func (r *reader) breakLoops() {
	byName := map[string]core.Alias{}
	for _, alias := range r.file.Aliases {
		byName[strings.ToLower(alias.Name)] = alias
	}
	looping := map[string]bool{}
	done := map[string]bool{}
	var way []string // lower-case names, from where the walk began
	var walk func(name string)
	walk = func(name string) {
		if begin := slices.Index(way, name); begin >= 0 {
			loop := slices.Clone(way[begin:])
			known := looping[name]
			var shown []string
			for _, one := range loop {
				looping[one] = true
				shown = append(shown, byName[one].Name)
			}
			if at := r.aliasAt[loop[0]]; !known {
				if len(shown) > 8 {
					shown = append(shown[:7:7], "...")
				}
				r.fault(at.place(&r.document), at.path, "it leads back to itself: %s", strings.Join(append(shown, shown[0]), " → "))
			}
			return
		}
		alias, ok := byName[name]
		if !ok || done[name] {
			return
		}
		way = append(way, name)
		for _, model := range alias.Models {
			walk(strings.ToLower(model))
		}
		way = way[:len(way)-1]
		done[name] = true
	}
	for _, alias := range r.file.Aliases {
		walk(strings.ToLower(alias.Name))
	}
	r.file.Aliases = slices.DeleteFunc(r.file.Aliases, func(alias core.Alias) bool { return looping[strings.ToLower(alias.Name)] })
}

// References are where the providers' keys are, by their credentials' names.
func (f *File) References() map[string]Reference {
	references := map[string]Reference{}
	for _, p := range f.Providers {
		if p.Key != nil && p.Row.Credential.Name != "" {
			references[p.Row.Credential.Name] = *p.Key
		}
	}
	return references
}

// Hidden are the secrets that stand in the file all the same.
func (f *File) Hidden() map[string]string {
	all := map[string]string{}
	for _, p := range f.Providers {
		maps.Copy(all, p.Hidden)
	}
	return all
}

// Path is where the file is: what the flag or MCP_AI_GATEWAY_CONFIG says, else
// the usual place below the user's folder for configurations, "" where there is
// none. Named says that the user named it, so that it has to be there.
func Path(flag, variable, folder string) (path string, named bool) {
	if named := cmp.Or(flag, variable); named != "" {
		return named, true
	}
	if folder == "" {
		return "", false
	}
	return filepath.Join(folder, "mcp-ai-gateway", "config.yaml"), false
}
