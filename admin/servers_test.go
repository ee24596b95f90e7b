package admin_test

import (
	"context"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// server returns the one that works on the feature's queue, if it is listed.
func (f *feature) server() *broker.ServerInfo {
	f.Helper()
	servers, err := f.admin.Servers(f.Context())
	f.must(err)
	for i := range servers {
		if servers[i].Queues[f.queue] > 0 {
			return &servers[i]
		}
	}
	return nil
}

func listServers(f *feature) {
	server := jobsy.NewServer(f.broker, &jobsy.ServerOptions{Queues: map[string]int{f.queue: 3}, Concurrency: 4})
	server.HandleFunc("work", func(context.Context, *task.Task) error { return nil })
	ctx, cancel := context.WithCancel(f.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	f.eventually("the server is listed", func() bool { return f.server() != nil })
	got := f.server()
	if got.PID == 0 || got.Host == "" || got.StartedAt.IsZero() || got.Concurrency != 4 || got.Queues[f.queue] != 3 ||
		!got.Handles("work") || got.Handles("other") || got.Stopping || got.Expires.Before(got.SeenAt) {
		f.Errorf("listed as %+v", got)
	}
	cancel()
	if err := <-ended; err != nil {
		f.Error(err)
	}
	if got := f.server(); got != nil {
		f.Errorf("after its end it is listed as %+v", got)
	}
}
