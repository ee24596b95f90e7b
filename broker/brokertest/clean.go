package brokertest

import (
	"errors"
	"fmt"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func cleanRules() []rule {
	return []rule{
		{clean, "an ended task stays readable for its Keep", readableWhileKept},
		{clean, "an ended task goes when its Keep has passed", goneAfterKeep},
		{clean, "an ID is free again when its task's Keep has passed", idFreeAfterKeep},
		{clean, "nothing is left of tasks that went every way", everyWayEndsClean},
		{clean, "nothing is left of many tasks that were kept", manyKeptEndClean},
	}
}

func endStatuses() []task.Status {
	return []task.Status{task.StatusCompleted, task.StatusFailed, task.StatusCancelled}
}

func readableWhileKept(s *trial) {
	inspector := s.inspector()
	for _, status := range endStatuses() {
		s.enqueue(newTask("kept"))
		held := s.lease()
		held.Task.Result, held.Task.LastError = []byte("result"), "why"
		s.settle(broker.Outcome{Lease: held, Status: status, Task: held.Task, Keep: long})
		s.nothing()
		got, err := inspector.Task(s.ctx, task.DefaultQueue, held.ID)
		if err != nil {
			s.Fatalf("a task that became %s cannot be read: %v", status, err)
		}
		if got.Status != status || string(got.Result) != "result" || got.LastError != "why" {
			s.Errorf("a task that became %s is read as %+v", status, *got)
		}
	}
	if s.harness.Advance != nil {
		s.advance(long)
		s.leavesNothing()
	}
}

// keep settles a task to be kept for a short time, and returns until when.
func (s *trial) keep(t *task.Task, status task.Status) time.Time {
	s.Helper()
	s.enqueue(t)
	held := s.lease()
	before := s.now()
	s.settle(broker.Outcome{Lease: held, Status: status, Keep: 2 * short})
	return before.Add(2 * short)
}

func goneAfterKeep(s *trial) {
	inspector := s.inspector()
	for _, status := range endStatuses() {
		t := newTask("kept")
		until := s.keep(t, status)
		s.eventually("a task is readable though its Keep has passed", func() bool {
			_, err := inspector.Task(s.ctx, task.DefaultQueue, t.ID)
			if now := s.now(); errors.Is(err, task.ErrNotFound) && now.Before(until.Add(-grain)) {
				s.Fatalf("the task was gone %v too early", until.Sub(now))
			}
			return errors.Is(err, task.ErrNotFound)
		})
	}
	s.leavesNothing()
}

// eventually calls a condition until it holds. In between, workers ask for
// tasks, and so sweep.
func (s *trial) eventually(otherwise string, holds func() bool) {
	s.Helper()
	for deadline := time.Now().Add(s.patience); !holds(); {
		if time.Now().After(deadline) {
			s.Fatalf("%s", otherwise)
		}
		s.advance(short)
		s.nothing()
	}
}

func idFreeAfterKeep(s *trial) {
	t := newTask("again")
	until := s.keep(t, task.StatusCompleted)
	changed := t.Clone()
	changed.Payload = []byte("again, changed")
	s.eventually("an ID is in use though the Keep of its task has passed", func() bool {
		errs := s.broker.Enqueue(s.ctx, []*task.Task{changed})
		return errs == nil
	})
	if now := s.now(); now.Before(until.Add(-grain)) {
		s.Errorf("the ID was free %v too early", until.Sub(now))
	}
	s.onlyOne("again, changed")
}

func everyWayEndsClean(s *trial) {
	s.enqueue(newTasks(12)...)
	for i, l := range s.leases(12, 12) {
		statuses := outcomeStatuses()
		o := broker.Outcome{Lease: l, Status: statuses[i%len(statuses)], Delay: grain}
		if i < 6 {
			o.Task, o.Keep = l.Task, short
		}
		s.settle(o)
	}
	s.advance(short)
	for range 6 {
		s.end(s.lease())
	}
	s.overtakenAndEnded()
	s.leavesNothing()
}

func (s *trial) overtakenAndEnded() {
	s.Helper()
	late, current := s.overtaken(newTask("disputed"))
	s.mustLose(late)
	s.end(current)
	s.mustLose(late)
}

func manyKeptEndClean(s *trial) {
	for round := range 3 {
		var tasks []*task.Task
		for i := range 200 {
			tasks = append(tasks, newTask(fmt.Sprint(round, i)))
		}
		s.enqueue(tasks...)
		outcomes := become(endStatuses()[round], s.leases(200, 200)...)
		for i := range outcomes {
			outcomes[i].Keep = time.Duration(1+i%20) * grain
		}
		s.settle(outcomes...)
	}
	s.leavesNothing()
}
