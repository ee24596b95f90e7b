package jobsy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// Handler runs a task. Its context ends when the attempt's timeout passes, the
// lease is lost, the task is cancelled, or the server has to stop; context.Cause
// tells which. A nil return completes the task; an error makes it retry, or fail
// once its retries are used up. The task is the handler's own copy.
type Handler func(ctx context.Context, t *task.Task) error

// Middleware wraps every handler of a server.
type Middleware func(next Handler) Handler

// Handle registers a handler that gets its arguments decoded. Arguments that
// cannot be decoded fail the attempt: after a rolling deployment, the next
// worker may understand them.
//
// The kind's Backoff, if it has one, goes before that of the server.
func Handle[Args any](s *Server, k task.Kind[Args], fn func(ctx context.Context, args Args) error) {
	s.setBackoff(k.Name, k.Backoff)
	if fn == nil {
		s.HandleFunc(k.Name, nil)
		return
	}
	s.HandleFunc(k.Name, func(ctx context.Context, t *task.Task) error {
		args, err := k.Args(t)
		if err != nil {
			return err
		}
		return fn(ctx, args)
	})
}

// HandleGroup registers a handler for tasks of a kind with a Gather: it gets the
// arguments of all that were gathered, in the order in which they were enqueued.
// They are retried and end together. A task that is not gathered is a group of
// one.
func HandleGroup[Args any](s *Server, k task.Kind[Args], fn func(ctx context.Context, args []Args) error) {
	s.setBackoff(k.Name, k.Backoff)
	if fn == nil {
		s.HandleFunc(k.Name, nil)
		return
	}
	s.HandleFunc(k.Name, func(ctx context.Context, t *task.Task) error {
		all := make([]Args, 0, 1+len(t.Members))
		for _, one := range append([]*task.Task{t}, t.Members...) {
			args, err := k.Args(one)
			if err != nil {
				return err
			}
			all = append(all, args)
		}
		return fn(ctx, all)
	})
}

// snoozeError makes a task run again later.
type snoozeError struct{ delay time.Duration }

func (e *snoozeError) Error() string { return fmt.Sprintf("snoozed for %s", e.delay) }

// Snooze returns an error that makes the task run again after d, at the cost of
// no retry. A negative d is zero.
func Snooze(d time.Duration) error { return &snoozeError{max(d, 0)} }

// Snoozed tells middleware whether an error is one of Snooze, which is no
// failure, and for how long.
func Snoozed(err error) (d time.Duration, ok bool) {
	var snooze *snoozeError
	if !errors.As(err, &snooze) {
		return 0, false
	}
	return snooze.delay, true
}

// skipRetryError ends a task as failed.
type skipRetryError struct{ err error }

func (e *skipRetryError) Error() string { return e.err.Error() }
func (e *skipRetryError) Unwrap() error { return e.err }

// SkipRetry returns an error that ends the task as failed now, whatever retries
// are left, with err as its last error.
func SkipRetry(err error) error {
	if err == nil {
		err = errors.New("handler gave up without an error")
	}
	return &skipRetryError{err}
}

// retryAfterError is a failed attempt with a delay of its own.
type retryAfterError struct {
	delay time.Duration
	err   error
}

func (e *retryAfterError) Error() string { return e.err.Error() }
func (e *retryAfterError) Unwrap() error { return e.err }

// RetryAfter returns an error that fails the attempt like err, but has the next
// one wait for d instead of what the backoff says: what a server's Retry-After
// asks for. A negative d is zero.
func RetryAfter(d time.Duration, err error) error {
	if err == nil {
		err = errors.New("handler asked for another attempt")
	}
	return &retryAfterError{max(d, 0), err}
}

// maxStack bounds the stack that is kept of a panic.
const maxStack = 8 << 10

// panicError is a panic turned into a failed attempt.
type panicError struct {
	value any
	stack []byte
}

func newPanicError(value any) *panicError {
	stack := debug.Stack()
	return &panicError{value, stack[:min(len(stack), maxStack)]}
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// Format adds the stack for %+v.
func (e *panicError) Format(f fmt.State, verb rune) {
	_, _ = io.WriteString(f, e.Error())
	if verb == 'v' && f.Flag('+') {
		_, _ = fmt.Fprintf(f, "\n\n%s", e.stack)
	}
}

var errGoexit = errors.New("handler called runtime.Goexit")
