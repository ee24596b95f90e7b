package jobsy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// DefaultMaxPayload is how large a task's payload may be unless the options say
// otherwise: 1 MiB.
const DefaultMaxPayload = 1 << 20

// ClientOptions are what a Client can be told. The zero value of each field is
// its default.
type ClientOptions struct {
	// MaxPayload is the most bytes a payload may have. Default:
	// DefaultMaxPayload.
	MaxPayload int
	// CancelledRetention is how long a task that was cancelled stays readable,
	// unless the Retention of the task that Cancel is given is longer. Default:
	// DefaultFailedRetention, 7 days; -1: only that Retention.
	CancelledRetention time.Duration
	// Use is middleware around Enqueue, the first outermost. None may be nil.
	// Default: none.
	Use []EnqueueMiddleware
}

// Client enqueues tasks, waits for them and steps in. It is safe for concurrent
// use, and needs no closing: the broker is closed by whoever made it.
//
// All methods but Enqueue name a task by its Queue, which is "default" if it is
// empty, and its ID; all else in it is ignored unless they say so, and nothing is
// written into it. Methods that take several tasks give errors as Enqueue does:
// that of a single task as it is, those of several as a *BatchError. What a
// broker of one's own does not offer is an error that names the interface it
// lacks.
type Client struct {
	broker     broker.Broker
	maxPayload int
	optErr     error
	enqueue    Enqueue // in its middleware

	cancelledRetention time.Duration
}

// NewClient returns a client of the broker. Nil opts are the defaults. An
// invalid option, or no broker, surfaces in the first call.
func NewClient(b broker.Broker, opts *ClientOptions) *Client {
	if opts == nil {
		opts = &ClientOptions{}
	}
	c := &Client{broker: b, maxPayload: opts.MaxPayload, cancelledRetention: opts.CancelledRetention}
	c.optErr = task.CheckDuration("ClientOptions.CancelledRetention", c.cancelledRetention)
	orDefault(&c.maxPayload, DefaultMaxPayload)
	orDefault(&c.cancelledRetention, DefaultFailedRetention)
	c.cancelledRetention = max(c.cancelledRetention, 0)
	var err error
	c.enqueue, err = wrapped(c.hand, opts.Use)
	switch {
	case err != nil:
		c.optErr = err
	case b == nil:
		c.optErr = &task.FieldError{Field: "broker", Rule: "must not be nil"}
	case c.maxPayload < 0:
		c.optErr = &task.FieldError{Field: "ClientOptions.MaxPayload", Rule: "must not be negative", Value: fmt.Sprint(c.maxPayload)}
	}
	return c
}

// Enqueue hands the tasks to the broker, in one call however many they are, and
// writes their defaults into them: ID, Queue, Priority and so on.
//
// If any of them is invalid, none is enqueued, and the error is a
// *task.FieldError. Otherwise each is taken or refused by itself: the error of a
// single task is returned as it is, that of several as a *BatchError. It is
// task.ErrDuplicate for an ID that is in use, and task.ErrUnavailable if the
// broker could not be reached or did not answer in time; enqueuing the same
// task again is then safe. Enqueue ends with its context, and within seconds
// without one.
//
// All of it but the refusal of a nil task happens inside the middleware of
// ClientOptions.Use.
func (c *Client) Enqueue(ctx context.Context, tasks ...*task.Task) error {
	if c.optErr != nil {
		return c.optErr
	}
	for i, t := range tasks {
		if t == nil {
			return numbered(errNilTask, i, len(tasks))
		}
	}
	return c.enqueue(ctx, tasks...)
}

// hand checks the tasks and hands them to the broker. What calls it may be
// middleware, whatever that has made of the tasks.
func (c *Client) hand(ctx context.Context, tasks ...*task.Task) error {
	for i, t := range tasks {
		if err := c.check(t); err != nil {
			return numbered(err, i, len(tasks))
		}
	}
	errs := make([]error, len(tasks))
	for start := 0; start < len(tasks); start += broker.MaxBatch {
		end := min(start+broker.MaxBatch, len(tasks))
		copy(errs[start:], c.broker.Enqueue(ctx, tasks[start:end]))
	}
	return joined(errs)
}

func (c *Client) check(t *task.Task) error {
	if t == nil {
		return errNilTask
	}
	if len(t.Payload) > c.maxPayload {
		return c.tooLarge(t.Payload)
	}
	return t.Prepare()
}

func (c *Client) tooLarge(payload []byte) error {
	return &task.FieldError{Field: "Payload", Rule: fmt.Sprintf("must be at most %d bytes", c.maxPayload), Value: fmt.Sprint(len(payload))}
}

// numbered says which of several tasks is meant.
func numbered(err error, i, n int) error {
	if n == 1 {
		return err
	}
	return fmt.Errorf("task %d of %d: %w", i+1, n, err)
}

// joined returns nil, the error of the only task, or a *BatchError.
func joined(errs []error) error {
	switch {
	case countErrors(errs) == 0:
		return nil
	case len(errs) == 1:
		return errs[0]
	}
	return &BatchError{Errs: errs}
}

// BatchError tells for which tasks a call has not done what it was asked.
// errors.Is and errors.As see through it.
type BatchError struct {
	Errs []error // one a task, in order; nil for a task that is done with
}

// Error counts the errors and quotes the first few.
func (e *BatchError) Error() string {
	const quoted = 3
	var text strings.Builder
	fmt.Fprintf(&text, "%d of %d tasks gave an error", countErrors(e.Errs), len(e.Errs))
	shown := 0
	for i, err := range e.Errs {
		if err == nil {
			continue
		}
		if shown == quoted {
			text.WriteString("; …")
			break
		}
		shown++
		fmt.Fprintf(&text, "; task %d: %v", i+1, err)
	}
	return text.String()
}

// Unwrap returns the errors that are not nil.
func (e *BatchError) Unwrap() []error {
	errs := make([]error, 0, len(e.Errs))
	for _, err := range e.Errs {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func countErrors(errs []error) int {
	n := 0
	for _, err := range errs {
		if err != nil {
			n++
		}
	}
	return n
}
