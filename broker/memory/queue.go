package memory

import (
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

// queue holds the tasks of one queue: each by its ID, and by its status in a
// heap or list.
type queue struct {
	name  string
	tasks map[uuid.UUID]*entry
	peak  int // the most tasks it held

	scheduled, retrying heap // by due time
	pending             heap // all due at 0
	running             heap // by expiry
	parked              parking

	completed, failed, cancelled ended

	news    bool  // of parked tasks, for those who wait and handle them
	brisk   bool  // the last Lease took many of its tasks at once
	touched bool  // is in Broker.touched
	arrived int64 // tasks enqueued that no figures have yet
}

// heap returns where the tasks of a status are that have not ended, or nil.
func (q *queue) heap(status task.Status) *heap {
	switch status {
	case task.StatusPending:
		return &q.pending
	case task.StatusRunning:
		return &q.running
	case task.StatusScheduled:
		return &q.scheduled
	case task.StatusRetrying:
		return &q.retrying
	}
	return nil
}

// ended returns where the tasks of a status are that have ended, or nil.
func (q *queue) ended(status task.Status) *ended {
	switch status {
	case task.StatusCompleted:
		return &q.completed
	case task.StatusFailed:
		return &q.failed
	case task.StatusCancelled:
		return &q.cancelled
	}
	return nil
}

// next returns when there is something to lease that is not barred: 0 for now, or
// never. It knows nothing of parked tasks.
func (q *queue) next(bar int) int64 {
	at := min(q.pending.next(), q.scheduled.next(), q.retrying.next())
	if e := q.running.unbarred(bar); e != nil {
		at = min(at, e.key.at)
	}
	return at
}

// runnable returns what the caller is to have next, or nil.
func (q *queue) runnable(c *caller, bar int, now int64) *entry {
	if e := q.running.unbarred(bar); e != nil && e.key.at <= now {
		return e
	}
	if e := q.parked.next(c, bar); e != nil {
		return e
	}
	if q.pending.len() > 0 {
		return q.pending.first()
	}
	return nil
}

// open returns the queue of that name, and makes it known.
func (b *Broker) open(name string) *queue {
	if q := b.queues[name]; q != nil {
		return q
	}
	q := b.spare
	if q == nil {
		q = &queue{tasks: make(map[uuid.UUID]*entry)}
	}
	b.spare = nil
	q.name = name
	b.queues[name] = q
	b.known[name] = struct{}{}
	return q
}

// forget lets go of an empty queue. One is kept to be used again: a queue that
// empties with each task does not cost a new one each time.
func (b *Broker) forget(q *queue, now time.Time) {
	b.countArrivals(q, now)
	delete(b.queues, q.name)
	if q.peak <= sparePeak {
		b.spare = q
	}
}

// insert adds a task, which the broker owns from now on and the storage has
// under that ID, to its queue.
func (b *Broker) insert(t *task.Task, id uuid.UUID, at int64) *entry {
	q := b.open(t.Queue)
	e := &entry{task: t, storageID: id, queue: q, turn: b.draw()}
	q.tasks[t.ID] = e
	q.peak = max(q.peak, len(q.tasks))
	b.books.note(e)
	b.put(e, at)
	return e
}

// remove takes a task out of its queue for good.
func (b *Broker) remove(e *entry) {
	b.lift(e)
	delete(e.queue.tasks, e.task.ID)
	b.books.strike(e)
	b.conclude(e)
	b.tellGone(e)
}

// tellGone tells the user that a task is gone.
func (b *Broker) tellGone(e *entry) {
	if b.gone == nil {
		return
	}
	defer func() {
		if value := recover(); value != nil {
			b.log.Error("Options.Gone panicked", "queue", e.queue.name, "id", e.task.ID, "panic", value)
		}
	}()
	b.gone(e.queue.name, e.task.ID)
}

// put places an entry by its Status.
func (b *Broker) put(e *entry, at int64) {
	b.touch(e.queue)
	e.key = key{at, e.rank()}
	switch h := e.queue.heap(e.task.Status); {
	case e.parked():
		e.queue.parked.of(e.task.Name).push(e)
		e.queue.news = true
	case h != nil:
		h.push(e)
	default:
		b.conclude(e)
		b.retain(e)
	}
}

// conclude sees to those who wait for the task's end: it has ended or is gone.
func (b *Broker) conclude(e *entry) {
	if e.waiters != nil {
		e.announce()
	}
	if e.hold != nil {
		b.unlock(e, time.Now().UnixNano())
	}
	e.doomed = false
}

// lift takes an entry out of its place, so that its Status may change.
func (b *Broker) lift(e *entry) {
	b.touch(e.queue)
	if e.queue.heap(e.task.Status) != nil {
		e.queue.vacate(e, e.task.Status)
		return
	}
	b.retained.remove(e.queue.ended(e.task.Status), e)
}

// vacate takes an entry of that status, which has not ended, out of its heap.
func (q *queue) vacate(e *entry, status task.Status) {
	if status == task.StatusScheduled && e.key.at == parkedAt {
		q.parked.remove(e)
		return
	}
	q.heap(status).remove(e)
}

// promote makes all that is due pending, in the order in which it fell due. It
// takes no bounded slice: one of high priority may come last.
func (b *Broker) promote(q *queue, now int64) {
	for {
		due := &q.scheduled
		if q.retrying.next() < due.next() {
			due = &q.retrying
		}
		if due.next() > now {
			return
		}
		e := due.first()
		b.lift(e)
		e.task.Status, e.turn = task.StatusPending, b.draw()
		b.put(e, 0)
	}
}
