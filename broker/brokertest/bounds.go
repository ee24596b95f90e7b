package brokertest

import (
	"fmt"
	"slices"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func boundsRules() []rule {
	return []rule{
		{clean, "ended tasks beyond the bound go and are counted", boundedInOrder},
		{clean, "of ended tasks beyond the bound those go that would go first", boundedOutOfOrder},
		{clean, "what is bound to none is not kept", boundedToNone},
		{clean, "an ended task is kept no longer than the bound says", boundedAge},
	}
}

// within returns the trial on a broker with bounds.
func (s *trial) within(bounds broker.Bounds) *trial {
	s.Helper()
	if s.harness.Bounded == nil {
		s.Skip("Harness.Bounded is nil")
	}
	bound := s.on(s.own(s.harness.Bounded(s.TB, bounds)))
	bound.inspector()
	return bound
}

func boundedInOrder(s *trial)    { boundedCount(s, 1, 2, 3, 4, 5) }
func boundedOutOfOrder(s *trial) { boundedCount(s, 5, 1, 4, 2, 3) }

// boundedCount has tasks end that are to be kept for so many hours.
func boundedCount(s *trial, keeps ...int) {
	s = s.within(broker.Bounds{Failed: broker.Bound{Count: 3}})
	for _, hours := range keeps {
		for _, status := range []task.Status{task.StatusFailed, task.StatusCompleted} {
			s.enqueue(newTask(fmt.Sprint(hours)))
			s.settle(broker.Outcome{Lease: s.lease(), Status: status, Keep: time.Duration(hours) * long})
		}
	}
	want := []string{"3", "4", "5"}
	s.eventually("there are more ended tasks than the bound says, or others", func() bool {
		s.advance(time.Minute) // brokers need not look more often
		return slices.Equal(s.list(task.StatusFailed, 10), want)
	})
	s.isListed(task.StatusCompleted, "1", "2", "3", "4", "5")
	info, err := s.inspector().Queue(s.ctx, task.DefaultQueue)
	if err != nil || info.Dropped[task.StatusFailed] != 2 || info.Dropped[task.StatusCompleted] != 0 {
		s.Errorf("Queue returned %+v, %v, want 2 failed tasks dropped", info, err)
	}
}

func boundedToNone(s *trial) {
	s = s.within(broker.Bounds{Completed: broker.Bound{Count: -1}})
	t := newTask("not kept")
	s.enqueue(t)
	s.settle(broker.Outcome{Lease: s.lease(), Status: task.StatusCompleted, Keep: long})
	s.eventually("a task is kept though none is to be", func() bool { return len(s.list(task.StatusCompleted, 10)) == 0 })
	s.isNotFound(t.ID)
	s.leavesNothing()
}

func boundedAge(s *trial) {
	s = s.within(broker.Bounds{Failed: broker.Bound{Age: 4 * short}})
	until := s.now().Add(4 * short)
	s.enqueue(newTask("kept"))
	s.settle(broker.Outcome{Lease: s.lease(), Status: task.StatusFailed, Keep: long})
	s.eventually("a task is kept for longer than the bound says", func() bool {
		gone := len(s.list(task.StatusFailed, 10)) == 0
		if now := s.now(); gone && now.Before(until.Add(-grain)) {
			s.Fatalf("the task was gone %v too early", until.Sub(now))
		}
		return gone
	})
	s.leavesNothing()
}
