package main

import (
	"context"
	"os"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

const queue = "thumbnails"

// thumbnail is the work on one picture, as it travels to the worker that does
// it. The paths are absolute, so a fleet shares its folders.
type thumbnail struct {
	Source string `json:"source"`
	Target string `json:"target"`
	Size   int    `json:"size"`
	Fault  fault  `json:"fault,omitempty"`
}

// thumbnails declares the task for those who enqueue it and those who run it.
var thumbnails = task.Kind[thumbnail]{
	Name:      "thumbnail",
	Queue:     queue,
	MaxRetry:  3,
	Timeout:   time.Minute,
	Retention: time.Hour, // for the report
}

// makeThumbnail is the handler. Any error makes the task run again a little
// later, except that of a picture that cannot be decoded: no retry would make
// it better.
func makeThumbnail(ctx context.Context, t thumbnail) error {
	if t.Fault == outage && jobsy.FromContext(ctx).Attempt == 1 {
		return errOutage
	}
	file, err := os.ReadFile(t.Source)
	if err != nil {
		return err
	}
	original, err := decode(file)
	if err != nil {
		return jobsy.SkipRetry(err)
	}
	small := shrink(original, t.Size)
	if ctx.Err() != nil { // out of time, or another worker has the task by now
		return context.Cause(ctx)
	}
	return write(t.Target, small)
}
