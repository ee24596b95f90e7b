package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// enqueue is jobsy.Enqueue; this package may not import that one.
type enqueue = func(ctx context.Context, tasks ...*task.Task) error

const maxStack = 8 << 10 // bytes of a panic's

var (
	errGoexit = errors.New("middleware called runtime.Goexit")
	errKept   = errors.New("middleware has not enqueued the tick's task")
	errNoTick = errors.New("middleware has called next without the context that it was given")
)

// wrapped returns inner in the middleware. The error is that of the options.
func wrapped(inner enqueue, use []func(enqueue) enqueue) (all enqueue, err error) {
	defer caught(&err)
	for i := len(use) - 1; i >= 0; i-- {
		field := "Options.Use[" + strconv.Itoa(i) + "]"
		if use[i] == nil {
			return nil, &task.FieldError{Field: field, Rule: "must not be nil"}
		}
		if inner = use[i](inner); inner == nil {
			return nil, &task.FieldError{Field: field, Rule: "must not return nil"}
		}
	}
	return inner, nil
}

// caught makes a panic an error.
func caught(err *error) {
	if value := recover(); value != nil {
		stack := debug.Stack()
		*err = fmt.Errorf("middleware panicked: %v\n\n%s", value, stack[:min(len(stack), maxStack)])
	}
}

// passage is one tick on its way through the middleware, in whose context it is.
type passage struct {
	tick   broker.Tick
	queue  string
	taken  bool // by this process or another
	ticked broker.Ticked
	sent   time.Time
	err    error // of the broker
}

type passageKey struct{}

// pass takes a tick through the middleware. The first error is why the tick
// passes without a task for good, the second why it is to be tried again. What
// the broker said counts, whatever the middleware has made of it.
func (s *Scheduler) pass(ctx context.Context, p *passage) (refused, failed error) {
	err, away := s.through(context.WithValue(ctx, passageKey{}, p), p.tick.Task)
	switch {
	case p.taken:
		if err != nil {
			s.log.Warn("middleware failed at a tick that was taken", "schedule", p.tick.Schedule, "tick", p.tick.At, "error", err)
		}
		return nil, nil
	case p.err != nil:
		err = p.err
	case err == nil:
		return errKept, nil
	case !away:
		return err, nil
	}
	if errors.Is(err, task.ErrInvalid) {
		return err, nil
	}
	return nil, err
}

// through calls the middleware, and tells whether its error is that of an outage.
func (s *Scheduler) through(ctx context.Context, t *task.Task) (err error, away bool) {
	defer caught(&err)
	err = s.enqueue(ctx, t)
	return err, outage(err)
}

// take is what the middleware is around: it offers the tick to the broker.
func (s *Scheduler) take(ctx context.Context, tasks ...*task.Task) error {
	p, ok := ctx.Value(passageKey{}).(*passage)
	if !ok {
		return errNoTick
	}
	tick := p.tick
	if len(tasks) != 1 || tasks[0] == nil || tasks[0].ID != tick.Task.ID || cmp.Or(tasks[0].Queue, task.DefaultQueue) != p.queue {
		return &task.FieldError{Field: "task", Rule: "must be the tick's, with its ID and Queue"}
	}
	tick.Task, p.sent = tasks[0], time.Now()
	ticked, err := s.table.Tick(ctx, tick)
	if p.err = err; err == nil {
		p.taken, p.ticked = true, ticked
	}
	return err
}
