package scheduler_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/scheduler"
	"github.com/nex-gen-tech/jobsy/task"
)

// TestOnMemory runs three schedulers and one worker on the in-memory broker. The
// task of each tick takes 1.5 s, so that one schedule overlaps with itself.
func TestOnMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 3)
		for range 3 {
			s := scheduler.New(b, nil)
			mustAdd(t, s.Every("beat", time.Second, task.New("beat", nil)))
			mustAdd(t, s.Add(scheduler.Schedule{
				ID: "alone", Spec: "@every 1s", Task: task.New("alone", nil), Overlap: scheduler.OverlapSkip,
			}))
			go func() { ended <- s.Run(ctx) }()
		}
		began := time.Now()
		ran := map[string]int{}
		for time.Since(began) < 10500*time.Millisecond {
			within, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			leases, _ := b.Lease(within, broker.LeaseRequest{Worker: "w", Queues: []string{task.DefaultQueue}, Max: 10, Duration: time.Minute})
			cancel()
			for _, lease := range leases {
				ran[lease.Task.Name]++
				if late := time.Since(lease.Task.RunAt); late != 0 {
					t.Errorf("%s ran %v after its tick", lease.Task.Name, late)
				}
				time.AfterFunc(1500*time.Millisecond, func() {
					b.Settle(t.Context(), []broker.Outcome{{Lease: lease, Status: task.StatusCompleted}})
				})
			}
		}
		stop()
		for range 3 {
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		}
		if ran["beat"] != 10 || ran["alone"] != 5 {
			t.Errorf("ran %v, want 10 beats and 5 alone", ran)
		}
		time.Sleep(2 * time.Second) // the settlements that are on their way
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
}

func mustAdd(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
