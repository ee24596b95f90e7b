package brokertest

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func cancelRules() []rule {
	return []rule{
		{obeyed, "a running task that was cancelled ends as cancelled, whatever its outcome", cancelledEnds},
		{obeyed, "a task that completes is completed though it was cancelled", completedStays},
		{obeyed, "Extend tells of a cancellation and keeps the lease", extendTells},
		{obeyed, "a takeover tells of a cancellation", takeoverTells},
		{announced, "News tells of running tasks that are cancelled", cancellationsTell},
		{announced, "News tells of what another process cancels", cancellationsTellElsewhere},
		{announced, "News ends with its context", cancellationsEnd},
	}
}

// cancelled returns the lease of a task that is to be cancelled.
func (s *trial) cancelled(label string, lasts, keep time.Duration) broker.Lease {
	s.Helper()
	s.operator()
	s.enqueue(newTask(label))
	held := s.leaseFor(lasts)
	s.revise(broker.Change{Status: task.StatusCancelled, Keep: keep}, held.ID)
	return held
}

func cancelledEnds(s *trial) {
	s.operator()
	s.inspector()
	for _, status := range outcomeStatuses() {
		if status == task.StatusCompleted {
			continue
		}
		held := s.cancelled(string(status), long, long)
		s.shown(held.ID, task.StatusRunning)
		s.settle(broker.Outcome{Lease: held, Status: status, Task: attempted(held)})
		if got := s.shown(held.ID, task.StatusCancelled); got.Attempt != 1 {
			s.Errorf("the cancelled task has Attempt %d, want 1 as its worker said", got.Attempt)
		}
		s.mustLose(held)
		s.nothing()
	}
	held := s.cancelled("not kept", long, 0)
	s.settle(broker.Outcome{Lease: held, Status: task.StatusRetrying, Keep: long})
	s.isNotFound(held.ID)
	s.nothing()
}

func completedStays(s *trial) {
	s.operator()
	s.inspector()
	held := s.cancelled("completed", long, 0)
	s.settle(broker.Outcome{Lease: held, Status: task.StatusCompleted, Keep: long})
	s.shown(held.ID, task.StatusCompleted)
}

func extendTells(s *trial) {
	held := s.cancelled("slow", 4*short, 0)
	for range 2 {
		s.match("Extend", s.broker.Extend(s.ctx, []broker.Lease{held}, long), task.ErrCancelled)
	}
	s.pass(4 * short)
	s.nothing()
	s.settle(become(task.StatusPending, held)...)
	s.leavesNothing()
}

func takeoverTells(s *trial) {
	lost := s.cancelled("left behind", short, 0)
	if lost.Cancelled {
		s.Errorf("a lease of a task that nobody has cancelled is Cancelled")
	}
	s.advance(short)
	got := s.lease()
	if !got.Cancelled || got.ID != lost.ID {
		s.Errorf("leased %s with Cancelled %v, want the task that was cancelled", describe([]broker.Lease{got}), got.Cancelled)
	}
	s.settle(become(task.StatusCancelled, got)...)
	s.enqueue(newTask("next"))
	next := s.lease()
	if next.Cancelled {
		s.Errorf("the lease of another task is Cancelled")
	}
	s.end(next)
	s.leavesNothing()
}

// hears listens for cancellations, in a goroutine.
func (s *trial) hears(queues ...string) <-chan uuid.UUID {
	s.Helper()
	notifier, heard := s.notifier(), make(chan uuid.UUID, 10)
	s.running.Go(func() {
		_ = notifier.News(s.ctx, queues, broker.Listener{Cancelled: func(_ string, id uuid.UUID) { heard <- id }})
	})
	s.block(2 * short) // until it listens
	return heard
}

func (s *trial) mustHear(heard <-chan uuid.UUID, want uuid.UUID) {
	s.Helper()
	select {
	case id := <-heard:
		if id != want {
			s.Errorf("News told of %s, want %s", id, want)
		}
	case <-time.After(s.prompt):
		s.Fatalf("News has not told within %v", s.prompt)
	}
}

func cancellationsTell(s *trial) {
	s.operator()
	heard, elsewhere := s.hears("a", task.DefaultQueue), s.hears("a")
	waits := newTask("waits")
	waits.Priority = 1
	held := s.cancelled("told", long, 0)
	s.mustHear(heard, held.ID)
	s.enqueue(waits)
	s.revise(broker.Change{Status: task.StatusCancelled}, waits.ID)
	again := s.cancelled("told, too", long, 0)
	s.mustHear(heard, again.ID)
	if len(heard)+len(elsewhere) > 0 {
		s.Errorf("News told of a waiting task, twice of one, or of another queue")
	}
	s.settle(become(task.StatusCancelled, held, again)...)
	s.leavesNothing()
}

func cancellationsTellElsewhere(s *trial) {
	s.operator()
	other := s.another()
	heard := other.hears(task.DefaultQueue)
	held := s.cancelled("told", long, 0)
	s.mustHear(heard, held.ID)
	s.settle(become(task.StatusCancelled, held)...)
	s.leavesNothing()
}

func cancellationsEnd(s *trial) {
	notifier := s.notifier()
	ctx, cancel := context.WithTimeout(s.ctx, blink)
	defer cancel()
	done := make(chan error, 1)
	s.running.Go(func() {
		done <- notifier.News(ctx, []string{task.DefaultQueue}, broker.Listener{})
	})
	select {
	case err := <-done:
		if !errors.Is(err, context.DeadlineExceeded) {
			s.Errorf("News returned %v, want the error of its context", err)
		}
	case <-time.After(s.prompt):
		s.Fatalf("News has not returned although its context has ended")
	}
}
