package memory_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// isStorageError checks that an error is the storage's, and says what was being done
// and that it may pass.
func (r *rig) isStorageError(err error, want string) {
	r.Helper()
	text := want + ": " + task.ErrUnavailable.Error() + ": " + errStorage.Error()
	if !errors.Is(err, errStorage) || !errors.Is(err, task.ErrUnavailable) || err.Error() != text {
		r.Errorf("error %v, want %q", err, text)
	}
}

// The storage knows of each change when the call returns.
func TestWriteThrough(t *testing.T) {
	t.Parallel()
	s := newRecords(t)
	r := s.open(t)
	a := labelled("a")[0]
	isStored := func(want task.Status) {
		t.Helper()
		if found := s.status(a.ID); found != want {
			t.Errorf("the storage has the task as %q, want %q", found, want)
		}
	}
	again := func() []broker.Lease {
		t.Helper()
		held := r.lease(1)
		isStored(task.StatusRunning)
		return held
	}
	r.enqueue(a)
	isStored(task.StatusPending)
	for _, status := range []task.Status{task.StatusPending, task.StatusRetrying, task.StatusScheduled} {
		r.settle(status, again()...)
		isStored(status)
	}
	r.settleAll(outcomes(broker.Outcome{Status: task.StatusFailed, Keep: time.Hour}, again()...))
	isStored(task.StatusFailed)

	later := due(time.Hour, "later")
	gone := labelled("gone")[0]
	r.enqueue(later, gone)
	if found := s.status(later.ID); found != task.StatusScheduled {
		t.Errorf("the storage has the scheduled task as %q", found)
	}
	r.settle(task.StatusCompleted, r.lease(1)...)
	if found := s.status(gone.ID); found != "" {
		t.Errorf("the storage has the dropped task as %q", found)
	}
}

func TestEnqueueWithStorageOutOfOrder(t *testing.T) {
	t.Parallel()
	s := newRecords(t)
	r := s.open(t)
	tasks := labelled("a", "b", "c")
	s.fail = func(_ string, id uuid.UUID) bool { return id == tasks[1].ID }
	errs := r.Enqueue(t.Context(), tasks)
	if len(errs) != 3 || errs[0] != nil || errs[2] != nil {
		t.Fatalf("Enqueue returned %v, want an error for the second task alone", errs)
	}
	r.isStorageError(errs[1], "save task in storage")
	if _, err := r.Tick(t.Context(), broker.Tick{Schedule: "s", At: time.UnixMilli(1), Task: tasks[1]}); err == nil {
		t.Errorf("Tick took a task that was not saved")
	} else {
		r.isStorageError(err, "save task in storage")
	}
	s.fail = nil
	if got, err := r.Tick(t.Context(), broker.Tick{Schedule: "s", At: time.UnixMilli(1), Task: tasks[1]}); !got.Enqueued || err != nil {
		t.Errorf("the repeated Tick returned %+v, %v, want it enqueued", got, err)
	}
	r.isLeased(r.lease(9), "a", "c", "b")
}

func TestLeaseWithStorageOutOfOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		tasks := labelled("a", "b", "c")
		r.enqueue(tasks...)
		s.fail = func(_ string, id uuid.UUID) bool { return id == tasks[1].ID }
		first := r.lease(9)
		r.isLeased(first, "a") // drawn before the failure, so not lost
		if _, err := r.Lease(t.Context(), request(9)); err == nil {
			t.Error("Lease returned no error")
		} else {
			r.isStorageError(err, "save task in storage")
		}
		s.fail = nil
		got := r.lease(9)
		r.isLeased(got, "b", "c")
		if got[0].Deliveries != 1 {
			t.Errorf("a lease that failed counts as a delivery: %d", got[0].Deliveries)
		}

		// The same with a lease that has run out.
		time.Sleep(time.Minute)
		s.breakDown("SaveTask")
		if _, err := r.Lease(t.Context(), request(9)); !errors.Is(err, errStorage) {
			t.Errorf("Lease returned %v, want the storage's error", err)
		}
		if errs := r.Extend(t.Context(), first, time.Nanosecond); errs != nil {
			t.Errorf("Extend returned %v: the lease was not taken over", errs)
		}
		s.breakDown("")
		time.Sleep(time.Nanosecond)
		r.isLeased(r.lease(9), "b", "c", "a")
	})
}

// A caller that gets the storage's error does not leave the work unseen.
func TestStorageErrorIsNotTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		calls := r.block(t, 2)
		a := labelled("a")
		failed := false
		s.fail = func(string, uuid.UUID) bool {
			status := s.stored[a[0].ID]
			once := status != nil && !failed
			failed = failed || once
			return once
		}
		r.enqueue(a...)
		if got := <-calls[0]; !errors.Is(got.err, errStorage) {
			t.Errorf("Lease returned %q, %v, want the storage's error", labels(got.leases), got.err)
		}
		r.isAnsweredAt(calls[1], time.Now(), "a")
	})
}

func TestSettleWithStorageOutOfOrder(t *testing.T) {
	t.Parallel()
	s := newRecords(t)
	r := s.open(t)
	for _, c := range []struct {
		call, want string
		outcome    broker.Outcome
	}{
		{"SaveTask", "save task in storage", broker.Outcome{Status: task.StatusFailed, Keep: time.Hour}},
		{"SaveTask", "save task in storage", broker.Outcome{Status: task.StatusRetrying, Delay: time.Hour}},
		{"SaveTask", "save task in storage", broker.Outcome{Status: task.StatusPending}},
		{"DeleteTask", "delete task from storage", broker.Outcome{Status: task.StatusCompleted}},
	} {
		r.enqueue(labelled("a")...)
		held := r.lease(1)
		s.breakDown(c.call)
		errs := r.Settle(t.Context(), outcomes(c.outcome, held...))
		if len(errs) != 1 {
			t.Fatalf("Settle returned %v, want an error", errs)
		}
		r.isStorageError(errs[0], c.want)
		s.breakDown("")
		if errs := r.Extend(t.Context(), held, time.Hour); errs != nil {
			t.Errorf("Extend returned %v: the lease is not held any more", errs)
		}
		if found := s.status(held[0].ID); found != task.StatusRunning {
			t.Errorf("the storage has the task as %q, want running", found)
		}
		r.settle(task.StatusCompleted, held...)
	}
	if n := s.count(); n != 0 {
		t.Errorf("the storage has %d tasks, want none", n)
	}
}

// A task that cannot be deleted when its time has come is gone all the same,
// and the next broker deletes it.
func TestSweepWithStorageOutOfOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		r.keep(time.Minute, task.StatusCompleted, "a", "b")
		time.Sleep(time.Minute)
		s.breakDown("DeleteTask")
		r.leavesNothing()
		if n := s.count(); n != 2 {
			t.Errorf("the storage has %d tasks, want 2", n)
		}
		r = s.reopen(r)
		if n := s.count(); n != 2 {
			t.Errorf("the storage has %d tasks, want 2", n)
		}
		r.leavesNothing()
		s.breakDown("")
		r = s.reopen(r)
		r.leavesNothing()
		if n := s.count(); n != 0 {
			t.Errorf("the storage has %d tasks, want none", n)
		}
	})
}

func TestLoadWithStorageOutOfOrder(t *testing.T) {
	t.Parallel()
	s := newRecords(t)
	s.breakDown("LoadAllTasks")
	r := s.open(t)
	const want = "load tasks from storage"
	ctx, queue, id := t.Context(), task.DefaultQueue, uuid.New()
	for _, errs := range [][]error{
		r.Enqueue(ctx, labelled("a")), r.Extend(ctx, make([]broker.Lease, 1), time.Hour), r.Settle(ctx, make([]broker.Outcome, 1)),
	} {
		if len(errs) != 1 {
			t.Fatalf("a call returned %v, want one error", errs)
		}
		r.isStorageError(errs[0], want)
	}
	errs := make([]error, 8)
	_, errs[0] = r.Lease(ctx, request(1))
	_, errs[1] = r.Queues(ctx)
	_, errs[2] = r.Counts(ctx, queue)
	_, errs[3] = r.Broker.Task(ctx, queue, id)
	_, _, errs[4] = r.Tasks(ctx, queue, task.StatusPending, "", 1)
	_, errs[5] = r.Join(ctx, queue, "s")
	_, errs[6] = r.Tick(ctx, broker.Tick{Schedule: "s", At: time.UnixMilli(1), Task: labelled("a")[0]})
	errs[7] = r.Leave(ctx, queue, "s")
	for _, err := range errs {
		r.isStorageError(err, want)
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if errs := r.Enqueue(ctx, labelled("a")); !errors.Is(errs[0], task.ErrClosed) {
		t.Errorf("Enqueue after Close returned %v, want ErrClosed", errs)
	}
}

// While one call waits for a slow storage, others give up with their context,
// and testing/synctest does not take them for stuck.
func TestSlowStorage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		s.delay = time.Hour
		r := s.open(t)
		start := time.Now()
		done := make(chan []error)
		go func() { done <- r.Enqueue(context.Background(), labelled("a")) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		errs := r.Enqueue(ctx, labelled("b"))
		if len(errs) != 1 || !errors.Is(errs[0], context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("Enqueue returned %v after %v, want DeadlineExceeded after a minute", errs, time.Since(start))
		}
		if _, err := r.Lease(ctx, request(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Lease returned %v, want DeadlineExceeded", err)
		}
		if errs := <-done; errs != nil || time.Since(start) != time.Hour {
			t.Errorf("Enqueue returned %v after %v, want success after an hour", errs, time.Since(start))
		}
		r.isLeased(r.lease(1), "a")
	})
}

// One ID may be in use in several queues, also in the storage, which knows none.
func TestOneIDInManyQueues(t *testing.T) {
	t.Parallel()
	s := newRecords(t)
	r := s.open(t)
	queues := []string{"a", "b", "c"}
	id := uuid.New()
	for _, queue := range queues {
		t := labelled(queue)[0]
		t.ID, t.Queue, t.Headers = id, queue, map[string]string{"of": queue}
		r.enqueue(t)
	}
	r.settle(task.StatusCompleted, r.lease(1, "a")...) // b and c have other IDs in the storage still
	r = s.reopen(r)
	for _, queue := range queues[1:] {
		got, err := r.Broker.Task(t.Context(), queue, id)
		if err != nil || string(got.Payload) != queue || len(got.Headers) != 1 || got.Headers["of"] != queue {
			t.Errorf("queue %s has %+v, %v after a restart", queue, got, err)
		}
	}
	first := labelled("a again")[0]
	first.ID, first.Queue = id, "a"
	r.enqueue(first)
	r = s.reopen(r)
	got := r.lease(9, queues...)
	r.isLeased(got, "a again", "b", "c")
	if slices.ContainsFunc(got, func(l broker.Lease) bool { return l.ID != id }) {
		t.Errorf("leased %v, want all with ID %s", got, id)
	}
	r.settle(task.StatusCompleted, got...)
	r.leavesNothing()
	if n := s.count(); n != 0 {
		t.Errorf("the storage has %d tasks, want none", n)
	}
}
