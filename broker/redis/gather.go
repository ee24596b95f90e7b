package redis

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// gatherer lets concurrent callers travel together: while one batch is on the
// wire, the next gathers. A caller that is alone waits for nobody.
//
// Each lane sends one batch at a time, in a goroutine that lives while there is
// something to send. Small batches take the first lane, for it is cheaper to
// travel together; the others are for what fills one by itself, so that the server
// need not wait for the next while this process reads an answer.
type gatherer[T any] struct {
	send func(lane int, items []T) []error // nil: all went well
	// missed is told which items of the batch sent last had a caller who did not
	// wait for the answer. Nil: nobody is told.
	missed func(lane int, items []T, at []int)
	fits   func(n, bytes int) bool // whether that much may be sent at once
	lanes  int                     // 0: one

	mu      sync.Mutex
	waiting []*group[T]
	items   int    // in waiting
	busy    []bool // which lanes send
	closed  bool
	drained sync.WaitGroup
}

// worthALane is how many waiting items another lane takes.
const worthALane = broker.MaxBatch / 2

// group is what one caller hands in. It is sent whole.
type group[T any] struct {
	items    []T
	bytes    int
	errs     []error
	done     chan struct{}
	answered bool // errs is there
	left     bool // the caller has left before
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
		return g.abandon(mine, context.Cause(ctx))
	}
}

func (g *gatherer[T]) join(mine *group[T]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.waiting = append(g.waiting, mine)
	g.items += len(mine.items)
	g.launch()
	return true
}

// launch starts a lane if there is need of one.
func (g *gatherer[T]) launch() {
	if g.busy == nil {
		g.busy = make([]bool, max(1, g.lanes))
	}
	lane := slices.Index(g.busy, false)
	if lane < 0 || g.items == 0 || slices.Contains(g.busy, true) && g.items < worthALane {
		return
	}
	g.busy[lane] = true
	g.drained.Go(func() { g.drain(lane) })
}

// abandon takes back what has not been sent. What has been may have been done.
func (g *gatherer[T]) abandon(mine *group[T], cause error) []error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if mine.answered {
		return mine.errs
	}
	for i, other := range g.waiting {
		if other == mine {
			g.waiting = append(g.waiting[:i:i], g.waiting[i+1:]...)
			g.items -= len(mine.items)
			return all(len(mine.items), cause)
		}
	}
	mine.left = true
	return all(len(mine.items), fmt.Errorf("%w: no answer in time: %w", task.ErrUnavailable, cause))
}

func (g *gatherer[T]) drain(lane int) {
	for {
		// Callers that have just been answered come back at once: let them, and
		// more travel together.
		runtime.Gosched()
		groups := g.take(lane)
		if groups == nil {
			return
		}
		var items []T
		for _, group := range groups {
			items = append(items, group.items...)
		}
		missed := g.answer(groups, g.send(lane, items))
		if missed != nil && g.missed != nil {
			g.missed(lane, items, missed)
		}
		for _, group := range groups {
			close(group.done)
		}
	}
}

// answer gives each group its errors, and returns the positions of the items
// whose callers have left.
func (g *gatherer[T]) answer(groups []*group[T], errs []error) (missed []int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	first := 0
	for _, group := range groups {
		if errs != nil {
			group.errs, errs = split(errs, len(group.items))
		}
		group.answered = true
		for i := range group.items {
			if group.left {
				missed = append(missed, first+i)
			}
		}
		first += len(group.items)
	}
	return missed
}

// take returns the groups of the next batch, or nil once there are none for this
// lane.
func (g *gatherer[T]) take(lane int) []*group[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy[lane] = false
	if len(g.waiting) == 0 || g.items < worthALane && slices.Contains(g.busy, true) {
		return nil
	}
	g.busy[lane] = true
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
	for _, group := range groups {
		g.items -= len(group.items)
	}
	g.launch()
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
