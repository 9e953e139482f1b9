// Package errortext repeats the words of libraries.
package errortext

import "strconv"

// Fault holds an error and would pass its words on.
type Fault struct{ error }

// Broken is an interface of ours with a text of others.
type Broken interface {
	error
	Broken()
}

// Texts are some ways to the same words.
func Texts(text string) []string {
	_, err := strconv.Atoi(text)
	say := error.Error // want "law 4"
	plain, _ := err.(interface{ Error() string })
	broken, _ := err.(Broken)
	number, _ := err.(*strconv.NumError)
	return []string{
		err.Error(),        // want "law 4"
		Fault{err}.Error(), // want "law 4"
		plain.Error(),      // want "law 4"
		broken.Error(),     // want "law 4"
		number.Error(),     // want "law 4"
		say(err),
	}
}
