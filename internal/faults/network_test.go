package faults

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/internal/faultproxy"
	"github.com/nex-gen-tech/jobsy/internal/history"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
)

// One of two workers is cut off from Redis for longer than its lease.
func TestServerCutOff(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*faultproxy.Proxy){
		"cut":     (*faultproxy.Proxy).Cut,
		"stalled": (*faultproxy.Proxy).Stall,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			proxy := faultproxy.Start(t, server.Addr())
			s := newStage(t, server.URL())
			apart := s.start(func(to *settings) { to.URL = "redis://" + proxy.Addr() })
			s.enqueue(10, work{Millis: 1500})
			s.until("ten runs", 10*time.Second, func(context.Context) bool { return s.runs(apart) == 10 })
			fault(proxy)
			s.start(nil)
			s.drain(20 * time.Second)
			proxy.Heal(t)
			before := s.runs(apart)
			stop := s.produce(2, func() work { return work{Millis: 5} })
			s.until("the worker to be back", 10*time.Second, func(context.Context) bool { return s.runs(apart) > before })
			stop()
			s.drain(20 * time.Second)
			events := s.finish()
			if n := onlyOf(t, events, apart.Name); n != 10 {
				t.Errorf("%d tasks ran again, want the 10 of the one that was cut off", n)
			}
		})
	}
}

// Replies are lost at random, of every call of producers and workers.
func TestRepliesLost(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := faultproxy.Start(t, server.Addr())
	s := newStage(t, "redis://"+proxy.Addr())
	s.check.MaxDeliveries = -1
	s.start(nil)
	s.start(nil)
	proxy.DropReplies(0.05, 1)
	stop := s.produce(4, func() work { return work{Millis: 2, Fails: 1} })
	s.until("a thousand to be done", 60*time.Second, func(ctx context.Context) bool {
		return s.counts(ctx)["completed"] >= 1000
	})
	taken := stop()
	s.drain(30 * time.Second)
	proxy.Heal(t)
	events := s.finish()
	noConflicts(t, events)
	if n := s.counts(t.Context())["completed"]; n != taken {
		t.Errorf("P6: %d tasks ended of %d that were taken", n, taken)
	}
	t.Logf("%d tasks, with every twentieth reply lost; %d ran again", taken, len(again(attemptsOnly(events))))
}

// noConflicts wants no call to be refused: nothing was done that would deserve it.
// Only where all the repeats of an earlier Enqueue were lost as well, so that it was
// answered as unknown, is the task itself in its own way: see insist.
func noConflicts(t *testing.T, events []history.Event) {
	t.Helper()
	unknown := make(map[string]bool)
	for _, e := range events {
		if e.Type == history.TypeEnqueue && e.Answer == history.Unknown {
			unknown[e.ID] = true
		}
		if e.Type == history.TypeEnqueue && e.Answer == history.Refused && !unknown[e.ID] {
			t.Errorf("P6: an Enqueue was refused: %+v", e)
		}
		if e.Type == history.TypeSettle && e.Answer == history.Refused {
			t.Errorf("P6: a settlement was refused: %+v", e)
		}
	}
}

// attemptsOnly leaves out the runs that are retries.
func attemptsOnly(events []history.Event) []history.Event {
	var first []history.Event
	for _, e := range events {
		if e.Type == history.TypeStart && e.Attempt == 1 {
			first = append(first, e)
		}
	}
	return first
}

// With a slow network leases are kept, and nobody takes over what is held.
func TestDelay(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{time.Millisecond, 50 * time.Millisecond, 500 * time.Millisecond} {
		t.Run(fmt.Sprint(delay), func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			proxy := faultproxy.Start(t, server.Addr())
			proxy.Delay(delay)
			s := newStage(t, server.URL())
			lasts := 3 * time.Second
			if delay > 100*time.Millisecond {
				lasts = 15 * time.Second // the default; a first call takes five round trips
			}
			slow := func(to *settings) { to.URL, to.Lease = "redis://"+proxy.Addr(), lasts }
			s.start(slow)
			s.start(slow)
			s.enqueue(20, work{Millis: int(lasts.Milliseconds()) + 4000}) // longer than the lease
			s.enqueue(20, work{Millis: 10})
			s.drain(60 * time.Second)
			events := s.finish()
			if n := len(again(events)); n > 0 {
				t.Errorf("P2: %d tasks were taken over from workers that lived", n)
			}
		})
	}
}
