package memory

import (
	"time"

	"github.com/google/uuid"
)

// books say what the storage has, and what it is to be told yet. Who holds the
// pen tells it, between two changes: neither can fail a call.
type books struct {
	stored map[uuid.UUID]struct{} // the IDs of the tasks that it has; nil without one
	gone   map[uuid.UUID]string   // those that it has still, though they are gone, with their queue
	behind []*entry               // tasks that it has as they were
	busy   *entry                 // the task that it is being told of
}

func newBooks() books {
	return books{stored: make(map[uuid.UUID]struct{}), gone: make(map[uuid.UUID]string)}
}

const (
	// caughtUpAtOnce is how many tasks that are gone a call deletes from a slow
	// storage, and catchingUp for how long from one that is quick.
	caughtUpAtOnce = 2
	catchingUp     = 5 * time.Millisecond
)

// note books an entry that comes, and strike one that goes.
func (k *books) note(e *entry) {
	if k.stored != nil {
		k.stored[e.storageID] = struct{}{}
	}
}

func (k *books) strike(e *entry) { delete(k.stored, e.storageID) }

// leave books a task that goes without the storage being told at once.
func (k *books) leave(e *entry) {
	if k.gone != nil {
		k.gone[e.storageID] = e.queue.name
	}
}

// fall books a task that the storage has as it was.
func (k *books) fall(e *entry) {
	if k.stored != nil {
		k.behind = append(k.behind, e)
	}
}

// catchUp tells the storage what it has not been told: of all tasks that have
// changed, and of some, at least so many, that are gone. What it fails to delete
// the next New finds overdue.
func (b *Broker) catchUp(least int) {
	b.lock.Lock()
	defer b.lock.Unlock()
	for _, e := range b.books.behind {
		if err := b.update(e, e.task, e.key.at); err != nil {
			b.log.Warn("cannot save a task that has changed by itself", "queue", e.queue.name, "id", e.task.ID, "error", err)
		}
	}
	b.books.behind = nil
	start := time.Now()
	for id, queue := range b.books.gone {
		delete(b.books.gone, id)
		if err := b.erase(id); err != nil {
			b.log.Warn("cannot drop an ended task", "queue", queue, "id", id, "error", err)
		}
		if least--; least <= 0 && time.Since(start) > catchingUp {
			return
		}
	}
}
