package jobsy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

func TestRecoverShowsPanicsToOuterMiddleware(t *testing.T) {
	t.Parallel()
	handler := jobsy.Recover()(func(context.Context, *task.Task) error { panic("oh no") })
	err := handler(t.Context(), task.New("work", nil))
	if err == nil || err.Error() != "panic: oh no" {
		t.Errorf("error %v, want the panic", err)
	}
	if shown := fmt.Sprintf("%+v", err); !strings.Contains(shown, "panic: oh no") || !strings.Contains(shown, "middleware_test.go") {
		t.Errorf("%%+v shows %s, want the panic and its stack", shown)
	}
}

func TestLogTellsOfEachAttempt(t *testing.T) {
	t.Parallel()
	var book bytes.Buffer
	logged := jobsy.Log(slog.New(slog.NewTextHandler(&book, nil)))
	failure := errors.New("no disk")
	for _, result := range []error{nil, failure} {
		handler := logged(func(context.Context, *task.Task) error { return result })
		if err := handler(t.Context(), task.New("work", nil)); err != result {
			t.Errorf("the handler returned %v, the middleware %v", result, err)
		}
	}
	lines := strings.Split(strings.TrimSpace(book.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "level=INFO") || !strings.Contains(lines[1], "level=WARN") ||
		!strings.Contains(lines[0], "name=work") || !strings.Contains(lines[1], `error="no disk"`) {
		t.Errorf("log:\n%s", book.String())
	}
}

// What middleware cannot use it does without.
func TestMiddlewareOfNothing(t *testing.T) {
	inBubble(t, nil, func(s *jobsy.Server) {
		s.Use(jobsy.Log(nil), jobsy.Timeout(0), jobsy.Timeout(-1))
		s.HandleFunc("work", func(ctx context.Context, _ *task.Task) error { time.Sleep(time.Second); return ctx.Err() })
	}, func(r *rig) {
		work := r.enqueue(task.New("work", nil))
		pass(time.Minute)
		r.want(work, task.StatusCompleted, 1)
	})
}

func TestTimeoutBoundsEveryAttempt(t *testing.T) {
	inBubble(t, nil, func(s *jobsy.Server) {
		s.Use(jobsy.Timeout(time.Second))
		s.HandleFunc("slow", func(ctx context.Context, _ *task.Task) error { <-ctx.Done(); return context.Cause(ctx) })
	}, func(r *rig) {
		work := r.enqueue(task.New("slow", nil))
		pass(time.Second)
		if found := r.want(work, task.StatusRetrying, 1); found.LastError != task.ErrTimeout.Error() {
			r.t.Errorf("last error %q", found.LastError)
		}
	})
}
