package scheduler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

func TestEachTickOnceAmongMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		for i := range 3 {
			s := New(b, nil)
			mustAdd(t, s.Cron("beat", "@every 1s", ping()))
			defer run(t, s)()
			time.Sleep(time.Duration(i) * 100 * time.Millisecond) // they do not start together
		}
		time.Sleep(time.Until(start.Add(10500 * time.Millisecond)))
		synctest.Wait()
		checkTicks(t, b.taken("beat"), seconds(1, 2, 3, 4, 5, 6, 7, 8, 9, 10))
	})
}

func TestTickTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		template := task.New("ping", []byte("payload"))
		template.Headers = map[string]string{"tenant": "a"}
		template.Queue, template.RunAt, template.EnqueuedAt = "q", time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
		s := New(b, nil)
		mustAdd(t, s.Every("beat", 1500*time.Millisecond, template))
		template.Payload[0], template.Headers["tenant"] = 'X', "changed" // the scheduler has its own
		stop := run(t, s)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		stop()

		checkTicks(t, b.taken("beat"), seconds(1.5, 3))
		one, two := b.ticks[0].Task, b.ticks[1].Task
		if string(one.Payload) != "payload" || one.Headers["tenant"] != "a" || one.Queue != "q" {
			t.Errorf("task of the tick is %+v", one)
		}
		if one.Headers[HeaderSchedule] != "beat" || one.Headers[HeaderTick] != "2000-01-01T00:00:01.500Z" {
			t.Errorf("headers %v", one.Headers)
		}
		if !one.RunAt.Equal(b.ticks[0].At) || !one.EnqueuedAt.Equal(b.ticks[0].At) {
			t.Errorf("RunAt %v, EnqueuedAt %v, tick %v", one.RunAt, one.EnqueuedAt, b.ticks[0].At)
		}
		if one.ID == two.ID || one.ID == template.ID {
			t.Error("ticks share an ID")
		}
		// The ID must never change: processes of two versions would take a tick twice.
		if want := uuid.MustParse("da7fce6b-7eb7-5523-8ccf-aab5b2a0076f"); one.ID != want {
			t.Errorf("ID %v, want %v", one.ID, want)
		}
	})
}

func TestBrokerClockCounts(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-time.Hour, time.Hour, 20 * time.Minute, -1234567 * time.Millisecond} {
		t.Run(ahead.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newTimetable()
				b.ahead = ahead
				s := New(b, nil)
				mustAdd(t, s.Cron("cron", "*/30 * * * *", ping()))
				mustAdd(t, s.Every("beat", time.Minute, ping()))
				stop := run(t, s)
				time.Sleep(time.Hour)
				synctest.Wait()
				stop()
				for schedule, d := range b.late {
					if d != 0 {
						t.Errorf("a tick of %s was taken %v late", schedule, d)
					}
				}
				if n := len(b.taken("beat")); n != 60 {
					t.Errorf("%d ticks of an interval, want 60", n)
				}
				var want []time.Time
				for at := start.Add(ahead).Truncate(30 * time.Minute).Add(30 * time.Minute); !at.After(b.now()); at = at.Add(30 * time.Minute) {
					want = append(want, at)
				}
				checkTicks(t, b.taken("cron"), want)
			})
		})
	}
}

// TestClockIsFollowed sets the broker's clock while a schedule waits for it.
func TestClockIsFollowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		s := New(b, nil)
		mustAdd(t, s.Cron("hourly", "@hourly", ping()))
		mustAdd(t, s.Cron("at 10 s", "10 0 0 1 1 *", ping()))
		stop := run(t, s)
		b.set(func() { b.ahead = time.Hour - 12*time.Second }) // noticed at 10 s: 2 s to go
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		checkTicks(t, b.taken("hourly"), seconds(3600))
		if b.late["hourly"] != 0 {
			t.Errorf("%v late", b.late["hourly"])
		}
	})
}

func TestHostSleeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		s := New(b, nil)
		s.wall = func() (now time.Time) {
			b.set(func() { now = b.now() })
			return now
		}
		mustAdd(t, s.Cron("daily", "0 3 * * *", ping()))
		mustAdd(t, s.Cron("hourly", "0 * * * *", ping()))
		stop := run(t, s)
		time.Sleep(30 * time.Minute)
		b.set(func() { b.ahead = 3 * time.Hour }) // the monotonic clock has stood still
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		checkTicks(t, b.taken("daily"), seconds(3*3600))
		checkTicks(t, b.taken("hourly"), seconds(3*3600))
	})
}

func TestIdleSendsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		s := New(b, nil)
		mustAdd(t, s.Cron("daily", "@daily", ping()))
		stop := run(t, s)
		time.Sleep(48*time.Hour + time.Second)
		synctest.Wait()
		stop()
		if b.calls != 3 { // a join and two ticks
			t.Errorf("%d calls in two days, want 3", b.calls)
		}
	})
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		b.busy = true
		s := New(b, &Options{Overlap: OverlapSkip})
		mustAdd(t, s.Every("skips", time.Second, ping()))
		mustAdd(t, s.Add(Schedule{ID: "allows", Spec: "@every 1s", Task: ping(), Overlap: OverlapAllow}))
		stop := run(t, s)
		time.Sleep(2500 * time.Millisecond)
		b.set(func() { b.busy = false })
		time.Sleep(time.Second)
		stop()
		checkTicks(t, b.taken("skips"), seconds(3))
		checkTicks(t, b.taken("allows"), seconds(1, 2, 3))
	})
}

func TestAddAndRemoveWhileRunning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		s := New(b, nil)
		stop := run(t, s)
		time.Sleep(500 * time.Millisecond)
		mustAdd(t, s.Every("slow", time.Hour, ping()))
		synctest.Wait()
		mustAdd(t, s.Every("beat", time.Second, ping()))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := s.Schedules()[0]; !got.Next.Equal(seconds(3.5)[0]) || !got.Last.Equal(seconds(2.5)[0]) {
			t.Errorf("next %v, last %v", got.Next, got.Last)
		}
		mustAdd(t, s.Remove("beat"))
		time.Sleep(time.Second)
		mustAdd(t, s.Every("beat", time.Second, ping())) // on the old grid; 3.5 s is missed
		time.Sleep(900 * time.Millisecond)
		stop()
		checkTicks(t, b.taken("beat"), seconds(1.5, 2.5, 3.5))
		if got := s.Schedules(); len(got) != 2 || !got[0].Next.IsZero() {
			t.Errorf("after Run: %+v", got)
		}
	})
}

// TestRemoveDuringCall removes a schedule whose call is on its way, once it hangs
// and once it has failed.
func TestRemoveDuringCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := newTimetable()
		b.hang["a"], b.errs["b"] = true, task.ErrUnavailable
		s := New(b, &Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
		mustAdd(t, s.Every("a", time.Second, ping()))
		mustAdd(t, s.Every("b", time.Second, ping()))
		stop := run(t, s)
		mustAdd(t, s.Remove("a"))
		mustAdd(t, s.Remove("b"))
		time.Sleep(time.Minute)
		b.set(func() { b.hang["a"], b.errs["b"] = false, nil })
		time.Sleep(time.Minute)
		mustAdd(t, s.Every("c", time.Second, ping()))
		time.Sleep(1500 * time.Millisecond)
		b.set(func() { b.err = task.ErrUnavailable })
		time.Sleep(time.Second)
		stop()
		if len(b.taken("a"))+len(b.taken("b")) != 0 || len(b.taken("c")) != 1 {
			t.Errorf("ticks %v", b.ticks)
		}
		if got := strings.Count(out.String(), "level=WARN"); got != 2 {
			t.Errorf("%d warnings of two outages:\n%s", got, &out)
		}
	})
}

func TestRunTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		s := New(b, nil)
		mustAdd(t, s.Every("beat", time.Second, ping()))
		stop := run(t, s)
		if err := s.Run(t.Context()); !errors.Is(err, task.ErrStarted) {
			t.Errorf("second Run: %v", err)
		}
		time.Sleep(1500 * time.Millisecond)
		stop()
		time.Sleep(4 * time.Second)
		stop = run(t, s) // at 5.5 s: 2 to 5 were missed
		time.Sleep(time.Second)
		stop()
		checkTicks(t, b.taken("beat"), seconds(1, 5, 6))
		mustAdd(t, s.Remove("beat"))
		mustAdd(t, s.Every("beat", time.Second, ping()))
	})
}

func TestEndDuringCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := newTimetable()
		b.hang["beat"] = true
		s := New(b, &Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
		mustAdd(t, s.Every("beat", time.Second, ping()))
		run(t, s)()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run with an ended context: %v", err)
		}
		if out.Len() > 0 {
			t.Errorf("the end is logged as a failure:\n%s", &out)
		}
	})
}

// TestRunWaitsForCalls has a call that does not heed its context: Run must not
// return while it goes on.
func TestRunWaitsForCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &stubborn{timetable: newTimetable(), takes: 3 * time.Second}
		s := New(b, nil)
		mustAdd(t, s.Every("beat", time.Second, ping()))
		stop := run(t, s)
		time.Sleep(2 * time.Second)
		stop()
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("Run returned after %v, the call after 4s", took)
		}
	})
}

func TestThousands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		s := New(b, nil)
		const schedules = 3000
		for i := range schedules {
			mustAdd(t, s.Every(fmt.Sprint(i), time.Duration(1000+i)*time.Millisecond, ping()))
		}
		stop := run(t, s)
		for i := 0; i < schedules; i += 3 {
			mustAdd(t, s.Remove(fmt.Sprint(i)))
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		stop()
		counts := map[string]int{}
		for _, tick := range b.ticks {
			counts[tick.Schedule]++
		}
		for i := range schedules {
			want := 20000 / (1000 + i)
			if i%3 == 0 {
				want = 0
			}
			if got := counts[fmt.Sprint(i)]; got != want {
				t.Errorf("schedule %d ticked %d times, want %d", i, got, want)
			}
		}
	})
}
