package jobsy_test

import (
	"context"
	"fmt"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// A server tells what it works on while it runs, and what it did.
func ExampleClient_Figures() {
	ctx, cancel := context.WithCancel(context.Background())
	b := memory.New(nil)
	server := jobsy.NewServer(b, nil)
	server.HandleFunc("resize", func(context.Context, *task.Task) error {
		<-time.After(20 * time.Millisecond) // the work
		return nil
	})
	client := server.Client()
	ended := make(chan error)
	go func() { ended <- server.Run(ctx) }()

	t := task.New("resize", nil)
	_ = client.Enqueue(ctx, t)
	_, _ = client.Wait(ctx, t)
	servers, _ := client.Servers(ctx)
	fmt.Println(len(servers), servers[0].Handlers, servers[0].Queues)
	cancel()
	fmt.Println(<-ended)

	now := time.Now()
	figures, _ := client.Figures(context.Background(), "", now.Add(-time.Hour), now)
	fmt.Println(figures.Enqueued, figures.Total.Completed, figures.Step)
	names, _ := client.FiguresByName(context.Background(), "", now.Add(-time.Hour), now)
	resize := names["resize"]
	fmt.Println(resize.Completed, resize.Failed, resize.Run.Quantile(0.95) > 10*time.Millisecond)
	// Output:
	// 1 [resize] map[default:1]
	// <nil>
	// 1 1 1m0s
	// 1 0 true
}

// Healthy is for a readiness probe.
func ExampleServer_Healthy() {
	server := jobsy.NewServer(nil, nil)
	fmt.Println(server.Healthy())
	// Output: the server has not been started
}
