package redis

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

// Queues implements broker.Inspector.
func (b *Broker) Queues(ctx context.Context) ([]string, error) {
	if err := b.ready(ctx); err != nil {
		return nil, err
	}
	queues, err := b.client.SMembers(ctx, b.queuesKey()).Result()
	if err != nil {
		return nil, wrap("list queues in redis", err)
	}
	slices.Sort(queues)
	return queues, nil
}

// set returns the key of the set that holds the tasks of a status, or "".
func (k keys) set(status task.Status) string {
	if slices.Contains(task.Statuses(), status) {
		return k.base + string(status)
	}
	return ""
}

// Counts implements broker.Inspector.
func (b *Broker) Counts(ctx context.Context, queue string) (map[task.Status]int, error) {
	if err := b.readyToInspect(ctx, queue); err != nil {
		return nil, err
	}
	var asked cards
	_, _ = b.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		asked = b.keys(queue).count(ctx, p)
		return nil
	})
	counts, err := asked.values() // which have the error of the pipeline, too
	return counts, wrap("count tasks in redis", err)
}

func (b *Broker) readyToInspect(ctx context.Context, queue string) error {
	if err := broker.CheckQueue("Queue", queue); err != nil {
		return err
	}
	return b.ready(ctx)
}

// Queue implements broker.Inspector.
func (b *Broker) Queue(ctx context.Context, queue string) (broker.QueueInfo, error) {
	if err := b.readyToInspect(ctx, queue); err != nil {
		return broker.QueueInfo{}, err
	}
	var one *glance
	b.look(ctx, func(p goredis.Pipeliner) []*glance {
		one = b.keys(queue).glance(ctx, p)
		return []*glance{one}
	})
	info, err := one.info()
	return info, wrap("look at a queue in redis", err)
}

// Task implements broker.Inspector.
func (b *Broker) Task(ctx context.Context, queue string, id uuid.UUID) (*task.Task, error) {
	t, _, err := b.find(ctx, queue, id, 0)
	return t, err
}

// find returns a task and its score, and notes that somebody waits for its end, if
// so.
func (b *Broker) find(ctx context.Context, queue string, id uuid.UUID, waits time.Duration) (*task.Task, float64, error) {
	if err := b.readyToInspect(ctx, queue); err != nil {
		return nil, 0, err
	}
	reply, err := findScript.run(ctx, b.client, b.keys(queue).find(), encodeID(id), ceil(waits))
	if err != nil {
		return nil, 0, wrap("find a task in redis", err)
	}
	values, ok := reply.([]any)
	if !ok || len(values) != 4 {
		return nil, 0, fmt.Errorf("unexpected reply of the find script: %v", reply)
	}
	kept, _ := values[0].(string)
	position, _ := values[1].(int64)
	score, _ := values[2].(string)
	progress, _ := values[3].(string)
	if kept == "" {
		return nil, 0, task.ErrNotFound
	}
	status, at := statusAt[position], parseScore(score)
	t, err := standing(kept, id, status, at)
	if err == nil && progress != "" {
		t.Progress, err = record.DecodeProgress(progress)
	}
	return t, at, err
}

// statusAt has the status of each set, by its position in the KEYS of the
// scripts that look into all of them; what is in none is running.
var statusAt = []task.Status{
	task.StatusRunning, "", task.StatusPending, task.StatusScheduled, task.StatusRetrying,
	task.StatusCompleted, task.StatusFailed, task.StatusCancelled,
}

func parseScore(text string) float64 {
	at, _ := strconv.ParseFloat(text, 64)
	return at
}

// standing decodes a record and says where its task stands.
func standing(kept string, id uuid.UUID, status task.Status, score float64) (*task.Task, error) {
	t, err := record.Decode(kept, id)
	if err != nil {
		return nil, err
	}
	t.Status = status
	if (status == task.StatusScheduled || status == task.StatusRetrying) && score < parked {
		t.RunAt = time.UnixMilli(int64(score) / 256)
	}
	return t, nil
}

// Tasks implements broker.Inspector. The cursor is a rank.
func (b *Broker) Tasks(ctx context.Context, queue string, status task.Status, cursor string, limit int) ([]*task.Task, string, error) {
	if err := b.readyToInspect(ctx, queue); err != nil {
		return nil, "", err
	}
	key := b.keys(queue).set(status)
	if key == "" {
		return nil, "", &task.FieldError{Field: "Status", Rule: "must be one of task.Statuses()", Value: strconv.Quote(string(status))}
	}
	start, err := parseCursor(cursor, limit)
	if err != nil {
		return nil, "", err
	}
	found, now, err := b.page(ctx, key, start, start+int64(limit)-1)
	if err != nil || len(found) == 0 {
		return nil, "", wrap("list tasks in redis", err)
	}
	if !status.Ended() {
		now = math.Inf(-1)
	}
	tasks, err := b.records(ctx, queue, status, found, now)
	next := ""
	if len(found) == limit {
		next = strconv.FormatInt(start+int64(limit), 10)
	}
	return tasks, next, err
}

// page returns some members of a set, and the time in ms by the server's clock.
func (b *Broker) page(ctx context.Context, key string, start, stop int64) (found []goredis.Z, now float64, err error) {
	var members *goredis.ZSliceCmd
	var clock *goredis.TimeCmd
	_, err = b.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		members, clock = p.ZRangeWithScores(ctx, key, start, stop), p.Time(ctx)
		return nil
	})
	return members.Val(), float64(clock.Val().UnixMilli()), err
}

func parseCursor(cursor string, limit int) (int64, error) {
	if limit < 1 || limit > broker.MaxBatch {
		return 0, &task.FieldError{Field: "limit", Rule: fmt.Sprintf("must be 1 to %d", broker.MaxBatch), Value: strconv.Itoa(limit)}
	}
	if cursor == "" {
		return 0, nil
	}
	start, err := strconv.ParseUint(cursor, 10, 48)
	if err != nil {
		return 0, &task.FieldError{Field: "cursor", Rule: "must be what an earlier page returned", Value: strconv.Quote(cursor)}
	}
	return int64(start), nil
}

// records fetches the tasks of set members. One that has moved on meanwhile,
// cannot be decoded, or is due by now is left out: readers do not see what the
// next sweep drops.
func (b *Broker) records(ctx context.Context, queue string, status task.Status, found []goredis.Z, now float64) ([]*task.Task, error) {
	ids := make([]string, len(found))
	for i, z := range found {
		member, _ := z.Member.(string)
		ids[i] = member[:min(len(member), idLength)]
	}
	records, err := b.client.HMGet(ctx, b.keys(queue).tasks(), ids...).Result()
	if err != nil {
		return nil, wrap("list tasks in redis", err)
	}
	tasks := make([]*task.Task, 0, len(found))
	for i, record := range records {
		text, ok := record.(string)
		if !ok || found[i].Score <= now {
			continue
		}
		id, _ := decodeID(ids[i]) // that of a malformed member is in its record
		if t, err := standing(text, id, status, found[i].Score); err == nil {
			tasks = append(tasks, t)
		}
	}
	return tasks, nil
}
