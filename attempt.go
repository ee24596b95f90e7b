package jobsy

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// maxError bounds the error message that is kept with a task.
const maxError = 16 << 10

// attempt is one run of one task, from its lease to its settlement.
type attempt struct {
	pool   *pool
	lease  broker.Lease
	task   *task.Task    // as it will be stored
	name   string        // of the task
	waited time.Duration // from when it was due; negative: that is not known
	leased time.Time
	began  time.Time
	took   time.Duration
	ctx    attemptContext

	// The keeper's.
	expires    time.Time
	kept       bool
	doubtful   bool // may have been cancelled unheard
	prev, next *attempt

	returned atomic.Bool // the handler has returned
}

// together is how many attempts share a piece of memory: fewer and larger pieces
// cost less, but the last attempt that runs keeps all of its piece.
const together = 16

// newAttempts returns an attempt for each lease.
func newAttempts(p *pool, leases []broker.Lease) []*attempt {
	now := time.Now()
	attempts := make([]*attempt, len(leases))
	var piece []attempt
	for i := range leases {
		if len(piece) == 0 {
			piece = make([]attempt, min(together, len(leases)-i))
		}
		a := &piece[0]
		a.pool, a.lease, a.leased, a.expires = p, leases[i], now, leases[i].Expires
		a.ctx.parent, a.ctx.keeper = p.work, p.keeper
		a.part()
		a.name = a.task.Name
		attempts[i], piece = a, piece[1:]
	}
	return attempts
}

// part gives the handler the leased task, and the attempt a copy of its own: that
// can be used again, while a handler may keep what it was given for ever.
func (a *attempt) part() {
	a.ctx.task, a.task = a.lease.Task, a.pool.spares.Get().(*task.Task)
	broker.CloneInto(a.task, a.ctx.task)
	a.lease.Task = a.task
}

// run calls the handler and settles what it returns. Panics and runtime.Goexit
// end in the deferred call too.
func (a *attempt) run() {
	a.began = time.Now()
	a.task.StartedAt = a.task.StartedAt.Add(a.began.Sub(a.leased))
	a.waited = a.wait()
	a.ctx.limit, a.ctx.why = a.timeLimit()
	handler, refusal := a.admit()
	if refusal != nil {
		a.end(*refusal)
		return
	}
	a.task.Attempt++
	err := errGoexit
	defer func() {
		if value := recover(); value != nil {
			err = newPanicError(value)
		}
		a.end(a.judge(err))
	}()
	err = a.call(handler)
}

// wait is how long the task was due, or negative where that cannot be told: a
// worker died with it, it began anew, or it waited for others.
func (a *attempt) wait() time.Duration {
	t, mode := a.task, a.task.Unique.Mode
	due := t.EnqueuedAt
	if t.RunAt.After(due) {
		due = t.RunAt
	}
	anew := t.RunAt.IsZero() && len(t.History) > 0
	if due.IsZero() || a.lease.Deliveries > 1 || anew || mode == task.Debounce || mode == task.Latest || t.Gather.Key != "" {
		return -1
	}
	return max(t.StartedAt.Sub(due), 0)
}

// call runs the handler on its own copy of the task.
func (a *attempt) call(handler Handler) error {
	a.ctx.task.StartedAt, a.ctx.task.Attempt = a.task.StartedAt, a.task.Attempt
	err := handler(&a.ctx, a.ctx.task)
	if err != nil && a.ctx.Err() != nil {
		return &interruptedError{context.Cause(&a.ctx), err}
	}
	return err
}

// timeLimit returns when the attempt's time is over, and why; zero means never.
// The task's deadline is by the broker's clock.
func (a *attempt) timeLimit() (at time.Time, cause error) {
	if a.task.Timeout > 0 {
		at, cause = a.began.Add(a.task.Timeout), task.ErrTimeout
	}
	if !a.task.Deadline.IsZero() {
		deadline := a.began.Add(a.task.Deadline.Sub(a.task.StartedAt))
		if cause == nil || deadline.Before(at) {
			at, cause = deadline, task.ErrDeadline
		}
	}
	return at, cause
}

// admit returns the handler of the task, or the outcome of one that is not to
// run.
func (a *attempt) admit() (Handler, *broker.Outcome) {
	t, opts := a.task, &a.pool.server.opts
	ended := a.ctx.endedBy()
	if a.lease.Cancelled || ended == task.ErrCancelled {
		cancelled := a.cancelled(task.ErrCancelled.Error())
		return nil, &cancelled
	}
	if ended != nil || a.late() { // the lease was lost while the task waited for a slot
		released := a.outcome(task.StatusPending)
		return nil, &released
	}
	if !t.Deadline.IsZero() && !t.StartedAt.Before(t.Deadline) {
		return nil, a.failed(task.ErrDeadline.Error())
	}
	if opts.MaxDeliveries > 0 && int(t.Deliveries) > opts.MaxDeliveries {
		reason := fmt.Sprintf("its workers died or lost their lease %d times while they ran it", t.Deliveries-1)
		return nil, a.failed(reason)
	}
	handler, ok := a.pool.server.find(t)
	if !ok {
		return nil, a.unknown()
	}
	return handler, nil
}

// late reports whether the lease has run out before the handler was called: the
// process stood still, and the keeper has not noticed yet.
func (a *attempt) late() bool {
	return a.began.After(a.lease.Expires) && a.began.After(a.pool.keeper.expiry(a))
}

// interruptedError is the error of a handler whose context had ended.
type interruptedError struct{ cause, err error }

func (e *interruptedError) Error() string {
	if errors.Is(e.err, e.cause) || errors.Is(e.err, context.Canceled) || errors.Is(e.err, context.DeadlineExceeded) {
		return e.cause.Error()
	}
	return e.cause.Error() + ": " + e.err.Error()
}

func (e *interruptedError) Unwrap() []error { return []error{e.cause, e.err} }

// judge decides what becomes of the task after its handler has returned.
func (a *attempt) judge(err error) broker.Outcome {
	if err == nil {
		return a.completed()
	}
	return a.judgeError(err)
}

func (a *attempt) judgeError(err error) broker.Outcome {
	var interrupted *interruptedError
	var snooze *snoozeError
	var skip *skipRetryError
	switch {
	case a.ctx.endedBy() == task.ErrCancelled:
		a.record(err)
		return a.cancelled(err.Error())
	case errors.As(err, &interrupted) && (interrupted.cause == task.ErrShutdown || interrupted.cause == task.ErrLeaseLost):
		return a.outcome(task.StatusPending)
	case errors.As(err, &snooze):
		return a.snoozed(snooze.delay)
	}
	a.record(err)
	switch {
	case !a.isFailure(err):
		return a.excused(err)
	case errors.As(err, &skip), errors.Is(err, task.ErrDeadline), a.task.Attempt > max(a.task.MaxRetry, 0):
		return *a.failed(err.Error())
	}
	return a.retried(err)
}

func (a *attempt) outcome(status task.Status) broker.Outcome {
	return broker.Outcome{Lease: a.lease, Status: status}
}

// completed stores the task if it is kept, and if it has a result: somebody may
// wait for that.
func (a *attempt) completed() broker.Outcome {
	o := a.outcome(task.StatusCompleted)
	result := a.ctx.result()
	if a.task.Retention > 0 || result != nil {
		a.record(nil)
		a.task.EndedAt = a.brokerTime()
		a.task.Result = result
		o.Task, o.Keep = a.task, a.task.Retention
	}
	return o
}

// cancelled ends the task, with why it was not done.
func (a *attempt) cancelled(reason string) broker.Outcome {
	a.task.LastError = broker.Cut(reason, maxError)
	a.task.EndedAt = a.brokerTime()
	a.pool.server.log.Info("task cancelled", "task", a.task.ID, "name", a.task.Name, "queue", a.task.Queue,
		"attempt", a.task.Attempt)
	o := a.outcome(task.StatusCancelled)
	o.Task, o.Keep = a.task, max(a.task.Retention, a.pool.server.opts.FailedRetention)
	return o
}

// record adds the attempt to the task's history, with the last it has reported.
func (a *attempt) record(err error) {
	run := task.Run{Attempt: a.task.Attempt, StartedAt: a.task.StartedAt, EndedAt: a.brokerTime(), Worker: a.task.Worker}
	var panicked *panicError
	if errors.As(err, &panicked) {
		run.Stack = string(panicked.stack)
	}
	if err != nil {
		run.Error = err.Error()
	}
	broker.AddRun(a.task, run)
	a.task.Progress = a.ctx.progress()
}

func (a *attempt) failed(reason string) *broker.Outcome {
	a.task.LastError = broker.Cut(reason, maxError)
	a.task.EndedAt = a.brokerTime()
	a.pool.server.log.Error("task failed", "task", a.task.ID, "name", a.task.Name, "queue", a.task.Queue,
		"attempt", a.task.Attempt, "error", reason)
	o := a.outcome(task.StatusFailed)
	o.Task, o.Keep = a.task, max(a.task.Retention, a.pool.server.opts.FailedRetention)
	return &o
}

func (a *attempt) retried(err error) broker.Outcome {
	delay := a.delay(err)
	if at := a.brokerTime().Add(delay); !a.task.Deadline.IsZero() && !at.Before(a.task.Deadline) {
		return *a.failed(fmt.Sprintf("%v before its next attempt: %v", task.ErrDeadline, err))
	}
	a.task.LastError = broker.Cut(err.Error(), maxError)
	a.pool.server.log.Warn("attempt failed", "task", a.task.ID, "name", a.task.Name, "queue", a.task.Queue,
		"attempt", a.task.Attempt, "retry in", delay, "error", err)
	o := a.outcome(task.StatusRetrying)
	o.Task, o.Delay = a.task, delay
	a.task.RunAt = a.dueAfter(delay)
	return o
}

// excused has the task run again at no cost, with the error kept.
func (a *attempt) excused(err error) broker.Outcome {
	delay := a.delay(err)
	a.task.LastError = broker.Cut(err.Error(), maxError)
	return a.snoozed(delay)
}

// isFailure asks the user's function about what the handler itself returned.
func (a *attempt) isFailure(err error) (failure bool) {
	var interrupted *interruptedError
	ask := a.pool.server.opts.IsFailure
	if ask == nil || errors.As(err, &interrupted) {
		return true
	}
	defer a.survive("IsFailure", func() { failure = true })
	return ask(err)
}

// delay is how long the next attempt waits.
func (a *attempt) delay(err error) (delay time.Duration) {
	var after *retryAfterError
	if errors.As(err, &after) {
		return after.delay
	}
	defer a.survive("Backoff", func() { delay = task.DefaultBackoff()(max(a.task.Attempt, 1)) })
	return a.pool.server.backoff(a.task.Name)(a.task.Attempt)
}

// survive keeps a panic of a user's function from taking the server down.
func (a *attempt) survive(function string, otherwise func()) {
	if value := recover(); value != nil {
		a.pool.server.log.Error("a function of the options panicked; its default is used", "function", function, "panic", value)
		otherwise()
	}
}

func (a *attempt) snoozed(delay time.Duration) broker.Outcome {
	a.task.Attempt--
	o := a.outcome(task.StatusScheduled)
	o.Task, o.Delay = a.task, delay
	a.task.RunAt = a.dueAfter(delay)
	return o
}

// brokerTime is the broker's clock: what it said at the lease, and what has
// passed here since.
func (a *attempt) brokerTime() time.Time { return a.task.StartedAt.Add(time.Since(a.began)) }

// dueAfter is when a delay has passed, as far as a record has room for it.
func (a *attempt) dueAfter(delay time.Duration) time.Time {
	const century = 100 * 365 * 24 * time.Hour
	return a.brokerTime().Add(min(delay, century))
}

// tellFailed tells the user of a task that has ended as failed.
func (a *attempt) tellFailed(status task.Status) {
	tell := a.pool.server.opts.OnFailed
	if tell == nil || status != task.StatusFailed {
		return
	}
	defer a.survive("OnFailed", func() {})
	t := a.task.Clone()
	t.Status = status
	tell(t, t.LastError)
}

// end has the outcome settled.
func (a *attempt) end(o broker.Outcome) {
	a.took = time.Since(a.began)
	a.returned.Store(true)
	a.ctx.end(nil)
	a.pool.settler.add(settlement{a, o})
}

// release hands back a task whose handler was not called.
func (a *attempt) release() {
	a.returned.Store(true)
	a.pool.settler.add(settlement{a, a.outcome(task.StatusPending)})
}
