package memory

import (
	"bytes"
	pq "container/heap"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

// held is when a task is due that waits for the end of another: the last time that
// a record has room for.
var held = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()

// holdID names a lock: those of two queues have nothing to do with each other.
type holdID struct{ queue, digest string }

// hold is a lock that a task has by its Unique or Gather.
type hold struct {
	id     holdID
	mode   task.UniqueMode // NotUnique: gather
	holder *entry          // with Throttle only until it is gone
	task   uuid.UUID       // of the holder
	first  int64           // when the first one came
	until  int64           // Throttle
	place  int             // in lapses

	next *entry // Latest: waits for the holder to end
	due  int64  // of next
}

// lapses orders throttling holds by when they end.
type lapses []*hold

func (l lapses) Len() int           { return len(l) }
func (l lapses) Less(i, j int) bool { return l[i].until < l[j].until }
func (l lapses) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].place, l[j].place = i, j
}

// Push implements heap.Interface.
func (l *lapses) Push(x any) {
	h := x.(*hold)
	h.place = len(*l)
	*l = append(*l, h)
}

// Pop implements heap.Interface.
func (l *lapses) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

// waits reports whether the entry waits for its first run.
func (e *entry) waits() bool {
	return e != nil && (e.task.Status == task.StatusPending || e.task.Status == task.StatusScheduled)
}

func (e *entry) unended() bool { return e != nil && !e.task.Status.Ended() }

// excludes reports whether the lock keeps out a task that takes nobody's place.
func (h *hold) excludes(now int64) bool {
	switch h.mode {
	case task.Throttle:
		return h.until > now
	case task.UntilEnded, task.Latest:
		return h.holder.unended()
	}
	return h.holder.waits()
}

// enqueueUnique takes a prepared task that meets the lock of its key. The task
// gets the ID of the one whose place it takes, or that it is a member of.
func (b *Broker) enqueueUnique(t *task.Task, digest string, now time.Time) error {
	h := b.holds[holdID{t.Queue, digest}]
	at := now.UnixNano()
	switch {
	case h == nil:
	case h.mode == task.Throttle && h.until > at,
		h.mode == task.UntilStarted && h.holder.waits(),
		h.mode == task.UntilEnded && h.holder.unended():
		return &task.DuplicateError{ID: h.task, Unique: true}
	case h.mode == task.Debounce && h.holder.waits():
		return b.supersede(h.holder, t, debounced(h, t, now))
	case h.mode == task.Latest && h.holder.unended() && h.next.waits():
		h.due = nanos(t.RunAt)
		return b.supersede(h.next, t, h.next.key.at)
	case h.mode == task.Latest && h.holder.waits():
		return b.supersede(h.holder, t, h.holder.key.at)
	case h.mode == task.Latest && h.holder.unended():
		return b.follow(h, t)
	case h.mode == task.NotUnique && h.holder.waits() && h.holder.has(t):
		return &task.DuplicateError{ID: h.task, Same: true}
	case h.mode == task.NotUnique && h.holder.gathers():
		return b.gather(h, t, now)
	}
	return b.hold(holdID{t.Queue, digest}, t, now)
}

// debounced is when the holder is due after the newcomer t.
func debounced(h *hold, t *task.Task, now time.Time) int64 {
	if h.holder.task.Status == task.StatusPending {
		return 0
	}
	due := after(now, t.Unique.For)
	if t.Unique.Limit > 0 {
		due = min(due, h.first+int64(t.Unique.Limit))
	}
	return due
}

// supersede has the newcomer take the place of a waiting task.
func (b *Broker) supersede(e *entry, t *task.Task, due int64) error {
	t.ID, t.Status = e.task.ID, e.task.Status
	if due == parkedAt { // by another name, perhaps
		t.Status, due, e.turn = task.StatusPending, 0, b.draw()
	}
	return b.become(e, t, due)
}

// follow has the newcomer wait for the end of the holder.
func (b *Broker) follow(h *hold, t *task.Task) error {
	t.Status = task.StatusScheduled
	id := b.storageID(t)
	if err := b.save(t, id, held); err != nil {
		return err
	}
	if h.next != nil { // an operator had it run before its turn
		h.next.hold = nil
	}
	h.next, h.due = b.insert(t, id, held), nanos(t.RunAt)
	h.next.hold = h
	return nil
}

// gathers reports whether the group of the entry is open.
func (e *entry) gathers() bool {
	return e.waits() && !e.parked() && !full(e.task)
}

// has reports whether the task is a member of the entry's group already.
func (e *entry) has(t *task.Task) bool {
	return slices.ContainsFunc(e.task.Members, func(m *task.Task) bool {
		return m.ID == t.ID && bytes.Equal(record.AppendMember(nil, m), record.AppendMember(nil, t))
	})
}

// full reports whether a group takes no more members, in number or in bytes.
func full(group *task.Task) bool {
	return 1+len(group.Members) >= group.Gather.Size || size(group) >= broker.MaxGatherBytes
}

func size(group *task.Task) int {
	n := len(group.Payload)
	for _, m := range group.Members {
		n += len(m.Payload) + len(m.Name)
		for key, value := range m.Headers {
			n += len(key) + len(value)
		}
	}
	return n
}

// gather makes the newcomer a member of the holder's group.
func (b *Broker) gather(h *hold, t *task.Task, now time.Time) error {
	own, e := t.ID, h.holder
	t.ID = e.task.ID
	group := e.task.Clone()
	group.Members = append(group.Members, member(t, own))
	due := min(h.first+int64(group.Gather.Delay), after(now, group.Gather.Quiet))
	if e.task.Status == task.StatusPending || full(group) {
		group.Status, due = task.StatusPending, 0
	}
	if err := b.update(e, group, due); err != nil {
		return err
	}
	b.lift(e)
	if e.task.Status != group.Status {
		e.turn = b.draw()
	}
	e.task = group
	b.put(e, due)
	return nil
}

// member is what a group keeps of a task.
func member(t *task.Task, id uuid.UUID) *task.Task {
	m := task.New(t.Name, t.Payload)
	m.ID, m.Headers, m.EnqueuedAt = id, t.Headers, t.EnqueuedAt
	m.Queue, m.Priority, m.MaxRetry, m.Timeout = t.Queue, task.MediumPriority, task.DefaultMaxRetry, task.DefaultTimeout
	return m
}

// hold takes a task with its lock. A lock that stood before is void.
func (b *Broker) hold(id holdID, t *task.Task, now time.Time) error {
	due := nanos(t.RunAt)
	switch {
	case t.Gather.Key != "":
		due = after(now, t.Gather.Quiet)
	case t.Unique.Mode == task.Debounce:
		due = max(due, after(now, t.Unique.For))
	}
	t.Status = task.StatusScheduled
	if due <= now.UnixNano() {
		t.Status, due = task.StatusPending, 0
	}
	storageID := b.storageID(t)
	since := now.UnixNano()
	if err := b.saveHeld(t, storageID, due, dated(t, since)); err != nil {
		return err
	}
	b.giveLock(id, b.insert(t, storageID, due), since)
	return nil
}

// giveLock gives the lock to an entry, as of that time.
func (b *Broker) giveLock(id holdID, e *entry, since int64) {
	if old := b.holds[id]; old != nil {
		b.lapse(old)
	}
	h := &hold{id: id, mode: e.task.Unique.Mode, holder: e, task: e.task.ID, first: since, place: -1}
	e.hold = h
	b.holds[id] = h
	if h.mode == task.Throttle {
		h.until = later(since, e.task.Unique.For)
		pq.Push(&b.lapses, h)
	}
}

// lapse ends a lock.
func (b *Broker) lapse(h *hold) {
	delete(b.holds, h.id)
	if h.holder != nil {
		h.holder.hold = nil
	}
	if h.mode == task.Throttle && h.place >= 0 {
		pq.Remove(&b.lapses, h.place)
		h.place = -1
	}
}

// unlock lets go of the lock of a task that has ended or is gone. The one that
// has waited for it is due.
func (b *Broker) unlock(e *entry, now int64) {
	h := e.hold
	switch {
	case h == nil:
		return
	case h.next == e:
		h.next = nil
	case h.mode == task.Throttle:
		h.holder = nil
	case h.next == nil:
		b.lapse(h)
	default:
		b.promoteNext(h, now)
	}
	e.hold = nil
}

func (b *Broker) promoteNext(h *hold, now int64) {
	next := h.next
	h.holder, h.task, h.next = next, next.task.ID, nil
	if next.task.Status != task.StatusScheduled || next.parked() { // an operator has had it run
		return
	}
	b.lift(next)
	next.task.Status = task.StatusScheduled
	due := h.due
	if due <= now {
		next.task.Status, next.turn, due = task.StatusPending, b.draw(), 0
	}
	b.put(next, due)
	b.books.fall(next)
}

// sweepLocks ends locks whose time has passed, at most that many.
func (b *Broker) sweepLocks(now int64, most int) {
	for ; most > 0 && len(b.lapses) > 0 && b.lapses[0].until <= now; most-- {
		b.lapse(b.lapses[0])
	}
}

// dated returns since when a task has its lock, if that decides anything, or 0.
func dated(t *task.Task, since int64) int64 {
	switch {
	case t.Gather.Key != "", t.Unique.Mode == task.Debounce, t.Unique.Mode == task.Throttle:
		return since
	}
	return 0
}

// lockedSince returns the same of an entry.
func (e *entry) lockedSince() int64 {
	if e.hold == nil {
		return 0
	}
	return dated(e.task, e.hold.first)
}

// relock gives a task that was loaded from the storage its lock back. They come in
// the order in which they were enqueued. So of several with one key the last has
// it, but where the first excludes those that come later.
func (b *Broker) relock(e *entry, since int64) {
	digest := broker.LockKey(e.task)
	if digest == "" || e.task.Status.Ended() {
		return
	}
	id := holdID{e.task.Queue, digest}
	switch h := b.holds[id]; {
	case h == nil, h.mode != task.UntilEnded && h.mode != task.Latest:
		b.giveLock(id, e, since)
	case h.mode == task.Latest && h.next == nil && e.key.at >= held:
		h.next, e.hold = e, h
	case h.mode == task.Latest && h.next == nil && h.holder.key.at >= held:
		h.next, h.holder, h.task = h.holder, e, e.task.ID
		e.hold = h
	}
}

// freeHeld makes tasks due that were held for one that the storage has no more.
func (b *Broker) freeHeld(now int64) {
	for _, h := range b.holds {
		if h.mode == task.Latest && h.next == nil && h.holder.key.at >= held {
			h.next, h.due = h.holder, 0
			b.promoteNext(h, now)
		}
	}
}
