package admin

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// SetPriority moves a waiting task: it runs as if it had been enqueued with that
// priority, 1 to 255, or 0 for task.MediumPriority. It is task.ErrRunning for a
// task that runs.
func (c *Client) SetPriority(ctx context.Context, t *task.Task, p task.Priority) error {
	if p == 0 {
		p = task.MediumPriority
	}
	return c.edit(ctx, t, broker.Change{Priority: p})
}

// SetPayload gives a task that waits or has ended another payload. It is
// task.ErrRunning for a task that runs, and a *task.FieldError for one that has
// not ended and is unique by its payload.
func (c *Client) SetPayload(ctx context.Context, t *task.Task, payload []byte) error {
	if len(payload) > c.maxPayload {
		return &task.FieldError{Field: "Payload", Rule: fmt.Sprintf("must be at most %d bytes", c.maxPayload), Value: fmt.Sprint(len(payload))}
	}
	if payload == nil {
		payload = []byte{}
	}
	return c.edit(ctx, t, broker.Change{Payload: payload})
}

func (c *Client) edit(ctx context.Context, t *task.Task, change broker.Change) error {
	operator, err := optional[broker.Operator](c)
	if err != nil {
		return err
	}
	if t == nil {
		return errNilTask
	}
	return joined(operator.Revise(ctx, named(t.Queue), []uuid.UUID{t.ID}, change))
}
