package memory

import (
	"context"
	"errors"
	"fmt"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// SweepBatch is the most overdue tasks that a call drops, besides one for each
// element of the call.
const SweepBatch = sweepBatch

// Leftovers names what is left in the broker but for the documented rest: the
// names of queues, and schedules. It sweeps first, as any call does.
func (b *Broker) Leftovers() []string {
	now, err := b.enter(context.Background())
	if err != nil {
		return nil
	}
	b.exit(now, 1<<20)
	_ = b.lock.acquire(context.Background())
	defer b.lock.release()
	var left []string
	for name, q := range b.queues {
		left = append(left, fmt.Sprintf("queue %s with %d tasks", name, len(q.tasks)))
	}
	for name := range b.lobbies {
		left = append(left, "the lobby of queue "+name)
	}
	for id := range b.stored {
		left = append(left, "stored ID "+id.String())
	}
	if n := len(b.lapses); n > 0 {
		left = append(left, fmt.Sprintf("%d throttling locks", n))
	}
	for id := range b.holds {
		left = append(left, "a lock of queue "+id.queue)
	}
	if n := b.retained.len(); n > 0 {
		left = append(left, fmt.Sprintf("%d retained tasks", n))
	}
	return left
}

// Retained returns how many ended tasks the broker holds, overdue ones included.
func (b *Broker) Retained() int {
	_ = b.lock.acquire(context.Background())
	defer b.lock.release()
	return b.retained.len()
}

// Looks returns a number that grows by one with each look of a Lease call and
// with each enqueued or promoted task.
func (b *Broker) Looks() int64 {
	_ = b.lock.acquire(context.Background())
	defer b.lock.release()
	return b.counter
}

// EnqueueAndHold enqueues a task and wakes who waits for it, but keeps all calls
// waiting until release is called.
func (b *Broker) EnqueueAndHold(t *task.Task) (release func()) {
	now, err := b.enter(context.Background())
	if err == nil {
		err = errors.Join(broker.Prepare(t), b.enqueue(t, now))
	}
	if err != nil {
		panic(err)
	}
	for _, q := range b.touched {
		b.wake(q)
		q.touched = false
	}
	b.touched = b.touched[:0]
	return func() { b.exit(now, 0) }
}

// Crowd is how many tasks may wait in a queue that is not crowded.
const Crowd = crowd

// Crowded reports whether those who enqueue let others go first.
func (b *Broker) Crowded(queue string) bool {
	_ = b.lock.acquire(context.Background())
	defer b.lock.release()
	return b.crowded(queue)
}
