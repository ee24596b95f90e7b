package jobsy_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// Of tasks that have one delivery left, a server runs one at a time; what has more
// left runs beside them.
func TestLastChancesRunAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		suspects, others := lostTwice(t, b, 8), make([]*task.Task, 8)
		for i := range others {
			others[i] = task.New("other", nil)
		}
		client := jobsy.NewClient(b, nil)
		if err := client.Enqueue(t.Context(), others...); err != nil {
			t.Fatal(err)
		}
		server := jobsy.NewServer(b, &jobsy.ServerOptions{MaxDeliveries: 3, Concurrency: 20})
		var running, most, beside atomic.Int32
		server.HandleFunc("suspect", func(context.Context, *task.Task) error {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			time.Sleep(time.Second)
			return nil
		})
		server.HandleFunc("other", func(context.Context, *task.Task) error {
			time.Sleep(500 * time.Millisecond)
			beside.Add(running.Load())
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		for _, one := range suspects {
			if got, err := client.Wait(ctx, one); err != nil || got.Status != task.StatusCompleted || got.Deliveries != 3 {
				t.Errorf("a task with its last chance: %+v, %v, want it completed by delivery 3", got, err)
			}
		}
		if most.Load() != 1 {
			t.Errorf("%d of them ran at once, want 1", most.Load())
		}
		if beside.Load() != 8 {
			t.Errorf("%d others ran beside one of them, want all 8", beside.Load())
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// lostTwice enqueues tasks and has two workers die with them.
func lostTwice(t *testing.T, b *memory.Broker, n int) []*task.Task {
	t.Helper()
	tasks := make([]*task.Task, n)
	for i := range tasks {
		tasks[i] = task.New("suspect", nil)
		tasks[i].Retention = time.Hour
	}
	if err := jobsy.NewClient(b, nil).Enqueue(t.Context(), tasks...); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		req := broker.LeaseRequest{Worker: "dies", Queues: []string{task.DefaultQueue}, Max: n, Duration: time.Second}
		if leases, err := b.Lease(t.Context(), req); err != nil || len(leases) != n {
			t.Fatalf("leased %d tasks, %v, want %d", len(leases), err, n)
		}
		time.Sleep(2 * time.Second)
	}
	return tasks
}
