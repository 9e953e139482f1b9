// Package print writes where nobody asked it to.
package print

import (
	. "fmt"
	words "fmt"
)

// Say says it in all the ways there are.
func Say(word string) {
	Println(word)        // want "law 1"
	show := words.Printf // want "law 1"
	show("%s", word)
	println(word)       // want "law 1"
	print(word)         // want "law 1"
	words.Scanln(&word) // want "law 1"
}
