package jobsytest

import (
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// Outcome is how one attempt ended.
type Outcome struct {
	// Task is the task after the attempt: Result, LastError, Attempt and so on.
	Task *task.Task
	// Status is what it became: completed, failed, cancelled, retrying, or
	// scheduled if it was snoozed.
	Status task.Status
	// Delay is how long a retrying or snoozed task waits.
	Delay time.Duration

	causes []error // what the handler returned, and why its context had ended
}

// Err returns the attempt's error: nil if the task has completed or was snoozed,
// and task.ErrCancelled if it was cancelled. Else the text is Task.LastError, and
// errors.Is and errors.As see what the handler returned, or nothing of a panic.
func (o Outcome) Err() error {
	switch o.Status {
	case task.StatusCompleted, task.StatusScheduled:
		return nil
	case task.StatusCancelled:
		return task.ErrCancelled
	}
	return &attemptError{o.Task.LastError, o.causes}
}

// attemptError is the error of an attempt as the task has it.
type attemptError struct {
	text   string
	causes []error
}

func (e *attemptError) Error() string   { return e.text }
func (e *attemptError) Unwrap() []error { return e.causes }
