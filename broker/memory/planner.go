package memory

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// knownSchedule enters for a schedule that somebody has joined.
func (b *Broker) knownSchedule(ctx context.Context, queue, name string) (*schedule, time.Time, error) {
	if err := checkSchedule(queue, name); err != nil {
		return nil, time.Time{}, err
	}
	now, err := b.enter(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	s := b.schedules[scheduleID{queue, name}]
	if s == nil {
		b.exit(now, 0)
		return nil, time.Time{}, task.ErrNotFound
	}
	return s, now, nil
}

// Plan implements broker.Planner.
func (b *Broker) Plan(ctx context.Context, queue, schedule string, plan broker.Plan) error {
	if err := plan.Check(); err != nil {
		return err
	}
	s, now, err := b.knownSchedule(ctx, queue, schedule)
	if err == task.ErrNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	defer b.exit(now, 0)
	s.plan = copied(plan)
	return nil
}

// copied returns a plan that shares nothing with another.
func copied(plan broker.Plan) broker.Plan {
	if plan.Task != nil {
		plan.Task = plan.Task.Clone()
		plan.Task.ID = uuid.Nil
	}
	return plan
}

// PauseSchedule implements broker.Planner. A pause does not survive the process.
func (b *Broker) PauseSchedule(ctx context.Context, queue, schedule string) error {
	return b.haltSchedule(ctx, queue, schedule, true)
}

// ResumeSchedule implements broker.Planner.
func (b *Broker) ResumeSchedule(ctx context.Context, queue, schedule string) error {
	return b.haltSchedule(ctx, queue, schedule, false)
}

func (b *Broker) haltSchedule(ctx context.Context, queue, schedule string, paused bool) error {
	if err := checkSchedule(queue, schedule); err != nil {
		return err
	}
	now, err := b.write(ctx) // not while a tick is taken
	if err != nil {
		return err
	}
	defer b.wrote(now, 0)
	s := b.schedules[scheduleID{queue, schedule}]
	if s == nil {
		return task.ErrNotFound
	}
	s.paused = paused
	return nil
}

// Forget implements broker.Planner.
func (b *Broker) Forget(ctx context.Context, queue, schedule string, last time.Time) (bool, error) {
	if err := checkSchedule(queue, schedule); err != nil {
		return false, err
	}
	now, err := b.write(ctx) // not while a tick is taken
	if err != nil {
		return false, err
	}
	defer b.wrote(now, 0)
	s := b.schedules[scheduleID{queue, schedule}]
	if s == nil || !s.last.Equal(last) {
		return false, nil
	}
	delete(b.schedules, scheduleID{queue, schedule})
	return true, nil
}

// Schedules implements broker.Planner. The cursor is as that of Servers.
func (b *Broker) Schedules(ctx context.Context, queue, cursor string, limit int) ([]broker.ScheduleInfo, string, error) {
	if err := broker.CheckPage(limit); err != nil {
		return nil, "", err
	}
	seen, err := parseName(cursor)
	if err != nil {
		return nil, "", err
	}
	_, now, err := b.inspect(ctx, queue)
	if err != nil {
		return nil, "", err
	}
	defer b.exit(now, 0)
	own := make(map[string]*schedule)
	for id, s := range b.schedules {
		if id.queue == queue {
			own[id.name] = s
		}
	}
	names, next := pageOf(own, seen, limit)
	found := make([]broker.ScheduleInfo, len(names))
	for i, name := range names {
		found[i] = own[name].info(queue, name, now)
	}
	return found, next, nil
}

// Schedule implements broker.Planner.
func (b *Broker) Schedule(ctx context.Context, queue, schedule string) (broker.ScheduleInfo, error) {
	s, now, err := b.knownSchedule(ctx, queue, schedule)
	if err != nil {
		return broker.ScheduleInfo{}, err
	}
	defer b.exit(now, 0)
	return s.info(queue, schedule, now), nil
}

func (s *schedule) info(queue, name string, now time.Time) broker.ScheduleInfo {
	return broker.ScheduleInfo{
		Queue: queue, Name: name, Paused: s.paused, LastTask: s.task, Plan: copied(s.plan),
		ScheduleState: broker.ScheduleState{Now: now.Round(0), Anchor: s.anchor, Last: s.last},
	}
}
