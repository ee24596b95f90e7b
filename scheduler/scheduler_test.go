package scheduler

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	full := ping()
	full.Headers = map[string]string{"k": strings.Repeat("v", 65500)} // fits only without ours
	bad := task.New("", nil)
	kind := task.Kind[chan int]{Name: "chan"}.New(make(chan int))
	tests := []struct {
		field, rule string
		schedule    Schedule
	}{
		{"id", "empty", Schedule{Spec: "@daily", Task: ping()}},
		{"id", "at most 255", Schedule{ID: strings.Repeat("i", 256), Spec: "@daily", Task: ping()}},
		{"id", "control", Schedule{ID: "a\nb", Spec: "@daily", Task: ping()}},
		{"id", "UTF-8", Schedule{ID: "\xff", Spec: "@daily", Task: ping()}},
		{"id", "unique", Schedule{ID: "taken", Spec: "@daily", Task: ping()}},
		{"spec", "no fields", Schedule{ID: "x", Task: ping()}},
		{"spec", "a time that comes", Schedule{ID: "x", Spec: "0 0 30 2 *", Task: ping()}},
		{"task", "nil", Schedule{ID: "x", Spec: "@daily"}},
		{"Name", "empty", Schedule{ID: "x", Spec: "@daily", Task: bad}},
		{"Headers", "at most", Schedule{ID: "x", Spec: "@daily", Task: full}},
		{"Missed", "one, skip or all", Schedule{ID: "x", Spec: "@daily", Task: ping(), Missed: "some"}},
		{"MaxMissed", "1 to 1000", Schedule{ID: "x", Spec: "@daily", Task: ping(), MaxMissed: 1001}},
		{"MaxMissed", "1 to 1000", Schedule{ID: "x", Spec: "@daily", Task: ping(), MaxMissed: -1}},
		{"Overlap", "allow, skip or busy", Schedule{ID: "x", Spec: "@daily", Task: ping(), Overlap: "some"}},
	}
	b := newTimetable()
	s := New(b, nil)
	mustAdd(t, s.Cron("taken", "@daily", ping()))
	for _, test := range tests {
		checkField(t, s.Add(test.schedule), test.field, test.rule)
	}
	checkField(t, s.Every("x", time.Millisecond-1, ping()), "interval", "at least 1ms")
	checkField(t, s.Every("x", 0, ping()), "interval", "at least 1ms")
	checkField(t, s.Every("x", time.Second+time.Microsecond, ping()), "interval", "whole milliseconds")
	checkField(t, s.Remove("unknown"), "id", "was added")
	if err := s.Cron("x", "@daily", kind); err == nil || !strings.Contains(err.Error(), "encode arguments of chan") {
		t.Errorf("a task whose arguments cannot be encoded: %v", err)
	}
	if n := len(s.Schedules()); n != 1 || b.calls != 0 {
		t.Errorf("%d schedules and %d calls after refusals", n, b.calls)
	}
}

func checkField(t *testing.T, err error, field, rule string) {
	t.Helper()
	var refused *task.FieldError
	if !errors.As(err, &refused) || refused.Field != field || !strings.Contains(refused.Rule, rule) {
		t.Errorf("got %v, want an error of %s with %q", err, field, rule)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		field  string
		broker broker.Broker
		opts   *Options
	}{
		{"broker", nil, nil},
		{"broker", struct{ broker.Broker }{}, nil},
		{"Options.Missed", newTimetable(), &Options{Missed: "some"}},
		{"Options.MaxMissed", newTimetable(), &Options{MaxMissed: -1}},
		{"Options.Overlap", newTimetable(), &Options{Overlap: "some"}},
	}
	for _, test := range tests {
		s := New(test.broker, test.opts)
		checkField(t, s.Cron("x", "@daily", ping()), test.field, "must")
		checkField(t, s.Every("x", time.Second, ping()), test.field, "must")
		checkField(t, s.Remove("x"), test.field, "must")
		checkField(t, s.Run(t.Context()), test.field, "must")
	}
}

// TestDefaults holds the comments of Options and Schedule true.
func TestDefaults(t *testing.T) {
	t.Parallel()
	plain := New(newTimetable(), nil)
	mustAdd(t, plain.Cron("a", "@daily", ping()))
	got := plain.Schedules()[0]
	if got.Location != time.UTC || got.Missed != MissedOne || got.MaxMissed != 100 || got.Overlap != OverlapAllow {
		t.Errorf("defaults %+v", got)
	}
	zone := time.FixedZone("x", 3600)
	told := New(newTimetable(), &Options{Location: zone, Missed: MissedAll, MaxMissed: 7, Overlap: OverlapSkip})
	mustAdd(t, told.Every("b", 90*time.Second, ping()))
	mustAdd(t, told.Add(Schedule{
		ID: "a", Spec: "@daily", Task: ping(), Location: time.UTC, Missed: MissedOne, MaxMissed: 1, Overlap: OverlapAllow,
		Next: time.Now(), Last: time.Now(),
	}))
	own, inherited := told.Schedules()[0], told.Schedules()[1]
	if own.Location != time.UTC || own.Missed != MissedOne || own.MaxMissed != 1 || own.Overlap != OverlapAllow || !own.Next.IsZero() || !own.Last.IsZero() {
		t.Errorf("own %+v", own)
	}
	if inherited.Location != zone || inherited.Missed != MissedAll || inherited.MaxMissed != 7 || inherited.Overlap != OverlapSkip || inherited.Spec != "@every 1m30s" {
		t.Errorf("inherited %+v", inherited)
	}
}

func TestLocation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(newTimetable(), &Options{Location: time.FixedZone("", 2*3600)})
		mustAdd(t, s.Cron("named", "TZ=UTC 0 9 * * *", ping()))
		mustAdd(t, s.Cron("option", "0 9 * * *", ping()))
		mustAdd(t, s.Add(Schedule{ID: "own", Spec: "0 9 * * *", Task: ping(), Location: time.FixedZone("", 3600)}))
		defer run(t, s)()
		for _, schedule := range s.Schedules() {
			want := map[string]int{"named": 9, "option": 7, "own": 8}[schedule.ID]
			if got := schedule.Next.UTC().Hour(); got != want {
				t.Errorf("%s: next at %v, want %d UTC", schedule.ID, schedule.Next, want)
			}
		}
	})
}

func TestSchedulesAreCopies(t *testing.T) {
	t.Parallel()
	s := New(newTimetable(), nil)
	mustAdd(t, s.Cron("a", "@daily", task.New("ping", []byte("x"))))
	s.Schedules()[0].Task.Payload[0] = 'y'
	if got := s.Schedules()[0].Task.Payload; string(got) != "x" {
		t.Errorf("the payload became %q", got)
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		s := New(b, nil)
		stop := run(t, s)
		var users sync.WaitGroup
		for i := range 8 {
			users.Go(func() {
				for j := range 50 {
					id := fmt.Sprint(i, j%3)
					if s.Every(id, time.Duration(1+j)*time.Millisecond, ping()) != nil {
						_ = s.Remove(id)
					}
					_ = s.Schedules()
					time.Sleep(time.Duration(j%7) * time.Millisecond)
				}
			})
		}
		users.Wait()
		stop()
		seen := map[string]bool{}
		for _, tick := range b.ticks {
			key := fmt.Sprint(tick.Schedule, tick.At.UnixMilli())
			if seen[key] {
				t.Errorf("tick %s was taken twice", key)
			}
			seen[key] = true
		}
		if len(b.ticks) == 0 {
			t.Error("nothing ticked")
		}
	})
}
