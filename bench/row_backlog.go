package main

import (
	"context"
	"fmt"
)

var backlogRows = []row{
	{"h", "process while many tasks wait", []side{jobsyRedis, asynqRedis}, measureBacklog},
}

func measureBacklog(ctx context.Context, t *trial) error {
	backlogs := []int{10_000, 1_000_000}
	if t.opts.huge {
		backlogs = append(backlogs, 5_000_000)
	}
	for _, backlog := range backlogs {
		name := fmt.Sprintf("process, backlog %d", backlog)
		if err := t.measureBehind(ctx, name, t.opts.size(backlog)); err != nil {
			return err
		}
	}
	return nil
}

// measureBehind measures how fast the first jobs run while the backlog waits
// behind them. The backlog itself is not run; it has to be left as it is.
func (t *trial) measureBehind(ctx context.Context, name string, backlog int) error {
	sizes := map[string]int{"jobsy": 150_000, "asynq": 15_000}
	jobs := t.opts.size(sizes[t.side.name])
	return t.fresh(ctx, func(lib library) error {
		if err := t.preload(ctx, lib, backlog+jobs, nil); err != nil {
			return err
		}
		c := newCheck(backlog+jobs, jobs)
		if err := t.measureProcessing(ctx, name, lib, c, serving{concurrency: 100}); err != nil {
			return err
		}
		left, err := lib.left(ctx)
		if err != nil {
			return err
		}
		return c.conserved(left)
	})
}
