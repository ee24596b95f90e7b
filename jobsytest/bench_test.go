package jobsytest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/jobsytest"
	"github.com/nex-gen-tech/jobsy/task"
)

type mail struct{ To string }

var send = task.Kind[mail]{Name: "mail:send", MaxRetry: 3}

func TestWorkRunsOneAttempt(t *testing.T) {
	t.Parallel()
	outage := errors.New("server busy")
	b := jobsytest.New(t, func(s *jobsy.Server) {
		jobsy.HandleResult(s, send, func(_ context.Context, m mail) (int, error) {
			switch m.To {
			case "nobody":
				return 0, jobsy.SkipRetry(errors.New("no such address"))
			case "busy":
				return 0, outage
			case "later":
				return 0, jobsy.Snooze(time.Minute)
			case "panic":
				panic("oh no")
			}
			return len(m.To), nil
		})
	})
	for to, want := range map[string]struct {
		status task.Status
		err    string
	}{
		"ada":    {task.StatusCompleted, ""},
		"nobody": {task.StatusFailed, "no such address"},
		"busy":   {task.StatusRetrying, "server busy"},
		"later":  {task.StatusScheduled, ""},
		"panic":  {task.StatusRetrying, "panic: oh no"},
	} {
		later := send.New(mail{to})
		later.RunAt = time.Now().Add(time.Hour)
		o := b.Work(later)
		if o.Status != want.status || o.Err() != want.err {
			t.Errorf("%s: outcome is %s with error %q, want %s with %q", to, o.Status, o.Err(), want.status, want.err)
		}
		if to == "ada" && string(o.Task.Result) != "3" {
			t.Errorf("result is %q, want 3", o.Task.Result)
		}
		if waits := o.Status == task.StatusRetrying || o.Status == task.StatusScheduled; waits != (o.Delay > 0) {
			t.Errorf("%s: delay is %v", to, o.Delay)
		}
	}
	jobsytest.RequireNone(b, send)
}

// Hours of retries take no time in a bubble.
func TestDrainRunsRetriesAndWhatHandlersEnqueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b *jobsytest.Bench
		ran := 0
		b = jobsytest.New(t, func(s *jobsy.Server) {
			jobsy.Handle(s, send, func(ctx context.Context, m mail) error {
				ran++
				if ran < 3 {
					return jobsy.RetryAfter(time.Hour, errors.New("busy"))
				}
				if m.To == "ada" {
					next := send.New(mail{"bob"})
					next.Queue = "other"
					return b.Client().Enqueue(ctx, next)
				}
				return nil
			})
		})
		began := time.Now()
		if err := b.Client().Enqueue(t.Context(), send.New(mail{"ada"})); err != nil {
			t.Fatal(err)
		}
		var statuses []string
		for _, o := range b.Drain() {
			statuses = append(statuses, string(o.Status))
		}
		if got := strings.Join(statuses, " "); got != "retrying retrying completed completed" {
			t.Errorf("outcomes are %s", got)
		}
		if took := time.Since(began); took < 2*time.Hour {
			t.Errorf("took %v, want two hours of the bubble's time", took)
		}
	})
}

func TestDrainOfNothing(t *testing.T) {
	t.Parallel()
	if o := jobsytest.New(t, nil).Drain(); len(o) != 0 {
		t.Errorf("outcomes are %v, want none", o)
	}
}

func TestRequireEnqueued(t *testing.T) {
	t.Parallel()
	b := jobsytest.New(t, nil)
	jobsytest.RequireNone(b, send)
	later := send.New(mail{"bob"})
	later.RunAt = time.Now().Add(time.Hour)
	if err := b.Client().Enqueue(t.Context(), send.New(mail{"ada"}), later); err != nil {
		t.Fatal(err)
	}
	if found := jobsytest.RequireEnqueued(b, send, mail{"bob"}); found.ID != later.ID {
		t.Errorf("found task %s, want %s", found.ID, later.ID)
	}
	for want, fails := range map[string]func(*jobsytest.Bench){
		`{"To":"eve"}`:               func(b *jobsytest.Bench) { jobsytest.RequireEnqueued(b, send, mail{"eve"}) },
		`2 tasks "mail:send" wait`:   func(b *jobsytest.Bench) { jobsytest.RequireNone(b, send) },
		`no handler for "mail:send"`: func(b *jobsytest.Bench) { b.Work(send.New(mail{"ada"})) },
		`Name must not be empty`:     func(b *jobsytest.Bench) { b.Work(task.New("", nil)) },
	} {
		if message := failure(t, b, fails); !strings.Contains(message, want) {
			t.Errorf("failed with %q, want %q", message, want)
		}
	}
}

// failing takes what a bench reports.
type failing struct {
	testing.TB
	message string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failure returns the message with which a call fails its test, on a bench with
// the tasks of b.
func failure(t *testing.T, b *jobsytest.Bench, call func(*jobsytest.Bench)) string {
	f := &failing{TB: t}
	other := jobsytest.New(f, nil)
	for _, waiting := range b.Waiting(send.Name) {
		if err := other.Client().Enqueue(t.Context(), waiting); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		call(other)
	}()
	<-done
	return f.message
}
