package engine

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// handlerContext is a handler's context. It knows the handler's task, and takes
// what the handler reports of it.
//
// Most handlers never look at theirs, and a context with a deadline costs a timer
// and several allocations. So the real one is made when it is first asked for.
type handlerContext struct {
	parent   context.Context
	task     *task.Task // the handler's own copy
	limit    time.Time  // when the attempt's time is over; zero: never
	why      error      // the cause then
	reported func()     // is told that there is progress to send

	mu        sync.Mutex
	cause     error     // why it was cancelled, if it was
	cancelled time.Time // when
	over      bool      // the handler has returned
	real      context.Context
	cancel    context.CancelCauseFunc
	stop      context.CancelFunc // frees the timer
	said      *reports           // nil: nothing yet
	running   bool               // the handler has begun, and not returned
}

// Deadline implements context.Context.
func (c *handlerContext) Deadline() (time.Time, bool) { return c.limit, !c.limit.IsZero() }

// Done implements context.Context.
func (c *handlerContext) Done() <-chan struct{} { return c.get().Done() }

// Err implements context.Context.
func (c *handlerContext) Err() error { return c.get().Err() }

type (
	taskKey    struct{}
	contextKey struct{}
)

// Value returns the task for its key.
func (c *handlerContext) Value(key any) any {
	switch key {
	case taskKey{}:
		return c.task
	case contextKey{}:
		return c
	}
	return c.get().Value(key)
}

func (c *handlerContext) get() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.real == nil {
		c.make()
	}
	return c.real
}

// make makes the real context, as it would be by now.
func (c *handlerContext) make() {
	c.real, c.cancel = context.WithCancelCause(c.parent)
	if c.cause != nil || c.over {
		c.cancel(c.cause)
	}
	if !c.limit.IsZero() {
		c.real, c.stop = context.WithDeadlineCause(c.real, c.limit, c.why)
	}
	if c.over {
		c.free()
	}
}

// free frees the timer.
func (c *handlerContext) free() {
	if c.stop != nil {
		c.stop()
	}
}

// end cancels the context while its handler runs, and reports whether it was the
// first to do so.
func (c *handlerContext) end(cause error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.cause != nil {
		return false
	}
	c.cause, c.cancelled = cause, time.Now()
	if c.cancel != nil {
		c.cancel(cause)
	}
	return true
}

// close ends the context for good: its handler has returned.
func (c *handlerContext) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over, c.running = true, false
	if c.cancel != nil {
		c.cancel(nil)
	}
	c.free()
}

// endedBy returns the cause with which end has cancelled the context, if it has.
func (c *handlerContext) endedBy() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// interruption returns why the context has ended, or nil if it has not.
func (c *handlerContext) interruption() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.cause != nil:
		return c.cause
	case c.real != nil && c.real.Err() != nil:
		return context.Cause(c.real)
	case c.parent.Err() != nil:
		return context.Cause(c.parent)
	case !c.limit.IsZero() && !time.Now().Before(c.limit):
		return c.why
	}
	return nil
}

// returned reports whether the handler has returned.
func (c *handlerContext) returned() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

// reports returns what the handler has said, nil if it has said nothing.
func (c *handlerContext) reports() *reports {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said
}

// reporting returns where the handler's reports go.
func (c *handlerContext) reporting() *reports {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said == nil {
		c.said = &reports{}
	}
	return c.said
}

// begin notes that the handler runs from now on, when its time is over, and why it
// will be.
func (c *handlerContext) begin(limit time.Time, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running, c.limit, c.why = true, limit, why
}

// call calls the handler with its own copy of the task. Its frame, with the context
// as its argument, is what an overdue handler's stack is found by: see stackOf.
//
//go:noinline
func (c *handlerContext) call(handler Handler) error {
	err := handler(c, c.task)
	runtime.KeepAlive(c)
	return err
}

// overrun is a handler that goes on although its context has ended.
type overrun struct {
	since time.Time // when it ended
	cause error
}

// overruns returns since when the handler should have returned, if it runs and
// should have.
func (c *handlerContext) overruns(now time.Time) (o overrun, is bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		o.since, o.cause = c.cancelled, c.cause
	}
	if !c.limit.IsZero() && now.After(c.limit) && (o.cause == nil || c.limit.Before(o.since)) {
		o.since, o.cause = c.limit, c.why
	}
	return o, o.cause != nil && c.running
}

// TaskOf returns the task that a handler is running, its own copy, or nil outside
// of a handler.
func TaskOf(ctx context.Context) *task.Task {
	t, _ := ctx.Value(taskKey{}).(*task.Task)
	return t
}

// SetResult leaves a result, which must not change any more, for the task that
// runs in ctx. It reports whether there is one.
func SetResult(ctx context.Context, result []byte) bool {
	c, ok := ctx.Value(contextKey{}).(*handlerContext)
	if ok {
		c.reporting().setResult(result)
	}
	return ok
}

// SetProgress has a progress sent for the task that runs in ctx, the latest at
// most once a second. It never blocks. It reports whether there is a task.
func SetProgress(ctx context.Context, p task.Progress) bool {
	c, ok := ctx.Value(contextKey{}).(*handlerContext)
	if ok {
		c.reporting().setProgress(p)
		c.reported()
	}
	return ok
}
