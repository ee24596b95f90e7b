package engine

import (
	"context"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// environment is what attempts know of their server. Nobody changes it.
type environment struct {
	work     context.Context // of every handler
	find     func(*task.Task) (Handler, bool)
	policy   *Policy
	expiry   func(*held) time.Time
	reported func() // is told that there is progress to send
	settle   func(settlement)
	unknown  func(*broker.Lease) broker.Outcome // of a task whose name no handler knows
	spares   *sync.Pool                         // memory of a *task.Task to be stored
}

// attempt is one run of one task, from its lease to its settlement.
type attempt struct {
	env    *environment
	held   *held
	task   *task.Task // as it will be stored
	began  time.Time
	took   time.Duration
	waited time.Duration // from when it was due; negative: that is not known
	ctx    handlerContext
}

// together is how many attempts share a piece of memory: fewer and larger pieces
// cost less, but the last attempt that runs keeps all of its piece.
const together = 16

// piece is an attempt and its lease.
type piece struct {
	attempt attempt
	held    held
}

// newAttempts returns an attempt for each lease.
func newAttempts(env *environment, leases []broker.Lease) []*attempt {
	now := time.Now()
	attempts := make([]*attempt, len(leases))
	var pieces []piece
	for i := range leases {
		if len(pieces) == 0 {
			pieces = make([]piece, min(together, len(leases)-i))
		}
		a, h := &pieces[0].attempt, &pieces[0].held
		h.lease, h.leased, h.holder = leases[i], now, &a.ctx
		a.env, a.held = env, h
		a.takeOver()
		attempts[i], pieces = a, pieces[1:]
	}
	return attempts
}

// takeOver gives the handler the leased task, and the attempt a copy of its own: that
// can be used again, while a handler may keep what it was given for ever.
func (a *attempt) takeOver() {
	leased := a.held.lease.Task
	a.task, a.held.name = a.env.spares.Get().(*task.Task), leased.Name
	broker.CloneInto(a.task, leased)
	a.held.lease.Task = a.task
	a.ctx.parent, a.ctx.task, a.ctx.reported = a.env.work, leased, a.env.reported
}

// leasesOf returns the leases of attempts.
func leasesOf(attempts []*attempt) []*held {
	all := make([]*held, len(attempts))
	for i, a := range attempts {
		all[i] = a.held
	}
	return all
}

// run calls the handler and settles what it returns. Panics and runtime.Goexit
// end in the deferred call too.
func (a *attempt) run() {
	a.began = time.Now()
	a.task.StartedAt = a.task.StartedAt.Add(a.began.Sub(a.held.leased))
	a.waited = a.wait()
	handler, refused, refusal := a.admit()
	if refused != nil {
		a.end(*refused, refusal)
		return
	}
	a.task.Attempt++
	limit, why := a.timeLimit()
	a.ctx.begin(limit, why)
	err, unwound := errGoexit, true
	defer func() {
		if value := recover(); value != nil {
			err = NewPanicError(value)
		}
		a.end(a.judge(err, unwound))
	}()
	a.ctx.task.StartedAt, a.ctx.task.Attempt = a.task.StartedAt, a.task.Attempt
	err = a.ctx.call(handler)
	unwound = false
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
// run, with why.
func (a *attempt) admit() (Handler, *broker.Outcome, error) {
	lease, called := &a.held.lease, a.ctx.endedBy()
	if called == nil && a.late() {
		called = task.ErrLeaseLost
	}
	if outcome, why := a.env.policy.refusal(lease, called); outcome != nil {
		return nil, outcome, why
	}
	handler, ok := a.env.find(a.task)
	if !ok {
		outcome := a.env.unknown(lease)
		return nil, &outcome, nil
	}
	return handler, nil, nil
}

// late reports whether the lease has run out before the handler was called: the
// process stood still, and nobody has noticed yet.
func (a *attempt) late() bool {
	return a.began.After(a.held.lease.Expires) && a.began.After(a.env.expiry(a.held))
}

// judge decides what becomes of the task after its handler has ended.
func (a *attempt) judge(err error, unwound bool) (broker.Outcome, error) {
	e := ending{err: err, unwound: unwound}
	if err != nil {
		e.cause = a.ctx.interruption()
	}
	a.took = time.Since(a.began)
	e.now = a.task.StartedAt.Add(a.took) // the broker's clock: what it said at the lease, and what has passed here since
	e.progress, e.result = a.ctx.reports().last()
	return a.env.policy.verdict(&a.held.lease, e)
}

// end has the outcome settled.
func (a *attempt) end(o broker.Outcome, err error) {
	a.took = time.Since(a.began)
	a.ctx.close()
	a.env.settle(settlement{outcome: o, held: a.held, err: err, took: a.took, waited: a.waited})
}

// release hands back a task whose handler was not called.
func (a *attempt) release() {
	a.ctx.close()
	o := broker.Outcome{Lease: a.held.lease, Status: task.StatusPending}
	a.env.settle(settlement{outcome: o, held: a.held, waited: -1})
}

func releaseAll(attempts []*attempt) {
	for _, a := range attempts {
		a.release()
	}
}

// wait is how long the task was due before it started, or negative where that
// cannot be told.
func (a *attempt) wait() time.Duration {
	waited, ok := broker.Waited(a.task)
	if !ok {
		return -1
	}
	return waited
}
