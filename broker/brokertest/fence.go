package brokertest

import (
	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func fenceRules() []rule {
	rules := []rule{
		{fenced, "an overtaken lease cannot be extended", lateExtend},
		{fenced, "a worker in another process is fenced", fencedAcrossProcesses},
		{fenced, "a settled lease is lost", settledIsLost},
		{fenced, "settling twice in one call counts once", settledTwiceInOneCall},
		{fenced, "a lease that never was is lost", inventedLease},
		{fenced, "each lease of a call is judged by itself", eachByItself},
		{fenced, "a lease that ran out is held until it is taken over", heldUntilTaken},
		{fenced, "an extended lease is not taken over", extendedIsHeld},
		{fenced, "Extend counts from now", extendCountsFromNow},
		{fenced, "the token grows with every lease", tokenGrows},
	}
	for _, status := range outcomeStatuses() {
		rules = append(rules, rule{fenced, "a late settlement as " + string(status) + " is refused", lateSettle(status)})
	}
	return rules
}

// outcomeStatuses returns what a task can become on Settle.
func outcomeStatuses() []task.Status {
	return []task.Status{
		task.StatusCompleted, task.StatusFailed, task.StatusCancelled,
		task.StatusRetrying, task.StatusScheduled, task.StatusPending,
	}
}

// lateSettle settles a lease that has passed to another worker, with a record
// that must not be stored.
func lateSettle(status task.Status) func(s *trial) {
	return func(s *trial) {
		late, current := s.overtaken(newTask("disputed"))
		forged := late.Task.Clone()
		forged.Attempt, forged.LastError = 9, "late"
		s.isLost("Settle", s.broker.Settle(s.ctx, []broker.Outcome{{Lease: late, Status: status, Task: forged, Keep: long}}))
		s.nothing()
		s.extend(long, current)
		s.settle(become(task.StatusPending, current)...)
		again := s.lease()
		if again.Task.Attempt != 0 || again.Task.LastError != "" {
			s.Errorf("the record is that of the late worker: Attempt %d, LastError %q", again.Task.Attempt, again.Task.LastError)
		}
		s.end(again)
		s.leavesNothing()
	}
}

func lateExtend(s *trial) {
	late, current := s.overtaken(newTask("disputed"))
	s.isLost("Extend", s.broker.Extend(s.ctx, []broker.Lease{late}, long))
	s.extend(long, current)
	s.end(current)
	s.mustLose(late)
	s.leavesNothing()
}

func fencedAcrossProcesses(s *trial) {
	other := s.another()
	s.enqueue(newTask("disputed"))
	late := s.leaseFor(short)
	s.advance(short)
	current := other.lease()
	if current.ID != late.ID || current.Token <= late.Token || current.Deliveries != 2 {
		s.Errorf("the other process leased %s, want delivery 2 with a token over %d", describe([]broker.Lease{current}), late.Token)
	}
	s.mustLose(late)
	other.extend(long, current)
	other.end(current)
	s.mustLose(late)
	s.leavesNothing()
}

func settledIsLost(s *trial) {
	for _, status := range outcomeStatuses() {
		s.enqueue(newTask(string(status)))
		held := s.lease()
		s.settle(broker.Outcome{Lease: held, Status: status, Delay: long})
		s.mustLose(held)
	}
}

func settledTwiceInOneCall(s *trial) {
	s.enqueue(newTask("twice"))
	held := s.lease()
	outcomes := append(become(task.StatusPending, held), become(task.StatusCompleted, held)...)
	s.match("Settle", s.broker.Settle(s.ctx, outcomes), nil, task.ErrLeaseLost)
	s.end(s.lease())
	s.leavesNothing()
}

func inventedLease(s *trial) {
	s.enqueue(newTask("real"))
	real := s.lease()
	for _, forge := range []func(*broker.Lease){
		func(l *broker.Lease) { l.ID = uuid.New() },
		func(l *broker.Lease) { l.Token++ },
		func(l *broker.Lease) { l.Token-- },
		func(l *broker.Lease) { l.Queue = "other" },
	} {
		forged := real
		forge(&forged)
		s.mustLose(forged)
	}
	s.extend(long, real)
	s.end(real)
	s.leavesNothing()
}

func eachByItself(s *trial) {
	s.enqueue(newTasks(3)...)
	got := s.leases(3, 3)
	s.end(got[1])
	s.match("Extend", s.broker.Extend(s.ctx, got, long), nil, task.ErrLeaseLost, nil)
	s.match("Settle", s.broker.Settle(s.ctx, become(task.StatusCompleted, got...)), nil, task.ErrLeaseLost, nil)
	s.leavesNothing()
}

func heldUntilTaken(s *trial) {
	s.enqueue(newTasks(2)...)
	held := s.leases(2, 2)
	s.extend(short, held...)
	s.pass(short)
	s.extend(long, held[0])
	s.end(held[1])
	s.nothing()
	s.end(held[0])
	s.leavesNothing()
}

func extendedIsHeld(s *trial) {
	s.enqueue(newTask("long"))
	held := s.leaseFor(2 * short)
	s.extend(long, held)
	s.pass(2 * short)
	s.nothing()
	s.end(held)
	s.leavesNothing()
}

// extendCountsFromNow cuts a lease short.
func extendCountsFromNow(s *trial) {
	s.enqueue(newTask("cut"))
	held := s.lease()
	before := s.now()
	s.extend(short, held)
	s.advance(short)
	got := s.lease()
	if lasted := got.Task.StartedAt.Sub(before); lasted < short-grain {
		s.Errorf("a lease extended by %v was taken over after %v", short, lasted)
	}
	s.end(got)
	s.leavesNothing()
}

func tokenGrows(s *trial) {
	var last int64
	grows := func(after string, l broker.Lease) {
		s.Helper()
		if l.Token <= last {
			s.Errorf("the token after %s is %d, that before it was %d", after, l.Token, last)
		}
		last = l.Token
	}
	late, current := s.overtaken(newTask("one"))
	grows("the start", late)
	grows("a takeover", current)
	for _, status := range []task.Status{task.StatusPending, task.StatusRetrying, task.StatusScheduled} {
		s.settle(become(status, current)...)
		current = s.lease()
		grows("a settlement as "+string(status), current)
	}
	s.end(current)
	s.enqueue(newTask("another"))
	current = s.lease()
	grows("the task before", current)
	s.end(current)
	s.leavesNothing()
}
