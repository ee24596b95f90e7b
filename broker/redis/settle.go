package redis

import (
	"context"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

// Settle implements broker.Broker.
func (b *Broker) Settle(ctx context.Context, outcomes []broker.Outcome) []error {
	if err := b.usable(); err != nil {
		return all(len(outcomes), err)
	}
	errs := make([]error, len(outcomes))
	items, at := make([]item, 0, len(outcomes)), make([]int, 0, len(outcomes))
	for i := range outcomes {
		if errs[i] = outcomes[i].Check(); errs[i] == nil {
			items, at = append(items, b.outcomeItem(&outcomes[i])), append(at, i)
		}
	}
	for i, err := range b.settles.do(ctx, items) {
		errs[at[i]] = err
	}
	return orNil(errs)
}

func (b *Broker) outcomeItem(o *broker.Outcome) item {
	bounded := *o
	bounded.Keep = b.bounds.Keep(o.Status, o.Keep)
	return newOutcomeItem(&bounded, member(&o.Lease))
}

func newOutcomeItem(o *broker.Outcome, member string) item {
	var record []byte
	if o.Task != nil {
		stored := *o.Task
		stored.Status = "" // the set says it
		if o.Status.Ended() {
			stored.Status = o.Status
		}
		record = recordUnder(member[:min(len(member), idLength)], stored)
	}
	wait, priority := o.Delay, o.Lease.Priority
	if o.Status.Ended() {
		wait = o.Keep
	}
	if o.Task != nil {
		priority = o.Task.Priority
	}
	it := item{
		queue: o.Lease.Queue,
		id:    o.Lease.ID,
		args:  []any{member, string(o.Status), ceil(wait), int(priority), record},
		size:  len(record),
	}
	if o.Parked {
		it.args[1], it.args[2] = "parked", o.Name()
	}
	if o.Lease.Lock != "" {
		it.also = []any{o.Lease.Lock}
	}
	return it
}

// longest is the longest wait that is told apart from forever; the scores of the
// sets have room for it.
const longest = 200 * 365 * 24 * time.Hour

// ceil returns whole milliseconds, rounded up: nothing is early, and a short
// retention is not none.
func ceil(d time.Duration) int64 {
	d = min(max(d, 0), longest)
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// Extend implements broker.Broker.
func (b *Broker) Extend(ctx context.Context, leases []broker.Lease, by time.Duration) []error {
	if err := b.ready(ctx); err != nil {
		return all(len(leases), err)
	}
	queues := make(map[string][]int, 1)
	for i := range leases {
		queues[leases[i].Queue] = append(queues[leases[i].Queue], i)
	}
	var calls []scriptCall
	var members [][]int
	for queue, at := range queues {
		for len(at) > 0 {
			n := min(len(at), broker.MaxBatch)
			calls, members = append(calls, b.extendCall(queue, leases, at[:n], by)), append(members, at[:n])
			at = at[n:]
		}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	errs := make([]error, len(leases))
	for i, cmd := range extendScript.runAll(ctx, b.client, calls, nil) {
		judge(cmd, "extend leases in redis", members[i], errs, notExtended)
	}
	return orNil(errs)
}

func (b *Broker) extendCall(queue string, leases []broker.Lease, at []int, by time.Duration) scriptCall {
	args := []any{ceil(by), len(at)}
	for _, i := range at {
		args = append(args, member(&leases[i]))
	}
	for position, i := range at {
		if p := leases[i].Progress; p != nil {
			args = append(args, position+1, record.EncodeProgress(*p))
		}
	}
	return scriptCall{b.keys(queue).extend(), args}
}

func notExtended(_ int, r remark) error {
	if r.mark == '!' {
		return task.ErrCancelled
	}
	return task.ErrLeaseLost
}
