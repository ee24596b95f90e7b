package main

import "context"

var enqueueRows = []row{
	{"a", "enqueue one task a call", []side{jobsyRedis, asynqRedis, jobsyMemory}, measureEnqueue},
	{"b", "enqueue in bulk", []side{jobsyRedis, asynqRedis, jobsyMemory}, measureBulk},
}

func measureEnqueue(ctx context.Context, t *trial) error {
	together := map[string]int{"jobsy": 200_000, "asynq": 50_000, "memory": 500_000}
	alone := map[string]int{"jobsy": 15_000, "asynq": 10_000, "memory": 500_000}
	for _, c := range []struct {
		name string
		loading
	}{
		{"enqueue, 20 goroutines", loading{jobs: together[t.side.name], producers: producers, batch: 1}},
		{"enqueue, alone", loading{jobs: alone[t.side.name], producers: 1, batch: 1}},
	} {
		if err := t.measureLoading(ctx, c.name, c.loading); err != nil {
			return err
		}
	}
	return nil
}

// measureBulk gives asynq single calls, for it has no others.
func measureBulk(ctx context.Context, t *trial) error {
	jobs := map[string]int{"jobsy": 400_000, "asynq": 50_000, "memory": 1_000_000}
	load := loading{jobs: jobs[t.side.name]}.bulk(t.side)
	return t.measureLoading(ctx, "enqueue in bulk", load)
}

func (t *trial) measureLoading(ctx context.Context, name string, load loading) error {
	load.jobs, load.payloads = t.opts.size(load.jobs), t.payloads(payloadSize)
	return t.fresh(ctx, func(lib library) error {
		var rate float64
		var used spent
		err := t.profile(name, func() (err error) {
			used, err = t.during(ctx, func() (err error) {
				rate, err = load.into(ctx, lib)
				return err
			})
			return err
		})
		if err != nil {
			return err
		}
		t.record(name, perSecond, rate)
		t.explain(name, load.jobs, used)
		return t.drain(ctx, lib, load.jobs)
	})
}
