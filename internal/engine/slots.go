package engine

import (
	"context"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
)

const (
	// ahead is how much work a server leases ahead, so that quick handlers do not
	// wait a round trip for each next task.
	ahead = 2 * time.Millisecond
	// aheadMost bounds it in tasks.
	aheadMost = 500
	// worthOne is how much work one goroutine gets: quick handlers are not worth
	// one each.
	worthOne = 100 * time.Microsecond
	// spreadAfter is when tasks that still wait get the other free slots, for
	// their handlers are not as quick as expected.
	spreadAfter = time.Millisecond
	// returnAfter is when tasks that still wait go back to those who are free.
	returnAfter = 25 * time.Millisecond
	// unsettledMost is how many tasks may be leased beyond twice the concurrency
	// until others are settled.
	unsettledMost = 1000
)

// slots are what handlers run in, with what is leased and not begun, and what a
// server may still take on. A handler occupies a slot until it returns; a task
// occupies room until it is settled, so that handlers go on while settlements
// travel, but not without bound.
type slots struct {
	concurrency int
	changed     chan struct{}  // holds a value after there may be more to lease
	alarm       *time.Timer    // while tasks wait
	running     sync.WaitGroup // goroutines that run attempts

	mu      sync.Mutex
	waiting []*attempt // in the order in which they are to begin
	free    int        // slots of handlers
	room    int
	average time.Duration // that a handler takes; 0: not known yet
}

func newSlots(concurrency int) *slots {
	s := &slots{
		concurrency: concurrency, free: concurrency, room: 2*concurrency + unsettledMost,
		changed: make(chan struct{}, 1),
	}
	s.alarm = time.AfterFunc(time.Hour, s.spread)
	s.alarm.Stop()
	return s
}

// ahead is how many tasks may wait for a handler.
func (s *slots) ahead() int {
	if s.average <= 0 {
		return 0
	}
	return min(aheadMost, int(ahead*time.Duration(s.concurrency)/s.average))
}

// wants is how many tasks the server would lease now. While some wait, it does
// not ask for a few.
func (s *slots) wants() int {
	ahead := s.ahead()
	if len(s.waiting) > ahead/2 {
		return 0
	}
	return max(0, min(s.free+ahead-len(s.waiting), s.room, broker.MaxBatch))
}

// want waits until the server would lease tasks, and returns how many.
func (s *slots) want(ctx context.Context) (int, error) {
	for {
		s.mu.Lock()
		n := s.wants()
		s.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-s.changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// add takes leased tasks, and begins as many as are worth a goroutine.
func (s *slots) add(attempts []*attempt) {
	s.mu.Lock()
	s.room -= len(attempts)
	s.waiting = append(s.waiting, attempts...)
	first := s.occupy(s.goroutines())
	if len(s.waiting) > 0 {
		s.alarm.Reset(spreadAfter)
	}
	s.mu.Unlock()
	s.begin(first)
}

// goroutines is how many the waiting tasks are worth.
func (s *slots) goroutines() int {
	if s.average == 0 {
		return len(s.waiting)
	}
	return 1 + int(time.Duration(len(s.waiting))*s.average/worthOne)
}

// occupy takes out up to n tasks that have a slot.
func (s *slots) occupy(n int) []*attempt {
	n = min(n, s.free, len(s.waiting))
	s.free -= n
	return s.pop(n)
}

// begin runs each attempt in a goroutine.
func (s *slots) begin(attempts []*attempt) {
	for _, a := range attempts {
		s.running.Go(func() { s.serve(a) })
	}
}

// serve runs attempts in one goroutine, as long as there are any: a used stack
// need not grow again.
func (s *slots) serve(a *attempt) {
	finished := false
	defer func() {
		if !finished { // a handler called runtime.Goexit, which ends this goroutine
			s.running.Go(func() { s.serve(s.next(0)) })
		}
	}()
	for a != nil {
		a.run()
		a = s.next(a.took)
	}
	finished = true
}

// next is called by a handler's goroutine that is done with a task. It returns
// the next one, or frees the slot.
func (s *slots) next(took time.Duration) *attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learn(took)
	var a *attempt
	if len(s.waiting) > 0 {
		a = s.waiting[0]
		s.waiting[0] = nil
		s.waiting = s.waiting[1:]
	} else {
		s.free++
	}
	s.notify()
	return a
}

// learn keeps a moving average, of which the latest handler is an eighth.
func (s *slots) learn(took time.Duration) {
	took = max(took, 1)
	if s.average == 0 {
		s.average = took
	}
	s.average += (took - s.average) / 8
}

// spread looks after tasks that wait longer than expected.
func (s *slots) spread() {
	s.mu.Lock()
	first := s.occupy(len(s.waiting))
	var late []*attempt
	if len(s.waiting) > 0 {
		age := time.Since(s.waiting[0].held.leased)
		if age >= returnAfter {
			late = s.pop(len(s.waiting))
			s.average = max(s.average, returnAfter*time.Duration(s.concurrency))
		} else {
			s.alarm.Reset(returnAfter - age)
		}
	}
	s.mu.Unlock()
	s.begin(first)
	releaseAll(late)
}

// pop takes the first n. They are copied, for waiting goes on to be used.
func (s *slots) pop(n int) []*attempt {
	first := make([]*attempt, n)
	copy(first, s.waiting)
	rest := copy(s.waiting, s.waiting[n:])
	clear(s.waiting[rest:])
	s.waiting = s.waiting[:rest]
	return first
}

// makeRoom is told of tasks that are settled.
func (s *slots) makeRoom(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room += n
	s.notify()
}

func (s *slots) notify() {
	if s.wants() == 0 {
		return
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// handBack releases what waits of a queue.
func (s *slots) handBack(queue string) {
	s.mu.Lock()
	var back []*attempt
	waiting := s.waiting
	s.waiting = nil
	for _, a := range waiting {
		if a.held.lease.Queue == queue {
			back = append(back, a)
		} else {
			s.waiting = append(s.waiting, a)
		}
	}
	s.mu.Unlock()
	releaseAll(back)
}

// empty releases all that waits, for good.
func (s *slots) empty() {
	s.mu.Lock()
	s.alarm.Stop()
	waiting := s.pop(len(s.waiting))
	s.mu.Unlock()
	releaseAll(waiting)
}
