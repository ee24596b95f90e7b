package main

import (
	"context"
	"fmt"
)

var memoryRows = []row{
	{"f", "Redis memory of a pending task", []side{jobsyRedis, asynqRedis}, measureMemory},
}

func measureMemory(ctx context.Context, t *trial) error {
	for _, size := range []int{100, 1024} {
		if err := t.measureTaskSize(ctx, size); err != nil {
			return err
		}
	}
	return nil
}

// measureTaskSize reads the server's memory while nobody else is connected, so
// that the buffers of connections do not count.
func (t *trial) measureTaskSize(ctx context.Context, payload int) error {
	jobs := t.opts.size(100_000)
	var before float64
	err := t.fresh(ctx, func(lib library) (err error) {
		before, err = t.usedMemory(ctx, 1)
		if err != nil {
			return err
		}
		_, err = loading{jobs: jobs, payloads: t.payloads(payload)}.bulk(t.side).into(ctx, lib)
		return err
	})
	if err != nil {
		return err
	}
	after, err := t.usedMemory(ctx, 1)
	if err != nil {
		return err
	}
	t.record(fmt.Sprintf("memory of a pending task, payload %d B", payload), "bytes", (after-before)/float64(jobs))
	lib, err := t.side.open(t.redis.addr)
	if err != nil {
		return err
	}
	defer lib.close()
	return t.drain(ctx, lib, jobs)
}

// usedMemory waits until only so many clients are connected.
func (t *trial) usedMemory(ctx context.Context, clients float64) (used float64, err error) {
	err = t.redis.until(ctx, func(i redisInfo) bool {
		used = i.number("used_memory")
		return i.number("connected_clients") <= clients
	})
	return used, err
}
