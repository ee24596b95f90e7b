package main

import (
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
)

// errInterrupted is a run that was ended before its work was.
var errInterrupted = errors.New("interrupted")

// enqueueAndWork does everything in one process: it works until all that it has
// enqueued has ended, whoever ran it, and reports.
func enqueueAndWork(ctx context.Context, s store, opts options, stdout, stderr io.Writer) error {
	began := time.Now()
	server := newServer(s, opts.concurrency, nil)
	jobs, out, err := enqueue(ctx, server.Client(), opts)
	if err != nil {
		return err
	}

	group, following := errgroup.WithContext(ctx)
	working, stopWork := context.WithCancel(following)
	group.Go(func() error { return server.Run(working) })
	group.Go(func() error {
		defer stopWork()
		return follow(following, s, jobs, newBar(stderr, len(jobs)))
	})
	if err := group.Wait(); err != nil && ctx.Err() == nil {
		return err
	}

	rows, err := readRows(context.WithoutCancel(ctx), s, jobs)
	if err != nil {
		return err
	}
	report := report{rows: rows, out: out, took: time.Since(began), opts: opts}
	report.print(stdout)
	if ctx.Err() != nil && report.left() > 0 {
		return errInterrupted
	}
	return report.err()
}
