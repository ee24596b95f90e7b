package memory_test

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// A bound drops what would go first, not what ended first, and says so.
func TestBounds(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := newRig(t, &memory.Options{Bounds: bounds(3), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	r.keep(3*time.Hour, task.StatusCompleted, "a")
	r.keep(2*time.Hour, task.StatusCompleted, "b")
	r.keep(1*time.Hour, task.StatusFailed, numbers(3)...)
	r.keep(1*time.Hour, task.StatusCompleted, "c")
	if log.Len() > 0 {
		t.Errorf("logged before anything was dropped: %s", log.String())
	}
	r.keep(time.Minute, task.StatusCompleted, "d")
	if found := r.list(task.StatusCompleted); !slices.Equal(found, []string{"c", "b", "a"}) {
		t.Errorf("completed tasks are %q, want c, b, a", found)
	}
	if found := r.list(task.StatusFailed); len(found) != 3 {
		t.Errorf("failed tasks are %q, want 3 of them", found)
	}
	for range 3 {
		r.keep(time.Hour, task.StatusCompleted, "e")
	}
	if n := strings.Count(log.String(), "Bounds"); n != 2 || !strings.Contains(log.String(), "dropped=4") {
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

// At a bound, tasks of two retentions end as quickly as those of one: what goes
// first is found without looking at all.
func TestBoundWithTwoRetentions(t *testing.T) {
	const most = 10_000
	full := func(retentions ...time.Duration) *rig {
		r := newRig(t, &memory.Options{Bounds: bounds(most)})
		for range most/broker.MaxBatch + 1 {
			r.endWith(broker.MaxBatch, retentions)
		}
		return r
	}
	one, two := full(time.Hour), full(time.Hour, 2*time.Hour)
	quickest := func(r *rig, retentions ...time.Duration) time.Duration {
		start := time.Now()
		r.endWith(broker.MaxBatch, retentions)
		return time.Since(start)
	}
	of1, of2 := time.Hour, time.Hour
	for range 5 { // by turns, and the best of each, for others are at work here
		of1 = min(of1, quickest(one, time.Hour))
		of2 = min(of2, quickest(two, time.Hour, 2*time.Hour))
	}
	if of2 > 5*of1 {
		t.Errorf("%d tasks of two retentions take %v where those of one take %v", broker.MaxBatch, of2, of1)
	}
}

// endWith has n new tasks end, to be kept for one retention after the other.
func (r *rig) endWith(n int, retentions []time.Duration) {
	r.Helper()
	r.enqueue(labelled(make([]string, n)...)...)
	all := outcomes(broker.Outcome{Status: task.StatusCompleted}, r.lease(n)...)
	for i := range all {
		all[i].Keep = retentions[i%len(retentions)]
	}
	r.settleAll(all)
}

// Gone is told of each task once it is not there any more, and may panic.
func TestGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var gone []uuid.UUID
		b := memory.New(&memory.Options{Gone: func(queue string, id uuid.UUID) {
			gone = append(gone, id)
			panic(queue)
		}})
		deleted, dropped, kept := task.New("a", nil), task.New("b", nil), task.New("c", nil)
		for _, tk := range []*task.Task{deleted, dropped, kept} {
			if err := b.Enqueue(t.Context(), []*task.Task{tk}); err != nil {
				t.Fatal(err)
			}
		}
		revise := func(id uuid.UUID, change broker.Change) {
			if err := b.Revise(t.Context(), task.DefaultQueue, []uuid.UUID{id}, change); err != nil {
				t.Fatal(err)
			}
		}
		revise(deleted.ID, broker.Change{Delete: true})
		revise(dropped.ID, broker.Change{Status: task.StatusCancelled, Keep: time.Minute})
		if !slices.Equal(gone, []uuid.UUID{deleted.ID}) {
			t.Errorf("gone are %v, want the one that was deleted", gone)
		}
		time.Sleep(2 * time.Minute)
		if _, err := b.Counts(t.Context(), task.DefaultQueue); err != nil {
			t.Fatal(err)
		}
		revise(kept.ID, broker.Change{Status: task.StatusPending})
		if !slices.Equal(gone, []uuid.UUID{deleted.ID, dropped.ID}) {
			t.Errorf("gone are %v, want also the one whose time had passed", gone)
		}
	})
}
