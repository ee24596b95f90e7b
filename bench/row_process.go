package main

import (
	"context"
	"fmt"
)

var processRows = []row{
	{"c", "process no-op tasks", []side{jobsyRedis, asynqRedis, jobsyMemory}, measureProcess},
}

// processSizes are how many jobs are processed by one, ten, a hundred and a
// thousand at once: a few seconds of work.
var processSizes = []struct {
	concurrency int
	jobs        map[string]int
}{
	{1, map[string]int{"jobsy": 15_000, "asynq": 6_000, "memory": 500_000}},
	{10, map[string]int{"jobsy": 60_000, "asynq": 15_000, "memory": 500_000}},
	{100, map[string]int{"jobsy": 200_000, "asynq": 15_000, "memory": 500_000}},
	{1000, map[string]int{"jobsy": 200_000, "asynq": 15_000, "memory": 500_000}},
}

func measureProcess(ctx context.Context, t *trial) error {
	for _, size := range processSizes {
		name := fmt.Sprintf("process, concurrency %d", size.concurrency)
		o := serving{concurrency: size.concurrency}
		if err := t.measureServing(ctx, name, t.opts.size(size.jobs[t.side.name]), o); err != nil {
			return err
		}
	}
	return nil
}

// measureServing measures how fast the jobs are run, once all are enqueued.
func (t *trial) measureServing(ctx context.Context, name string, jobs int, o serving) error {
	return t.fresh(ctx, func(lib library) error {
		if err := t.preload(ctx, lib, jobs, o.queues); err != nil {
			return err
		}
		c := newCheck(jobs, jobs)
		if err := t.measureProcessing(ctx, name, lib, c, o); err != nil {
			return err
		}
		return t.ranOnce(ctx, lib, c, jobs)
	})
}
