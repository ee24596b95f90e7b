package redis

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// One op is one call with one item, from so many goroutines at a time, on a wire
// that takes no time: what gathering itself costs. Batch says how many calls
// travelled together.
func BenchmarkGather(b *testing.B) {
	for _, callers := range []int{1, 20, 100} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { gatherCalls(b, callers) })
	}
}

func gatherCalls(b *testing.B, callers int) {
	b.ReportAllocs()
	batches := 0
	g := &gatherer[int]{fits: fits, send: func([]int) []error {
		batches++ // one is sent at a time
		return nil
	}}
	var calling sync.WaitGroup
	for i := range callers {
		calling.Go(func() { callGatherer(b.Context(), g, (b.N+i)/callers) })
	}
	calling.Wait()
	g.close()
	b.ReportMetric(float64(b.N)/float64(max(batches, 1)), "calls/batch")
}

func callGatherer(ctx context.Context, g *gatherer[int], calls int) {
	items := []int{1}
	for range calls {
		g.do(ctx, items, 1)
	}
}
