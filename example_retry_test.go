package jobsy_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

// RetryAfter has the next attempt wait for as long as the other side asks.
func ExampleRetryAfter() {
	ctx, cancel := context.WithCancel(context.Background())
	server := jobsy.NewServer(nil, nil)
	server.HandleFunc("call", func(_ context.Context, t *task.Task) error {
		if t.Attempt == 1 {
			fmt.Println("429 Too Many Requests")
			return jobsy.RetryAfter(time.Millisecond, errors.New("too many requests"))
		}
		fmt.Println("200 OK")
		cancel()
		return nil
	})
	_ = server.Client().Enqueue(ctx, task.New("call", nil))
	_ = server.Run(ctx)
	// Output:
	// 429 Too Many Requests
	// 200 OK
}

// An error that is no failure costs no retry, and OnFailed tells of the end.
func ExampleServerOptions_isFailure() {
	ctx, cancel := context.WithCancel(context.Background())
	errDeploying := errors.New("the other side is being deployed")
	server := jobsy.NewServer(nil, &jobsy.ServerOptions{
		Backoff:   task.Exponential(time.Millisecond, time.Second, nil),
		IsFailure: func(err error) bool { return !errors.Is(err, errDeploying) },
		OnFailed: func(_ context.Context, t *task.Task, err error) {
			fmt.Println(t.Name, "failed in attempt", t.Attempt, "with", err)
			cancel()
		},
	})
	calls := 0
	server.HandleFunc("call", func(context.Context, *task.Task) error {
		if calls++; calls < 4 {
			return errDeploying
		}
		return errors.New("404 Not Found")
	})
	t := task.New("call", nil)
	t.MaxRetry = -1
	_ = server.Client().Enqueue(ctx, t)
	_ = server.Run(ctx)
	// Output: call failed in attempt 1 with 404 Not Found
}

// Middleware that ships: what is added first is outermost.
func ExampleTimeout() {
	ctx, cancel := context.WithCancel(context.Background())
	server := jobsy.NewServer(nil, nil)
	server.Use(jobsy.Recover(), jobsy.Timeout(10*time.Millisecond))
	server.HandleFunc("slow", func(ctx context.Context, _ *task.Task) error {
		<-ctx.Done()
		fmt.Println(context.Cause(ctx))
		cancel()
		return nil
	})
	_ = server.Client().Enqueue(ctx, task.New("slow", nil))
	_ = server.Run(ctx)
	// Output: attempt timed out
}
