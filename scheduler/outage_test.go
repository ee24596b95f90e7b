package scheduler

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

func TestOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := newTimetable()
		s := New(b, &Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
		mustAdd(t, s.Every("beat", 10*time.Second, ping()))
		mustAdd(t, s.Every("other", 10*time.Second, ping()))
		stop := run(t, s)
		time.Sleep(15 * time.Second)
		b.set(func() { b.err = fmt.Errorf("dial: %w", task.ErrUnavailable) })
		time.Sleep(10 * time.Second) // at 25 s: the tick of 20 s is being tried
		b.set(func() { b.err = nil })
		time.Sleep(6 * time.Second)
		synctest.Wait()
		checkTicks(t, b.taken("beat"), seconds(10, 20, 30))
		if got := strings.Count(out.String(), "level=WARN"); got != 1 {
			t.Errorf("%d warnings of one outage:\n%s", got, &out)
		}
		if got := strings.Count(out.String(), "ticking again"); got != 1 {
			t.Errorf("%d notes of its end:\n%s", got, &out)
		}

		b.set(func() { b.err, b.failed = task.ErrUnavailable, nil })
		time.Sleep(34 * time.Second) // at 65 s: 40, 50 and 60 came due
		b.set(func() { b.err = nil })
		time.Sleep(4900 * time.Millisecond)
		synctest.Wait()
		stop()
		checkTicks(t, b.taken("beat"), seconds(10, 20, 30, 60))
		checkTicks(t, b.taken("other"), seconds(10, 20, 30, 60))
		if len(b.failed) > 24 {
			t.Errorf("%d calls within 25 s of an outage", len(b.failed))
		}
	})
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		b.err = errors.New("down")
		s := New(b, nil)
		mustAdd(t, s.Every("beat", time.Hour, ping()))
		stop := run(t, s)
		time.Sleep(20 * time.Second)
		stop()
		checkTicks(t, b.failed, seconds(0, .1, .3, .7, 1.5, 3.1, 6.3, 11.3, 16.3))
	})
}

// TestBackoffOfTick has a broker that can be read but not written: a join that
// works must not start the pauses anew.
func TestBackoffOfTick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		full := &readOnly{timetable: b}
		var out bytes.Buffer
		s := New(full, &Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
		mustAdd(t, s.Every("beat", time.Second, ping()))
		stop := run(t, s)
		time.Sleep(time.Minute)
		stop()
		if full.refused > 20 {
			t.Errorf("%d tries in a minute", full.refused)
		}
		if got := strings.Count(out.String(), "level=WARN"); got != 1 {
			t.Errorf("%d warnings:\n%s", got, &out)
		}
	})
}

func TestLostReply(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		b.lose = true
		s := New(b, nil)
		mustAdd(t, s.Every("beat", time.Second, ping()))
		stop := run(t, s)
		time.Sleep(2500 * time.Millisecond)
		stop()
		checkTicks(t, b.taken("beat"), seconds(1, 2))
	})
}

func TestFailuresAreLoggedBySchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := newTimetable()
		b.errs["a"], b.errs["b"] = errors.New("full"), errors.New("full")
		s := New(b, &Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
		mustAdd(t, s.Every("a", time.Second, ping()))
		mustAdd(t, s.Every("b", time.Second, ping()))
		stop := run(t, s)
		time.Sleep(time.Minute)
		stop()
		if strings.Count(out.String(), "schedule=a") != 1 || strings.Count(out.String(), "schedule=b") != 1 {
			t.Errorf("log:\n%s", &out)
		}
	})
}

// TestOneHangsAlone has calls for one schedule fail or hang; others go on.
func TestOneHangsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		b.hang["hangs"], b.errs["fails"] = true, errors.New("full")
		s := New(b, nil)
		for _, id := range []string{"hangs", "fails", "works"} {
			mustAdd(t, s.Every(id, time.Second, ping()))
		}
		stop := run(t, s)
		time.Sleep(3500 * time.Millisecond)
		checkTicks(t, b.taken("works"), seconds(1, 2, 3))
		b.set(func() { b.hang["hangs"] = false })
		time.Sleep(10 * time.Second) // a call that hangs is given up, and made again
		synctest.Wait()
		if s.Schedules()[1].Next.IsZero() {
			t.Error("a schedule whose call hung never came back")
		}
		b.set(func() { b.hang["works"] = true })
		time.Sleep(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took != 0 {
			t.Errorf("Run returned %v after its context", took)
		}
	})
}

func TestRefusedTickIsPassed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		var out bytes.Buffer
		s := New(b, &Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
		mustAdd(t, s.Every("beat", time.Second, ping()))
		stop := run(t, s)
		b.set(func() { b.errs["beat"] = &task.FieldError{Field: "Payload", Rule: "must fit"} })
		time.Sleep(1500 * time.Millisecond)
		b.set(func() { delete(b.errs, "beat") })
		time.Sleep(time.Second)
		stop()
		checkTicks(t, b.taken("beat"), seconds(2))
		if strings.Count(out.String(), "level=ERROR") != 1 || strings.Contains(out.String(), "WARN") {
			t.Errorf("log:\n%s", &out)
		}
	})
}

// TestOutageOverTwoRuns has Run end in an outage and begin again in one, and says
// so again.
func TestOutageOverTwoRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := newTimetable()
		b.err = task.ErrUnavailable
		s := New(b, &Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
		mustAdd(t, s.Every("beat", time.Second, ping()))
		run(t, s)()
		run(t, s)()
		if got := strings.Count(out.String(), "level=WARN"); got != 2 {
			t.Errorf("%d warnings:\n%s", got, &out)
		}
	})
}

// TestLostMemory has a broker that forgets its schedules in an outage: two
// processes must find to one grid again.
func TestLostMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		s := New(b, nil)
		mustAdd(t, s.Every("beat", 2*time.Second, ping()))
		mustAdd(t, s.Cron("cron", "*/4 * * * * *", ping()))
		stop := run(t, s)
		time.Sleep(3 * time.Second)
		b.set(func() { b.err = task.ErrUnavailable; clear(b.known) })
		time.Sleep(1500 * time.Millisecond)
		b.set(func() { b.err = nil })
		time.Sleep(500 * time.Millisecond) // at 5 s
		second := New(b, nil)
		mustAdd(t, second.Every("beat", 2*time.Second, ping()))
		stopSecond := run(t, second)
		time.Sleep(9 * time.Second)
		stop()
		stopSecond()
		checkTicks(t, b.taken("cron"), seconds(4, 8, 12))
		beats := b.taken("beat")
		for i := 2; i < len(beats); i++ {
			if beats[i].Sub(beats[i-1]) != 2*time.Second {
				t.Errorf("two grids: %v", beats)
			}
		}
	})
}
