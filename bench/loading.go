package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// producers is how many goroutines enqueue, where several do.
const producers = 20

// loading says how jobs get into a library.
type loading struct {
	jobs      int
	producers int
	batch     int       // jobs a call
	queues    []string  // the jobs are spread over; nil: the default queue
	at        time.Time // when they are due; zero: at once
	unique    bool      // each excludes others with its payload
	payloads  payloads
}

// bulk is the fastest way that the side has.
func (l loading) bulk(s side) loading {
	l.producers, l.batch = 2, s.batch
	if s.batch == 1 {
		l.producers = producers
	}
	return l
}

// into enqueues the jobs, and returns how many a second, after a warm-up of a
// tenth of them.
func (l loading) into(ctx context.Context, lib library) (perSecond float64, err error) {
	run := loadingRun{loading: l, library: lib, began: time.Now()}
	var working sync.WaitGroup
	errs := make([]error, l.producers)
	for i := range errs {
		working.Go(func() { errs[i] = run.produce(ctx) })
	}
	working.Wait()
	return run.rate(time.Now()), errors.Join(errs...)
}

// loadingRun is one run of a loading.
type loadingRun struct {
	loading
	library library
	next    atomic.Int64
	taken   atomic.Int64

	// When the warm-up ended, and how many had been enqueued by then.
	began time.Time
	warm  int64
}

func (r *loadingRun) produce(ctx context.Context) error {
	jobs := make([]job, 0, r.batch)
	for {
		first := int(r.next.Add(int64(r.batch))) - r.batch
		if first >= r.jobs {
			return nil
		}
		jobs = jobs[:0]
		for index := first; index < min(first+r.batch, r.jobs); index++ {
			jobs = append(jobs, r.job(index))
		}
		if err := r.library.enqueue(ctx, jobs); err != nil {
			return fmt.Errorf("enqueue: %w", err)
		}
		r.note(int64(len(jobs)))
	}
}

func (r *loadingRun) job(index int) job {
	j := job{payload: r.payloads.of(index), at: r.at, unique: r.unique}
	if len(r.queues) > 0 {
		j.queue = r.queues[index%len(r.queues)]
	}
	return j
}

func (r *loadingRun) note(n int64) {
	warm, taken := int64(r.jobs/10), r.taken.Add(n)
	if taken >= warm && taken-n < warm && taken < int64(r.jobs) {
		r.began, r.warm = time.Now(), taken
	}
}

func (r *loadingRun) rate(ended time.Time) float64 {
	return float64(int64(r.jobs)-r.warm) / ended.Sub(r.began).Seconds()
}
