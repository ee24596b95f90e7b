package broker_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
)

func TestBuckets(t *testing.T) {
	t.Parallel()
	for i := range broker.Buckets {
		bound := broker.BucketBound(i)
		if got := broker.BucketOf(bound); got != i {
			t.Errorf("the bound %s of bucket %d is in bucket %d", bound, i, got)
		}
		if got, want := broker.BucketOf(bound+1), min(i+1, broker.Buckets-1); got != want {
			t.Errorf("%s is in bucket %d, want %d", bound+1, got, want)
		}
	}
	for _, d := range []time.Duration{math.MinInt64, -1, 0, 1} {
		if got := broker.BucketOf(d); got != 0 {
			t.Errorf("%s is in bucket %d", d, got)
		}
	}
	if got := broker.BucketOf(math.MaxInt64); got != broker.Buckets-1 {
		t.Errorf("the longest duration is in bucket %d", got)
	}
}

// A quantile is off by what the bounds of a bucket differ by, at most.
func TestQuantile(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var h, half broker.Histogram
	var all []time.Duration
	for i := range 10_000 {
		d := time.Duration(float64(time.Millisecond) * math.Exp(3*random.NormFloat64()))
		all = append(all, d)
		if i%2 == 0 {
			half.Observe(d)
		} else {
			h.Observe(d)
		}
	}
	h.Add(&half)
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.5, 0.95, 0.99, 0.999} {
		want, got := all[int(q*float64(len(all)))], h.Quantile(q)
		if off := float64(got) / float64(want); want > broker.FirstBucket && (off > math.Sqrt2 || off < 1/math.Sqrt2) {
			t.Errorf("quantile %v is %s, want %s", q, got, want)
		}
	}
	if h.Count() != 10_000 || h.Mean() <= 0 {
		t.Errorf("count %d, mean %s", h.Count(), h.Mean())
	}
	var empty broker.Histogram
	if empty.Quantile(0.5) != 0 || empty.Mean() != 0 {
		t.Error("an empty histogram has a quantile or a mean")
	}
	empty.Observe(-time.Second)
	if empty.Quantile(1) > broker.FirstBucket || empty.Sum != 0 {
		t.Errorf("a negative duration counts as %s, sum %s", empty.Quantile(1), empty.Sum)
	}
}

func BenchmarkObserve(b *testing.B) {
	var h broker.Histogram
	for i := range b.N {
		h.Observe(time.Duration(i) * time.Microsecond)
	}
}
