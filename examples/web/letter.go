package main

import (
	"context"
	"errors"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

const queue = "letters"

// letter is what a task is about. Nothing is sent: the sender of this example
// just takes its time, and fails if it is asked to.
type letter struct {
	To      string  `json:"to"`
	Trouble trouble `json:"trouble,omitempty"`
}

// trouble is what goes wrong with a letter, on purpose.
type trouble string

const (
	noTrouble trouble = ""
	once      trouble = "once"   // the first attempt fails
	forGood   trouble = "always" // no attempt can succeed
)

var (
	errClosed    = errors.New("the post office is closed")
	errNoAddress = errors.New("there is no such address")
)

// letters declares the task for those who enqueue it and those who run it.
var letters = task.Kind[letter]{
	Name:      "letter",
	Queue:     queue,
	MaxRetry:  5,
	Timeout:   time.Minute,
	Retention: time.Hour, // how long its page shows that it was sent
}

// sender returns the handler. It takes that long for a letter.
func sender(takes time.Duration) func(context.Context, letter) error {
	return func(ctx context.Context, l letter) error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(takes):
		}
		switch {
		case l.Trouble == once && jobsy.FromContext(ctx).Attempt == 1:
			return errClosed // tried again a little later
		case l.Trouble == forGood:
			return jobsy.SkipRetry(errNoAddress) // failed, now
		}
		return nil
	}
}
