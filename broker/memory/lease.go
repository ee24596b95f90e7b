package memory

import (
	"context"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Lease implements broker.Broker. A task that the storage fails to save as
// running is not leased, and stays where it was.
func (b *Broker) Lease(ctx context.Context, req broker.LeaseRequest) ([]broker.Lease, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	c := &caller{LeaseRequest: req}
	leases, done, err := b.leaseOrWait(ctx, c)
	for !done {
		if len(c.unasked) > 0 {
			c.ask()
		} else {
			c.waiter.wait(ctx, b.done)
		}
		leases, done, err = b.leaseOrWait(ctx, c)
	}
	for i := range leases { // out of the lock: see grant
		own := b.spares.Get().(*task.Task)
		broker.CloneInto(own, leases[i].Task)
		leases[i].Task = own
	}
	return leases, err
}

// leaseOrWait leases what there is. If there is nothing, it is not done: the
// caller is to ask about the names of parked tasks, if there are any, or else to
// block on its waiter.
func (b *Broker) leaseOrWait(ctx context.Context, c *caller) (leases []broker.Lease, done bool, err error) {
	now, err := b.look(ctx, c.waiter)
	if err != nil {
		return nil, true, err
	}
	defer b.exit(now, c.Max)
	c.unasked = nil
	if err = ctx.Err(); err == nil {
		c.unasked = b.strange(c)
	}
	if err == nil && len(c.unasked) == 0 {
		leases, err = b.lease(c, now)
	}
	if len(leases) == 0 && len(c.unasked) == 0 && err == nil {
		c.waiter = b.block(c, now)
		return nil, false, nil
	}
	for _, name := range c.Queues { // what is left is for others
		if q := b.queues[name]; q != nil {
			b.touch(q)
		}
	}
	return leases, len(c.unasked) == 0, err
}

// look is enter for a caller that may have blocked. One that has must come in
// even if its context has ended, to pass on what it was woken for.
func (b *Broker) look(ctx context.Context, w *waiter) (time.Time, error) {
	if w == nil {
		return b.enter(ctx)
	}
	_ = b.lock.acquire(context.Background())
	b.unblock(w)
	if err := b.usable(); err != nil {
		b.lock.release()
		return time.Time{}, err
	}
	return time.Now(), nil
}

// draft is what one Lease call has drawn so far. Its leases share a token.
type draft struct {
	*caller
	now    time.Time
	token  int64
	leases []broker.Lease
	lasts  int // on their last delivery
}

// lease draws leases from the queues in their order. An error comes without
// leases: those drawn before it are returned instead.
func (b *Broker) lease(c *caller, now time.Time) ([]broker.Lease, error) {
	d := draft{caller: c, now: now, token: b.draw()}
	for _, name := range c.Queues {
		q := b.queues[name]
		if q == nil || b.isPaused(name) {
			continue
		}
		b.promote(q, now.UnixNano())
		if err := b.leaseFrom(q, &d); err != nil && len(d.leases) == 0 {
			return nil, err
		} else if err != nil {
			break
		}
	}
	return d.leases, nil
}

func (b *Broker) leaseFrom(q *queue, d *draft) error {
	now := d.now.UnixNano()
	before := len(d.leases)
	defer func() { q.brisk = len(d.leases)-before >= brisk }()
	if d.leases == nil {
		d.leases = make([]broker.Lease, 0, min(d.Max, q.pending.len()+1))
	}
	for len(d.leases) < d.Max {
		e := q.runnable(d.caller, d.bar(d.lasts), now)
		if e == nil {
			return nil
		}
		if err := b.grant(e, d); err != nil {
			return err
		}
	}
	return nil
}

// grant leases one task. The one who leases gets a copy of it, which Lease makes
// once the broker is unlocked: until then nobody has the token that it takes to
// change the task. Only when the lease runs out can another Lease be granted the
// task meanwhile, and that one leaves it as it is.
func (b *Broker) grant(e *entry, d *draft) error {
	t := e.task
	if t.Status == task.StatusRunning {
		t = t.Clone()
	}
	s := stamp{task.StatusRunning, d.now.Round(0), d.Worker, t.Deliveries + 1, d.token}
	expires := after(d.now, d.Duration)
	s.swap(t)
	if err := b.save(t, e.storageID, expires); err != nil {
		s.swap(t)
		return err
	}
	e.queue.vacate(e, s.status) // s has what it was
	e.task = t
	b.put(e, expires)
	d.leases = append(d.leases, broker.Lease{
		Task: t, Queue: t.Queue, ID: t.ID, Deliveries: int(t.Deliveries), Token: t.Token, Priority: t.Priority,
		Lock: broker.LockKey(t), Cancelled: e.doomed, Expires: d.now.Add(d.Duration),
	})
	if int(t.Deliveries) == d.Last {
		d.lasts++
	}
	return nil
}

// stamp is what a lease changes of a task.
type stamp struct {
	status     task.Status
	startedAt  time.Time
	worker     string
	deliveries int32
	token      int64
}

func (s *stamp) swap(t *task.Task) {
	s.status, t.Status = t.Status, s.status
	s.startedAt, t.StartedAt = t.StartedAt, s.startedAt
	s.worker, t.Worker = t.Worker, s.worker
	s.deliveries, t.Deliveries = t.Deliveries, s.deliveries
	s.token, t.Token = t.Token, s.token
}

// Extend implements broker.Broker.
func (b *Broker) Extend(_ context.Context, leases []broker.Lease, by time.Duration) []error {
	now, err := b.enter(context.Background())
	if err != nil {
		return all(len(leases), err)
	}
	defer b.exit(now, 0)
	errs := failures{n: len(leases)}
	for i := range leases {
		e := b.held(&leases[i])
		if e == nil {
			errs.add(i, task.ErrLeaseLost)
			continue
		}
		if p := leases[i].Progress; p != nil {
			e.task.Progress = *p
		}
		b.lift(e)
		b.put(e, after(now, by))
		if e.doomed {
			errs.add(i, task.ErrCancelled)
		}
	}
	return errs.errs
}

// held returns the entry whose lease this is, or nil if it has been lost.
func (b *Broker) held(lease *broker.Lease) *entry {
	q := b.queues[lease.Queue]
	if q == nil {
		return nil
	}
	e := q.tasks[lease.ID]
	if e == nil || e.task.Status != task.StatusRunning || e.task.Token != lease.Token {
		return nil
	}
	return e
}
