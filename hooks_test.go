package jobsy_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

type typedError struct{ text string }

func (e *typedError) Error() string { return e.text }

// failsForGood registers a handler that fails at once and for good.
func failsForGood(s *jobsy.Server) {
	s.HandleFunc("fail", func(context.Context, *task.Task) error { return jobsy.SkipRetry(&typedError{"no"}) })
	s.HandleFunc("fine", func(context.Context, *task.Task) error { return nil })
}

// A callback that blocks or ends its goroutine holds up no task, and no other
// callback but those that find no goroutine.
func TestOnFailedHoldsUpNobody(t *testing.T) {
	var told atomic.Int32
	block := make(chan struct{})
	inBubble(t, &jobsy.ServerOptions{OnFailed: func(_ context.Context, t *task.Task, err error) {
		told.Add(1)
		switch string(t.Payload) {
		case "block":
			<-block
		case "goexit":
			runtime.Goexit()
		case "panic":
			panic("no")
		}
	}}, func(s *jobsy.Server) {
		failsForGood(s)
		block = make(chan struct{})
	}, func(r *rig) {
		for _, payload := range []string{"block", "goexit", "panic", "goexit", "", ""} {
			work := task.New("fail", []byte(payload))
			r.want(r.enqueue(work), task.StatusFailed, 1)
		}
		if told.Load() != 6 {
			r.t.Errorf("P14: OnFailed was called %d times, want 6", told.Load())
		}
		r.want(r.enqueue(task.New("fine", nil)), task.StatusCompleted, 1)
		close(block)
	})
}

// Run ends, with an error, though a callback never does; its context ended first.
func TestOnFailedIsLeftBehind(t *testing.T) {
	cancelled := make(chan error, 1)
	inBubble(t, &jobsy.ServerOptions{ShutdownTimeout: 10 * time.Second, OnFailed: func(ctx context.Context, _ *task.Task, _ error) {
		<-ctx.Done()
		cancelled <- context.Cause(ctx)
		time.Sleep(time.Hour)
	}}, func(s *jobsy.Server) {
		cancelled = make(chan error, 1)
		failsForGood(s)
	}, func(r *rig) {
		r.enqueue(task.New("fail", nil))
		began := time.Now()
		err := r.stop()
		if took := time.Since(began); err == nil || !strings.Contains(err.Error(), "calls of OnFailed that ignored their cancelled context were left behind: 1") || took < 10*time.Second || took > 12*time.Second {
			r.t.Errorf("P14: Run ended after %s with %v, want ShutdownTimeout and a second, and an error", took, err)
		}
		if cause := <-cancelled; cause != task.ErrShutdown {
			r.t.Errorf("the callback's context ended with %v", cause)
		}
		pass(2 * time.Hour)
	})
}

// Callbacks that do not keep up are dropped, which is told of; settling goes on.
func TestOnFailedIsBounded(t *testing.T) {
	var told atomic.Int32
	block := make(chan struct{})
	book := &logBook{}
	inBubble(t, &jobsy.ServerOptions{Logger: book.logger(), OnFailed: func(context.Context, *task.Task, error) {
		<-block
		told.Add(1)
	}}, func(s *jobsy.Server) {
		failsForGood(s)
		block = make(chan struct{})
	}, func(r *rig) {
		r.enqueueMany("fail", 1500)
		if counts, _ := r.broker.Counts(r.t.Context(), task.DefaultQueue); counts[task.StatusFailed] != 1500 {
			r.t.Fatalf("P14: counts %v, want all failed", counts)
		}
		close(block)
		synctest.Wait()
		if told.Load() != 1010 || !strings.Contains(book.String(), "dropped=490") {
			r.t.Errorf("%d calls, log:\n%.3000s", told.Load(), book)
		}
	})
}

// A callback gets the handler's own error, and the values of Run's context.
func TestOnFailedGetsTheError(t *testing.T) {
	t.Parallel()
	type key struct{}
	ctx, stop := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	var typed *typedError
	server := jobsy.NewServer(nil, &jobsy.ServerOptions{OnFailed: func(ctx context.Context, _ *task.Task, err error) {
		if !errors.As(err, &typed) || typed.text != "no" || ctx.Value(key{}) != "value" || ctx.Err() != nil {
			t.Errorf("OnFailed got %v, and of its context %v, %v", err, ctx.Value(key{}), ctx.Err())
		}
		stop()
	}})
	failsForGood(server)
	if err := server.Client().Enqueue(ctx, task.New("fail", nil)); err != nil {
		t.Fatal(err)
	}
	if err := server.Run(ctx); err != nil || typed == nil {
		t.Errorf("Run: %v, told %v", err, typed)
	}
}

// An error that is a nil pointer ends neither the process nor the server.
func TestATypedNilIsAFailure(t *testing.T) {
	inBubble(t, nil, func(s *jobsy.Server) {
		s.HandleFunc("nil", func(context.Context, *task.Task) error {
			var absent *typedError
			return absent
		})
		s.HandleFunc("fine", func(context.Context, *task.Task) error { return nil })
	}, func(r *rig) {
		work := task.New("nil", nil)
		work.MaxRetry = -1
		if found := r.want(r.enqueue(work), task.StatusFailed, 1); !strings.Contains(found.LastError, "*jobsy_test.typedError") {
			r.t.Errorf("last error %q", found.LastError)
		}
		r.want(r.enqueue(task.New("fine", nil)), task.StatusCompleted, 1)
	})
}
