package memory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Released tasks go before the others of their priority, in their old order.
func TestReleasedOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.enqueue(labelled("a", "b", "c", "d")...)
	leases := r.lease(3)
	high := labelled("high")
	high[0].Priority = task.HighPriority
	r.enqueue(high...)
	for _, l := range []broker.Lease{leases[1], leases[2], leases[0]} {
		r.settle(task.StatusPending, l)
	}
	again := r.lease(3)
	r.isLeased(again, "high", "a", "b")
	r.settle(task.StatusPending, again[2])
	r.isLeased(r.lease(9), "b", "c", "d")
}

// That holds for the priority that the worker has given it, too.
func TestReleasedWithNewPriority(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	tasks := labelled("first", "high")
	tasks[1].Priority = task.HighPriority
	r.enqueue(tasks...)
	held := r.lease(1)
	r.isLeased(held, "high")
	held[0].Task.Priority = task.MediumPriority
	r.settleAll(outcomes(broker.Outcome{Status: task.StatusPending, Task: held[0].Task}, held...))
	r.isLeased(r.lease(9), "high", "first")
}

// What the caller does later to a task that it has handed over or was handed
// does not reach the broker.
func TestTasksAreCopied(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	spoil := func(t *task.Task) { t.Payload[0], t.Headers["key"] = '?', "?" }
	isWhole := func(held []broker.Lease, want string) {
		t.Helper()
		r.isLeased(held, want)
		if found := held[0].Task.Headers["key"]; found != want {
			t.Errorf("the header is %q, want %q", found, want)
		}
	}
	a := labelled("a")[0]
	a.Headers = map[string]string{"key": "a"}
	r.enqueue(a)
	spoil(a)
	held := r.lease(1)
	isWhole(held, "a")
	spoil(held[0].Task)
	r.settle(task.StatusPending, held...)
	held = r.lease(1)
	isWhole(held, "a")
	b := held[0].Task
	b.Payload, b.Headers["key"] = []byte("b"), "b"
	r.settleAll(outcomes(broker.Outcome{Status: task.StatusPending, Task: b}, held...))
	spoil(b)
	isWhole(r.lease(1), "b")
}

// A task that stands is told as the same until an attempt was answered for: a
// release is no answer, a retry is.
func TestIdentical(t *testing.T) {
	t.Parallel()
	for status, same := range map[task.Status]bool{
		task.StatusPending: true, task.StatusRetrying: false, task.StatusScheduled: false, task.StatusCompleted: false,
	} {
		r := newRig(t, nil)
		a := labelled("a")
		r.enqueue(a...)
		r.stands(a[0], true)
		held := r.lease(9)
		r.isLeased(held, "a")
		r.stands(a[0], true)
		r.settleAll(outcomes(broker.Outcome{Status: status, Keep: time.Hour}, held...))
		r.stands(a[0], same)
	}
}

// stands enqueues a copy of the task, which is to be refused.
func (r *rig) stands(t *task.Task, same bool) {
	r.Helper()
	errs := r.Enqueue(context.Background(), []*task.Task{t.Clone()})
	var duplicate *task.DuplicateError
	if errs == nil || !errors.As(errs[0], &duplicate) || duplicate.ID != t.ID || duplicate.Unique || duplicate.Same != same {
		r.Errorf("Enqueue of what stands returned %v (%+v), want a *task.DuplicateError with Same %t", errs, duplicate, same)
	}
}

// A task that is due this very moment is pending.
func TestDueNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		tasks := labelled("now", "later")
		tasks[0].RunAt, tasks[1].RunAt = time.Now(), time.Now().Add(1)
		r.enqueue(tasks...)
		if tasks[0].Status != task.StatusPending || tasks[1].Status != task.StatusScheduled {
			t.Errorf("the tasks are %s and %s, want pending and scheduled", tasks[0].Status, tasks[1].Status)
		}
		if counts := r.counts(task.DefaultQueue); counts[task.StatusPending] != 1 || counts[task.StatusScheduled] != 1 {
			t.Errorf("Counts returned %v, want 1 pending and 1 scheduled", counts)
		}
	})
}

// Leases that ran out together go by priority, then in their order.
func TestExpiredOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		tasks := labelled("a", "low", "b", "high")
		tasks[1].Priority, tasks[3].Priority = task.LowPriority, task.HighPriority
		r.enqueue(tasks...)
		if got := r.lease(4); len(got) != 4 {
			t.Fatalf("leased %q", labels(got))
		}
		time.Sleep(time.Minute)
		first := labelled("first")
		first[0].Priority = task.MaxPriority
		r.enqueue(first...)
		r.isLeased(r.lease(9), "high", "a", "b", "low", "first")
	})
}

// Delayed tasks are promoted as they fall due, whatever kept them waiting.
func TestDueOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.enqueue(labelled("retry 2", "retry 4")...)
		retries := r.lease(2)
		for i, delay := range []time.Duration{2 * time.Second, 4 * time.Second} {
			r.settleAll(outcomes(broker.Outcome{Status: task.StatusRetrying, Delay: delay}, retries[i]))
		}
		for _, seconds := range []int{3, 1, 5} {
			later := labelled(fmt.Sprint("at ", seconds))
			later[0].RunAt = time.Now().Add(time.Duration(seconds) * time.Second)
			r.enqueue(later...)
		}
		time.Sleep(4 * time.Second)
		r.isLeased(r.lease(9), "at 1", "retry 2", "at 3", "retry 4")
		time.Sleep(time.Second - time.Nanosecond)
		r.isLeased(r.lease(9))
		time.Sleep(time.Nanosecond)
		r.isLeased(r.lease(9), "at 5")
	})
}

// A call fills up from the queues that come later.
func TestQueuePreference(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, queue := range []string{"a", "b", "c"} {
		tasks := labelled(queue+"1", queue+"2")
		for _, t := range tasks {
			t.Queue = queue
		}
		r.enqueue(tasks...)
	}
	got := r.lease(3, "c", "none", "a")
	r.isLeased(got, "c1", "c2", "a1")
	if got[0].Token != got[2].Token {
		t.Errorf("one call has drawn tokens %d and %d, want one", got[0].Token, got[2].Token)
	}
}

// Tokens grow although a queue is forgotten once it is empty.
func TestTokensGrowOverEmptiness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		var last int64
		for range 3 {
			r.enqueue(labelled("a")...)
			got := r.lease(1)
			if got[0].Token <= last {
				t.Errorf("token %d after %d", got[0].Token, last)
			}
			last = got[0].Token
			r.settle(task.StatusCompleted, got...)
			r.leavesNothing()
		}
	})
}

// Queues are empty one after the other, in turn and in the same call, and what
// one leaves behind does not show in another.
func TestEmptyQueuesAreForgotten(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, n := range []int{1, 3000, 2} {
		for _, queue := range []string{"a", "b"} {
			for chunk := range slices.Chunk(labelled(numbers(n)...), broker.MaxBatch) {
				for _, t := range chunk {
					t.Queue = queue
				}
				r.enqueue(chunk...)
			}
		}
		for left := 2 * n; left > 0; {
			leases := r.lease(broker.MaxBatch, "b", "a")
			if len(leases) == 0 {
				t.Fatalf("%d tasks are missing", left)
			}
			left -= len(leases)
			r.settle(task.StatusCompleted, leases...)
		}
		r.leavesNothing()
	}
	if queues, err := r.Queues(context.Background()); err != nil || !slices.Equal(queues, []string{"a", "b"}) {
		t.Errorf("Queues returned %q, %v, want a and b: they have had tasks", queues, err)
	}
}

// Handed-back tasks keep what identifies them.
func TestSettleKeepsIdentity(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.enqueue(labelled("a")...)
	held := r.lease(1)[0]
	changed := task.New("changed", []byte("b"))
	changed.Queue, changed.Priority = "elsewhere", 9999
	r.settleAll([]broker.Outcome{{Lease: held, Status: task.StatusRetrying, Task: changed}})
	again := r.lease(1)
	r.isLeased(again, "b")
	if got := again[0]; got.ID != held.ID || got.Task.ID != held.ID || got.Queue != held.Queue || got.Token <= held.Token {
		t.Errorf("leased again as %+v, want the ID and the queue of %+v and a greater token", got, held)
	}
}

func TestBadOutcome(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.enqueue(labelled("a")...)
	held := r.lease(1)
	for _, status := range []task.Status{"", task.StatusRunning, "unknown"} {
		errs := r.Settle(context.Background(), outcomes(broker.Outcome{Status: status}, held...))
		if len(errs) != 1 || !errors.Is(errs[0], task.ErrInvalid) {
			t.Errorf("settling as %q returned %v, want ErrInvalid", status, errs)
		}
	}
	r.settle(task.StatusCompleted, held...)
}

func TestNilTask(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	errs := r.Enqueue(context.Background(), []*task.Task{nil, labelled("a")[0]})
	if len(errs) != 2 || !errors.Is(errs[0], task.ErrInvalid) || errs[1] != nil {
		t.Errorf("Enqueue returned %v, want ErrInvalid and nil", errs)
	}
	if _, err := r.Tick(context.Background(), broker.Tick{Schedule: "s"}); !errors.Is(err, task.ErrInvalid) {
		t.Errorf("Tick returned %v, want ErrInvalid", err)
	}
	r.isLeased(r.lease(1), "a")
}

// Times that would overflow are as late as can be.
func TestEndlessTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.enqueue(labelled("long", "retrying", "kept")...)
		const endless = time.Duration(1<<63 - 1)
		req := request(3)
		req.Duration = endless
		leases, err := r.Lease(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		r.settleAll([]broker.Outcome{
			{Lease: leases[1], Status: task.StatusRetrying, Delay: endless},
			{Lease: leases[2], Status: task.StatusFailed, Keep: endless},
		})
		time.Sleep(200 * 365 * 24 * time.Hour)
		r.isLeased(r.lease(3))
		r.settle(task.StatusCompleted, leases[0])
		if counts := r.counts(task.DefaultQueue); counts[task.StatusRetrying] != 1 || counts[task.StatusFailed] != 1 {
			t.Errorf("Counts returned %v, want 1 retrying and 1 failed", counts)
		}
	})
}
