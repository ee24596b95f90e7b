package jobsy

import (
	"context"
	"sync"
)

// slots counts what a server may still take on. A handler occupies a slot until
// it returns. A task occupies one until it is settled, of a larger number, so
// that handlers go on while settlements travel, but not without bound.
type slots struct {
	mu       sync.Mutex
	handlers int           // free slots of handlers
	tasks    int           // free slots of tasks
	freed    chan struct{} // holds a value after something was freed
}

func newSlots(concurrency int) *slots {
	return &slots{handlers: concurrency, tasks: 2*concurrency + 1000, freed: make(chan struct{}, 1)}
}

// take waits for a free slot and takes as many as there are, up to most.
func (s *slots) take(ctx context.Context, most int) (int, error) {
	for {
		if n := s.tryTake(most); n > 0 {
			return n, nil
		}
		select {
		case <-s.freed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func (s *slots) tryTake(most int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(s.handlers, s.tasks, most)
	s.handlers -= n
	s.tasks -= n
	return n
}

func (s *slots) give(handlers, tasks int) {
	s.mu.Lock()
	s.handlers += handlers
	s.tasks += tasks
	s.mu.Unlock()
	select {
	case s.freed <- struct{}{}:
	default:
	}
}
