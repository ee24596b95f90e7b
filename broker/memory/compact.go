package memory

import (
	"slices"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
)

// compact is a tally that is kept for long: of its histograms only the buckets
// that are not empty.
type compact struct {
	completed, failed, retried int64
	waitSum, runSum            time.Duration
	wait, run                  []bucket
}

type bucket struct {
	at int
	n  int64
}

func (c *compact) add(t *broker.Tally) {
	c.completed += t.Completed
	c.failed += t.Failed
	c.retried += t.Retried
	c.waitSum += t.Wait.Sum
	c.runSum += t.Run.Sum
	c.wait = fill(c.wait, &t.Wait)
	c.run = fill(c.run, &t.Run)
}

func fill(buckets []bucket, h *broker.Histogram) []bucket {
	for at, n := range h.Counts {
		if n == 0 {
			continue
		}
		i := slices.IndexFunc(buckets, func(b bucket) bool { return b.at == at })
		if i < 0 {
			i, buckets = len(buckets), append(buckets, bucket{at: at})
		}
		buckets[i].n += n
	}
	return buckets
}

func (c *compact) tally() *broker.Tally {
	t := &broker.Tally{Completed: c.completed, Failed: c.failed, Retried: c.retried}
	t.Wait.Sum, t.Run.Sum = c.waitSum, c.runSum
	for _, b := range c.wait {
		t.Wait.Counts[b.at] = b.n
	}
	for _, b := range c.run {
		t.Run.Counts[b.at] = b.n
	}
	return t
}
