package brokertest

import (
	"bytes"
	"slices"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func restartRules() []rule {
	return []rule{
		{lossless, "waiting tasks outlive a restart", waitingOutliveRestart},
		{lossless, "delayed tasks outlive a restart", delayedOutliveRestart},
		{crashproof, "running tasks outlive a restart", runningOutliveRestart},
		{lossless, "ended tasks are readable after a restart", endedOutliveRestart},
	}
}

func waitingOutliveRestart(s *trial) {
	for _, t := range []*task.Task{newTask("a"), newTaskOf("low", 1), newTask("b"), newTaskOf("high", 255), newTask("c")} {
		s.enqueue(t)
	}
	s = s.restarted()
	s.inOrder("high", "a", "b", "c", "low")
}

func delayedOutliveRestart(s *trial) {
	scheduled, retrying := newTask("scheduled"), newTask("retrying")
	s.enqueue(retrying)
	held := s.lease()
	scheduled.RunAt = s.now().Add(3 * short)
	s.enqueue(scheduled)
	held.Task.Attempt, held.Task.LastError = 1, "failed once"
	due := s.now().Add(4 * short)
	s.settle(broker.Outcome{Lease: held, Status: task.StatusRetrying, Task: held.Task, Delay: 4 * short})

	s = s.restarted()
	s.advance(4 * short)
	got := s.leases(2, 1)
	if found := labels(got); !slices.Equal(found, []string{"scheduled", "retrying"}) {
		s.Fatalf("leased %q, want scheduled, retrying", found)
	}
	s.as(timely).isNotEarly(got[0], scheduled.RunAt)
	s.as(timely).isNotEarly(got[1], due)
	if again := got[1].Task; again.Attempt != 1 || again.LastError != "failed once" {
		s.Errorf("the retried task has Attempt %d and LastError %q, want 1 and failed once", again.Attempt, again.LastError)
	}
	s.end(got...)
	s.leavesNothing()
}

func runningOutliveRestart(s *trial) {
	t := headed("running")
	s.enqueue(t)
	lost := s.leaseFor(2 * short)
	s = s.restarted()
	s.advance(2 * short)
	got := s.lease()
	if got.Deliveries != 2 || got.Token <= lost.Token {
		s.Errorf("leased again as delivery %d with token %d after %d, want delivery 2 with a greater token", got.Deliveries, got.Token, lost.Token)
	}
	if !bytes.Equal(given(got.Task), given(t)) {
		s.Errorf("the task has changed: %+v, want %+v", *got.Task, *t)
	}
	s.mustLose(lost)
	s.end(got)
	s.leavesNothing()
}

func endedOutliveRestart(s *trial) {
	s.inspector()
	s.enqueue(newTasks(2)...)
	got := s.leases(2, 2)
	got[0].Task.Result = []byte("result")
	s.settle(
		broker.Outcome{Lease: got[0], Status: task.StatusCompleted, Task: got[0].Task, Keep: long},
		broker.Outcome{Lease: got[1], Status: task.StatusCompleted},
	)
	s = s.restarted()
	kept, err := s.inspector().Task(s.ctx, task.DefaultQueue, got[0].ID)
	if err != nil {
		s.Fatalf("the ended task: %v", err)
	}
	if kept.Status != task.StatusCompleted || string(kept.Result) != "result" {
		s.Errorf("the ended task has Status %q and Result %q", kept.Status, kept.Result)
	}
	s.isGone(got[1].ID)
	s.nothing()
}
