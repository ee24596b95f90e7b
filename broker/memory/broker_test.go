package memory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// rig is a broker under test, with the steps that tests take.
type rig struct {
	*memory.Broker
	testing.TB
}

func newRig(tb testing.TB, opts *memory.Options) *rig {
	r := &rig{memory.New(opts), tb}
	tb.Cleanup(func() { _ = r.Close() })
	return r
}

// labelled returns tasks whose payloads are the labels.
func labelled(labels ...string) []*task.Task {
	tasks := make([]*task.Task, len(labels))
	for i, label := range labels {
		tasks[i] = task.New("test", []byte(label))
	}
	return tasks
}

func (r *rig) enqueue(tasks ...*task.Task) {
	r.Helper()
	if errs := r.Enqueue(context.Background(), tasks); errs != nil {
		r.Fatalf("Enqueue returned %v", errs)
	}
}

func request(most int, queues ...string) broker.LeaseRequest {
	if len(queues) == 0 {
		queues = []string{task.DefaultQueue}
	}
	return broker.LeaseRequest{Worker: "w", Queues: queues, Max: most, Duration: time.Minute}
}

// lease leases up to that many at once, and none if there is nothing.
func (r *rig) lease(most int, queues ...string) []broker.Lease {
	r.Helper()
	leases, err := r.Lease(&impatient{Context: context.Background()}, request(most, queues...))
	if err != nil && !errors.Is(err, context.Canceled) {
		r.Fatalf("Lease: %v", err)
	}
	return leases
}

// impatient is a context that ends as soon as somebody waits for it.
type impatient struct {
	context.Context
	waitedFor atomic.Bool
}

func (c *impatient) Done() <-chan struct{} {
	c.waitedFor.Store(true)
	ended := make(chan struct{})
	close(ended)
	return ended
}

func (c *impatient) Err() error {
	if c.waitedFor.Load() {
		return context.Canceled
	}
	return nil
}

func labels(leases []broker.Lease) []string {
	var found []string
	for _, l := range leases {
		found = append(found, string(l.Task.Payload))
	}
	return found
}

func (r *rig) isLeased(leases []broker.Lease, want ...string) {
	r.Helper()
	if found := labels(leases); !slices.Equal(found, want) {
		r.Errorf("leased %q, want %q", found, want)
	}
}

func (r *rig) settle(status task.Status, leases ...broker.Lease) {
	r.Helper()
	r.settleAll(outcomes(broker.Outcome{Status: status}, leases...))
}

func (r *rig) settleAll(all []broker.Outcome) {
	r.Helper()
	if errs := r.Settle(context.Background(), all); errs != nil {
		r.Fatalf("Settle returned %v", errs)
	}
}

func outcomes(like broker.Outcome, leases ...broker.Lease) []broker.Outcome {
	all := make([]broker.Outcome, len(leases))
	for i, l := range leases {
		all[i] = like
		all[i].Lease = l
	}
	return all
}

// keep lets new tasks end, to be kept for so long.
func (r *rig) keep(keep time.Duration, status task.Status, labels ...string) {
	r.Helper()
	r.enqueue(labelled(labels...)...)
	r.settleAll(outcomes(broker.Outcome{Status: status, Keep: keep}, r.lease(len(labels))...))
}

func (r *rig) counts(queue string) map[task.Status]int {
	r.Helper()
	counts, err := r.Counts(context.Background(), queue)
	if err != nil {
		r.Fatalf("Counts: %v", err)
	}
	return counts
}

// list returns the labels of the tasks of a status.
func (r *rig) list(status task.Status) []string {
	r.Helper()
	tasks, _, err := r.Tasks(context.Background(), task.DefaultQueue, status, "", broker.MaxBatch)
	if err != nil {
		r.Fatalf("Tasks: %v", err)
	}
	var found []string
	for _, t := range tasks {
		found = append(found, string(t.Payload))
	}
	return found
}

func (r *rig) leavesNothing() {
	r.Helper()
	if left := r.Leftovers(); left != nil {
		r.Errorf("what is left: %q", left)
	}
}

// numbers returns the labels 0 to n-1.
func numbers(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(i)
	}
	return all
}

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

// MaxEnded drops what ended first, not what goes next, and says so.
func TestMaxEnded(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := newRig(t, &memory.Options{MaxEnded: 3, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	r.keep(3*time.Hour, task.StatusCompleted, "a")
	r.keep(2*time.Hour, task.StatusCompleted, "b")
	r.keep(1*time.Hour, task.StatusFailed, numbers(3)...)
	r.keep(1*time.Hour, task.StatusCompleted, "c")
	if log.Len() > 0 {
		t.Errorf("logged before anything was dropped: %s", log.String())
	}
	r.keep(time.Minute, task.StatusCompleted, "d")
	if found := r.list(task.StatusCompleted); !slices.Equal(found, []string{"d", "c", "b"}) {
		t.Errorf("completed tasks are %q, want d, c, b", found)
	}
	if found := r.list(task.StatusFailed); len(found) != 3 {
		t.Errorf("failed tasks are %q, want 3 of them", found)
	}
	for range 3 {
		r.keep(time.Hour, task.StatusCompleted, "e")
	}
	if n := strings.Count(log.String(), "MaxEnded"); n != 2 || !strings.Contains(log.String(), "dropped=4") {
		t.Errorf("logged %d times, want for the first and the fourth that was dropped:\n%s", n, log.String())
	}
	if n := r.Retained(); n != 6 {
		t.Errorf("%d tasks are retained, want 6", n)
	}
}

// A call drops a bounded number of overdue tasks, and nobody sees the others.
func TestSweep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.keep(time.Hour, task.StatusFailed, "kept")
		r.keep(time.Minute, task.StatusFailed, numbers(broker.MaxBatch-1)...)
		again := labelled("again")
		r.enqueue(again...)
		r.settleAll(outcomes(broker.Outcome{Status: task.StatusFailed, Keep: time.Minute}, r.lease(1)...))
		time.Sleep(time.Minute - time.Nanosecond)
		if n := r.counts(task.DefaultQueue)[task.StatusFailed]; n != broker.MaxBatch+1 {
			t.Fatalf("%d tasks are kept, want %d", n, broker.MaxBatch+1)
		}
		time.Sleep(time.Nanosecond)

		// In a queue of their own these calls touch nothing but the sweep.
		left := broker.MaxBatch + 1
		for name, call := range map[string]func(){
			"Queues": func() { _, _ = r.Queues(t.Context()) },
			"Lease":  func() { r.lease(1, "other") },
		} {
			call()
			if n := left - r.Retained(); n < memory.SweepBatch || n > 2*(memory.SweepBatch+1) {
				t.Errorf("%s has dropped %d tasks, want %d a look", name, n, memory.SweepBatch)
			}
			left = r.Retained()
		}
		if n := r.counts(task.DefaultQueue)[task.StatusFailed]; n != 1 {
			t.Errorf("%d tasks are counted, want 1", n)
		}
		if found := r.list(task.StatusFailed); !slices.Equal(found, []string{"kept"}) {
			t.Errorf("tasks %q are listed, want kept", found)
		}
		if got, err := r.Task(t.Context(), task.DefaultQueue, again[0].ID); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("Task returned %v, %v, want ErrNotFound", got, err)
		}
		if r.Retained() == 1 {
			t.Fatal("all has been swept: the test shows nothing")
		}
		again[0].Payload = []byte("changed")
		r.enqueue(again...)
		got := r.lease(1)
		r.isLeased(got, "changed")
		r.settle(task.StatusCompleted, got...)
		for range broker.MaxBatch / memory.SweepBatch {
			_, _ = r.Queues(t.Context())
		}
		if n := r.Retained(); n != 1 {
			t.Errorf("%d tasks are retained, want 1", n)
		}
		time.Sleep(time.Hour)
		r.leavesNothing()
	})
}

// Each call drops as many as it may add, so that sweeping keeps up.
func TestSweepKeepsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		for range 20 {
			r.keep(time.Second, task.StatusCompleted, numbers(broker.MaxBatch)...)
			time.Sleep(time.Second)
		}
		if n := r.Retained(); n > 2*broker.MaxBatch {
			t.Errorf("%d tasks are retained after 20 batches of %d, each kept for a second", n, broker.MaxBatch)
		}
	})
}

// The broker says when a task ended if nobody else has.
func TestEndedAt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.keep(time.Hour, task.StatusCancelled, "a")
		tasks, _, err := r.Tasks(t.Context(), task.DefaultQueue, task.StatusCancelled, "", 1)
		if err != nil || len(tasks) != 1 || !tasks[0].EndedAt.Equal(time.Now()) {
			t.Errorf("Tasks returned %+v, %v, want one that ended now", tasks, err)
		}
	})
}
