package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// stalled is how long nothing may run before a measurement is given up. It is
// well over the time in which a library looks for delayed jobs.
const stalled = time.Minute

// check counts the runs of every job, and takes the time of two of them: the
// run that ends the warm-up and the last.
type check struct {
	counts []atomic.Uint32 // by the index of the job
	strays atomic.Int64    // runs of what nobody enqueued
	ran    atomic.Int64
	warm   int64
	want   atomic.Int64 // 0: not known yet

	warmAt time.Time     // set before warmed is closed
	warmed chan struct{} // closed by the run that ends the warm-up
	doneAt time.Time     // set before done is closed
	done   chan struct{} // closed by the last run
	finish sync.Once
}

// newCheck takes jobs with an index up to the number of jobs, and expects so
// many runs in all. The first tenth of the runs is the warm-up.
func newCheck(jobs, runs int) *check {
	c := &check{
		counts: make([]atomic.Uint32, jobs), warm: int64(max(runs/10, 1)),
		warmed: make(chan struct{}), done: make(chan struct{}),
	}
	c.want.Store(int64(runs))
	return c
}

// expect says how many runs there will be in all, once that is known.
func (c *check) expect(runs int) {
	c.want.Store(int64(runs))
	if c.ran.Load() >= int64(runs) {
		c.end()
	}
}

func (c *check) end() {
	c.finish.Do(func() {
		c.doneAt = time.Now()
		close(c.done)
	})
}

// run notes one run, and returns how many the job has had.
func (c *check) run(index int) int {
	if index < 0 || index >= len(c.counts) {
		c.strays.Add(1)
		return 0
	}
	nth := c.counts[index].Add(1)
	ran := c.ran.Add(1)
	if ran == c.warm {
		c.warmAt = time.Now()
		close(c.warmed)
	}
	if ran == c.want.Load() {
		c.end()
	}
	return int(nth)
}

// handle is a handler that does nothing else.
func (c *check) handle(payload []byte) error {
	c.run(indexOf(payload))
	return nil
}

// wait returns once as many runs were made as are expected.
func (c *check) wait(ctx context.Context) error { return c.await(ctx, c.done) }

// waitWarm returns once the warm-up has ended.
func (c *check) waitWarm(ctx context.Context) error { return c.await(ctx, c.warmed) }

func (c *check) await(ctx context.Context, event <-chan struct{}) error {
	ticker := time.NewTicker(stalled)
	defer ticker.Stop()
	for before := int64(-1); ; {
		select {
		case <-event:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			ran := c.ran.Load()
			if ran == before {
				return fmt.Errorf("stalled after %d of %d runs", ran, c.want.Load())
			}
			before = ran
		}
	}
}

// rate returns the runs a second after the warm-up.
func (c *check) rate() float64 {
	return float64(c.want.Load()-c.warm) / c.doneAt.Sub(c.warmAt).Seconds()
}

// each reports an error unless each of the first jobs ran so many times, and
// nothing else did. Nothing may run any more.
func (c *check) each(jobs, times int) error {
	for index := range c.counts {
		want := times
		if index >= jobs {
			want = 0
		}
		if got := int(c.counts[index].Load()); got != want {
			return fmt.Errorf("job %d of %d ran %d times, want %d", index, jobs, got, want)
		}
	}
	return c.noStrays()
}

// conserved reports an error unless each of the jobs either ran once or is
// among those that are left. Nothing may run any more.
func (c *check) conserved(left int) error {
	ran := 0
	for index := range c.counts {
		got := int(c.counts[index].Load())
		if got > 1 {
			return fmt.Errorf("job %d ran %d times, want at most 1", index, got)
		}
		ran += got
	}
	if ran+left != len(c.counts) {
		return fmt.Errorf("%d jobs ran and %d are left, of %d", ran, left, len(c.counts))
	}
	return c.noStrays()
}

func (c *check) noStrays() error {
	if n := c.strays.Load(); n > 0 {
		return fmt.Errorf("%d runs of jobs that nobody enqueued", n)
	}
	return nil
}
