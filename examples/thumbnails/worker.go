package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

// newServer returns the pool of workers.
func newServer(s store, concurrency int, log *slog.Logger) *jobsy.Server {
	server := jobsy.NewServer(s, &jobsy.ServerOptions{
		Concurrency: concurrency,
		Queues:      map[string]int{queue: 1},
		Backoff:     task.Exponential(250*time.Millisecond, time.Minute, rand.Float64),
		Logger:      log,
	})
	jobsy.Handle(server, thumbnails, makeThumbnail)
	return server
}

// workOnly is one process of a fleet: it works until SIGINT or SIGTERM ends
// ctx, finishes what it has begun, and leaves the rest to the others.
func workOnly(ctx context.Context, s store, opts options, stdout, stderr io.Writer) error {
	log := slog.New(slog.NewTextHandler(stderr, nil))
	server := newServer(s, opts.concurrency, log)
	server.Use(logged(log))
	fmt.Fprintf(stdout, "Working on %d pictures at once, until Ctrl-C.\n", opts.concurrency)
	return server.Run(ctx)
}

// logged is middleware that notes every thumbnail made. The server itself logs
// the attempts that failed.
func logged(log *slog.Logger) jobsy.Middleware {
	return func(next jobsy.Handler) jobsy.Handler {
		return func(ctx context.Context, t *task.Task) error {
			began := time.Now()
			err := next(ctx, t)
			if args, argsErr := thumbnails.Args(t); err == nil && argsErr == nil {
				log.Info("thumbnail made", "picture", filepath.Base(args.Source), "attempt", t.Attempt, "took", time.Since(began))
			}
			return err
		}
	}
}
