// Package clock asks the machine for the time and waits for it.
package clock

import "time"

// Wait is how long it took.
func Wait(start time.Time) time.Duration {
	end := time.Now()            // want "law 2"
	time.Sleep(1)                // want "law 2"
	if time.NewTimer(1).Stop() { // want "law 2"
		return time.Until(end) // want "law 2"
	}
	return time.Since(start) // want "law 2"
}
