package jobsy_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// Wait returns the task once it has ended.
func ExampleClient_Wait() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := jobsy.NewServer(nil, nil)
	server.HandleFunc("import", func(context.Context, *task.Task) error { return errors.New("not a CSV file") })
	go server.Run(ctx)

	t := task.New("import", nil)
	t.MaxRetry = -1
	_ = server.Client().Enqueue(ctx, t)
	ended, err := server.Client().Wait(ctx, t)
	fmt.Println(ended.Status, ended.Attempt)
	fmt.Println(err)
	fmt.Println(errors.Is(err, task.ErrFailed))
	// Output:
	// failed 1
	// task failed: not a CSV file
	// true
}

// WaitResult decodes what a handler of HandleResult has returned.
func ExampleWaitResult() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := jobsy.NewServer(nil, nil)
	length := task.Kind[string]{Name: "length", Retention: time.Minute}
	jobsy.HandleResult(server, length, func(_ context.Context, word string) (int, error) { return len(word), nil })
	go server.Run(ctx)

	t := length.New("lovelace")
	_ = server.Client().Enqueue(ctx, t)
	fmt.Println(jobsy.WaitResult[int](ctx, server.Client(), t))
	// Output: 8 <nil>
}

// SetResult leaves a result in any encoding.
func ExampleSetResult() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := jobsy.NewServer(nil, nil)
	server.HandleFunc("greet", func(ctx context.Context, t *task.Task) error {
		return jobsy.SetResult(ctx, append([]byte("hello, "), t.Payload...))
	})
	go server.Run(ctx)

	t := task.New("greet", []byte("Ada"))
	t.Retention = time.Minute
	_ = server.Client().Enqueue(ctx, t)
	ended, err := server.Client().Wait(ctx, t)
	fmt.Println(string(ended.Result), err)
	// Output: hello, Ada <nil>
}

// A running task is told by its context; one that waits ends at once.
func ExampleClient_Cancel() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := jobsy.NewServer(nil, nil)
	running := make(chan bool)
	server.HandleFunc("export", func(ctx context.Context, _ *task.Task) error {
		close(running)
		<-ctx.Done()
		fmt.Println("handler:", context.Cause(ctx))
		return ctx.Err()
	})
	go server.Run(ctx)

	export, later := task.New("export", nil), task.New("export", nil)
	later.RunAt = time.Now().Add(time.Hour)
	_ = server.Client().Enqueue(ctx, export, later)
	<-running
	fmt.Println(server.Client().Cancel(ctx, export, later))
	for _, t := range []*task.Task{export, later} {
		ended, err := server.Client().Wait(ctx, t)
		fmt.Println(ended.Status, ended.Attempt, err)
	}
	// Unordered output:
	// <nil>
	// handler: task cancelled
	// cancelled 1 task cancelled
	// cancelled 0 task cancelled
}

// The latest progress of a task is there while it runs, and stays with it.
func ExampleProgress() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := jobsy.NewServer(nil, nil)
	server.HandleFunc("import", func(ctx context.Context, _ *task.Task) error {
		for row := range 4 {
			if err := jobsy.Progress(ctx, float64(row+1)/4, fmt.Sprintf("row %d of 4", row+1)); err != nil {
				return err
			}
		}
		return nil
	})
	go server.Run(ctx)

	t := task.New("import", nil)
	t.Retention = time.Minute
	_ = server.Client().Enqueue(ctx, t)
	ended, _ := server.Client().Wait(ctx, t)
	fmt.Println(ended.Progress.Fraction, ended.Progress.Text)
	// Output: 1 row 4 of 4
}

// The history tells of each attempt.
func ExampleClient_Wait_history() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := jobsy.NewServer(nil, &jobsy.ServerOptions{Backoff: task.Exponential(time.Millisecond, time.Second, nil)})
	server.HandleFunc("call", func(_ context.Context, t *task.Task) error {
		if t.Attempt < 3 {
			return fmt.Errorf("50%d", t.Attempt+1)
		}
		return nil
	})
	go server.Run(ctx)

	t := task.New("call", nil)
	t.Retention = time.Minute
	_ = server.Client().Enqueue(ctx, t)
	ended, _ := server.Client().Wait(ctx, t)
	for _, run := range ended.History {
		fmt.Printf("attempt %d: %q\n", run.Attempt, run.Error)
	}
	// Output:
	// attempt 1: "502"
	// attempt 2: "503"
	// attempt 3: ""
}

// A task does not start after its Deadline, at no attempt.
func ExampleServer_Run_deadline() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := jobsy.NewServer(nil, nil)
	server.HandleFunc("remind", func(context.Context, *task.Task) error { fmt.Println("too late"); return nil })
	go server.Run(ctx)

	t := task.New("remind", nil)
	t.Deadline = time.Now().Add(-time.Second)
	_ = server.Client().Enqueue(ctx, t)
	ended, err := server.Client().Wait(ctx, t)
	fmt.Println(ended.Attempt, err)
	// Output: 0 task failed: task deadline passed
}

// A completed task stays readable for its Retention; without one it is gone.
func ExampleClient_Get() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := jobsy.NewServer(nil, &jobsy.ServerOptions{Concurrency: 1})
	server.HandleFunc("work", func(context.Context, *task.Task) error { return nil })
	client := server.Client()

	gone, kept := task.New("work", nil), task.New("work", nil)
	kept.Retention = time.Hour
	_ = client.Enqueue(ctx, gone, kept)
	waiting, _ := client.Get(ctx, kept)
	fmt.Println(waiting.Status)

	go server.Run(ctx)
	_, _ = client.Wait(ctx, kept)
	ended, _ := client.Get(ctx, kept)
	fmt.Println(ended.Status)
	_, err := client.Get(ctx, gone)
	fmt.Println(err)
	// Output:
	// pending
	// completed
	// task not found
}

// Gathered tasks run together.
func ExampleHandleGroup() {
	ctx, cancel := context.WithCancel(context.Background())
	server := jobsy.NewServer(nil, nil)
	digest := task.Kind[string]{Name: "digest", Gather: task.Gather{Key: "ada@example.org", Size: 3, Delay: time.Hour}}
	jobsy.HandleGroup(server, digest, func(_ context.Context, news []string) error {
		fmt.Println("one mail for", news)
		cancel()
		return nil
	})
	_ = server.Client().Enqueue(ctx, digest.New("a comment"), digest.New("a like"), digest.New("a follower"))
	_ = server.Run(ctx)
	// Output: one mail for [a comment a like a follower]
}

// A unique task excludes others with its key.
func ExampleClient_Enqueue_unique() {
	ctx := context.Background()
	client := jobsy.NewClient(memory.New(nil), nil)
	sync := task.Kind[string]{Name: "sync", Unique: task.Unique{Mode: task.UntilEnded}}
	first, second, other := sync.New("ada"), sync.New("ada"), sync.New("grace")
	fmt.Println(client.Enqueue(ctx, first))
	err := client.Enqueue(ctx, second)
	var duplicate *task.DuplicateError
	fmt.Println(errors.As(err, &duplicate) && duplicate.ID == first.ID)
	fmt.Println(client.Enqueue(ctx, other))
	// Output:
	// <nil>
	// true
	// <nil>
}

// With Debounce, the last of a burst runs, once it is quiet.
func ExampleClient_Enqueue_debounce() {
	ctx, cancel := context.WithCancel(context.Background())
	server := jobsy.NewServer(nil, nil)
	index := task.Kind[string]{Name: "index", Unique: task.Unique{Mode: task.Debounce, Key: "page 7", For: 50 * time.Millisecond}}
	jobsy.Handle(server, index, func(_ context.Context, text string) error {
		fmt.Println("indexed:", text)
		cancel()
		return nil
	})
	client := server.Client()
	_ = client.Enqueue(ctx, index.New("d"), index.New("dr"), index.New("draft"))
	_ = server.Run(ctx)
	// Output: indexed: draft
}
