package jobsy_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

type user struct{ Name string }

var welcome = task.Kind[user]{Name: "email:welcome", MaxRetry: 5}

// One process, no server: the in-memory broker is the default.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	server := jobsy.NewServer(nil, nil)
	jobsy.Handle(server, welcome, func(_ context.Context, u user) error {
		fmt.Println("welcome,", u.Name)
		cancel() // this example ends here
		return nil
	})
	if err := server.Client().Enqueue(ctx, welcome.New(user{"Ada"})); err != nil {
		fmt.Println(err)
	}
	fmt.Println(server.Run(ctx))
	// Output:
	// welcome, Ada
	// <nil>
}

// A handler for raw payloads gets the whole task.
func ExampleServer_HandleFunc() {
	ctx, cancel := context.WithCancel(context.Background())
	server := jobsy.NewServer(nil, nil)
	server.HandleFunc("resize", func(_ context.Context, t *task.Task) error {
		fmt.Printf("%s, attempt %d: %s\n", t.Name, t.Attempt, t.Payload)
		cancel()
		return nil
	})
	_ = server.Client().Enqueue(ctx, task.New("resize", []byte("cat.png")))
	_ = server.Run(ctx)
	// Output: resize, attempt 1: cat.png
}

// Middleware wraps every handler.
func ExampleServer_Use() {
	ctx, cancel := context.WithCancel(context.Background())
	server := jobsy.NewServer(nil, nil)
	server.Use(func(next jobsy.Handler) jobsy.Handler {
		return func(ctx context.Context, t *task.Task) error {
			fmt.Println("begin", t.Name)
			defer fmt.Println("end", t.Name)
			return next(ctx, t)
		}
	})
	server.HandleFunc("work", func(context.Context, *task.Task) error { cancel(); return nil })
	_ = server.Client().Enqueue(ctx, task.New("work", nil))
	_ = server.Run(ctx)
	// Output:
	// begin work
	// end work
}

// FromContext tells a typed handler which task it runs.
func ExampleFromContext() {
	ctx, cancel := context.WithCancel(context.Background())
	server := jobsy.NewServer(nil, nil)
	jobsy.Handle(server, welcome, func(ctx context.Context, _ user) error {
		t := jobsy.FromContext(ctx)
		fmt.Println(t.Name, t.Attempt, t.Token > 0)
		cancel()
		return nil
	})
	_ = server.Client().Enqueue(ctx, welcome.New(user{"Ada"}))
	_ = server.Run(ctx)
	// Output: email:welcome 1 true
}

// Snooze runs a task again later, at the cost of no retry.
func ExampleSnooze() {
	ctx, cancel := context.WithCancel(context.Background())
	server := jobsy.NewServer(nil, nil)
	ready := false
	server.HandleFunc("export", func(_ context.Context, t *task.Task) error {
		if !ready {
			ready = true
			fmt.Println("not ready yet")
			return jobsy.Snooze(time.Millisecond)
		}
		fmt.Println("exported in attempt", t.Attempt)
		cancel()
		return nil
	})
	_ = server.Client().Enqueue(ctx, task.New("export", nil))
	_ = server.Run(ctx)
	// Output:
	// not ready yet
	// exported in attempt 1
}

// Retries wait as long as the backoff says; SkipRetry gives up at once.
func ExampleSkipRetry() {
	ctx, cancel := context.WithCancel(context.Background())
	server := jobsy.NewServer(nil, &jobsy.ServerOptions{
		Backoff: task.Exponential(time.Millisecond, time.Second, nil),
	})
	server.HandleFunc("import", func(_ context.Context, t *task.Task) error {
		if t.Attempt < 3 {
			fmt.Println("attempt", t.Attempt, "failed")
			return errors.New("connection refused")
		}
		fmt.Println("giving up")
		cancel()
		return jobsy.SkipRetry(errors.New("not a CSV file"))
	})
	_ = server.Client().Enqueue(ctx, task.New("import", nil))
	_ = server.Run(ctx)
	// Output:
	// attempt 1 failed
	// attempt 2 failed
	// giving up
}

// The higher priority runs first; within one, the first enqueued does.
func ExampleClient_Enqueue_priority() {
	ctx, cancel := context.WithCancel(context.Background())
	server := jobsy.NewServer(nil, &jobsy.ServerOptions{Concurrency: 1})
	left := 3
	server.HandleFunc("work", func(_ context.Context, t *task.Task) error {
		fmt.Println(string(t.Payload))
		if left--; left == 0 {
			cancel()
		}
		return nil
	})
	first, second, urgent := task.New("work", []byte("first")), task.New("work", []byte("second")), task.New("work", []byte("urgent"))
	urgent.Priority = task.HighPriority
	_ = server.Client().Enqueue(ctx, first, second, urgent)
	_ = server.Run(ctx)
	// Output:
	// urgent
	// first
	// second
}

// An error names the field and the rule, and nothing is enqueued.
func ExampleClient_Enqueue_refused() {
	client := jobsy.NewServer(nil, nil).Client()
	bad := task.New("work", nil)
	bad.Priority = 1000
	err := client.Enqueue(context.Background(), bad)
	fmt.Println(err)
	fmt.Println(errors.Is(err, task.ErrInvalid))
	// Output:
	// Priority must be 1 to 255, or 0 for the default, got 1000
	// true
}

// Healthy is for a readiness probe.
func ExampleServer_Healthy() {
	server := jobsy.NewServer(nil, nil)
	fmt.Println(server.Healthy())
	// Output: the server has not been started
}
