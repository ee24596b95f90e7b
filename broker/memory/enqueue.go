package memory

import (
	"context"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// Enqueue implements broker.Broker. A task that the storage fails to save is
// refused with that error.
func (b *Broker) Enqueue(ctx context.Context, tasks []*task.Task) []error {
	if err := ctx.Err(); err != nil {
		return all(len(tasks), err)
	}
	errs := failures{n: len(tasks)}
	own := make([]*task.Task, len(tasks)) // copied before the lock is held
	for i, t := range tasks {
		if errs.add(i, prepare("Task", t)); errs.at(i) == nil {
			own[i] = t.Clone()
		}
	}
	now, err := b.enter(ctx)
	if err != nil {
		return all(len(tasks), err)
	}
	defer b.exit(now, len(tasks))
	for i, t := range own {
		if t != nil {
			errs.add(i, b.enqueue(t, now))
		}
	}
	for i, t := range tasks { // not before: a task may be in the batch twice
		if errs.at(i) == nil {
			t.Status, _ = waits(t, now)
			t.ID = own[i].ID
		}
	}
	return errs.errs
}

func prepare(field string, t *task.Task) error {
	if t == nil {
		return &task.FieldError{Field: field, Rule: "must not be nil"}
	}
	return t.Prepare()
}

// enqueue takes one prepared task, which the broker owns.
func (b *Broker) enqueue(t *task.Task, now time.Time) error {
	if e := b.find(t, now.UnixNano()); e != nil {
		if !e.is(t) {
			return &task.DuplicateError{ID: t.ID}
		}
		return nil
	}
	if digest := t.LockKey(); digest != "" {
		err := b.enqueueUnique(t, digest, now)
		if err == nil {
			b.open(t.Queue).arrived++
		}
		return err
	}
	var due int64
	t.Status, due = waits(t, now)
	id := b.storageID(t)
	if err := b.save(t, id, due); err != nil {
		return err
	}
	b.insert(t, id, due).queue.arrived++
	return nil
}

// waits returns what a new task becomes, and when it is due.
func waits(t *task.Task, now time.Time) (task.Status, int64) {
	if due := nanos(t.RunAt); due > now.UnixNano() {
		return task.StatusScheduled, due
	}
	return task.StatusPending, 0
}

// find returns the entry that has the ID of t, or nil. What is overdue has none.
func (b *Broker) find(t *task.Task, now int64) *entry {
	q := b.queues[t.Queue]
	if q == nil {
		return nil
	}
	e := q.tasks[t.ID]
	if e != nil && e.overdue(now) {
		b.drop(e)
		return nil
	}
	return e
}
