package task

import (
	"math/rand/v2"
	"time"
)

// Backoff says how long a task waits before it runs again, after its
// attempt-th attempt failed (the first is 1). It must be safe for concurrent
// use. A delay of zero or less means at once.
type Backoff func(attempt int) time.Duration

// DefaultBackoff doubles from one second up to six hours, less up to half of
// it by jitter. The 25 retries of a task then span about two days, and never
// more than three.
func DefaultBackoff() Backoff {
	return Exponential(time.Second, 6*time.Hour, rand.Float64)
}

// Exponential doubles the delay with each attempt, from base up to limit, and
// takes off a random part of up to one half, so that tasks which failed
// together do not return together ("equal jitter", Marc Brooker, "Exponential
// Backoff And Jitter", 2015). random returns a number in [0, 1); nil means no
// jitter.
func Exponential(base, limit time.Duration, random func() float64) Backoff {
	return func(attempt int) time.Duration {
		delay := double(base, limit, max(attempt, 1)-1)
		if random == nil {
			return delay
		}
		return delay - time.Duration(random()*float64(delay)/2)
	}
}

// double returns base·2^times, at most limit, and never overflows.
func double(base, limit time.Duration, times int) time.Duration {
	if base <= 0 {
		return 0
	}
	for range times {
		if base > limit/2 {
			return limit
		}
		base *= 2
	}
	return min(base, limit)
}
