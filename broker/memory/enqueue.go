package memory

import (
	"context"
	"runtime"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
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
	crowded, err := b.take(ctx, tasks, own, &errs)
	if err != nil {
		return all(len(tasks), err)
	}
	if crowded {
		runtime.Gosched()
	}
	return errs.errs
}

// take enqueues the broker's own copies of the tasks, of which those are nil that
// are not to be taken. The error is that of all of them.
func (b *Broker) take(ctx context.Context, tasks, own []*task.Task, errs *failures) (crowded bool, err error) {
	now, err := b.enter(ctx)
	if err != nil {
		return false, err
	}
	defer b.exit(now, len(own))
	var last *task.Task
	for i, t := range own {
		if t != nil {
			last = t
			errs.add(i, b.enqueue(t, now))
		}
	}
	for i, t := range tasks { // not before: a task may be in the batch twice
		if errs.at(i) == nil {
			t.Status, _ = waits(t, now)
			t.ID = own[i].ID
		}
	}
	return last != nil && b.crowded(last.Queue), nil
}

// crowd is how many tasks may wait before those who enqueue more let others go
// first.
const crowd = 5000

// brisk is how many tasks are leased at once by a server whose handlers are
// quick.
const brisk = 32

// crowded reports whether more tasks wait than is good, and are being run as
// fast as this process can. Whoever enqueues then competes with those who run
// them: to be ahead by a million tasks costs memory and makes both slower.
func (b *Broker) crowded(queue string) bool {
	q := b.queues[queue]
	return q != nil && q.brisk && q.pending.len() > crowd
}

func prepare(field string, t *task.Task) error {
	if t == nil {
		return &task.FieldError{Field: field, Rule: "must not be nil"}
	}
	return broker.Prepare(t)
}

// enqueue takes one prepared task, which the broker owns.
func (b *Broker) enqueue(t *task.Task, now time.Time) error {
	if e := b.find(t, now.UnixNano()); e != nil {
		if !e.is(t) {
			return &task.DuplicateError{ID: t.ID}
		}
		return nil
	}
	if digest := broker.LockKey(t); digest != "" {
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
