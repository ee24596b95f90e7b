package dashboard

import (
	"context"

	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	failedAtOnce = 2000 // tasks that are grouped for one page
	maxGroups    = 200  // shown on one page
)

// failedData are the failed tasks of a queue, by kind of error.
type failedData struct {
	Queue        string
	Queues       []queueCount // those with failed tasks
	Total        int
	Looked       int
	All          bool
	Cursor, Next string
	Groups       []admin.FailedGroup
	More         int // groups that are not shown
}

type queueCount struct {
	Name string
	N    int
}

func (d *dashboard) failed(ctx context.Context, q *params) (any, error) {
	data := &failedData{Queue: q.queue(), All: q.number("all", 0, 1, 0) == 1, Cursor: q.text("cursor", maxCursor)}
	chosen := q.values.Get("queue") != ""
	if q.err != nil {
		return nil, nil
	}
	if err := d.failedQueues(ctx, data, chosen); err != nil {
		return nil, err
	}
	var err error
	if data.All {
		data.Groups, err = d.admin.FailedGroups(ctx, data.Queue)
	} else {
		data.Groups, data.Next, err = d.admin.FailedGroupsPage(ctx, data.Queue, data.Cursor, failedAtOnce)
	}
	for i := range data.Groups {
		data.Looked += data.Groups[i].Count
		d.Redact(data.Groups[i].Example)
	}
	if len(data.Groups) > maxGroups {
		data.More = len(data.Groups) - maxGroups
		data.Groups = data.Groups[:maxGroups]
	}
	return data, err
}

// failedQueues finds the queues with failed tasks, and the one that has the most,
// unless one was chosen.
func (d *dashboard) failedQueues(ctx context.Context, data *failedData, chosen bool) error {
	names, err := d.someQueues(ctx)
	if err != nil {
		return err
	}
	counts, err := d.counts(ctx, names, task.StatusFailed)
	for i, n := range counts {
		if n > 0 {
			data.Queues = append(data.Queues, queueCount{names[i], n})
		}
		if !chosen && n > data.Total {
			data.Queue, data.Total = names[i], n
		}
		if chosen && names[i] == data.Queue {
			data.Total = n
		}
	}
	return err
}

// counts returns how many tasks of each queue have a status.
func (d *dashboard) counts(ctx context.Context, queues []string, status task.Status) ([]int, error) {
	counts := make([]int, len(queues))
	err := each(len(queues), func(i int) error {
		all, err := d.look.Counts(ctx, queues[i])
		counts[i] = all[status]
		return err
	})
	return counts, err
}
