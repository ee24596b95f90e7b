package brokertest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func leaseRules() []rule {
	return []rule{
		{lossless, "a lease says what it is", leaseSaysWhatItIs},
		{lossless, "a task is leased to one worker only", leasedOnce},
		{bounded, "a call gets no more than Max", maxIsKept},
		{lossless, "a call takes from any of its queues", severalQueues},
		{lossless, "leases drawn as the context ends are not dropped", drawnAsContextEnds},
		{idle, "Lease blocks until its context ends", blocksUntilDeadline},
		{idle, "Lease returns when its context is cancelled", returnsWhenCancelled},
		{idle, "Lease with an ended context does not block", leaseWithEndedContext},
	}
}

func leaseSaysWhatItIs(s *trial) {
	t := newTaskOf("known", task.HighPriority)
	s.enqueue(t)
	before := time.Now()
	req := s.request("the worker", 1)
	got := s.leaseAs(req)
	after := time.Now()

	d := got.Task
	if got.Queue != task.DefaultQueue || got.ID != t.ID || got.Deliveries != 1 || got.Token <= 0 {
		s.Errorf("the lease is of queue %q, task %s, delivery %d, token %d, want %q, %s, 1, more than 0",
			got.Queue, got.ID, got.Deliveries, got.Token, task.DefaultQueue, t.ID)
	}
	if d.Queue != got.Queue || d.ID != got.ID || int(d.Deliveries) != got.Deliveries || d.Token != got.Token ||
		d.Priority != got.Priority || got.Priority != task.HighPriority {
		s.Errorf("the lease %+v and its task %+v differ", got, *d)
	}
	if d.Status != task.StatusRunning || d.Worker != "the worker" || d.Attempt != 0 || d.StartedAt.IsZero() {
		s.Errorf("the task has Status %q, Worker %q, Attempt %d, StartedAt %s, want running, the worker, 0, a time",
			d.Status, d.Worker, d.Attempt, d.StartedAt)
	}
	if got.Expires.After(after.Add(req.Duration)) || got.Expires.Before(before.Add(req.Duration-time.Second)) {
		s.Errorf("the lease of %v expires %v after the call, want no later than it lasts, and hardly sooner",
			req.Duration, got.Expires.Sub(before))
	}
	s.end(got)
	s.leavesNothing()
}

func leasedOnce(s *trial) {
	s.enqueue(newTask("one"))
	got := s.lease()
	s.nothing()
	s.end(got)
	s.nothing()
	s.leavesNothing()
}

// maxIsKept relies on ask, which counts.
func maxIsKept(s *trial) {
	s.enqueue(newTasks(7)...)
	for _, most := range []int{1, 2, 3} {
		s.end(s.ask(s.request(s.worker(), most))...)
	}
}

func severalQueues(s *trial) {
	queues := []string{"a", "b", "c"}
	for _, queue := range queues {
		for _, label := range []string{"1", "2"} {
			t := newTask(queue + label)
			t.Queue = queue
			s.enqueue(t)
		}
	}
	req := s.request(s.worker(), 4)
	req.Queues = queues
	var got []broker.Lease
	for len(got) < 6 {
		got = append(got, s.ask(req)...)
	}
	found := labels(got)
	slices.Sort(found)
	if !slices.Equal(found, []string{"a1", "a2", "b1", "b2", "c1", "c2"}) {
		s.Errorf("leased %q from three queues of two tasks", found)
	}
	s.end(got...)
	s.leavesNothing(queues...)
}

// drawnAsContextEnds cancels a blocked call as a task arrives. Either the call
// returns the lease, or the task is there for the next.
func drawnAsContextEnds(s *trial) {
	for i := range 21 {
		// It ends beside the task, right behind it, and soon after.
		ctx, cancel := context.WithTimeout(s.ctx, 20*time.Millisecond)
		done := s.start(ctx, s.request(s.worker(), 1))
		if i%3 == 0 {
			s.running.Go(cancel)
		}
		s.enqueue(newTask("drawn"))
		if i%3 == 1 {
			cancel()
		}
		defer cancel()
		got := s.await(done, s.prompt)
		if len(got.leases) == 0 {
			got.leases = []broker.Lease{s.lease()}
		}
		if got.leases[0].Deliveries != 1 {
			s.Fatalf("the task had been leased to a call that returned only its error")
		}
		s.end(got.leases...)
	}
	s.leavesNothing()
}

func blocksUntilDeadline(s *trial) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(s.ctx, short)
	defer cancel()
	got := s.await(s.start(ctx, s.request(s.worker(), 1)), s.prompt)
	if took := got.at.Sub(began); took < short {
		s.Errorf("Lease returned after %v, before its context had ended", took)
	}
	if len(got.leases) > 0 || !errors.Is(got.err, context.DeadlineExceeded) {
		s.Errorf("Lease returned %s and error %v, want the error of its context", describe(got.leases), got.err)
	}
}

func returnsWhenCancelled(s *trial) {
	ctx, cancel := context.WithCancel(s.ctx)
	done := s.start(ctx, s.request(s.worker(), 1))
	s.block(blink)
	cancel()
	if got := s.await(done, s.prompt); !errors.Is(got.err, context.Canceled) {
		s.Errorf("Lease returned error %v, want that of its context", got.err)
	}
}

func leaseWithEndedContext(s *trial) {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	got := s.await(s.start(ctx, s.request(s.worker(), 1)), s.prompt)
	if !errors.Is(got.err, context.Canceled) {
		s.Errorf("Lease returned error %v, want that of its context", got.err)
	}
	s.enqueue(newTask("there"))
	got = s.await(s.start(ctx, s.request(s.worker(), 1)), s.prompt)
	if len(got.leases) == 0 {
		got.leases = []broker.Lease{s.lease()}
	}
	if got.leases[0].Deliveries != 1 {
		s.Errorf("the task had been leased to a call that returned only its error")
	}
	s.end(got.leases...)
}
