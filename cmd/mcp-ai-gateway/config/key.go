package config

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport"
)

// World is what keys are fetched from. The package itself reads nothing.
type World struct {
	// Getenv is a variable's value, "" where it is not set.
	Getenv func(name string) string
	// ReadFile reads a file.
	ReadFile func(path string) ([]byte, error)
	// Run runs a command and returns what it printed to stdout.
	Run func(ctx context.Context, command string) ([]byte, error)
	// Home is the folder that ~ stands for.
	Home string
}

// keyTime bounds the way to a key: a vault's command may wait for a finger on a
// sensor.
const keyTime = 10 * time.Second

// Run runs a command by the system's shell, as [World] wants it. What it says on
// stderr is nobody's: it may be the key.
func Run(ctx context.Context, command string) ([]byte, error) {
	shell, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd", "/c"
	}
	run := exec.CommandContext(ctx, shell, flag, command)
	run.WaitDelay = time.Second // what it started may hold its stdout open
	return run.Output()
}

// Reference says where a key is.
type Reference struct {
	Kind string // env, file or cmd
	What string // the variable, the path, the command
	// Fault is why it is none. Kind is empty then.
	Fault string
}

// keyAllowed says what a reference looks like.
const keyAllowed = "a reference, never the key itself: env:VARIABLE, file:PATH or cmd:COMMAND"

var variable = pattern(`^[A-Za-z_][A-Za-z0-9_]*$`)

// readReference reads a reference. A path is relative to the file's folder.
func readReference(text, folder, home string) (Reference, bool) {
	kind, what, _ := strings.Cut(text, ":")
	what = strings.TrimSpace(what)
	switch {
	case kind == "env" && variable().MatchString(what), kind == "cmd" && what != "":
	case kind == "file" && what != "":
		if rest, ok := strings.CutPrefix(what, "~"); ok && home != "" && (rest == "" || os.IsPathSeparator(rest[0])) {
			what = home + rest
		}
		if !filepath.IsAbs(what) {
			what = filepath.Join(folder, what)
		}
	default:
		return Reference{}, false
	}
	return Reference{Kind: kind, What: what}, true
}

// Keys fetches keys when they are first needed, and keeps them. It may be used
// by many at once: they wait for one fetch.
type Keys struct {
	world World
	place func() string
	found func(key string)
	keys  map[string]*key
}

type key struct {
	from  Reference
	turn  chan struct{} // held by who fetches it
	value string
}

// NewKeys returns the keys of some references, by the names of credentials.
// Place says where a user sets a variable, for "Set it in the"; found is told
// each key before anybody has it.
func NewKeys(world World, references map[string]Reference, place func() string, found func(key string)) *Keys {
	k := &Keys{world: world, place: place, found: found, keys: map[string]*key{}}
	for name, from := range references {
		k.keys[name] = &key{from: from, turn: make(chan struct{}, 1)}
	}
	return k
}

// Get returns the key of a credential. One that could not be fetched is tried
// again by the next call. Nobody's words but ours are in the failure.
func (k *Keys) Get(ctx context.Context, name string) (string, *core.Fail) {
	key := k.keys[name]
	if key == nil {
		return "", transport.NoKey(name, k.place())
	}
	select {
	case key.turn <- struct{}{}:
	case <-ctx.Done():
		return "", transport.Aborted()
	}
	defer func() { <-key.turn }()
	if key.value != "" {
		return key.value, nil
	}
	value, fail := k.fetch(ctx, key.from)
	if fail != nil {
		return "", fail
	}
	k.found(value)
	key.value = value
	return value, nil
}

// readFile reads a file, which may be a pipe or far away: nobody waits for it
// beyond the context.
func (k *Keys) readFile(ctx context.Context, path string) ([]byte, error) {
	type reading struct {
		data []byte
		err  error
	}
	done := make(chan reading, 1)
	go func() {
		data, err := k.world.ReadFile(path)
		done <- reading{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fetch fetches a key.
func (k *Keys) fetch(ctx context.Context, from Reference) (string, *core.Fail) {
	fail := func(reason, next string) (string, *core.Fail) {
		return "", &core.Fail{Kind: provider.Authentication, Reason: reason, Next: next}
	}
	var data []byte
	var err error
	source := "the file " + from.What
	switch from.Kind {
	case "env":
		source = from.What
		if data = []byte(k.world.Getenv(from.What)); len(data) == 0 {
			return "", transport.NoKey(from.What, k.place())
		}
	case "file":
		bounded, end := context.WithTimeout(ctx, keyTime)
		defer end()
		if data, err = k.readFile(bounded, from.What); err != nil {
			why := "cannot be read"
			switch {
			case ctx.Err() != nil:
				return "", transport.Aborted()
			case bounded.Err() != nil:
				why = "took longer than " + keyTime.String()
			case errors.Is(err, os.ErrNotExist):
				why = "is not there"
			case errors.Is(err, os.ErrPermission):
				why = "may not be read by this user"
			}
			return fail("no key was found: "+source+" "+why, "Put the key there, or correct the key's reference in the configuration file.")
		}
	case "cmd":
		// The command is not repeated: it may hold what nobody should see.
		source = "what the key's command printed"
		bounded, end := context.WithTimeout(ctx, keyTime)
		defer end()
		data, err = k.world.Run(bounded, from.What)
		switch {
		case ctx.Err() != nil:
			return "", transport.Aborted()
		case bounded.Err() != nil:
			return fail("no key was found: the key's command took longer than "+keyTime.String(), "Run the command of the configuration file by hand to see what it waits for.")
		case err != nil:
			return fail("no key was found: the key's command failed", "Run the command of the configuration file by hand to see why.")
		}
	default:
		return fail("its key cannot be found: "+cmp.Or(from.Fault, "its reference is wrong"), "Correct it in the configuration file, then restart the server.")
	}
	line, _, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(string(data), "\ufeff")), "\n")
	line = strings.TrimSpace(line)
	switch {
	case line == "":
		return fail("no key was found: "+source+" is empty", "Put the key there, or correct the key's reference in the configuration file.")
	case !IsKey(line):
		return fail("no key was found: "+source+" holds a blank or a character that no key has, such as a typographic quote", "Put the key alone there.")
	}
	return line, nil
}

// longestKey bounds a key: tokens of cloud accounts have some thousand characters.
const longestKey = 16 << 10

// IsKey reports whether a text can go into a header as a key.
func IsKey(text string) bool {
	return text != "" && len(text) <= longestKey && !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' })
}
