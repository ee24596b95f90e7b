package jobsy

import (
	"context"
	"errors"
	"time"

	"github.com/nex-gen-tech/jobsy/internal/engine"
	"github.com/nex-gen-tech/jobsy/task"
)

// Handler runs a task. Its context ends when the attempt's timeout passes, the
// lease is lost, the task is cancelled, or the server has to stop; context.Cause
// tells which. A nil return completes the task; an error makes it retry, or fail
// once its retries are used up. The task is the handler's own copy.
type Handler func(ctx context.Context, t *task.Task) error

// Middleware wraps every handler of a server.
type Middleware func(next Handler) Handler

// Snooze returns an error that makes the task run again after d, at the cost of
// no retry. A negative d is zero. Task.Snoozes counts how often.
func Snooze(d time.Duration) error { return &engine.Snooze{Delay: max(d, 0)} }

// Snoozed tells middleware whether an error is one of Snooze, which is no
// failure, and for how long.
func Snoozed(err error) (d time.Duration, ok bool) {
	var snooze *engine.Snooze
	if !errors.As(err, &snooze) {
		return 0, false
	}
	return snooze.Delay, true
}

// SkipRetry returns an error that ends the task as failed now, whatever retries
// are left, with err as its last error.
func SkipRetry(err error) error {
	if err == nil {
		err = errors.New("handler gave up without an error")
	}
	return &engine.Skip{Err: err}
}

// RetryAfter returns an error that fails the attempt like err, but has the next
// one wait for d instead of what the backoff says: what a server's Retry-After
// asks for. A negative d is zero.
func RetryAfter(d time.Duration, err error) error {
	if err == nil {
		err = errors.New("handler asked for another attempt")
	}
	return &engine.After{Delay: max(d, 0), Err: err}
}
