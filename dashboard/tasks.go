package dashboard

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

const (
	maxLooked = 5000                  // tasks that one search looks at
	lookTime  = 40 * time.Millisecond // after which a search goes no further
	batch     = 250                   // tasks that a search asks for at once
)

// tasksData is a list of tasks of one status.
type tasksData struct {
	Queue             string
	Queues            []string
	Status            task.Status
	States            []stateCount
	Name, Error, Text string
	Cursor, Next      string
	Limit             int
	Rows              []row
	Total, Looked     int
}

// stateCount is how many tasks of a queue have a status.
type stateCount struct {
	Status task.Status
	N      int
}

// Filtered reports whether only some tasks are wanted.
func (t *tasksData) Filtered() bool { return t.Name != "" || t.Error != "" || t.Text != "" }

// row is a task in a list.
type row struct {
	*task.Task
	Excerpt string
	At      time.Time // what its status is about
	Took    time.Duration
}

func newRow(t *task.Task) row {
	r := row{Task: t, Excerpt: excerpt(t.Payload), At: t.EnqueuedAt}
	switch {
	case t.Status == task.StatusScheduled || t.Status == task.StatusRetrying:
		r.At = t.RunAt
	case t.Status == task.StatusRunning:
		r.At = t.StartedAt
	case t.Status.Ended():
		r.At = t.EndedAt
		if !t.StartedAt.IsZero() && !t.EndedAt.IsZero() {
			r.Took = t.EndedAt.Sub(t.StartedAt)
		}
	}
	return r
}

func (d *dashboard) tasks(ctx context.Context, q *params) (any, error) {
	data := &tasksData{
		Queue: q.queue(), Status: q.status(), Cursor: q.text("cursor", maxCursor), Limit: q.number("limit", 1, maxPage, 50),
		Name: q.text("name", maxText), Error: q.text("error", maxText), Text: q.text("text", maxText),
	}
	if q.err != nil {
		return nil, nil
	}
	var err error
	if data.Queues, err = d.someQueues(ctx); err != nil {
		return nil, err
	}
	if q.values.Get("queue") == "" {
		if data.Queue, err = d.fullest(ctx, data.Queues, data.Status); err != nil {
			return nil, err
		}
	}
	counts, err := d.look.Counts(ctx, data.Queue)
	if err != nil {
		return nil, err
	}
	for _, s := range task.Statuses() {
		data.States = append(data.States, stateCount{s, counts[s]})
	}
	data.Total = counts[data.Status]
	return data, d.search(ctx, data)
}

// fullest returns the queue with the most tasks of a status: who has not said
// which queue is meant wants to see something.
func (d *dashboard) fullest(ctx context.Context, queues []string, status task.Status) (string, error) {
	counts, err := d.counts(ctx, queues, status)
	if err != nil || len(queues) == 0 {
		return task.DefaultQueue, err
	}
	return queues[slices.Index(counts, slices.Max(counts))], nil
}

// someQueues returns names to choose from.
func (d *dashboard) someQueues(ctx context.Context) ([]string, error) {
	names, err := d.look.Queues(ctx)
	return names[:min(len(names), 4*maxQueues)], err
}

// search fills a page. A search looks at a bounded number of tasks, for a bounded
// time, and says where to go on.
func (d *dashboard) search(ctx context.Context, data *tasksData) error {
	began, size := time.Now(), data.Limit
	if data.Filtered() {
		size = batch
	}
	data.Next = data.Cursor
	for {
		found, next, err := d.look.Tasks(ctx, data.Queue, data.Status, data.Next, size)
		if err != nil {
			return err
		}
		data.Next = next
		data.Looked += len(found)
		for _, t := range found {
			d.Redact(t)
			if data.wants(t) {
				data.Rows = append(data.Rows, newRow(t))
			}
		}
		if next == "" || len(data.Rows) >= data.Limit || data.Looked >= maxLooked || time.Since(began) > lookTime || !data.Filtered() {
			return nil
		}
	}
}

func (t *tasksData) wants(found *task.Task) bool {
	return contains(found.Name, t.Name) && contains(found.LastError, t.Error) &&
		(t.Text == "" || contains(string(found.Payload), t.Text) || contains(found.Name, t.Text) ||
			contains(found.LastError, t.Text) || contains(found.ID.String(), t.Text))
}

// contains ignores the case of ASCII letters, and of others if that makes no
// difference in length.
func contains(text, part string) bool {
	return part == "" || strings.Contains(text, part) || strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
