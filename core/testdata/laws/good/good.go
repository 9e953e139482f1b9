// Package good breaks no law, though much in it looks as if it did.
package good

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Fault is an error whose text is ours.
type Fault struct{ code int }

func (f *Fault) Error() string { return fmt.Sprintf("fault %d", f.code) }

// Broken is an interface of ours, so its text is taken to be ours as well.
type Broken interface {
	Broken()
	Error() string
}

var errEnd = errors.New("the end")

var words = map[string]int{"one": 1}

// Deadline computes with times that came in as inputs.
func Deadline(now time.Time, wait time.Duration, text string) (time.Time, bool) {
	read, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Unix(0, 0).UTC(), false
	}
	return now.Add(wait).In(time.UTC), read.After(now)
}

// Names reads a global and gives the keys of maps an order.
func Names(counts map[string]int) []string {
	names := slices.Sorted(maps.Keys(counts))
	names = append(names, slices.SortedFunc(maps.Keys[map[string]int](words), cmp.Compare[string])...)
	numbers := slices.SortedStableFunc(maps.Values(counts), cmp.Compare)
	for i := range names {
		names[i] = fmt.Sprint(names[i], len(numbers), counts)
	}
	local := maps.Clone(words)
	local["two"] = 2
	delete(local, "one")
	words := local // hides the global of this name
	words["three"] = 3
	return names
}

// Pull has a coroutine and no goroutine.
func Pull(values iter.Seq[string]) (string, bool) {
	next, stop := iter.Pull(values)
	defer stop()
	return next()
}

// Explain shows the text of errors that are ours and only asks the others.
func Explain(err error) (string, error) {
	var fault *Fault
	switch {
	case errors.As(err, &fault):
		return fault.Error() + fmt.Sprint(fault, *fault), nil
	case errors.Is(err, errEnd):
		return "", errEnd
	}
	if broken, ok := err.(Broken); ok {
		return broken.Error(), nil
	}
	return "unknown", errors.Join(err, errors.New("in words of our own"))
}

// Address only computes, though its packages lie below net.
func Address(text string) string {
	var out strings.Builder
	if _, err := netip.ParseAddr(text); err == nil {
		fmt.Fprintln(&out, url.PathEscape(text))
	}
	return out.String()
}
