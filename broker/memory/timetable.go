package memory

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

type scheduleID struct{ queue, name string }

// schedule is what is known of a schedule. It is kept until Leave, and does not
// survive the process, not even with a storage.
type schedule struct {
	anchor time.Time
	last   time.Time // the last tick taken
	task   uuid.UUID // the last one that stood for a tick
	plan   broker.Plan
	paused bool
}

// Join implements broker.Timetable. The anchor is in whole milliseconds, as ticks
// are.
func (b *Broker) Join(ctx context.Context, queue, schedule string) (broker.ScheduleState, error) {
	if err := checkSchedule(queue, schedule); err != nil {
		return broker.ScheduleState{}, err
	}
	now, err := b.enter(ctx)
	if err != nil {
		return broker.ScheduleState{}, err
	}
	defer b.exit(now, 0)
	s := b.schedule(queue, schedule, now)
	return broker.ScheduleState{Now: now.Round(0), Anchor: s.anchor, Last: s.last}, nil
}

// schedule returns a schedule, which it anchors if it is new.
func (b *Broker) schedule(queue, name string, now time.Time) *schedule {
	id := scheduleID{queue, name}
	s := b.schedules[id]
	if s == nil {
		s = &schedule{anchor: now.Truncate(time.Millisecond)}
		b.schedules[id] = s
	}
	return s
}

func checkSchedule(queue, name string) error {
	if err := broker.CheckQueue("Queue", queue); err != nil {
		return err
	}
	return broker.CheckName("Schedule", name)
}

// Tick implements broker.Timetable. When the storage fails to save the task, the
// tick is not taken.
func (b *Broker) Tick(ctx context.Context, tick broker.Tick) (broker.Ticked, error) {
	if err := tick.Check(); err != nil {
		return broker.Ticked{}, err
	}
	if err := checkSchedule(tick.Task.Queue, tick.Schedule); err != nil {
		return broker.Ticked{}, err
	}
	now, err := b.write(ctx)
	if err != nil {
		return broker.Ticked{}, err
	}
	defer b.wrote(now, 1)
	s := b.schedule(tick.Task.Queue, tick.Schedule, now)
	ticked := broker.Ticked{Now: now.Round(0)}
	if !tick.At.After(s.last) {
		return ticked, nil
	}
	ticked.Behind = b.tickBehind(s, tick, now)
	if !s.paused && ticked.Behind == uuid.Nil {
		if ticked.Enqueued, err = b.enqueueTick(tick.Task, now); err != nil {
			return broker.Ticked{}, err
		}
		s.task = tick.Task.ID
	}
	s.last = tick.At.Round(0)
	return ticked, nil
}

// tickBehind returns the task for which a tick passes without its own: none if it
// is paused, or its task was enqueued already.
func (b *Broker) tickBehind(s *schedule, tick broker.Tick, now time.Time) uuid.UUID {
	t, at := tick.Task, now.UnixNano()
	switch {
	case s.paused || b.find(t, at) != nil:
		return uuid.Nil
	case tick.NoOverlap && b.unended(t.Queue, s.task, tick.IgnoreDelayed, at):
		return s.task
	}
	if digest := broker.LockKey(t); digest != "" {
		if h := b.holds[holdID{t.Queue, digest}]; h != nil && h.excludes(at) {
			return h.task
		}
	}
	return uuid.Nil
}

// enqueueTick reports whether the task was not there already.
func (b *Broker) enqueueTick(t *task.Task, now time.Time) (bool, error) {
	if b.find(t, now.UnixNano()) != nil {
		return false, nil
	}
	if err := b.enqueue(t.Clone(), now); err != nil {
		return false, err
	}
	t.Status, _ = waits(t, now)
	return true, nil
}

// unended reports whether a task has not ended. One that is not due may count as
// if it had.
func (b *Broker) unended(queue string, id uuid.UUID, ignoreDelayed bool, now int64) bool {
	q := b.queues[queue]
	if q == nil {
		return false
	}
	e := q.tasks[id]
	if e == nil || e.task.Status.Ended() {
		return false
	}
	return !ignoreDelayed || !delayed(e.task.Status) || e.parked() || e.key.at <= now
}

// Leave implements broker.Timetable.
func (b *Broker) Leave(ctx context.Context, queue, schedule string) error {
	if err := checkSchedule(queue, schedule); err != nil {
		return err
	}
	now, err := b.enter(ctx)
	if err != nil {
		return err
	}
	defer b.exit(now, 0)
	delete(b.schedules, scheduleID{queue, schedule})
	return nil
}
