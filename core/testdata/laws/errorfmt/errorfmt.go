// Package errorfmt repeats the words of libraries by way of fmt.
package errorfmt

import (
	"fmt"
	"strconv"
	"strings"
)

// Fault holds an error and would pass its words on.
type Fault struct{ error }

// Wrap adds words to somebody else's.
func Wrap(text string) error {
	_, err := strconv.Atoi(text)
	var out strings.Builder
	fmt.Fprintln(&out, Fault{err}) // want "law 4"
	number, _ := err.(*strconv.NumError)
	return fmt.Errorf("reading: %w, %s: %v",
		err, // want "law 4"
		out.String(),
		number, // want "law 4"
	)
}
