package brokertest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func (m *model) Revise(_ context.Context, queue string, ids []uuid.UUID, change broker.Change) []error {
	if errs := m.refuse(len(ids)); errs != nil {
		return errs
	}
	if err := change.Check(); err != nil && !m.has("does not check requests") {
		return allOf(len(ids), err)
	}
	if m.has("Revise does nothing") {
		return nil
	}
	errs := make([]error, len(ids))
	m.act(func(bool) {
		m.sweep()
		for i, id := range ids {
			errs[i] = m.revise(m.find(queue, id), change, i)
		}
		m.tidyLocks()
	})
	return m.spread(errs)
}

func (m *model) revise(e *entry, change broker.Change, turn int) error {
	cancel := change.Status == task.StatusCancelled
	switch {
	case e == nil && m.has("says nothing of the unknown"):
		return nil
	case e == nil:
		return task.ErrNotFound
	case cancel && e.status.Ended() && !m.has("cancels what has ended"):
		if e.status == task.StatusCancelled {
			return nil
		}
		return task.ErrEnded
	case cancel && e.status == task.StatusRunning:
		m.doom(e, change.Keep)
		return nil
	case e.status == task.StatusRunning && !m.has("revises running tasks"):
		return task.ErrRunning
	case change.Delete:
		m.drop(e)
		return nil
	case cancel:
		m.end(e, broker.Outcome{Status: task.StatusCancelled, Keep: change.Keep})
		return nil
	}
	return m.change(e, change, turn)
}

func (m *model) change(e *entry, change broker.Change, turn int) error {
	standing := *e.task
	standing.Status = e.status
	if err := change.Suits(&standing); err != nil && !m.has("a revision changes what a task is unique by") {
		return err
	}
	if change.Status == task.StatusPending {
		if err := m.again(e, change.Delay+time.Duration(turn)*change.Spacing); err != nil {
			return err
		}
	}
	if change.Priority != 0 {
		e.priority, e.task.Priority = change.Priority, change.Priority
		if m.has("a revision costs the turn") {
			m.makePending(e)
		}
	}
	if change.Payload != nil {
		e.task.Payload = slices.Clone(change.Payload)
	}
	m.wake("a revision")
	return nil
}

// again makes a task due.
func (m *model) again(e *entry, wait time.Duration) error {
	if e.status.Ended() {
		if err := m.retake(e); err != nil {
			return err
		}
		e.deliveries, e.answered = 0, false
		if !m.has("a rerun keeps its attempts") {
			e.task.Attempt = 0
		}
		if !m.has("a rerun keeps its counts") {
			e.task.Snoozes, e.task.Excused = 0, 0
		}
		if m.has("a rerun loses its history") {
			e.task.History = nil
		}
	}
	if m.has("ignores spacing") {
		wait = min(wait, time.Hour)
	}
	e.task.RunAt = time.Time{}
	if wait > 0 {
		e.status, e.at = task.StatusScheduled, m.now().Add(wait)
		return nil
	}
	m.makePending(e)
	return nil
}

// retake gives an ended task its lock again.
func (m *model) retake(e *entry) error {
	key, mode := m.lockKey(e.task), e.task.Unique.Mode
	if mode != task.UntilStarted && mode != task.UntilEnded || m.has("a rerun takes no lock") {
		return nil
	}
	if l := m.locks[key]; l != nil && l.holder != e && m.open(l.holder) {
		return &task.DuplicateError{ID: l.id, Unique: true}
	}
	m.locks[key] = &lock{mode: mode, holder: e, id: e.id, first: m.now()}
	return nil
}

// doom marks a running task to be cancelled.
func (m *model) doom(e *entry, keep time.Duration) {
	e.cancel = &keep
	if m.has("forgets cancellations") {
		e.cancel = nil
	}
	if m.has("tells nobody") {
		return
	}
	for _, l := range m.listeners {
		if slices.Contains(l.queues, e.queue) {
			l.told <- e
		}
	}
}

// takeover is what happens to a task that is leased.
func (m *model) takeover(e *entry) {
	if e.status != task.StatusRunning {
		return
	}
	if m.has("a takeover forgets cancellations") {
		e.cancel = nil
	}
	if m.has("a takeover forgets members") {
		e.task.Members = nil
	}
	if m.has("a takeover frees the lock") {
		m.freeLock(e)
	}
}

// report notes what an Extend brings, and answers for it.
func (m *model) report(e *entry, l broker.Lease) error {
	if l.Progress != nil && !m.has("does not report progress") {
		e.task.Progress = *l.Progress
	}
	if e.cancel != nil && !m.has("Extend does not tell of a cancellation") {
		return task.ErrCancelled
	}
	return nil
}

// decide returns the outcome that counts.
func (m *model) decide(e *entry, o broker.Outcome) broker.Outcome {
	if e.cancel != nil && (o.Status != task.StatusCompleted || m.has("cancels what has completed")) {
		o.Status, o.Keep = task.StatusCancelled, *e.cancel
	}
	e.cancel = nil
	return o
}

// keep returns how long an ended task is kept.
func (m *model) keep(e *entry, o broker.Outcome) time.Duration {
	keep := o.Keep
	if !m.has("ignores bounds") {
		keep = m.bounds.Keep(o.Status, keep)
	}
	if e.waiters > 0 && !m.has("drops what is waited for") {
		keep = max(keep, time.Minute)
	}
	return keep
}

// bound drops ended tasks that there are too many of.
func (m *model) bound(queue string, status task.Status) {
	ended := m.standing(queue, status)
	over := len(ended) - m.bounds.Of(status).Count
	if over <= 0 || m.has("ignores bounds") {
		return
	}
	if m.has("drops those first that would go last") {
		slices.Reverse(ended)
	}
	if m.has("drops those first that ended first") {
		slices.SortFunc(ended, func(a, b *entry) int { return cmp.Compare(a.rank, b.rank) })
	}
	for _, e := range ended[:over] {
		m.drop(e)
	}
	if m.dropped[queue] == nil {
		m.dropped[queue] = make(map[task.Status]int)
	}
	if !m.has("does not count what it drops") {
		m.dropped[queue][status] += over
	}
}

func (m *model) Pause(_ context.Context, queue string) error  { return m.setPaused(queue, true) }
func (m *model) Resume(_ context.Context, queue string) error { return m.setPaused(queue, false) }

func (m *model) setPaused(queue string, paused bool) error {
	if err := m.inspect(queue); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.paused[queue] = paused
	if !paused {
		m.wake("a resumption")
	}
	return nil
}

func (m *model) Queue(_ context.Context, queue string) (broker.QueueInfo, error) {
	if err := m.inspect(queue); err != nil {
		return broker.QueueInfo{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	info := broker.QueueInfo{Paused: m.paused[queue], Dropped: make(map[task.Status]int), Oldest: m.oldest(queue)}
	for status, n := range m.dropped[queue] {
		info.Dropped[status] = n
	}
	return info, nil
}
