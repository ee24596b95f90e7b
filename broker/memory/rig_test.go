package memory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
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
	_, _ = r.Queues(context.Background()) // returns once the storage is loaded, or cannot be
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

// bounds keeps n ended tasks of each kind.
func bounds(n int) broker.Bounds {
	bound := broker.Bound{Count: n}
	return broker.Bounds{Completed: bound, Failed: bound, Cancelled: bound}
}
