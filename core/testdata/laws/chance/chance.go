// Package chance makes numbers that nobody can make again.
package chance

import (
	_ "crypto/rand"  // want "law 2"
	_ "hash/maphash" // want "law 2"
	old "math/rand"  // want "law 2"
	"math/rand/v2"   // want "law 2"
)

// Number is any number.
func Number() int { return rand.Int() + old.Int() }
