package jobsy

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nex-gen-tech/jobsy/internal/engine"
	"github.com/nex-gen-tech/jobsy/task"
)

// Enqueue hands tasks to a broker, as Client.Enqueue does.
type Enqueue = func(ctx context.Context, tasks ...*task.Task) error

// EnqueueMiddleware wraps what enqueues: that of a Client, by ClientOptions.Use,
// and each tick of a schedule, by scheduler.Options.Use. It is called once, when
// the client is made; what it returns is called for each call of Enqueue, on the
// caller's goroutine, concurrently, with the tasks as the caller gave them: not
// yet checked, without their defaults, none nil. It may change them, write
// Headers above all; refuse them, by an error of its own; or hand next others,
// whose errors are then next's. An error beside ErrUnavailable should mean that
// nothing was enqueued.
//
// A panic is the error of the call in which it happens. After next has returned
// nil the tasks are enqueued all the same.
type EnqueueMiddleware = func(next Enqueue) Enqueue

// wrapped returns enqueue in its middleware. The error is that of the options.
func wrapped(enqueue Enqueue, use []EnqueueMiddleware) (all Enqueue, err error) {
	if len(use) == 0 {
		return enqueue, nil
	}
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("ClientOptions.Use: %w", engine.NewPanicError(value))
		}
	}()
	for i := len(use) - 1; i >= 0; i-- {
		field := "ClientOptions.Use[" + strconv.Itoa(i) + "]"
		if use[i] == nil {
			return nil, &task.FieldError{Field: field, Rule: "must not be nil"}
		}
		if enqueue = use[i](enqueue); enqueue == nil {
			return nil, &task.FieldError{Field: field, Rule: "must not return nil"}
		}
	}
	return caught(enqueue), nil
}

// caught makes a panic an error of the call.
func caught(enqueue Enqueue) Enqueue {
	return func(ctx context.Context, tasks ...*task.Task) (err error) {
		defer func() {
			if value := recover(); value != nil {
				err = engine.NewPanicError(value)
			}
		}()
		return enqueue(ctx, tasks...)
	}
}

// Recover turns a panic of the handler into an error for the middleware around
// it; %+v shows its stack. A server does the same outside of all middleware, so
// no panic ends it without Recover either.
func Recover() Middleware {
	return func(next Handler) Handler {
		return func(ctx context.Context, t *task.Task) (err error) {
			defer func() {
				if value := recover(); value != nil {
					err = engine.NewPanicError(value)
				}
			}()
			return next(ctx, t)
		}
	}
}

// Log logs each attempt when it has ended: at level info, or warn with its
// error. A nil logger is silent.
func Log(log *slog.Logger) Middleware {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return func(next Handler) Handler {
		return func(ctx context.Context, t *task.Task) error {
			began := time.Now()
			err := next(ctx, t)
			level, outcome := slog.LevelInfo, "task done"
			attrs := []slog.Attr{
				slog.String("name", t.Name), slog.Any("task", t.ID), slog.String("queue", t.Queue),
				slog.Int("attempt", t.Attempt), slog.Duration("took", time.Since(began)),
			}
			if err != nil {
				level, outcome = slog.LevelWarn, "task not done"
				attrs = append(attrs, slog.Any("error", err))
			}
			log.LogAttrs(ctx, level, outcome, attrs...)
			return err
		}
	}
}

// Timeout bounds every attempt by d, beside what the task's own Timeout says. A d
// of zero or less bounds nothing.
func Timeout(d time.Duration) Middleware {
	if d <= 0 {
		return func(next Handler) Handler { return next }
	}
	return func(next Handler) Handler {
		return func(ctx context.Context, t *task.Task) error {
			ctx, cancel := context.WithTimeoutCause(ctx, d, task.ErrTimeout)
			defer cancel()
			return next(ctx, t)
		}
	}
}
