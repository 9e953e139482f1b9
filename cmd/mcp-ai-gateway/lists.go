package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// keptLists are the providers' lists of models, kept on disk, so that the next
// start knows them at once and without a network. All processes of a user share
// the file; the newest list of a provider stays.
type keptLists struct {
	path      string // "": nothing is kept
	endpoints map[string]string
	log       func(string)

	mu    sync.Mutex
	read  bool
	lists []keptList
}

// keptList is one list in the file. The endpoint tells two providers of one name
// apart.
type keptList struct {
	core.List
	Endpoint string `json:"endpoint"`
}

// keptFile is the file. Another version is not read, and replaced.
type keptFile struct {
	Version int        `json:"version"`
	Lists   []keptList `json:"lists"`
}

const (
	keptVersion = 1
	// keptLimit bounds the file, in bytes: ten providers of 500 models have two
	// megabytes.
	keptLimit = 32 << 20
)

// newKeptLists returns the lists in the program's part of a user's folder for
// caches, for some providers. Nothing is read before it is needed; without a folder
// nothing is kept beyond the process.
func newKeptLists(folder string, rows []provider.Row, log func(string)) *keptLists {
	k := &keptLists{endpoints: map[string]string{}, log: log}
	if folder != "" {
		k.path = filepath.Join(folder, "mcp-ai-gateway", "models.json")
	}
	for _, row := range rows {
		k.endpoints[row.Name] = row.Endpoint
	}
	return k
}

// with is a configuration with what is kept of its providers' lists.
func (k *keptLists) with(config core.Config) *core.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.load()
	var lists []core.List
	for _, kept := range k.lists {
		if endpoint, configured := k.endpoints[kept.Provider]; configured && endpoint == kept.Endpoint {
			lists = append(lists, kept.List)
		}
	}
	config.Lists = lists
	return &config
}

// keep takes lists that were read just now, and writes them.
func (k *keptLists) keep(lists []core.List) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.load()
	for _, list := range lists {
		k.put(keptList{list, k.endpoints[list.Provider]})
	}
	if k.path == "" {
		return
	}
	others, err := readKept(k.path) // another process may have written meanwhile
	if err == nil {
		for _, other := range others {
			k.put(other)
		}
	}
	if err := writeKept(k.path, k.lists); err != nil {
		k.log(fmt.Sprintf("the lists of models could not be kept: %v", err))
	}
}

// put keeps the newer one of two lists.
func (k *keptLists) put(list keptList) {
	for i, old := range k.lists {
		if old.Provider == list.Provider && old.Endpoint == list.Endpoint {
			if list.AtMS >= old.AtMS {
				k.lists[i] = list
			}
			return
		}
	}
	k.lists = append(k.lists, list)
}

func (k *keptLists) load() {
	if k.read || k.path == "" {
		return
	}
	k.read = true
	lists, err := readKept(k.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.log(fmt.Sprintf("the kept lists of models are not used: %v", err))
	}
	for _, list := range lists {
		k.put(list)
	}
}

func readKept(path string) ([]keptList, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > keptLimit {
		return nil, fmt.Errorf("%s: longer than %d MB", path, keptLimit>>20)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file keptFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if file.Version != keptVersion {
		return nil, nil
	}
	return slices.DeleteFunc(file.Lists, func(list keptList) bool { return list.Provider == "" }), nil
}

// writeKept replaces the file as a whole: who reads it meanwhile reads the old or
// the new one.
func writeKept(path string, lists []keptList) error {
	data, err := json.Marshal(keptFile{keptVersion, lists})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "models-*.json")
	if err != nil {
		return err
	}
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name()) // the error above says more
	}
	return err
}
