package faults

import (
	"context"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/internal/history"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
)

// The clocks of Redis and of workers are an hour apart. Only that of Redis counts.
func TestClocksApart(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, clock := redistest.StartWithClock(t)
			clock.Shift(t, by)
			s := newStage(t, server.URL())
			s.start(nil)
			s.start(nil)
			begin := time.Now()
			s.enqueue(10, work{Millis: 3000}) // longer than a lease
			s.enqueue(300, work{Millis: 5, Fails: 2})
			s.drain(30 * time.Second)
			took := time.Since(begin)
			events := s.finish()
			if n := len(again(attemptsOnly(events))); n > 0 {
				t.Errorf("P2: %d tasks were taken over from workers that lived", n)
			}
			if took > 15*time.Second {
				t.Errorf("P4: it took %s", took)
			}
		})
	}
}

// The clock of Redis is set while work goes on. Nothing is lost; what is running
// may be taken over once if it jumps ahead, and not within the hour if it jumps
// back.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]time.Duration{"ahead": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, clock := redistest.StartWithClock(t)
			s := newStage(t, server.URL())
			first := s.start(nil)
			s.start(nil)
			stop := s.produce(2, func() work { return work{Millis: 20, Fails: 1} })
			s.each([]*worker{first}, "runs under way", 100)
			jumped := time.Now()
			clock.Shift(t, by)
			s.each(s.workers, "runs after the jump", 100)
			taken := stop()
			s.until("all to be done but what waits for the old time", 30*time.Second, func(ctx context.Context) bool {
				counts := s.counts(ctx)
				return counts != nil && counts["pending"]+counts["running"] == 0 && (by < 0 || counts["retrying"] == 0)
			})
			waiting := s.counts(t.Context())["retrying"]
			clock.Shift(t, max(by, 0))
			s.drain(30 * time.Second)
			events := s.end() // leases that a jump ends are judged here
			var broken []history.Violation
			takeovers := 0
			for _, v := range history.Check(events, &s.check) {
				if v.Kind == history.TwoLeases || v.Kind == history.Early {
					takeovers++
					continue
				}
				broken = append(broken, v)
			}
			s.judge(broken)
			if most := 2 * (10 + 500); takeovers > most {
				t.Errorf("%d tasks were taken over or early after the jump, want those in hand then at most", takeovers)
			}
			t.Logf("%d tasks; %d taken over or early, %d waited for the old time; %s", taken, takeovers, waiting, time.Since(jumped).Round(time.Second))
		})
	}
}
