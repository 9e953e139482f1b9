package transport

import (
	"slices"
	"sync"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// lessons are what models were seen to refuse, by all calls of a host: the
// oldest first, and forgotten first. They last as long as the process: what a
// deployment is may change, and one exchange finds out again.
type lessons struct {
	mu    sync.Mutex
	known []provider.Lesson // never changed, only replaced: calls hold it too
}

// The bounds of what is kept. Every call carries all of it, and a client
// chooses the names of models.
const (
	mostLessons   = 256
	longestLesson = 512 // bytes of text
)

// all returns all lessons, the newest last. They are not to be changed.
func (l *lessons) all() []provider.Lesson {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known
}

// add keeps what a call learned, in place of what it contradicts.
func (l *lessons) add(learned []provider.Lesson) {
	if len(learned) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known := slices.Clone(l.known)
	for _, lesson := range learned {
		if len(lesson.Endpoint)+len(lesson.Form)+len(lesson.Model)+len(lesson.Effort)+len(lesson.Parameter)+len(lesson.Instead)+len(lesson.Beside) > longestLesson {
			continue
		}
		known = slices.DeleteFunc(known, func(older provider.Lesson) bool {
			older.Instead = lesson.Instead
			return older == lesson
		})
		known = append(known, lesson)
	}
	l.known = known[max(0, len(known)-mostLessons):]
}
