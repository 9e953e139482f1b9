// Package zone shows a time as the machine's zone has it.
package zone

import "time"

type stamp struct{ time.Time }

// Show differs from machine to machine.
func Show(t time.Time) []string {
	return []string{
		t.In(time.Local).String(),   // want "law 2"
		stamp{t}.Local().String(),   // want "law 2"
		time.Time.Local(t).String(), // want "law 2"
	}
}
