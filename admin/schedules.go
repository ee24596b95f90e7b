package admin

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/scheduler"
	"github.com/nex-gen-tech/jobsy/task"
)

// maxMissedTicks is up to how many ticks a listing counts that nobody has taken.
const maxMissedTicks = 100

// ScheduleStatus is a schedule as it stands.
type ScheduleStatus struct {
	broker.ScheduleInfo
	// Next is its next tick, by the broker's clock. Zero: there is none, or
	// nobody has said what its spec is.
	Next time.Time
	// Overdue is how many ticks have passed since the last one that was taken, or
	// since it got its spec, up to 100: more than one or two say that no process runs the schedule.
	Overdue int
}

// Schedules returns about limit schedules of a queue, 1 to broker.MaxBatch, in no
// order. Cursor is "" for the first page and what the last page returned for the
// next; "" comes back with the last page.
func (c *Client) Schedules(ctx context.Context, queue, cursor string, limit int) ([]ScheduleStatus, string, error) {
	planner, err := optional[broker.Planner](c)
	if err != nil {
		return nil, "", err
	}
	found, next, err := planner.Schedules(ctx, named(queue), cursor, limit)
	if err != nil {
		return nil, "", err
	}
	schedules := make([]ScheduleStatus, len(found))
	for i := range found {
		schedules[i] = scheduleStatus(found[i])
	}
	return schedules, next, nil
}

func scheduleStatus(info broker.ScheduleInfo) ScheduleStatus {
	s := ScheduleStatus{ScheduleInfo: info}
	zone, err := time.LoadLocation(info.Location)
	if err != nil {
		return s
	}
	if next, err := scheduler.Upcoming(info.Spec, zone, info.Anchor, info.Now, 1); err == nil && len(next) == 1 {
		s.Next = next[0]
	}
	since := info.Anchor
	for _, at := range []time.Time{info.Last, info.Since} {
		if at.After(since) {
			since = at
		}
	}
	passed, _ := scheduler.Upcoming(info.Spec, zone, info.Anchor, since, maxMissedTicks) // none of a bad spec
	for _, at := range passed {
		if !at.After(info.Now) {
			s.Overdue++
		}
	}
	return s
}

// PauseSchedule has the ticks of a schedule pass without their tasks, in every
// process, until it is resumed. They are not made up for. It is task.ErrNotFound
// for a schedule that no scheduler has run yet.
func (c *Client) PauseSchedule(ctx context.Context, queue, schedule string) error {
	planner, err := optional[broker.Planner](c)
	if err != nil {
		return err
	}
	return planner.PauseSchedule(ctx, named(queue), schedule)
}

// ResumeSchedule ends a pause.
func (c *Client) ResumeSchedule(ctx context.Context, queue, schedule string) error {
	planner, err := optional[broker.Planner](c)
	if err != nil {
		return err
	}
	return planner.ResumeSchedule(ctx, named(queue), schedule)
}

// RunSchedule enqueues the task of a schedule now, beside its ticks and even if it
// is paused, and returns it. It carries the header scheduler.HeaderSchedule, and
// not scheduler.HeaderTick. It is task.ErrNotFound for a schedule of which nobody
// has said what it does.
func (c *Client) RunSchedule(ctx context.Context, queue, schedule string) (*task.Task, error) {
	planner, err := optional[broker.Planner](c)
	if err != nil {
		return nil, err
	}
	info, err := planner.Schedule(ctx, named(queue), schedule)
	if err != nil {
		return nil, err
	}
	t := info.Task
	if t == nil {
		return nil, task.ErrNotFound
	}
	if t.ID, err = uuid.NewV7(); err != nil {
		return nil, err
	}
	t.RunAt, t.EnqueuedAt = time.Time{}, time.Time{}
	if t.Headers == nil {
		t.Headers = make(map[string]string, 1)
	}
	t.Headers[scheduler.HeaderSchedule] = schedule
	return t, c.tasks.Enqueue(ctx, t)
}

// RemoveSchedule has the broker forget a schedule: its ticks, its pause and what it
// does. An unknown one is no error. A process that still runs the schedule brings
// it back with its next tick, so take it out of the program first.
func (c *Client) RemoveSchedule(ctx context.Context, queue, schedule string) error {
	timetable, err := optional[broker.Timetable](c)
	if err != nil {
		return err
	}
	return timetable.Leave(ctx, named(queue), schedule)
}
