package brokertest

import (
	"errors"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func surveyRules() []rule {
	return []rule{
		{observed, "a survey tells of each queue what inspection does", surveyAgrees},
		{observed, "a survey tells how long the oldest task waits", surveyOfOldest},
		{observed, "a task that has run before tells no age", surveyOfRetried},
		{whole, "a bad queue spoils no survey but its own", surveyOfBadQueue},
		{tolerant, "a survey is not stopped by a malformed task", surveyOfMalformed},
	}
}

func (s *trial) surveyor() broker.Surveyor {
	s.Helper()
	surveyor, ok := s.broker.(broker.Surveyor)
	if !ok {
		s.Skip("the broker is no broker.Surveyor")
	}
	return surveyor
}

// survey surveys queues that must not give an error.
func (s *trial) survey(queues ...string) []broker.QueueSurvey {
	s.Helper()
	surveys, errs := s.surveyor().Survey(s.ctx, queues)
	if errs != nil || len(surveys) != len(queues) {
		s.Fatalf("Survey of %d queues returned %d, errors %v", len(queues), len(surveys), errs)
	}
	return surveys
}

// oldest surveys the default queue alone.
func (s *trial) oldest() time.Duration {
	s.Helper()
	return s.survey(task.DefaultQueue)[0].Oldest
}

func surveyAgrees(s *trial) {
	s.surveyor()
	s.inspector()
	s.populate()
	other := newTask("other")
	other.Queue = "other"
	s.enqueue(other)
	s.pause()
	found := s.survey("other", "unknown", task.DefaultQueue)
	for _, status := range task.Statuses() {
		if n := found[2].Counts[status]; n != 1 {
			s.Errorf("Survey returned %d %s tasks, want 1", n, status)
		}
		if n := found[1].Counts[status]; n != 0 {
			s.Errorf("Survey returned %d %s tasks of an unknown queue, want none", n, status)
		}
	}
	if n := found[0].Counts[task.StatusPending]; n != 1 {
		s.Errorf("Survey returned %d pending tasks of another queue, want 1", n)
	}
	if !found[2].Paused || found[0].Paused || found[1].Paused {
		s.Errorf("Survey returned Paused %v, %v, %v, want that of the last queue only", found[0].Paused, found[1].Paused, found[2].Paused)
	}
}

func surveyOfOldest(s *trial) {
	s.surveyor()
	now := s.now()
	if age := s.oldest(); age != 0 {
		s.Errorf("the oldest task of an empty queue has waited for %v", age)
	}
	recent, old := newTaskOf("recent", task.HighPriority), newTask("old")
	recent.EnqueuedAt, old.EnqueuedAt = now, now.Add(-long)
	s.enqueue(recent, old)
	if age := s.oldest(); age < long-grain || age > long+s.patience {
		s.Errorf("with a task that was enqueued %v ago, the oldest has waited for %v", long, age)
	}
}

func surveyOfRetried(s *trial) {
	s.surveyor()
	now := s.now()
	retried, first := newTask("retried"), newTaskOf("first", task.HighPriority)
	retried.EnqueuedAt, first.EnqueuedAt = now.Add(-long), now
	s.enqueue(retried)
	held := s.lease()
	s.settle(broker.Outcome{Lease: held, Status: task.StatusRetrying, Task: held.Task})
	s.enqueue(first)
	s.pass(grain)
	s.end(s.lease()) // the first one; on the way the other becomes pending
	if age := s.oldest(); age > s.patience {
		s.Errorf("a task that is to run again at once has waited for %v", age)
	}
}

func surveyOfBadQueue(s *trial) {
	surveyor := s.surveyor()
	s.enqueue(newTask("known"))
	found, errs := surveyor.Survey(s.ctx, []string{"{bad}", task.DefaultQueue})
	if len(errs) != 2 || !errors.Is(errs[0], task.ErrInvalid) || errs[1] != nil {
		s.Fatalf("Survey of a bad queue and a good one returned errors %v, want ErrInvalid and nil", errs)
	}
	if n := found[1].Counts[task.StatusPending]; n != 1 {
		s.Errorf("Survey returned %d pending tasks beside a bad queue, want 1", n)
	}
}

func surveyOfMalformed(s *trial) {
	s.surveyor()
	if s.harness.Corrupt == nil {
		s.Skip("Harness.Corrupt is nil")
	}
	bad, old := newTaskOf("bad", task.HighPriority), newTask("old")
	old.EnqueuedAt = s.now().Add(-long)
	s.enqueue(bad, old)
	for _, how := range []Corruption{Garbage, Empty, Missing} {
		s.harness.Corrupt(s.TB, s.broker, task.DefaultQueue, bad.ID, how)
		if age := s.oldest(); age < long-grain {
			s.Errorf("beside a task with a record that is %s, the oldest has waited for %v, want %v", how, age, long)
		}
	}
}
