package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	// maxError bounds the error message that is kept with a task.
	maxError = 16 << 10
	// resultLasts is how long a task with a result stays readable at least:
	// somebody is about to ask for it.
	resultLasts = time.Minute
	// farthest is how far ahead a record has room for a time.
	farthest = 100 * 365 * 24 * time.Hour
)

// Policy says what becomes of tasks. Its functions are the user's.
type Policy struct {
	MaxDeliveries   int // 0 or less: no bound
	FailedRetention time.Duration
	Backoff         func(name string) task.Backoff
	IsFailure       func(error) bool // nil: every error is one
	Log             *slog.Logger
}

// last is the delivery that is a task's last, if there were others before it; 0:
// none is.
func (p *Policy) last() int {
	if p.MaxDeliveries < 2 {
		return 0
	}
	return p.MaxDeliveries
}

// ending is how a handler ended.
type ending struct {
	err      error
	cause    error // why its context had ended by then; nil: it had not
	unwound  bool  // it panicked or called runtime.Goexit
	progress task.Progress
	result   []byte
	now      time.Time // by the broker's clock
}

// verdict decides what becomes of a task whose handler has ended, and writes
// into the task, which is to be stored, what is told of it.
func (p *Policy) verdict(l *broker.Lease, e ending) (broker.Outcome, error) {
	if e.err == nil {
		return p.completed(l, e), nil
	}
	kept := e // the one that goes to the heap, for what the error is asked
	return p.judge(l, &kept)
}

// judge is the verdict on a task whose handler has returned an error.
func (p *Policy) judge(l *broker.Lease, e *ending) (broker.Outcome, error) {
	t, f := l.Task, examine(e)
	switch {
	case e.cause == task.ErrCancelled:
		record(t, e, &f)
		return p.cancelled(l, f.text, e.now), nil
	case !e.unwound && (e.cause == task.ErrShutdown || e.cause == task.ErrLeaseLost):
		return broker.Outcome{Lease: *l, Status: task.StatusPending}, nil
	case f.snooze != nil:
		t.Snoozes++
		return snoozed(l, f.snooze.Delay, e.now), nil
	}
	record(t, e, &f)
	switch {
	case !p.isFailure(e):
		t.Excused++
		t.LastError = f.text
		return snoozed(l, p.delay(t, &f, int(t.Excused)), e.now), nil
	case f.skip, f.late, t.Attempt > max(t.MaxRetry, 0):
		return p.failed(l, f.text, e.now), f.err
	}
	return p.retried(l, &f, e.now)
}

// completed stores the task if it is kept, and if it has a result.
func (p *Policy) completed(l *broker.Lease, e ending) broker.Outcome {
	o := broker.Outcome{Lease: *l, Status: task.StatusCompleted}
	t := l.Task
	if t.Retention > 0 || e.result != nil {
		record(t, &e, &fault{})
		t.EndedAt, t.Result = e.now, e.result
		o.Task, o.Keep = t, t.Retention
	}
	if e.result != nil {
		o.Keep = max(o.Keep, resultLasts)
	}
	return o
}

// cancelled ends the task, with why it was not done.
func (p *Policy) cancelled(l *broker.Lease, reason string, now time.Time) broker.Outcome {
	p.log(l).Info("task cancelled")
	return p.ended(l, task.StatusCancelled, reason, now)
}

func (p *Policy) failed(l *broker.Lease, reason string, now time.Time) broker.Outcome {
	p.log(l).Error("task failed", "error", reason)
	return p.ended(l, task.StatusFailed, reason, now)
}

func (p *Policy) ended(l *broker.Lease, status task.Status, reason string, now time.Time) broker.Outcome {
	t := l.Task
	t.LastError, t.EndedAt = broker.Cut(reason, maxError), now
	return broker.Outcome{Lease: *l, Status: status, Task: t, Keep: max(t.Retention, p.FailedRetention)}
}

func (p *Policy) retried(l *broker.Lease, f *fault, now time.Time) (broker.Outcome, error) {
	t := l.Task
	delay := p.delay(t, f, t.Attempt)
	due := after(now, delay)
	if !t.Deadline.IsZero() && !due.Before(t.Deadline) {
		reason := fmt.Sprintf("%v before its next attempt: %s", task.ErrDeadline, f.text)
		return p.failed(l, reason, now), &deadlineError{f.err}
	}
	p.log(l).Warn("attempt failed", "retry in", delay, "error", f.text)
	t.LastError, t.RunAt = f.text, due
	return broker.Outcome{Lease: *l, Status: task.StatusRetrying, Task: t, Delay: delay}, nil
}

// snoozed has the task run again later, at no cost.
func snoozed(l *broker.Lease, delay time.Duration, now time.Time) broker.Outcome {
	t := l.Task
	t.Attempt--
	t.RunAt = after(now, delay)
	return broker.Outcome{Lease: *l, Status: task.StatusScheduled, Task: t, Delay: delay}
}

// after is when a delay has passed, as far as a record has room for it.
func after(now time.Time, delay time.Duration) time.Time {
	return now.Add(min(max(delay, 0), farthest))
}

// record adds the attempt to the task's history, with the last it has reported.
func record(t *task.Task, e *ending, f *fault) {
	broker.AddRun(t, task.Run{
		Attempt: t.Attempt, StartedAt: t.StartedAt, EndedAt: e.now, Worker: t.Worker,
		Error: f.text, Stack: f.stack,
	})
	t.Progress = e.progress
}

// isFailure asks the user's function about what the handler itself returned.
func (p *Policy) isFailure(e *ending) bool {
	if p.IsFailure == nil || e.cause != nil && !e.unwound {
		return true
	}
	failure := true
	if err := guarded(func() { failure = p.IsFailure(e.err) }); err != nil {
		p.survived("IsFailure", err)
		return true
	}
	return failure
}

// delay is how long the task waits after so many attempts that went alike.
func (p *Policy) delay(t *task.Task, f *fault, attempts int) time.Duration {
	if f.after != nil {
		return f.after.Delay
	}
	var delay time.Duration
	if err := guarded(func() { delay = p.Backoff(t.Name)(attempts) }); err != nil {
		p.survived("Backoff", err)
		return task.DefaultBackoff()(max(attempts, 1))
	}
	return max(delay, 0)
}

// survived tells of a user's function that did not return.
func (p *Policy) survived(function string, err error) {
	p.Log.Error("a function of the options did not return; its default is used", "function", function, "error", err)
}

func (p *Policy) log(l *broker.Lease) *slog.Logger {
	return p.Log.With("task", l.ID, "name", l.Task.Name, "queue", l.Queue, "attempt", l.Task.Attempt)
}

// refusal returns the outcome of a task that is not to run, with why, or nil.
// Called is why it was called off before it began, if it was.
func (p *Policy) refusal(l *broker.Lease, called error) (*broker.Outcome, error) {
	t := l.Task
	switch {
	case l.Cancelled || called == task.ErrCancelled:
		o := p.cancelled(l, task.ErrCancelled.Error(), t.StartedAt)
		return &o, nil
	case called != nil:
		return &broker.Outcome{Lease: *l, Status: task.StatusPending}, nil
	case !t.Deadline.IsZero() && !t.StartedAt.Before(t.Deadline):
		o := p.failed(l, task.ErrDeadline.Error(), t.StartedAt)
		return &o, task.ErrDeadline
	case p.MaxDeliveries > 0 && int(t.Deliveries) > p.MaxDeliveries:
		err := fmt.Errorf("%w %d times while they ran it", task.ErrWorkersLost, t.Deliveries-1)
		o := p.failed(l, err.Error(), t.StartedAt)
		return &o, err
	}
	return nil, nil
}

// deadlineError is the error of an attempt whose next one would be too late.
type deadlineError struct{ err error }

func (e *deadlineError) Error() string   { return task.ErrDeadline.Error() + " before its next attempt" }
func (e *deadlineError) Unwrap() []error { return []error{task.ErrDeadline, e.err} }

// Snooze is the error of a handler that wants its task to run again later.
type Snooze struct{ Delay time.Duration }

func (e *Snooze) Error() string { return fmt.Sprintf("snoozed for %s", e.Delay) }

// Skip is the error of a handler that wants no further attempt.
type Skip struct{ Err error }

func (e *Skip) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e *Skip) Unwrap() error { return e.Err }

// After is the error of a failed attempt with a delay of its own.
type After struct {
	Delay time.Duration
	Err   error
}

func (e *After) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e *After) Unwrap() error { return e.Err }

// fault is what there is to know of a handler's error. The error's own methods
// are the user's code, so they are asked once, guarded.
type fault struct {
	err    error // for OnFailed
	text   string
	stack  string // of a panic
	snooze *Snooze
	after  *After
	skip   bool
	late   bool // the task's deadline has passed
}

func examine(e *ending) fault {
	f := fault{err: e.err, late: e.cause == task.ErrDeadline}
	if panicked, ok := e.err.(*PanicError); ok {
		f.stack = string(panicked.stack)
	}
	cause := e.cause
	if e.unwound {
		cause = nil
	}
	if cause != nil {
		f.err = &interruptedError{cause, e.err}
	}
	if trouble := guarded(func() { f.ask(e.err, cause) }); trouble != nil {
		f.text = fmt.Sprintf("an error of type %T that does not say what it is: %v", own(e.err), trouble)
		if cause != nil {
			f.text = cause.Error() + ": " + f.text
		}
	}
	f.text = broker.Cut(f.text, maxError)
	return f
}

// own returns what a user's function has put into an error of ours.
func own(err error) error {
	switch wrapper := err.(type) {
	case *Skip:
		return own(wrapper.Err)
	case *After:
		return own(wrapper.Err)
	}
	return err
}

// ask asks the error. It may panic.
func (f *fault) ask(err, cause error) {
	errors.As(err, &f.snooze)
	errors.As(err, &f.after)
	var skip *Skip
	f.skip = errors.As(err, &skip)
	f.late = f.late || errors.Is(err, task.ErrDeadline)
	var panicked *PanicError
	if errors.As(err, &panicked) {
		f.stack = string(panicked.stack)
	}
	f.text = err.Error()
	switch {
	case cause == nil:
	case errors.Is(err, cause), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		f.text = cause.Error()
	default:
		f.text = cause.Error() + ": " + f.text
	}
}

// interruptedError is the error of a handler whose context had ended.
type interruptedError struct{ cause, err error }

func (e *interruptedError) Error() string   { return e.cause.Error() + ": " + e.err.Error() }
func (e *interruptedError) Unwrap() []error { return []error{e.cause, e.err} }
