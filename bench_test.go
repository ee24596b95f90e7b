package jobsy_test

import (
	"context"
	"sync"
	"testing"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

// measure runs b.N tasks through a server in memory, and reports the rate.
func measure(b *testing.B, concurrency int, register func(s *jobsy.Server, ran func()), produce func(c *jobsy.Client, n int)) {
	b.Helper()
	b.ReportAllocs()
	server := jobsy.NewServer(nil, &jobsy.ServerOptions{Concurrency: concurrency})
	var left sync.WaitGroup
	left.Add(b.N)
	register(server, left.Done)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	b.ResetTimer()
	produce(server.Client(), b.N)
	left.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
	b.StopTimer()
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}

// Raw no-op tasks, enqueued in batches of 100.
func BenchmarkMemoryRaw(b *testing.B) {
	measure(b, 100, func(s *jobsy.Server, ran func()) {
		s.HandleFunc("work", func(context.Context, *task.Task) error { ran(); return nil })
	}, func(c *jobsy.Client, n int) {
		payload := make([]byte, 100)
		for n > 0 {
			batch := make([]*task.Task, min(n, 100))
			for i := range batch {
				batch[i] = task.New("work", payload)
			}
			if err := c.Enqueue(b.Context(), batch...); err != nil {
				b.Error(err)
			}
			n -= len(batch)
		}
	})
}

// Typed tasks, enqueued one a call from 4 goroutines.
func BenchmarkMemoryTyped(b *testing.B) {
	greet := task.Kind[greeting]{Name: "greet"}
	measure(b, 100, func(s *jobsy.Server, ran func()) {
		jobsy.Handle(s, greet, func(context.Context, greeting) error { ran(); return nil })
	}, func(c *jobsy.Client, n int) {
		var producers sync.WaitGroup
		for i := range 4 {
			producers.Go(func() {
				for range (n + i) / 4 {
					if err := c.Enqueue(b.Context(), greet.New(greeting{"Ada"})); err != nil {
						b.Error(err)
					}
				}
			})
		}
		producers.Wait()
	})
}
