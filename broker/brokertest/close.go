package brokertest

import (
	"errors"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func closeRules() []rule {
	return []rule{
		{crashproof, "Close ends a blocked Lease with ErrClosed", closeEndsLease},
		{crashproof, "calls after Close get ErrClosed", callsAfterClose},
		{crashproof, "leases outlive Close and then run out", leasesOutliveClose},
	}
}

func closeEndsLease(s *trial) {
	done := s.manyBlocked(3)
	if err := s.broker.Close(); err != nil {
		s.Errorf("Close: %v", err)
	}
	for _, one := range done {
		if got := s.await(one, s.prompt); len(got.leases) > 0 || !errors.Is(got.err, task.ErrClosed) {
			s.Errorf("Lease returned %d leases and error %v, want ErrClosed", len(got.leases), got.err)
		}
	}
}

func callsAfterClose(s *trial) {
	s.enqueue(newTask("left"))
	held := s.lease()
	if err := s.broker.Close(); err != nil {
		s.Errorf("Close: %v", err)
	}
	s.match("Enqueue", s.broker.Enqueue(s.ctx, newTasks(2)), task.ErrClosed, task.ErrClosed)
	s.match("Extend", s.broker.Extend(s.ctx, []broker.Lease{held}, long), task.ErrClosed)
	s.match("Settle", s.broker.Settle(s.ctx, become(task.StatusCompleted, held)), task.ErrClosed)
	got := s.await(s.start(s.ctx, s.request(s.worker(), 1)), s.prompt)
	s.isClosed("Lease", got.err)
	if inspector, ok := s.broker.(broker.Inspector); ok {
		_, err := inspector.Queues(s.ctx)
		s.isClosed("Queues", err)
		_, err = inspector.Counts(s.ctx, task.DefaultQueue)
		s.isClosed("Counts", err)
		_, err = inspector.Task(s.ctx, task.DefaultQueue, held.ID)
		s.isClosed("Task", err)
		_, _, err = inspector.Tasks(s.ctx, task.DefaultQueue, task.StatusRunning, "", 1)
		s.isClosed("Tasks", err)
	}
	if timetable, ok := s.broker.(broker.Timetable); ok {
		_, err := timetable.Join(s.ctx, task.DefaultQueue, "schedule")
		s.isClosed("Join", err)
		_, err = timetable.Tick(s.ctx, broker.Tick{Schedule: "schedule", At: time.UnixMilli(1), Task: newTask("tick")})
		s.isClosed("Tick", err)
		s.isClosed("Leave", timetable.Leave(s.ctx, task.DefaultQueue, "schedule"))
	}
}

func (s *trial) isClosed(call string, err error) {
	s.Helper()
	if !errors.Is(err, task.ErrClosed) {
		s.Errorf("%s after Close returned error %v, want ErrClosed", call, err)
	}
}

func leasesOutliveClose(s *trial) {
	other := s.another()
	s.enqueue(newTask("left"))
	held := s.leaseFor(2 * short)
	if err := s.broker.Close(); err != nil {
		s.Errorf("Close: %v", err)
	}
	other.advance(2 * short)
	got := other.lease()
	if got.Deliveries != 2 || got.Task.StartedAt.Before(held.Task.StartedAt.Add(2*short-grain)) {
		s.Errorf("the task was leased again as delivery %d, %v after the first, want delivery 2 after %v",
			got.Deliveries, got.Task.StartedAt.Sub(held.Task.StartedAt), 2*short)
	}
	other.end(got)
	other.leavesNothing()
}
