package broker

import (
	"math"
	"math/bits"
	"time"
)

const (
	// Buckets is how many a Histogram has.
	Buckets = 64
	// FirstBucket is the upper bound of the first one.
	FirstBucket = 100 * time.Microsecond
)

// Histogram counts durations in fixed buckets whose bounds grow by the square
// root of two: bucket 0 has those up to FirstBucket, 100 µs, and bucket i those
// above FirstBucket·2^((i−1)/2) and up to FirstBucket·2^(i/2). The last one has all
// that is longer, too: more than two days. Its zero value is empty. It is no more
// safe for concurrent use than an array.
type Histogram struct {
	Counts [Buckets]int64
	Sum    time.Duration // of all, for the mean
}

// BucketOf returns the bucket of a duration.
func BucketOf(d time.Duration) int {
	if d <= FirstBucket {
		return 0
	}
	// The least i for which FirstBucket²·2^i is d² or more, in whole numbers: this
	// is done for each task.
	const unit = uint64(FirstBucket) * uint64(FirstBucket)
	high, low := bits.Mul64(uint64(d), uint64(d))
	if high >= unit {
		return Buckets - 1
	}
	quotient, rest := bits.Div64(high, low, unit)
	i := bits.Len64(quotient - 1)
	if rest > 0 {
		i = bits.Len64(quotient)
	}
	return min(i, Buckets-1)
}

// BucketBound returns the upper bound of bucket i, which is part of it.
func BucketBound(i int) time.Duration {
	return time.Duration(float64(FirstBucket) * math.Exp2(float64(i)/2))
}

// Observe counts a duration. One below zero counts as zero.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	h.Counts[BucketOf(d)]++
	h.Sum += d
}

// Add adds another histogram.
func (h *Histogram) Add(other *Histogram) {
	for i, n := range other.Counts {
		h.Counts[i] += n
	}
	h.Sum += other.Sum
}

// Count returns how many durations were counted.
func (h *Histogram) Count() int64 {
	var n int64
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Mean returns the average, or 0 if nothing was counted.
func (h *Histogram) Mean() time.Duration {
	n := h.Count()
	if n == 0 {
		return 0
	}
	return h.Sum / time.Duration(n)
}

// Quantile returns a duration that about the part q of all does not exceed, 0 to
// 1: 0.95 asks for p95. It is 0 if nothing was counted. It finds the bucket of the
// duration with rank q·n and goes into it as far as the rank does, along a
// logarithmic scale, in the first bucket along a linear one. As the bounds of a
// bucket differ by 41 %, so at most does the answer from the true one.
func (h *Histogram) Quantile(q float64) time.Duration {
	n := h.Count()
	if n == 0 {
		return 0
	}
	rank := min(max(q, 0), 1) * float64(n)
	var below float64
	for i, c := range h.Counts {
		if c > 0 && below+float64(c) >= rank {
			return within(i, (rank-below)/float64(c))
		}
		below += float64(c)
	}
	return BucketBound(Buckets - 1)
}

// within returns what lies a part of the way through a bucket.
func within(i int, part float64) time.Duration {
	if i == 0 {
		return time.Duration(part * float64(FirstBucket))
	}
	return time.Duration(float64(FirstBucket) * math.Exp2((float64(i-1)+part)/2))
}
