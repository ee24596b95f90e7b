package memory

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

// idHeader holds the ID of a task that the storage has under another one.
const idHeader = "jobsy:id"

// sinceHeader holds since when a task has its lock, in nanoseconds since 1970.
const sinceHeader = "jobsy:since"

// errExited is what a storage is taken to say that ends its goroutine.
var errExited = errors.New("runtime.Goexit")

// storageID returns the ID under which the storage is to have a new task: its
// own, unless a task of another queue has the same. A storage knows no queues.
func (b *Broker) storageID(t *task.Task) uuid.UUID {
	if _, ok := b.books.stored[t.ID]; ok {
		return derivedID(t.ID, t.Queue)
	}
	return t.ID
}

func derivedID(id uuid.UUID, queue string) uuid.UUID { return uuid.NewSHA1(id, []byte(queue)) }

// ownID gives a task from the storage its own ID back.
func ownID(t *task.Task) {
	id, err := uuid.Parse(t.Headers[idHeader])
	if err == nil && derivedID(id, t.Queue) == t.ID {
		t.ID = id
		delete(t.Headers, idHeader)
	}
}

// lockedSince takes out of a task from the storage since when it has its lock.
// Default: since it was enqueued.
func lockedSince(t *task.Task, now time.Time) int64 {
	since, err := strconv.ParseInt(t.Headers[sinceHeader], 10, 64)
	if delete(t.Headers, sinceHeader); err != nil {
		since = nanos(t.EnqueuedAt)
	}
	return min(since, now.UnixNano())
}

// forStorage returns what the storage gets of a task: a copy, which says when a
// delayed one is due in RunAt, and how long an ended one is kept in Retention.
func forStorage(t *task.Task, id uuid.UUID, at, first int64) *task.Task {
	stored := t.Clone()
	if stored.Headers == nil {
		stored.Headers = make(map[string]string)
	}
	if id != t.ID {
		stored.ID = id
		stored.Headers[idHeader] = t.ID.String()
	}
	if first != 0 {
		stored.Headers[sinceHeader] = strconv.FormatInt(first, 10)
	}
	switch {
	case t.Status == task.StatusScheduled && at == parkedAt: // nobody knows who will handle it
		stored.Status = task.StatusPending
		if t.Deliveries > 0 { // which a lease counts
			stored.Status = task.StatusRunning
		}
	case delayed(t.Status):
		stored.RunAt = time.Unix(0, at)
	case t.Status.Ended():
		stored.Retention = max(time.Unix(0, at).Sub(t.EndedAt), 1)
	}
	return stored
}

// save writes a new task through to the storage, if there is one, under that ID.
// At is the time of its key.
func (b *Broker) save(t *task.Task, id uuid.UUID, at int64) error {
	return b.saveHeld(t, id, at, 0)
}

// saveHeld saves one whose lock dates from first.
func (b *Broker) saveHeld(t *task.Task, id uuid.UUID, at, first int64) error {
	if b.storage == nil {
		return nil
	}
	stored := forStorage(t, id, at, first)
	delete(b.books.gone, id)
	return b.unlocked("save task in storage", func() error { return b.storage.SaveTask(stored) })
}

// update saves what becomes of an entry, before the entry changes.
func (b *Broker) update(e *entry, t *task.Task, at int64) error {
	if b.storage == nil {
		return nil
	}
	b.books.busy = e
	defer func() { b.books.busy = nil }()
	return b.saveHeld(t, e.storageID, at, e.lockedSince())
}

// discard deletes a task for good.
func (b *Broker) discard(e *entry) error {
	b.books.busy = e
	err := b.erase(e.storageID)
	b.books.busy = nil
	if err == nil {
		b.remove(e)
	}
	return err
}

// erase deletes a task from the storage, if there is one.
func (b *Broker) erase(id uuid.UUID) error {
	if b.storage == nil {
		return nil
	}
	return b.unlocked("delete task from storage", func() error { return b.storage.DeleteTask(id) })
}

// unlocked calls the storage. Meanwhile the broker is not locked: others look at it,
// extend leases and forget what is overdue, but nothing that needs the pen
// happens, and nothing to the task that is busy.
func (b *Broker) unlocked(doing string, call func() error) error {
	b.lock.Unlock()
	defer b.lock.Lock()
	return b.ask(doing, call)
}

// ask calls the storage, in a goroutine of its own: one that panics or ends its
// goroutine harms this call only.
func (b *Broker) ask(doing string, call func() error) error {
	answered := make(chan error, 1)
	go func() {
		err, returned := errExited, false
		defer func() {
			if reason := recover(); reason != nil {
				err = fmt.Errorf("panic: %v", reason)
			}
			if !returned {
				b.log.Error("the storage did not return", "doing", doing, "error", err, "stack", string(debug.Stack()))
			}
			answered <- err
		}()
		err = call()
		returned = true
	}()
	if err := <-answered; err != nil {
		return fmt.Errorf("%s: %w: %w", doing, task.ErrUnavailable, err)
	}
	return nil
}
