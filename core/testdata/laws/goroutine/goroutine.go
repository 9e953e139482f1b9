// Package goroutine does two things at once.
package goroutine

// Start starts what it is given.
func Start(f func()) {
	go f()    // want "law 3"
	select {} // want "law 3"
}
