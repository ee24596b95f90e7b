package brokertest

import (
	"context"
	"slices"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func replyRules() []rule {
	rules := []rule{
		{repeatable, "an enqueue is not doubled", lostEnqueue},
		{repeatable, "an enqueue is answered as it was", lostMixedEnqueue},
		{repeatable, "leases are not stranded", lostLease},
		{repeatable, "leases that were taken over are not stranded", lostTakeover},
		{repeatable, "an extension is repeated", lostExtend},
		{repeatable, "a settlement is answered as it was", lostMixedSettle},
		{repeatable, "a tick is taken once", lostTick},
	}
	for _, status := range outcomeStatuses() {
		rules = append(rules, rule{repeatable, "a settlement as " + string(status) + " is not a lost lease", lostSettle(status)})
	}
	return rules
}

// lose has the reply of the next call get lost.
func (s *trial) lose() {
	s.Helper()
	if s.harness.LoseReply == nil {
		s.Skip("Harness.LoseReply is nil")
	}
	s.harness.LoseReply(s.broker)
}

func lostEnqueue(s *trial) {
	later := newTask("later")
	later.RunAt = s.now().Add(short)
	s.lose()
	s.enqueue(newTask("a"), newTask("b"), later)
	s.pass(short)
	s.inOrder("a", "b", "later")
}

func lostMixedEnqueue(s *trial) {
	standing := newTask("standing")
	s.enqueue(standing)
	other := standing.Clone()
	other.Payload = []byte("other")
	fresh := newTask("new")
	s.lose()
	errs := s.broker.Enqueue(s.ctx, []*task.Task{fresh, other, standing.Clone(), fresh})
	s.match("Enqueue", errs, nil, task.ErrDuplicate, task.ErrDuplicate, task.ErrDuplicate)
	s.isDuplicate(errs[1], standing, false)
	s.isDuplicate(errs[2], standing, true)
	s.isDuplicate(errs[3], fresh, true)
	s.inOrder("standing", "new")
}

func lostLease(s *trial) {
	s.enqueue(newTasks(4)...)
	s.lose()
	got := s.ask(s.request(s.worker(), 3))
	got = append(got, s.leases(4-len(got), 4)...)
	s.allDeliveries(got, 1)
	if found := labels(got); !slices.Equal(found, []string{"0", "1", "2", "3"}) {
		s.Errorf("leased %q, want 0 to 3", found)
	}
	s.extend(long, got...)
	s.end(got...)
	s.leavesNothing()
}

func (s *trial) allDeliveries(leases []broker.Lease, want int) {
	s.Helper()
	for _, l := range leases {
		if l.Deliveries != want {
			s.Errorf("leased %s, want delivery %d", describe([]broker.Lease{l}), want)
		}
	}
}

func lostTakeover(s *trial) {
	s.enqueue(newTasks(3)...)
	held := s.leases(3, 3)
	s.extend(short, held...)
	s.pass(short)
	s.lose()
	got := s.ask(s.request(s.worker(), 3))
	got = append(got, s.leases(3-len(got), 3)...)
	s.allDeliveries(got, 2)
	for _, l := range held {
		s.as(fenced).mustLose(l)
	}
	s.end(got...)
	s.leavesNothing()
}

func lostExtend(s *trial) {
	s.enqueue(newTask("slow"))
	held := s.leaseFor(2 * short)
	s.lose()
	s.extend(long, held)
	s.pass(2 * short)
	s.nothing()
	s.end(held)
	s.leavesNothing()
}

func lostMixedSettle(s *trial) {
	s.enqueue(newTasks(3)...)
	got := s.leases(3, 3)
	s.end(got[1])
	s.lose()
	errs := s.broker.Settle(s.ctx, become(task.StatusCompleted, got...))
	s.match("Settle", errs, nil, task.ErrLeaseLost, nil)
	s.leavesNothing()
}

// lostSettle settles so that the repeat finds neither the lease nor, for an
// ended task, the record.
func lostSettle(status task.Status) func(s *trial) {
	return func(s *trial) {
		s.enqueue(newTask("settled"))
		held := s.lease()
		s.lose()
		s.settle(broker.Outcome{Lease: held, Status: status, Task: attempted(held)})
		if !status.Ended() {
			again := s.lease()
			if again.Deliveries != 1 || again.Task.Attempt != 1 {
				s.Errorf("leased again as delivery %d with Attempt %d, want 1 and 1", again.Deliveries, again.Task.Attempt)
			}
			s.nothing()
			s.end(again)
		}
		s.mustLose(held)
		s.leavesNothing()
	}
}

func lostTick(s *trial) {
	timetable := s.timetable()
	at := s.tickTime()
	s.lose()
	s.ticks(timetable, broker.Tick{Schedule: "lost", At: at, Task: newTask("tick")}, true)
	s.ticks(timetable, broker.Tick{Schedule: "lost", At: at, Task: newTask("double")}, false)
	s.onlyTick(timetable, "lost", "tick")
}

// onlyTick checks that one task was enqueued, ends it and the schedule.
func (s *trial) onlyTick(timetable broker.Timetable, schedule, label string) {
	s.Helper()
	got := s.lease()
	if found := string(got.Task.Payload); found != label {
		s.Errorf("leased %q, want %q", found, label)
	}
	s.nothing()
	s.end(got)
	if err := timetable.Leave(context.WithoutCancel(s.ctx), task.DefaultQueue, schedule); err != nil {
		s.Errorf("Leave: %v", err)
	}
	s.leavesNothing()
}
