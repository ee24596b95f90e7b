package faults

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/internal/history"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
)

// One of three workers is killed again and again under load.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	s := newStage(t, redistest.Start(t).URL())
	s.check.MaxDeliveries = -1
	unlimited := func(to *settings) { to.MaxDeliveries = -1 }
	s.start(unlimited)
	s.start(unlimited)
	stop := s.produce(4, func() work { return work{Millis: 20} })
	var killed []string
	var deaths []time.Time
	for range 20 {
		victim := s.start(unlimited)
		s.until("a run by "+victim.Name, 20*time.Second, func(context.Context) bool { return s.runs(victim) > 30 })
		victim.kill()
		killed, deaths = append(killed, victim.Name), append(deaths, time.Now())
	}
	taken := stop()
	s.drain(30 * time.Second)
	events := s.finish()
	n := onlyOf(t, events, killed...)
	t.Logf("%d tasks, %d of them ran again after 20 kills", taken, n)
	slowest := checkTakeover(t, events, killed, deaths)
	t.Logf("the slowest takeover was %s after the kill", slowest)
}

// checkTakeover wants what the dead held to be leased again within a lease and a
// second of their death.
func checkTakeover(t *testing.T, events []history.Event, killed []string, deaths []time.Time) (slowest time.Duration) {
	t.Helper()
	for id, leases := range lives(events, history.TypeLease) {
		for i, next := range leases[1:] {
			at := slices.Index(killed, leases[i].Process)
			if at < 0 {
				continue
			}
			took := next.End.Sub(deaths[at])
			slowest = max(slowest, took)
			// Deliveries tell of leases in between, of victims that were killed before
			// they could write them down.
			unwritten := time.Duration(next.Deliveries - leases[i].Deliveries - 1)
			if took > lease+time.Second+unwritten*lease {
				t.Errorf("P7: task %s was leased again %s after its worker died, by delivery %d after %d, want a lease and a second",
					id, took, next.Deliveries, leases[i].Deliveries)
			}
		}
	}
	return slowest
}

// A worker that stands still longer than its lease has lost it.
func TestServerFrozen(t *testing.T) {
	t.Parallel()
	s := newStage(t, redistest.Start(t).URL())
	frozen := s.start(nil)
	s.enqueue(10, work{Millis: 1500})
	s.until("ten runs", 10*time.Second, func(context.Context) bool { return s.runs(frozen) == 10 })
	frozen.freeze()
	s.start(nil)
	s.drain(20 * time.Second)
	frozen.thaw()
	s.enqueue(1, work{})
	s.drain(10 * time.Second)
	events := s.finish()
	if n := onlyOf(t, events, frozen.Name); n != 10 {
		t.Errorf("%d tasks ran again, want the 10 of the frozen worker", n)
	}
	for _, e := range events {
		if e.Type == history.TypeSettle && e.Process == frozen.Name && e.Answer == history.Accepted && e.Deliveries == 1 {
			t.Errorf("P2: a settlement of a lost lease was accepted: %+v", e)
		}
	}
}

// Workers are told to stop under load, and hand back what they cannot end.
func TestServerToldToStop(t *testing.T) {
	t.Parallel()
	s := newStage(t, redistest.Start(t).URL())
	stop := s.produce(4, func() work { return work{Millis: 50} })
	s.enqueue(20, work{Millis: 10_000})
	var told []*worker
	for range 5 {
		w := s.start(func(to *settings) { to.Shutdown = 300 * time.Millisecond; to.Lease = 30 * time.Second })
		s.until("runs by "+w.Name, 20*time.Second, func(context.Context) bool { return s.runs(w) >= 10 })
		begin := time.Now()
		if err := w.stop(t, 10*time.Second); err != nil {
			t.Errorf("asked to stop: %v", err)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("it took %s to stop with a ShutdownTimeout of 300 ms", took)
		}
		told = append(told, w)
	}
	stop()
	s.start(func(to *settings) { to.Concurrency = 100 })
	s.drain(30 * time.Second)
	events := s.finish()
	var names []string
	for _, w := range told {
		names = append(names, w.Name)
	}
	onlyOf(t, events, names...)
	for id, runs := range lives(events, history.TypeStart) {
		for _, run := range runs {
			if run.Attempt != 1 || run.Deliveries != 1 {
				t.Fatalf("P7: task %s: attempt %d and delivery %d after a stop, want 1 and 1", id, run.Attempt, run.Deliveries)
			}
		}
	}
}
