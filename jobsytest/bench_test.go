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
		text := ""
		if o.Err() != nil {
			text = o.Err().Error()
		}
		if o.Status != want.status || text != want.err {
			t.Errorf("%s: outcome is %s with error %q, want %s with %q", to, o.Status, text, want.status, want.err)
		}
		if errors.Is(o.Err(), outage) != (to == "busy") {
			t.Errorf("%s: errors.Is does not see what the handler returned in %v", to, o.Err())
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
		`.To: got "ada", want "eve"`: func(b *jobsytest.Bench) { jobsytest.RequireEnqueued(b, send, mail{"eve"}) },
		`2 tasks "mail:send" wait`:   func(b *jobsytest.Bench) { jobsytest.RequireNone(b, send) },
		`no handler for "mail:send"`: func(b *jobsytest.Bench) { b.Work(send.New(mail{"ada"})) },
		`Name must not be empty`:     func(b *jobsytest.Bench) { b.Work(task.New("", nil)) },
	} {
		if message := failure(t, b, fails); !strings.Contains(message, want) {
			t.Errorf("failed with %q, want %q", message, want)
		}
	}
}

type order struct {
	At    time.Time
	Lines []line
	Notes map[string]string `json:",omitempty"`
	Total int64
	own   int
}

type line struct {
	Article string
	Tags    []string
}

var place = task.Kind[order]{Name: "order:place"}

// What is the same once it has travelled is the same.
func TestRequireEnqueuedComparesWhatTravels(t *testing.T) {
	t.Parallel()
	b := jobsytest.New(t, nil)
	now := time.Now()
	if err := b.Client().Enqueue(t.Context(), place.New(order{At: now, Lines: []line{{"pen", nil}}, Notes: map[string]string{}, own: 1})); err != nil {
		t.Fatal(err)
	}
	for _, same := range []order{
		{At: now, Lines: []line{{"pen", nil}}},
		{At: now.Round(0), Lines: []line{{"pen", []string{}}}, own: 2},
	} {
		jobsytest.RequireEnqueued(b, place, same)
	}
}

// A failure tells where the closest task differs.
func TestRequireEnqueuedShowsTheDifference(t *testing.T) {
	t.Parallel()
	const large = 1 << 60
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for want, other := range map[string]order{
		`.At: got "2026-01-02T03:04:05.000000006Z", want "2026-01-02T03:04:06.000000006Z"`: {at.Add(time.Second), []line{{"pen", nil}}, nil, large, 0},
		`.Lines: got 1 elements, want 2`:                            {at, []line{{"pen", nil}, {}}, nil, large, 0},
		`.Lines: got [{"Article":"pen","Tags":null}], want nothing`: {at, nil, nil, large, 0},
		`.Lines[0].Article: got "pen", want "ink"`:                  {at, []line{{"ink", nil}}, nil, large, 0},
		`.Lines[0].Tags: got nothing, want ["a"]`:                   {at, []line{{"pen", []string{"a"}}}, nil, large, 0},
		`.Notes: got nothing, want {"a":"b"}`:                       {at, []line{{"pen", nil}}, map[string]string{"a": "b"}, large, 0},
		`.Total: got 1152921504606846976, want 1152921504606846977`: {at, []line{{"pen", nil}}, nil, large + 1, 0},
	} {
		f := &failing{TB: t}
		b := jobsytest.New(f, nil)
		far := order{at.Add(time.Hour), nil, nil, 0, 0}
		if err := b.Client().Enqueue(t.Context(), place.New(far), place.New(order{at, []line{{"pen", nil}}, nil, large, 0})); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			jobsytest.RequireEnqueued(b, place, other)
		}()
		<-done
		if _, after, _ := strings.Cut(f.message, "the closest differs in"); strings.TrimSpace(after) != want {
			t.Errorf("failed with %q, want %s", f.message, want)
		}
	}
}

// Outside a bubble Drain waits, and says so, once.
func TestDrainSaysThatItWaits(t *testing.T) {
	t.Parallel()
	f := &failing{TB: t}
	b := jobsytest.New(f, func(s *jobsy.Server) {
		jobsy.Handle(s, send, func(context.Context, mail) error { return jobsy.RetryAfter(time.Hour, errors.New("busy")) })
	})
	waits := send.New(mail{"ada"})
	f.logged = func() { // what it waits for is gone
		if err := b.Client().Delete(t.Context(), waits); err != nil {
			t.Error(err)
		}
	}
	if err := b.Client().Enqueue(t.Context(), waits); err != nil {
		t.Fatal(err)
	}
	if outcomes := b.Drain(); len(outcomes) != 1 || f.logs != 1 || !strings.Contains(f.message, `Drain waits for task "mail:send"`) {
		t.Errorf("%d outcomes, %d lines, the last %q", len(outcomes), f.logs, f.message)
	}
	synctest.Test(t, func(t *testing.T) {
		f := &failing{TB: t}
		b := jobsytest.New(f, func(s *jobsy.Server) { jobsy.Handle(s, send, func(context.Context, mail) error { return nil }) })
		later := send.New(mail{"ada"})
		later.RunAt = time.Now().Add(time.Hour)
		if err := b.Client().Enqueue(t.Context(), later); err != nil {
			t.Fatal(err)
		}
		if outcomes := b.Drain(); len(outcomes) != 1 || f.logs != 0 {
			t.Errorf("in a bubble there were %d outcomes and %d lines", len(outcomes), f.logs)
		}
	})
}

func TestAnOutcomeTellsWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b *jobsytest.Bench
		attempt := 0
		b = jobsytest.New(t, func(s *jobsy.Server) {
			jobsy.Handle(s, send, func(ctx context.Context, m mail) error {
				attempt++
				switch attempt {
				case 1:
					<-ctx.Done()
					return fmt.Errorf("send to %s: %w", m.To, ctx.Err())
				case 2:
					return jobsy.Snooze(time.Minute)
				}
				return nil
			})
		})
		one := send.New(mail{"ada"})
		one.Timeout = time.Second
		if err := b.Client().Enqueue(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		outcomes := b.Drain()
		if len(outcomes) != 3 || outcomes[1].Err() != nil || outcomes[2].Err() != nil {
			t.Fatalf("outcomes are %+v, want a failure, a snooze and an end", outcomes)
		}
		if err := outcomes[0].Err(); !errors.Is(err, task.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || err.Error() != outcomes[0].Task.LastError {
			t.Errorf("the error is %v, want a timeout", err)
		}
	})
}

// The client of the bench has the options that the servers' would have.
func TestClientOptionsHold(t *testing.T) {
	t.Parallel()
	refusal := errors.New("closed")
	b := jobsytest.New(t, nil)
	b.Options.Client = &jobsy.ClientOptions{Use: []jobsy.EnqueueMiddleware{func(jobsy.Enqueue) jobsy.Enqueue {
		return func(context.Context, ...*task.Task) error { return refusal }
	}}}
	if err := b.Client().Enqueue(t.Context(), send.New(mail{"ada"})); err != refusal {
		t.Errorf("Enqueue returned %v, want what the middleware says", err)
	}
}

// failing takes what a bench reports.
type failing struct {
	testing.TB
	message string
	logs    int
	logged  func()
}

func (f *failing) Helper() {}

func (f *failing) Logf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	f.logs++
	if f.logged != nil {
		f.logged()
	}
}

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
