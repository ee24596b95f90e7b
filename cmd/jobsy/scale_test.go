package main

import (
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

var scale = flag.Int("scale", 5000, "how many tasks are `pending` in TestScale, and ten times as many as have failed; from 1,000,000 on, times are checked")

const (
	listingTime = 100 * time.Millisecond
	commandTime = 20 * time.Millisecond
)

// TestScale: no listing takes longer, and no command keeps Redis longer, the more
// tasks there are.
func TestScale(t *testing.T) {
	t.Parallel()
	r := newScaleRig(t)
	id := r.fill(*scale)
	r.fillFailed(*scale / 10)
	client := r.server.Client(t)
	if err := client.SlowLogReset(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	start := r.fastest("version")
	for _, args := range [][]string{
		{"stats"}, {"queue", "ls"}, {"task", "ls"}, {"task", "ls", "--limit", "1000"}, {"task", "ls", "--status", "failed"},
		{"task", "ls", "--name", "none", "--status", "failed"}, {"task", "ls", "--status", "failed", "--error", "refused"},
		{"task", "ls", "--status", "pending", "--text", "none"}, {"task", "ls", "--status", "pending", "--cursor", fmt.Sprintf("pending/%d", *scale/2)},
		{"failed"}, {"failed", "--all"}, {"server", "ls"}, {"schedule", "ls"}, {"task", "explain", id},
	} {
		took := r.fastest(args...) - start
		t.Logf("%8s  jobsy %q", took.Round(100*time.Microsecond), args)
		listing := args[len(args)-1] != "--all"
		if *scale >= 1_000_000 && listing && took > listingTime {
			t.Errorf("jobsy %q took %s", args, took)
		}
	}
	slow, err := client.SlowLogGet(t.Context(), 10).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range slow {
		t.Logf("slow: %s %.100v", s.Duration, s.Args)
		if *scale >= 1_000_000 {
			t.Errorf("a command took %s", s.Duration)
		}
	}
}

// newScaleRig has a broker that drops no failed task, and a Redis that notes what
// is slow.
func newScaleRig(t *testing.T) *rig {
	t.Helper()
	server := redistest.Start(t, "--slowlog-log-slower-than", fmt.Sprint(commandTime.Microseconds()))
	b, err := redis.Open(server.URL(), &redis.Options{Bounds: broker.Bounds{Failed: broker.Bound{Count: 10_000_000}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return &rig{t, server, server.URL(), b, jobsy.NewClient(b, nil)}
}

// fill enqueues tasks, and returns the ID of one of the last.
func (r *rig) fill(n int) (id string) {
	r.Helper()
	for ; n > 0; n -= broker.MaxBatch {
		tasks := r.enqueue(task.DefaultQueue, "work", min(n, broker.MaxBatch))
		id = tasks[0].ID.String()
	}
	return id
}

// fillFailed has so many more tasks of the queue fail.
func (r *rig) fillFailed(n int) {
	r.Helper()
	for n > 0 {
		req := broker.LeaseRequest{Worker: "w", Queues: []string{task.DefaultQueue}, Max: min(n, broker.MaxBatch), Duration: time.Minute}
		r.enqueue(task.DefaultQueue, "work", req.Max)
		leases, err := r.broker.Lease(r.Context(), req)
		if err != nil {
			r.Fatal(err)
		}
		if err := errors.Join(r.broker.Settle(r.Context(), refused(leases))...); err != nil {
			r.Fatal(err)
		}
		n -= len(leases)
	}
}

func refused(leases []broker.Lease) []broker.Outcome {
	outcomes := make([]broker.Outcome, len(leases))
	for i, l := range leases {
		ended := l.Task.Clone()
		ended.EndedAt = time.Now()
		ended.LastError = fmt.Sprintf("dial tcp 10.0.0.%d:25: connect: connection refused", i%200)
		outcomes[i] = broker.Outcome{Lease: l, Status: task.StatusFailed, Task: ended, Keep: time.Hour}
	}
	return outcomes
}

// fastest is how long the program takes at best, as others work on this machine as
// well.
func (r *rig) fastest(args ...string) time.Duration {
	r.Helper()
	best := time.Hour
	for range 3 {
		began := time.Now()
		r.ok(args...)
		best = min(best, time.Since(began))
	}
	return best
}
