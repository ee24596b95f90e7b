package main

import (
	"context"
	"errors"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// distance is how late the proxy passes on what it is told, each way.
const distance = time.Millisecond

var distantRows = []row{
	{"l", "process through a delay of 1 ms each way", []side{bareRedis, jobsyRedis, asynqRedis}, measureDistant},
}

func measureDistant(ctx context.Context, t *trial) error {
	addr, stop, err := startProxy(t.redis.addr, distance)
	if err != nil {
		return err
	}
	if t.side.open == nil {
		return errors.Join(t.measureDistance(ctx, addr), stop())
	}
	return errors.Join(t.processThrough(ctx, addr), stop())
}

// measureDistance measures the round trip itself.
func (t *trial) measureDistance(ctx context.Context, addr string) error {
	client := goredis.NewClient(&goredis.Options{Addr: addr})
	defer client.Close()
	took, err := backToBack(t.opts.size(500), func(int) (time.Time, error) {
		err := client.Ping(ctx).Err()
		return time.Now(), err
	})
	if err != nil {
		return err
	}
	t.record("round trip through the delay, p50", "ms", took.quantile(0.5))
	return nil
}

// processThrough enqueues directly, and works through the proxy.
func (t *trial) processThrough(ctx context.Context, addr string) error {
	sizes := map[string]int{"jobsy": 100_000, "asynq": 1500}
	jobs := t.opts.size(sizes[t.side.name])
	const name = "process through the delay, concurrency 100"
	return t.fresh(ctx, func(lib library) error {
		if err := t.preload(ctx, lib, jobs, nil); err != nil {
			return err
		}
		distant, err := t.side.open(addr)
		if err != nil {
			return err
		}
		c := newCheck(jobs, jobs)
		err = t.measureProcessing(ctx, name, distant, c, serving{concurrency: 100})
		if err := errors.Join(err, distant.close()); err != nil {
			return err
		}
		return t.ranOnce(ctx, lib, c, jobs)
	})
}
