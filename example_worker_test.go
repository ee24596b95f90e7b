package jobsy_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/scheduler"
	"github.com/nex-gen-tech/jobsy/task"
)

// Functions run in the background, at once or at a time.
func ExampleWorker() {
	w := jobsy.NewWorker(&jobsy.WorkerOptions{Concurrency: 5})
	ctx, cancel := context.WithCancel(context.Background())
	go w.Start(ctx)

	done := make(chan bool)
	now, _ := w.RunNow("greet", func() error { fmt.Println("hello"); done <- true; return nil })
	<-done
	_, _ = w.RunAt("remind", func() error { fmt.Println("time is up"); done <- true; return nil }, time.Now().Add(10*time.Millisecond))
	<-done

	cancel()
	fmt.Println(w.WaitForShutdown(5 * time.Second))
	status, _ := w.GetTaskStatus(now.ID)
	fmt.Println("greet is", status)
	// Output:
	// hello
	// time is up
	// <nil>
	// greet is completed
}

// A function that fails is run again.
func ExampleWorker_RunNow_retry() {
	w := jobsy.NewWorker(&jobsy.WorkerOptions{Backoff: task.Exponential(time.Millisecond, time.Second, nil)})
	ctx, cancel := context.WithCancel(context.Background())
	attempts := 0
	_, _ = w.RunNow("flaky", func() error {
		if attempts++; attempts < 3 {
			return errors.New("temporary error")
		}
		fmt.Println("worked in attempt", attempts)
		cancel()
		return nil
	}, jobsy.TaskOptions{MaxRetry: 5})
	_ = w.Start(ctx)
	// Output: worked in attempt 3
}

// A function runs each interval.
func ExampleWorker_RunEvery() {
	w := jobsy.NewWorker(nil)
	ctx, cancel := context.WithCancel(context.Background())
	ticks := make(chan bool)
	_, _ = w.RunEvery("refresh", func() error { ticks <- true; return nil }, 10*time.Millisecond)
	go w.Start(ctx)
	for n := range 3 {
		<-ticks
		fmt.Println("tick", n+1)
	}
	go func() { // a further tick may be under way
		for range ticks {
		}
	}()
	cancel()
	fmt.Println(w.WaitForShutdown(time.Second))
	close(ticks)
	// Output:
	// tick 1
	// tick 2
	// tick 3
	// <nil>
}

// Bad input is refused with the field and the rule.
func ExampleWorker_Schedule_refused() {
	w := jobsy.NewWorker(nil)
	_, err := w.Schedule("report", func() error { return nil }, "0 0 30 2 *")
	fmt.Println(errors.Is(err, task.ErrInvalid))
	// Output: true
}

// A function with a context and a payload, and middleware around all functions.
func ExampleWorker_HandleFunc() {
	type Letter struct{ To string }
	mail := task.Kind[Letter]{Name: "mail"}

	w := jobsy.NewWorker(nil)
	ctx, cancel := context.WithCancel(context.Background())
	w.Use(func(next jobsy.Handler) jobsy.Handler {
		return func(ctx context.Context, t *task.Task) error {
			fmt.Println("attempt", t.Attempt, "of", t.Name)
			return next(ctx, t)
		}
	})
	_ = w.HandleFunc("mail", func(ctx context.Context, t *task.Task) error {
		letter, err := mail.Args(t)
		fmt.Println("to", letter.To)
		cancel()
		return err
	})
	_ = w.Client().Enqueue(ctx, mail.New(Letter{To: "Ada"}))
	fmt.Println(w.Start(ctx))
	// Output:
	// attempt 1 of mail
	// to Ada
	// <nil>
}

// What has to survive a restart, or to run in any process, is registered.
func ExampleWorker_Register() {
	w := jobsy.NewWorker(nil)
	ctx, cancel := context.WithCancel(context.Background())
	_ = w.Register("report", func() error { fmt.Println("the report"); cancel(); return nil })
	_, _ = w.RunNow("report", nil) // nil: what is registered
	fmt.Println(w.Start(ctx))
	// Output:
	// the report
	// <nil>
}

// A schedule ends by the ID of the task that stands for it.
func ExampleWorker_Unschedule() {
	w := jobsy.NewWorker(nil)
	t, _ := w.Schedule("report", func() error { return nil }, "@daily")
	fmt.Println(w.Unschedule(t.ID))
	_, err := w.GetTaskStatus(t.ID)
	fmt.Println(errors.Is(err, task.ErrNotFound))
	// Output:
	// <nil>
	// true
}

// Somebody is told of tasks that have ended as failed.
func ExampleWorkerOptions_onFailed() {
	ctx, cancel := context.WithCancel(context.Background())
	w := jobsy.NewWorker(&jobsy.WorkerOptions{
		MaxRetry: -1,
		OnFailed: func(_ context.Context, t *task.Task, err error) { fmt.Println(t.Name, "failed:", err); cancel() },
	})
	_, _ = w.RunNow("upload", func() error { return errors.New("disk full") })
	_ = w.Start(ctx)
	// Output: upload failed: disk full
}

// Ticks may run beside each other.
func ExampleTaskOptions_overlap() {
	w := jobsy.NewWorker(nil)
	ctx, cancel := context.WithCancel(context.Background())
	both := make(chan bool)
	_, _ = w.RunEvery("slow", func() error {
		select { // until another one runs, too
		case both <- true:
		case <-both:
			fmt.Println("two at once")
			cancel()
		case <-ctx.Done():
		}
		return nil
	}, 5*time.Millisecond, jobsy.TaskOptions{Overlap: scheduler.OverlapAllow})
	_ = w.Start(ctx)
	// Output: two at once
}
