package brokertest

import (
	"slices"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func gatherRules() []rule {
	return []rule{
		{together, "a full group runs at once", fullGroup},
		{together, "a group runs once it has been quiet", quietGroup},
		{together, "a group waits no longer than its Delay", groupDelay},
		{together, "a group that has started takes no more", startedGroup},
		{together, "groups of other keys and names are apart", groupsApart},
		{crashproof, "a group runs again as a whole", groupRunsAgain},
		{together, "a group outlives a restart", groupOutlivesRestart},
		{whole, "a member is refused, and told as the same", memberTwice},
		{repeatable, "a gathered enqueue is not doubled", lostMember},
	}
}

// gathered returns a task of a group of three, which waits long.
func gathered(label string) *task.Task {
	t := newTask(label)
	t.Gather = task.Gather{Key: "group", Size: 3, Delay: long}
	return t
}

// isGroup checks what a lease runs.
func (s *trial) isGroup(l broker.Lease, want ...string) {
	s.Helper()
	found := labels([]broker.Lease{l})
	for _, m := range l.Task.Members {
		found = append(found, string(m.Payload))
	}
	if !slices.Equal(found, want) {
		s.Errorf("the group has %q, want %q", found, want)
	}
}

// fill enqueues a full group, and returns its first task.
func (s *trial) fill() *task.Task {
	s.Helper()
	first := gathered("first")
	s.enqueue(first)
	s.takesPlace(first.ID, gathered("second"))
	s.takesPlace(first.ID, gathered("third"))
	return first
}

func fullGroup(s *trial) {
	first, second, third := gathered("first"), gathered("second"), gathered("third")
	second.Headers = map[string]string{"key": "value"}
	own := second.ID
	s.enqueue(first)
	s.nothing()
	s.takesPlace(first.ID, second)
	s.nothing()
	s.takesPlace(first.ID, third)
	got := s.lease()
	s.isGroup(got, "first", "second", "third")
	if m := got.Task.Members; len(m) == 2 && (m[0].ID != own || m[0].Name != second.Name || m[0].Headers["key"] != "value" ||
		!m[0].EnqueuedAt.Equal(second.EnqueuedAt)) {
		s.Errorf("the first member is %+v, want the second task", *m[0])
	}
	s.nothing()
	s.end(got)
	s.enqueue(gathered("a"), gathered("b"), gathered("c"), gathered("d"))
	got = s.lease()
	s.isGroup(got, "a", "b", "c")
	s.nothing()
	s.end(got)
}

func quietGroup(s *trial) {
	const quiet = 3 * short
	first, second := gathered("first"), gathered("second")
	first.Gather.Quiet, second.Gather.Quiet = quiet, quiet
	s.enqueue(first)
	came := s.now()
	s.takesPlace(first.ID, second)
	s.advance(quiet)
	got := s.lease()
	s.isGroup(got, "first", "second")
	if waited := got.Task.StartedAt.Sub(came); waited < quiet-grain {
		s.Errorf("the group started %v after its last task, want %v at least", waited, quiet)
	}
	s.end(got)
	s.leavesNothing()
}

func groupDelay(s *trial) {
	s.inspector()
	first := gathered("first")
	s.enqueue(first)
	came := s.now()
	s.pass(short)
	s.takesPlace(first.ID, gathered("second"))
	s.dueBy(first.ID, came.Add(long))
}

func startedGroup(s *trial) {
	started := gathered("started")
	started.Gather.Quiet = grain
	s.enqueue(started)
	s.advance(short)
	held, next := s.lease(), gathered("next")
	s.standsAlone(next)
	s.isGroup(held, "started")
	s.settle(become(task.StatusFailed, held)...)
	s.takesPlace(next.ID, gathered("second"))
	s.takesPlace(next.ID, gathered("third"))
	got := s.lease()
	s.isGroup(got, "next", "second", "third")
	s.end(got)
	s.leavesNothing()
}

func groupsApart(s *trial) {
	first, key, name := gathered("first"), gathered("key"), gathered("name")
	key.Gather.Key, name.Name = "other", "other"
	s.standsAlone(first)
	s.standsAlone(key)
	s.standsAlone(name)
	for _, t := range []*task.Task{first, key, name} {
		for _, label := range []string{"b", "c"} {
			next := gathered(label)
			next.Name, next.Gather.Key = t.Name, t.Gather.Key
			s.takesPlace(t.ID, next)
		}
		got := s.lease()
		s.isGroup(got, string(t.Payload), "b", "c")
		s.end(got)
	}
	s.leavesNothing()
}

func groupRunsAgain(s *trial) {
	s.fill()
	s.isGroup(s.leaseFor(short), "first", "second", "third")
	s.advance(short)
	held := s.lease()
	s.isGroup(held, "first", "second", "third")
	s.settle(broker.Outcome{Lease: held, Status: task.StatusRetrying, Task: attempted(held)})
	held = s.lease()
	s.isGroup(held, "changed", "second", "third")
	s.end(held)
	s.leavesNothing()
}

func groupOutlivesRestart(s *trial) {
	first := gathered("first")
	s.enqueue(first, gathered("second"))
	s = s.restarted()
	s.nothing()
	s.takesPlace(first.ID, gathered("third"))
	got := s.lease()
	s.isGroup(got, "first", "second", "third")
	s.end(got)
	s.leavesNothing()
}

func memberTwice(s *trial) {
	first, second := gathered("first"), gathered("second")
	again := second.Clone()
	s.enqueue(first)
	s.stands(first, true)
	s.takesPlace(first.ID, second)
	again.EnqueuedAt = second.EnqueuedAt
	refused := func() {
		errs := s.broker.Enqueue(s.ctx, []*task.Task{again.Clone()})
		s.match("Enqueue", errs, task.ErrDuplicate)
		s.isDuplicate(errs[0], first, true)
	}
	refused()
	s.nothing()
	s.takesPlace(first.ID, gathered("third"))
	refused()
	got := s.lease()
	s.isGroup(got, "first", "second", "third")
	s.end(got)
	s.leavesNothing()
}

func lostMember(s *trial) {
	first := gathered("first")
	s.lose()
	s.standsAlone(first)
	s.lose()
	s.takesPlace(first.ID, gathered("second"))
	s.nothing()
	s.lose()
	s.takesPlace(first.ID, gathered("third"))
	got := s.lease()
	s.isGroup(got, "first", "second", "third")
	s.end(got)
	s.leavesNothing()
}
