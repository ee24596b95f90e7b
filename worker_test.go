package jobsy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

func noop() error { return nil }

// withWorker runs a test in a bubble, with a worker that is already started.
func withWorker(t *testing.T, opts *jobsy.WorkerOptions, test func(*testing.T, *jobsy.Worker)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := jobsy.NewWorker(opts)
		ctx, cancel := context.WithCancel(t.Context())
		go w.Start(ctx)
		synctest.Wait()
		test(t, w)
		cancel()
		if err := w.WaitForShutdown(time.Hour); err != nil {
			t.Error(err)
		}
	})
}

func wantStatus(t *testing.T, w *jobsy.Worker, id uuid.UUID, want task.Status) {
	t.Helper()
	if got, err := w.GetTaskStatus(id); err != nil || got != want {
		t.Errorf("status %q, %v, want %s", got, err, want)
	}
}

func TestWorkerRunsEachTasksOwnFunction(t *testing.T) {
	sum := make(chan int, 100)
	withWorker(t, nil, func(t *testing.T, w *jobsy.Worker) {
		for i := range 100 {
			if _, err := w.RunNow("same name", func() error { sum <- i; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		close(sum)
		total := 0
		for i := range sum {
			total += i
		}
		if total != 4950 {
			t.Errorf("functions ran add up to %d, want 4950", total)
		}
	})
}

func TestWorkerRunNowBeforeStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := jobsy.NewWorker(nil)
		early, err := w.RunNow("early", noop)
		if err != nil {
			t.Fatal(err)
		}
		wantStatus(t, w, early.ID, task.StatusPending)
		ctx, cancel := context.WithCancel(t.Context())
		go w.Start(ctx)
		synctest.Wait()
		wantStatus(t, w, early.ID, task.StatusCompleted)
		if err := w.Start(ctx); !errors.Is(err, task.ErrStarted) {
			t.Errorf("second Start: %v", err)
		}
		cancel()
		if err := w.WaitForShutdown(time.Second); err != nil {
			t.Error(err)
		}
	})
}

func TestWorkerKeepsEndedTasksReadable(t *testing.T) {
	withWorker(t, nil, func(t *testing.T, w *jobsy.Worker) {
		done, err := w.RunNow("done", noop)
		if err != nil {
			t.Fatal(err)
		}
		pass(jobsy.DefaultRetention - time.Second)
		wantStatus(t, w, done.ID, task.StatusCompleted)
		pass(2 * time.Second)
		if _, err := w.GetTaskStatus(done.ID); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("after the retention: %v, want ErrNotFound", err)
		}
	})
}

func TestWorkerTimeoutFailsAFunction(t *testing.T) {
	withWorker(t, &jobsy.WorkerOptions{Timeout: time.Second, MaxRetry: -1}, func(t *testing.T, w *jobsy.Worker) {
		slow, err := w.RunNow("slow", func() error { time.Sleep(time.Minute); return nil })
		if err != nil {
			t.Fatal(err)
		}
		patient, err := w.RunNow("patient", func() error { time.Sleep(time.Minute); return nil }, jobsy.TaskOptions{TimeOut: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		wantStatus(t, w, slow.ID, task.StatusFailed)
		wantStatus(t, w, patient.ID, task.StatusCompleted)
	})
}

func TestWorkerRunEvery(t *testing.T) {
	var at []time.Duration
	withWorker(t, nil, func(t *testing.T, w *jobsy.Worker) {
		begin := time.Now()
		every, err := w.RunEvery("tick", func() error { at = append(at, time.Since(begin)); return nil }, 90*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		wantStatus(t, w, every.ID, task.StatusScheduled)
		pass(5 * time.Minute)
		if len(at) != 3 {
			t.Fatalf("ran at %v, want 3 times in 5 minutes", at)
		}
		for i, d := range at {
			if want := time.Duration(i+1) * 90 * time.Second; d < want || d > want+20*time.Millisecond {
				t.Errorf("P3: run %d came at %s, want %s", i+1, d, want)
			}
		}
	})
}

func TestWorkerPriority(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := jobsy.NewWorker(&jobsy.WorkerOptions{Concurrency: 1, Priority: task.LowPriority})
		var order []string
		run := func(name string, opts ...jobsy.TaskOptions) {
			if _, err := w.RunNow(name, func() error { order = append(order, name); return nil }, opts...); err != nil {
				t.Fatal(err)
			}
		}
		run("low")
		run("high", jobsy.TaskOptions{Priority: task.HighPriority})
		run("low too")
		run("medium", jobsy.TaskOptions{Priority: task.MediumPriority})
		ctx, cancel := context.WithCancel(t.Context())
		go w.Start(ctx)
		synctest.Wait()
		if got := fmt.Sprint(order); got != "[high medium low low too]" {
			t.Errorf("P4: order %s", got)
		}
		cancel()
		w.WaitForShutdown(time.Second)
	})
}

func TestWorkerStorageSurvivesARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := NewCustomStorage()
		former := jobsy.NewWorker(&jobsy.WorkerOptions{Storage: store})
		pending, err := former.RunNow("report", noop)
		if err != nil {
			t.Fatal(err)
		}
		later, err := former.RunAt("report", noop, time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}

		runs := 0
		w := jobsy.NewWorker(&jobsy.WorkerOptions{Storage: store})
		ctx, cancel := context.WithCancel(t.Context())
		go w.Start(ctx)
		pass(2 * time.Hour) // nobody knows the name yet
		if runs != 0 {
			t.Fatal("ran without a function")
		}
		if err := w.Register("report", func() error { runs++; return nil }); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Minute)
		if runs != 2 {
			t.Errorf("P1: %d of the former worker's tasks ran, want 2", runs)
		}
		wantStatus(t, w, pending.ID, task.StatusCompleted)
		wantStatus(t, w, later.ID, task.StatusCompleted)
		cancel()
		w.WaitForShutdown(time.Second)
	})
}

func TestWorkersShareABroker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		ctx, cancel := context.WithCancel(t.Context())
		var ticks, runs int
		var workers []*jobsy.Worker
		for range 3 {
			w := jobsy.NewWorker(&jobsy.WorkerOptions{Broker: b, Concurrency: 1})
			if err := w.Register("shared", func() error { runs++; return nil }); err != nil {
				t.Fatal(err)
			}
			if _, err := w.RunEvery("tick", func() error { ticks++; return nil }, time.Second); err != nil {
				t.Fatal(err)
			}
			if _, err := w.RunEvery("tick", noop, time.Second); !errors.Is(err, task.ErrInvalid) {
				t.Errorf("second schedule of one name: %v", err)
			}
			go w.Start(ctx)
			workers = append(workers, w)
		}
		synctest.Wait()
		if err := workers[0].Client().Enqueue(t.Context(), task.New("shared", nil)); err != nil {
			t.Fatal(err)
		}
		pass(10*time.Second + 500*time.Millisecond)
		cancel()
		for _, w := range workers {
			w.WaitForShutdown(time.Minute)
		}
		if ticks != 10 || runs != 1 {
			t.Errorf("P8: %d ticks in 10 seconds, %d runs of the task, want 10 and 1", ticks, runs)
		}
	})
}

func TestWorkerWaitForShutdown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := jobsy.NewWorker(nil)
		if err := w.WaitForShutdown(time.Second); err != nil {
			t.Errorf("never started: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go w.Start(ctx)
		if _, err := w.RunNow("slow", func() error { time.Sleep(10 * time.Second); return nil }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cancel()
		if err := w.WaitForShutdown(time.Second); err == nil {
			t.Error("no error although a function still runs")
		}
		if err := w.WaitForShutdown(time.Minute); err != nil {
			t.Errorf("after it has ended: %v", err)
		}
	})
}

func TestWorkerRefuses(t *testing.T) {
	t.Parallel()
	w := jobsy.NewWorker(nil)
	for want, call := range map[string]func() error{
		"name must not be empty":           func() error { _, err := w.RunNow("", noop); return err },
		"function must not be nil":         func() error { _, err := w.RunNow("a", nil); return err },
		"function must not be nil, got":    func() error { return w.Register("a", nil) },
		"TaskOptions.MaxRetry must":        func() error { _, err := w.RunNow("a", noop, jobsy.TaskOptions{MaxRetry: -2}); return err },
		"TaskOptions.TimeOut must":         func() error { _, err := w.RunNow("a", noop, jobsy.TaskOptions{TimeOut: -2}); return err },
		"TaskOptions.Priority must":        func() error { _, err := w.RunNow("a", noop, jobsy.TaskOptions{Priority: 256}); return err },
		"interval must":                    func() error { _, err := w.RunEvery("a", noop, time.Microsecond); return err },
		"spec must":                        func() error { _, err := w.Schedule("a", noop, "nonsense"); return err },
		"spec must name a time that comes": func() error { _, err := w.Schedule("a", noop, "0 0 30 2 *"); return err },
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, task.ErrInvalid) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	for field, opts := range map[string]*jobsy.WorkerOptions{
		"WorkerOptions.Concurrency": {Concurrency: -1},
		"WorkerOptions.Timeout":     {Timeout: -2},
		"WorkerOptions.Priority":    {Priority: -1},
		"WorkerOptions.MaxRetry":    {MaxRetry: -2},
		"WorkerOptions.Retention":   {Retention: -2},
		"WorkerOptions.Storage":     {Storage: NewCustomStorage(), Broker: memory.New(nil)},
	} {
		w := jobsy.NewWorker(opts)
		var broken *task.FieldError
		if err := w.Start(t.Context()); !errors.As(err, &broken) || broken.Field != field {
			t.Errorf("Start with a bad %s: %v", field, err)
		}
		if _, err := w.RunNow("a", noop); !errors.As(err, &broken) || broken.Field != field {
			t.Errorf("RunNow with a bad %s: %v", field, err)
		}
	}
}

// No-op tasks through a Worker on memory; 20,000 should take under a second.
func BenchmarkWorkerRunNow(b *testing.B) {
	w := jobsy.NewWorker(nil)
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{}, b.N)
	go w.Start(ctx)
	fn := func() error { done <- struct{}{}; return nil }
	for b.Loop() {
		if _, err := w.RunNow("noop", fn); err != nil {
			b.Fatal(err)
		}
	}
	for range b.N {
		<-done
	}
	cancel()
	w.WaitForShutdown(time.Minute)
}
