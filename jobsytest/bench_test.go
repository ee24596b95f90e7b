package jobsytest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
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

// A task that is to run again at once still runs only once.
func TestWorkRunsOnce(t *testing.T) {
	t.Parallel()
	for _, result := range []error{jobsy.RetryAfter(0, errors.New("busy")), jobsy.Snooze(0)} {
		var ran atomic.Int32
		b := jobsytest.New(t, func(s *jobsy.Server) {
			jobsy.Handle(s, send, func(context.Context, mail) error {
				ran.Add(1)
				return result
			})
		})
		for i := range int32(300) {
			if b.Work(send.New(mail{})); ran.Load() != i+1 {
				t.Fatalf("%v: %d calls of Work have run %d attempts", result, i+1, ran.Load())
			}
		}
	}
}

// Every attempt is told of, also those that run while Drain turns to new queues.
func TestDrainTellsOfEachAttempt(t *testing.T) {
	t.Parallel()
	for range 50 {
		var b *jobsytest.Bench
		var ran atomic.Int32
		b = jobsytest.New(t, func(s *jobsy.Server) {
			jobsy.Handle(s, send, func(ctx context.Context, m mail) error {
				ran.Add(1)
				if m.To == "" {
					return nil
				}
				next := send.New(mail{})
				next.Queue = m.To
				return b.Client().Enqueue(ctx, next)
			})
		})
		for i := range 20 {
			if err := b.Client().Enqueue(t.Context(), send.New(mail{fmt.Sprint("queue", i)})); err != nil {
				t.Fatal(err)
			}
		}
		if told := len(b.Drain()); told != 40 || ran.Load() != 40 {
			t.Fatalf("Drain told of %d attempts of %d, want 40", told, ran.Load())
		}
	}
}

// A task that was cancelled while it ran is cancelled, whatever its handler says.
func TestDrainTellsOfCancelled(t *testing.T) {
	t.Parallel()
	var b *jobsytest.Bench
	b = jobsytest.New(t, func(s *jobsy.Server) {
		s.HandleFunc("cancelled", func(ctx context.Context, own *task.Task) error {
			return errors.Join(errors.New("stopped"), b.Client().Cancel(ctx, own))
		})
	})
	for range 50 {
		if err := b.Client().Enqueue(t.Context(), task.New("cancelled", nil)); err != nil {
			t.Fatal(err)
		}
		outcomes := b.Drain()
		if len(outcomes) != 1 || outcomes[0].Status != task.StatusCancelled || outcomes[0].Task.Status != task.StatusCancelled || outcomes[0].Delay != 0 {
			t.Fatalf("outcomes are %+v, want one that is cancelled", outcomes)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	b := jobsytest.New(t, func(s *jobsy.Server) {
		jobsy.Handle(s, send, func(context.Context, mail) error { return errors.New("busy") })
	})
	b.Options.Backoff = func(int) time.Duration { return 7 * time.Second }
	if o := b.Work(send.New(mail{})); o.Delay != 7*time.Second {
		t.Errorf("delay is %v, want what the option says", o.Delay)
	}
}
