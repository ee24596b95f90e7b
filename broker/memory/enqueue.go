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
	crowded := false
	b.each(ctx, &errs, func(i int, now time.Time) error {
		err := b.enqueue(own[i], now)
		if err == nil { // what is there belongs to others once the broker is not locked
			tasks[i].ID = own[i].ID
			tasks[i].Status, _ = waits(tasks[i], now)
		}
		crowded = i == len(own)-1 && b.crowded(tasks[i].Queue)
		return err
	})
	if crowded {
		runtime.Gosched()
	}
	return errs.errs
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
		return &task.DuplicateError{ID: t.ID, Same: e.is(t)}
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
