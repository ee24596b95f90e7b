package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

var (
	start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	now   = start.Add(time.Second)
)

// leased is a lease of a task in its second attempt of four.
func leased(change func(*task.Task)) *broker.Lease {
	t := task.New("work", nil)
	t.Queue, t.MaxRetry, t.Attempt, t.StartedAt, t.Deliveries = "q", 3, 2, start, 1
	if change != nil {
		change(t)
	}
	return &broker.Lease{Task: t, Queue: t.Queue, ID: t.ID, Deliveries: int(t.Deliveries), Priority: t.Priority}
}

func policy() *Policy {
	return &Policy{
		MaxDeliveries: 5, FailedRetention: time.Hour, Log: slog.New(slog.DiscardHandler),
		Backoff: func(string) task.Backoff {
			return func(attempt int) time.Duration { return time.Duration(attempt) * time.Minute }
		},
	}
}

type typedNil struct{ text string }

func (e *typedNil) Error() string { return e.text }

type hostile struct{ do func() }

func (e hostile) Error() string { return "text" }
func (e hostile) Unwrap() error { e.do(); return nil }
func (e hostile) Is(error) bool { e.do(); return false }
func (e hostile) As(any) bool   { e.do(); return false }

type mute struct{}

func (mute) Error() string { runtime.Goexit(); return "" }

var (
	errBoom = errors.New("boom")
	absent  *typedNil
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		task   func(*task.Task)
		policy func(*Policy)
		ending ending

		status      task.Status
		delay, keep time.Duration
		attempt     int
		text        string // in LastError
		is          error  // of what OnFailed gets
	}{
		"completed":                 {status: task.StatusCompleted, attempt: 2},
		"completed and kept":        {task: func(t *task.Task) { t.Retention = time.Hour }, status: task.StatusCompleted, keep: time.Hour, attempt: 2},
		"completed with a result":   {ending: ending{result: []byte("r")}, status: task.StatusCompleted, keep: time.Minute, attempt: 2},
		"completed after its time":  {ending: ending{cause: task.ErrTimeout}, status: task.StatusCompleted, attempt: 2},
		"retried":                   {ending: ending{err: errBoom}, status: task.StatusRetrying, delay: 2 * time.Minute, attempt: 2, text: "boom"},
		"retried by its own delay":  {ending: ending{err: &After{time.Second, errBoom}}, status: task.StatusRetrying, delay: time.Second, attempt: 2, text: "boom"},
		"the last attempt":          {task: func(t *task.Task) { t.Attempt = 4 }, ending: ending{err: errBoom}, status: task.StatusFailed, keep: time.Hour, attempt: 4, text: "boom", is: errBoom},
		"no retry":                  {task: func(t *task.Task) { t.MaxRetry = -1; t.Attempt = 1 }, ending: ending{err: errBoom}, status: task.StatusFailed, keep: time.Hour, attempt: 1, text: "boom", is: errBoom},
		"skipped":                   {ending: ending{err: &Skip{errBoom}}, status: task.StatusFailed, keep: time.Hour, attempt: 2, text: "boom", is: errBoom},
		"failed and kept longer":    {task: func(t *task.Task) { t.Retention = 2 * time.Hour }, ending: ending{err: &Skip{errBoom}}, status: task.StatusFailed, keep: 2 * time.Hour, attempt: 2, text: "boom", is: errBoom},
		"snoozed":                   {ending: ending{err: &Snooze{time.Hour}}, status: task.StatusScheduled, delay: time.Hour, attempt: 1},
		"snoozed for ever":          {ending: ending{err: &Snooze{math.MaxInt64}}, status: task.StatusScheduled, delay: math.MaxInt64, attempt: 1},
		"timed out":                 {ending: ending{err: fmt.Errorf("read: %w", task.ErrTimeout), cause: task.ErrTimeout}, status: task.StatusRetrying, delay: 2 * time.Minute, attempt: 2, text: "attempt timed out"},
		"its own error after it":    {ending: ending{err: errBoom, cause: task.ErrTimeout}, status: task.StatusRetrying, delay: 2 * time.Minute, attempt: 2, text: "attempt timed out: boom"},
		"deadline":                  {ending: ending{err: errBoom, cause: task.ErrDeadline}, status: task.StatusFailed, keep: time.Hour, attempt: 2, text: "deadline passed: boom", is: task.ErrDeadline},
		"no time for another":       {task: func(t *task.Task) { t.Deadline = now.Add(time.Minute) }, ending: ending{err: errBoom}, status: task.StatusFailed, keep: time.Hour, attempt: 2, text: "before its next attempt: boom", is: task.ErrDeadline},
		"cancelled":                 {ending: ending{err: errBoom, cause: task.ErrCancelled}, status: task.StatusCancelled, keep: time.Hour, attempt: 2, text: "task cancelled: boom"},
		"shut down":                 {ending: ending{err: errBoom, cause: task.ErrShutdown}, status: task.StatusPending, attempt: 2},
		"lease lost":                {ending: ending{err: errBoom, cause: task.ErrLeaseLost}, status: task.StatusPending, attempt: 2},
		"a panic as it shuts down":  {ending: ending{err: NewPanicError("no"), cause: task.ErrShutdown, unwound: true}, status: task.StatusRetrying, delay: 2 * time.Minute, attempt: 2, text: "panic: no"},
		"a typed nil":               {ending: ending{err: absent}, status: task.StatusRetrying, delay: 2 * time.Minute, attempt: 2, text: "*engine.typedNil that does not say what it is: panic: "},
		"a typed nil, skipped":      {ending: ending{err: &Skip{absent}}, status: task.StatusFailed, keep: time.Hour, attempt: 2, text: "an error of type *engine.typedNil that does", is: absent},
		"a typed nil, cancelled":    {ending: ending{err: absent, cause: task.ErrCancelled}, status: task.StatusCancelled, keep: time.Hour, attempt: 2, text: "task cancelled: an error of type"},
		"an error whose Is panics":  {ending: ending{err: hostile{func() { panic("is") }}}, status: task.StatusRetrying, delay: 2 * time.Minute, attempt: 2, text: "panic: is"},
		"an error whose Is goes":    {ending: ending{err: hostile{runtime.Goexit}}, status: task.StatusRetrying, delay: 2 * time.Minute, attempt: 2, text: "runtime.Goexit was called"},
		"an error whose text goes":  {ending: ending{err: mute{}}, status: task.StatusRetrying, delay: 2 * time.Minute, attempt: 2, text: "runtime.Goexit was called"},
		"an endless error":          {ending: ending{err: errors.New(strings.Repeat("x", 1<<20))}, status: task.StatusRetrying, delay: 2 * time.Minute, attempt: 2, text: "xxx"},
		"no failure":                {policy: func(p *Policy) { p.IsFailure = func(error) bool { return false } }, ending: ending{err: errBoom}, status: task.StatusScheduled, delay: time.Minute, attempt: 1, text: "boom"},
		"no failure, the third one": {task: func(t *task.Task) { t.Excused = 2 }, policy: func(p *Policy) { p.IsFailure = func(error) bool { return false } }, ending: ending{err: errBoom}, status: task.StatusScheduled, delay: 3 * time.Minute, attempt: 1, text: "boom"},
		"IsFailure panics":          {policy: func(p *Policy) { p.IsFailure = func(error) bool { panic("no") } }, ending: ending{err: errBoom}, status: task.StatusRetrying, delay: 2 * time.Minute, attempt: 2, text: "boom"},
		"IsFailure goes":            {policy: func(p *Policy) { p.IsFailure = func(error) bool { runtime.Goexit(); return false } }, ending: ending{err: errBoom}, status: task.StatusRetrying, delay: 2 * time.Minute, attempt: 2, text: "boom"},
		"a backoff below zero":      {policy: func(p *Policy) { p.Backoff = backoff(func(int) time.Duration { return -time.Hour }) }, ending: ending{err: errBoom}, status: task.StatusRetrying, attempt: 2, text: "boom"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, p, e := leased(c.task), policy(), c.ending
			if c.policy != nil {
				c.policy(p)
			}
			e.now = now
			o, err := p.verdict(l, e)
			if o.Status != c.status || o.Delay != c.delay || o.Keep != c.keep || l.Task.Attempt != c.attempt {
				t.Errorf("%s after %s, kept %s, attempt %d; want %s after %s, kept %s, attempt %d",
					o.Status, o.Delay, o.Keep, l.Task.Attempt, c.status, c.delay, c.keep, c.attempt)
			}
			if !strings.Contains(l.Task.LastError, c.text) || len(l.Task.LastError) > maxError+len("…") {
				t.Errorf("last error %.200q of %d bytes, want %q in it", l.Task.LastError, len(l.Task.LastError), c.text)
			}
			if !errors.Is(err, c.is) {
				t.Errorf("OnFailed would get %v, want %v", err, c.is)
			}
			if o.Status.Ended() && o.Task != nil && !l.Task.EndedAt.Equal(now) {
				t.Errorf("ended at %v, want %v", l.Task.EndedAt, now)
			}
		})
	}
}

func backoff(b task.Backoff) func(string) task.Backoff { return func(string) task.Backoff { return b } }

func TestABackoffThatDoesNotReturnIsReplaced(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]task.Backoff{
		"panic":  func(int) time.Duration { panic("no") },
		"goexit": func(int) time.Duration { runtime.Goexit(); return 0 },
		"nil":    nil,
	} {
		p, log := policy(), &strings.Builder{}
		p.Backoff, p.Log = backoff(b), slog.New(slog.NewTextHandler(log, nil))
		o, _ := p.verdict(leased(nil), ending{err: errBoom, now: now})
		if o.Status != task.StatusRetrying || o.Delay < time.Second || o.Delay > 2*time.Second || !strings.Contains(log.String(), "Backoff") {
			t.Errorf("%s: %s after %s, want the default backoff's delay; log: %s", name, o.Status, o.Delay, log)
		}
	}
}

func TestVerdictCounts(t *testing.T) {
	t.Parallel()
	p := policy()
	p.IsFailure = func(error) bool { return false }
	l := leased(nil)
	_, _ = p.verdict(l, ending{err: &Snooze{time.Second}, now: now})
	l.Task.Attempt++
	_, _ = p.verdict(l, ending{err: errBoom, now: now})
	if l.Task.Snoozes != 1 || l.Task.Excused != 1 || l.Task.Attempt != 1 {
		t.Errorf("%d snoozes, %d excused, attempt %d; want 1, 1 and 1", l.Task.Snoozes, l.Task.Excused, l.Task.Attempt)
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		task      func(*task.Task)
		cancelled bool
		called    error
		status    task.Status // "": it may run
		is        error
	}{
		"may run":                         {},
		"its last delivery":               {task: func(t *task.Task) { t.Deliveries = 5 }},
		"one delivery too many":           {task: func(t *task.Task) { t.Deliveries = 6 }, status: task.StatusFailed, is: task.ErrWorkersLost},
		"too late":                        {task: func(t *task.Task) { t.Deadline = start }, status: task.StatusFailed, is: task.ErrDeadline},
		"cancelled before":                {cancelled: true, status: task.StatusCancelled},
		"cancelled meanwhile":             {called: task.ErrCancelled, status: task.StatusCancelled},
		"lease lost meanwhile":            {called: task.ErrLeaseLost, status: task.StatusPending},
		"lost, and one delivery too many": {task: func(t *task.Task) { t.Deliveries = 6 }, called: task.ErrLeaseLost, status: task.StatusPending},
	} {
		l := leased(c.task)
		l.Cancelled = c.cancelled
		o, err := policy().refusal(l, c.called)
		if (o == nil) != (c.status == "") || o != nil && o.Status != c.status || !errors.Is(err, c.is) {
			t.Errorf("%s: %+v, %v; want %q, %v", name, o, err, c.status, c.is)
		}
	}
}

func TestPanicErrorShowsItsStack(t *testing.T) {
	t.Parallel()
	err := NewPanicError("no")
	if short, long := fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err); short != "panic: no" || !strings.Contains(long, "TestPanicErrorShowsItsStack") {
		t.Errorf("%q, and in full %q", short, long)
	}
}
