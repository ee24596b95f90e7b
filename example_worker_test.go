package jobsy_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nex-gen-tech/jobsy"
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
