package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/task"
)

// jobsyLibrary has one broker for its client, and one for each server it runs:
// in memory, the same.
type jobsyLibrary struct {
	broker broker.Broker
	client *jobsy.Client
	dial   func() (b broker.Broker, hangUp func() error, err error)
}

func openJobsyRedis(addr string) (library, error) {
	dial := func() (broker.Broker, func() error, error) {
		b, err := redis.Open("redis://"+addr, nil)
		if err != nil {
			return nil, nil, err
		}
		return b, b.Close, nil
	}
	b, _, err := dial()
	if err != nil {
		return nil, err
	}
	return &jobsyLibrary{b, jobsy.NewClient(b, nil), dial}, nil
}

func openJobsyMemory(string) (library, error) {
	b := memory.New(nil)
	dial := func() (broker.Broker, func() error, error) {
		return b, func() error { return nil }, nil
	}
	return &jobsyLibrary{b, jobsy.NewClient(b, nil), dial}, nil
}

func (l *jobsyLibrary) enqueue(ctx context.Context, jobs []job) error {
	tasks := make([]*task.Task, len(jobs))
	for i, j := range jobs {
		tasks[i] = task.New(jobName, j.payload)
		tasks[i].Queue, tasks[i].RunAt = j.queue, j.at
		if j.unique {
			tasks[i].Unique.Mode = task.UntilEnded
		}
	}
	return l.client.Enqueue(ctx, tasks...)
}

func (l *jobsyLibrary) serve(o serving, handle func([]byte) error) (func() error, error) {
	b, hangUp, err := l.dial()
	if err != nil {
		return nil, err
	}
	server := jobsy.NewServer(b, o.jobsy())
	server.HandleFunc(jobName, func(_ context.Context, t *task.Task) error { return handle(t.Payload) })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	return func() error {
		cancel()
		return errors.Join(<-ended, hangUp())
	}, nil
}

func (o serving) jobsy() *jobsy.ServerOptions {
	opts := &jobsy.ServerOptions{Concurrency: o.concurrency}
	if o.queues != nil {
		opts.Queues = make(map[string]int, len(o.queues))
	}
	for _, queue := range o.queues {
		opts.Queues[queue] = 1
	}
	if o.retryDelay > 0 {
		opts.Backoff = func(int) time.Duration { return o.retryDelay }
	}
	return opts
}

func (l *jobsyLibrary) left(ctx context.Context) (int, error) {
	inspector, ok := l.broker.(broker.Inspector)
	if !ok {
		return 0, fmt.Errorf("a %T cannot be inspected", l.broker)
	}
	queues, err := inspector.Queues(ctx)
	if err != nil {
		return 0, err
	}
	left := 0
	for _, queue := range queues {
		counts, err := inspector.Counts(ctx, queue)
		if err != nil {
			return 0, err
		}
		for _, n := range counts {
			left += n
		}
	}
	return left, nil
}

func (l *jobsyLibrary) close() error { return l.broker.Close() }
