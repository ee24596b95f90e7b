package brokertest

import (
	"errors"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func surveyRules() []rule {
	return []rule{
		{lossless, "a survey tells of each queue what inspection does", surveyAgrees},
		{timely, "a survey tells how long a pending task has waited", surveyOfPending},
		{timely, "a survey tells how long a due task has waited", surveyOfDue},
		{timely, "a survey tells how long a lost task has waited", surveyOfLost},
		{timely, "a task that is not due does not lag", surveyOfWaiting},
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

// lag surveys the default queue alone.
func (s *trial) lag() time.Duration {
	s.Helper()
	return s.survey(task.DefaultQueue)[0].Lag
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

func surveyOfPending(s *trial) {
	s.surveyor()
	now := s.now()
	if lag := s.lag(); lag != 0 {
		s.Errorf("an empty queue has Lag %v, want 0", lag)
	}
	recent, old := newTaskOf("recent", task.HighPriority), newTask("old")
	recent.EnqueuedAt, old.EnqueuedAt = now, now.Add(-long)
	s.enqueue(recent, old)
	if lag := s.lag(); lag < long-grain || lag > long+s.patience {
		s.Errorf("with a task that was enqueued %v ago, Lag is %v", long, lag)
	}
}

func surveyOfDue(s *trial) {
	s.surveyor()
	t := newTask("due")
	t.RunAt = s.now().Add(short)
	s.enqueue(t)
	s.pass(2 * short)
	if lag := s.lag(); lag < short-grain || lag > s.patience {
		s.Errorf("with a task that was due %v ago, Lag is %v", short, lag)
	}
}

func surveyOfLost(s *trial) {
	s.surveyor()
	t := newTask("lost")
	t.EnqueuedAt = s.now().Add(-long)
	s.enqueue(t)
	s.leaseFor(short)
	if lag := s.lag(); lag > s.patience {
		s.Errorf("with no task but a running one, Lag is %v", lag)
	}
	s.pass(2 * short)
	if lag := s.lag(); lag < short-grain || lag > s.patience {
		s.Errorf("with a task whose lease ran out %v ago, Lag is %v", short, lag)
	}
}

func surveyOfWaiting(s *trial) {
	s.surveyor()
	now := s.now()
	t := newTask("later")
	t.EnqueuedAt, t.RunAt = now.Add(-long), now.Add(long)
	s.enqueue(t)
	if lag := s.lag(); lag != 0 {
		s.Errorf("with a task that is due in %v, Lag is %v, want 0", long, lag)
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
		if lag := s.lag(); lag < long-grain {
			s.Errorf("behind a task with a record that is %s, Lag is %v, want %v", how, lag, long)
		}
	}
}
