package brokertest

import (
	"context"
	"errors"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func lastRules() []rule {
	return []rule{
		{crashproof, "a call gets one task on its last delivery, of all its queues", oneLast},
		{crashproof, "with NoLast a call gets everything but tasks on their last delivery", noLast},
		{crashproof, "a parked task on its last delivery is bounded likewise", parkedLast},
		{crashproof, "a task beyond its last delivery is handed out", beyondLast},
		{idle, "tasks on their last delivery drain with no waiting", lastsDrain},
		{idle, "what a call is not to have does not wake it", lastWakesNobody},
		{idle, "what a blocked call is not to have wakes another", lastWakesAnother},
		{whole, "a bad bound on last deliveries is refused", badLast},
	}
}

// suspects returns n tasks that a worker has died with, whose next delivery is the
// second.
func (s *trial) suspects(n int, queue string) []*task.Task {
	s.Helper()
	tasks := newTasks(n)
	for _, t := range tasks {
		t.Queue = queue
	}
	s.enqueue(tasks...)
	req := s.request(s.worker(), n)
	req.Queues, req.Duration = []string{queue}, short
	for left := n; left > 0; {
		left -= len(s.ask(req))
	}
	return tasks
}

// bounded is a request whose tasks have two deliveries.
func (s *trial) boundedRequest(most int, queues ...string) broker.LeaseRequest {
	req := s.request(s.worker(), most)
	req.Last = 2
	if len(queues) > 0 {
		req.Queues = queues
	}
	return req
}

// onlyLast returns the one task on its last delivery that a call gets, and checks
// that one that holds it gets no other.
func (s *trial) onlyLast(req broker.LeaseRequest) broker.Lease {
	s.Helper()
	got := s.ask(req)
	if len(got) != 1 || got[0].Deliveries != 2 {
		s.Fatalf("leased %s, want one task as delivery 2", describe(got))
	}
	return got[0]
}

func oneLast(s *trial) {
	s.suspects(3, "a")
	s.suspects(3, "b")
	s.pass(short)
	req := s.boundedRequest(10, "a", "b")
	var held []broker.Lease
	for range 6 {
		held = append(held, s.onlyLast(req))
	}
	s.end(held...)
	s.leavesNothing("a", "b")
}

func noLast(s *trial) {
	s.suspects(3, task.DefaultQueue)
	s.pass(short)
	worse := s.leaseFor(short) // a second one, which becomes a third
	s.pass(short)
	s.enqueue(newTask("pending"))
	req := s.boundedRequest(10)
	req.NoLast = true
	got := s.ask(req)
	for len(got) < 2 {
		got = append(got, s.ask(req)...)
	}
	if len(got) != 2 || got[0].ID != worse.ID || got[0].Deliveries != 3 || string(got[1].Task.Payload) != "pending" {
		s.Errorf("leased %s, want the third delivery and the pending task", describe(got))
	}
	s.blockAs(req, blink)
	s.end(got...)
	s.end(s.leases(2, 2)...)
	s.leavesNothing()
}

func parkedLast(s *trial) {
	s.enqueue(named("a", "first"), named("a", "second"))
	s.extend(short, s.leases(2, 2)...)
	s.pass(short)
	s.settle(parking(s.leases(2, 2)...)...)
	s.parked(named("a", "fresh"))
	req := s.boundedRequest(10)
	got := s.ask(req)
	for len(got) < 2 {
		got = append(got, s.ask(req)...)
	}
	if len(got) != 2 || got[0].Deliveries != 2 || string(got[1].Task.Payload) != "fresh" {
		s.Fatalf("leased %s, want one as delivery 2 and the fresh one", describe(got))
	}
	req.NoLast = true
	s.blockAs(req, blink)
	req.NoLast = false
	got = append(got, s.onlyLast(req))
	s.end(got...)
	s.leavesNothing()
}

func beyondLast(s *trial) {
	s.suspects(4, task.DefaultQueue)
	s.pass(short)
	req := s.boundedRequest(10)
	req.Duration, req.Last = short, 0
	for left := 4; left > 0; {
		left -= len(s.ask(req))
	}
	s.pass(short)
	req.Last, req.NoLast, req.Duration = 2, true, long
	got := s.ask(req)
	for len(got) < 4 {
		got = append(got, s.ask(req)...)
	}
	s.allDeliveries(got, 3)
	s.end(got...)
	s.leavesNothing()
}

// lastsDrain counts calls: each gets one task at once.
func lastsDrain(s *trial) {
	const many = 400
	s.suspects(many/2, "a")
	s.suspects(many/2, "b")
	s.pass(short)
	req := s.boundedRequest(broker.MaxBatch, "a", "b")
	var took []time.Duration
	for range many {
		began := time.Now()
		held := s.onlyLast(req)
		took = append(took, time.Since(began))
		s.end(held)
	}
	s.isUsuallyQuick(took)
	s.leavesNothing("a", "b")
}

func lastWakesNobody(s *trial) {
	s.needsRealTime()
	s.suspects(3, task.DefaultQueue)
	req := s.boundedRequest(10)
	req.NoLast = true
	done := s.blocked(req)
	s.pass(short)
	s.block(short)
	s.enqueue(newTask("pending"))
	got := s.await(done, s.prompt)
	if len(got.leases) != 1 || got.leases[0].Deliveries != 1 {
		s.Fatalf("leased %s, error %v, want the pending task", describe(got.leases), got.err)
	}
	s.end(got.leases...)
	s.end(s.leases(3, 3)...)
	s.leavesNothing()
}

func lastWakesAnother(s *trial) {
	s.needsRealTime()
	s.suspects(1, task.DefaultQueue)
	req := s.boundedRequest(10)
	req.NoLast = true
	barred := s.blocked(req)
	got := s.await(s.blocked(s.boundedRequest(10)), s.prompt)
	s.allDeliveries(got.leases, 2)
	select {
	case other := <-barred:
		s.Errorf("a call with NoLast leased %s, error %v", describe(other.leases), other.err)
	default:
	}
	s.end(got.leases...)
	s.enqueue(newTask("pending"))
	s.end(s.await(barred, s.prompt).leases...)
	s.leavesNothing()
}

func badLast(s *trial) {
	for what, req := range map[string]broker.LeaseRequest{
		"Last 1":  {Last: 1},
		"Last -1": {Last: -1},
		"NoLast":  {NoLast: true},
	} {
		req.Worker, req.Queues, req.Max, req.Duration = s.worker(), []string{task.DefaultQueue}, 1, long
		ctx, cancel := context.WithTimeout(s.ctx, s.prompt)
		_, err := s.broker.Lease(ctx, req)
		cancel()
		if !errors.Is(err, task.ErrInvalid) {
			s.Errorf("Lease with %s returned %v, want ErrInvalid", what, err)
		}
	}
}
