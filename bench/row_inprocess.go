package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

var inProcessRows = []row{
	{"m", "enqueue and run in memory", []side{jobsyMemory}, measureInProcess},
}

const (
	inProcessJobs  = 1_000_000
	inProcessBatch = 100
	typedProducers = 4
)

// arguments are those of typed tasks.
type arguments struct {
	Index int
	Text  string
}

var typedKind = task.Kind[arguments]{Name: "bench:typed"}

func measureInProcess(ctx context.Context, t *trial) error {
	return errors.Join(t.measureRaw(ctx), t.measureTyped(ctx))
}

func (t *trial) measureRaw(ctx context.Context) error {
	return t.fresh(ctx, func(lib library) error {
		jobs := t.opts.size(inProcessJobs)
		c, payloads := newCheck(jobs, jobs), t.payloads(payloadSize)
		stop, err := lib.serve(serving{concurrency: 100}, c.handle)
		if err != nil {
			return err
		}
		const name = "raw tasks in batches of 100, enqueued and run"
		err = t.profile(name, func() error {
			return t.measureBoth(ctx, name, c, jobs, func(first, last int) error {
				return enqueueBatches(ctx, lib, payloads, first, last)
			})
		})
		if err := errors.Join(err, stop()); err != nil {
			return err
		}
		return t.ranOnce(ctx, lib, c, jobs)
	})
}

func enqueueBatches(ctx context.Context, lib library, payloads payloads, first, last int) error {
	jobs := make([]job, 0, inProcessBatch)
	for first < last {
		jobs = jobs[:0]
		for ; first < last && len(jobs) < inProcessBatch; first++ {
			jobs = append(jobs, job{payload: payloads.of(first)})
		}
		if err := lib.enqueue(ctx, jobs); err != nil {
			return err
		}
	}
	return nil
}

// measureBoth measures from the first enqueuing after the warm-up until all has
// run.
func (t *trial) measureBoth(ctx context.Context, name string, c *check, jobs int, enqueue func(first, last int) error) error {
	if err := enqueue(0, int(c.warm)); err != nil {
		return err
	}
	if err := c.waitWarm(ctx); err != nil {
		return err
	}
	began := time.Now()
	if err := enqueue(int(c.warm), jobs); err != nil {
		return err
	}
	if err := c.wait(ctx); err != nil {
		return err
	}
	t.record(name, perSecond, float64(jobs-int(c.warm))/c.doneAt.Sub(began).Seconds())
	return nil
}

func (t *trial) measureTyped(ctx context.Context) error {
	jobs := t.opts.size(inProcessJobs)
	c, payloads := newCheck(jobs, jobs), t.payloads(payloadSize)
	b := memory.New(nil)
	server := jobsy.NewServer(b, &jobsy.ServerOptions{Concurrency: 100})
	jobsy.Handle(server, typedKind, func(_ context.Context, a arguments) error {
		c.run(a.Index)
		return nil
	})
	serverCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- server.Run(serverCtx) }()

	const name = "typed tasks one a call, enqueued and run"
	err := t.profile(name, func() error {
		return t.measureBoth(ctx, name, c, jobs, func(first, last int) error {
			return enqueueTyped(ctx, server.Client(), payloads, first, last)
		})
	})
	cancel()
	return errors.Join(err, <-ended, b.Close(), c.each(jobs, 1))
}

// enqueueTyped has each goroutine enqueue every fourth task.
func enqueueTyped(ctx context.Context, client *jobsy.Client, payloads payloads, first, last int) error {
	errs := make([]error, typedProducers)
	var working sync.WaitGroup
	for i := range errs {
		working.Go(func() {
			for index := first + i; index < last && errs[i] == nil; index += typedProducers {
				errs[i] = client.Enqueue(ctx, typedKind.New(arguments{index, payloads.text(index)}))
			}
		})
	}
	working.Wait()
	return errors.Join(errs...)
}
