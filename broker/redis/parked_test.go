package redis_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// onServer opens a broker that often looks by itself on a real server.
func onServer(t *testing.T, server *redistest.Server, idlePoll time.Duration) *redis.Broker {
	t.Helper()
	b, err := redis.Open(server.URL(), &redis.Options{IdlePoll: idlePoll})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func leaseRequest(worker string, most int, known ...string) broker.LeaseRequest {
	return broker.LeaseRequest{
		Worker: worker, Queues: []string{"default"}, Max: most, Duration: time.Minute,
		Handles: func(name string) bool {
			for _, one := range known {
				if one == name {
					return true
				}
			}
			return false
		},
	}
}

func leaseAs(t *testing.T, b broker.Broker, req broker.LeaseRequest) []broker.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	leases, err := b.Lease(ctx, req)
	if err != nil {
		t.Fatalf("Lease: %v", err)
	}
	return leases
}

// parkMany parks n tasks of as many names.
func parkMany(t *testing.T, b broker.Broker, n, names int) {
	t.Helper()
	for parked := 0; parked < n; {
		tasks := make([]*task.Task, min(n-parked, broker.MaxBatch))
		for i := range tasks {
			tasks[i] = task.New(fmt.Sprint("unknown ", i%names), nil)
		}
		enqueue(t, b, tasks...)
		for left := len(tasks); left > 0; {
			leases := leaseAs(t, b, leaseRequest("parker", left))
			outcomes := make([]broker.Outcome, len(leases))
			for i, l := range leases {
				outcomes[i] = broker.Outcome{Lease: l, Status: task.StatusScheduled, Parked: true}
			}
			if errs := b.Settle(t.Context(), outcomes); errs != nil {
				t.Fatalf("Settle: %v", errs)
			}
			left -= len(leases)
		}
		parked += len(tasks)
	}
}

// idles has a call block that gets nothing, and returns what it has sent.
func idles(t *testing.T, server *redistest.Server, b broker.Broker, req broker.LeaseRequest, watched time.Duration) int {
	t.Helper()
	before := server.Sent(t)
	ctx, cancel := context.WithTimeout(t.Context(), watched)
	defer cancel()
	if leases, err := b.Lease(ctx, req); len(leases) > 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Lease returned %d leases and %v", len(leases), err)
	}
	return server.Sent(t) - before
}

// What others are to have costs an idle worker nothing: neither tasks of names that
// it does not handle, nor those on their last delivery while it holds one.
func TestIdleBesideWhatOthersAreToHave(t *testing.T) {
	t.Parallel()
	const idlePoll, watched = 500 * time.Millisecond, 4 * time.Second
	// A look each idle poll, less a tenth; a sweep with each fourth; the listener
	// blocks for a second each time. The rest are the connection and the edges.
	const most = int(watched/(idlePoll*9/10))*5/4 + int(watched/time.Second) + 10
	for name, prepare := range map[string]func(t *testing.T, b broker.Broker) broker.LeaseRequest{
		"nothing": func(*testing.T, broker.Broker) broker.LeaseRequest { return leaseRequest("idle", 10) },
		"parked tasks": func(t *testing.T, b broker.Broker) broker.LeaseRequest {
			parkMany(t, b, 5000, 40)
			return leaseRequest("idle", 10, "another")
		},
		"last deliveries": func(t *testing.T, b broker.Broker) broker.LeaseRequest {
			tasks := make([]*task.Task, 400)
			for i := range tasks {
				tasks[i] = task.New("suspect", nil)
			}
			enqueue(t, b, tasks...)
			req := leaseRequest("dies", 400)
			req.Duration = time.Millisecond
			leaseAs(t, b, req)
			req = leaseRequest("idle", 10)
			req.Last, req.NoLast = 2, true
			return req
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			b := onServer(t, server, idlePoll)
			req := prepare(t, b)
			if n := idles(t, server, b, req, watched); n > most || n < int(watched/idlePoll) {
				t.Errorf("an idle worker sent %d commands in %s, want %d to %d", n, watched, int(watched/idlePoll), most)
			} else {
				t.Logf("%d commands", n)
			}
		})
	}
}

// However many wait that do not handle a name, one that does finds the task as it
// looks by itself.
func TestAParkedTaskIsFoundAmongStrangers(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	b, other := onServer(t, server, 200*time.Millisecond), onServer(t, server, 200*time.Millisecond)
	known := task.New("known", nil)
	enqueue(t, b, known)
	held := leaseAs(t, b, leaseRequest("parker", 1))[0]
	ctx, cancel := context.WithCancel(t.Context())
	var strangers sync.WaitGroup
	for i := range 5 {
		strangers.Go(func() {
			if leases, _ := b.Lease(ctx, leaseRequest(fmt.Sprint("stranger ", i), 1)); len(leases) > 0 {
				t.Errorf("a stranger leased %s", leases[0].Task.Name)
			}
		})
	}
	awaitBlocked(t, server, 5)
	done := make(chan []broker.Lease, 1)
	go func() {
		leases, _ := other.Lease(ctx, leaseRequest("knows", 1, "known"))
		done <- leases
	}()
	awaitBlocked(t, server, 6)
	if errs := b.Settle(t.Context(), []broker.Outcome{{Lease: held, Status: task.StatusScheduled, Parked: true}}); errs != nil {
		t.Fatalf("Settle: %v", errs)
	}
	select {
	case leases := <-done:
		if len(leases) != 1 || leases[0].ID != known.ID {
			t.Errorf("leased %v", leases)
		}
	case <-time.After(5 * time.Second):
		t.Error("the parked task was not found")
	}
	cancel()
	strangers.Wait()
}

// What is left of parked tasks that went elsewhere a sweep takes away.
func TestEntriesOfParkedTasksAreSwept(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	b := onServer(t, server, 100*time.Millisecond)
	again := task.New("again", nil)
	enqueue(t, b, again)
	park := func() {
		l := leaseAs(t, b, leaseRequest("parker", 1))
		if errs := b.Settle(t.Context(), []broker.Outcome{{Lease: l[0], Status: task.StatusScheduled, Parked: true}}); errs != nil {
			t.Fatalf("Settle: %v", errs)
		}
	}
	park()
	for range 20 {
		if errs := b.Revise(t.Context(), "default", []uuid.UUID{again.ID}, broker.Change{Status: task.StatusPending}); errs != nil {
			t.Fatalf("Revise: %v", errs)
		}
		park()
	}
	entries := func() int64 { return server.Client(t).ZCard(t.Context(), "jobsy:{default}:parked").Val() }
	if n := entries(); n < 2 {
		t.Errorf("%d entries, want some that count no more", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, _ = b.Lease(ctx, leaseRequest("sweeps", 1))
	if n := entries(); n != 1 {
		t.Errorf("%d entries after a sweep, want that of the task which is parked", n)
	}
	if found, err := b.Examine(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("Examine found %+v, %v", found, err)
	}
}
