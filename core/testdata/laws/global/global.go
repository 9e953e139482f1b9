// Package global remembers from one machine to the next.
package global

import "io"

type node struct {
	next  *node
	seen  map[string]int
	bytes [4]byte
}

var (
	count int
	first = &node{}
)

func init() {
	count = 1 // want "law 6"
}

// Visit leaves traces.
func Visit(name string, names []string) {
	count++                       // want "law 6"
	count += 2                    // want "law 6"
	first.next.seen[name] = count // want "law 6"
	(*first).bytes[0]--           // want "law 6"
	delete(first.seen, name)      // want "law 6"
	copy(first.bytes[:], name)    // want "law 6"
	for count = range names {     // want "law 6"
		io.EOF = nil // want "law 6"
	}
	func() {
		_, first = count, nil // want "law 6"
	}()
	count := 0
	count++
}
