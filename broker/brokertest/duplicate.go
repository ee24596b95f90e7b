package brokertest

import (
	"errors"
	"slices"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func duplicateRules() []rule {
	return []rule{
		{repeatable, "enqueuing the identical task again is no conflict", identicalIsTaken},
		{repeatable, "enqueuing the identical scheduled task again is no conflict", identicalIsTakenLater},
		{repeatable, "an identical task twice in a batch is one task", identicalInBatch},
		{repeatable, "enqueuing what has been leased again is no conflict", identicalWhileLeased},
		{whole, "another task with an ID in use is refused", differingIsRefused},
		{whole, "of two tasks with one ID in a batch the first stands", differingInBatch},
		{whole, "an ID is in use while its task waits for a retry", answeredIsRefused(task.StatusRetrying, true)},
		{whole, "an ID is in use while its ended task is kept", answeredIsRefused(task.StatusCompleted, true)},
		{whole, "a retrying task is not taken again if its record was left as it is", answeredIsRefused(task.StatusRetrying, false)},
		{whole, "an ended task is not taken again if its record was left as it is", answeredIsRefused(task.StatusFailed, false)},
		{lossless, "an ID is free again once its task is gone", idIsFreeAgain},
	}
}

// onlyOne checks that there is one task, not yet delivered, and ends it.
func (s *trial) onlyOne(label string) {
	s.Helper()
	got := s.lease()
	if string(got.Task.Payload) != label || got.Deliveries != 1 {
		s.Errorf("leased %s, want the first delivery of %q", describe([]broker.Lease{got}), label)
	}
	s.nothing()
	s.end(got)
	s.leavesNothing()
}

func identicalIsTaken(s *trial) {
	t := newTask("same")
	s.enqueue(t)
	s.enqueue(t)
	s.enqueue(t.Clone())
	s.onlyOne("same")
}

func identicalIsTakenLater(s *trial) {
	t := newTask("same")
	t.RunAt = s.now().Add(short)
	s.enqueue(t)
	s.enqueue(t.Clone())
	s.advance(short)
	s.onlyOne("same")
}

func identicalInBatch(s *trial) {
	t := newTask("same")
	t.EnqueuedAt = s.now()
	s.enqueue(t, t.Clone(), t)
	s.onlyOne("same")
}

func identicalWhileLeased(s *trial) {
	t := newTask("same")
	s.enqueue(t)
	got := s.lease()
	s.enqueue(t.Clone())
	s.nothing()
	s.end(got)
	s.leavesNothing()
}

func (s *trial) isDuplicate(err error, of *task.Task) {
	s.Helper()
	var duplicate *task.DuplicateError
	if !errors.As(err, &duplicate) || !errors.Is(err, task.ErrDuplicate) {
		s.Errorf("the second task with an ID got error %v, want a *task.DuplicateError", err)
	} else if duplicate.ID != of.ID {
		s.Errorf("the error names task %s, want %s", duplicate.ID, of.ID)
	}
}

func differingIsRefused(s *trial) {
	first := newTask("first")
	s.enqueue(first)
	for _, differ := range []func(*task.Task){
		func(t *task.Task) { t.Payload = []byte("second") },
		func(t *task.Task) { t.Priority = task.HighPriority },
		func(t *task.Task) { t.RunAt = t.EnqueuedAt.Add(long) },
		func(t *task.Task) { t.Headers = map[string]string{"a": "b"} },
	} {
		second := first.Clone()
		differ(second)
		errs := s.broker.Enqueue(s.ctx, []*task.Task{newTask("before"), second, newTask("after")})
		if len(errs) != 3 {
			s.Fatalf("Enqueue returned %v, want three entries", errs)
		}
		s.match("Enqueue", errs, nil, task.ErrDuplicate, nil)
		s.isDuplicate(errs[1], first)
		got := s.leases(3, 3)
		if found := labels(got); !slices.Equal(found, []string{"first", "before", "after"}) {
			s.Errorf("leased %v, want first, before, after", found)
		}
		s.end(got[1:]...)
		s.settle(broker.Outcome{Lease: got[0], Status: task.StatusPending})
	}
	s.end(s.lease())
	s.leavesNothing()
}

func differingInBatch(s *trial) {
	first, second := newTask("first"), newTask("second")
	second.ID = first.ID
	errs := s.broker.Enqueue(s.ctx, []*task.Task{first, second})
	s.match("Enqueue", errs, nil, task.ErrDuplicate)
	s.isDuplicate(errs[1], first)
	s.onlyOne("first")
}

// answeredIsRefused enqueues a task again after an attempt of it was answered
// for: what runs again or has ended is not what was enqueued.
func answeredIsRefused(status task.Status, replace bool) func(s *trial) {
	return func(s *trial) {
		t := newTask("answered")
		s.enqueue(t)
		got := s.lease()
		outcome := broker.Outcome{Lease: got, Status: status, Delay: long, Keep: long}
		if replace {
			outcome.Task = got.Task.Clone()
			outcome.Task.Attempt = 1
		}
		s.settle(outcome)
		errs := s.broker.Enqueue(s.ctx, []*task.Task{t.Clone()})
		s.match("Enqueue", errs, task.ErrDuplicate)
		s.isDuplicate(errs[0], t)
		s.nothing()
	}
}

func idIsFreeAgain(s *trial) {
	for _, status := range []task.Status{task.StatusCompleted, task.StatusFailed, task.StatusCancelled} {
		again := newTask("again")
		for range 2 {
			s.enqueue(again)
			got := s.lease()
			if got.ID != again.ID || got.Deliveries != 1 {
				s.Errorf("leased %s, want the first delivery of the task", describe([]broker.Lease{got}))
			}
			s.settle(become(status, got)...)
		}
	}
	s.leavesNothing()
}
