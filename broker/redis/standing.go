package redis

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	// leasesLooked is at how many leases one look for that of a task goes.
	leasesLooked = 10_000
	// prioritiesLooked is how many priorities a look for the oldest task sees.
	prioritiesLooked = 32
)

// Standing implements broker.Monitor. What it tells beside the task is of another
// look, so it may be a little newer.
func (b *Broker) Standing(ctx context.Context, queue string, id uuid.UUID) (broker.Standing, error) {
	var s broker.Standing
	t, score, err := b.find(ctx, queue, id, 0)
	if err != nil {
		return s, err
	}
	s.Task, s.Parked = t, t.Status == task.StatusScheduled && isParked(score)
	if s.Now, err = b.client.Time(ctx).Result(); err != nil {
		return s, wrap("read the time of redis", err)
	}
	switch t.Status {
	case task.StatusPending:
		err = b.countAhead(ctx, queue, &s)
	case task.StatusRunning:
		err = b.findLease(ctx, queue, &s)
	case task.StatusScheduled:
		err = b.findHolder(ctx, queue, &s)
	}
	return s, wrap("look at a task in redis", err)
}

func (b *Broker) countAhead(ctx context.Context, queue string, s *broker.Standing) error {
	rank, err := b.client.ZRank(ctx, b.keys(queue).pending(), encodeID(s.Task.ID)).Result()
	if errors.Is(err, goredis.Nil) { // it has moved on
		return nil
	}
	s.Ahead = int(rank)
	return err
}

// findLease looks for the task's member, page by page: a lease is not found by
// its id otherwise.
func (b *Broker) findLease(ctx context.Context, queue string, s *broker.Standing) error {
	for start := int64(0); start < leasesLooked; start += broker.MaxBatch {
		page, err := b.client.ZRangeWithScores(ctx, b.keys(queue).running(), start, start+broker.MaxBatch-1).Result()
		if err != nil {
			return err
		}
		for _, z := range page {
			text, _ := z.Member.(string)
			if l, ok := parseMember(text); ok && l.ID == s.Task.ID {
				s.Expires, s.Deliveries, s.Token = time.UnixMilli(int64(z.Score)), l.Deliveries, l.Token
				return nil
			}
		}
		if len(page) < broker.MaxBatch {
			return nil
		}
	}
	return nil
}

// findHolder looks for the task whose end this one waits for.
func (b *Broker) findHolder(ctx context.Context, queue string, s *broker.Standing) error {
	if s.Task.Unique.Mode != task.Latest {
		return nil
	}
	value, err := b.client.HGet(ctx, b.keys(queue).locks(), broker.LockKey(s.Task)).Result()
	if errors.Is(err, goredis.Nil) {
		return nil
	}
	if l, ok := parseLock(value); ok && l.next == encodeID(s.Task.ID) {
		s.Behind, _ = decodeID(l.holder) // parseLock has checked it
	}
	return err
}

// oldest reads what the oldest script says: for how long the task that waits
// longest has been due.
func oldest(cmd *goredis.Cmd) (time.Duration, error) {
	values, err := cmd.Slice()
	if err != nil {
		return 0, err
	}
	found, err := texts(values)
	if err != nil || len(found)%2 != 0 || len(found) == 0 {
		return 0, errors.New("unexpected reply of the oldest script")
	}
	now := parseMillis(found[0])
	since := now
	if due, _ := strconv.ParseInt(found[1], 10, 64); due > 0 {
		since = time.UnixMilli(due)
	}
	for i := 2; i < len(found); i += 2 {
		id, _ := decodeID(found[i])
		t, err := record.Decode(found[i+1], id)
		if err != nil {
			continue
		}
		if due := dueAt(t); !due.IsZero() && t.StartedAt.IsZero() && due.Before(since) {
			since = due
		}
	}
	return now.Sub(since), nil
}

// dueAt is when a pending task was due, as far as its record says.
func dueAt(t *task.Task) time.Time {
	if t.RunAt.After(t.EnqueuedAt) {
		return t.RunAt
	}
	return t.EnqueuedAt
}
