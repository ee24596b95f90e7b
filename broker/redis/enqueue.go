package redis

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

// Enqueue implements broker.Broker.
func (b *Broker) Enqueue(ctx context.Context, tasks []*task.Task) []error {
	if err := b.usable(); err != nil {
		return all(len(tasks), err)
	}
	errs := make([]error, len(tasks))
	items, at := make([]item, 0, len(tasks)), make([]int, 0, len(tasks))
	for i, t := range tasks {
		if errs[i] = prepare(t); errs[i] == nil {
			items, at = append(items, newTaskItem(t)), append(at, i)
		}
	}
	for i, err := range b.enqueues.do(ctx, items) {
		var joined *joinedError
		if errors.As(err, &joined) {
			tasks[at[i]].ID, err = joined.id, joined.also
		}
		errs[at[i]] = err
	}
	for i, t := range tasks {
		if errs[i] == nil {
			t.Status = statusOf(t)
		}
	}
	return orNil(errs)
}

func prepare(t *task.Task) error {
	if t == nil {
		return &task.FieldError{Field: "task", Rule: "must not be nil"}
	}
	return broker.Prepare(t)
}

// statusOf tells what a task that was just taken is, as far as this process's
// clock can tell.
func statusOf(t *task.Task) task.Status {
	if time.Now().Before(t.RunAt) {
		return task.StatusScheduled
	}
	return task.StatusPending
}

func newTaskItem(t *task.Task) item {
	id := encodeID(t.ID)
	kept := recordUnder(id, *t)
	it := item{
		queue: t.Queue,
		id:    t.ID,
		args:  []any{id, delayedScore(t), kept},
		size:  len(kept),
	}
	if digest := broker.LockKey(t); digest != "" {
		it.also = lockArgs(t, digest)
	}
	return it
}

// delayedScore orders delayed tasks by their due time, then by their priority.
func delayedScore(t *task.Task) int64 {
	return millis(t.RunAt)<<8 + 255 - int64(t.Priority)
}

// millis rounds up: a task never starts early.
func millis(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.Add(time.Millisecond - 1).UnixMilli()
}

// recordUnder returns the record that is kept in the field of that name. What the
// field says it does not repeat: that is an eighth of a small task.
func recordUnder(field string, t task.Task) []byte {
	if encodeID(t.ID) == field {
		t.ID = uuid.Nil
	}
	return record.Encode(&t)
}
