package brokertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func (m *model) Lease(ctx context.Context, req broker.LeaseRequest) ([]broker.Lease, error) {
	if err := m.checkRequest(req); err != nil {
		return nil, err
	}
	if m.has("returns without a task instead of blocking") {
		return nil, nil
	}
	ended := ctx.Done()
	if m.has("ignores its context while it blocks") {
		ended = nil
	}
	for {
		if m.isClosed() {
			return nil, task.ErrClosed
		}
		if ctx.Err() != nil && !m.has("ignores an ended context") && ended != nil {
			return nil, ctx.Err()
		}
		leases, changed, next, err := m.look(req)
		if err != nil || len(leases) > 0 {
			return m.deliver(ctx, leases, err)
		}
		timer := time.NewTimer(next)
		select {
		case <-ended:
			err = ctx.Err()
		case <-m.closed:
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
		if err != nil {
			return nil, err
		}
	}
}

// deliver returns what was drawn, unless the model drops it when it should not.
func (m *model) deliver(ctx context.Context, leases []broker.Lease, err error) ([]broker.Lease, error) {
	if !m.has("drops what it has drawn as its context ends") {
		return leases, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(200 * time.Millisecond):
		return leases, err
	}
}

func (m *model) checkRequest(req broker.LeaseRequest) error {
	if m.has("does not check requests") {
		return nil
	}
	if req.Max < 1 || req.Max > broker.MaxBatch && !m.has("loses leases beyond MaxBatch") {
		return &task.FieldError{Field: "LeaseRequest.Max", Rule: "must be 1 to 1000"}
	}
	if req.Duration < time.Millisecond || len(req.Queues) == 0 {
		return &task.FieldError{Field: "LeaseRequest", Rule: "must be complete"}
	}
	for _, queue := range req.Queues {
		if err := broker.CheckQueue("LeaseRequest.Queues", queue); err != nil {
			return err
		}
	}
	return nil
}

// look leases what there is, or returns what to wait for.
func (m *model) look(req broker.LeaseRequest) (leases []broker.Lease, changed chan struct{}, next time.Duration, err error) {
	m.mu.Lock()
	m.sweep()
	m.promote()
	ready, err := m.choose(req)
	if err == nil && len(ready) == 0 {
		changed, next = make(chan struct{}), m.next()
		m.waiting = append(m.waiting, changed)
	}
	m.mu.Unlock()
	if err != nil || len(ready) == 0 {
		return nil, changed, next, err
	}
	m.act(func(bool) {
		ready, err = m.choose(req)
		leases = nil
		m.token++
		for _, e := range ready {
			if l := m.hand(e, req); len(leases) < broker.MaxBatch {
				leases = append(leases, l)
			}
		}
	})
	return leases, nil, 0, err
}

// sweep drops ended tasks that have been kept for their time.
func (m *model) sweep() {
	for _, e := range slices.Clone(m.entries) {
		if e.status.Ended() && !e.at.After(m.now()) && !m.has("keeps ended tasks for ever") {
			m.drop(e)
		}
	}
	m.tidyLocks()
}

// promote makes pending what is due, in the order of its time.
func (m *model) promote() {
	var due []*entry
	for _, e := range m.entries {
		if (e.status == task.StatusScheduled || e.status == task.StatusRetrying) && !e.held && !e.at.After(m.now()) {
			due = append(due, e)
		}
	}
	slices.SortStableFunc(due, func(a, b *entry) int { return a.at.Compare(b.at) })
	for _, e := range due {
		m.sequence++
		e.status, e.rank = task.StatusPending, m.sequence
		if m.has("runs due tasks before all others") {
			e.priority, e.rank = 255, m.sequence-1_000_000
		}
	}
}

// choose returns what may be leased, in order, and sets aside what is malformed.
func (m *model) choose(req broker.LeaseRequest) ([]*entry, error) {
	queues := slices.Clone(req.Queues)
	if m.has("looks into the first queue only") {
		queues = queues[:1]
	}
	if m.has("prefers the queue named last") {
		slices.Reverse(queues)
	}
	var ready []*entry
	for _, queue := range queues {
		found, err := m.readyIn(queue)
		if err != nil {
			return nil, err
		}
		ready = append(ready, found...)
	}
	if m.has("ignores Max") {
		return ready, nil
	}
	return ready[:min(max(req.Max, 0), len(ready))], nil
}

func (m *model) readyIn(queue string) ([]*entry, error) {
	var ready []*entry
	if m.paused[queue] && !m.has("Pause does nothing") {
		return nil, nil
	}
	for _, e := range slices.Clone(m.entries) {
		if e.queue != queue || !m.leasable(e) {
			continue
		}
		if e.how != "" {
			if m.has("fails on a malformed record") {
				return nil, task.ErrRecord
			}
			m.setAside(e)
			continue
		}
		ready = append(ready, e)
	}
	slices.SortStableFunc(ready, m.compare)
	return ready, nil
}

func (m *model) leasable(e *entry) bool {
	switch e.status {
	case task.StatusPending:
		return true
	case task.StatusRunning:
		return !e.at.After(m.now()) && !m.has("never leases a lost task again") || m.has("leases a task to several workers")
	}
	return false
}

func (m *model) setAside(e *entry) {
	if m.has("drops malformed tasks") {
		m.drop(e)
		return
	}
	e.task = &task.Task{ID: e.id, Name: "malformed", Queue: e.queue, LastError: fmt.Sprint("malformed: ", e.how)}
	if m.has("does not say why a malformed task failed") {
		e.task.LastError = ""
	}
	e.status, e.at, e.how = task.StatusFailed, m.now().Add(time.Hour), ""
}

func (m *model) compare(a, b *entry) int {
	expired := func(e *entry) int {
		if e.status == task.StatusRunning && !m.has("leases lost tasks last") {
			return 0
		}
		return 1
	}
	if c := cmp.Compare(expired(a), expired(b)); c != 0 {
		return c
	}
	if expired(a) == 0 && !m.has("leases lost tasks in any order") {
		return a.at.Compare(b.at)
	}
	if c := cmp.Compare(b.priority, a.priority); c != 0 && !m.has("ignores priority") {
		return c
	}
	if m.has("runs the last in first") {
		return cmp.Compare(b.rank, a.rank)
	}
	return cmp.Compare(a.rank, b.rank)
}

// next returns how long a call may block before something falls due.
func (m *model) next() time.Duration {
	next := time.Hour
	if m.has("polls") {
		return 500 * time.Millisecond
	}
	for _, e := range m.entries {
		switch e.status {
		case task.StatusScheduled, task.StatusRetrying:
			if !m.has("sleeps when a task falls due") {
				next = min(next, e.at.Sub(m.now()))
			}
		case task.StatusRunning:
			if !m.has("sleeps when a lease runs out") {
				next = min(next, e.at.Sub(m.now()))
			}
		}
	}
	return max(next, 0)
}

// hand leases one task.
func (m *model) hand(e *entry, req broker.LeaseRequest) broker.Lease {
	if e.status != task.StatusRunning || !m.has("does not count deliveries") {
		e.deliveries++
	}
	if e.status == task.StatusRunning && m.has("counts a takeover as an attempt") {
		e.task.Attempt++
	}
	m.takeover(e)
	lasts := req.Duration
	if m.has("cuts leases short") {
		lasts /= 2
	}
	e.status, e.at, e.token = task.StatusRunning, m.after(lasts), m.token
	if m.has("gives every lease the same token") {
		e.token = 1
	}
	t := e.task.Clone()
	if m.has("hands out its own task") {
		t = e.task
	}
	t.Status, t.Worker, t.StartedAt = task.StatusRunning, req.Worker, m.now()
	t.Deliveries, t.Token = int32(e.deliveries), e.token
	if m.has("does not say who leased a task") {
		t.Worker = ""
	}
	lease := broker.Lease{
		Task: t, Queue: e.queue, ID: e.id, Deliveries: e.deliveries, Token: e.token,
		Priority: e.task.Priority, Lock: broker.LockKey(e.task), Expires: time.Now().Add(lasts),
		Cancelled: e.cancel != nil,
	}
	if m.has("leaves the priority out of a lease") {
		lease.Priority = 0
	}
	return lease
}

// held returns the entry of a lease that is still held, or nil.
func (m *model) held(l broker.Lease, call string) *entry {
	id := l.ID
	if m.has("trusts the task of a lease") {
		if l.Task == nil {
			return nil
		}
		id = l.Task.ID
	}
	e := m.find(l.Queue, id)
	switch {
	case e == nil || e.status != task.StatusRunning:
		return nil
	case e.token != l.Token && !m.has(call+" does not fence"):
		return nil
	case e.how != "" && m.has("cannot settle a malformed task"):
		return nil
	case !e.at.After(m.now()) && m.has("loses a lease as it runs out"):
		return nil
	}
	return e
}

func (m *model) Extend(_ context.Context, leases []broker.Lease, by time.Duration) []error {
	if errs := m.refuse(len(leases)); errs != nil {
		return errs
	}
	errs := make([]error, len(leases))
	lost := m.act(func(bool) {
		for i, l := range leases {
			e := m.held(l, "Extend")
			if e != nil {
				errs[i] = m.report(e, l)
			}
			switch {
			case e == nil:
				errs[i] = task.ErrLeaseLost
			case e.cancel != nil && m.has("does not extend what is to be cancelled"):
			case m.has("Extend adds to what is left"):
				e.at = e.at.Add(by)
			case m.has("an extension counts a delivery"):
				e.at, e.deliveries = m.now().Add(by), e.deliveries+1
			case !m.has("Extend does nothing"):
				e.at = m.after(by)
			}
		}
	})
	if lost && m.has("reports a lost reply") {
		return allOf(len(leases), task.ErrUnavailable)
	}
	return m.spread(errs)
}

// spread returns the errors, or what a model without care for each makes of
// them.
func (m *model) spread(errs []error) []error {
	if lost := errors.Join(errs...); lost != nil && m.has("fails a call as a whole") {
		return allOf(len(errs), lost)
	}
	return compact(errs)
}
