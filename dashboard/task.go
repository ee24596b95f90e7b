package dashboard

import (
	"context"
	"time"

	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/task"
)

// taskData is the page of one task.
type taskData struct {
	*task.Task
	Shown    content
	Returned content
	Reasons  []admin.Reason // why it does not run
	Line     timeline
	Percent  int
}

func (d *dashboard) task(ctx context.Context, q *params) (any, error) {
	queue, ids := q.queue(), q.ids()
	if q.err != nil {
		return nil, nil
	}
	t, reasons, err := d.explained(ctx, &task.Task{Queue: queue, ID: ids[0]})
	if err != nil {
		return nil, err
	}
	t.Queue = queue
	d.Redact(t)
	return &taskData{
		Task: t, Reasons: reasons, Shown: newContent(t.Payload), Returned: newContent(t.Result),
		Percent: int(t.Progress.Fraction * 100), Line: newTimeline(t, time.Now()),
	}, nil
}

// explained returns a task and why it does not run, if the broker can tell.
func (d *dashboard) explained(ctx context.Context, named *task.Task) (*task.Task, []admin.Reason, error) {
	if d.monitor == nil {
		t, err := d.look.Task(ctx, named.Queue, named.ID)
		return t, nil, err
	}
	e, err := d.admin.Explain(ctx, named)
	switch {
	case err != nil:
		return nil, nil, err
	case e.Task == nil:
		return nil, nil, task.ErrNotFound
	case e.Task.Status.Ended():
		return e.Task, nil, nil
	}
	return e.Task, e.Reasons, nil
}

// timeline draws the attempts of a task from its enqueuing to its end.
type timeline struct {
	Bars     []bar
	From, To time.Time
	Took     time.Duration
}

// bar is one attempt, in thousandths of the timeline.
type bar struct {
	X, Width int
	Class    string
	Text     string
}

func newTimeline(t *task.Task, now time.Time) timeline {
	var l timeline
	running := t.Status == task.StatusRunning && !t.StartedAt.IsZero()
	if len(t.History) == 0 && !running {
		return l
	}
	l.From, l.To = t.EnqueuedAt, t.EndedAt
	if len(t.History) > 0 {
		if first := t.History[0].StartedAt; l.From.IsZero() || first.Before(l.From) || t.History[0].Attempt > 1 {
			l.From = first
		}
		l.To = later(l.To, t.History[len(t.History)-1].EndedAt)
	}
	if running {
		l.To = later(now, t.StartedAt)
	}
	l.Took = max(l.To.Sub(l.From), time.Millisecond)
	for _, r := range t.History {
		class := "completed"
		if r.Error != "" {
			class = "failed"
		}
		l.add(r.StartedAt, r.EndedAt, class, "attempt "+grouped(r.Attempt)+": "+span(r.EndedAt.Sub(r.StartedAt)))
	}
	if running {
		l.add(t.StartedAt, l.To, "running", "running for "+span(l.To.Sub(t.StartedAt)))
	}
	return l
}

func (l *timeline) add(from, to time.Time, class, text string) {
	at := func(t time.Time) int {
		return int(min(max(float64(t.Sub(l.From))/float64(l.Took), 0), 1) * 1000)
	}
	x := min(at(from), 996)
	l.Bars = append(l.Bars, bar{X: x, Width: max(at(to)-x, 4), Class: class, Text: text})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
