package memory

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Revise implements broker.Operator. A change that the storage fails to take in
// is answered with that error, and the task is as it was.
func (b *Broker) Revise(_ context.Context, queue string, ids []uuid.UUID, change broker.Change) []error {
	if err := change.Check(); err != nil {
		return all(len(ids), err)
	}
	q, now, err := b.inspect(queue)
	if err != nil {
		return all(len(ids), err)
	}
	defer b.exit(now, len(ids))
	errs := failures{n: len(ids)}
	for i, id := range ids {
		var e *entry
		if q != nil {
			e = q.tasks[id]
		}
		errs.add(i, b.revise(e, &change, i, now))
	}
	return errs.errs
}

func (b *Broker) revise(e *entry, change *broker.Change, turn int, now time.Time) error {
	if e == nil || e.overdue(now.UnixNano()) {
		return task.ErrNotFound
	}
	status, cancel := e.task.Status, change.Status == task.StatusCancelled
	switch {
	case cancel && status == task.StatusCancelled:
		return nil
	case cancel && status.Ended():
		return task.ErrEnded
	case cancel && status == task.StatusRunning:
		b.doom(e, change.Keep)
		return nil
	case status == task.StatusRunning:
		return task.ErrRunning
	case change.Delete:
		return b.discard(e)
	case cancel:
		return b.cancel(e, b.bounds.Keep(task.StatusCancelled, change.Keep), now)
	}
	return b.change(e, change, turn, now)
}

// discard deletes a task for good.
func (b *Broker) discard(e *entry) error {
	if err := b.erase(e.storageID); err != nil {
		return err
	}
	b.remove(e)
	return nil
}

// cancel ends a waiting task.
func (b *Broker) cancel(e *entry, keep time.Duration, now time.Time) error {
	if len(e.waiters) > 0 {
		keep, e.awaited = max(keep, waitedKeep), true
	}
	if keep <= 0 {
		return b.discard(e)
	}
	t := e.task.Clone()
	t.Status, t.EndedAt = task.StatusCancelled, now.Round(0)
	return b.become(e, t, after(now, keep))
}

// become puts the entry where its new task belongs.
func (b *Broker) become(e *entry, t *task.Task, at int64) error {
	if err := b.save(t, e.storageID, at); err != nil {
		return err
	}
	b.lift(e)
	e.task = t
	b.put(e, at)
	return nil
}

// doom marks a running task to be cancelled, and tells those who listen.
func (b *Broker) doom(e *entry, keep time.Duration) {
	if !e.doomed {
		b.tell(bulletin{e.queue.name, e.task.ID})
	}
	e.doomed, e.doomedKeep = true, keep
}

// change makes any other change of a task that waits or has ended.
func (b *Broker) change(e *entry, change *broker.Change, turn int, now time.Time) error {
	if err := change.Suits(e.task); err != nil {
		return err
	}
	t, at := e.task.Clone(), e.key.at
	if change.Priority != 0 {
		t.Priority = change.Priority
	}
	if change.Payload != nil {
		t.Payload = append([]byte{}, change.Payload...)
	}
	if change.Status == "" {
		return b.become(e, t, at)
	}
	anew := t.Status.Ended()
	if anew {
		if err := b.mayRetake(e, broker.LockKey(t)); err != nil {
			return err
		}
		t.Attempt, t.Snoozes, t.Excused = 0, 0, 0
		t.EndedAt, t.Progress = time.Time{}, task.Progress{}
	}
	t.Deliveries = 0
	wait := change.Wait(turn)
	fresh := t.Status != task.StatusPending
	t.Status, t.RunAt, at = task.StatusPending, time.Time{}, 0
	if wait > 0 {
		t.Status, at = task.StatusScheduled, after(now, wait)
	}
	if err := b.become(e, t, at); err != nil {
		return err
	}
	if anew {
		b.retake(e, now)
	}
	if fresh && at == 0 { // its turn comes after those that are pending
		b.lift(e)
		e.turn, e.released = b.draw(), false
		b.put(e, 0)
	}
	e.answered = e.answered && !anew
	return nil
}

func (e *entry) retakes() bool {
	return e.task.Unique.Mode == task.UntilStarted || e.task.Unique.Mode == task.UntilEnded
}

// mayRetake says who holds the lock that an ended task is to take again, if
// somebody does.
func (b *Broker) mayRetake(e *entry, digest string) error {
	if !e.retakes() {
		return nil
	}
	h := b.holds[holdID{e.queue.name, digest}]
	if h != nil && h.holder != e && (h.holder.unended() || h.mode == task.Throttle) {
		return &task.DuplicateError{ID: h.task, Unique: true}
	}
	return nil
}

// retake gives a task that begins anew its lock again.
func (b *Broker) retake(e *entry, now time.Time) {
	if e.retakes() {
		b.giveLock(holdID{e.queue.name, broker.LockKey(e.task)}, e, now)
	}
}

// Pause implements broker.Operator. A pause does not survive the process.
func (b *Broker) Pause(_ context.Context, queue string) error {
	_, now, err := b.inspect(queue)
	if err != nil {
		return err
	}
	defer b.exit(now, 0)
	b.paused[queue] = struct{}{}
	b.tell(bulletin{queue: queue})
	return nil
}

// Resume implements broker.Operator.
func (b *Broker) Resume(_ context.Context, queue string) error {
	q, now, err := b.inspect(queue)
	if err != nil {
		return err
	}
	defer b.exit(now, 0)
	delete(b.paused, queue)
	if q != nil {
		q.news = true
		b.touch(q)
	}
	return nil
}

func (b *Broker) isPaused(queue string) bool {
	_, paused := b.paused[queue]
	return paused
}

// Queue implements broker.Inspector.
func (b *Broker) Queue(_ context.Context, queue string) (broker.QueueInfo, error) {
	q, now, err := b.inspect(queue)
	if err != nil {
		return broker.QueueInfo{}, err
	}
	defer b.exit(now, 0)
	return b.info(queue, q, now), nil
}

// info returns what is known of a queue; q is nil if it holds no task.
func (b *Broker) info(name string, q *queue, now time.Time) broker.QueueInfo {
	info := broker.QueueInfo{Paused: b.isPaused(name), Dropped: make(map[task.Status]int)}
	for status, n := range b.dropped[name] {
		info.Dropped[status] = n
	}
	if q != nil {
		info.Oldest = q.oldest(now)
	}
	return info
}
