package brokertest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// model is a broker that keeps the contract in the plainest way: a slice under
// a mutex. Told so, it has one flaw, which the suite must find.
type model struct {
	*store
	closing sync.Once
	closed  chan struct{}
}

// store is what several models share, as processes share a server.
type store struct {
	mu        sync.Mutex
	flaw      string
	lost      bool // the reply to the next change gets lost
	ahead     atomic.Int64
	sequence  int64
	token     int64
	entries   []*entry
	queues    []string
	schedules map[[2]string]*schedule
	waiting   []chan struct{}
	seen      map[uuid.UUID]bool // every ID ever, for flaws
	locks     map[[2]string]*lock
	batches   int
	bounds    broker.Bounds
	paused    map[string]bool
	dropped   map[string]map[task.Status]int
	listeners []*listener
	ended     []chan struct{} // of blocked Wait calls

	servers    []broker.ServerInfo
	recordings []recording
	arrivals   map[string]int64 // not recorded yet
}

type entry struct {
	task       *task.Task
	enqueued   *task.Task
	queue      string
	id         uuid.UUID
	priority   task.Priority
	status     task.Status
	rank       int64     // pending: the lower first
	at         time.Time // when it is due, runs out, or may go
	deliveries int
	token      int64
	answered   bool
	how        Corruption
	held       bool           // waits for the end of another one
	parked     bool           // waits for a worker that handles its name
	cancel     *time.Duration // is to be cancelled and then kept for that long
	waiters    int
}

func newModel(flaw string) *model {
	return &model{
		store: &store{
			flaw: flaw, schedules: make(map[[2]string]*schedule), seen: make(map[uuid.UUID]bool),
			locks: make(map[[2]string]*lock), paused: make(map[string]bool), dropped: make(map[string]map[task.Status]int),
			arrivals: make(map[string]int64),
		},
		closed: make(chan struct{}),
	}
}

// modelHarness runs the suite on models with one flaw, or none.
func modelHarness(flaw string, movable bool) Harness {
	h := Harness{
		New: func(testing.TB) broker.Broker { return newModel(flaw) },
		Again: func(_ testing.TB, b broker.Broker) broker.Broker {
			return &model{store: b.(*model).store, closed: make(chan struct{})}
		},
		Restart: func(_ testing.TB, b broker.Broker) broker.Broker { return b.(*model).restart() },
		Leftovers: func(_ testing.TB, b broker.Broker) []string {
			return b.(*model).leftovers()
		},
		Corrupt: func(t testing.TB, b broker.Broker, queue string, id uuid.UUID, how Corruption) {
			b.(*model).corrupt(t, queue, id, how)
		},
		LoseReply: func(b broker.Broker) { b.(*model).loseReply() },
		Bounded: func(_ testing.TB, bounds broker.Bounds) broker.Broker {
			m := newModel(flaw)
			m.bounds = bounds
			return m
		},
	}
	if movable {
		h.Advance = func(b broker.Broker, d time.Duration) { b.(*model).advance(d) }
	}
	return h
}

func (m *store) has(flaw string) bool { return m.flaw == flaw }

func (m *store) now() time.Time {
	if m.has("judges by this process's clock") {
		return time.Now()
	}
	return time.Now().Add(time.Duration(m.ahead.Load()))
}

// after returns the time d from now.
func (m *store) after(d time.Duration) time.Time {
	if d > 1<<62 && m.has("overflows") {
		d = -d
	}
	return m.now().Add(d)
}

func (m *store) advance(d time.Duration) {
	m.ahead.Add(int64(d))
}

func (m *store) loseReply() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lost = true
}

// act makes a change. If its reply got lost, a flawed model makes it again.
func (m *model) act(change func(repeated bool)) (lost bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lost, m.lost = m.lost, false
	change(false)
	if lost && m.has("makes a change again whose reply was lost") {
		change(true)
	}
	return lost
}

// wake has every blocked call look again.
func (m *store) wake(cause string) {
	if m.has(cause+" wakes nobody") || m.has("polls") {
		return
	}
	for i, waiter := range m.waiting {
		if i == 0 || !m.has("wakes one call, and not the next") {
			close(waiter)
		}
	}
	if m.has("wakes one call, and not the next") {
		m.waiting = m.waiting[min(1, len(m.waiting)):]
		return
	}
	m.waiting = nil
}

func (m *model) isClosed() bool {
	select {
	case <-m.closed:
		return !m.has("serves calls after Close")
	default:
		return false
	}
}

func (m *model) refuse(n int) []error {
	if m.isClosed() {
		return allOf(n, task.ErrClosed)
	}
	if n == 0 && m.has("answers an empty call with no nil") {
		return []error{}
	}
	return nil
}

func allOf(n int, err error) []error { return slices.Repeat([]error{err}, n) }

func (m *model) Close() error {
	m.closing.Do(func() {
		if !m.has("Close leaves calls blocked") {
			close(m.closed)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, e := range m.entries {
			if e.status == task.StatusRunning && m.has("Close ends its leases") {
				e.at = m.now()
			}
		}
	})
	return nil
}

func (m *model) Enqueue(ctx context.Context, tasks []*task.Task) []error {
	if errs := m.refuse(len(tasks)); errs != nil {
		return errs
	}
	if ctx.Err() != nil && !m.has("ignores an ended context") {
		return allOf(len(tasks), ctx.Err())
	}
	errs := make([]error, len(tasks))
	m.act(func(repeated bool) {
		m.batches++
		for i, t := range tasks {
			if i == broker.MaxBatch-1 && m.has("loses the last of a full batch") {
				continue
			}
			errs[i] = m.take(t, repeated)
			if errs[i] != nil && m.has("counts refused tasks as enqueued") {
				m.arrivals[t.Queue]++
			}
		}
	})
	for i, t := range tasks {
		if errs[i] == nil && t != nil {
			m.tellStatus(t)
		}
	}
	return compact(errs)
}

// tellStatus writes into the caller's task what it has become.
func (m *model) tellStatus(t *task.Task) {
	switch {
	case m.has("does not say what a task has become"):
	case t.RunAt.After(m.now()):
		t.Status = task.StatusScheduled
	default:
		t.Status = task.StatusPending
	}
}

func compact(errs []error) []error {
	if slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
		return errs
	}
	return nil
}

// take takes one task, or says why not.
func (m *model) take(t *task.Task, repeated bool) error {
	if t != nil && m.has("knows a queue before it has checked the task") {
		m.know(t.Queue)
	}
	if err := m.prepare(t); err != nil {
		return err
	}
	if standing := m.find(t.Queue, t.ID); standing != nil && !m.overlooks(standing, t) {
		if m.has("counts each call as enqueued") {
			m.arrivals[t.Queue]++
		}
		return m.judgeDuplicate(standing, t, repeated)
	}
	if m.seen[t.ID] && m.has("remembers an ID for ever") {
		return &task.DuplicateError{ID: t.ID}
	}
	m.know(t.Queue)
	if key := m.lockKey(t); key != [2]string{} {
		err := m.meet(key, t)
		if err == nil {
			m.arrivals[t.Queue]++
		}
		return err
	}
	m.add(t)
	m.arrivals[t.Queue]++
	return nil
}

func (m *model) prepare(t *task.Task) error {
	switch {
	case t == nil:
		if m.has("takes bad tasks") {
			return nil
		}
		return &task.FieldError{Field: "Task", Rule: "must be there"}
	case m.has("takes bad tasks"):
		if t.Queue == "" {
			t.Queue = task.DefaultQueue
		}
		return nil
	case m.has("leaves the caller's task without defaults"):
		err := broker.Prepare(t)
		t.MaxRetry = 0
		return err
	case m.has("keeps what the caller says of progress"):
		attempt := t.Attempt
		err := broker.Prepare(t)
		t.Attempt = attempt
		return err
	case m.has("keeps what the caller says of snoozes"):
		snoozes := t.Snoozes
		err := broker.Prepare(t)
		t.Snoozes = snoozes
		return err
	case m.has("does not name the bad field"):
		if broker.Prepare(t) != nil {
			return errors.New("bad task")
		}
		return nil
	}
	return broker.Prepare(t)
}

func (m *model) judgeDuplicate(standing *entry, t *task.Task, repeated bool) error {
	same := bytes.Equal(given(standing.enqueued), given(t)) && (!standing.answered || m.has("compares records alone"))
	switch {
	case m.has("takes every ID in use"), m.has("takes the same task again") && same && !repeated:
		return nil
	case m.has("replaces the task with an ID in use"):
		standing.task = t.Clone()
		return nil
	case m.has("tells no task as the same"):
		same = false
	case m.has("tells every ID in use as the same"):
		same = true
	}
	return &task.DuplicateError{ID: t.ID, Same: same}
}

func (m *model) know(queue string) {
	if !slices.Contains(m.queues, queue) {
		m.queues = append(m.queues, queue)
	}
}

func (m *model) add(t *task.Task) { m.place(t, m.due(t)) }

func (m *model) place(t *task.Task, due time.Time) *entry {
	m.sequence++
	m.seen[t.ID] = true
	e := &entry{
		task: t.Clone(), enqueued: t.Clone(), queue: t.Queue, id: t.ID, priority: t.Priority,
		status: task.StatusPending, rank: m.sequence,
	}
	if m.has("keeps the caller's task") {
		e.task = t
	}
	if m.has("loses headers") {
		e.task.Headers = nil
	}
	cause := "an enqueue"
	if due.After(m.now()) {
		e.status, e.at, cause = task.StatusScheduled, due, "a scheduled task"
	}
	m.entries = append(m.entries, e)
	m.wake(cause)
	return e
}

// due returns when a task is due.
func (m *model) due(t *task.Task) time.Time {
	switch {
	case m.has("ignores RunAt"), m.has("overflows"), t.RunAt.IsZero():
		return time.Time{}
	case m.has("starts tasks early"):
		return t.RunAt.Add(-30 * time.Millisecond)
	case m.has("starts tasks late"):
		return t.RunAt.Add(400 * time.Millisecond)
	case m.has("takes the past for the future") && t.RunAt.Before(m.now()):
		return m.now().Add(m.now().Sub(t.RunAt))
	}
	return t.RunAt
}

func (m *store) find(queue string, id uuid.UUID) *entry {
	for _, e := range m.entries {
		if e.id == id && (e.queue == queue || m.has("knows an ID once for all queues")) {
			return e
		}
	}
	return nil
}

func (m *store) drop(gone *entry) {
	if m.has("leaves traces") {
		gone.status, gone.at = "trace", time.Time{}
		gone.id = uuid.New()
		return
	}
	m.entries = slices.DeleteFunc(m.entries, func(e *entry) bool { return e == gone })
	m.announce()
}

func (m *store) leftovers() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var left []string
	for _, e := range m.entries {
		left = append(left, string(e.status)+" "+e.id.String())
	}
	for key := range m.locks {
		left = append(left, "lock "+key[1])
	}
	for key := range m.schedules {
		left = append(left, "schedule "+key[1])
	}
	return left
}

func (m *store) corrupt(t testing.TB, queue string, id uuid.UUID, how Corruption) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.find(queue, id)
	if e == nil {
		t.Errorf("no task %s to corrupt", id)
		return
	}
	e.how = how
}

// restart hands everything to a new model, which tells leases of before from
// its own by nothing but their token.
func (m *model) restart() *model {
	_ = m.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	after := newModel(m.flaw)
	after.sequence, after.token = m.sequence, m.token
	after.ahead.Store(m.ahead.Load())
	if !m.has("a restart loses locks") {
		after.locks = m.locks
	}
	for _, e := range m.entries {
		if m.has("a restart loses " + string(e.status) + " tasks") {
			continue
		}
		if m.has("a restart forgets deliveries") {
			e.deliveries = 0
		}
		after.entries = append(after.entries, e)
	}
	if m.has("a restart reorders tasks") {
		slices.SortFunc(after.entries, func(a, b *entry) int { return cmp.Compare(b.rank, a.rank) })
		for i, e := range after.entries {
			e.rank = int64(i)
		}
	}
	return after
}
