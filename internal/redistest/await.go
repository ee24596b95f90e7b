package redistest

import (
	"context"
	"testing"
	"time"
)

// glance is how often something is looked at until it is so.
const glance = 20 * time.Millisecond

// await looks until check has nothing to say against, and fails the test with
// what it still says when patience ends.
func await(t testing.TB, check func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(glance)
	defer tick.Stop()
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within %s: %v", patience, last)
		}
	}
}
