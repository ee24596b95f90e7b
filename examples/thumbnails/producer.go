package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

// job is a picture and the task that was enqueued for it.
type job struct {
	picture picture
	target  string
	task    *task.Task
}

// enqueue makes a task of every picture, and hands them over in one call. It
// returns them with the folder that their thumbnails go to.
func enqueue(ctx context.Context, client *jobsy.Client, opts options) (jobs []job, out string, err error) {
	pictures, err := gather(opts.dir)
	if err != nil {
		return nil, "", err
	}
	if out, err = makeOut(opts.out); err != nil {
		return nil, "", fmt.Errorf("make the folder for the thumbnails: %w", err)
	}
	if opts.faults {
		if pictures, err = addFaults(pictures, out); err != nil {
			return nil, "", fmt.Errorf("truncate a picture: %w", err)
		}
	}
	tasks := make([]*task.Task, 0, len(pictures))
	for _, p := range pictures {
		target := filepath.Join(out, p.name+thumbnailSuffix)
		t := thumbnails.New(thumbnail{Source: p.path, Target: target, Size: opts.size, Fault: p.fault})
		tasks = append(tasks, t)
		jobs = append(jobs, job{p, target, t})
	}
	return jobs, out, client.Enqueue(ctx, tasks...)
}

func gather(dir string) ([]picture, error) {
	if dir == "" {
		var err error
		if dir, err = bundled(); err != nil {
			return nil, err
		}
	}
	return findPictures(dir)
}

// enqueueOnly leaves the work to the processes that have the role work.
func enqueueOnly(ctx context.Context, s store, opts options, stdout io.Writer) error {
	jobs, out, err := enqueue(ctx, jobsy.NewClient(s, nil), opts)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Enqueued %d pictures. Workers write the thumbnails into %s\n", len(jobs), out)
	return nil
}
