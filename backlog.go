package jobsy

import (
	"context"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
)

const (
	// lead is how much work a server leases ahead, so that quick handlers do not
	// wait a round trip for each next task.
	lead = 2 * time.Millisecond
	// maxAhead bounds it in tasks.
	maxAhead = 500
	// stride is how much work one goroutine gets: quick handlers are not worth
	// one each.
	stride = 100 * time.Microsecond
	// hurry is when tasks that still wait get the other free slots, for their
	// handlers are not as quick as expected.
	hurry = time.Millisecond
	// patience is when tasks that still wait go back to those who are free.
	patience = 25 * time.Millisecond
	// unsettled is how many tasks may be leased beyond twice the concurrency
	// until others are settled.
	unsettled = 1000
)

// backlog is what a server has leased and not begun, and what it may still take
// on. A handler occupies a slot until it returns; a task occupies room until it
// is settled, so that handlers go on while settlements travel, but not without
// bound.
type backlog struct {
	concurrency int
	begin       func([]*attempt) // starts a goroutine for each
	changed     chan struct{}    // holds a value after the fetcher may want more
	alarm       *time.Timer      // while tasks wait

	mu      sync.Mutex
	waiting []*attempt // in the order in which they are to begin
	free    int        // slots of handlers
	room    int
	average time.Duration // that a handler takes; 0: not known yet
}

func newBacklog(concurrency int, begin func([]*attempt)) *backlog {
	b := &backlog{
		concurrency: concurrency, free: concurrency, room: 2*concurrency + unsettled,
		begin: begin, changed: make(chan struct{}, 1),
	}
	b.alarm = time.AfterFunc(time.Hour, b.check)
	b.alarm.Stop()
	return b
}

// ahead is how many tasks may wait for a handler.
func (b *backlog) ahead() int {
	if b.average <= 0 {
		return 0
	}
	return min(maxAhead, int(lead*time.Duration(b.concurrency)/b.average))
}

// wants is how many tasks the server would lease now. While some wait, it does
// not ask for a few.
func (b *backlog) wants() int {
	ahead := b.ahead()
	if len(b.waiting) > ahead/2 {
		return 0
	}
	return max(0, min(b.free+ahead-len(b.waiting), b.room, broker.MaxBatch))
}

// want waits until the server would lease tasks, and returns how many.
func (b *backlog) want(ctx context.Context) (int, error) {
	for {
		b.mu.Lock()
		n := b.wants()
		b.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-b.changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// add takes leased tasks, and begins as many as are worth a goroutine.
func (b *backlog) add(attempts []*attempt) {
	b.mu.Lock()
	b.room -= len(attempts)
	b.waiting = append(b.waiting, attempts...)
	first := b.start(b.goroutines())
	if len(b.waiting) > 0 {
		b.alarm.Reset(hurry)
	}
	b.mu.Unlock()
	b.begin(first)
}

// goroutines is how many the waiting tasks are worth.
func (b *backlog) goroutines() int {
	if b.average == 0 {
		return len(b.waiting)
	}
	return 1 + int(time.Duration(len(b.waiting))*b.average/stride)
}

// start takes out up to n tasks that have a slot.
func (b *backlog) start(n int) []*attempt {
	n = min(n, b.free, len(b.waiting))
	b.free -= n
	return b.pop(n)
}

// check looks after tasks that wait longer than expected.
func (b *backlog) check() {
	b.mu.Lock()
	first := b.start(len(b.waiting))
	var late []*attempt
	if len(b.waiting) > 0 {
		age := time.Since(b.waiting[0].leased)
		if age >= patience {
			late = b.pop(len(b.waiting))
			b.average = max(b.average, patience*time.Duration(b.concurrency))
		} else {
			b.alarm.Reset(patience - age)
		}
	}
	b.mu.Unlock()
	b.begin(first)
	releaseAll(late)
}

// pop takes the first n. They are copied, for waiting goes on to be used.
func (b *backlog) pop(n int) []*attempt {
	first := make([]*attempt, n)
	copy(first, b.waiting)
	rest := copy(b.waiting, b.waiting[n:])
	clear(b.waiting[rest:])
	b.waiting = b.waiting[:rest]
	return first
}

// next is called by a handler's goroutine that is done with a task. It returns
// the next one, or frees the slot.
func (b *backlog) next(took time.Duration) *attempt {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.learn(took)
	var a *attempt
	if len(b.waiting) > 0 {
		a = b.waiting[0]
		b.waiting[0] = nil
		b.waiting = b.waiting[1:]
	} else {
		b.free++
	}
	b.notify()
	return a
}

// learn keeps a moving average, of which the latest handler is an eighth.
func (b *backlog) learn(took time.Duration) {
	took = max(took, 1)
	if b.average == 0 {
		b.average = took
	}
	b.average += (took - b.average) / 8
}

// settled makes room.
func (b *backlog) settled(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.room += n
	b.notify()
}

func (b *backlog) notify() {
	if b.wants() == 0 {
		return
	}
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// empty takes out all that waits, for good.
func (b *backlog) empty() []*attempt {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alarm.Stop()
	return b.pop(len(b.waiting))
}

func releaseAll(attempts []*attempt) {
	for _, a := range attempts {
		a.release()
	}
}
