package memory

import (
	"context"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Settle implements broker.Broker. An outcome that the storage fails to take in
// is answered with that error, and its lease is still held.
func (b *Broker) Settle(_ context.Context, outcomes []broker.Outcome) []error {
	now, err := b.enter(context.Background())
	if err != nil {
		return all(len(outcomes), err)
	}
	defer b.exit(now, len(outcomes))
	errs := failures{n: len(outcomes)}
	for i := range outcomes {
		errs.add(i, b.settle(&outcomes[i], now))
	}
	return errs.errs
}

func (b *Broker) settle(o *broker.Outcome, now time.Time) error {
	if err := o.Check(); err != nil {
		return err
	}
	e := b.held(&o.Lease)
	if e == nil {
		return task.ErrLeaseLost
	}
	decided := b.decided(o, e)
	o = &decided
	if o.Status.Ended() && o.Keep <= 0 {
		if err := b.erase(e.storageID); err != nil {
			return err
		}
		b.remove(e)
		b.spares.Put(e.task)
		e.task = nil
		return nil
	}
	settled, at := b.settled(e, o, now)
	if err := b.save(settled, e.storageID, at); err != nil {
		return err
	}
	b.lift(e)
	e.task = settled
	e.released = settled.Status == task.StatusPending
	e.answered = e.answered || o.Status != task.StatusPending && !o.Parked
	b.put(e, at)
	return nil
}

// decided is the outcome that counts: a task that is to be cancelled ends so, and
// one that somebody waits for stays readable.
func (b *Broker) decided(o *broker.Outcome, e *entry) broker.Outcome {
	own := *o
	if !o.Status.Ended() && !e.doomed {
		return own
	}
	if e.doomed && o.Status != task.StatusCompleted {
		own.Status, own.Keep = task.StatusCancelled, e.doomedKeep
	}
	own.Keep = b.bounds.Keep(own.Status, own.Keep)
	if len(e.waiters) > 0 {
		own.Keep, e.awaited = max(own.Keep, waitedKeep), true
	}
	return own
}

// settled returns what the task becomes, and when it is due or goes.
func (b *Broker) settled(e *entry, o *broker.Outcome, now time.Time) (*task.Task, int64) {
	t := e.task
	if o.Task != nil {
		t = o.Task
	}
	t = t.Clone()
	t.ID, t.Queue, t.Token, t.Status = e.task.ID, e.task.Queue, e.task.Token, o.Status
	switch {
	case o.Status.Ended():
		if t.EndedAt.IsZero() {
			t.EndedAt = now.Round(0)
		}
		return t, after(now, o.Keep)
	case o.Parked:
		t.Deliveries = e.task.Deliveries - 1
		return t, parkedAt
	case delayed(o.Status):
		t.Deliveries = 0
		return t, after(now, o.Delay)
	case e.task.Deliveries > 1: // a lease that nobody holds
		t.Status, t.Deliveries, t.Token = task.StatusRunning, e.task.Deliveries-1, b.draw()
		return t, after(now, o.Delay)
	}
	t.Deliveries = 0
	return t, 0
}
