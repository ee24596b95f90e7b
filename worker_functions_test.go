package jobsy_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// started starts a worker inside a bubble, and ends it with the test.
func started(t *testing.T, opts *jobsy.WorkerOptions) (w *jobsy.Worker, stop func()) {
	t.Helper()
	w = jobsy.NewWorker(opts)
	ctx, cancel := context.WithCancel(t.Context())
	go w.Start(ctx)
	synctest.Wait()
	return w, func() {
		cancel()
		if err := w.WaitForShutdown(time.Hour); err != nil {
			t.Error(err)
		}
	}
}

// onEachWorker runs a test on a worker of each kind, which is made inside the bubble.
func onEachWorker(t *testing.T, test func(*testing.T, *jobsy.Worker)) {
	t.Helper()
	for name, opts := range map[string]func() *jobsy.WorkerOptions{
		"memory":  func() *jobsy.WorkerOptions { return &jobsy.WorkerOptions{Concurrency: 1} },
		"storage": func() *jobsy.WorkerOptions { return &jobsy.WorkerOptions{Concurrency: 1, Storage: NewCustomStorage()} },
		"broker":  func() *jobsy.WorkerOptions { return &jobsy.WorkerOptions{Concurrency: 1, Broker: memory.New(nil)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, stop := started(t, opts())
				test(t, w)
				stop()
			})
		})
	}
}

func runNow(t *testing.T, w *jobsy.Worker, name string, fn func() error, opts ...jobsy.TaskOptions) *task.Task {
	t.Helper()
	tk, err := w.RunNow(name, fn, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return tk
}

func TestWorkerRetryRunsTheTasksOwnFunction(t *testing.T) {
	withWorker(t, &jobsy.WorkerOptions{Concurrency: 1, MaxRetry: -1}, func(t *testing.T, w *jobsy.Worker) {
		var ran []string
		note := func(who string, err error) func() error {
			return func() error { ran = append(ran, who); return err }
		}
		failed := runNow(t, w, "mail", note("failed", errors.New("no")))
		done := runNow(t, w, "mail", note("done", nil))
		runNow(t, w, "mail", note("other", nil))
		synctest.Wait()
		ran = nil
		if err := w.Client().Retry(t.Context(), failed, done); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if slices.Sort(ran); fmt.Sprint(ran) != "[done failed]" {
			t.Errorf("a retry ran %v, want the tasks' own functions", ran)
		}
	})
}

func TestWorkerStorageRunsNoOtherTasksFunction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := NewCustomStorage()
		former := jobsy.NewWorker(&jobsy.WorkerOptions{Storage: store})
		left := runNow(t, former, "mail", func() error { t.Error("a former process ran"); return nil })

		w, stop := started(t, &jobsy.WorkerOptions{Concurrency: 1, Storage: store})
		var ran []string
		for _, to := range []string{"ada", "bob"} {
			runNow(t, w, "mail", func() error { ran = append(ran, to); return nil })
		}
		pass(time.Hour)
		if slices.Sort(ran); fmt.Sprint(ran) != "[ada bob]" {
			t.Errorf("ran %v, want each of this process's tasks once and no other", ran)
		}
		wantStatus(t, w, left.ID, task.StatusScheduled)
		ran = nil
		if err := w.Register("mail", func() error { ran = append(ran, "registered"); return nil }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if fmt.Sprint(ran) != "[registered]" {
			t.Errorf("once the name was registered, %v ran", ran)
		}
		wantStatus(t, w, left.ID, task.StatusCompleted)
		stop()
	})
}

func TestWorkerRegisteredNameMeansItsFunction(t *testing.T) {
	onEachWorker(t, func(t *testing.T, w *jobsy.Worker) {
		var ran []string
		note := func(who string) func() error { return func() error { ran = append(ran, who); return nil } }
		if err := w.Register("report", note("registered")); err != nil {
			t.Fatal(err)
		}
		if err := w.Register("report", note("again")); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("registered twice: %v", err)
		}
		runNow(t, w, "report", note("another"))
		runNow(t, w, "report", nil)
		if _, err := w.RunEvery("report", nil, time.Minute); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if fmt.Sprint(ran) != "[registered registered registered]" {
			t.Errorf("ran %v", ran)
		}
	})
}

func TestWorkerOnASharedBrokerRefusesFunctionsThatCannotTravel(t *testing.T) {
	t.Parallel()
	w := jobsy.NewWorker(&jobsy.WorkerOptions{Broker: memory.New(nil)})
	_, err := w.RunNow("mail", noop)
	if !errors.Is(err, task.ErrInvalid) || !strings.Contains(err.Error(), "must be registered") {
		t.Errorf("error %v, want one that says what to do", err)
	}
}

func TestWorkerHandleFuncHasAContextAndAPayload(t *testing.T) {
	type letter struct{ To string }
	mail := task.Kind[letter]{Name: "mail"}
	var failures []error
	opts := &jobsy.WorkerOptions{
		Timeout: time.Second, MaxRetry: -1,
		OnFailed: func(_ context.Context, tk *task.Task, err error) {
			failures = append(failures, fmt.Errorf("%s: %w", tk.Name, err))
		},
	}
	withWorker(t, opts, func(t *testing.T, w *jobsy.Worker) {
		var to string
		err := w.HandleFunc("mail", func(_ context.Context, tk *task.Task) error {
			args, err := mail.Args(tk)
			to = args.To
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		err = w.HandleFunc("endless", func(ctx context.Context, _ *task.Task) error {
			<-ctx.Done()
			return context.Cause(ctx)
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Client().Enqueue(t.Context(), mail.New(letter{"Ada"})); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if to != "Ada" {
			t.Errorf("mail to %q", to)
		}
		runNow(t, w, "endless", nil)
		pass(time.Second)
		if len(failures) != 1 || !errors.Is(failures[0], task.ErrTimeout) || !strings.HasPrefix(failures[0].Error(), "endless:") {
			t.Errorf("OnFailed was told %v", failures)
		}
	})
}

func TestWorkerUseIsAroundEveryFunction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := jobsy.NewWorker(nil)
		made, seen := 0, map[string]int{}
		w.Use(func(next jobsy.Handler) jobsy.Handler {
			made++
			return func(ctx context.Context, tk *task.Task) error {
				seen[tk.Name]++
				return next(ctx, tk)
			}
		})
		if err := w.Register("registered", noop); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go w.Start(ctx)
		for _, name := range []string{"registered", "own", "own"} {
			runNow(t, w, name, noop)
			synctest.Wait()
		}
		if seen["registered"] != 1 || seen["own"] != 2 {
			t.Errorf("middleware saw %v", seen)
		}
		if made != 2 {
			t.Errorf("middleware was made %d times, want once a function that is registered, and once for all others", made)
		}
		cancel()
		w.WaitForShutdown(time.Second)
	})
}

func TestWorkerUseRefusesNil(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := jobsy.NewWorker(nil)
		w.Use(nil)
		if err := w.Start(t.Context()); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("Start: %v", err)
		}
	})
}

// runsHolding runs a task whose function holds what is returned.
func runsHolding(t *testing.T, w *jobsy.Worker, at time.Time) (*task.Task, weak.Pointer[[1024]byte]) {
	t.Helper()
	held := new([1024]byte)
	tk, err := w.RunAt("holds", func() error { held[0]++; return nil }, at)
	if err != nil {
		t.Fatal(err)
	}
	return tk, weak.Make(held)
}

func TestWorkerKeepsAFunctionForAsLongAsItsTask(t *testing.T) {
	withWorker(t, &jobsy.WorkerOptions{Retention: time.Minute}, func(t *testing.T, w *jobsy.Worker) {
		done, ofDone := runsHolding(t, w, time.Time{})
		waits, ofWaits := runsHolding(t, w, time.Now().Add(time.Hour))
		pass(30 * time.Second)
		runtime.GC()
		if ofDone.Value() == nil || ofWaits.Value() == nil {
			t.Error("the function of a task that is readable is gone")
		}
		if err := w.Client().Delete(t.Context(), waits); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if _, err := w.GetTaskStatus(done.ID); !errors.Is(err, task.ErrNotFound) {
			t.Fatal(err)
		}
		runtime.GC()
		if ofDone.Value() != nil {
			t.Error("the function of a task whose retention has passed is kept")
		}
		if ofWaits.Value() != nil {
			t.Error("the function of a deleted task is kept")
		}
	})
}

func TestWorkerLetsGoOfWhatWasNotEnqueued(t *testing.T) {
	withWorker(t, nil, func(t *testing.T, w *jobsy.Worker) {
		held := new([1024]byte)
		of := weak.Make(held)
		if _, err := w.RunNow("holds", func() error { held[0]++; return nil }, jobsy.TaskOptions{Priority: 999}); err == nil {
			t.Fatal("taken")
		}
		held = nil
		runtime.GC()
		if of.Value() != nil {
			t.Error("the function of a refused task is kept")
		}
	})
}

func TestWorkerStatusOfUnknownTask(t *testing.T) {
	t.Parallel()
	if _, err := jobsy.NewWorker(nil).GetTaskStatus(uuid.New()); !errors.Is(err, task.ErrNotFound) {
		t.Error(err)
	}
}
