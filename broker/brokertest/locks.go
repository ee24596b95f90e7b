package brokertest

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func latestRules() []rule {
	return []rule{
		{exclusive, "Latest keeps one running and one waiting", latest},
		{exclusive, "with Latest the next one waits for the end of the other, not for its attempt", latestRetried},
		{exclusive, "with Latest the next one wakes a blocked Lease", latestWakes},
		{exclusive, "with Latest the next one starts when the other was deleted or cancelled", latestFreed},
		{exclusive, "with Latest the newest one runs last, though the other was handed back", latestHandedBack},
		{exclusive, "with Latest one that an operator has run makes room for another", latestRunEarly},
	}
}

func lockRules() []rule {
	return []rule{
		{exclusive, "what happens is up to the mode of the holder", holdersMode},
		{exclusive, "of two tasks in a batch the first has the lock", lockInBatch},
		{exclusive, "a lock is that of its queue", lockOfQueue},
		{exclusive, "without a Key the name and the payload count", lockOfPayload},
		{exclusive, "of many that come at once one has the lock", lockOfMany},
		{exclusive, "locks outlive a restart", locksOutliveRestart},
		{whole, "a task whose ID is in use leaves the lock as it was", usedIDTakesNoLock},
	}
}

func latest(s *trial) {
	first := unique("first", task.Latest)
	s.enqueue(first)
	s.takesPlace(first.ID, unique("current", task.Latest))
	held := s.lease()
	next := unique("next", task.Latest)
	s.standsAlone(next)
	s.takesPlace(next.ID, unique("last", task.Latest))
	s.nothing()
	s.end(held)
	again := s.lease()
	if string(held.Task.Payload) != "current" || string(again.Task.Payload) != "last" || again.ID != next.ID {
		s.Errorf("leased %s, want the current and then the last task", describe([]broker.Lease{held, again}))
	}
	s.standsAlone(unique("further", task.Latest))
	s.nothing()
	s.end(again)
	s.end(s.lease())
	s.leavesNothing()
}

func latestRetried(s *trial) {
	late, held := s.overtaken(unique("first", task.Latest))
	s.standsAlone(unique("next", task.Latest))
	s.mustLose(late)
	s.nothing()
	s.settle(broker.Outcome{Lease: held, Status: task.StatusRetrying, Task: held.Task, Delay: short})
	s.advance(short)
	held = s.lease()
	if string(held.Task.Payload) != "first" {
		s.Errorf("leased %s, want the first task's next attempt", describe([]broker.Lease{held}))
	}
	s.nothing()
	s.settle(become(task.StatusFailed, held)...)
	s.onlyOne("next")
}

func latestWakes(s *trial) {
	s.enqueue(unique("first", task.Latest))
	held := s.lease()
	s.enqueue(unique("next", task.Latest))
	done := s.blocked(s.request(s.worker(), 1))
	s.end(held)
	s.awaitAll([]<-chan leased{done})
	s.leavesNothing()
}

func latestFreed(s *trial) {
	for _, change := range []broker.Change{{Delete: true}, {Status: task.StatusCancelled}} {
		first := unique("first", task.Latest)
		s.enqueue(first)
		held := s.lease()
		s.enqueue(unique("next", task.Latest))
		s.settle(broker.Outcome{Lease: held, Status: task.StatusRetrying, Delay: long})
		s.nothing()
		s.revise(change, first.ID)
		s.onlyOne("next")
	}
	running := unique("running", task.Latest)
	s.enqueue(running)
	held := s.lease()
	s.enqueue(unique("next", task.Latest))
	s.revise(broker.Change{Status: task.StatusCancelled}, running.ID)
	s.nothing()
	s.settle(become(task.StatusRetrying, held)...)
	s.onlyOne("next")
}

// latestHandedBack has newcomers meet a task that is pending again, behind which
// another one waits.
func latestHandedBack(s *trial) {
	s.enqueue(unique("first", task.Latest))
	held := s.lease()
	next := unique("next", task.Latest)
	s.standsAlone(next)
	s.settle(become(task.StatusPending, held)...)
	s.takesPlace(next.ID, unique("newest", task.Latest))
	held = s.lease()
	s.nothing()
	if string(held.Task.Payload) != "first" {
		s.Errorf("leased %s, want the one that was handed back", describe([]broker.Lease{held}))
	}
	s.end(held)
	s.onlyOne("newest")
}

// latestRunEarly has the one that waits run beside the one that it waits for.
func latestRunEarly(s *trial) {
	for _, label := range []string{"ends last", "ends first"} {
		s.enqueue(unique("first", task.Latest))
		first := s.lease()
		next := unique("next", task.Latest)
		s.standsAlone(next)
		s.revise(broker.Change{Status: task.StatusPending}, next.ID)
		early := s.lease()
		s.standsAlone(unique(label, task.Latest))
		s.nothing()
		if label == "ends last" {
			s.end(early)
			s.nothing()
			s.end(first)
			s.onlyOne(label)
			continue
		}
		s.end(first)
		last := s.lease()
		if string(last.Task.Payload) != label {
			s.Errorf("leased %s, want the newest", describe([]broker.Lease{last}))
		}
		s.end(early)
		s.end(last)
		s.leavesNothing()
	}
}

func holdersMode(s *trial) {
	ended := unique("ended", task.UntilEnded)
	s.enqueue(ended)
	for _, mode := range []task.UniqueMode{task.UntilStarted, task.Throttle, task.Debounce, task.Latest} {
		s.excluded(ended.ID, unique("refused", mode))
	}
	held := s.lease()
	s.excluded(ended.ID, unique("refused", task.Latest))
	s.end(held)
	current := unique("latest", task.Latest)
	s.enqueue(current)
	s.takesPlace(current.ID, unique("taken", task.UntilEnded))
	s.onlyOne("taken")
}

func lockInBatch(s *trial) {
	a, b := unique("a", task.UntilEnded), unique("b", task.UntilEnded)
	errs := s.broker.Enqueue(s.ctx, []*task.Task{a, b, newTask("c")})
	if len(errs) != 3 || errs[0] != nil || errs[2] != nil {
		s.Fatalf("Enqueue returned %v, want the second task alone refused", errs)
	}
	s.isExcluded("Enqueue", errs[1:2], a.ID)
	s.inOrder("a", "c")
	first, last := unique("first", task.Latest), unique("last", task.Latest)
	s.enqueue(first, last)
	if last.ID != first.ID {
		s.Errorf("the second task of a batch has the ID %s, want that of the first", last.ID)
	}
	s.onlyOne("last")
}

func lockOfQueue(s *trial) {
	var held []broker.Lease
	for _, queue := range []string{"a", "b"} {
		t := unique(queue, task.UntilEnded)
		t.Queue = queue
		s.standsAlone(t)
		held = append(held, s.leaseAs(broker.LeaseRequest{Worker: s.worker(), Queues: []string{queue}, Max: 1, Duration: long}))
	}
	s.end(held...)
	s.leavesNothing("a", "b")
}

func lockOfPayload(s *trial) {
	named := func(name, payload string, mode task.UniqueMode) *task.Task {
		t := task.New(name, []byte(payload))
		t.Unique.Mode = mode
		return t
	}
	first := named("name", "payload", task.UntilEnded)
	s.enqueue(first)
	s.excluded(first.ID, named("name", "payload", task.UntilEnded))
	s.standsAlone(named("name", "other", task.UntilEnded))
	s.standsAlone(named("other", "payload", task.UntilEnded))
	current := named("latest", "payload", task.Latest)
	s.enqueue(current)
	s.takesPlace(current.ID, named("latest", "other", task.Latest))
	s.end(s.leases(4, 4)...)
	s.leavesNothing()
}

func usedIDTakesNoLock(s *trial) {
	standing := newTask("standing")
	s.enqueue(standing)
	double := unique("double", task.UntilEnded)
	double.ID = standing.ID
	errs := s.broker.Enqueue(s.ctx, []*task.Task{double})
	var refused *task.DuplicateError
	if len(errs) != 1 || !errors.As(errs[0], &refused) || refused.Unique || refused.ID != standing.ID {
		s.Fatalf("Enqueue of a task whose ID is in use returned %v, want a *task.DuplicateError without Unique", errs)
	}
	s.standsAlone(unique("other", task.UntilEnded))
	s.inOrder("standing", "other")
}

func lockOfMany(s *trial) {
	var taken, refused atomic.Int32
	var callers sync.WaitGroup
	for range 4 * crowd {
		callers.Go(func() {
			t := unique("one", task.UntilEnded)
			switch errs := s.broker.Enqueue(s.ctx, []*task.Task{t}); {
			case errs == nil:
				taken.Add(1)
			case errors.Is(errs[0], task.ErrDuplicate):
				refused.Add(1)
			}
		})
	}
	callers.Wait()
	if taken.Load() != 1 || refused.Load() != 4*crowd-1 {
		s.Errorf("of %d tasks %d were taken and %d refused, want all but one refused", 4*crowd, taken.Load(), refused.Load())
	}
	s.onlyOne("one")
}

func locksOutliveRestart(s *trial) {
	keyed := func(label, key string, mode task.UniqueMode) *task.Task {
		t := unique(label, mode)
		t.Unique.Key = key
		return t
	}
	ended, current, next := keyed("ended", "e", task.UntilEnded), keyed("current", "l", task.Latest), keyed("next", "l", task.Latest)
	debounced := keyed("debounced", "d", task.Debounce)
	s.enqueue(ended, current)
	s.extend(short, s.leases(2, 2)...)
	s.enqueue(next, debounced)
	s = s.restarted()
	s.excluded(ended.ID, keyed("refused", "e", task.UntilEnded))
	s.takesPlace(next.ID, keyed("last", "l", task.Latest))
	s.takesPlace(debounced.ID, keyed("last", "d", task.Debounce))
	s.advance(short)
	s.end(s.leases(2, 1)...)
	got := s.lease()
	if string(got.Task.Payload) != "last" || got.ID != next.ID {
		s.Errorf("leased %s, want the task that waited for the end of another", describe([]broker.Lease{got}))
	}
	s.end(got)
	s.nothing()
}
