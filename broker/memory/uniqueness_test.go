package memory_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// A group that is large enough runs at once, however few its members are.
func TestGroupIsFullInBytes(t *testing.T) {
	t.Parallel()
	r := newRig(t, &memory.Options{})
	var tasks []*task.Task
	for range 2 {
		large := task.New("large", make([]byte, broker.MaxGatherBytes/2))
		large.Gather = task.Gather{Key: "k", Delay: time.Hour}
		tasks = append(tasks, large)
	}
	r.enqueue(tasks...)
	leases := r.lease(1)
	if len(leases) != 1 || len(leases[0].Task.Members) != 1 {
		t.Fatalf("leased %d tasks, want the group of two", len(leases))
	}
	r.settle(task.StatusCompleted, leases...)
}

// locked returns a task whose lock is that of all others from here.
func locked(label string, unique task.Unique) *task.Task {
	t := labelled(label)[0]
	t.Unique = unique
	t.Unique.Key = "k"
	return t
}

// isRefused checks that a task meets the lock of the holder.
func (r *rig) isRefused(t *task.Task, holder uuid.UUID) {
	r.Helper()
	var refused *task.DuplicateError
	errs := r.Enqueue(r.Context(), []*task.Task{t})
	if len(errs) != 1 || !errors.As(errs[0], &refused) || !refused.Unique || refused.ID != holder {
		r.Errorf("Enqueue returned %v, want that %s holds the lock", errs, holder)
	}
}

// A task that waits for its first run has its lock after a restart, also where an
// older one with the key has started and not ended, and none once it has started.
func TestUntilStartedOverRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		mode := task.Unique{Mode: task.UntilStarted}
		older := locked("older", mode)
		r.enqueue(older)
		r = s.reopen(r)
		r.isRefused(locked("refused", mode), older.ID)
		r.settleAll(outcomes(broker.Outcome{Status: task.StatusRetrying, Delay: time.Hour}, r.lease(1)...))
		time.Sleep(time.Second)
		waiting := locked("waiting", mode)
		r.enqueue(waiting)
		for range 2 {
			r = s.reopen(r)
			r.isRefused(locked("refused", mode), waiting.ID)
		}
		r.isLeased(r.lease(1), "waiting")
		r = s.reopen(r)
		time.Sleep(time.Second)
		r.enqueue(locked("third", mode))
		r.isLeased(r.lease(9), "waiting", "third")
	})
}

// A task that is debounced goes on being so after a restart, and its Limit counts
// from the first.
func TestDebounceOverRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		mode := task.Unique{Mode: task.Debounce, For: 10 * time.Second, Limit: 25 * time.Second}
		first := locked("0", mode)
		first.EnqueuedAt = time.Unix(1, 0) // by the clock of a producer, which decides nothing
		r.enqueue(first)
		start := time.Now()
		isDue := func(after time.Duration) {
			t.Helper()
			got, err := r.Broker.Task(t.Context(), task.DefaultQueue, first.ID)
			if err != nil || !got.RunAt.Equal(start.Add(after)) || len(got.Headers) != 0 {
				t.Fatalf("the task is %+v, %v, want it due %v after the first", got, err, after)
			}
		}
		for i, due := range []time.Duration{18, 25, 25} {
			time.Sleep(8 * time.Second)
			r = s.reopen(r)
			isDue(min(time.Duration(10+8*i)*time.Second, 25*time.Second))
			next := locked(numbers(9)[i+1], mode)
			if r.enqueue(next); next.ID != first.ID {
				t.Fatalf("newcomer %d is task %s, want that it takes the place of the first", i, next.ID)
			}
			isDue(due * time.Second)
		}
		time.Sleep(time.Second)
		held := r.lease(9)
		r.isLeased(held, "3")
		r = s.reopen(r) // once it has started, the next one begins anew
		next := locked("next", mode)
		if r.enqueue(next); next.ID == first.ID {
			t.Error("a newcomer has taken the place of a task that has started")
		}
		r = s.reopen(r)
		again := locked("again", mode)
		if r.enqueue(again); again.ID != next.ID {
			t.Error("a newcomer does not take the place of the one that waits: an older one with the key has started")
		}
	})
}

// So does a group that is gathered, and a lock by time.
func TestGatherAndThrottleOverRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		group := func(label string) *task.Task {
			t := labelled(label)[0]
			t.Gather = task.Gather{Key: "k", Delay: 10 * time.Second, Quiet: 6 * time.Second}
			return t
		}
		throttle := task.Unique{Mode: task.Throttle, For: time.Minute}
		start, first, holder := time.Now(), group("a"), locked("t", throttle)
		holder.EnqueuedAt = start.Add(-time.Hour)
		r.enqueue(first, holder)
		r.settleAll(outcomes(broker.Outcome{Status: task.StatusRetrying, Delay: time.Hour}, r.lease(1)...))
		time.Sleep(5 * time.Second)
		r = s.reopen(r)
		second := group("b")
		if r.enqueue(second); second.ID != first.ID {
			t.Error("the group was closed by a restart")
		}
		r.isAnsweredAt(r.start(t.Context(), 1), start.Add(10*time.Second), "a")
		time.Sleep(time.Minute - 10*time.Second - 1)
		r.isRefused(locked("refused", throttle), holder.ID)
		time.Sleep(time.Nanosecond)
		r.enqueue(locked("taken", throttle))
	})
}
