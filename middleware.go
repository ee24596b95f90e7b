package jobsy

import (
	"context"
	"log/slog"
	"time"

	"github.com/nex-gen-tech/jobsy/internal/engine"
	"github.com/nex-gen-tech/jobsy/task"
)

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
