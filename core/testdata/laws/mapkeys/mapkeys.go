// Package mapkeys shows the order of a map by way of the library.
package mapkeys

import (
	"maps"
	"reflect"
	"slices"
)

// Names differ from run to run.
func Names(counts map[string]int) []string {
	for name := range maps.All(counts) { // want "law 4"
		return []string{name}
	}
	values := maps.Values[map[string]int] // want "law 4"
	for range values(counts) {
		return slices.Sorted(maps.Keys(counts))
	}
	reflect.ValueOf(counts).MapRange().Next()                                // want "law 4"
	keys := maps.Keys(counts)                                                // want "law 4"
	return append(slices.Collect(maps.Keys(counts)), slices.Sorted(keys)...) // want "law 4"
}
