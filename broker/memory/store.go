package memory

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

// idHeader holds the ID of a task that the storage has under another one.
const idHeader = "jobsy:id"

// storageID returns the ID under which the storage is to have a new task: its
// own, unless a task of another queue has the same. A storage knows no queues.
func (b *Broker) storageID(t *task.Task) uuid.UUID {
	if _, ok := b.stored[t.ID]; ok {
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

// save writes a task through to the storage, if there is one, under that ID. At
// is the time of its key. The storage gets a copy of its own, which says when a
// delayed task is due in RunAt, and how long an ended one is kept in Retention.
func (b *Broker) save(t *task.Task, id uuid.UUID, at int64) error {
	if b.storage == nil {
		return nil
	}
	stored := t.Clone()
	if id != t.ID {
		stored.ID = id
		if stored.Headers == nil {
			stored.Headers = make(map[string]string)
		}
		stored.Headers[idHeader] = t.ID.String()
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
	if err := b.storage.SaveTask(stored); err != nil {
		return fmt.Errorf("save task in storage: %w", err)
	}
	return nil
}

// erase deletes a task from the storage, if there is one.
func (b *Broker) erase(id uuid.UUID) error {
	if b.storage == nil {
		return nil
	}
	if err := b.storage.DeleteTask(id); err != nil {
		return fmt.Errorf("delete task from storage: %w", err)
	}
	return nil
}
