package jobsy_test

import (
	"context"
	"sync"
	"testing"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

// backlog is how far producers may be ahead.
const backlog = 10_000

// measure runs b.N tasks through a server in memory, and reports the rate.
func measure(b *testing.B, concurrency int, register func(s *jobsy.Server, ran func()), produce func(c *jobsy.Client, n int, ahead *semaphore)) {
	b.Helper()
	b.ReportAllocs()
	server := jobsy.NewServer(nil, &jobsy.ServerOptions{Concurrency: concurrency})
	var left sync.WaitGroup
	left.Add(b.N)
	ahead := &semaphore{free: backlog, freed: make(chan struct{}, 1)}
	register(server, func() { left.Done(); ahead.release() })
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	b.ResetTimer()
	produce(server.Client(), b.N, ahead)
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
	}, func(c *jobsy.Client, n int, ahead *semaphore) {
		payload := make([]byte, 100)
		for n > 0 {
			batch := make([]*task.Task, min(n, 100))
			for i := range batch {
				batch[i] = task.New("work", payload)
			}
			ahead.acquire(len(batch))
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
	}, func(c *jobsy.Client, n int, ahead *semaphore) {
		var producers sync.WaitGroup
		for i := range 4 {
			producers.Go(func() {
				for range (n + i) / 4 {
					ahead.acquire(1)
					if err := c.Enqueue(b.Context(), greet.New(greeting{"Ada"})); err != nil {
						b.Error(err)
					}
				}
			})
		}
		producers.Wait()
	})
}

// semaphore keeps producers from running away.
type semaphore struct {
	mu    sync.Mutex
	free  int
	freed chan struct{}
}

func (s *semaphore) acquire(n int) {
	for !s.tryAcquire(n) {
		<-s.freed
	}
}

func (s *semaphore) tryAcquire(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free < n {
		return false
	}
	s.free -= n
	return true
}

func (s *semaphore) release() {
	s.mu.Lock()
	s.free++
	s.mu.Unlock()
	select {
	case s.freed <- struct{}{}:
	default:
	}
}
