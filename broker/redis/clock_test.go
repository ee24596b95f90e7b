package redis_test

import (
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/task"
)

// Whether an ended task is kept is a matter of the server's clock, however far
// that of who reads is from it.
func TestReadersGoByTheServersClock(t *testing.T) {
	t.Parallel()
	for name, apart := range map[string]time.Duration{"behind": -24 * time.Hour, "ahead": 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := miniredis.RunT(t)
			start := time.Now().Add(apart)
			server.SetTime(start)
			b := redis.New(clientOf(t, server.Addr(), nil), nil)
			t.Cleanup(func() { _ = b.Close() })
			kept := task.New("kept", nil)
			if errs := b.Enqueue(t.Context(), []*task.Task{kept}); errs != nil {
				t.Fatal(errs)
			}
			req := broker.LeaseRequest{Worker: "w", Queues: []string{task.DefaultQueue}, Max: 1, Duration: time.Minute}
			leases, err := b.Lease(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if errs := b.Settle(t.Context(), []broker.Outcome{{Lease: leases[0], Status: task.StatusCompleted, Keep: time.Hour}}); errs != nil {
				t.Fatal(errs)
			}
			server.SetTime(start.Add(59 * time.Minute))
			isKept(t, b, kept, true)
			server.SetTime(start.Add(time.Hour))
			isKept(t, b, kept, false)
		})
	}
}

func isKept(t *testing.T, b *redis.Broker, one *task.Task, want bool) {
	t.Helper()
	if _, err := b.Task(t.Context(), one.Queue, one.ID); (err == nil) != want || err != nil && !errors.Is(err, task.ErrNotFound) {
		t.Errorf("Task: %v, want the task there %t", err, want)
	}
	listed, _, err := b.Tasks(t.Context(), one.Queue, task.StatusCompleted, "", 10)
	if err != nil || (len(listed) == 1) != want {
		t.Errorf("Tasks returned %d, %v, want the task there %t", len(listed), err, want)
	}
}

// A task that an operator cancels has ended by the server's clock.
func TestCancelledByTheServersClock(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	at := time.Now().Add(-24 * time.Hour).Truncate(time.Millisecond)
	server.SetTime(at)
	b := redis.New(clientOf(t, server.Addr(), nil), nil)
	t.Cleanup(func() { _ = b.Close() })
	one := task.New("one", nil)
	if errs := b.Enqueue(t.Context(), []*task.Task{one}); errs != nil {
		t.Fatal(errs)
	}
	change := broker.Change{Status: task.StatusCancelled, Keep: time.Hour}
	if errs := b.Revise(t.Context(), one.Queue, []uuid.UUID{one.ID}, change); errs != nil {
		t.Fatal(errs)
	}
	if got, err := b.Task(t.Context(), one.Queue, one.ID); err != nil || !got.EndedAt.Equal(at) {
		t.Errorf("cancelled: %+v, %v, want it ended at %s", got, err, at)
	}
}
