package memory

import (
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// ended lists the tasks of a queue that have ended in one way, in the order in
// which they did.
type ended struct {
	first, last *entry
	count       int
	mixed       bool // one may go before others that ended earlier
}

func (l *ended) push(e *entry) {
	if e.prev = l.last; l.last != nil {
		l.last.next = e
		l.mixed = l.mixed || e.key.at < e.prev.key.at
	} else {
		l.first, l.mixed = e, false
	}
	l.last = e
	l.count++
}

func (l *ended) remove(e *entry) {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		l.first = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		l.last = e.prev
	}
	e.prev, e.next = nil, nil
	l.count--
}

// retain places an entry that has ended, and drops the one that goes first if
// there are too many.
func (b *Broker) retain(e *entry) {
	l := e.queue.ended(e.task.Status)
	l.push(e)
	b.retained.push(e)
	most := b.bounds.Of(e.task.Status).Count
	if l.count <= most || l.next().awaited {
		return
	}
	if dropped := b.countDropped(e); (dropped-1)%max(most, 1) == 0 {
		b.log.Warn("dropping ended tasks before their time: there are more than the Bounds",
			"queue", e.queue.name, "status", e.task.Status, "max", most, "dropped", dropped)
	}
	b.drop(l.next())
}

// next returns the one that goes first. There must be one.
func (l *ended) next() *entry {
	first := l.first
	if !l.mixed {
		return first
	}
	for e := first.next; e != nil; e = e.next {
		if e.key.at < first.key.at {
			first = e
		}
	}
	return first
}

// countDropped returns how many of the queue and status were dropped before
// their time, another one included.
func (b *Broker) countDropped(e *entry) int {
	counts := b.dropped[e.queue.name]
	if counts == nil {
		counts = make(map[task.Status]int)
		b.dropped[e.queue.name] = counts
	}
	counts[e.task.Status]++
	return counts[e.task.Status]
}

// sweep drops what is overdue, at most that many.
func (b *Broker) sweep(now int64, most int) {
	for range most {
		if b.retained.next() > now {
			return
		}
		b.drop(b.retained.first())
	}
}

// drop removes a task that has ended. What the storage fails to delete is gone
// from here all the same: the next New finds it overdue and deletes it.
func (b *Broker) drop(e *entry) {
	if err := b.erase(e.storageID); err != nil {
		b.log.Warn("cannot drop an ended task", "queue", e.queue.name, "id", e.task.ID, "error", err)
	}
	b.remove(e)
}

// until returns when a stored task that has ended may go. What its record does
// not say is the default: it ended just now, and is kept for defaultKeep.
func until(t *task.Task, now time.Time) int64 {
	endedAt, keep := t.EndedAt, t.Retention
	if endedAt.IsZero() {
		endedAt = now
	}
	if keep == 0 {
		keep = defaultKeep
	}
	return after(endedAt, keep)
}
