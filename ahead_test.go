package jobsy_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

// trained is a server that has learnt that its handlers are quick, so that it
// leases ahead. Tasks named "slow" are not quick.
func trained(t *testing.T, concurrency int, test func(r *rig, ran *atomic.Int32)) {
	var ran atomic.Int32
	inBubble(t, &jobsy.ServerOptions{Concurrency: concurrency}, func(s *jobsy.Server) {
		s.HandleFunc("quick", func(context.Context, *task.Task) error { ran.Add(1); return nil })
		s.HandleFunc("nap", func(context.Context, *task.Task) error { time.Sleep(10 * time.Millisecond); return nil })
		s.HandleFunc("slow", func(ctx context.Context, _ *task.Task) error { <-ctx.Done(); return ctx.Err() })
	}, func(r *rig) {
		r.enqueueMany("quick", 300)
		if ran.Load() != 300 {
			r.t.Fatalf("%d of 300 quick tasks ran", ran.Load())
		}
		ran.Store(0)
		test(r, &ran)
	})
}

func (r *rig) enqueueMany(name string, n int) {
	r.t.Helper()
	tasks := make([]*task.Task, n)
	for i := range tasks {
		tasks[i] = task.New(name, nil)
	}
	if err := r.client.Enqueue(r.t.Context(), tasks...); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

// leaseAheadOf has the server run a task of that name, and lease some of a hundred
// quick ones behind it.
func (r *rig) leaseAheadOf(name string) {
	r.t.Helper()
	tasks := []*task.Task{task.New(name, nil)}
	for range 100 {
		tasks = append(tasks, task.New("quick", nil))
	}
	if err := r.client.Enqueue(r.t.Context(), tasks...); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
	if counts, _ := r.broker.Counts(r.t.Context(), task.DefaultQueue); counts[task.StatusRunning] < 50 {
		r.t.Fatalf("counts %v: the server has not leased ahead, so this test shows nothing", counts)
	}
}

// Tasks behind a slow one get the other slots within milliseconds.
func TestATaskDoesNotWaitWhileASlotIsFree(t *testing.T) {
	trained(t, 2, func(r *rig, ran *atomic.Int32) {
		slow, quick := task.New("slow", nil), task.New("quick", nil)
		if err := r.client.Enqueue(r.t.Context(), slow, quick); err != nil {
			r.t.Fatal(err)
		}
		pass(2 * time.Millisecond)
		if ran.Load() != 1 {
			r.t.Error("P3: the quick task still waits behind the slow one")
		}
	})
}

// Tasks that were leased ahead of a slow one go back to other servers.
func TestATaskDoesNotWaitBehindASlowOne(t *testing.T) {
	trained(t, 1, func(r *rig, ran *atomic.Int32) {
		r.leaseAheadOf("slow")
		other := start(r.t, r.broker, r.broker, nil, func(s *jobsy.Server) {
			s.HandleFunc("quick", func(_ context.Context, t *task.Task) error {
				if t.Deliveries != 1 || t.Attempt != 1 {
					r.t.Errorf("P7: delivery %d, attempt %d of a task that only waited", t.Deliveries, t.Attempt)
				}
				ran.Add(1)
				return nil
			})
		})
		defer other.stop()
		pass(100 * time.Millisecond)
		if ran.Load() != 100 {
			r.t.Errorf("P3: %d of 100 quick tasks ran on the other server", ran.Load())
		}
	})
}

// What was leased ahead is handed back when the server stops.
func TestShutdownHandsBackWhatWaits(t *testing.T) {
	trained(t, 1, func(r *rig, ran *atomic.Int32) {
		r.leaseAheadOf("slow")
		stopped := make(chan error, 1)
		go func() { stopped <- r.stop() }()
		synctest.Wait()
		counts, err := r.broker.Counts(r.t.Context(), task.DefaultQueue)
		if err != nil || counts[task.StatusPending] != 100 || counts[task.StatusRunning] != 1 || ran.Load() != 0 {
			r.t.Errorf("P7: counts %v, %v, and %d ran, want 100 pending and the slow one running", counts, err, ran.Load())
		}
		if err := <-stopped; err != nil {
			r.t.Errorf("Run: %v", err)
		}
	})
}
