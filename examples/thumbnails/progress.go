package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	lookEvery = 50 * time.Millisecond
	lookAtMax = 16 // tasks at a time
)

// newBar returns a progress bar that shows only on a terminal.
func newBar(w io.Writer, total int) *progressbar.ProgressBar {
	file, ok := w.(*os.File)
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetVisibility(ok && term.IsTerminal(int(file.Fd()))),
		progressbar.OptionSetDescription("thumbnails"),
		progressbar.OptionShowCount(),
	)
}

// follow moves the bar until all jobs have ended, and then takes it away.
func follow(ctx context.Context, look broker.Inspector, jobs []job, bar *progressbar.ProgressBar) error {
	defer bar.Clear()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookAtMax)
	for _, j := range jobs {
		group.Go(func() error {
			if err := await(ctx, look, j.task); err != nil {
				return err
			}
			return bar.Add(1)
		})
	}
	return group.Wait()
}

// await returns once the task has ended, in whichever process.
func await(ctx context.Context, look broker.Inspector, t *task.Task) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		now, err := look.Task(ctx, t.Queue, t.ID)
		if err != nil {
			return fmt.Errorf("look up a task: %w", err)
		}
		if now.Status.Ended() {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
