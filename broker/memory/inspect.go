package memory

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Queues implements broker.Inspector.
func (b *Broker) Queues(ctx context.Context) ([]string, error) {
	now, err := b.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer b.exit(now, 0)
	known := maps.Clone(b.known)
	for id := range b.schedules {
		known[id.queue] = struct{}{}
	}
	return slices.Sorted(maps.Keys(known)), nil
}

// Counts implements broker.Inspector.
func (b *Broker) Counts(ctx context.Context, queue string) (map[task.Status]int, error) {
	q, now, err := b.inspect(ctx, queue)
	if err != nil {
		return nil, err
	}
	defer b.exit(now, 0)
	return b.counts(q, now.UnixNano()), nil
}

// counts returns how many tasks of each status a queue has; nil has none.
func (b *Broker) counts(q *queue, now int64) map[task.Status]int {
	counts := make(map[task.Status]int)
	if q == nil {
		return counts
	}
	for _, status := range task.Statuses() {
		if n := b.count(q, status, now); n > 0 {
			counts[status] = n
		}
	}
	return counts
}

func (b *Broker) count(q *queue, status task.Status, now int64) int {
	if h := q.heap(status); h == &q.scheduled {
		return h.len() + q.parked.len()
	} else if h != nil {
		return h.len()
	}
	if b.retained.next() > now {
		return q.ended(status).len()
	}
	n := 0
	for range q.all(status, now) {
		n++
	}
	return n
}

// inspect enters for a look at a queue, which is nil if it holds no task.
func (b *Broker) inspect(ctx context.Context, name string) (*queue, time.Time, error) {
	if err := broker.CheckQueue("Queue", name); err != nil {
		return nil, time.Time{}, err
	}
	now, err := b.enter(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	return b.queues[name], now, nil
}

// entry returns the entry of a task, or nil.
func (b *Broker) entry(queue string, id uuid.UUID) *entry {
	if q := b.queues[queue]; q != nil {
		return q.tasks[id]
	}
	return nil
}

// Task implements broker.Inspector.
func (b *Broker) Task(ctx context.Context, queue string, id uuid.UUID) (*task.Task, error) {
	q, now, err := b.inspect(ctx, queue)
	if err != nil {
		return nil, err
	}
	defer b.exit(now, 0)
	if q == nil {
		return nil, task.ErrNotFound
	}
	e := q.tasks[id]
	if e == nil || e.overdue(now.UnixNano()) {
		return nil, task.ErrNotFound
	}
	return e.standing(), nil
}

// Tasks implements broker.Inspector. The cursor is the key of the last task that
// was seen, so a page costs one pass over the tasks of that status.
func (b *Broker) Tasks(ctx context.Context, queue string, status task.Status, cursor string, limit int) ([]*task.Task, string, error) {
	if !slices.Contains(task.Statuses(), status) {
		return nil, "", &task.FieldError{Field: "Status", Rule: "must be one of task.Statuses()", Value: strconv.Quote(string(status))}
	}
	if limit < 1 || limit > broker.MaxBatch {
		return nil, "", &task.FieldError{Field: "limit", Rule: fmt.Sprintf("must be 1 to %d", broker.MaxBatch), Value: strconv.Itoa(limit)}
	}
	seen, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	q, now, err := b.inspect(ctx, queue)
	if err != nil {
		return nil, "", err
	}
	defer b.exit(now, 0)
	if q == nil {
		return nil, "", nil
	}
	found, next := page(q.all(status, now.UnixNano()), seen, limit), ""
	if len(found) > limit {
		found = found[:limit]
		next = formatCursor(found[limit-1].key)
	}
	tasks := make([]*task.Task, len(found))
	for i, it := range found {
		tasks[i] = it.entry.standing()
	}
	return tasks, next, nil
}

// all yields the tasks of a status in no order, without those that are overdue.
func (q *queue) all(status task.Status, now int64) iter.Seq[item] {
	return func(yield func(item) bool) {
		h := q.heap(status)
		if h == nil {
			h = &q.ended(status).heap
		}
		ended := status.Ended()
		for _, it := range h.items {
			if ended && it.at <= now {
				continue
			}
			if !yield(it) {
				return
			}
		}
		if h == &q.scheduled {
			q.parked.all()(yield)
		}
	}
}

// page returns the first limit items after seen, in order, and one more if
// there are more.
func page(items iter.Seq[item], seen key, limit int) []item {
	var found []item
	keep := limit + 1
	last := key{never, never} // of those to keep, as far as known
	sort := func() {
		slices.SortFunc(found, compare)
		found = found[:min(len(found), keep)]
	}
	for it := range items {
		if !seen.before(it.key) || !it.before(last) {
			continue
		}
		found = append(found, it)
		if len(found) == 2*keep {
			sort()
			last = found[keep-1].key
		}
	}
	sort()
	return found
}

func compare(a, b item) int {
	if a.before(b.key) {
		return -1
	}
	return 1 // keys are unique
}

func formatCursor(k key) string {
	return strconv.FormatInt(k.at, 36) + "." + strconv.FormatInt(k.rank, 36)
}

func parseCursor(cursor string) (key, error) {
	if cursor == "" {
		return key{at: -1}, nil
	}
	at, rank, _ := strings.Cut(cursor, ".")
	k, err := key{}, error(nil)
	if k.at, err = strconv.ParseInt(at, 36, 64); err == nil {
		k.rank, err = strconv.ParseInt(rank, 36, 64)
	}
	if err != nil {
		return key{}, &task.FieldError{Field: "cursor", Rule: "must be what an earlier page returned", Value: strconv.Quote(cursor)}
	}
	return k, nil
}
