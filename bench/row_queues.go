package main

import (
	"context"
	"fmt"
)

var queueRows = []row{
	{"i", "process tasks spread evenly over 1, 10 and 100 queues", []side{jobsyRedis, asynqRedis}, measureQueues},
}

func measureQueues(ctx context.Context, t *trial) error {
	jobs := map[string]int{"jobsy": 200_000, "asynq": 15_000}
	for _, n := range []int{1, 10, 100} {
		o := serving{concurrency: 100}
		for i := range n {
			o.queues = append(o.queues, fmt.Sprintf("queue-%d", i))
		}
		if err := t.measureServing(ctx, fmt.Sprintf("process, queues %d", n), t.opts.size(jobs[t.side.name]), o); err != nil {
			return err
		}
	}
	return nil
}
