package redis

import (
	"context"
	"errors"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

var errSweepReply = errors.New("unexpected reply of the sweep script")

// sweep drops a bounded slice of what has ended and been kept for its time, of
// what there is too much of, of locks whose owner is gone, and of what is left of
// tasks that were parked. As long as there
// is more, the next look sweeps again.
func (b *Broker) sweep(ctx context.Context, p *place) error {
	if p.scanned == "" {
		p.scanned, p.visited = "0", "0"
	}
	args := []any{broker.MaxBatch}
	for _, status := range endings {
		args = append(args, b.bounds.Of(status).Count)
	}
	reply, err := sweepScript.run(ctx, b.client, b.keys(p.queue).sweep(), append(args, p.scanned, p.visited)...)
	if err != nil {
		return err
	}
	values, ok := reply.([]any)
	if !ok || len(values) != 6 {
		return errSweepReply
	}
	if p.scanned, ok = values[4].(string); !ok {
		return errSweepReply
	}
	if p.visited, ok = values[5].(string); !ok {
		return errSweepReply
	}
	for i, status := range endings {
		if n, _ := values[i+1].(int64); n > 0 {
			b.log.Warn("dropped ended tasks before their time: there are more than the Bounds",
				"queue", p.queue, "status", status, "max", b.bounds.Of(status).Count, "dropped", n)
		}
	}
	if n, _ := values[0].(int64); n >= broker.MaxBatch {
		p.swept = time.Time{}
	}
	return nil
}

// endings are the ways to end, in the order of the sweep script's KEYS.
var endings = []task.Status{task.StatusCompleted, task.StatusFailed, task.StatusCancelled}
