package jobsy_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/scheduler"
	"github.com/nex-gen-tech/jobsy/task"
)

func every(t *testing.T, w *jobsy.Worker, name string, fn func() error, interval time.Duration, opts ...jobsy.TaskOptions) *task.Task {
	t.Helper()
	tk, err := w.RunEvery(name, fn, interval, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return tk
}

// unended counts the tasks of that name that have not ended, beside schedules.
func unended(t *testing.T, w *jobsy.Worker, name string) (n int) {
	t.Helper()
	all, err := w.GetAllTasks()
	if err != nil {
		t.Fatal(err)
	}
	for _, tk := range all {
		if tk.Name == name && tk.Headers[scheduler.HeaderSchedule] != "" && !tk.Status.Ended() {
			n++
		}
	}
	return n
}

func TestWorkerRunEveryDoesNotPileUp(t *testing.T) {
	withWorker(t, nil, func(t *testing.T, w *jobsy.Worker) {
		slow := func() error { time.Sleep(time.Minute); return nil }
		every(t, w, "skips", slow, time.Second)
		every(t, w, "allows", slow, time.Second, jobsy.TaskOptions{Overlap: scheduler.OverlapAllow})
		pass(10*time.Minute + 500*time.Millisecond)
		if n := unended(t, w, "skips"); n > 1 {
			t.Errorf("%d tasks wait or run after 10 minutes, want one at most", n)
		}
		if n := unended(t, w, "allows"); n < 100 {
			t.Errorf("with OverlapAllow %d tasks wait or run, want all ticks", n)
		}
	})
}

func TestWorkerRunEveryFailureCostsNoTicks(t *testing.T) {
	withWorker(t, nil, func(t *testing.T, w *jobsy.Worker) {
		var at []time.Time
		every(t, w, "poll", func() error {
			at = append(at, time.Now())
			if len(at) < 12 {
				return errors.New("away")
			}
			return nil
		}, 10*time.Second)
		pass(10 * time.Minute)
		if len(at) < 55 {
			t.Errorf("%d runs in 10 minutes of an interval of 10 seconds", len(at))
		}
		for i := range at[1:] {
			if gap := at[i+1].Sub(at[i]); gap > 20*time.Second {
				t.Errorf("run %d came %s after the one before", i+1, gap)
			}
		}
	})
}

func TestWorkerScheduleLeavesOtherDelays(t *testing.T) {
	withWorker(t, nil, func(t *testing.T, w *jobsy.Worker) {
		var at []time.Time
		every(t, w, "poll", func() error {
			at = append(at, time.Now())
			return jobsy.RetryAfter(time.Hour, errors.New("come back in an hour"))
		}, time.Minute)
		pass(70 * time.Minute)
		if len(at) != 2 || at[1].Sub(at[0]) < time.Hour {
			t.Errorf("ran at %v, want two runs an hour apart", at)
		}
	})
}

func TestWorkerRefusesOverlapOfOneRun(t *testing.T) {
	t.Parallel()
	w := jobsy.NewWorker(nil)
	if _, err := w.RunNow("once", noop, jobsy.TaskOptions{Overlap: scheduler.OverlapSkip}); !errors.Is(err, task.ErrInvalid) {
		t.Errorf("RunNow: %v", err)
	}
	if _, err := w.RunEvery("often", noop, time.Second, jobsy.TaskOptions{Overlap: "nonsense"}); !errors.Is(err, task.ErrInvalid) {
		t.Errorf("RunEvery: %v", err)
	}
}

func TestWorkerUnschedule(t *testing.T) {
	onEachWorker(t, func(t *testing.T, w *jobsy.Worker) {
		first, second := 0, 0
		tk := every(t, w, "tick", func() error { first++; return nil }, time.Second)
		pass(2500 * time.Millisecond)
		if err := w.Unschedule(tk.ID); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if first != 2 {
			t.Errorf("%d runs, want 2 before it was unscheduled", first)
		}
		if _, err := w.GetTaskStatus(tk.ID); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("status of what was unscheduled: %v", err)
		}
		if err := w.Unschedule(tk.ID); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("unscheduled twice: %v", err)
		}
		every(t, w, "tick", func() error { second++; return nil }, time.Second)
		pass(2500 * time.Millisecond)
		if first != 2 || second < 2 {
			t.Errorf("under the same name again: %d runs of the former function, %d of the new one", first, second)
		}
	})
}

func TestWorkerUnscheduledTickEndsWithItsFunction(t *testing.T) {
	withWorker(t, &jobsy.WorkerOptions{Retention: time.Minute, MaxRetry: 3}, func(t *testing.T, w *jobsy.Worker) {
		id, of, runs := schedulesHolding(t, w)
		pass(10 * time.Second)
		if *runs != 1 {
			t.Fatalf("%d runs", *runs)
		}
		if err := w.Unschedule(id.ID); err != nil {
			t.Fatal(err)
		}
		pass(30 * time.Second)
		if *runs != 2 || of.Value() == nil {
			t.Errorf("%d runs, want the retry of the tick that had failed", *runs)
		}
		pass(2 * time.Minute)
		runtime.GC()
		if of.Value() != nil {
			t.Error("the function is kept though the schedule and its ticks are gone")
		}
	})
}

func schedulesHolding(t *testing.T, w *jobsy.Worker) (*task.Task, weak.Pointer[[1024]byte], *int) {
	t.Helper()
	held, runs := new([1024]byte), new(int)
	fn := func() error {
		held[0]++
		if *runs++; *runs == 1 {
			return jobsy.RetryAfter(20*time.Second, errors.New("not yet"))
		}
		return nil
	}
	return every(t, w, "tick", fn, 10*time.Second), weak.Make(held), runs
}

func TestWorkerScheduleThatAnOperatorRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		w, stop := started(t, &jobsy.WorkerOptions{Broker: b})
		runs := 0
		every(t, w, "tick", func() error { runs++; return nil }, time.Hour)
		synctest.Wait()
		if _, err := admin.New(b, nil).RunSchedule(t.Context(), "", "tick"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if runs != 1 {
			t.Errorf("%d runs", runs)
		}
		stop()
	})
}

func TestWorkerStartEndsWithItsServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		w := jobsy.NewWorker(&jobsy.WorkerOptions{Broker: b})
		ended := make(chan error, 1)
		go func() { ended <- w.Start(t.Context()) }()
		synctest.Wait()
		b.Close()
		pass(time.Minute)
		select {
		case err := <-ended:
			if !errors.Is(err, task.ErrClosed) {
				t.Errorf("Start: %v", err)
			}
		default:
			t.Fatal("Start goes on though its broker is closed")
		}
		w = jobsy.NewWorker(&jobsy.WorkerOptions{Concurrency: 1 << 30})
		if err := w.Start(t.Context()); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("Start with options that the server refuses: %v", err)
		}
	})
}

func TestWorkerRefusesWhatNobodyWouldRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := func(w *jobsy.Worker) map[string]error {
			_, now := w.RunNow("a", nil)
			_, at := w.RunAt("a", nil, time.Now().Add(time.Hour))
			_, interval := w.RunEvery("a", nil, time.Minute)
			_, cron := w.Schedule("b", nil, "@daily")
			return map[string]error{"RunNow": now, "RunAt": at, "RunEvery": interval, "Schedule": cron}
		}
		for name, opts := range map[string]jobsy.WorkerOptions{"memory": {}, "storage": {Storage: NewCustomStorage()}} {
			w := jobsy.NewWorker(&opts)
			for _, fn := range []string{"a", "b"} {
				if err := w.Register(fn, noop); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			go w.Start(ctx)
			if err := w.Register("slow", func() error { time.Sleep(10 * time.Second); return nil }); err != nil {
				t.Fatal(err)
			}
			runNow(t, w, "slow", nil)
			synctest.Wait()
			cancel()
			synctest.Wait() // it still runs
			for call, err := range calls(w) {
				if refused := errors.Is(err, task.ErrClosed); refused != (name == "memory") {
					t.Errorf("%s: %s while the worker stops: %v", name, call, err)
				}
			}
			w.WaitForShutdown(time.Minute)
			for call, err := range calls(w) {
				if !errors.Is(err, task.ErrClosed) {
					t.Errorf("%s: %s after the end: %v", name, call, err)
				}
			}
			for range 100 {
				if err := w.WaitForShutdown(0); err != nil {
					t.Fatalf("WaitForShutdown(0) after the end: %v", err)
				}
			}
		}
	})
}
