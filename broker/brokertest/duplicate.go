package brokertest

import (
	"errors"
	"slices"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func duplicateRules() []rule {
	return []rule{
		{whole, "the task that stands is refused, and told as the same", sameIsRefused},
		{whole, "the task that is scheduled is refused, and told as the same", sameIsRefusedLater},
		{whole, "a task twice in a batch is one task", sameInBatch},
		{whole, "the task that runs is refused, and told as the same", sameWhileLeased},
		{whole, "another task with an ID in use is refused", differingIsRefused},
		{whole, "of two tasks with one ID in a batch the first stands", differingInBatch},
		{whole, "an ID is in use while its task waits for a retry", answeredIsRefused(task.StatusRetrying, true)},
		{whole, "an ID is in use while its ended task is kept", answeredIsRefused(task.StatusCompleted, true)},
		{whole, "a retrying task is not the same if its record was left as it is", answeredIsRefused(task.StatusRetrying, false)},
		{whole, "an ended task is not the same if its record was left as it is", answeredIsRefused(task.StatusFailed, false)},
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

// stands enqueues a copy of a task that is to be refused for it.
func (s *trial) stands(t *task.Task, same bool) {
	s.Helper()
	errs := s.broker.Enqueue(s.ctx, []*task.Task{t.Clone()})
	s.match("Enqueue", errs, task.ErrDuplicate)
	s.isDuplicate(errs[0], t, same)
}

func (s *trial) isDuplicate(err error, of *task.Task, same bool) {
	s.Helper()
	var duplicate *task.DuplicateError
	switch {
	case !errors.As(err, &duplicate) || !errors.Is(err, task.ErrDuplicate):
		s.Errorf("the second task with an ID got error %v, want a *task.DuplicateError", err)
	case duplicate.ID != of.ID || duplicate.Unique:
		s.Errorf("the error names task %s (Unique %t), want the ID %s", duplicate.ID, duplicate.Unique, of.ID)
	case duplicate.Same != same:
		s.Errorf("the error has Same %t, want %t", duplicate.Same, same)
	}
}

func sameIsRefused(s *trial) {
	t := newTask("same")
	s.enqueue(t)
	s.stands(t, true)
	s.stands(t, true)
	s.onlyOne("same")
}

func sameIsRefusedLater(s *trial) {
	t := newTask("same")
	t.RunAt = s.now().Add(short)
	s.enqueue(t)
	s.stands(t, true)
	s.advance(short)
	s.onlyOne("same")
}

func sameInBatch(s *trial) {
	t := newTask("same")
	t.EnqueuedAt = s.now()
	errs := s.broker.Enqueue(s.ctx, []*task.Task{t, t.Clone(), newTask("other"), t})
	s.match("Enqueue", errs, nil, task.ErrDuplicate, nil, task.ErrDuplicate)
	s.isDuplicate(errs[1], t, true)
	s.isDuplicate(errs[3], t, true)
	s.inOrder("same", "other")
}

func sameWhileLeased(s *trial) {
	t := newTask("same")
	s.enqueue(t)
	got := s.lease()
	s.stands(t, true)
	s.stands(got.Task, true)
	s.nothing()
	s.end(got)
	s.leavesNothing()
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
		s.isDuplicate(errs[1], first, false)
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
	s.isDuplicate(errs[1], first, false)
	s.onlyOne("first")
}

// answeredIsRefused enqueues a task again after an attempt of it was answered
// for: what runs again or has ended is not the same any more.
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
		s.stands(t, false)
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
