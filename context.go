package jobsy

import (
	"context"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// attemptContext is a handler's context, and knows its task.
//
// Most handlers never look at theirs, and a context with a deadline costs a timer
// and several allocations. So the real one is made when it is first asked for.
type attemptContext struct {
	parent context.Context
	task   *task.Task
	limit  time.Time // when the attempt's time is over; zero: never
	why    error     // the cause then

	mu     sync.Mutex
	cause  error // why it was cancelled, if it was
	real   context.Context
	cancel context.CancelCauseFunc
	stop   context.CancelFunc // frees the timer

	keeper  *keeper  // sends the reports
	reports *reports // nil: none yet
}

// Deadline implements context.Context.
func (c *attemptContext) Deadline() (time.Time, bool) { return c.limit, !c.limit.IsZero() }

// Done implements context.Context.
func (c *attemptContext) Done() <-chan struct{} { return c.get().Done() }

// Err implements context.Context.
func (c *attemptContext) Err() error { return c.get().Err() }

// Value returns the task for its key.
func (c *attemptContext) Value(key any) any {
	if key == (taskKey{}) {
		return c.task
	}
	if key == (attemptKey{}) {
		return c
	}
	return c.get().Value(key)
}

func (c *attemptContext) get() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.real != nil {
		return c.real
	}
	c.real, c.cancel = context.WithCancelCause(c.parent)
	if c.cause != nil {
		c.cancel(c.cause)
	}
	if !c.limit.IsZero() {
		c.real, c.stop = context.WithDeadlineCause(c.real, c.limit, c.why)
	}
	return c.real
}

// end cancels the context, and reports whether it was the first to do so. A nil
// cause frees it after the handler has returned.
func (c *attemptContext) end(cause error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel(cause)
	}
	if c.stop != nil && cause == nil {
		c.stop()
	}
	first := c.cause == nil
	if first {
		c.cause = cause
	}
	return first
}

// endedBy returns the cause with which end has cancelled the context, if it has.
func (c *attemptContext) endedBy() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

type (
	taskKey    struct{}
	attemptKey struct{}
)

// FromContext returns the task that a handler is running: its own copy, the
// same that a Handler gets as an argument. It is nil outside of a handler.
func FromContext(ctx context.Context) *task.Task {
	t, _ := ctx.Value(taskKey{}).(*task.Task)
	return t
}
