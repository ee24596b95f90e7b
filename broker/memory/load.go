package memory

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	// defaultKeep is how long a stored task that has ended is kept if its
	// record does not say.
	defaultKeep = 24 * time.Hour
	// malformedKeep is how long what was set aside is kept.
	malformedKeep = 7 * 24 * time.Hour

	maxToken = 1 << turnBits
)

// load takes in what the storage holds.
func (b *Broker) load(now time.Time) error {
	_ = b.lock.acquire(context.Background())
	loaded, err := b.storage.LoadAllTasks()
	if err != nil {
		b.lock.release()
		return fmt.Errorf("load tasks from storage: %w", err)
	}
	defer b.exit(now, len(loaded))
	tasks := make([]restored, 0, len(loaded))
	for _, t := range loaded {
		if t == nil {
			b.log.Error("the storage returned a nil task")
			continue
		}
		r := b.restore(t.Clone(), now)
		tasks = append(tasks, r)
		b.counter = max(b.counter, r.task.Token)
	}
	slices.SortStableFunc(tasks, restored.compare)
	for _, r := range tasks {
		b.admit(r, now)
	}
	b.freeHeld(now.UnixNano())
	return nil
}

// restored is a task from the storage, and the ID that it has there.
type restored struct {
	task *task.Task
	id   uuid.UUID
}

// compare orders tasks as they were enqueued, and after them those that have
// ended as they did.
func (r restored) compare(other restored) int {
	a, b := r.task, other.task
	switch {
	case a.Status.Ended() && b.Status.Ended():
		return cmp.Or(a.EndedAt.Compare(b.EndedAt), bytes.Compare(a.ID[:], b.ID[:]))
	case a.Status.Ended():
		return 1
	case b.Status.Ended():
		return -1
	}
	return cmp.Or(a.EnqueuedAt.Compare(b.EnqueuedAt), bytes.Compare(a.ID[:], b.ID[:]))
}

// restore returns a stored task with its defaults filled in. In place of a
// malformed one it returns what keeps it readable as failed.
func (b *Broker) restore(t *task.Task, now time.Time) restored {
	id := t.ID
	ownID(t)
	prepared := *t
	switch {
	case t.Gather.Key != "": // what is stored says when the group is due
		prepared.RunAt = time.Time{}
	case t.RunAt.After(t.Deadline): // it was put off beyond its end
		prepared.Deadline = time.Time{}
	}
	if err := cmp.Or(checkRecorded(t), broker.Prepare(&prepared)); err != nil {
		standIn := b.setAside(t, id, err, now)
		return restored{standIn, standIn.ID}
	}
	t.Queue, t.Priority, t.MaxRetry, t.Timeout = prepared.Queue, prepared.Priority, prepared.MaxRetry, prepared.Timeout
	return restored{t, id}
}

// checkRecorded says what is wrong with what a broker recorded, if anything.
func checkRecorded(t *task.Task) error {
	switch {
	case t.ID == uuid.Nil:
		return errors.New("it has no ID")
	case !slices.Contains(task.Statuses(), t.Status):
		return fmt.Errorf("unknown status %q", t.Status)
	case t.Attempt < 0, t.Deliveries < 0, t.Token < 0, t.Token > maxToken:
		return fmt.Errorf("impossible attempt %d, deliveries %d or token %d", t.Attempt, t.Deliveries, t.Token)
	}
	return nil
}

// setAside puts a failed task in the place of a malformed one, with its record
// as the payload.
func (b *Broker) setAside(t *task.Task, id uuid.UUID, reason error, now time.Time) *task.Task {
	kept := record.Encode(t)
	standIn := &task.Task{
		ID: id, Name: "malformed", Payload: kept, Queue: t.Queue, EnqueuedAt: now.Round(0),
	}
	if id == uuid.Nil {
		standIn.ID = uuid.NewSHA1(uuid.NameSpaceOID, kept)
	}
	if broker.Prepare(standIn) != nil { // the name of the queue is at fault
		standIn.Queue = task.DefaultQueue
		_ = broker.Prepare(standIn)
	}
	standIn.Status, standIn.EndedAt, standIn.Retention = task.StatusFailed, now.Round(0), malformedKeep
	standIn.LastError = fmt.Errorf("%w: %w", task.ErrRecord, reason).Error()
	b.log.Error("set a malformed task aside as failed", "queue", standIn.Queue, "id", standIn.ID, "error", reason)
	if err := b.replace(id, standIn, now); err != nil {
		b.log.Warn("cannot set a malformed task aside in the storage", "id", standIn.ID, "error", err)
	}
	return standIn
}

func (b *Broker) replace(id uuid.UUID, standIn *task.Task, now time.Time) error {
	if err := b.save(standIn, standIn.ID, after(now, malformedKeep)); err != nil || id == standIn.ID {
		return err
	}
	return b.erase(id)
}

// admit places a restored task. The lease of a running one has run out: nobody
// can hold it.
func (b *Broker) admit(r restored, now time.Time) {
	t, at := r.task, int64(0)
	switch {
	case delayed(t.Status):
		at = nanos(t.RunAt)
	case t.Status.Ended():
		at = until(t, now)
	}
	if _, ok := b.stored[r.id]; ok || b.find(t, now.UnixNano()) != nil {
		b.log.Error("the storage returned two tasks with one ID: the later is left out", "queue", t.Queue, "id", t.ID)
		return
	}
	e := b.insert(t, r.id, at)
	b.relock(e, now)
	e.answered = t.Attempt > 0 || t.Status.Ended() || t.Status == task.StatusRetrying
}
