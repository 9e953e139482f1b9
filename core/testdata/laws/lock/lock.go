// Package lock waits for others and follows their cancellation.
package lock

import (
	"context"     // want "law 3"
	"runtime"     // want "law 3"
	"sync"        // want "law 3"
	"sync/atomic" // want "law 3"
)

// Counter counts for many.
type Counter struct {
	lock  sync.Mutex
	count atomic.Int64
}

// Add counts one more.
func (c *Counter) Add(ctx context.Context) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if ctx.Err() == nil {
		c.count.Add(1)
	}
	runtime.Gosched()
}
