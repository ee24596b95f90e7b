package admin_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

func figuresOverTime(f *feature) {
	server := jobsy.NewServer(f.broker, &jobsy.ServerOptions{Queues: map[string]int{f.queue: 1}})
	server.HandleFunc("work", func(_ context.Context, t *task.Task) error {
		switch string(t.Payload) {
		case "fail":
			return errors.New("no")
		case "snooze":
			return jobsy.Snooze(24 * time.Hour)
		}
		return nil
	})
	ctx, cancel := context.WithCancel(f.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	begun := time.Now()
	retried := f.task("fail")
	retried.MaxRetry = 1
	done, failed := f.task("done"), f.task("fail")
	f.enqueue(done, failed, retried, f.task("snooze"))
	f.wait(done, task.StatusCompleted)
	f.wait(failed, task.StatusFailed)
	f.wait(retried, task.StatusFailed)
	cancel()
	if err := <-ended; err != nil {
		f.Error(err)
	}
	got, err := f.admin.Figures(f.Context(), f.queue, begun.Add(-time.Minute), time.Now().Add(time.Minute))
	f.must(err)
	names, err := f.admin.FiguresByName(f.Context(), f.queue, begun.Add(-time.Minute), time.Now().Add(time.Minute))
	f.must(err)
	work := names["work"]
	if work == nil || work.Completed != 1 || work.Failed != 2 || work.Retried != 1 || work.Run.Count() != 4 || work.Wait.Count() != 4 {
		f.Fatalf("figures %+v", work)
	}
	// The retry waited for about a second, but from when it was due hardly.
	if p := got.Total.Wait.Quantile(1); p > 900*time.Millisecond && !raceEnabled {
		f.Errorf("the longest wait was %s", p)
	}
}

// A server tells what it works on while it runs, and what it did.
func ExampleClient_Figures() {
	ctx, cancel := context.WithCancel(context.Background())
	b := memory.New(nil)
	server := jobsy.NewServer(b, nil)
	server.HandleFunc("resize", func(context.Context, *task.Task) error {
		<-time.After(20 * time.Millisecond) // the work
		return nil
	})
	client, operator := server.Client(), admin.New(b, nil)
	ended := make(chan error)
	go func() { ended <- server.Run(ctx) }()

	t := task.New("resize", nil)
	_ = client.Enqueue(ctx, t)
	_, _ = client.Wait(ctx, t)
	servers, _ := operator.Servers(ctx)
	fmt.Println(len(servers), servers[0].Handlers, servers[0].Queues)
	cancel()
	fmt.Println(<-ended)

	now := time.Now()
	figures, _ := operator.Figures(context.Background(), "", now.Add(-time.Hour), now)
	fmt.Println(figures.Enqueued, figures.Total.Completed, figures.Step)
	names, _ := operator.FiguresByName(context.Background(), "", now.Add(-time.Hour), now)
	resize := names["resize"]
	fmt.Println(resize.Completed, resize.Failed, resize.Run.Quantile(0.95) > 10*time.Millisecond)
	// Output:
	// 1 [resize] map[default:1]
	// <nil>
	// 1 1 1m0s
	// 1 0 true
}
