package main

import (
	"context"
	"errors"
	"time"

	"github.com/hibiken/asynq"
)

// uniqueTTL is when asynq lets go of a lock, if the job has not ended by then.
const uniqueTTL = time.Hour

// asynqLibrary has a client, and an inspector to count with.
type asynqLibrary struct {
	opt       asynq.RedisClientOpt
	client    *asynq.Client
	inspector *asynq.Inspector
}

func openAsynq(addr string) (library, error) {
	opt := asynq.RedisClientOpt{Addr: addr}
	return &asynqLibrary{opt, asynq.NewClient(opt), asynq.NewInspector(opt)}, nil
}

// enqueue makes a call a job: asynq has no other.
func (l *asynqLibrary) enqueue(ctx context.Context, jobs []job) error {
	for _, j := range jobs {
		var opts []asynq.Option
		if j.queue != "" {
			opts = append(opts, asynq.Queue(j.queue))
		}
		if !j.at.IsZero() {
			opts = append(opts, asynq.ProcessAt(j.at))
		}
		if j.unique {
			opts = append(opts, asynq.Unique(uniqueTTL))
		}
		if _, err := l.client.EnqueueContext(ctx, asynq.NewTask(jobName, j.payload), opts...); err != nil {
			return err
		}
	}
	return nil
}

func (l *asynqLibrary) serve(o serving, handle func([]byte) error) (func() error, error) {
	mux := asynq.NewServeMux()
	mux.HandleFunc(jobName, func(_ context.Context, t *asynq.Task) error { return handle(t.Payload()) })
	server := asynq.NewServer(l.opt, o.asynq())
	if err := server.Start(mux); err != nil {
		return nil, err
	}
	return func() error {
		server.Shutdown()
		return nil
	}, nil
}

func (o serving) asynq() asynq.Config {
	config := asynq.Config{Concurrency: o.concurrency, LogLevel: asynq.FatalLevel}
	if o.queues != nil {
		config.Queues = make(map[string]int, len(o.queues))
	}
	for _, queue := range o.queues {
		config.Queues[queue] = 1
	}
	if o.retryDelay > 0 {
		config.RetryDelayFunc = func(int, error, *asynq.Task) time.Duration { return o.retryDelay }
	}
	return config
}

func (l *asynqLibrary) left(context.Context) (int, error) {
	queues, err := l.inspector.Queues()
	if err != nil {
		return 0, err
	}
	left := 0
	for _, queue := range queues {
		info, err := l.inspector.GetQueueInfo(queue)
		if err != nil {
			return 0, err
		}
		left += info.Size
	}
	return left, nil
}

func (l *asynqLibrary) close() error { return errors.Join(l.client.Close(), l.inspector.Close()) }
