package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/dashboard"
	"github.com/nex-gen-tech/jobsy/scheduler"
)

// fleet are servers, a schedule and somebody who enqueues, on one broker.
type fleet struct {
	broker  *memory.Broker
	servers []*jobsy.Server
	load    *load
	log     *slog.Logger
}

func newFleet(opts options, log *slog.Logger) *fleet {
	b := memory.New(nil)
	f := &fleet{broker: b, log: log, load: &load{client: jobsy.NewClient(b, nil), every: opts.every}}
	for _, s := range []struct {
		name   string
		queues map[string]int
	}{
		{"mailer-1", map[string]int{"mail": 3, "default": 1}},
		{"mailer-2", map[string]int{"mail": 1, "default": 1}},
		{"media-1", map[string]int{"media": 1}},
	} {
		server := jobsy.NewServer(b, &jobsy.ServerOptions{
			Name: s.name, Concurrency: 4, Queues: s.queues, Logger: slog.New(slog.DiscardHandler),
			Backoff: func(int) time.Duration { return 3 * time.Second },
		})
		handle(server)
		f.servers = append(f.servers, server)
	}
	return f
}

// run ends once ctx has, and all that it began.
func (f *fleet) run(ctx context.Context, listener net.Listener) error {
	defer f.broker.Close()
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range f.servers {
		group.Go(func() error { return s.Run(ctx) })
	}
	schedule := scheduler.New(f.broker, nil)
	if err := schedule.Every("sweep", 20*time.Second, sweep.New(nothing{})); err != nil {
		return err
	}
	if err := schedule.Cron("digest", "CRON_TZ=Europe/Berlin 0 9 * * MON-FRI", digest.New(nothing{})); err != nil {
		return err
	}
	group.Go(func() error { return schedule.Run(ctx) })
	group.Go(func() error { return f.load.run(ctx) })
	f.serve(ctx, group, listener)
	return group.Wait()
}

// serve shows the dashboard until ctx ends. Pages that follow what happens hold
// their connections open: BaseContext ends them, or Shutdown would wait for them.
func (f *fleet) serve(ctx context.Context, group *errgroup.Group, listener net.Listener) {
	mux := http.NewServeMux()
	mux.Handle("/ops/", dashboard.New(f.broker, &dashboard.Options{
		Role:   func(*http.Request, string) dashboard.Role { return dashboard.Operator },
		Logger: f.log,
	}))
	mux.Handle("/{$}", http.RedirectHandler("/ops/", http.StatusFound))
	web := &http.Server{
		Handler:           mux,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
	}
	group.Go(func() error {
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return web.Shutdown(grace)
	})
}
