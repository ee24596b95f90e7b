package task_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/internal/tasktest"
	"github.com/nex-gen-tech/jobsy/task"
)

func ExampleExponential() {
	backoff := task.Exponential(time.Second, time.Minute, nil)
	for attempt := 1; attempt <= 8; attempt++ {
		fmt.Print(backoff(attempt), " ")
	}
	// Output: 1s 2s 4s 8s 16s 32s 1m0s 1m0s
}

func TestExponentialWithoutJitter(t *testing.T) {
	t.Parallel()
	const most = time.Duration(math.MaxInt64)
	for _, c := range []struct {
		base, limit time.Duration
		attempt     int
		want        time.Duration
	}{
		{time.Second, time.Hour, 1, time.Second},
		{time.Second, time.Hour, 2, 2 * time.Second},
		{time.Second, time.Hour, 12, 2048 * time.Second},
		{time.Second, time.Hour, 13, time.Hour},
		{time.Second, 2048 * time.Second, 12, 2048 * time.Second},
		{time.Second, 2048 * time.Second, 13, 2048 * time.Second},
		{time.Second, 2047 * time.Second, 12, 2047 * time.Second},
		{time.Hour, time.Second, 1, time.Second},
		{time.Second, time.Hour, 0, time.Second},
		{time.Second, time.Hour, -5, time.Second},
		{time.Second, time.Hour, math.MinInt, time.Second},
		{time.Second, time.Hour, 1 << 30, time.Hour},
		{time.Second, time.Hour, math.MaxInt, time.Hour},
		{1, most, 63, 1 << 62},
		{1, most, 64, most},
		{1, most, 1 << 30, most},
		{most, most, 1, most},
		{most, most, 1 << 30, most},
		{most/2 + 1, most, 2, most},
		{most / 2, most, 2, most - 1},
		{0, time.Hour, 5, 0},
		{0, time.Hour, 1 << 30, 0},
		{math.MinInt64, time.Hour, 1 << 30, 0},
		{1, 1, 1 << 30, 1},
		{time.Second, 0, 5, 0},
	} {
		if got := task.Exponential(c.base, c.limit, nil)(c.attempt); got != c.want {
			t.Errorf("Exponential(%v, %v) at attempt %d is %v, want %v", c.base, c.limit, c.attempt, got, c.want)
		}
	}
}

func TestExponentialJitter(t *testing.T) {
	t.Parallel()
	r := tasktest.NewRandom(t)
	for range 10_000 {
		base, limit := time.Duration(r.Int64N(1<<uint(1+r.IntN(62)))), time.Duration(r.Int64())
		attempt := 1 + r.IntN(100)
		full := task.Exponential(base, limit, nil)(attempt)
		half := full - full/2
		// A double has 53 bits, so that the greatest delays are rounded.
		slack := time.Duration(1) + full>>50
		if got := task.Exponential(base, limit, r.Float64)(attempt); got > full || got < half-slack {
			t.Fatalf("delay is %v, want %v to %v", got, half, full)
		}
	}
	for random, want := range map[float64]time.Duration{0: 8 * time.Second, 0.5: 6 * time.Second, 0.75: 5 * time.Second} {
		got := task.Exponential(time.Second, time.Hour, func() float64 { return random })(4)
		if got != want {
			t.Errorf("with %v by chance the delay is %v, want %v", random, got, want)
		}
	}
}

// A task with the default retries gives whoever is on call a weekend, and is
// not still there a week later.
func TestDefaultBackoffSpansDays(t *testing.T) {
	t.Parallel()
	const day, rounds = 24 * time.Hour, 400
	backoff, sum := task.DefaultBackoff(), time.Duration(0)
	for range rounds {
		total := time.Duration(0)
		for attempt := 1; attempt <= task.DefaultMaxRetry; attempt++ {
			total += backoff(attempt)
		}
		if total < day*14/10 || total > 3*day {
			t.Fatalf("the retries span %v, want 34h to 72h", total)
		}
		sum += total
	}
	if mean := sum / rounds; mean < 2*day || mean > 7*day/2 {
		t.Errorf("the retries span %v on average, want 48h to 84h", mean)
	}
}

func TestDefaultBackoffIsRandom(t *testing.T) {
	t.Parallel()
	backoff, seen := task.DefaultBackoff(), make(map[time.Duration]bool)
	for range 100 {
		seen[backoff(10)] = true
	}
	if len(seen) < 90 {
		t.Errorf("100 delays have only %d values", len(seen))
	}
}

func BenchmarkDefaultBackoff(b *testing.B) {
	backoff := task.DefaultBackoff()
	for b.Loop() {
		backoff(1 + rand.IntN(30))
	}
}
