package brokertest

import (
	"fmt"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func dueRules() []rule {
	return []rule{
		{timely, "a task is not leased before it is due", notBeforeDue},
		{timely, "tasks start at their time and soon after", startsOnTime},
		{timely, "a due time within a millisecond is not rounded down", notRoundedDown},
		{timely, "a task whose time has passed is runnable at once", pastIsPending},
		{timely, "a retry waits for its delay", delayIsKept(task.StatusRetrying)},
		{timely, "a snoozed task waits for its delay", delayIsKept(task.StatusScheduled)},
		{timely, "a retry without delay runs at once", noDelay},
		{timely, "a lease does not run out before its time", leaseLasts},
		{oneClock, "due times are judged by the broker's clock", dueByBrokersClock},
		{oneClock, "leases are judged by the broker's clock", leasesByBrokersClock},
		{oneClock, "delays are counted by the broker's clock", delaysByBrokersClock},
	}
}

// isNotEarly checks when a task started, by the broker's clock.
func (s *trial) isNotEarly(l broker.Lease, due time.Time) {
	s.Helper()
	if early := due.Sub(l.Task.StartedAt); early > grain {
		s.Errorf("the task started %v early", early)
	}
}

func notBeforeDue(s *trial) {
	later, now := newTask("later"), newTask("now")
	later.RunAt, later.Priority = s.now().Add(long), 255
	s.enqueue(later, now)
	s.end(s.lease())
	s.nothing()
	if s.harness.Advance == nil {
		return
	}
	s.advance(long - time.Second)
	s.nothing()
	s.advance(time.Second)
	got := s.lease()
	s.isNotEarly(got, later.RunAt)
	s.end(got)
	s.leavesNothing()
}

func startsOnTime(s *trial) {
	began := s.now()
	due := make(map[string]time.Time)
	var tasks []*task.Task
	for i, t := range newTasks(9) {
		t.RunAt = began.Add(time.Duration(20+7*i) * time.Millisecond)
		due[fmt.Sprint(i)] = t.RunAt
		tasks = append(tasks, t)
	}
	s.enqueue(tasks...)
	s.advance(100 * time.Millisecond)
	var late []time.Duration
	for range tasks {
		got := s.lease()
		at := due[string(got.Task.Payload)]
		s.isNotEarly(got, at)
		late = append(late, got.Task.StartedAt.Sub(at))
		s.end(got)
	}
	s.isUsuallyQuick(late)
	s.leavesNothing()
}

func notRoundedDown(s *trial) {
	for i := range 5 {
		t := newTask("exact")
		t.RunAt = s.now().Add(20*time.Millisecond + time.Duration(999-200*i)*time.Microsecond)
		s.enqueue(t)
		s.advance(21 * time.Millisecond)
		got := s.lease()
		if started, due := got.Task.StartedAt.UnixMilli(), t.RunAt.UnixMilli(); started < due {
			s.Errorf("the task started %d ms early", due-started)
		}
		if !got.Task.RunAt.Equal(t.RunAt) {
			s.Errorf("the leased task has RunAt %s, want %s", got.Task.RunAt, t.RunAt)
		}
		s.end(got)
	}
	s.leavesNothing()
}

func pastIsPending(s *trial) {
	past, now := newTask("past"), newTask("now")
	past.RunAt = s.now().Add(-long)
	s.enqueue(now, past)
	s.inOrder("now", "past")
}

func delayIsKept(status task.Status) func(s *trial) {
	return func(s *trial) {
		s.enqueue(newTask("again"))
		held := s.lease()
		before := s.now()
		s.settle(broker.Outcome{Lease: held, Status: status, Task: held.Task, Delay: 2 * short})
		s.nothing()
		s.advance(2 * short)
		got := s.lease()
		s.isNotEarly(got, before.Add(2*short))
		if late := got.Task.StartedAt.Sub(before) - 2*short; late > s.prompt {
			s.Errorf("the task started %v late", late)
		}
		s.end(got)
		s.leavesNothing()
	}
}

func noDelay(s *trial) {
	s.enqueue(newTask("again"))
	for _, status := range []task.Status{task.StatusRetrying, task.StatusScheduled} {
		held := s.lease()
		began := time.Now()
		s.settle(broker.Outcome{Lease: held, Status: status})
		again := s.lease()
		if took := time.Since(began); took > s.prompt {
			s.Errorf("a task %s without delay took %v", status, took)
		}
		s.settle(become(task.StatusPending, again)...)
	}
	s.end(s.lease())
	s.leavesNothing()
}

func leaseLasts(s *trial) {
	s.enqueue(newTask("slow"))
	held := s.leaseFor(2 * short)
	s.nothing()
	s.advance(2 * short)
	got := s.lease()
	s.isNotEarly(got, held.Task.StartedAt.Add(2*short))
	s.end(got)
	s.leavesNothing()
}

// dueByBrokersClock moves the broker's clock away from that of this process.
func dueByBrokersClock(s *trial) {
	s.needsAdvance()
	s.advance(2 * long)
	early, late := newTask("due here alone"), newTask("due there already")
	early.RunAt, late.RunAt = time.Now().Add(3*long), time.Now().Add(long)
	s.enqueue(early, late)
	got := s.lease()
	if got.ID != late.ID {
		s.Errorf("leased the task that is not due by the broker's clock")
	}
	if ahead := time.Until(got.Task.StartedAt); ahead < long {
		s.Errorf("StartedAt is %v ahead of this process's clock, want two hours as the broker's clock is", ahead)
	}
	s.end(got)
	s.nothing()
	s.advance(long + time.Second)
	s.end(s.lease())
	s.leavesNothing()
}

func leasesByBrokersClock(s *trial) {
	s.needsAdvance()
	s.advance(2 * long)
	s.enqueue(newTask("held"))
	held := s.lease()
	s.nothing()
	s.advance(long - time.Second)
	s.nothing()
	s.extend(long, held)
	s.advance(long - time.Second)
	s.nothing()
	s.advance(time.Second)
	got := s.lease()
	if got.Deliveries != 2 {
		s.Errorf("the task was leased as delivery %d, want 2", got.Deliveries)
	}
	s.end(got)
	s.leavesNothing()
}

func delaysByBrokersClock(s *trial) {
	s.needsAdvance()
	s.advance(2 * long)
	for _, status := range []task.Status{task.StatusRetrying, task.StatusScheduled} {
		s.enqueue(newTask("again"))
		s.settle(broker.Outcome{Lease: s.lease(), Status: status, Delay: long})
		s.nothing()
		s.advance(long - time.Second)
		s.nothing()
		s.advance(time.Second)
		s.end(s.lease())
	}
	s.leavesNothing()
}
