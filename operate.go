package jobsy

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

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

// SetPriority moves a waiting task: it runs as if it had been enqueued with that
// priority, 1 to 255, or 0 for task.MediumPriority. It is task.ErrRunning for a
// task that runs.
func (c *Client) SetPriority(ctx context.Context, t *task.Task, p task.Priority) error {
	if p == 0 {
		p = task.MediumPriority
	}
	return c.revise(ctx, []*task.Task{t}, keepNone, broker.Change{Priority: p})
}

// SetPayload gives a task that waits or has ended another payload. It is
// task.ErrRunning for a task that runs, and a *task.FieldError for one that has
// not ended and is unique by its payload.
func (c *Client) SetPayload(ctx context.Context, t *task.Task, payload []byte) error {
	if len(payload) > c.maxPayload {
		return c.tooLarge(payload)
	}
	if payload == nil {
		payload = []byte{}
	}
	return c.revise(ctx, []*task.Task{t}, keepNone, broker.Change{Payload: payload})
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

// Pause has servers start nothing more of a queue, at once and everywhere, until
// it is resumed. What runs goes on, and enqueuing does.
func (c *Client) Pause(ctx context.Context, queue string) error {
	operator, err := optional[broker.Operator](c)
	if err != nil {
		return err
	}
	return operator.Pause(ctx, cmp.Or(queue, task.DefaultQueue))
}

// Resume ends a pause.
func (c *Client) Resume(ctx context.Context, queue string) error {
	operator, err := optional[broker.Operator](c)
	if err != nil {
		return err
	}
	return operator.Resume(ctx, cmp.Or(queue, task.DefaultQueue))
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

// lot is what one change can be made of.
type lot struct {
	queue string
	keep  time.Duration
}

// revise changes the tasks queue by queue, in calls as large as they may be.
func (c *Client) revise(ctx context.Context, tasks []*task.Task, keep func(*task.Task) time.Duration, change broker.Change) error {
	operator, err := optional[broker.Operator](c)
	if err != nil {
		return err
	}
	lots := make(map[lot][]int)
	for i, t := range tasks {
		if t == nil {
			return numbered(errNilTask, i, len(tasks))
		}
		l := lot{queueOf(t), keep(t)}
		lots[l] = append(lots[l], i)
	}
	errs := make([]error, len(tasks))
	for l, all := range lots {
		change.Keep = l.keep
		for at := range slices.Chunk(all, broker.MaxBatch) {
			ids := make([]uuid.UUID, len(at))
			for n, i := range at {
				ids[n] = tasks[i].ID
			}
			for n, err := range operator.Revise(ctx, l.queue, ids, change) {
				errs[at[n]] = err
			}
		}
	}
	return joined(errs)
}
