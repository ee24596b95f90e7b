package redis

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/nex-gen-tech/jobsy/task"
)

// gatherer lets concurrent callers travel together: while one batch is on the
// wire, the next gathers. A caller that is alone waits for nobody.
//
// One batch is sent at a time, in a goroutine that lives while there is
// something to send.
type gatherer[T any] struct {
	send func(items []T) []error // nil: all went well
	fits func(n, bytes int) bool // whether that much may be sent at once

	mu      sync.Mutex
	waiting []*group[T]
	sending bool
	closed  bool
	drained sync.WaitGroup
}

// group is what one caller hands in. It is sent whole.
type group[T any] struct {
	items []T
	bytes int
	errs  []error
	done  chan struct{}
}

// do sends the items, which fit one batch, and returns their errors.
func (g *gatherer[T]) do(ctx context.Context, items []T, bytes int) []error {
	if ctx.Err() != nil {
		return all(len(items), context.Cause(ctx))
	}
	mine := &group[T]{items: items, bytes: bytes, done: make(chan struct{})}
	if !g.join(mine) {
		return all(len(items), task.ErrClosed)
	}
	select {
	case <-mine.done:
		return mine.errs
	case <-ctx.Done():
		return all(len(items), g.abandon(mine, context.Cause(ctx)))
	}
}

func (g *gatherer[T]) join(mine *group[T]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.waiting = append(g.waiting, mine)
	if !g.sending {
		g.sending = true
		g.drained.Go(g.drain)
	}
	return true
}

// abandon takes back what has not been sent. What has been may have been done.
func (g *gatherer[T]) abandon(mine *group[T], cause error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, other := range g.waiting {
		if other == mine {
			g.waiting = append(g.waiting[:i:i], g.waiting[i+1:]...)
			return cause
		}
	}
	return fmt.Errorf("%w: no answer in time: %w", task.ErrUnavailable, cause)
}

func (g *gatherer[T]) drain() {
	for {
		// Callers that have just been answered come back at once: let them, and
		// more travel together.
		runtime.Gosched()
		groups := g.take()
		if groups == nil {
			return
		}
		var items []T
		for _, group := range groups {
			items = append(items, group.items...)
		}
		errs := g.send(items)
		for _, group := range groups {
			if errs != nil {
				group.errs, errs = split(errs, len(group.items))
			}
			close(group.done)
		}
	}
}

// take returns the groups of the next batch, or nil once there are none.
func (g *gatherer[T]) take() []*group[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.sending = false
		return nil
	}
	taken, n, bytes := 0, 0, 0
	for _, next := range g.waiting {
		n, bytes = n+len(next.items), bytes+next.bytes
		if taken > 0 && !g.fits(n, bytes) {
			break
		}
		taken++
	}
	groups := g.waiting[:taken:taken]
	g.waiting = g.waiting[taken:]
	return groups
}

// split returns the first n errors, nil if there is none among them, and the
// rest.
func split(errs []error, n int) (own, rest []error) {
	own, rest = errs[:n:n], errs[n:]
	for _, err := range own {
		if err != nil {
			return own, rest
		}
	}
	return nil, rest
}

// close refuses what comes from now on and waits for what is on its way.
func (g *gatherer[T]) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.drained.Wait()
}
