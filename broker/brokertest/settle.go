package brokertest

import (
	"bytes"
	"errors"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func settleRules() []rule {
	rules := []rule{
		{lossless, "an outcome's task replaces the record", taskReplacesRecord},
		{lossless, "an outcome without a task leaves the record", nilLeavesRecord},
		{lossless, "a released task runs again", releasedRunsAgain},
		{lossless, "one call settles all kinds of outcomes", allKindsInOneCall},
		{lossless, "one call settles leases of several queues", severalQueuesInOneCall},
	}
	for _, status := range []task.Status{task.StatusCompleted, task.StatusFailed, task.StatusCancelled} {
		rules = append(rules, rule{lossless, "a task that has become " + string(status) + " does not run again", endsOnce(status)})
	}
	return rules
}

// isGone checks that a task of the default queue can no longer be found.
func (s *trial) isGone(id uuid.UUID) {
	s.Helper()
	if inspector, ok := s.broker.(broker.Inspector); ok {
		if _, err := inspector.Task(s.ctx, task.DefaultQueue, id); !errors.Is(err, task.ErrNotFound) {
			s.Errorf("looking for a task that is gone: %v, want ErrNotFound", err)
		}
	}
}

func endsOnce(status task.Status) func(s *trial) {
	return func(s *trial) {
		s.enqueue(newTask("once"))
		held := s.leaseFor(2 * short)
		s.settle(become(status, held)...)
		s.isGone(held.ID)
		s.pass(2 * short)
		s.nothing()
		s.leavesNothing()
	}
}

// attempted returns the task as a worker hands it back after an attempt.
func attempted(l broker.Lease) *task.Task {
	t := l.Task.Clone()
	t.Attempt++
	t.LastError = "it failed"
	t.Result = []byte("half")
	t.Payload = []byte("changed")
	t.Headers = map[string]string{"changed": "too"}
	return t
}

func taskReplacesRecord(s *trial) {
	for _, status := range []task.Status{task.StatusRetrying, task.StatusScheduled, task.StatusPending} {
		s.enqueue(newTask("record"))
		held := s.lease()
		want := attempted(held)
		s.settle(broker.Outcome{Lease: held, Status: status, Task: want})
		s.hasProgress(status, s.lease(), want)
	}
	s.leavesNothing()
}

// hasProgress compares a lease with what a worker had handed back, and ends it.
func (s *trial) hasProgress(after task.Status, l broker.Lease, want *task.Task) {
	s.Helper()
	if got := l.Task; got.Attempt != want.Attempt || got.LastError != want.LastError ||
		!bytes.Equal(got.Result, want.Result) || !bytes.Equal(given(got), given(want)) {
		s.Errorf("the task that became %s is %+v, want %+v", after, *got, *want)
	}
	s.end(l)
}

func nilLeavesRecord(s *trial) {
	for _, status := range []task.Status{task.StatusRetrying, task.StatusScheduled, task.StatusPending} {
		s.enqueue(headed("record"))
		held := s.lease()
		want := attempted(held)
		s.settle(broker.Outcome{Lease: held, Status: task.StatusRetrying, Task: want})
		s.settle(become(status, s.lease())...)
		s.hasProgress(status, s.lease(), want)
	}
	s.leavesNothing()
}

func releasedRunsAgain(s *trial) {
	t := headed("handed back")
	s.enqueue(t)
	s.settle(become(task.StatusPending, s.lease())...)
	got := s.lease()
	s.same("the released task", got.Task, t)
	s.end(got)
	s.leavesNothing()
}

func allKindsInOneCall(s *trial) {
	statuses := outcomeStatuses()
	s.enqueue(newTasks(len(statuses))...)
	got := s.leases(len(statuses), len(statuses))
	outcomes := make([]broker.Outcome, len(got))
	runAgain := make(map[uuid.UUID]bool)
	for i, status := range statuses {
		outcomes[i] = broker.Outcome{Lease: got[i], Status: status, Task: got[i].Task}
		if !status.Ended() {
			runAgain[got[i].ID] = true
		}
	}
	s.settle(outcomes...)
	for range len(runAgain) {
		l := s.lease()
		if !runAgain[l.ID] {
			s.Errorf("task %s runs again, though it has ended or run again before", l.Task.Payload)
		}
		delete(runAgain, l.ID)
		s.end(l)
	}
	s.leavesNothing()
}

func severalQueuesInOneCall(s *trial) {
	queues := []string{"a", "b", "c"}
	req := s.request(s.worker(), 1)
	var held []broker.Lease
	for _, queue := range queues {
		t := newTask(queue)
		t.Queue, req.Queues = queue, []string{queue}
		s.enqueue(t)
		held = append(held, s.leaseAs(req))
	}
	s.extend(long, held...)
	lost := held[1]
	s.end(lost)
	s.match("Extend", s.broker.Extend(s.ctx, held, long), nil, task.ErrLeaseLost, nil)
	s.match("Settle", s.broker.Settle(s.ctx, become(task.StatusFailed, held...)), nil, task.ErrLeaseLost, nil)
	s.leavesNothing(queues...)
}
