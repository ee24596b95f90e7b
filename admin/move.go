package admin

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Move puts waiting tasks into another queue, under their IDs and with the same due
// times. There they begin anew, with all their retries and without history. It is
// task.ErrRunning for a task that runs, task.ErrEnded for one that has ended (retry
// it where it is), task.ErrNotFound for one that is gone, and a
// *task.FieldError for one that is gathered. Moving a task to where it is does
// nothing.
//
// Two queues cannot be changed in one step: a task is enqueued into the target
// first and then deleted at its source. A process that dies in between leaves it in
// both, where it may run twice; moving it again finishes the first move. So a task
// is never lost.
func (c *Client) Move(ctx context.Context, queue string, tasks ...*task.Task) error {
	inspector, err := optional[broker.Inspector](c)
	if err != nil {
		return err
	}
	if err := broker.CheckQueue("queue", queue); err != nil {
		return err
	}
	errs := make([]error, len(tasks))
	for start := 0; start < len(tasks); start += broker.MaxBatch {
		end := min(start+broker.MaxBatch, len(tasks))
		m := mover{client: c, inspector: inspector, to: queue}
		m.move(ctx, tasks[start:end], errs[start:end])
	}
	return joined(errs)
}

// mover moves one batch.
type mover struct {
	client    *Client
	inspector broker.Inspector
	to        string
	copies    []*task.Task
	at        []int // of each copy, the position of its task
}

func (m *mover) move(ctx context.Context, tasks []*task.Task, errs []error) {
	for i, t := range tasks {
		found, err := m.copy(ctx, t)
		if errs[i] = err; found != nil {
			m.copies, m.at = append(m.copies, found), append(m.at, i)
		}
	}
	if len(m.copies) == 0 {
		return
	}
	ids := make([]uuid.UUID, len(m.copies)) // a lock may give a copy another
	for n, t := range m.copies {
		ids[n] = t.ID
	}
	taken := m.client.broker.Enqueue(ctx, m.copies)
	var there []*task.Task
	var from []int
	for n, i := range m.at {
		if taken != nil && taken[n] != nil && !movedBefore(taken[n]) {
			errs[i] = taken[n]
			continue
		}
		there, from = append(there, &task.Task{Queue: named(tasks[i].Queue), ID: ids[n]}), append(from, n)
	}
	m.leave(ctx, there, from, errs)
}

// copy returns the task as it is to be in the target, or nil.
func (m *mover) copy(ctx context.Context, t *task.Task) (*task.Task, error) {
	if t == nil {
		return nil, errNilTask
	}
	found, err := m.inspector.Task(ctx, named(t.Queue), t.ID)
	switch {
	case err != nil:
		return nil, err
	case named(t.Queue) == m.to:
		return nil, nil
	case found.Status == task.StatusRunning:
		return nil, task.ErrRunning
	case found.Status.Ended():
		return nil, task.ErrEnded
	case found.Gather.Key != "":
		return nil, &task.FieldError{Field: "Gather", Rule: "must not be set to move a task: it has members"}
	}
	found.Queue = m.to
	if late := found.Deadline; !late.IsZero() && found.RunAt.After(late) {
		found.RunAt = late // it was put off beyond its end, and is not enqueued like that
	}
	return found, nil
}

// movedBefore reports whether a task is in the target by an earlier move.
func movedBefore(err error) bool {
	var duplicate *task.DuplicateError
	return errors.As(err, &duplicate) && !duplicate.Unique
}

// leave deletes the tasks at their source. Where a worker was quicker, the copy is
// withdrawn.
func (m *mover) leave(ctx context.Context, there []*task.Task, from []int, errs []error) {
	if len(there) == 0 {
		return
	}
	left := make([]error, len(there))
	if err := m.client.tasks.Delete(ctx, there...); err != nil {
		var batch *jobsy.BatchError
		left[0] = err
		if errors.As(err, &batch) {
			copy(left, batch.Errs)
		}
	}
	for k, err := range left {
		if err == nil {
			continue
		}
		errs[m.at[from[k]]] = err
		// One that has taken the place of another by a lock is not withdrawn.
		own := m.copies[from[k]].ID == there[k].ID
		if own && (errors.Is(err, task.ErrRunning) || errors.Is(err, task.ErrNotFound)) {
			_ = m.client.tasks.Delete(ctx, &task.Task{Queue: m.to, ID: there[k].ID}) // it may run already
		}
	}
}
