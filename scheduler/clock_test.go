package scheduler

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClock(hostWall)
		check := func(ahead time.Duration) {
			t.Helper()
			if got := c.now().Sub(time.Now().Round(0)); got != ahead {
				t.Errorf("the clock is %v ahead of the host's, want %v", got, ahead)
			}
			later := c.now().Add(time.Hour)
			if got := time.Until(c.local(later)); got != time.Hour {
				t.Errorf("an hour from now is in %v", got)
			}
		}
		check(0)
		said := time.Now().Add(time.Minute)
		sent := time.Now()
		time.Sleep(100 * time.Millisecond)
		if !c.set(said.Add(50*time.Millisecond), sent, time.Now()) {
			t.Error("the first answer does not count")
		}
		check(time.Minute)
		time.Sleep(time.Hour)
		check(time.Minute)

		sent = time.Now()
		time.Sleep(8 * time.Second) // a slow reply, said at once
		if c.set(sent.Add(time.Minute), sent, time.Now()) {
			t.Error("a slow reply spoilt the clock")
		}
		check(time.Minute)
		if !c.set(time.Now().Add(time.Minute-10*time.Millisecond), time.Now(), time.Now()) {
			t.Error("a quick reply does not count")
		}
		check(time.Minute - 10*time.Millisecond)
	})
}

func TestClockJumped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var slept time.Duration
		c := newClock(func() time.Time { return time.Now().Add(slept).Round(0) })
		for _, step := range []struct {
			sleep time.Duration
			want  bool
		}{{0, false}, {time.Hour, true}, {0, false}, {time.Millisecond, false}, {-time.Minute, true}, {0, false}} {
			time.Sleep(time.Minute)
			slept += step.sleep
			if got := c.jumped(); got != step.want {
				t.Errorf("after a sleep of %v: jumped is %v", step.sleep, got)
			}
		}
	})
}
