package brokertest

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func (m *model) Plan(_ context.Context, queue, name string, plan broker.Plan) error {
	if err := plan.Check(); err != nil && !m.has("does not check requests") {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.schedules[[2]string{queue, name}]
	if s == nil && m.has("notes plans that nobody joined") {
		s = m.schedule(queue, name)
	}
	if s == nil || m.has("forgets plans") || s.plan.Task != nil && m.has("keeps the first plan") {
		return nil
	}
	s.plan = m.copied(plan)
	return nil
}

func (m *model) copied(plan broker.Plan) broker.Plan {
	if plan.Task != nil && !m.has("hands out its own task") {
		plan.Task = plan.Task.Clone()
		plan.Task.ID = uuid.Nil
	}
	return plan
}

func (m *model) PauseSchedule(_ context.Context, queue, name string) error {
	return m.halt(queue, name, true)
}

func (m *model) ResumeSchedule(_ context.Context, queue, name string) error {
	return m.halt(queue, name, false)
}

func (m *model) halt(queue, name string, halted bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.schedules[[2]string{queue, name}]
	switch {
	case name == "":
		return broker.CheckName("Schedule", name)
	case s == nil:
		return task.ErrNotFound
	}
	s.halted = halted && !m.has("PauseSchedule does nothing")
	return nil
}

func (m *model) Forget(_ context.Context, queue, name string, last time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := [2]string{queue, name}
	s := m.schedules[key]
	switch {
	case name == "":
		return false, broker.CheckName("Schedule", name)
	case s == nil || !s.last.Equal(last) && !m.has("Forget ignores the last tick"):
		return false, nil
	}
	if !m.has("Forget does nothing") {
		delete(m.schedules, key)
	}
	return true, nil
}

func (m *model) Schedules(_ context.Context, queue, cursor string, limit int) ([]broker.ScheduleInfo, string, error) {
	start := 0
	if !m.has("does not check requests") {
		var err error
		if start, err = strconv.Atoi("0" + cursor); err != nil {
			err = &task.FieldError{Field: "cursor", Rule: "must be that of a page"}
		}
		if err = cmp.Or(broker.CheckPage(limit), broker.CheckQueue("Queue", queue), err); err != nil {
			return nil, "", err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []broker.ScheduleInfo
	for key := range m.schedules {
		if key[0] == queue || m.has("lists the schedules of all queues") {
			found = append(found, m.scheduleInfo(key))
		}
	}
	slices.SortFunc(found, func(a, b broker.ScheduleInfo) int { return cmp.Compare(a.Name, b.Name) })
	end := min(start+limit, len(found))
	if end < len(found) && !m.has("shows one page of schedules") {
		return found[start:end], strconv.Itoa(end), nil
	}
	return found[start:end], "", nil
}

func (m *model) scheduleInfo(key [2]string) broker.ScheduleInfo {
	s := m.schedules[key]
	return broker.ScheduleInfo{
		Queue: key[0], Name: key[1], Paused: s.halted, LastTask: s.task, Plan: m.copied(s.plan),
		ScheduleState: broker.ScheduleState{Now: m.now(), Anchor: s.anchor, Last: s.last},
	}
}

func (m *model) Schedule(_ context.Context, queue, name string) (broker.ScheduleInfo, error) {
	if name == "" {
		return broker.ScheduleInfo{}, broker.CheckName("Schedule", name)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := [2]string{queue, name}
	if m.schedules[key] == nil {
		return broker.ScheduleInfo{}, task.ErrNotFound
	}
	return m.scheduleInfo(key), nil
}
