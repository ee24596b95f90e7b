package task

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// Errors of calling.
var (
	// ErrInvalid is what every *FieldError is.
	ErrInvalid = errors.New("invalid")
	// ErrDuplicate means that another task stands in this one's place. The
	// error is a *DuplicateError, which says which.
	ErrDuplicate = errors.New("duplicate task")
	// ErrUnavailable means that the broker could not be reached or did not
	// answer in time. Whether it has acted is unknown. Giving the same task to
	// Client.Enqueue again is safe.
	ErrUnavailable = errors.New("broker unavailable")
	// ErrNotDurable means that the broker has taken the task, but that the
	// replicas or the disk that should have it, too, did not follow in time. It
	// comes with ErrUnavailable if they may yet: giving the same task to
	// Client.Enqueue again is safe, and tells.
	ErrNotDurable = errors.New("not durable yet")
	// ErrClosed means that the broker was closed, or that a Worker has ended.
	ErrClosed = errors.New("broker closed")
	// ErrStarted is what Run and Start return when called a second time.
	ErrStarted = errors.New("already started")
)

// Errors of looking up and stepping in.
var (
	// ErrNotFound means that no such task is known: it never was, or its
	// retention has passed.
	ErrNotFound = errors.New("task not found")
	// ErrRunning means that a worker holds the task, so that it cannot be
	// changed. It can be cancelled.
	ErrRunning = errors.New("task is running")
	// ErrEnded means that the task has ended, so that it cannot be cancelled.
	ErrEnded = errors.New("task has ended")
	// ErrFailed means that the task one waited for has ended as failed. The
	// error's text has the task's last error.
	ErrFailed = errors.New("task failed")
	// ErrRecord means that a stored record could not be decoded.
	ErrRecord = errors.New("malformed record")
)

// Errors of running: the causes of a handler's cancelled context, and what
// brokers answer to a late worker.
var (
	// ErrLeaseLost means that the lease has passed to another worker, or ran
	// out while the broker could not be reached.
	ErrLeaseLost = errors.New("lease lost")
	// ErrCancelled means that the task was cancelled.
	ErrCancelled = errors.New("task cancelled")
	// ErrTimeout means that the attempt outlived the task's Timeout.
	ErrTimeout = errors.New("attempt timed out")
	// ErrDeadline means that the task's Deadline has passed.
	ErrDeadline = errors.New("task deadline passed")
	// ErrWorkersLost means that the task has failed because its workers died or
	// lost their lease, as often as ServerOptions.MaxDeliveries allows.
	ErrWorkersLost = errors.New("its workers died or lost their lease")
	// ErrShutdown means that the server stops and hands the task back.
	ErrShutdown = errors.New("server shutting down")
)

// FieldError says which field broke which rule. It is ErrInvalid.
type FieldError struct {
	Field string // as the user spells it: "Priority", "ServerOptions.Concurrency"
	Rule  string // what holds for it: "must be 1 to 255, or 0 for the default"
	Value string // what was found, cut to a readable length; may be empty
}

// Error returns one line: the field, the rule, and the value if there is one.
func (e *FieldError) Error() string {
	if e.Value == "" {
		return e.Field + " " + e.Rule
	}
	return fmt.Sprintf("%s %s, got %s", e.Field, e.Rule, e.Value)
}

// Is reports whether target is ErrInvalid.
func (e *FieldError) Is(target error) bool { return target == ErrInvalid }

// DuplicateError carries the id of the task that stands. It is ErrDuplicate.
type DuplicateError struct {
	ID uuid.UUID
	// Unique tells that the two tasks share the key of their Unique, not the
	// ID.
	Unique bool
	// Same tells that what stands under the ID is this task, byte for byte, and
	// that no attempt of it has been answered for; or that this task is a
	// member of that one already.
	Same bool
	// Late is, with Same, what there is to say besides of the task that stands:
	// ErrNotDurable, wrapped. Nil: nothing.
	Late error
}

// Error names the task that stands.
func (e *DuplicateError) Error() string {
	switch {
	case e.Unique:
		return fmt.Sprintf("Unique must not be held by another: task %s stands already", e.ID)
	case e.Same:
		return fmt.Sprintf("ID must be unique in its queue: this task stands already as %s; Again makes another one", e.ID)
	}
	return fmt.Sprintf("ID must be unique in its queue: task %s stands already", e.ID)
}

// Unwrap returns Late.
func (e *DuplicateError) Unwrap() error { return e.Late }

// Is reports whether target is ErrDuplicate.
func (e *DuplicateError) Is(target error) bool { return target == ErrDuplicate }
