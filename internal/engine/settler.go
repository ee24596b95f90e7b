package engine

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// settlement is how a lease ends, on its way to the broker, and what is told of
// it afterwards.
type settlement struct {
	outcome broker.Outcome
	held    *held
	err     error         // why a task has failed
	took    time.Duration // by the handler
	waited  time.Duration // from when the task was due; negative: that is not known
}

// leasesIn yields the leases of settlements.
func leasesIn(settlements []settlement) iter.Seq[*held] {
	return func(yield func(*held) bool) {
		for i := range settlements {
			if !yield(settlements[i].held) {
				return
			}
		}
	}
}

// settler sends settlements until they are answered. While one call is on its
// way the next ones gather; one that is alone waits for nobody.
type settler struct {
	broker broker.Broker
	log    *slog.Logger
	// expiry says when a lease runs out.
	expiry func(*held) time.Time
	// answered is told of settlements that were answered or given up; refused
	// says which of them had no effect, nil that all had.
	answered func(s []settlement, refused []bool)

	ctx     context.Context // ends when there is no more time
	giveUp  context.CancelFunc
	running sync.WaitGroup

	outcomes []broker.Outcome // used again and again by run

	mu      sync.Mutex
	waiting []settlement
	sending int // settlements of tasks that are done with, in the call on its way
	closed  bool
	given   int           // how many of those were given up
	added   chan struct{} // holds a value after something was added
}

func newSettler(b broker.Broker, log *slog.Logger, expiry func(*held) time.Time, answered func([]settlement, []bool)) *settler {
	s := &settler{broker: b, log: log, expiry: expiry, answered: answered, added: make(chan struct{}, 1)}
	s.ctx, s.giveUp = context.WithCancel(context.Background())
	s.running.Go(s.run)
	return s
}

// add takes a settlement. It does not block. After close it is dropped: the
// handler was left behind, and its task handed back.
func (s *settler) add(one settlement) {
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.waiting = append(s.waiting, one)
	}
	s.mu.Unlock()
	if closed {
		s.answered([]settlement{one}, []bool{true})
		return
	}
	s.notify()
}

func (s *settler) notify() {
	select {
	case s.added <- struct{}{}:
	default:
	}
}

// close waits until all settlements are answered or given up, and returns how
// many of tasks that are done with were given up. Where there is no more time it
// waits a moment: a call that does not end with its context is left behind.
func (s *settler) close() int {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.notify()
	ended := make(chan struct{})
	go func() { // ends with the last call
		s.running.Wait()
		close(ended)
	}()
	if s.ctx.Err() == nil {
		<-ended
	}
	within(grace, ended)
	s.giveUp()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.given + s.sending + doneWith(s.waiting)
}

// doneWith counts the settlements of tasks that have been run: all but those that
// are handed back.
func doneWith(settlements []settlement) (n int) {
	for i := range settlements {
		if settlements[i].outcome.Status != task.StatusPending {
			n++
		}
	}
	return n
}

func (s *settler) run() {
	var outage outage
	var spare []settlement
	for range s.added {
		batch, closed := s.take(spare)
		left := s.send(batch)
		s.sent()
		switch {
		case len(left) > 0:
			if outage.begins() {
				s.log.Warn("tasks cannot be settled; trying again until it works", "tasks", len(left))
			}
			s.putBack(left)
			outage.sleep(s.ctx)
		case len(batch) > 0 && outage.ends():
			s.log.Info("settling tasks again")
		}
		if closed && len(left) == 0 {
			return
		}
		clear(batch)
		spare = batch[:0]
	}
}

// take returns what has gathered, and reuses the memory of what was sent.
func (s *settler) take(spare []settlement) (batch []settlement, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch, s.waiting = s.waiting, spare
	s.sending = doneWith(batch)
	return batch, s.closed
}

// putBack keeps what could not be sent for the next call.
func (s *settler) putBack(left []settlement) {
	s.mu.Lock()
	s.waiting = append(left, s.waiting...)
	s.mu.Unlock()
	s.notify()
}

// sent notes that the call on its way was answered.
func (s *settler) sent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sending = 0
}

// send makes as few calls as there can be, and returns what has to be sent
// again.
func (s *settler) send(batch []settlement) (left []settlement) {
	for len(batch) > 0 {
		n := min(len(batch), broker.MaxBatch)
		left = append(left, s.sendBatch(batch[:n])...)
		batch = batch[n:]
	}
	return left
}

func (s *settler) sendBatch(batch []settlement) (left []settlement) {
	s.outcomes = s.outcomes[:0]
	for i := range batch {
		s.outcomes = append(s.outcomes, batch[i].outcome)
	}
	errs := s.broker.Settle(s.ctx, s.outcomes)
	clear(s.outcomes)
	if errs == nil {
		s.answered(batch, nil)
		return nil
	}
	answered, refused, left := s.sort(batch, errs)
	s.answered(answered, refused)
	return left
}

// sort tells what was answered or is hopeless from what has to be sent again.
func (s *settler) sort(batch []settlement, errs []error) (answered []settlement, refused []bool, left []settlement) {
	for i, one := range batch {
		if errs[i] != nil && !s.final(&one, errs[i]) {
			left = append(left, one)
			continue
		}
		answered, refused = append(answered, one), append(refused, errs[i] != nil)
	}
	return answered, refused, left
}

// final reports whether an error ends a settlement. The task then runs again
// once its lease has passed, unless another server has it already.
func (s *settler) final(one *settlement, err error) bool {
	lease := &one.outcome.Lease
	switch {
	case errors.Is(err, task.ErrLeaseLost):
		s.log.Warn("lease lost; the outcome is dropped", "task", lease.ID, "status", one.outcome.Status)
		return true
	case s.ctx.Err() != nil, errors.Is(err, task.ErrClosed),
		!errors.Is(err, task.ErrUnavailable) && time.Now().After(s.expiry(one.held)):
		s.log.Error("task cannot be settled; it runs again once its lease has passed",
			"task", lease.ID, "status", one.outcome.Status, "error", err)
		s.mu.Lock()
		s.given += doneWith([]settlement{*one})
		s.mu.Unlock()
		return true
	}
	return false
}
