package brokertest

import (
	"math"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// forever is the longest duration there is: about 292 years.
const forever = time.Duration(math.MaxInt64)

func extremeRules() []rule {
	return []rule{
		{timely, "the longest delays do not overflow", longestDelays},
		{timely, "the latest RunAt does not overflow", latestRunAt},
		{timely, "the longest leases do not overflow", longestLeases},
		{clean, "the longest Keep does not overflow", longestKeep},
	}
}

func longestDelays(s *trial) {
	for _, status := range []task.Status{task.StatusRetrying, task.StatusScheduled} {
		s.enqueue(newTask(string(status)))
		s.settle(broker.Outcome{Lease: s.lease(), Status: status, Delay: forever})
		s.nothing()
	}
}

func latestRunAt(s *trial) {
	last := newTask("last")
	last.RunAt = time.Date(2261, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
	s.enqueue(last)
	s.nothing()
}

func longestLeases(s *trial) {
	s.enqueue(newTasks(2)...)
	s.end(s.leaseFor(forever))
	held := s.leaseFor(forever)
	s.nothing()
	s.extend(forever, held)
	s.nothing()
	s.end(held)
	s.leavesNothing()
}

func longestKeep(s *trial) {
	inspector := s.inspector()
	for _, status := range endStatuses() {
		s.enqueue(newTask("kept"))
		held := s.lease()
		s.settle(broker.Outcome{Lease: held, Status: status, Keep: forever})
		s.nothing()
		if _, err := inspector.Task(s.ctx, task.DefaultQueue, held.ID); err != nil {
			s.Errorf("a task that became %s, to be kept for ever, cannot be read: %v", status, err)
		}
	}
}
