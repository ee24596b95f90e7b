package jobsy

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// DefaultFailedRetention is how long a task that has failed or was cancelled stays
// readable unless options say otherwise.
const DefaultFailedRetention = 7 * 24 * time.Hour

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

// Client enqueues tasks, waits for them, and calls them off or runs them again. It
// is safe for concurrent use, and needs no closing: the broker is closed by whoever
// made it. What an operator does beyond that is in package admin.
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
	c.optErr = broker.CheckDuration("ClientOptions.CancelledRetention", c.cancelledRetention)
	orDefault(&c.maxPayload, DefaultMaxPayload)
	orDefault(&c.cancelledRetention, DefaultFailedRetention)
	c.cancelledRetention = max(c.cancelledRetention, 0)
	var err error
	c.enqueue, err = wrapped(c.hand, opts.Use)
	switch {
	case err != nil:
		c.optErr = err
	case isNil(b):
		c.optErr = errNilBroker
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
// task.ErrDuplicate for an ID that is in use, also if the task there is this one:
// to enqueue it once more, enqueue its Again. Enqueue ends with its context, and
// within seconds without one; only in memory with a storage.Storage it waits for
// that, however long it takes.
//
// It is task.ErrUnavailable if the broker could not be reached or did not answer in
// time. Then, and when the context ended, whether a task was taken is unknown: such
// a task has task.StatusUnknown, and enqueuing it again, or a copy of it, is safe:
// nil if it was taken. Only where it has run and is gone already, or has changed or
// joined a waiting task by its Unique or Gather that runs by then, may it run twice.
// A task that was taken before, as one that a handler is given, is not marked so.
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
	were := statuses(tasks)
	for i, t := range tasks {
		if err := c.check(t); err != nil {
			restore(tasks, were)
			return numbered(err, i, len(tasks))
		}
	}
	errs := make([]error, len(tasks))
	for start := 0; start < len(tasks); start += broker.MaxBatch {
		end := min(start+broker.MaxBatch, len(tasks))
		copy(errs[start:], c.broker.Enqueue(ctx, tasks[start:end]))
	}
	for i, t := range tasks {
		errs[i] = answered(ctx, c.broker, t, were[i], errs[i])
	}
	return joined(errs)
}

func (c *Client) check(t *task.Task) error {
	if t == nil {
		return errNilTask
	}
	if n := len(t.Payload); n > c.maxPayload {
		return &task.FieldError{Field: "Payload", Rule: fmt.Sprintf("must be at most %d bytes", c.maxPayload), Value: fmt.Sprint(n)}
	}
	return broker.Prepare(t)
}

// Get returns a task as it stands now, or task.ErrNotFound.
func (c *Client) Get(ctx context.Context, t *task.Task) (*task.Task, error) {
	inspector, err := optional[broker.Inspector](c)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, errNilTask
	}
	return inspector.Task(ctx, queueOf(t), t.ID)
}

// Wait blocks until the task, named by its Queue and ID, has ended, and returns
// it. It does not poll. The error is task.ErrFailed with the task's last error,
// or task.ErrCancelled, if the task has not completed; the task is returned then
// too. A task that one waits for stays readable for a minute after its end; who
// comes later finds it within its Retention, and then gets task.ErrNotFound.
//
// What the last attempt has left in it (Attempt, StartedAt, EndedAt, Worker,
// History) is recorded of a task that failed, was cancelled, has a result or a
// Retention. Of any other that has completed only the Status counts.
func (c *Client) Wait(ctx context.Context, t *task.Task) (*task.Task, error) {
	notifier, err := optional[broker.Notifier](c)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, errNilTask
	}
	ended, err := notifier.Wait(ctx, queueOf(t), t.ID)
	if err != nil {
		return nil, err
	}
	switch ended.Status {
	case task.StatusFailed:
		return ended, fmt.Errorf("%w: %s", task.ErrFailed, ended.LastError)
	case task.StatusCancelled:
		return ended, task.ErrCancelled
	}
	return ended, nil
}

// WaitResult is Client.Wait for a task whose handler was registered with
// HandleResult, and decodes its result. That there is none, or none of this type,
// is an error of its own.
func WaitResult[Result any](ctx context.Context, c *Client, t *task.Task) (Result, error) {
	var result Result
	ended, err := c.Wait(ctx, t)
	if err != nil {
		return result, err
	}
	if len(ended.Result) == 0 {
		return result, fmt.Errorf("task %s of %s has left no result", ended.ID, ended.Name)
	}
	if err := json.Unmarshal(ended.Result, &result); err != nil {
		return result, fmt.Errorf("decode result of %s: %w", ended.Name, err)
	}
	return result, nil
}

// Cancel calls tasks off. One that waits has ended when Cancel returns. One that
// runs has its context cancelled with the cause task.ErrCancelled, wherever it
// runs, usually within a second, and ends cancelled once its handler has returned,
// whatever error that is; if it returns nil, the task has completed. Cancelling
// what is cancelled is no error; it is task.ErrEnded for one that has completed
// or failed, and task.ErrNotFound for one that is gone.
//
// It stays readable for as long as ClientOptions.CancelledRetention says, or its
// Retention here, whichever is longer.
func (c *Client) Cancel(ctx context.Context, tasks ...*task.Task) error {
	keep := func(t *task.Task) time.Duration { return max(t.Retention, c.cancelledRetention) }
	return c.revise(ctx, tasks, keep, broker.Change{Status: task.StatusCancelled})
}

// Retry runs tasks again: those that have ended begin anew, with all their
// retries, and those that wait for their time are due at once. It is
// task.ErrRunning for a task that runs.
func (c *Client) Retry(ctx context.Context, tasks ...*task.Task) error {
	return c.revise(ctx, tasks, keepNone, broker.Change{Status: task.StatusPending})
}

// Delete removes tasks that wait or have ended. It is task.ErrRunning for a task
// that runs.
func (c *Client) Delete(ctx context.Context, tasks ...*task.Task) error {
	return c.revise(ctx, tasks, keepNone, broker.Change{Delete: true})
}

var errNilTask = &task.FieldError{Field: "task", Rule: "must not be nil"}

func queueOf(t *task.Task) string { return cmp.Or(t.Queue, task.DefaultQueue) }

// optional returns the client's broker as what not every broker is.
func optional[T any](c *Client) (T, error) {
	wanted, ok := c.broker.(T)
	switch {
	case c.optErr != nil:
		return wanted, c.optErr
	case !ok:
		return wanted, fmt.Errorf("the broker cannot do this: %T is no %s", c.broker, reflect.TypeFor[T]())
	}
	return wanted, nil
}

// keepNone is for changes that end no task.
func keepNone(*task.Task) time.Duration { return 0 }

// batch is what the tasks of one change have in common.
type batch struct {
	queue string
	keep  time.Duration
}

// revise changes the tasks queue by queue, in calls as large as they may be.
func (c *Client) revise(ctx context.Context, tasks []*task.Task, keep func(*task.Task) time.Duration, change broker.Change) error {
	operator, err := optional[broker.Operator](c)
	if err != nil {
		return err
	}
	batches := make(map[batch][]int) // the positions of their tasks
	for i, t := range tasks {
		if t == nil {
			return numbered(errNilTask, i, len(tasks))
		}
		b := batch{queueOf(t), keep(t)}
		batches[b] = append(batches[b], i)
	}
	errs := make([]error, len(tasks))
	for b, all := range batches {
		change.Keep = b.keep
		for at := range slices.Chunk(all, broker.MaxBatch) {
			ids := make([]uuid.UUID, len(at))
			for n, i := range at {
				ids[n] = tasks[i].ID
			}
			for n, err := range operator.Revise(ctx, b.queue, ids, change) {
				errs[at[n]] = err
			}
		}
	}
	return joined(errs)
}

var errNilBroker = &task.FieldError{Field: "broker", Rule: "must not be nil"}

// isNil reports whether there is no broker, though perhaps a type of one.
func isNil(b broker.Broker) bool {
	v := reflect.ValueOf(b)
	return b == nil || v.Kind() == reflect.Pointer && v.IsNil()
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
