package jobsy_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

func TestRetryAfterGoesBeforeTheBackoff(t *testing.T) {
	inBubble(t, &jobsy.ServerOptions{Backoff: everySecond}, func(s *jobsy.Server) {
		s.HandleFunc("busy", func(_ context.Context, t *task.Task) error {
			if t.Attempt == 1 {
				return jobsy.RetryAfter(time.Hour, errors.New("429"))
			}
			return nil
		})
	}, func(r *rig) {
		work := r.enqueue(task.New("busy", nil))
		pass(59 * time.Minute)
		if found := r.want(work, task.StatusRetrying, 1); found.LastError != "429" {
			r.t.Errorf("last error %q", found.LastError)
		}
		pass(2 * time.Minute)
		r.want(work, task.StatusCompleted, 2)
	})
}

func TestRetryAfterCountsAsAnAttempt(t *testing.T) {
	inBubble(t, nil, func(s *jobsy.Server) {
		s.HandleFunc("busy", func(context.Context, *task.Task) error { return jobsy.RetryAfter(-1, nil) })
	}, func(r *rig) {
		work := task.New("busy", nil)
		work.MaxRetry = 2
		r.want(r.enqueue(work), task.StatusFailed, 3)
	})
}

func TestKindHasItsOwnBackoff(t *testing.T) {
	hourly := task.Kind[greeting]{Name: "hourly", Backoff: func(int) time.Duration { return time.Hour }}
	inBubble(t, &jobsy.ServerOptions{Backoff: everySecond}, func(s *jobsy.Server) {
		fail := func(context.Context, greeting) error { return errors.New("no") }
		jobsy.Handle(s, hourly, fail)
		jobsy.Handle(s, task.Kind[greeting]{Name: "plain"}, fail)
	}, func(r *rig) {
		slow, quick := r.enqueue(hourly.New(greeting{})), r.enqueue(task.New("plain", []byte("{}")))
		pass(90 * time.Minute)
		r.want(slow, task.StatusRetrying, 2)
		r.want(quick, task.StatusFailed, 26)
	})
}

func TestAnErrorThatIsNoFailureCostsNothing(t *testing.T) {
	errDeploying := errors.New("deploying")
	runs := 0
	inBubble(t, &jobsy.ServerOptions{
		Backoff:   everySecond,
		IsFailure: func(err error) bool { return !errors.Is(err, errDeploying) },
	}, func(s *jobsy.Server) {
		s.HandleFunc("call", func(context.Context, *task.Task) error {
			if runs++; runs <= 10 {
				return errDeploying
			}
			return nil
		})
	}, func(r *rig) {
		work := task.New("call", nil)
		work.MaxRetry = -1
		r.enqueue(work)
		if found := r.want(work, task.StatusScheduled, 0); found.LastError != "deploying" {
			r.t.Errorf("last error %q", found.LastError)
		}
		pass(time.Minute)
		r.want(work, task.StatusCompleted, 1)
	})
}

// An error that is no failure backs off all the same: each waits longer than the
// one before, and the task counts them.
func TestAnErrorThatIsNoFailureBacksOff(t *testing.T) {
	var at []time.Duration
	began := time.Time{}
	inBubble(t, &jobsy.ServerOptions{
		Backoff:   task.Exponential(time.Second, time.Hour, nil),
		IsFailure: func(error) bool { return false },
	}, func(s *jobsy.Server) {
		began = time.Now()
		s.HandleFunc("work", func(context.Context, *task.Task) error {
			at = append(at, time.Since(began))
			return errors.New("deploying")
		})
	}, func(r *rig) {
		work := r.enqueue(task.New("work", nil))
		pass(10 * time.Minute)
		want := []time.Duration{0, 1, 3, 7, 15, 31, 63, 127, 255, 511}
		if len(at) != len(want) {
			r.t.Fatalf("it ran at %v, want %d runs in ten minutes", at, len(want))
		}
		for i := range want {
			if at[i] != want[i]*time.Second {
				r.t.Errorf("run %d was after %s, want %s", i+1, at[i], want[i]*time.Second)
			}
		}
		if found := r.want(work, task.StatusScheduled, 0); found.Excused != 10 || found.Snoozes != 0 {
			r.t.Errorf("the task counts %d excuses and %d snoozes", found.Excused, found.Snoozes)
		}
	})
}

func TestSnoozesAreCounted(t *testing.T) {
	inBubble(t, nil, func(s *jobsy.Server) {
		s.HandleFunc("work", func(ctx context.Context, t *task.Task) error {
			if t.Snoozes < 3 {
				return jobsy.Snooze(time.Second)
			}
			return nil
		})
	}, func(r *rig) {
		work := r.enqueue(task.New("work", nil))
		pass(time.Minute)
		if found := r.want(work, task.StatusCompleted, 1); found.Snoozes != 3 {
			r.t.Errorf("the task counts %d snoozes, want 3", found.Snoozes)
		}
	})
}

func TestOnFailedIsToldOnce(t *testing.T) {
	var told chan string // made in the bubble
	inBubble(t, &jobsy.ServerOptions{
		Backoff: everySecond,
		OnFailed: func(_ context.Context, t *task.Task, err error) {
			told <- t.Name + " " + string(t.Status) + ": " + err.Error()
			panic("and this is survived")
		},
	}, func(s *jobsy.Server) {
		told = make(chan string, 10)
		s.HandleFunc("fail", func(context.Context, *task.Task) error { return errors.New("no") })
		s.HandleFunc("fine", func(context.Context, *task.Task) error { return nil })
	}, func(r *rig) {
		work := task.New("fail", nil)
		work.MaxRetry = 1
		r.enqueue(work)
		r.want(r.enqueue(task.New("fine", nil)), task.StatusCompleted, 1)
		if len(told) != 0 {
			r.t.Errorf("told %q before the task had failed for good", <-told)
		}
		pass(time.Minute)
		r.want(work, task.StatusFailed, 2)
		if n, first := len(told), <-told; n != 1 || first != "fail failed: no" {
			r.t.Errorf("told %d times, first %q", n, first)
		}
	})
}

func TestAPanickingIsFailureIsSurvived(t *testing.T) {
	inBubble(t, &jobsy.ServerOptions{IsFailure: func(error) bool { panic("no") }}, func(s *jobsy.Server) {
		s.HandleFunc("fail", func(context.Context, *task.Task) error { return errors.New("no") })
	}, func(r *rig) {
		r.want(r.enqueue(task.New("fail", nil)), task.StatusRetrying, 1)
	})
}
