package memory_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// One op is one task: enqueued, leased and settled as completed. The tasks are
// made beforehand, and get a new ID each time.
func BenchmarkEnqueueLeaseSettle(b *testing.B) {
	for _, batch := range []int{1, 100} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			cycle(b, memory.New(nil), batch)
		})
	}
}

// The same beside a backlog of a lower priority, so that heaps and maps are
// large.
func BenchmarkBesideBacklog(b *testing.B) {
	m := memory.New(nil)
	for range 1000 {
		tasks := newTasks(1000)
		for _, t := range tasks {
			t.Priority = task.LowPriority
		}
		if errs := m.Enqueue(context.Background(), tasks); errs != nil {
			b.Fatal(errs)
		}
	}
	cycle(b, m, 100)
}

// Tasks of two retentions, where as many are kept as may be. One op is one task.
func BenchmarkAtBound(b *testing.B) {
	const most = 50_000
	m := memory.New(&memory.Options{Bounds: bounds(most)})
	r := &rig{m, b}
	for range most/broker.MaxBatch + 1 {
		r.endWith(broker.MaxBatch, []time.Duration{time.Hour, 2 * time.Hour})
	}
	for n := 0; b.Loop(); n++ {
		if n%100 == 0 {
			r.endWith(100, []time.Duration{time.Hour, 2 * time.Hour})
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

func newTasks(n int) []*task.Task {
	tasks := make([]*task.Task, n)
	for i := range tasks {
		tasks[i] = task.New("noop", []byte("a small payload"))
	}
	return tasks
}

func cycle(b *testing.B, m *memory.Broker, batch int) {
	ctx := context.Background()
	req := broker.LeaseRequest{Worker: "w", Queues: []string{task.DefaultQueue}, Max: batch, Duration: time.Minute}
	tasks, outcomes := newTasks(batch), make([]broker.Outcome, batch)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%batch != 0 {
			continue
		}
		for i, t := range tasks {
			binary.BigEndian.PutUint64(t.ID[8:], uint64(n+i))
		}
		if errs := m.Enqueue(ctx, tasks); errs != nil {
			b.Fatal(errs)
		}
		leases, err := m.Lease(ctx, req)
		if err != nil || len(leases) != batch {
			b.Fatal(len(leases), err)
		}
		for i, lease := range leases {
			outcomes[i] = broker.Outcome{Lease: lease, Status: task.StatusCompleted}
		}
		if errs := m.Settle(ctx, outcomes); errs != nil {
			b.Fatal(errs)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}
