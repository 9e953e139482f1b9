package config

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// TestKeys fetches keys, and shows what is said where that fails.
func TestKeys(t *testing.T) {
	world := World{
		Getenv: func(name string) string { return map[string]string{"SET": "sk-env", "CURLY": "“sk-hunter2”"}[name] },
		ReadFile: func(path string) ([]byte, error) {
			switch path {
			case "/key":
				return []byte("\ufeff sk-file \r\nmore\n"), nil
			case "/empty":
				return []byte("\n"), nil
			case "/closed":
				return nil, fs.ErrPermission
			}
			return nil, fs.ErrNotExist
		},
		Run: func(_ context.Context, command string) ([]byte, error) {
			if command == "print hunter2" {
				return []byte("sk-command\n"), nil
			}
			return []byte("hunter2"), errors.New("hunter2")
		},
	}
	references := map[string]Reference{
		"env": {Kind: "env", What: "SET"}, "unset": {Kind: "env", What: "UNSET"}, "curly": {Kind: "env", What: "CURLY"},
		"file": {Kind: "file", What: "/key"}, "empty": {Kind: "file", What: "/empty"}, "closed": {Kind: "file", What: "/closed"}, "none": {Kind: "file", What: "/none"},
		"command": {Kind: "cmd", What: "print hunter2"}, "fails": {Kind: "cmd", What: "fail hunter2"}, "wrong": {Fault: "config.yaml:1:1: allowed: a reference"},
	}
	var found []string
	keys := NewKeys(world, references, func() string { return "environment" }, func(key string) { found = append(found, key) })
	for _, test := range []struct{ name, key, reason, next string }{
		{"env", "sk-env", "", ""},
		{"file", "sk-file", "", ""},
		{"command", "sk-command", "", ""},
		{"unset", "", "no key is set", "Set UNSET in the environment, then restart the server."},
		{"unknown", "", "no key is set", "Set unknown in the environment, then restart the server."},
		{"curly", "", "no key was found: CURLY holds a blank or a character that no key has, such as a typographic quote", "Put the key alone there."},
		{"empty", "", "no key was found: the file /empty is empty", "Put the key there, or correct the key's reference in the configuration file."},
		{"closed", "", "no key was found: the file /closed may not be read by this user", "Put the key there, or correct the key's reference in the configuration file."},
		{"none", "", "no key was found: the file /none is not there", "Put the key there, or correct the key's reference in the configuration file."},
		{"fails", "", "no key was found: the key's command failed", "Run the command of the configuration file by hand to see why."},
		{"wrong", "", "its key cannot be found: config.yaml:1:1: allowed: a reference", "Correct it in the configuration file, then restart the server."},
	} {
		key, fail := keys.Get(t.Context(), test.name)
		switch {
		case key != test.key || (fail == nil) != (test.reason == ""):
			t.Errorf("%s: %q, %+v", test.name, key, fail)
		case fail != nil && (fail.Kind != provider.Authentication || fail.Reason != test.reason || fail.Next != test.next):
			t.Errorf("%s: %+v", test.name, fail)
		case fail != nil && strings.Contains(fail.Reason+fail.Next, "hunter2"):
			t.Errorf("%s shows a secret", test.name)
		}
	}
	if want := []string{"sk-env", "sk-file", "sk-command"}; !slices.Equal(found, want) {
		t.Errorf("found were %q, want %q", found, want)
	}
}

// TestKeysOnce: many calls at once run the command once; one that gives up does
// not keep the others from it; a failure is tried again.
func TestKeysOnce(t *testing.T) {
	var mu sync.Mutex
	runs, begun, release := 0, make(chan struct{}), make(chan struct{})
	world := World{Run: func(ctx context.Context, _ string) ([]byte, error) {
		mu.Lock()
		runs++
		first := runs == 1
		mu.Unlock()
		if first {
			return nil, errors.New("the vault is closed")
		}
		close(begun)
		<-release
		return []byte("sk-command"), ctx.Err()
	}}
	keys := NewKeys(world, map[string]Reference{"k": {Kind: "cmd", What: "x"}}, func() string { return "" }, func(string) {})
	if _, fail := keys.Get(t.Context(), "k"); fail == nil {
		t.Error("a closed vault gave a key")
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if key, fail := keys.Get(t.Context(), "k"); key != "sk-command" {
				t.Errorf("%q, %+v", key, fail)
			}
		})
	}
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, fail := keys.Get(ctx, "k"); fail == nil || fail.Kind != provider.Canceled {
		t.Errorf("who gave up has %+v", fail)
	}
	close(release)
	all.Wait()
	if runs != 2 {
		t.Errorf("the command ran %d times", runs)
	}
}

// TestRun runs real commands.
func TestRun(t *testing.T) {
	keys := NewKeys(World{Run: Run}, map[string]Reference{"k": {Kind: "cmd", What: "echo sk-real"}, "slow": {Kind: "cmd", What: "sleep 60"}}, func() string { return "" }, func(string) {})
	if key, fail := keys.Get(t.Context(), "k"); key != "sk-real" {
		t.Errorf("%q, %+v", key, fail)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, fail := keys.Get(ctx, "slow"); fail == nil || fail.Kind != provider.Canceled {
		t.Errorf("a slow command: %+v", fail)
	}
}

// TestHangingFile: a file that nobody writes keeps no call beyond its time.
func TestHangingFile(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	keys := NewKeys(World{ReadFile: func(string) ([]byte, error) { <-hang; return nil, nil }}, map[string]Reference{"k": {Kind: "file", What: "/pipe"}}, func() string { return "" }, func(string) {})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, fail := keys.Get(ctx, "k"); fail == nil || fail.Kind != provider.Canceled {
		t.Errorf("%+v", fail)
	}
}

func TestReadReference(t *testing.T) {
	for text, want := range map[string]Reference{
		"env:A_KEY": {Kind: "env", What: "A_KEY"}, "env: A_KEY": {Kind: "env", What: "A_KEY"}, "file:~/k": {Kind: "file", What: "/home/u/k"},
		"file:k": {Kind: "file", What: "/etc/gateway/k"}, "file:~other/k": {Kind: "file", What: "/etc/gateway/~other/k"}, "cmd:pass show a:b": {Kind: "cmd", What: "pass show a:b"},
		"env:": {}, "env:A B": {}, "env:$A": {}, "file:": {}, "cmd: ": {}, "sk-key": {}, "": {}, "ENV:A": {},
	} {
		if got, ok := readReference(text, "/etc/gateway", "/home/u"); got != want || ok != (want.Kind != "") {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
