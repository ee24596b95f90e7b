package memory

import (
	pq "container/heap"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// ended holds the tasks of a queue that have ended in one way, those that go
// first in front.
type ended struct {
	heap
	rank int // in retained, if there are tasks
}

// retained orders the lists of all queues in which there are tasks by when the
// first of each goes.
type retained []*ended

func (r retained) Len() int           { return len(r) }
func (r retained) Less(i, j int) bool { return r[i].next() < r[j].next() }
func (r retained) Swap(i, j int) {
	r[i], r[j] = r[j], r[i]
	r[i].rank, r[j].rank = i, j
}

// Push implements heap.Interface.
func (r *retained) Push(x any) {
	l := x.(*ended)
	l.rank = len(*r)
	*r = append(*r, l)
}

// Pop implements heap.Interface.
func (r *retained) Pop() any {
	last := (*r)[len(*r)-1]
	(*r)[len(*r)-1] = nil
	*r = (*r)[:len(*r)-1]
	return last
}

// next returns when the first task of all goes, or never.
func (r retained) next() int64 {
	if len(r) == 0 {
		return never
	}
	return r[0].next()
}

// add takes a task into its list.
func (r *retained) add(l *ended, e *entry) {
	l.push(e)
	switch {
	case l.len() == 1:
		pq.Push(r, l)
	case e.place == 0:
		pq.Fix(r, l.rank)
	}
}

// remove takes a task out of its list.
func (r *retained) remove(l *ended, e *entry) {
	first := e.place == 0
	l.heap.remove(e)
	switch {
	case l.len() == 0:
		pq.Remove(r, l.rank)
	case first:
		pq.Fix(r, l.rank)
	}
}

// retain places an entry that has ended, and drops the one that goes first if
// there are too many.
func (b *Broker) retain(e *entry) {
	l := e.queue.ended(e.task.Status)
	b.retained.add(l, e)
	most := b.bounds.Of(e.task.Status).Count
	if l.len() <= most || l.first().awaited {
		return
	}
	if dropped := b.countDropped(e); (dropped-1)%max(most, 1) == 0 {
		b.log.Warn("dropping ended tasks before their time: there are more than the Bounds",
			"queue", e.queue.name, "status", e.task.Status, "max", most, "dropped", dropped)
	}
	b.drop(l.first())
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
		e := b.retained[0].first()
		if e == b.books.busy {
			return
		}
		b.drop(e)
	}
}

// drop removes a task that has ended. The storage is told later: see catchUp.
func (b *Broker) drop(e *entry) {
	b.books.leave(e)
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
