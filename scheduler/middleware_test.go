package scheduler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

// through returns options with middleware that does something in place of next.
func through(do func(ctx context.Context, next enqueue, t *task.Task) error) *Options {
	return &Options{Use: []func(enqueue) enqueue{func(next enqueue) enqueue {
		return func(ctx context.Context, tasks ...*task.Task) error { return do(ctx, next, tasks[0]) }
	}}}
}

func TestEachTickPassesTheMiddleware(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		calls, enqueued := 0, 0
		s := New(b, through(func(ctx context.Context, next enqueue, one *task.Task) error {
			calls++
			one.Headers["trace"] = "x"
			err := next(ctx, one)
			if one.Status != "" {
				enqueued++
			}
			return err
		}))
		mustAdd(t, s.Every("beat", time.Second, ping()))
		other := New(b, nil) // of another process, which comes first
		mustAdd(t, other.Every("beat", time.Second, ping()))
		defer run(t, s)()
		time.Sleep(2500 * time.Millisecond)
		b.set(func() { b.remembers("beat", start, start.Add(4*time.Second)) })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		checkTicks(t, b.taken("beat"), seconds(1, 2))
		if calls != 4 || enqueued != 2 || b.ticks[1].Task.Headers["trace"] != "x" {
			t.Errorf("%d calls, %d enqueued, headers %v; want 4, 2 and a trace", calls, enqueued, b.ticks[1].Task.Headers)
		}
	})
}

// A tick that the middleware keeps passes without its task, and the next one is
// not held up.
func TestMiddlewareThatKeepsATick(t *testing.T) {
	t.Parallel()
	refusal := errors.New("not today")
	for want, do := range map[string]func(context.Context, enqueue, *task.Task) error{
		"not today":                         func(context.Context, enqueue, *task.Task) error { return refusal },
		"middleware panicked: oh no":        func(context.Context, enqueue, *task.Task) error { panic("oh no") },
		"middleware has not enqueued":       func(context.Context, enqueue, *task.Task) error { return nil },
		"middleware has called next":        func(_ context.Context, next enqueue, one *task.Task) error { return next(t.Context(), one) },
		"task must be the tick's":           func(ctx context.Context, next enqueue, _ *task.Task) error { return next(ctx, ping()) },
		"task must be the tick's, with its": func(ctx context.Context, next enqueue, one *task.Task) error { return next(ctx, one, one) },
		"tick's, with its ID and Queue": func(ctx context.Context, next enqueue, one *task.Task) error {
			one.Queue = "other"
			return next(ctx, one)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newTimetable()
			first := true
			var book bytes.Buffer
			opts := through(func(ctx context.Context, next enqueue, one *task.Task) error {
				if first {
					first = false
					return do(ctx, next, one)
				}
				return next(ctx, one)
			})
			opts.Logger = slog.New(slog.NewTextHandler(&book, nil))
			s := New(b, opts)
			mustAdd(t, s.Every("beat", time.Second, ping()))
			stop := run(t, s)
			time.Sleep(2500 * time.Millisecond)
			stop()
			checkTicks(t, b.taken("beat"), seconds(2))
			if !strings.Contains(book.String(), "tick refused") || !strings.Contains(book.String(), want) {
				t.Errorf("log %s, want a tick refused for %q", book.String(), want)
			}
		})
	}
}

// What goes wrong for now is tried again, and takes the tick once.
func TestMiddlewareThatFailsForNow(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(context.Context, enqueue, *task.Task) error{
		"outage": func(context.Context, enqueue, *task.Task) error { return fmt.Errorf("ask: %w", task.ErrUnavailable) },
		"Goexit": func(context.Context, enqueue, *task.Task) error { runtime.Goexit(); return nil },
		"Goexit later": func(ctx context.Context, next enqueue, one *task.Task) error {
			_ = next(ctx, one)
			runtime.Goexit()
			return nil
		},
		"error later": func(ctx context.Context, next enqueue, one *task.Task) error {
			return errors.Join(next(ctx, one), errLost)
		},
		"panic later": func(ctx context.Context, next enqueue, one *task.Task) error { _ = next(ctx, one); panic("oh no") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newTimetable()
				first := true
				s := New(b, through(func(ctx context.Context, next enqueue, one *task.Task) error {
					if first {
						first = false
						return do(ctx, next, one)
					}
					return next(ctx, one)
				}))
				mustAdd(t, s.Every("beat", time.Second, ping()))
				defer run(t, s)()
				time.Sleep(2500 * time.Millisecond)
				synctest.Wait()
				checkTicks(t, b.taken("beat"), seconds(1, 2))
			})
		})
	}
}

// What the broker could not take is tried again, though the middleware keeps the
// error to itself.
func TestMiddlewareThatKeepsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTimetable()
		s := New(b, through(func(ctx context.Context, next enqueue, one *task.Task) error {
			_ = next(ctx, one)
			return nil
		}))
		mustAdd(t, s.Every("beat", time.Second, ping()))
		defer run(t, s)()
		b.set(func() { b.err = task.ErrUnavailable })
		time.Sleep(1500 * time.Millisecond)
		b.set(func() { b.err = nil })
		time.Sleep(400 * time.Millisecond)
		synctest.Wait()
		checkTicks(t, b.taken("beat"), seconds(1))
	})
}

func TestMiddlewareIsChecked(t *testing.T) {
	t.Parallel()
	for want, bad := range map[string]func(enqueue) enqueue{
		"Options.Use[0] must not be nil":     nil,
		"Options.Use[0] must not return nil": func(enqueue) enqueue { return nil },
		"middleware panicked: oh no":         func(enqueue) enqueue { panic("oh no") },
	} {
		s := New(newTimetable(), &Options{Use: []func(enqueue) enqueue{bad}})
		for _, err := range []error{s.Every("beat", time.Second, ping()), s.Run(t.Context())} {
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("P10: got %v, want %s", err, want)
			}
		}
	}
}

// The task's ID names the tick, whatever middleware sees of it.
func TestMiddlewareSeesTheTicksTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen *task.Task
		s := New(newTimetable(), through(func(ctx context.Context, next enqueue, one *task.Task) error {
			seen = one.Clone()
			return next(ctx, one)
		}))
		mustAdd(t, s.Every("beat", 1500*time.Millisecond, ping()))
		defer run(t, s)()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if seen == nil || seen.ID != uuid.MustParse("da7fce6b-7eb7-5523-8ccf-aab5b2a0076f") || seen.Headers[HeaderSchedule] != "beat" {
			t.Errorf("middleware saw %+v", seen)
		}
	})
}
