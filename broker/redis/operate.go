package redis

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

// revisedAtOnce is how many tasks one call of the script changes: each costs the
// server some ten microseconds, and a bulk call must not hold it for long.
const revisedAtOnce = 250

// maxRevisions is how often a change is tried on a task that others change
// meanwhile.
const maxRevisions = 10

var errMoved = errors.New("task was changed meanwhile")

// notRevised reads what the revise script says of a task.
func notRevised(_ uuid.UUID, r remark) error {
	switch r.mark {
	case '?':
		return errMoved
	case '-':
		return task.ErrNotFound
	case '!':
		return task.ErrEnded
	}
	holder, err := decodeID(r.text)
	if err != nil {
		return err
	}
	return &task.DuplicateError{ID: holder, Unique: true}
}

// Revise implements broker.Operator. The records are read, changed here and
// written by a script if they are still what was read.
func (b *Broker) Revise(ctx context.Context, queue string, ids []uuid.UUID, change broker.Change) []error {
	err := change.Check()
	if err == nil {
		err = b.readyToInspect(ctx, queue)
	}
	if err != nil {
		return all(len(ids), err)
	}
	errs, left := make([]error, len(ids)), make([]int, len(ids))
	for i := range left {
		left[i], errs[i] = i, errMoved
	}
	for tries := 0; tries < maxRevisions && len(left) > 0 && ctx.Err() == nil; tries++ {
		for chunk := range slices.Chunk(left, revisedAtOnce) {
			b.revise(ctx, queue, ids, chunk, &change, errs)
		}
		left = slices.DeleteFunc(left, func(i int) bool { return !errors.Is(errs[i], errMoved) })
	}
	for _, i := range left {
		errs[i] = wrap("revise a task in redis", errs[i])
	}
	return orNil(errs)
}

// revise tries the change once on the tasks at these positions of ids.
func (b *Broker) revise(ctx context.Context, queue string, ids []uuid.UUID, at []int, change *broker.Change, errs []error) {
	found, err := b.sightings(ctx, queue, ids, at)
	if err != nil {
		for _, i := range at {
			errs[i] = err
		}
		return
	}
	var items []item
	var sent []int
	for n, i := range at {
		it, err := b.revision(queue, ids[i], &found[n], change, i)
		if errs[i] = err; it != nil {
			items, sent = append(items, *it), append(sent, i)
		}
	}
	for n, err := range b.revisions.do(ctx, items) {
		errs[sent[n]] = err
	}
}

// sighting is where a task stood when it was looked at.
type sighting struct {
	record   string
	position int       // as statusAt
	at       time.Time // by the server's clock
}

func (b *Broker) sightings(ctx context.Context, queue string, ids []uuid.UUID, at []int) ([]sighting, error) {
	fields := make([]string, len(at))
	for n, i := range at {
		fields[n] = encodeID(ids[i])
	}
	k := b.keys(queue)
	var records *goredis.SliceCmd
	scores := make([]*goredis.Cmd, len(statusAt))
	var clock *goredis.TimeCmd
	_, err := b.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		records, clock = p.HMGet(ctx, k.tasks(), fields...), p.Time(ctx)
		for position := 2; position < len(statusAt); position++ {
			args := []any{"ZMSCORE", k.set(statusAt[position])}
			for _, field := range fields {
				args = append(args, field)
			}
			scores[position] = p.Do(ctx, args...) // its own ZMScore reads nil as 0
		}
		return nil
	})
	if err != nil {
		return nil, wrap("find tasks in redis", err)
	}
	found := make([]sighting, len(at))
	for n := range found {
		found[n].at = clock.Val()
		found[n].record, _ = records.Val()[n].(string)
		for position := 2; position < len(statusAt); position++ {
			if list, ok := scores[position].Val().([]any); ok && n < len(list) && list[n] != nil {
				found[n].position = position
			}
		}
	}
	return found, nil
}

// revision is what the script has to know of one change, or nil if there is
// nothing to do.
func (b *Broker) revision(queue string, id uuid.UUID, seen *sighting, change *broker.Change, turn int) (*item, error) {
	status := statusAt[seen.position]
	if seen.record == "" {
		return nil, task.ErrNotFound
	}
	if skip, err := refusal(status, change); skip || err != nil {
		return nil, err
	}
	field := encodeID(id)
	t, err := record.Decode(seen.record, id)
	if err != nil && !change.Delete {
		return nil, err
	} else if err != nil {
		t = &task.Task{ID: id, Priority: task.MediumPriority} // it can be deleted all the same
	}
	standing := *t
	standing.Status = status
	if err := change.Suits(&standing); err != nil {
		return nil, err
	}
	to, ms := destination(change, turn)
	apply(t, status, change, seen.at)
	digest, retake := broker.LockKey(t), ""
	if change.Status == task.StatusPending && status.Ended() && digest != "" {
		retake = retaken(t)
	}
	if change.Status == task.StatusCancelled {
		ms = ceil(b.bounds.Keep(task.StatusCancelled, change.Keep))
	}
	sum := sha1.Sum([]byte(seen.record))
	record := recordUnder(field, *t)
	return &item{
		queue: queue, id: id, size: len(record),
		args: []any{field, seen.position, to, ms, int(t.Priority), digest, retake, hex.EncodeToString(sum[:]), record},
	}, nil
}

// refusal says why a task of that status is not changed; skip: it is that
// already. What depends on the time the script judges, by its clock.
func refusal(status task.Status, change *broker.Change) (skip bool, err error) {
	cancel := change.Status == task.StatusCancelled
	switch {
	case status == task.StatusRunning && !cancel:
		return false, task.ErrRunning
	case status == task.StatusPending && change.Status == status && change.Delay+change.Spacing == 0:
		return change.Priority == 0 && change.Payload == nil, nil
	}
	return false, nil
}

// destination is where the revise script is to put the task, and for how long.
func destination(change *broker.Change, turn int) (to int, ms int64) {
	switch {
	case change.Delete:
		return -1, 0
	case change.Status == task.StatusCancelled:
		return 7, 0
	case change.Status == task.StatusPending:
		if ms = ceil(change.Wait(turn)); ms > 0 {
			return 3, ms
		}
		return 2, 0
	}
	return 0, 0
}

// apply changes the task itself.
func apply(t *task.Task, status task.Status, change *broker.Change, now time.Time) {
	if change.Priority != 0 {
		t.Priority = change.Priority
	}
	if change.Payload != nil {
		t.Payload = change.Payload
	}
	switch {
	case change.Status == task.StatusCancelled:
		t.Status, t.EndedAt = task.StatusCancelled, now
	case change.Status == task.StatusPending:
		t.Status, t.RunAt = "", time.Time{}
		if status.Ended() {
			t.Attempt, t.Snoozes, t.Excused = 0, 0, 0
			t.EndedAt, t.Progress = time.Time{}, task.Progress{}
		}
	}
}

// Pause implements broker.Operator.
func (b *Broker) Pause(ctx context.Context, queue string) error {
	if err := b.readyToInspect(ctx, queue); err != nil {
		return err
	}
	k := b.keys(queue)
	_, err := b.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		p.Set(ctx, k.paused(), 1, 0)
		p.Publish(ctx, k.news(), "pause")
		return nil
	})
	return wrap("pause a queue in redis", err)
}

// Resume implements broker.Operator.
func (b *Broker) Resume(ctx context.Context, queue string) error {
	if err := b.readyToInspect(ctx, queue); err != nil {
		return err
	}
	k := b.keys(queue)
	_, err := b.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		p.Del(ctx, k.paused())
		p.ZAdd(ctx, k.wake(), goredis.Z{Member: "wake"})
		return nil
	})
	return wrap("resume a queue in redis", err)
}
