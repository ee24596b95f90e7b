package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/internal/history"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
)

// failover is what Sentinels and a Cluster have in common.
type failover interface {
	URL() string
	AwaitSync(t testing.TB)
}

// The primary is killed under load. What the replica had is not lost, and what
// the former primary comes back with has no say.
func TestFailover(t *testing.T) {
	t.Parallel()
	const key = "jobsy:{" + queue + "}:tasks"
	t.Run("sentinel", func(t *testing.T) {
		t.Parallel()
		s := redistest.StartSentinels(t)
		failOver(t, s, func() func() {
			former := s.KillPrimary(t)
			return func() { s.AwaitFailover(t, former); former.Restart(t) }
		})
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		c := redistest.StartCluster(t)
		failOver(t, c, func() func() {
			former := c.KillOwner(t, key)
			return func() { c.AwaitFailover(t, key, former); former.Restart(t) }
		})
	})
}

func failOver(t *testing.T, on failover, kill func() (await func())) {
	t.Helper()
	on.AwaitSync(t)
	s := newStage(t, on.URL())
	s.check.MaxDeliveries = -1
	workers := []*worker{s.start(nil), s.start(nil)}
	stop := s.produce(2, func() work { return work{Millis: 5} })
	s.each(workers, "runs under way", 50)
	await := kill()
	killed := time.Now()
	await()
	s.goOn(workers, 5*time.Second)
	taken := stop()
	s.drain(30 * time.Second)
	events := s.end()
	n := judgeForgotten(t, s, events, []time.Time{killed}, 2*time.Second)
	t.Logf("%d tasks taken, %d forgotten or done again by the failover; %s", taken, n, pauseOf(events, killed))
}

// pauseOf tells how long nothing was started after a moment.
func pauseOf(events []history.Event, from time.Time) string {
	for _, e := range events {
		if e.Type == history.TypeLease && e.Begin.After(from) {
			return fmt.Sprintf("leasing again after %s", e.End.Sub(from).Round(time.Millisecond))
		}
	}
	return "nothing was leased afterwards"
}

// A queue's slot moves to another node under load: MOVED, ASK and TRYAGAIN are
// followed.
func TestSlotMoves(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	s := newStage(t, c.URL())
	workers := []*worker{s.start(nil), s.start(nil)}
	stop := s.produce(2, func() work { return work{Millis: 5} })
	const key = "jobsy:{" + queue + "}:tasks"
	for range 2 {
		s.each(workers, "runs under way", 50)
		owner := c.Owner(t, key)
		for _, node := range c.Nodes()[:3] {
			if node != owner {
				c.MoveSlot(t, key, node)
				break
			}
		}
		s.goOn(workers, 5*time.Second)
	}
	stop()
	s.drain(30 * time.Second)
	s.finish()
}
