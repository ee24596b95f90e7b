package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

// Lease implements broker.Broker.
func (b *Broker) Lease(ctx context.Context, req broker.LeaseRequest) ([]broker.Lease, error) {
	if err := b.ready(ctx); err != nil {
		return nil, err
	}
	if err := req.Check(); err != nil {
		return nil, err
	}
	s := b.stations.enter(b, req)
	defer func() { s.leave(ctx.Err() != nil) }()
	for {
		for _, place := range s.worthLooking(req.Queues) {
			leases, err := b.leaseFrom(ctx, place, &req)
			if err != nil || len(leases) > 0 {
				return leases, err
			}
		}
		if err := s.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// leaseFrom leases from one queue, with another call if the first has told of
// parked tasks that the worker handles.
func (b *Broker) leaseFrom(ctx context.Context, p *place, req *broker.LeaseRequest) ([]broker.Lease, error) {
	for {
		leases, more, err := b.leaseOnce(ctx, p, req)
		if err != nil || len(leases) > 0 || !more || ctx.Err() != nil {
			return leases, err
		}
	}
}

// leaseOnce makes one call for one queue. A call that failed is repeated by the
// next with its number, so that leases whose reply was lost are handed out
// again. More: another call may get what this one did not.
func (b *Broker) leaseOnce(ctx context.Context, p *place, req *broker.LeaseRequest) (leases []broker.Lease, more bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	p.look()
	b.sweepNowAndThen(ctx, p)
	k, sent := b.keys(p.queue), time.Now()
	reply, err := leaseScript.run(ctx, b.client, k.lease(p.caller), p.leaseArgs(req)...)
	if err != nil {
		return nil, false, wrap("lease from redis", err)
	}
	p.call++
	g, err := parseGrant(reply)
	if err != nil {
		return nil, false, err
	}
	more = p.roll.hear(g.names, req, len(g.members) == req.Max)
	if len(g.members) == 0 {
		if !more {
			p.rest(g.next, b.idlePoll)
		}
		return nil, more, nil
	}
	leases = make([]broker.Lease, 0, len(g.members))
	for i, member := range g.members {
		lease, err := g.lease(i, p.queue, req.Worker)
		if err != nil {
			b.setAside(ctx, p.queue, member, g.records[i], err)
			continue
		}
		lease.Expires = sent.Add(req.Duration)
		leases = append(leases, lease)
	}
	return leases, false, nil
}

// sweepNowAndThen drops what has ended and been kept for its time.
func (b *Broker) sweepNowAndThen(ctx context.Context, p *place) {
	if !p.sweepDue(b.idlePoll) {
		return
	}
	if err := b.sweep(ctx, p); err != nil {
		b.log.Warn("cannot sweep ended tasks", "queue", p.queue, "error", err)
	}
}

// grant is the reply of the lease script.
type grant struct {
	now              time.Time
	next             time.Duration // until something falls due; negative: nothing will
	doomed           []remark
	names            []string // of parked tasks
	members, records []string
}

var errReply = errors.New("unexpected reply of the lease script")

func parseGrant(reply any) (grant, error) {
	values, ok := reply.([]any)
	if !ok || len(values) < 4 || len(values)%2 != 0 {
		return grant{}, errReply
	}
	now, okNow := values[0].(int64)
	next, okNext := values[1].(int64)
	if !okNow || !okNext {
		return grant{}, errReply
	}
	g := grant{now: time.UnixMilli(now), next: time.Duration(next) * time.Millisecond}
	var err error
	if g.doomed, err = remarks(values[2]); err != nil {
		return grant{}, err
	}
	if g.names, err = texts(values[3]); err != nil {
		return grant{}, err
	}
	for i := 4; i < len(values); i += 2 {
		member, okMember := values[i].(string)
		record, okRecord := values[i+1].(string)
		if !okMember || !okRecord {
			return grant{}, errReply
		}
		g.members, g.records = append(g.members, member), append(g.records, record)
	}
	return g, nil
}

// lease decodes one lease. The error says what is wrong with its record.
func (g *grant) lease(i int, queue, worker string) (broker.Lease, error) {
	lease, ok := parseMember(g.members[i])
	if !ok {
		return lease, fmt.Errorf("%w: malformed id %q", task.ErrRecord, g.members[i])
	}
	if g.records[i] == "" {
		return lease, fmt.Errorf("%w: it is missing", task.ErrRecord)
	}
	t, err := record.Decode(g.records[i], lease.ID)
	if err != nil {
		return lease, err
	}
	if t.Queue != queue {
		return lease, fmt.Errorf("%w: it is that of a task in queue %q", task.ErrRecord, t.Queue)
	}
	t.Status, t.Worker, t.StartedAt = task.StatusRunning, worker, g.now
	t.Deliveries, t.Token = int32(lease.Deliveries), lease.Token
	lease.Queue, lease.Task, lease.Priority = queue, t, t.Priority
	lease.Lock, lease.Cancelled = broker.LockKey(t), slices.ContainsFunc(g.doomed, func(r remark) bool { return r.position == i+1 })
	return lease, nil
}

// setAside ends a malformed task as failed. Its stand-in keeps the bytes that
// were found as its payload.
func (b *Broker) setAside(ctx context.Context, queue, member, record string, reason error) {
	b.log.Error("set a malformed task aside as failed", "queue", queue, "member", member, "error", reason)
	now := time.Now()
	standIn := &task.Task{
		ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(member)), Name: "malformed", Payload: []byte(record),
		Queue: queue, LastError: reason.Error(), EnqueuedAt: now, EndedAt: now,
	}
	if lease, ok := parseMember(member); ok {
		standIn.ID = lease.ID
	}
	outcome := broker.Outcome{Lease: broker.Lease{Queue: queue, ID: standIn.ID}, Status: task.StatusFailed, Task: standIn, Keep: malformedKeep}
	for _, err := range b.settles.do(ctx, []item{newOutcomeItem(&outcome, member)}) {
		b.log.Warn("cannot set a malformed task aside", "queue", queue, "member", member, "error", err)
	}
}
