package scheduler

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	callTimeout = 10 * time.Second       // of one attempt to reach the broker
	firstPause  = 100 * time.Millisecond // after a failed one
	lastPause   = 5 * time.Second        // at most
	maxSleep    = time.Minute            // until a look whether the host has slept
)

// Run ticks until ctx ends, and then returns nil, once no call to the broker is
// on its way any more. Each schedule is tried again on its own while the broker
// cannot be reached, with pauses of 100 ms doubling to 5 s, and goes on with what
// its policy makes of the ticks that came due meanwhile; the log says when that
// begins and when it ends. Between ticks nothing is sent, but for what Sync says. A
// scheduler runs once at a time: a second call returns task.ErrStarted. It may run
// again afterwards.
func (s *Scheduler) Run(ctx context.Context) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	var calls sync.WaitGroup
	defer calls.Wait()
	if b, ok := s.table.(planned); ok {
		calls.Go(func() { s.tidy(ctx, b) })
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-s.changed:
		}
		timer.Reset(s.dispatch(ctx, &calls))
	}
}

func (s *Scheduler) begin() error {
	if s.err != nil {
		return s.err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return task.ErrStarted
	}
	s.running = true
	s.clock = newClock(s.wall)
	for _, e := range s.entries {
		e.reset(time.Now())
		s.agenda.add(e)
	}
	return nil
}

func (s *Scheduler) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.agenda) > 0 {
		s.agenda.remove(s.agenda[0])
	}
	for _, e := range s.entries {
		e.reset(time.Time{})
	}
	s.failing = 0
	s.running = false
}

// dispatch starts a call for each entry that needs one, and returns how long
// none of the others will. A call has a goroutine of its own, so that no
// schedule waits for another's broker.
func (s *Scheduler) dispatch(ctx context.Context, calls *sync.WaitGroup) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.clock.jumped() {
		s.rejoin(now)
	}
	for len(s.agenda) > 0 {
		e := s.agenda[0]
		if e.wake.After(now) {
			return min(e.wake.Sub(now), maxSleep)
		}
		s.agenda.remove(e)
		calls.Go(func() { s.call(ctx, e) })
	}
	return maxSleep
}

// rejoin asks the broker for its time, and whatever else may have changed.
func (s *Scheduler) rejoin(now time.Time) {
	for _, e := range s.agenda {
		e.joined, e.wake = false, now
	}
	heap.Init(&s.agenda)
}

// enter puts an entry into the agenda, and tells Run if it is the first.
func (s *Scheduler) enter(e *entry) {
	s.agenda.add(e)
	if e.place == 0 {
		s.notify()
	}
}

// notify makes Run look at the agenda.
func (s *Scheduler) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// call makes the entry's next call, whatever the middleware does.
func (s *Scheduler) call(ctx context.Context, e *entry) {
	err := errGoexit
	defer func() { s.finish(ctx, e, err) }()
	err = s.attempt(ctx, e)
}

// attempt joins the schedule, if that is to be done, and takes the tick that is
// due, if one is.
func (s *Scheduler) attempt(ctx context.Context, e *entry) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if !e.joined {
		if err := s.join(ctx, e); err != nil {
			return err
		}
	}
	s.mu.Lock()
	now := s.clock.now()
	s.mu.Unlock()
	at, ok := e.due(now)
	if !ok {
		return nil
	}
	if at.After(e.Next) {
		s.log.Info("ticks missed", "schedule", e.ID, "from", e.Next, "before", at)
	}
	return s.tick(ctx, e, at)
}

func (s *Scheduler) join(ctx context.Context, e *entry) error {
	sent := time.Now()
	state, err := s.table.Join(ctx, e.queue, e.ID)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.setClock(state.Now, sent)
	s.mu.Unlock()
	since := s.plan(ctx, e, state)
	s.mu.Lock()
	defer s.mu.Unlock()
	began := s.clock.now().Add(-time.Since(e.begun))
	e.join(state.Anchor, state.Last, since, began)
	return nil
}

// tick takes one tick. A task that is refused for good does not hold up the next
// one.
func (s *Scheduler) tick(ctx context.Context, e *entry, at time.Time) error {
	p := &passage{queue: e.queue, tick: broker.Tick{
		Schedule:  e.ID,
		At:        at,
		Task:      e.tickTask(at),
		NoOverlap: e.Overlap != OverlapAllow, IgnoreDelayed: e.Overlap == OverlapBusy,
	}}
	refused, err := s.pass(ctx, p)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e.advance(at)
	if refused != nil {
		s.log.Error("tick refused", "schedule", e.ID, "tick", at, "error", refused)
		return nil
	}
	e.Last = later(e.Last, at)
	s.setClock(p.ticked.Now, p.sent)
	s.log.Debug("tick", "schedule", e.ID, "tick", at, "enqueued", p.ticked.Enqueued)
	if behind := p.ticked.Behind; behind != e.behind {
		e.behind = behind
		if behind != uuid.Nil {
			s.log.Info("ticks pass until a task has ended", "schedule", e.ID, "from", at, "task", behind)
		}
	}
	return nil
}

// setClock takes the time in a reply. When that moves the clock, it moves what
// waits for it.
func (s *Scheduler) setClock(said, sent time.Time) {
	if !s.clock.set(said, sent, time.Now()) {
		return
	}
	for _, e := range s.agenda {
		if e.joined {
			e.wake = s.clock.local(e.Next)
		}
	}
	heap.Init(&s.agenda)
	s.notify()
}

// finish puts the entry back into the agenda for its next call.
func (s *Scheduler) finish(ctx context.Context, e *entry, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[e.ID] != e || ctx.Err() != nil {
		return // removed, or the end
	}
	if err != nil {
		s.failed(e, err)
	} else if e.failures > 0 {
		s.recovered(e)
	}
	switch {
	case e.failures > 0:
		e.wake = time.Now().Add(task.Exponential(firstPause, lastPause, nil)(e.failures))
	case e.Next.IsZero():
		return // there is no tick any more
	default:
		e.wake = s.clock.local(e.Next)
	}
	s.enter(e)
}

// failed counts a failure. An outage is one line in the log, however many
// schedules it stops; other errors are one line a schedule.
func (s *Scheduler) failed(e *entry, err error) {
	e.joined = false
	e.failures++
	if e.failures > 1 {
		return
	}
	s.failing++
	if s.failing == 1 || !outage(err) {
		s.log.Warn("cannot tick; trying again until it works", "schedule", e.ID, "error", err)
	}
}

func outage(err error) bool {
	return errors.Is(err, task.ErrUnavailable) || errors.Is(err, task.ErrClosed) || errors.Is(err, context.DeadlineExceeded)
}

func (s *Scheduler) recovered(e *entry) {
	e.failures = 0
	s.failing--
	if s.failing == 0 {
		s.log.Info("ticking again")
	}
}
