package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

var costRows = []row{
	{"g", "Redis commands and CPU of a task", []side{jobsyRedis, asynqRedis}, measureCost},
}

var featureCostRows = []row{
	{"j", "Redis commands and CPU of a scheduled, a retried and a unique task", []side{jobsyRedis, asynqRedis}, measureFeatureCosts},
}

// retryDelay is how long both libraries wait before they run a job again: by
// default asynq waits half a minute.
const retryDelay = time.Second

var errRetry = errors.New("the first attempt fails")

func measureCost(ctx context.Context, t *trial) error {
	jobs := map[string]int{"jobsy": 200_000, "asynq": 20_000}
	return t.measureCostOf(ctx, "task", loading{jobs: t.opts.size(jobs[t.side.name])}, 1)
}

func measureFeatureCosts(ctx context.Context, t *trial) error {
	sizes := map[string]int{"jobsy": 50_000, "asynq": 10_000}
	jobs := t.opts.size(sizes[t.side.name])
	// Late enough that all are enqueued by then.
	due := time.Now().Add(2*time.Second + time.Duration(jobs)*50*time.Microsecond)
	return errors.Join(
		t.measureCostOf(ctx, "scheduled task", loading{jobs: jobs, at: due}, 1),
		t.measureCostOf(ctx, "task retried once", loading{jobs: jobs}, 2),
		t.measureCostOf(ctx, "unique task", loading{jobs: jobs, unique: true}, 1),
	)
}

// measureCostOf measures what the server spends from enqueuing to settling. All
// runs of a job fail but the last.
func (t *trial) measureCostOf(ctx context.Context, what string, load loading, runs int) error {
	load.payloads = t.payloads(payloadSize)
	load = load.bulk(t.side)
	return t.fresh(ctx, func(lib library) error {
		c := newCheck(load.jobs, load.jobs*runs)
		used, err := t.during(ctx, func() error { return t.settleAll(ctx, lib, c, load, runs) })
		if err != nil {
			return err
		}
		t.record("Redis commands a "+what, "commands", used.redis.calls()/float64(load.jobs))
		t.record("Redis CPU a "+what, "µs", used.redis.cpu()*1e6/float64(load.jobs))
		t.explain(what, load.jobs, used)
		return errors.Join(c.each(load.jobs, runs), t.nothingLeft(ctx, lib))
	})
}

// settleAll enqueues the jobs, and runs them until all have ended.
func (t *trial) settleAll(ctx context.Context, lib library, c *check, load loading, runs int) error {
	if _, err := load.into(ctx, lib); err != nil {
		return err
	}
	if !load.at.IsZero() && time.Now().After(load.at) {
		return errors.New("the jobs were due before all were enqueued")
	}
	var early atomic.Int64
	stop, err := lib.serve(serving{concurrency: 100, retryDelay: retryDelay}, func(payload []byte) error {
		if time.Now().Before(load.at) {
			early.Add(1)
		}
		if c.run(indexOf(payload)) < runs {
			return errRetry
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = errors.Join(c.wait(ctx), stop())
	if n := early.Load(); n > 0 {
		fmt.Fprintf(t.progress, "  %s ran %d of %d jobs before they were due\n", t.side.name, n, load.jobs)
	}
	return err
}
