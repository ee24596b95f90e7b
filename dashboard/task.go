package dashboard

import (
	"context"
	"errors"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// taskData is the page of one task.
type taskData struct {
	*task.Task
	Shown    content
	Returned content
	Standing broker.Standing
	Known    bool // Standing is
	Line     timeline
	Percent  int
	Stack    string
}

func (d *dashboard) task(ctx context.Context, q *params) (any, error) {
	queue, ids := q.queue(), q.ids()
	if q.err != nil {
		return nil, nil
	}
	data := &taskData{}
	var err error
	if data.Standing, err = d.standing(ctx, queue, &task.Task{Queue: queue, ID: ids[0]}); err != nil {
		return nil, err
	}
	data.Known = !data.Standing.Now.IsZero()
	t := data.Standing.Task
	if t.Queue == "" {
		t.Queue = queue
	}
	d.Redact(t)
	data.Task, data.Shown, data.Returned = t, newContent(t.Payload), newContent(t.Result)
	data.Percent = int(t.Progress.Fraction * 100)
	data.Line = newTimeline(t, time.Now())
	return data, nil
}

// standing asks for all that is known of where a task stands, or, of a broker that
// cannot tell, for the task alone.
func (d *dashboard) standing(ctx context.Context, queue string, named *task.Task) (broker.Standing, error) {
	if d.monitor != nil {
		s, err := d.monitor.Standing(ctx, queue, named.ID)
		if err == nil || errors.Is(err, task.ErrNotFound) {
			return s, err
		}
	}
	t, err := d.look.Task(ctx, queue, named.ID)
	return broker.Standing{Task: t}, err
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
