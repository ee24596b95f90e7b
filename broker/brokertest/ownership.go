package brokertest

import (
	"bytes"
	"slices"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func ownershipRules() []rule {
	return []rule{
		{lossless, "the caller may change a task once it is enqueued", enqueuedMayChange},
		{lossless, "the caller may change what it has leased", leasedMayChange},
		{lossless, "the caller may change an outcome once it is settled", settledMayChange},
		{lossless, "a handler may change its task without losing the lease", handlerMayChange},
		{ordered, "a released task keeps its priority whatever its handler did to it", handlerCannotReorder},
	}
}

// scribble changes every part of a task.
func scribble(t *task.Task) {
	for i := range t.Payload {
		t.Payload[i] = '!'
	}
	for key := range t.Headers {
		t.Headers[key] = "!"
	}
	t.Name, t.Queue, t.Priority, t.Attempt, t.LastError = "!", "!", 1, 99, "!"
}

func headed(label string) *task.Task {
	t := newTask(label)
	t.Headers = map[string]string{"key": "value"}
	return t
}

func enqueuedMayChange(s *trial) {
	t := headed("kept")
	batch := []*task.Task{t}
	s.enqueue(batch...)
	want := given(t)
	scribble(t)
	batch[0] = newTask("other")
	got := s.lease()
	if !bytes.Equal(given(got.Task), want) {
		s.Errorf("the leased task shows what the caller changed after Enqueue: %+v", *got.Task)
	}
	s.end(got)
	s.leavesNothing()
}

func leasedMayChange(s *trial) {
	t := headed("kept")
	s.enqueue(t)
	queues := []string{task.DefaultQueue}
	req := s.request(s.worker(), 1)
	req.Queues, req.Duration = queues, short
	first := s.leaseAs(req)
	queues[0] = "other"
	scribble(first.Task)
	s.advance(short)
	second := s.lease()
	if !bytes.Equal(given(second.Task), given(t)) || second.Task.Attempt != 0 {
		s.Errorf("the task leased again shows what the first worker changed: %+v", *second.Task)
	}
	s.end(second)
	s.leavesNothing()
}

func settledMayChange(s *trial) {
	t := headed("kept")
	s.enqueue(t)
	got := s.lease()
	outcomes := []broker.Outcome{{Lease: got, Status: task.StatusRetrying, Task: t}}
	t.LastError = "kept too"
	s.settle(outcomes...)
	want := given(t)
	scribble(t)
	outcomes[0] = broker.Outcome{}
	again := s.lease()
	if !bytes.Equal(given(again.Task), want) || again.Task.LastError != "kept too" {
		s.Errorf("the leased task shows what the caller changed after Settle: %+v", *again.Task)
	}
	s.end(again)
	s.leavesNothing()
}

func handlerMayChange(s *trial) {
	s.enqueue(newTask("changed"), newTask("forgotten"))
	got := s.leases(2, 2)
	scribble(got[0].Task)
	got[0].Task.ID, got[0].Task.Token, got[0].Task.Deliveries = newTask("").ID, 0, 0
	got[1].Task = nil
	s.extend(long, got...)
	s.settle(become(task.StatusRetrying, got...)...)
	again := s.leases(2, 2)
	found := labels(again)
	slices.Sort(found)
	if !slices.Equal(found, []string{"changed", "forgotten"}) {
		s.Errorf("leased %v after a retry that leaves the tasks as they are", found)
	}
	s.end(again...)
	s.leavesNothing()
}

func handlerCannotReorder(s *trial) {
	s.enqueue(newTaskOf("urgent", task.HighPriority), newTask("normal"))
	urgent := s.lease()
	urgent.Task.Priority = task.LowPriority
	s.settle(broker.Outcome{Lease: urgent, Status: task.StatusPending})
	s.inOrder("urgent", "normal")
}
