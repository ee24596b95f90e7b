package scheduler

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

func TestMissedWhileAway(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		policy MissedPolicy
		most   int
		last   float64 // the tick taken last; 0: none, so that the anchor counts
		want   []time.Time
	}{
		{"one", MissedOne, 0, -5, seconds(0, 1)},
		{"one by default", "", 0, -5, seconds(0, 1)},
		{"skip", MissedSkip, 0, -5, seconds(1)},
		{"all", MissedAll, 0, -5, seconds(-4, -3, -2, -1, 0, 1)},
		{"all up to a bound", MissedAll, 3, -5, seconds(-2, -1, 0, 1)},
		{"all within a bound", MissedAll, 5, -5, seconds(-4, -3, -2, -1, 0, 1)},
		{"one, never ticked", MissedOne, 0, 0, seconds(0, 1)},
		{"all, never ticked", MissedAll, 2, 0, seconds(-1, 0, 1)},
		{"skip, never ticked", MissedSkip, 0, 0, seconds(1)},
		{"none missed", MissedAll, 0, 0.5, seconds(1)},
		{"taken ahead", MissedAll, 0, 1, nil},
	}
	for _, test := range tests {
		for _, spec := range []string{"@every 1s", "* * * * * *"} {
			t.Run(test.name+" "+spec, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					b := newTimetable()
					last := seconds(test.last)[0]
					if test.last == 0 {
						last = time.Time{}
					}
					b.remembers("s", start.Add(-8*time.Second), last)
					time.Sleep(300 * time.Millisecond)
					s := New(b, nil)
					mustAdd(t, s.Add(Schedule{ID: "s", Spec: spec, Task: ping(), Missed: test.policy, MaxMissed: test.most}))
					stop := run(t, s)
					time.Sleep(time.Second)
					stop()
					checkTicks(t, b.taken("s"), test.want)
					if b.calls != 1+len(test.want) { // known ticks are not tried again
						t.Errorf("%d calls", b.calls)
					}
				})
			})
		}
	}
}

// TestMissedInOutage has the ticks of 2 to 8 s come due while the broker cannot be
// reached, which it is again at 8.3 s. The tick of 8 s is late, not missed.
func TestMissedInOutage(t *testing.T) {
	t.Parallel()
	tests := map[MissedPolicy][]time.Time{
		MissedOne:  seconds(1, 8, 9),
		MissedSkip: seconds(1, 8, 9),
		MissedAll:  seconds(1, 6, 7, 8, 9),
	}
	for policy, want := range tests {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newTimetable()
				s := New(b, &Options{Missed: policy, MaxMissed: 3})
				mustAdd(t, s.Every("s", time.Second, ping()))
				stop := run(t, s)
				time.Sleep(1500 * time.Millisecond)
				b.set(func() { b.err = task.ErrUnavailable })
				time.Sleep(6600 * time.Millisecond) // tried at 2, 2.1, 2.3, 2.7, 3.5, 5.1 and 8.3 s
				b.set(func() { b.err = nil })
				time.Sleep(1200 * time.Millisecond)
				synctest.Wait()
				stop()
				checkTicks(t, b.taken("s"), want)
			})
		})
	}
}

// TestSkipOnTime has a tick come due in the moment at which Run begins.
func TestSkipOnTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		b.remembers("s", start.Add(-8*time.Second), start.Add(-3*time.Second))
		s := New(b, &Options{Missed: MissedSkip})
		mustAdd(t, s.Every("s", time.Second, ping()))
		run(t, s)()
		checkTicks(t, b.taken("s"), seconds(0))
	})
}

// TestSkipInOutageAtStart has a tick come due before the broker is reached for
// the first time, but while the schedule ran here: it is not skipped.
func TestSkipInOutageAtStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		b.ahead = 40 * time.Minute
		b.remembers("s", start.Add(-time.Hour), time.Time{})
		b.err = task.ErrUnavailable
		s := New(b, &Options{Missed: MissedSkip})
		mustAdd(t, s.Cron("s", "0 * * * *", ping()))
		stop := run(t, s)
		time.Sleep(25 * time.Minute)
		b.set(func() { b.err = nil })
		time.Sleep(6 * time.Second)
		stop()
		checkTicks(t, b.taken("s"), seconds(3600))
	})
}

// TestOldestOf compares with counting, on ticks at random distances.
func TestOldestOf(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		ticks := []time.Time{start}
		for range random.IntN(50) {
			distance := time.Duration(1+random.IntN(1<<random.IntN(40))) * time.Millisecond
			ticks = append(ticks, ticks[len(ticks)-1].Add(distance))
		}
		next := func(after time.Time) time.Time {
			for _, tick := range ticks {
				if tick.After(after) {
					return tick
				}
			}
			return time.Time{}
		}
		due := 1 + random.IntN(len(ticks)) // so many of them have come
		now := ticks[due-1].Add(time.Duration(random.IntN(int(time.Millisecond))))
		n := 1 + random.IntN(20)
		want := ticks[max(due-n, 0)]
		if got := oldestOf(n, start, now, next); !got.Equal(want) {
			t.Fatalf("the oldest of the latest %d of %v up to %v: got %v, want %v", n, ticks, now, got, want)
		}
	}
}

// TestLongDowntime is about the work, not the result: 90 million ticks were
// missed.
func TestLongDowntime(t *testing.T) {
	t.Parallel()
	timing, err := parseSpec("TZ=Europe/Berlin * 1-23 * * * *", nil)
	mustAdd(t, err)
	counted := 0
	next := func(after time.Time) time.Time {
		counted++
		return timing.next(start, after)
	}
	now := start.AddDate(3, 0, 0)
	if got := oldestOf(100, next(start), now, next); got.After(now) || now.Sub(got) > 2*time.Hour {
		t.Errorf("the oldest of the latest 100 is %v", got)
	}
	if counted > 100*60 {
		t.Errorf("%d ticks were looked at", counted)
	}
}
