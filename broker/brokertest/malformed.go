package brokertest

import (
	"fmt"
	"slices"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func malformedRules() []rule {
	var rules []rule
	for _, how := range []Corruption{Garbage, Empty, Missing} {
		name := fmt.Sprintf("(%s)", how)
		rules = append(rules,
			rule{tolerant, "a malformed pending task is set aside as failed " + name, malformedPending(how)},
			rule{tolerant, "a malformed scheduled task is set aside as failed " + name, malformedScheduled(how)},
			rule{tolerant, "a malformed running task is set aside as failed " + name, malformedRunning(how)},
			rule{tolerant, "many malformed tasks stop nobody " + name, manyMalformed(how)},
			rule{tolerant, "a malformed task can be settled by its worker " + name, malformedSettles(how)},
		)
	}
	return rules
}

func (s *trial) corrupt(t *task.Task, how Corruption) {
	s.Helper()
	if s.harness.Corrupt == nil {
		s.Skip("Harness.Corrupt is nil")
	}
	s.harness.Corrupt(s.TB, s.broker, t.Queue, t.ID, how)
}

// isSetAside checks that malformed tasks, and they alone, have failed.
func (s *trial) isSetAside(malformed ...*task.Task) {
	s.Helper()
	s.nothing()
	inspector, ok := s.broker.(broker.Inspector)
	if !ok {
		return
	}
	counts, err := inspector.Counts(s.ctx, task.DefaultQueue)
	if err != nil || counts[task.StatusFailed] != len(malformed) {
		s.Errorf("Counts returned %v, %v, want %d failed", counts, err, len(malformed))
	}
	failed, _, err := inspector.Tasks(s.ctx, task.DefaultQueue, task.StatusFailed, "", len(malformed)+1)
	if err != nil || len(failed) != len(malformed) {
		s.Fatalf("Tasks returned %d failed tasks and error %v, want %d", len(failed), err, len(malformed))
	}
	for _, t := range malformed {
		at := slices.IndexFunc(failed, func(f *task.Task) bool { return f.ID == t.ID })
		if at < 0 {
			s.Errorf("task %s is not among the failed ones", t.ID)
		} else if failed[at].LastError == "" {
			s.Errorf("the failed task does not say why: its LastError is empty")
		}
		got, err := inspector.Task(s.ctx, task.DefaultQueue, t.ID)
		if err != nil || got.Status != task.StatusFailed || got.LastError == "" {
			s.Errorf("Task returned %+v, %v, want a failed task with its reason", got, err)
		}
	}
}

func malformedPending(how Corruption) func(s *trial) {
	return func(s *trial) {
		bad := newTaskOf("bad", 255)
		s.enqueue(newTask("a"), bad, newTask("b"))
		s.corrupt(bad, how)
		got := s.leases(2, 3)
		if found := labels(got); !slices.Equal(found, []string{"a", "b"}) {
			s.Errorf("leased %q, want a and b", found)
		}
		s.isSetAside(bad)
		s.end(got...)
	}
}

func malformedScheduled(how Corruption) func(s *trial) {
	return func(s *trial) {
		bad, good := newTaskOf("bad", 255), newTask("good")
		s.enqueueLater(bad, good)
		s.corrupt(bad, how)
		s.pass(short)
		s.end(s.leases(1, 1)...)
		s.isSetAside(bad)
	}
}

// enqueueLater enqueues tasks that fall due together.
func (s *trial) enqueueLater(tasks ...*task.Task) {
	s.Helper()
	due := s.now().Add(short)
	for _, t := range tasks {
		t.RunAt = due
	}
	s.enqueue(tasks...)
}

func malformedRunning(how Corruption) func(s *trial) {
	return func(s *trial) {
		bad := newTask("bad")
		s.enqueue(bad)
		s.leaseFor(short)
		s.corrupt(bad, how)
		s.enqueue(newTask("good"))
		s.pass(short)
		s.end(s.lease())
		s.isSetAside(bad)
	}
}

func manyMalformed(how Corruption) func(s *trial) {
	return func(s *trial) {
		var bad []*task.Task
		for i := range 25 {
			bad = append(bad, newTaskOf(fmt.Sprint(i), task.HighPriority))
		}
		s.enqueue(bad...)
		for _, t := range bad {
			s.corrupt(t, how)
		}
		done := s.start(s.ctx, s.request(s.worker(), 2))
		s.enqueue(newTask("good"))
		got := s.await(done, s.prompt)
		if found := labels(got.leases); !slices.Equal(found, []string{"good"}) {
			s.Fatalf("leased %q with error %v, want the good task", found, got.err)
		}
		s.end(got.leases...)
		s.isSetAside(bad...)
	}
}

func malformedSettles(how Corruption) func(s *trial) {
	return func(s *trial) {
		bad := newTask("bad")
		s.enqueue(bad)
		held := s.lease()
		s.corrupt(bad, how)
		s.extend(long, held)
		s.settle(broker.Outcome{Lease: held, Status: task.StatusRetrying, Task: held.Task})
		got := s.lease()
		s.same("the task whose record its worker wrote again", got.Task, bad)
		s.corrupt(bad, how)
		s.end(got)
		s.leavesNothing()
	}
}
