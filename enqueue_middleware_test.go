package jobsy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// stamp returns middleware that adds a header to each task.
func stamp(key, value string) jobsy.EnqueueMiddleware {
	return func(next jobsy.Enqueue) jobsy.Enqueue {
		return func(ctx context.Context, tasks ...*task.Task) error {
			for _, t := range tasks {
				headers := map[string]string{key: t.Headers[key] + value}
				t.Headers = headers
			}
			return next(ctx, tasks...)
		}
	}
}

// before returns middleware that does something before it goes on.
func before(do func() error) jobsy.EnqueueMiddleware {
	return func(next jobsy.Enqueue) jobsy.Enqueue {
		return func(ctx context.Context, tasks ...*task.Task) error {
			if err := do(); err != nil {
				return err
			}
			return next(ctx, tasks...)
		}
	}
}

func TestEnqueueMiddlewareIsAroundEachCall(t *testing.T) {
	t.Parallel()
	opts := &jobsy.ClientOptions{Use: []jobsy.EnqueueMiddleware{stamp("way", "a"), stamp("way", "b")}}
	clients := map[string]*jobsy.Client{
		"NewClient":     jobsy.NewClient(memory.New(nil), opts),
		"Server.Client": jobsy.NewServer(nil, &jobsy.ServerOptions{Client: opts}).Client(),
		"Worker.Client": jobsy.NewWorker(&jobsy.WorkerOptions{Client: opts}).Client(),
	}
	for name, client := range clients {
		one, two := task.New("work", nil), task.New("work", nil)
		if err := client.Enqueue(t.Context(), one, two); err != nil {
			t.Fatal(err)
		}
		for _, enqueued := range []*task.Task{one, two} {
			if found, err := client.Get(t.Context(), enqueued); err != nil || found.Headers["way"] != "ab" {
				t.Errorf("%s: the broker has %v, %v, want the way ab", name, found, err)
			}
		}
	}
}

func TestEnqueueMiddlewareMayRefuse(t *testing.T) {
	t.Parallel()
	closed := errors.New("the shop is closed")
	panics := errors.New("oh no")
	for want, do := range map[string]func() error{
		"the shop is closed": func() error { return closed },
		"panic: oh no":       func() error { panic(panics) },
	} {
		b := memory.New(nil)
		client := jobsy.NewClient(b, &jobsy.ClientOptions{Use: []jobsy.EnqueueMiddleware{before(do)}})
		if err := client.Enqueue(t.Context(), task.New("work", nil)); err == nil || err.Error() != want {
			t.Errorf("P14: Enqueue returned %v, want %s", err, want)
		}
		if queues, _ := b.Queues(t.Context()); len(queues) != 0 {
			t.Errorf("%s: something was enqueued", want)
		}
	}
}

func TestEnqueueMiddlewareIsCheckedWhole(t *testing.T) {
	t.Parallel()
	good := stamp("way", "a")
	for want, bad := range map[string]jobsy.EnqueueMiddleware{
		"ClientOptions.Use[1] must not be nil":     nil,
		"ClientOptions.Use[1] must not return nil": func(jobsy.Enqueue) jobsy.Enqueue { return nil },
		"ClientOptions.Use: panic: oh no":          func(jobsy.Enqueue) jobsy.Enqueue { panic("oh no") },
	} {
		opts := &jobsy.ClientOptions{Use: []jobsy.EnqueueMiddleware{good, bad}}
		_, worker := jobsy.NewWorker(&jobsy.WorkerOptions{Client: opts}).RunNow("work", func() error { return nil })
		for name, err := range map[string]error{
			"Enqueue":    jobsy.NewClient(memory.New(nil), opts).Enqueue(t.Context(), task.New("work", nil)),
			"Server.Run": jobsy.NewServer(nil, &jobsy.ServerOptions{Client: opts}).Run(t.Context()),
			"RunNow":     worker,
		} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("P10: %s returned %v, want %s", name, err, want)
			}
		}
	}
}

// What middleware makes of the tasks is checked like what a caller gave.
func TestWhatMiddlewareHandsOnIsChecked(t *testing.T) {
	t.Parallel()
	spoil := func(tasks ...*task.Task) jobsy.EnqueueMiddleware {
		return func(next jobsy.Enqueue) jobsy.Enqueue {
			return func(ctx context.Context, _ ...*task.Task) error { return next(ctx, tasks...) }
		}
	}
	for want, mw := range map[string]jobsy.EnqueueMiddleware{
		"task must not be nil":   spoil(nil),
		"Name must not be empty": spoil(task.New("", nil)),
	} {
		client := jobsy.NewClient(memory.New(nil), &jobsy.ClientOptions{Use: []jobsy.EnqueueMiddleware{mw}})
		if err := client.Enqueue(t.Context(), task.New("work", nil)); !errors.Is(err, task.ErrInvalid) || err.Error() != want {
			t.Errorf("P10: Enqueue returned %v, want %s", err, want)
		}
	}
	never := before(func() error { t.Error("middleware was given a nil task"); return nil })
	client := jobsy.NewClient(memory.New(nil), &jobsy.ClientOptions{Use: []jobsy.EnqueueMiddleware{never}})
	if err := client.Enqueue(t.Context(), nil); !errors.Is(err, task.ErrInvalid) {
		t.Errorf("Enqueue of nil returned %v", err)
	}
}

func TestAllThatAWorkerEnqueuesPassesTheMiddleware(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		w := jobsy.NewWorker(&jobsy.WorkerOptions{
			Broker: b, Client: &jobsy.ClientOptions{Use: []jobsy.EnqueueMiddleware{stamp("way", "a")}},
		})
		fn := func() error { return nil }
		if err := errors.Join(w.Register("now", fn), w.Register("tick", fn)); err != nil {
			t.Fatal(err)
		}
		_, err := w.RunNow("now", fn)
		_, later := w.RunEvery("tick", fn, time.Minute)
		if err := errors.Join(err, later); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Start(ctx) }()
		time.Sleep(90 * time.Second)
		tasks, _, err := b.Tasks(t.Context(), task.DefaultQueue, task.StatusCompleted, "", 10)
		if err != nil || len(tasks) != 2 {
			t.Errorf("%d tasks have completed, %v, want 2", len(tasks), err)
		}
		for _, done := range tasks {
			if done.Headers["way"] != "a" {
				t.Errorf("task %s has the headers %v", done.Name, done.Headers)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Middleware is around all that a client enqueues: here it says for whom.
func ExampleEnqueueMiddleware() {
	type tenant struct{}
	forTenant := func(next jobsy.Enqueue) jobsy.Enqueue {
		return func(ctx context.Context, tasks ...*task.Task) error {
			name, ok := ctx.Value(tenant{}).(string)
			if !ok {
				return errors.New("for which tenant?")
			}
			for _, t := range tasks {
				t.Headers = map[string]string{"tenant": name}
			}
			return next(ctx, tasks...)
		}
	}
	client := jobsy.NewClient(memory.New(nil), &jobsy.ClientOptions{Use: []jobsy.EnqueueMiddleware{forTenant}})

	ctx := context.Background()
	fmt.Println(client.Enqueue(ctx, task.New("report", nil)))
	report := task.New("report", nil)
	fmt.Println(client.Enqueue(context.WithValue(ctx, tenant{}, "acme"), report), report.Headers)
	// Output:
	// for which tenant?
	// <nil> map[tenant:acme]
}
