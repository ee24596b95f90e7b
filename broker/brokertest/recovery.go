package brokertest

import (
	"slices"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func recoveryRules() []rule {
	return []rule{
		{crashproof, "a lost worker's task runs again once its lease has passed", runsAgain},
		{crashproof, "every takeover counts a delivery and no attempt", takeoversAreCounted},
		{crashproof, "all tasks of a lost worker run again", allRunAgain},
		{crashproof, "an answered attempt resets the deliveries", answerResetsDeliveries},
		{crashproof, "a release costs no delivery", releaseCostsNothing},
		{crashproof, "a release forgets no delivery", releaseForgetsNothing},
		{crashproof, "a release of what was delivered before can be put off", releasePutOff},
		{crashproof, "an extended lease costs no delivery", extensionCostsNothing},
	}
}

func runsAgain(s *trial) {
	t := headed("left behind")
	s.enqueue(t)
	req := s.request("lost", 1)
	req.Duration = short
	lost := s.leaseAs(req)
	s.advance(short)
	got := s.leaseAs(s.request("saviour", 1))
	if got.Task.Worker != "saviour" || got.Task.StartedAt.Before(lost.Task.StartedAt.Add(short-grain)) {
		s.Errorf("leased by %q, %v after the first lease of %v", got.Task.Worker, got.Task.StartedAt.Sub(lost.Task.StartedAt), short)
	}
	if got.Token <= lost.Token {
		s.as(fenced).Errorf("the token is %d after %d, want it to grow", got.Token, lost.Token)
	}
	s.same("the task leased again", got.Task, t)
	s.end(got)
	s.leavesNothing()
}

func takeoversAreCounted(s *trial) {
	s.enqueue(newTask("poison"))
	for delivery := 1; delivery <= 4; delivery++ {
		got := s.leaseFor(short)
		if got.Deliveries != delivery || int(got.Task.Deliveries) != delivery || got.Task.Attempt != 0 {
			s.Errorf("lease %d has Deliveries %d and its task %d and Attempt %d, want %d, %d, 0",
				delivery, got.Deliveries, got.Task.Deliveries, got.Task.Attempt, delivery, delivery)
		}
		if delivery == 4 {
			s.end(got)
		} else {
			s.advance(short)
		}
	}
	s.leavesNothing()
}

func allRunAgain(s *trial) {
	s.enqueue(newTasks(50)...)
	lost := s.leases(50, 50)
	s.extend(short, lost...)
	s.pass(short)
	got := s.leases(50, 20)
	for _, l := range got {
		if l.Deliveries != 2 {
			s.Errorf("task %s was leased again as delivery %d", l.Task.Payload, l.Deliveries)
		}
	}
	was, is := labels(lost), labels(got)
	slices.Sort(was)
	slices.Sort(is)
	if !slices.Equal(was, is) {
		s.Errorf("leased again %q, want %q", is, was)
	}
	s.end(got...)
	s.leavesNothing()
}

func answerResetsDeliveries(s *trial) {
	_, current := s.overtaken(newTask("unlucky"))
	for _, status := range []task.Status{task.StatusRetrying, task.StatusScheduled} {
		s.settle(broker.Outcome{Lease: current, Status: status, Task: current.Task})
		current = s.lease()
		if current.Deliveries != 1 || current.Task.Deliveries != 1 {
			s.Errorf("the lease after a task became %s is delivery %d, want 1", status, current.Deliveries)
		}
	}
	s.end(current)
	s.leavesNothing()
}

func releaseCostsNothing(s *trial) {
	s.enqueue(newTask("handed back"))
	for range 3 {
		got := s.lease()
		if got.Deliveries != 1 || got.Task.Attempt != 0 {
			s.Errorf("a lease after a release has Deliveries %d and Attempt %d, want 1 and 0", got.Deliveries, got.Task.Attempt)
		}
		s.settle(broker.Outcome{Lease: got, Status: task.StatusPending, Task: got.Task})
	}
	s.end(s.lease())
	s.leavesNothing()
}

func releaseForgetsNothing(s *trial) {
	_, current := s.overtaken(newTask("unlucky"))
	for range 2 {
		s.settle(broker.Outcome{Lease: current, Status: task.StatusPending})
		s.mustLose(current)
		current = s.lease()
		if current.Deliveries != 2 || current.Task.Deliveries != 2 {
			s.Errorf("a lease after the release of a second delivery is delivery %d, want 2", current.Deliveries)
		}
	}
	s.end(current)
	s.leavesNothing()
}

func releasePutOff(s *trial) {
	_, current := s.overtaken(newTask("unlucky"))
	s.settle(broker.Outcome{Lease: current, Status: task.StatusPending, Delay: short})
	s.nothing()
	s.pass(short)
	current = s.lease()
	if current.Deliveries != 2 {
		s.Errorf("a lease after a release that was put off is delivery %d, want 2", current.Deliveries)
	}
	s.end(current)
	s.leavesNothing()
}

func extensionCostsNothing(s *trial) {
	s.enqueue(newTask("slow"))
	held := s.lease()
	s.extend(short, held)
	s.pass(short)
	s.extend(long, held)
	s.settle(become(task.StatusPending, held)...)
	got := s.lease()
	if got.Deliveries != 1 {
		s.Errorf("the lease is delivery %d, want 1", got.Deliveries)
	}
	s.end(got)
	s.leavesNothing()
}
