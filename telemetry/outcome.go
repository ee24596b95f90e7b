package telemetry

import (
	"context"
	"errors"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

// outcome is how an attempt ended, as far as its middleware can tell.
type outcome string

const (
	completed outcome = "completed"
	failed    outcome = "error"     // the task is retried, or has failed
	snoozed   outcome = "snoozed"   // it runs again later, at no cost
	cancelled outcome = "cancelled" // it was called off
	released  outcome = "released"  // the server stops, and hands it back
	lost      outcome = "lost"      // its lease was lost while it ran
)

// outcomeOf judges what a handler has returned, by the context it was given.
func outcomeOf(ctx context.Context, err error) outcome {
	cause := context.Cause(ctx)
	_, snooze := jobsy.Snoozed(err)
	switch {
	case errors.Is(cause, task.ErrLeaseLost):
		return lost
	case err == nil:
		return completed
	case errors.Is(cause, task.ErrCancelled):
		return cancelled
	case errors.Is(cause, task.ErrShutdown):
		return released
	case snooze:
		return snoozed
	}
	return failed
}
