package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"
)

// streamMost bounds the jobs a second of a stream, far above what Redis takes.
const streamMost = 500_000

// window is how many jobs a producer may be ahead of what has run, so that a
// queue that is filled faster than emptied does not grow without bound.
const window = 10_000

var streamRows = []row{
	{"d", "produce and process at once, in two processes", []side{jobsyRedis, asynqRedis}, measureStream},
}

func measureStream(ctx context.Context, t *trial) error {
	var greatest float64
	err := t.fresh(ctx, func(lib library) error {
		s := stream{trial: t, library: lib}
		if err := s.run(ctx); err != nil {
			return err
		}
		greatest = s.reached
		t.record("produce and process at once", perSecond, s.reached)
		return nil
	})
	if err != nil {
		return err
	}
	return t.fresh(ctx, func(lib library) error {
		s := stream{trial: t, library: lib, rate: greatest / 2}
		if err := s.run(ctx); err != nil {
			return err
		}
		t.record("at half of that rate", perSecond, s.reached)
		for _, percent := range []float64{50, 95, 99} {
			t.record(fmt.Sprintf("at half of that rate, pickup p%g", percent), "ms", s.pickups.quantile(percent/100))
		}
		return nil
	})
}

// stream has another process produce while this one works.
type stream struct {
	*trial
	library library
	rate    float64 // jobs a second; 0: as many as possible

	reached float64 // jobs a second that have run
	pickups latencies
}

func (s *stream) warmUp() time.Duration { return s.opts.duration / 10 }

// producing is how long the producer works: a little longer than it is watched.
func (s *stream) producing() time.Duration {
	return s.warmUp() + s.opts.duration + s.opts.duration/20
}

func (s *stream) run(ctx context.Context) error {
	producer, err := startChild(role{
		Name: "produce", Addr: s.redis.addr, Side: s.side.name, Rate: s.rate,
		Duration: s.producing(), Window: s.opts.size(window), Seed: s.opts.seed + uint64(s.turn),
	})
	if err != nil {
		return err
	}
	jobs, err := s.work(ctx, producer)
	if err != nil {
		return errors.Join(err, producer.end())
	}
	return errors.Join(producer.end(), s.nothingLeft(ctx, s.library), jobs.verify())
}

// streamed is what a stream has run.
type streamed struct {
	*check
	enqueued int
}

func (s streamed) verify() error { return s.each(s.enqueued, 1) }

// work runs what the producer enqueues, from its first jobs on, until it has
// ended and all have run.
func (s *stream) work(ctx context.Context, producer *child) (jobs streamed, err error) {
	var began int64
	if err := producer.says("began %d", &began); err != nil {
		return jobs, err
	}
	jobs.check = newCheck(s.opts.size(window)+int(streamMost*s.producing().Seconds()), 0)
	stop, err := s.library.serve(serving{concurrency: 100}, func(payload []byte) error {
		s.pickups.add(madeAt(payload), time.Now())
		return jobs.handle(payload)
	})
	if err != nil {
		return jobs, err
	}
	telling := tellWhatRan(producer, jobs.check)
	err = s.watch(ctx, jobs.check)
	if err == nil {
		err = producer.says("enqueued %d", &jobs.enqueued)
	}
	if err == nil {
		jobs.expect(jobs.enqueued)
		err = jobs.wait(ctx)
	}
	telling()
	return jobs, errors.Join(err, stop())
}

// watch takes the rate between two moments while the producer is at work.
func (s *stream) watch(ctx context.Context, c *check) error {
	if err := pause(ctx, s.warmUp()); err != nil {
		return err
	}
	began, before := time.Now(), c.ran.Load()
	s.pickups.begin(began)
	err := pause(ctx, s.opts.duration)
	s.reached = float64(c.ran.Load()-before) / time.Since(began).Seconds()
	return err
}

// tellWhatRan keeps the producer informed until the function it returns is
// called. A producer that has ended does not listen any more.
func tellWhatRan(producer *child, c *check) (stop func()) {
	done := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				var number [8]byte
				binary.BigEndian.PutUint64(number[:], uint64(c.ran.Load()))
				if _, err := producer.stdin.Write(number[:]); err != nil {
					return
				}
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		telling.Wait()
	}
}
