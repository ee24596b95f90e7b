package jobsy

import (
	"context"
	"errors"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// statuses takes out of the tasks where they stand. So a task that is there twice
// repeats one call, not two.
func statuses(tasks []*task.Task) []task.Status {
	were := make([]task.Status, len(tasks))
	for i, t := range tasks {
		if t != nil {
			were[i], t.Status = t.Status, ""
		}
	}
	return were
}

func restore(tasks []*task.Task, were []task.Status) {
	for i, t := range tasks {
		if t != nil && were[i] != "" {
			t.Status = were[i]
		}
	}
}

// answered writes into a task whether its outcome is unknown, and returns the error
// that its producer is told. The task was what it says before the call.
func answered(ctx context.Context, b broker.Broker, t *task.Task, was task.Status, err error) error {
	if was == task.StatusUnknown && err != nil {
		err = repeated(ctx, b, t, err)
	}
	switch {
	case err == nil:
	case was != "" && was != task.StatusUnknown:
		t.Status = was // known to have been taken, once
	case unknown(ctx, err):
		t.Status = task.StatusUnknown
	}
	return err
}

// unknown reports whether a task may have been taken in spite of the error.
func unknown(ctx context.Context, err error) bool {
	return errors.Is(err, task.ErrUnavailable) || ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)))
}

// repeated returns nil for a refusal by the task itself: an earlier call had been
// taken.
func repeated(ctx context.Context, b broker.Broker, t *task.Task, err error) error {
	var duplicate *task.DuplicateError
	switch {
	case !errors.As(err, &duplicate):
		return err
	case duplicate.Same:
		t.ID, t.Status = duplicate.ID, waits(t)
		return duplicate.Late
	case duplicate.ID != t.ID:
		return err
	case duplicate.Unique: // it is gone, and has left its lock behind
		t.Status = waits(t)
		return nil
	}
	return stands(ctx, b, t, err)
}

// waits is what a task is that was just taken, as far as this process's clock can
// tell.
func waits(t *task.Task) task.Status {
	if time.Now().Before(t.RunAt) {
		return task.StatusScheduled
	}
	return task.StatusPending
}

// stands returns nil if the task with the ID of t is t: what a broker has recorded
// since does not count. Otherwise the refusal was right.
func stands(ctx context.Context, b broker.Broker, t *task.Task, refused error) error {
	inspector, ok := b.(broker.Inspector)
	if !ok {
		return refused
	}
	found, err := inspector.Task(ctx, t.Queue, t.ID)
	switch {
	case errors.Is(err, task.ErrNotFound):
		return refused
	case err != nil:
		return err
	case found.Name != t.Name || !found.EnqueuedAt.Equal(t.EnqueuedAt):
		return refused
	}
	t.Status = found.Status
	return nil
}
