package brokertest

import (
	"context"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func (m *model) Settle(_ context.Context, outcomes []broker.Outcome) []error {
	if errs := m.refuse(len(outcomes)); errs != nil {
		return errs
	}
	errs := make([]error, len(outcomes))
	m.act(func(bool) {
		for i, o := range outcomes {
			if i > 0 && m.has("settles the first outcome alone") ||
				o.Lease.Queue != outcomes[0].Lease.Queue && m.has("settles leases of one queue alone") {
				continue
			}
			errs[i] = m.settle(o)
		}
		m.tidyLocks()
	})
	return m.spread(errs)
}

func (m *model) settle(o broker.Outcome) error {
	e := m.held(o.Lease, "Settle")
	if e == nil {
		if m.has("Settle does not fence") {
			return nil
		}
		return task.ErrLeaseLost
	}
	if err := o.Check(); err != nil && !m.has("does not check requests") && o.Parked {
		return err
	}
	o = m.decide(e, o)
	switch o.Status {
	case task.StatusCompleted, task.StatusFailed, task.StatusCancelled:
		m.write(e, o)
		m.end(e, o)
	case task.StatusRetrying, task.StatusScheduled:
		m.write(e, o)
		if o.Parked {
			m.park(e)
			return nil
		}
		m.delay(e, o)
	case task.StatusPending:
		m.write(e, o)
		m.release(e, o)
	default:
		if m.has("drops a task with an unknown outcome") {
			m.drop(e)
		}
		return &task.FieldError{Field: "Outcome.Status", Rule: "must be one that Settle knows"}
	}
	return nil
}

// write stores the outcome's task.
func (m *model) write(e *entry, o broker.Outcome) {
	switch {
	case m.has("does not store an outcome's task"):
	case o.Task == nil:
		if m.has("forgets progress on an outcome without a task") {
			e.task = e.enqueued.Clone()
		}
	case m.has("keeps the caller's task"):
		e.task, e.how = o.Task, ""
	default:
		e.task, e.how = o.Task.Clone(), ""
	}
}

func (m *model) end(e *entry, o broker.Outcome) {
	if m.has("runs ended tasks again") {
		return
	}
	e.answered, e.parked = true, false
	o.Keep = m.keep(e, o)
	if o.Keep == 0 || m.has("drops ended tasks at once") {
		m.drop(e)
		return
	}
	e.status, e.at = o.Status, m.after(o.Keep)
	if m.has("drops ended tasks early") {
		e.at = e.at.Add(-80 * time.Millisecond)
	}
	m.announce()
	m.bound(e.queue, o.Status)
}

func (m *model) delay(e *entry, o broker.Outcome) {
	wait := o.Delay
	if m.has("starts tasks early") {
		wait -= 30 * time.Millisecond
	}
	if m.has("makes every delay two seconds at least") {
		wait = max(wait, 2*time.Second)
	}
	e.status, e.at, e.answered = o.Status, m.after(wait), true
	if !m.has("never forgets deliveries") {
		e.deliveries = 0
	}
	if m.has("forgets the priority of a retry") {
		e.priority = task.MediumPriority
	}
	if m.has("a retry frees the lock") {
		m.freeLock(e)
	}
	if m.has("forgets the token of a retry") {
		m.token = 0
	}
	m.wake("a delay")
}

func (m *model) park(e *entry) {
	if m.has("drops parked tasks") {
		m.drop(e)
		return
	}
	e.status, e.at, e.parked = task.StatusScheduled, m.now().Add(1000*time.Hour), true
	if e.deliveries--; m.has("forgets deliveries with a parking") {
		e.deliveries = 0
	}
	if m.has("a parked task is pending") {
		m.makePending(e)
	}
	m.wake("a parking")
}

func (m *model) release(e *entry, o broker.Outcome) {
	if m.has("drops released tasks") {
		m.drop(e)
		return
	}
	if !m.has("counts a release as a delivery") {
		e.deliveries--
	}
	if m.has("forgets deliveries with a release") {
		e.deliveries = 0
	}
	m.sequence++
	e.status, e.rank = task.StatusPending, -m.sequence
	if o.Delay > 0 && e.deliveries > 0 && !m.has("a release is at once") {
		m.token++
		e.status, e.at, e.token = task.StatusRunning, m.now().Add(o.Delay), m.token
	}
	if m.has("puts released tasks last") {
		e.rank = m.sequence
	}
	if o.Lease.Task != nil && m.has("takes the priority from the lease's task") {
		e.priority = o.Lease.Task.Priority
	}
	m.wake("a release")
}
