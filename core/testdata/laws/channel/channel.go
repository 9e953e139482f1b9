// Package channel has channels, named and unnamed.
package channel

import "time"

type line chan int // want "law 3"

// Sum takes what a channel holds.
func Sum[C ~chan int](numbers C, timer *time.Timer) (sum int) { // want "law 3"
	queue := make(chan int, 1)    // want "law 3"
	queue <- 1                    // want "law 3"
	sum += <-queue                // want "law 3"
	for number := range numbers { // want "law 3"
		sum += number
	}
	stop := timer.C // want "law 3"
	_ = stop        // want "law 3"
	return sum
}

// Empty is a channel by name alone.
func Empty() (l line) { return l } // want "law 3"
