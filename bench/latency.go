package main

import (
	"math"
	"slices"
	"sync"
	"time"
)

// latencies collects durations. Its methods may be called concurrently.
type latencies struct {
	mu     sync.Mutex
	from   time.Time // durations that began before do not count
	values []time.Duration
}

// begin says from when on durations count.
func (l *latencies) begin(at time.Time) {
	l.mu.Lock()
	l.from = at
	l.mu.Unlock()
}

// add takes the duration from began to now.
func (l *latencies) add(began, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.from.IsZero() && !began.Before(l.from) {
		l.values = append(l.values, now.Sub(began))
	}
}

// quantile returns the value that the given part of all values does not exceed,
// in milliseconds.
func (l *latencies) quantile(part float64) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.values) == 0 {
		return math.NaN()
	}
	slices.Sort(l.values)
	at := int(math.Ceil(part*float64(len(l.values)))) - 1
	return float64(l.values[max(at, 0)]) / float64(time.Millisecond)
}
