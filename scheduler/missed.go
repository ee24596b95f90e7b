package scheduler

import "time"

// MissedPolicy says what becomes of missed ticks. The package comment says which
// ticks are missed.
type MissedPolicy string

// The policies for missed ticks.
const (
	MissedOne  MissedPolicy = "one"  // the latest stands for all
	MissedSkip MissedPolicy = "skip" // none is made up for
	MissedAll  MissedPolicy = "all"  // each, oldest first; of more than MaxMissed the latest
)

// limitMissed bounds MaxMissed, and with it the flood after a long downtime.
const limitMissed = 1000

// oldestOf returns the first of the latest n ticks up to now. first is the first
// tick there is; next returns the tick after a given time.
func oldestOf(n int, first, now time.Time, next func(time.Time) time.Time) time.Time {
	tick := first
	for range n {
		tick = next(tick)
		if tick.IsZero() || tick.After(now) {
			return first
		}
	}
	for range n {
		tick = latest(first, now, next)
		now = tick.Add(-time.Millisecond)
	}
	return tick
}

// latest returns the last tick up to now, by bisection: a schedule may have been
// down for millions of ticks. first is a tick that is not after now.
func latest(first, now time.Time, next func(time.Time) time.Time) time.Time {
	from, to := first, now // from is a tick, and after to there is none
	for {
		middle := from.Add(to.Sub(from) / 2).Truncate(time.Millisecond)
		tick := next(middle)
		switch {
		case !tick.IsZero() && !tick.After(now):
			from = tick
		case middle.Equal(from):
			return from
		default:
			to = middle
		}
	}
}
