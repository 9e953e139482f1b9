package transport

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

// running is one call in flight.
type running struct {
	id       core.ID
	deadline time.Time // zero: none
	payloads *payloads // of its arguments
	// Guarded by the slot's lock.
	fetches map[core.ID]context.CancelFunc // and checks
	timers  map[core.ID]*time.Timer

	mu     sync.Mutex      // guards what follows
	text   strings.Builder // of deltas not yet handed out
	result *core.Result
	news   chan struct{} // holds one token when text or result is there
}

// begin returns the context of a fetch or check, which an abort ends, and the
// end of the call's time.
func (r *running) begin(id core.ID) (context.Context, context.CancelFunc) {
	var ctx context.Context
	var abort context.CancelFunc
	if r.deadline.IsZero() {
		ctx, abort = context.WithCancel(context.Background())
	} else {
		ctx, abort = context.WithDeadline(context.Background(), r.deadline)
	}
	r.fetches[id] = abort
	return ctx, abort
}

func (r *running) abort(id core.ID) {
	if abort := r.fetches[id]; abort != nil {
		abort()
	}
	if timer := r.timers[id]; timer != nil {
		timer.Stop()
	}
}

// add leaves text or the result for the caller to take.
func (r *running) add(text string, result *core.Result) {
	r.mu.Lock()
	r.text.WriteString(text)
	if result != nil {
		r.result = result
	}
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// take returns what was added since the last time.
func (r *running) take() (string, *core.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := r.text.String()
	r.text.Reset()
	return text, r.result
}

// beat measures how long a call has been quiet.
type beat struct {
	due   <-chan time.Time // never, where nobody wants to know
	timer *time.Timer
	pause time.Duration
}

func newBeat(pause time.Duration, wanted bool) *beat {
	b := &beat{pause: pause}
	if wanted && pause > 0 {
		b.timer = time.NewTimer(pause)
		b.due = b.timer.C
	}
	return b
}

// rest begins the pause anew.
func (b *beat) rest() {
	if b.timer != nil {
		b.timer.Reset(b.pause)
	}
}

func (b *beat) stop() {
	if b.timer != nil {
		b.timer.Stop()
	}
}
