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

// They run one after the other, but as fast as they can: many quick ones are no
// reason to wait.
func TestLastChancesKeepThePace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		suspects := lostTwice(t, b, 400)
		server := jobsy.NewServer(b, &jobsy.ServerOptions{MaxDeliveries: 3})
		server.HandleFunc("suspect", func(context.Context, *task.Task) error { time.Sleep(time.Millisecond); return nil })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		began := time.Now()
		go func() { ended <- server.Run(ctx) }()
		for _, one := range suspects {
			if got, err := server.Client().Wait(ctx, one); err != nil || got.Status != task.StatusCompleted {
				t.Fatalf("a task with its last chance: %+v, %v, want it completed", got, err)
			}
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("400 tasks of a millisecond each took %s", took)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// ledger is a broker behind a wire that counts what is leased and not settled.
type ledger struct {
	*memory.Broker
	held atomic.Int32
}

func (l *ledger) Lease(ctx context.Context, req broker.LeaseRequest) ([]broker.Lease, error) {
	leases, err := l.Broker.Lease(ctx, req)
	l.held.Add(int32(len(leases)))
	return leases, err
}

func (l *ledger) Settle(ctx context.Context, outcomes []broker.Outcome) []error {
	time.Sleep(10 * time.Millisecond)
	errs := l.Broker.Settle(ctx, outcomes)
	l.held.Add(-int32(len(outcomes)))
	return errs
}

// Those that died together do not come in one call: some leases run out a little
// later than others. Still the one that runs is the only one that is held.
func TestLastChancesComeOneAfterTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &ledger{Broker: memory.New(nil)}
		tasks := lost(t, b.Broker, 6)
		lease(t, b.Broker, 1, time.Second)
		lease(t, b.Broker, 5, time.Second+5*time.Millisecond)
		server := jobsy.NewServer(b, &jobsy.ServerOptions{MaxDeliveries: 3})
		server.HandleFunc("suspect", func(context.Context, *task.Task) error {
			time.Sleep(6 * time.Millisecond) // until it kills its process
			if held := b.held.Load(); held != 1 {
				t.Errorf("as one of them runs %d are held, want that one alone", held)
			}
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		for _, one := range tasks {
			if got, err := server.Client().Wait(ctx, one); err != nil || got.Status != task.StatusCompleted {
				t.Errorf("a task with its last chance: %+v, %v, want it completed", got, err)
			}
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
	tasks := lost(t, b, n)
	lease(t, b, n, time.Second)
	time.Sleep(2 * time.Second)
	return tasks
}

// lost enqueues tasks and has a worker die with them.
func lost(t *testing.T, b *memory.Broker, n int) []*task.Task {
	t.Helper()
	tasks := make([]*task.Task, n)
	for i := range tasks {
		tasks[i] = task.New("suspect", nil)
		tasks[i].Retention = time.Hour
	}
	if err := jobsy.NewClient(b, nil).Enqueue(t.Context(), tasks...); err != nil {
		t.Fatal(err)
	}
	lease(t, b, n, time.Second)
	time.Sleep(2 * time.Second)
	return tasks
}

// lease has a worker hold tasks that will die.
func lease(t *testing.T, b *memory.Broker, n int, lasts time.Duration) {
	t.Helper()
	req := broker.LeaseRequest{Worker: "dies", Queues: []string{task.DefaultQueue}, Max: n, Duration: lasts}
	if leases, err := b.Lease(t.Context(), req); err != nil || len(leases) != n {
		t.Fatalf("leased %d tasks, %v, want %d", len(leases), err, n)
	}
}
