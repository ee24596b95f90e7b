package redis_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/internal/history"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// While servers and producers do all that they can do, nothing is ever broken: not
// in the keyspace, and not in the history.
func TestDoctorUnderLoad(t *testing.T) {
	t.Parallel()
	var recorded bytes.Buffer
	recorder := history.New(&recorded, "p")
	doctor := open(t, redistest.Start(t).Addr(), nil)
	b := history.Wrap(doctor, recorder)
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	for range 2 {
		server := jobsy.NewServer(b, &jobsy.ServerOptions{
			Concurrency: 20, LeaseDuration: 50 * time.Millisecond, FailedRetention: 20 * time.Millisecond,
			Backoff: func(int) time.Duration { return time.Millisecond },
		})
		server.HandleFunc("work", func(ctx context.Context, t *task.Task) (err error) {
			end := recorder.Run(t)
			defer func() { end(err) }()
			return unreliable(ctx)
		})
		jobsy.HandleGroup(server, task.Kind[int]{Name: "group"}, func(context.Context, []int) error { return nil })
		work.Go(func() {
			if err := server.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("Run: %v", err)
			}
		})
	}
	for range 2 {
		work.Go(func() { produce(ctx, b) })
	}
	work.Go(func() { die(ctx, b) })
	for begin := time.Now(); time.Since(begin) < 3*time.Second; {
		if found, err := doctor.Examine(t.Context()); err != nil || len(found) > 0 {
			t.Errorf("Examine found %+v, %v", found, err)
			break
		}
	}
	cancel()
	work.Wait()
	found, err := doctor.Examine(t.Context())
	counts, _ := b.Counts(t.Context(), "default")
	t.Logf("in the end there are %v", counts)
	if err != nil || len(found) > 0 {
		t.Errorf("in the end Examine found %+v, %v", found, err)
	}
	events, err := history.Decode(&recorded)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events", len(events))
	for _, v := range history.Check(events, &history.Options{Running: true}) {
		t.Error(v)
	}
}

func unreliable(ctx context.Context) error {
	switch rand.IntN(8) {
	case 0:
		return errors.New("failed")
	case 1:
		return jobsy.SkipRetry(errors.New("failed for good"))
	case 2:
		return jobsy.Snooze(time.Millisecond)
	case 3:
		return jobsy.Progress(ctx, 0.5, "half")
	}
	return nil
}

// produce enqueues tasks of all sorts, and changes some of them.
func produce(ctx context.Context, b history.Broker) {
	modes := []task.UniqueMode{task.UntilStarted, task.UntilEnded, task.Throttle, task.Debounce, task.Latest}
	for n := 0; ctx.Err() == nil; n++ {
		var tasks []*task.Task
		for range 1 + rand.IntN(20) {
			t := task.New("work", []byte(strconv.Itoa(n)))
			t.Retention = time.Duration(rand.IntN(30)) * time.Millisecond
			t.MaxRetry = 3
			switch rand.IntN(6) {
			case 0:
				t.RunAt = time.Now().Add(time.Duration(rand.IntN(30)) * time.Millisecond)
			case 1:
				mode := modes[rand.IntN(len(modes))]
				t.Unique = task.Unique{Mode: mode, Key: strconv.Itoa(int(mode)) + "-" + strconv.Itoa(rand.IntN(3))}
				if mode == task.Throttle || mode == task.Debounce {
					t.Unique.For = 5 * time.Millisecond
				}
			case 2:
				t.Name, t.Payload = "group", []byte("1")
				t.Gather = task.Gather{Key: strconv.Itoa(rand.IntN(3)), Size: 10, Delay: 10 * time.Millisecond}
			}
			tasks = append(tasks, t)
		}
		_ = b.Enqueue(ctx, tasks) // duplicates are refused
		t := tasks[rand.IntN(len(tasks))]
		if t.Unique.Mode == task.Latest {
			continue // one that waits for another's end is not run at once
		}
		change := []broker.Change{
			{Status: task.StatusCancelled, Keep: 10 * time.Millisecond}, {Delete: true}, {Priority: 3}, {Status: task.StatusPending},
		}[rand.IntN(4)]
		_ = b.Revise(ctx, "default", []uuid.UUID{t.ID}, change) // it may be anywhere by now
	}
}

// die leases tasks for a moment and does nothing with them.
func die(ctx context.Context, b history.Broker) {
	for ctx.Err() == nil {
		_, _ = b.Lease(ctx, broker.LeaseRequest{Worker: "dies", Queues: []string{"default"}, Max: 3, Duration: time.Millisecond})
	}
}
