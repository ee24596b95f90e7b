package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

var pickupRows = []row{
	{"e", "pickup by an idle server, against a bare GET", []side{bareRedis, jobsyRedis, asynqRedis}, measurePickup},
}

// pickupSizes are how many jobs are picked up, and for how long at most the
// server is idle before each. asynq polls every second or so; jobs come at any
// moment of it.
var pickupSizes = map[string]struct {
	jobs int
	idle time.Duration
}{
	"redis": {300, 60 * time.Millisecond},
	"jobsy": {300, 60 * time.Millisecond},
	"asynq": {20, 2 * time.Second},
}

func measurePickup(ctx context.Context, t *trial) error {
	if t.side.open == nil {
		return t.measureGet(ctx)
	}
	return t.fresh(ctx, func(lib library) error {
		jobs := t.pickupJobs()
		c, pickups, payloads := newCheck(jobs, jobs), &latencies{}, t.payloads(payloadSize)
		ran := make(chan time.Time, jobs)
		stop, err := lib.serve(serving{}, func(payload []byte) error {
			ran <- time.Now()
			return c.handle(payload)
		})
		if err != nil {
			return err
		}
		err = t.afterPauses(ctx, pickups, func(i int) (time.Time, error) {
			if err := lib.enqueue(ctx, []job{{payload: payloads.of(i)}}); err != nil {
				return time.Time{}, err
			}
			select {
			case at := <-ran:
				return at, nil
			case <-ctx.Done():
				return time.Time{}, ctx.Err()
			}
		})
		if err := errors.Join(err, stop()); err != nil {
			return err
		}
		t.recordPickups(pickups)
		return t.ranOnce(ctx, lib, c, jobs)
	})
}

func (t *trial) pickupJobs() int {
	return max(int(float64(pickupSizes[t.side.name].jobs)*min(t.opts.scale, 1)), 2)
}

// afterPauses calls do after a pause each time, which is random so that polls do
// not fall in step with it. The first call is the warm-up.
func (t *trial) afterPauses(ctx context.Context, took *latencies, do func(i int) (time.Time, error)) error {
	random := rand.New(rand.NewPCG(t.opts.seed, uint64(t.turn)))
	idle := pickupSizes[t.side.name].idle
	for i := range t.pickupJobs() {
		if err := pause(ctx, idle/3+time.Duration(random.Int64N(int64(idle*2/3)))); err != nil {
			return err
		}
		began := time.Now()
		if i == 1 {
			took.begin(began)
		}
		ended, err := do(i)
		if err != nil {
			return err
		}
		took.add(began, ended)
	}
	return nil
}

func (t *trial) recordPickups(took *latencies) {
	for _, percent := range []float64{50, 99} {
		t.record(fmt.Sprintf("pickup when idle, p%g", percent), "ms", took.quantile(percent/100))
	}
}

// measureGet measures what a bare GET takes: after pauses like those between
// pickups, and back to back.
func (t *trial) measureGet(ctx context.Context) error {
	client := goredis.NewClient(&goredis.Options{Addr: t.redis.addr})
	defer client.Close()
	get := func(int) (time.Time, error) {
		err := client.Get(ctx, "bench").Err()
		if errors.Is(err, goredis.Nil) {
			err = nil
		}
		return time.Now(), err
	}
	rested := &latencies{}
	if err := t.afterPauses(ctx, rested, get); err != nil {
		return err
	}
	t.recordPickups(rested)
	took, err := backToBack(t.opts.size(5000), get)
	if err != nil {
		return err
	}
	t.record("GET back to back, p50", "ms", took.quantile(0.5))
	return nil
}

func backToBack(n int, do func(i int) (time.Time, error)) (*latencies, error) {
	took := &latencies{}
	for i := range n {
		began := time.Now()
		if i == n/10 {
			took.begin(began)
		}
		ended, err := do(i)
		if err != nil {
			return nil, err
		}
		took.add(began, ended)
	}
	return took, nil
}
