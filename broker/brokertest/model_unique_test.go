package brokertest

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// lock is what a task holds by its Unique or Gather.
type lock struct {
	mode   task.UniqueMode
	holder *entry
	id     uuid.UUID // of the holder
	first  time.Time // when the first task came
	until  time.Time // Throttle
	next   *entry    // Latest
	batch  int       // in which it was taken
}

// lockKey returns the queue and the key of a task's lock; zero: it has none.
func (m *model) lockKey(t *task.Task) [2]string {
	key := [2]string{t.Queue, broker.LockKey(t)}
	switch {
	case key[1] == "" || m.has("never excludes"):
		return [2]string{}
	case m.has("knows a lock once for all queues"):
		key[0] = "all"
	case m.has("ignores the payload in a lock"):
		key[1] = t.Name
	case m.has("ignores the key of a group") && t.Gather.Key != "":
		key[1] = "gather"
	}
	return key
}

// overlooks reports whether a flawed model goes on although the ID is in use.
func (m *model) overlooks(standing *entry, t *task.Task) bool {
	key := m.lockKey(t)
	if key == [2]string{} {
		return false
	}
	if m.has("takes the lock before it judges the ID") && m.locks[key] == nil {
		m.locks[key] = &lock{mode: t.Unique.Mode, holder: standing, id: standing.id}
	}
	return m.has("judges the lock before the ID")
}

// open reports whether the task is there and has not ended.
func (m *store) open(e *entry) bool {
	if e != nil && m.has("locks are never freed") {
		return true
	}
	return slices.Contains(m.entries, e) && !e.status.Ended()
}

// waits reports whether the task waits for its first run.
func (m *store) waits(e *entry) bool {
	switch {
	case !m.open(e):
		return false
	case m.has("takes a running task for a waiting one") && e.status == task.StatusRunning:
		return true
	}
	return e.status == task.StatusPending || e.status == task.StatusScheduled || m.has("locks are never freed")
}

// meet has a task meet the lock of its key.
func (m *model) meet(key [2]string, t *task.Task) error {
	l := m.locks[key]
	if l == nil || l.batch == m.batches && m.has("does not see the locks of a batch") {
		m.hold(key, t)
		return nil
	}
	mode := l.mode
	if m.has("judges by the newcomer's mode") {
		mode = t.Unique.Mode
	}
	switch {
	case mode == task.Throttle && l.until.After(m.now()),
		mode == task.UntilStarted && m.waits(l.holder),
		mode == task.UntilEnded && (m.open(l.holder) && !m.has("UntilEnded excludes until the start") || m.waits(l.holder)):
		return &task.DuplicateError{ID: l.id, Unique: !m.has("does not say that a lock is held")}
	case mode == task.Debounce && m.waits(l.holder):
		m.supersede(l.holder, t, m.debounced(l, t))
	case mode == task.Latest && m.waits(l.holder) && (!m.waits(l.next) || m.has("replaces a task that was handed back")):
		m.supersede(l.holder, t, l.holder.at)
	case mode == task.Latest && m.open(l.holder) && (m.waits(l.next) || m.open(l.next) && m.has("replaces a task that runs before its turn")):
		m.supersede(l.next, t, l.next.at)
	case mode == task.Latest && m.open(l.holder) && !m.has("Latest lets both run"):
		l.next = m.place(t, m.now().Add(1000*time.Hour))
		l.next.held = true
	case mode == task.NotUnique && m.waits(l.holder) && 1+len(l.holder.task.Members) < l.holder.task.Gather.Size:
		m.join(l, t)
	default:
		m.hold(key, t)
	}
	return nil
}

// hold takes a task with its lock.
func (m *model) hold(key [2]string, t *task.Task) {
	due := m.due(t)
	switch {
	case t.Gather.Key != "":
		due = m.now().Add(t.Gather.Quiet)
	case t.Unique.Mode == task.Debounce && !m.has("Debounce never waits"):
		if settled := m.now().Add(t.Unique.For); settled.After(due) {
			due = settled
		}
	}
	l := &lock{mode: t.Unique.Mode, holder: m.place(t, due), id: t.ID, first: m.now(), batch: m.batches}
	if l.mode == task.Throttle && !m.has("Throttle excludes until the end") {
		l.until = l.first.Add(t.Unique.For)
	}
	if m.has("Throttle never ends") {
		l.until = l.first.Add(time.Hour)
	}
	m.locks[key] = l
}

func (m *model) debounced(l *lock, t *task.Task) time.Time {
	due := m.now().Add(t.Unique.For)
	if limit := l.first.Add(t.Unique.Limit); t.Unique.Limit > 0 && limit.Before(due) && !m.has("Debounce forgets its Limit") {
		return limit
	}
	return due
}

// supersede has a task take the place of a waiting one.
func (m *model) supersede(e *entry, t *task.Task, due time.Time) {
	if m.has("does not tell which task stands") {
		t = t.Clone()
	}
	t.ID = e.id
	if m.has("leaves the waiting task as it is") {
		return
	}
	e.task, e.enqueued, e.priority, e.at = t.Clone(), t.Clone(), t.Priority, due
	m.wake("a new due time")
}

// join makes a task a member.
func (m *model) join(l *lock, t *task.Task) {
	e, member := l.holder, t.Clone()
	t.ID = e.id
	for _, other := range e.task.Members {
		if other.ID == member.ID && !m.has("doubles members") {
			return
		}
	}
	if !m.has("loses members") {
		e.task.Members = append(e.task.Members, member)
	}
	if e.status != task.StatusScheduled {
		return
	}
	e.at = m.now().Add(t.Gather.Quiet)
	if latest := l.first.Add(t.Gather.Delay); latest.Before(e.at) && !m.has("a group waits for ever") {
		e.at = latest
	}
	if m.has("a group waits for its Delay") {
		e.at = l.first.Add(t.Gather.Delay + time.Hour)
	}
	if 1+len(e.task.Members) >= t.Gather.Size && !m.has("a full group waits") {
		m.makePending(e)
	}
	m.wake("a new due time")
}

func (m *store) makePending(e *entry) {
	m.sequence++
	e.status, e.rank, e.held = task.StatusPending, m.sequence, false
}

// freeLock lets a flawed model forget the lock of a task.
func (m *store) freeLock(e *entry) {
	for key, l := range m.locks {
		if l.holder == e {
			if l.next != nil {
				m.makePending(l.next)
			}
			delete(m.locks, key)
		}
	}
}

// tidyLocks passes on or drops the locks of tasks that have ended or are gone.
func (m *store) tidyLocks() {
	for key, l := range m.locks {
		if m.open(l.holder) || l.until.After(m.now()) {
			continue
		}
		if l.mode == task.Latest && m.open(l.next) {
			l.holder, l.id, l.next = l.next, l.next.id, nil
			if m.waits(l.holder) {
				m.makePending(l.holder)
			}
			m.wake("the end of another task")
			continue
		}
		if !m.has("leaves locks behind") {
			delete(m.locks, key)
		}
	}
}
