package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	benchName = "jobsy:bench"
	pickups   = 200 // tasks whose way from producer to handler is timed alone
)

// load is a small load of tasks that do nothing.
type load struct {
	queue                    string
	tasks, concurrency, size int
}

// loadResult is what a load measured.
type loadResult struct {
	Tasks            int     `json:"tasks"`
	PayloadBytes     int     `json:"payload_bytes"`
	Concurrency      int     `json:"concurrency"`
	EnqueueSeconds   float64 `json:"enqueue_seconds"`
	EnqueuePerSecond float64 `json:"enqueue_per_second"`
	ProcessSeconds   float64 `json:"process_seconds"`
	ProcessPerSecond float64 `json:"process_per_second"`
	PickupP50MS      float64 `json:"pickup_p50_ms"`
	PickupP99MS      float64 `json:"pickup_p99_ms"`
}

func (a *app) benchCommand() *cobra.Command {
	var l load
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure the broker with tasks that do nothing",
		Long: `Measure the broker with tasks that do nothing, in a queue of its own, which must be
empty and is empty again afterwards: enqueue them in batches, process them in this one
process, then time tasks one by one from the producer to the handler. It loads the
broker as a busy fleet would.`,
		Example: `  jobsy bench
  jobsy bench --tasks 200000 --concurrency 100`,
		Args: exactly(),
		RunE: a.connected(func(ctx context.Context, s *session, _ []string) error {
			if err := l.check(ctx, s); err != nil {
				return err
			}
			result, err := l.run(ctx, a, s)
			return errors.Join(err, a.benched(result, err))
		}),
	}
	f := c.Flags()
	f.IntVarP(&l.tasks, "tasks", "n", 10_000, "how many, 1 to 10,000,000")
	f.IntVarP(&l.concurrency, "concurrency", "c", 50, "how many handlers at once, 1 to 10,000")
	f.IntVar(&l.size, "payload-bytes", 64, "how large each payload is, 0 to 1,048,576")
	f.StringVarP(&l.queue, "queue", "q", "jobsy-bench", "an empty `QUEUE` to use")
	return c
}

func (l *load) check(ctx context.Context, s *session) error {
	switch {
	case l.tasks < 1 || l.tasks > 10_000_000:
		return usagef("--tasks must be 1 to 10,000,000, got %d", l.tasks)
	case l.concurrency < 1 || l.concurrency > 10_000:
		return usagef("--concurrency must be 1 to 10,000, got %d", l.concurrency)
	case l.size < 0 || l.size > jobsy.DefaultMaxPayload:
		return usagef("--payload-bytes must be 0 to %s, got %d", numbered(jobsy.DefaultMaxPayload), l.size)
	}
	counts, err := s.broker.Counts(ctx, l.queue)
	if err != nil {
		return err
	}
	if len(counts) > 0 {
		return fmt.Errorf("--queue %s must be empty: another load may use it, or jobsy queue purge empties it", shown(l.queue))
	}
	return nil
}

// run makes the measurement. It leaves nothing in the queue, even when it is
// interrupted.
func (l *load) run(ctx context.Context, a *app, s *session) (r loadResult, err error) {
	defer func() { err = errors.Join(err, l.clear(context.WithoutCancel(ctx), s)) }()
	r = loadResult{Tasks: l.tasks, PayloadBytes: l.size, Concurrency: l.concurrency}
	began := time.Now()
	if err := l.enqueue(ctx, a, s); err != nil {
		return r, err
	}
	r.EnqueueSeconds = time.Since(began).Seconds()
	r.EnqueuePerSecond = float64(l.tasks) / r.EnqueueSeconds
	if r.ProcessSeconds, err = l.process(ctx, a, s); err != nil {
		return r, err
	}
	r.ProcessPerSecond = float64(l.tasks) / r.ProcessSeconds
	times, err := l.pickup(ctx, s)
	if err != nil {
		return r, err
	}
	r.PickupP50MS, r.PickupP99MS = times[len(times)/2], times[len(times)*99/100]
	return r, nil
}

func (l *load) enqueue(ctx context.Context, a *app, s *session) error {
	bar := a.newBar("enqueue", l.tasks)
	defer bar.end()
	content := make([]byte, l.size)
	_, _ = rand.Read(content) // never fails
	for sent := 0; sent < l.tasks; {
		batch := make([]*task.Task, min(broker.MaxBatch, l.tasks-sent))
		for i := range batch {
			batch[i] = l.task(content)
		}
		if err := s.tasks.Enqueue(ctx, batch...); err != nil {
			return err
		}
		sent += len(batch)
		bar.at(sent)
	}
	return nil
}

func (l *load) task(content []byte) *task.Task {
	t := task.New(benchName, content)
	t.Queue, t.MaxRetry = l.queue, -1
	return t
}

// process works the queue off, and returns how many seconds that took.
func (l *load) process(ctx context.Context, a *app, s *session) (float64, error) {
	bar := a.newBar("process", l.tasks)
	defer bar.end()
	var done atomic.Int64
	all := make(chan struct{})
	began := time.Now()
	stop := l.serve(ctx, s, func(*task.Task) {
		if done.Add(1) == int64(l.tasks) {
			close(all)
		}
	})
	tick := time.NewTicker(barPause)
	defer tick.Stop()
	for {
		select {
		case <-all:
			err := stop() // the last outcomes are part of the work
			return time.Since(began).Seconds(), err
		case <-ctx.Done():
			return 0, errors.Join(ctx.Err(), stop())
		case <-tick.C:
			bar.at(int(done.Load()))
		}
	}
}

// serve runs a server until it is told to stop.
func (l *load) serve(ctx context.Context, s *session, handle func(*task.Task)) (stop func() error) {
	server := jobsy.NewServer(s.broker, &jobsy.ServerOptions{Concurrency: l.concurrency, Queues: map[string]int{l.queue: 1}})
	server.HandleFunc(benchName, func(_ context.Context, t *task.Task) error {
		handle(t)
		return nil
	})
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// pickup returns how many milliseconds single tasks took from the producer to the
// handler, sorted.
func (l *load) pickup(ctx context.Context, s *session) ([]float64, error) {
	started := make(chan struct{}, 1)
	stop := l.serve(ctx, s, func(*task.Task) { started <- struct{}{} })
	times := make([]float64, 0, pickups)
	for range pickups {
		began := time.Now()
		if err := s.tasks.Enqueue(ctx, l.task(nil)); err != nil {
			return nil, errors.Join(err, stop())
		}
		select {
		case <-started:
			times = append(times, float64(time.Since(began).Microseconds())/1000)
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), stop())
		}
	}
	slices.Sort(times)
	return times, stop()
}

// clear deletes what is left. The context has no end: somebody waits for this.
func (l *load) clear(ctx context.Context, s *session) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var silent app
	for _, status := range deleteChange().may {
		p := selection{queue: l.queue, status: string(status), filter: filter{name: benchName}}
		ids, err := p.ids(ctx, &silent, s)
		var o tally
		if err == nil {
			err = silent.apply(ctx, s, deleteChange(), l.queue, ids, &o)
		}
		if err != nil {
			return fmt.Errorf("queue %s could not be emptied: %w", shown(l.queue), err)
		}
	}
	return nil
}

// benched prints what was measured.
func (a *app) benched(r loadResult, failed error) error {
	switch {
	case failed != nil:
		return nil
	case a.json:
		return a.printJSON(r)
	}
	t := newTable("", ">RATE", ">TIME")
	t.row("enqueue, in batches", numbered(int(r.EnqueuePerSecond))+"/s", fmt.Sprintf("%.2f s", r.EnqueueSeconds))
	t.row("process", numbered(int(r.ProcessPerSecond))+"/s", fmt.Sprintf("%.2f s", r.ProcessSeconds))
	t.row("from producer to handler, p50", "", fmt.Sprintf("%.2f ms", r.PickupP50MS))
	t.row("from producer to handler, p99", "", fmt.Sprintf("%.2f ms", r.PickupP99MS))
	return t.print(a.out)
}
