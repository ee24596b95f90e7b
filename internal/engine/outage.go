package engine

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

const (
	firstPause = 10 * time.Millisecond  // after a failed call
	lastPause  = 500 * time.Millisecond // at most: ready again within a second
)

// outage paces the calls to a broker that does not answer, and tells its
// beginning and its end.
type outage struct{ failures int }

func (o *outage) begins() bool {
	o.failures++
	return o.failures == 1
}

func (o *outage) ends() bool {
	ended := o.failures > 0
	o.failures = 0
	return ended
}

// sleep waits, the longer the more calls have failed, or until ctx ends.
func (o *outage) sleep(ctx context.Context) {
	sleep(ctx, task.Exponential(firstPause, lastPause, rand.Float64)(o.failures))
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// within reports whether done is closed before d has passed.
func within(d time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
