package brokertest

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func uniqueRules() []rule {
	return []rule{
		{exclusive, "UntilStarted excludes others until the first run", untilStarted},
		{exclusive, "UntilEnded excludes others until the end", untilEnded},
		{exclusive, "UntilEnded outlives a lease and a takeover", untilEndedOvertaken},
		{exclusive, "Throttle excludes others for its time, whatever becomes of the task", throttles},
		{exclusive, "Debounce has the last one run, as the first one", debounces},
		{exclusive, "Debounce waits no longer than its Limit", debounceLimit},
		{exclusive, "Debounce begins anew once the task has started", debouncesAnew},
		{exclusive, "a lock is void once its holder has ended", lockHeals},
		{exclusive, "a lock is void once its holder was cancelled or deleted", lockHealsAfterRevision},
		{whole, "the unique task that stands is told as the same", sameUnique},
		{repeatable, "a unique enqueue is answered as it was", lostUnique},
		{clean, "nothing is left of unique tasks", uniqueEndsClean},
	}
}

// unique returns a task that shares its key with all others of its kind.
func unique(label string, mode task.UniqueMode) *task.Task {
	t := newTask(label)
	t.Unique = task.Unique{Mode: mode, Key: "key"}
	if mode == task.Throttle || mode == task.Debounce {
		t.Unique.For = long
	}
	return t
}

// excluded checks that a task is refused for the lock of the holder.
func (s *trial) excluded(holder uuid.UUID, t *task.Task) {
	s.Helper()
	errs := s.broker.Enqueue(s.ctx, []*task.Task{t})
	s.isExcluded("Enqueue", errs, holder)
}

func (s *trial) isExcluded(call string, errs []error, holder uuid.UUID) {
	s.Helper()
	var refused *task.DuplicateError
	if len(errs) != 1 || !errors.As(errs[0], &refused) || !refused.Unique || refused.ID != holder {
		s.Fatalf("%s of a task whose lock %s holds returned %v, want a *task.DuplicateError with Unique that says so", call, holder, errs)
	}
}

// takesPlace enqueues a task that must be one with the holder.
func (s *trial) takesPlace(holder uuid.UUID, t *task.Task) {
	s.Helper()
	s.enqueue(t)
	if t.ID != holder {
		s.Errorf("a task that takes the place of %s, or joins it, has got the ID %s", holder, t.ID)
	}
}

// standsAlone enqueues a task that must keep its own ID.
func (s *trial) standsAlone(t *task.Task) {
	s.Helper()
	own := t.ID
	s.enqueue(t)
	if t.ID != own {
		s.Fatalf("a task that takes no other's place has got the ID %s, want its own, %s", t.ID, own)
	}
}

func untilStarted(s *trial) {
	first := unique("first", task.UntilStarted)
	s.enqueue(first)
	s.excluded(first.ID, unique("refused", task.UntilStarted))
	held := s.lease()
	s.standsAlone(unique("second", task.UntilStarted))
	s.end(held, s.lease())
	later := unique("later", task.UntilStarted)
	later.RunAt = s.now().Add(short)
	s.standsAlone(later)
	s.excluded(later.ID, unique("refused", task.UntilStarted))
	s.advance(short)
	s.end(s.lease())
	s.leavesNothing()
}

func untilEnded(s *trial) {
	first := unique("first", task.UntilEnded)
	refused := func() { s.excluded(first.ID, unique("refused", task.UntilEnded)) }
	s.enqueue(first)
	refused()
	for _, status := range []task.Status{task.StatusRetrying, task.StatusScheduled, task.StatusPending} {
		held := s.lease()
		refused()
		s.settle(broker.Outcome{Lease: held, Status: status, Task: held.Task, Delay: short})
		refused()
		s.advance(short)
	}
	s.end(s.lease())
	s.standsAlone(unique("second", task.UntilEnded))
	s.end(s.lease())
	s.leavesNothing()
}

func untilEndedOvertaken(s *trial) {
	first := unique("first", task.UntilEnded)
	late, current := s.overtaken(first)
	s.excluded(first.ID, unique("refused", task.UntilEnded))
	s.mustLose(late)
	s.excluded(first.ID, unique("refused", task.UntilEnded))
	s.end(current)
	s.standsAlone(unique("second", task.UntilEnded))
	s.end(s.lease())
	s.leavesNothing()
}

func throttles(s *trial) {
	const lasts = 8 * short
	first := unique("first", task.Throttle)
	first.Unique.For = lasts
	began := s.now()
	s.enqueue(first)
	s.end(s.lease())
	second := unique("second", task.Throttle)
	second.Unique.For = grain
	s.eventually("a throttled task is refused though the time has passed", func() bool {
		errs := s.broker.Enqueue(s.ctx, []*task.Task{second})
		passed := s.now().Sub(began)
		if errs == nil && passed < lasts-grain {
			s.Fatalf("a second task was taken %v after the first, want it refused for %v", passed, lasts)
		}
		if errs != nil {
			s.isExcluded("Enqueue", errs, first.ID)
		}
		return errs == nil || passed > lasts+s.patience
	})
	s.end(s.lease())
	s.leavesNothing()
}

func debounces(s *trial) {
	const lasts = 3 * short
	first := unique("first", task.Debounce)
	first.Unique.For = lasts
	s.enqueue(first)
	s.nothing()
	var last time.Time
	for _, label := range []string{"second", "last"} {
		next := unique(label, task.Debounce)
		next.Unique.For, next.Priority = lasts, task.HighPriority
		last = s.now()
		s.takesPlace(first.ID, next)
	}
	s.advance(lasts)
	got := s.lease()
	if string(got.Task.Payload) != "last" || got.ID != first.ID || got.Priority != task.HighPriority {
		s.Errorf("leased %s of ID %s, want what the last one brought with the ID of the first", describe([]broker.Lease{got}), got.ID)
	}
	if waited := got.Task.StartedAt.Sub(last); waited < lasts-grain {
		s.Errorf("started %v after the last one came, want %v at least", waited, lasts)
	}
	s.end(got)
	s.leavesNothing()
}

// limited returns a task that is due an hour after the last and the first one.
func limited(label string) *task.Task {
	t := unique(label, task.Debounce)
	t.Unique.Limit = long
	return t
}

func debounceLimit(s *trial) {
	s.inspector()
	first := limited("first")
	s.enqueue(first)
	came := s.now()
	s.pass(short)
	s.takesPlace(first.ID, limited("last"))
	s.dueBy(first.ID, came.Add(long))
}

// dueBy checks that a scheduled task is due at that time at the latest.
func (s *trial) dueBy(id uuid.UUID, by time.Time) {
	s.Helper()
	got := s.shown(id, task.StatusScheduled)
	if late := got.RunAt.Sub(by); late > 2*grain {
		s.Errorf("the task is due %v too late", late)
	}
}

// shown returns what inspection says of a task that has the status.
func (s *trial) shown(id uuid.UUID, status task.Status) *task.Task {
	s.Helper()
	got, err := s.inspector().Task(s.ctx, task.DefaultQueue, id)
	if err != nil {
		s.Fatalf("Task: %v", err)
	}
	if got.Status != status {
		s.Fatalf("the task is %s, want %s", got.Status, status)
	}
	return got
}

func debouncesAnew(s *trial) {
	first := unique("first", task.Debounce)
	first.Unique.For = short
	s.enqueue(first)
	s.advance(short)
	held := s.lease()
	second := unique("second", task.Debounce)
	second.Unique.For = short
	s.standsAlone(second)
	s.advance(short)
	again := s.lease()
	if again.ID != second.ID || string(held.Task.Payload) != "first" {
		s.Errorf("leased %s, want the second task", describe([]broker.Lease{again}))
	}
	s.end(held, again)
	s.leavesNothing()
}

func lockHeals(s *trial) {
	for _, mode := range []task.UniqueMode{task.UntilStarted, task.UntilEnded, task.Debounce, task.Latest} {
		for _, status := range endStatuses() {
			t := unique(string(status), mode)
			if mode == task.Debounce {
				t.Unique.For = grain
			}
			s.standsAlone(t)
			s.advance(short)
			s.settle(broker.Outcome{Lease: s.lease(), Status: status, Keep: grain})
		}
	}
	s.leavesNothing()
}

func lockHealsAfterRevision(s *trial) {
	for _, change := range []broker.Change{{Delete: true}, {Status: task.StatusCancelled}, {Status: task.StatusCancelled, Keep: short}} {
		for _, mode := range []task.UniqueMode{task.UntilStarted, task.UntilEnded, task.Debounce, task.Latest} {
			t := unique("revised", mode)
			s.standsAlone(t)
			s.revise(change, t.ID)
		}
	}
	s.leavesNothing()
}

func sameUnique(s *trial) {
	for _, mode := range []task.UniqueMode{task.UntilStarted, task.UntilEnded, task.Latest} {
		t := unique("same", mode)
		s.enqueue(t)
		s.stands(t, true)
		s.stands(t, true)
		s.onlyOne("same")
	}
}

func lostUnique(s *trial) {
	for _, mode := range []task.UniqueMode{task.UntilStarted, task.UntilEnded, task.Latest} {
		s.lose()
		s.standsAlone(unique("lost", mode))
		s.onlyOne("lost")
	}
	first, last := unique("first", task.Latest), unique("last", task.Latest)
	s.enqueue(first)
	s.lose()
	s.takesPlace(first.ID, last)
	s.onlyOne("last")
}

func uniqueEndsClean(s *trial) {
	for _, mode := range []task.UniqueMode{task.UntilStarted, task.UntilEnded, task.Throttle, task.Debounce, task.Latest} {
		t := unique("clean", mode)
		t.Unique.Key = fmt.Sprint("key of mode ", mode)
		if t.Unique.For > 0 {
			t.Unique.For = short
		}
		s.enqueue(t)
	}
	s.advance(short)
	for range 5 {
		s.end(s.lease())
	}
	s.leavesNothing()
}
