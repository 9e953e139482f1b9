// Package clockvalue has the clock under other names.
package clockvalue

import (
	. "time"
	watch "time"
)

var clock = watch.Now // want "law 2"

// Both read the clock without the words that a search would look for.
func Both() (Time, Time) {
	now := Now // want "law 2"
	return clock(), now()
}
