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

// inspect locks the store for a look at one queue.
func (m *model) inspect(queue string) error {
	if m.isClosed() {
		return task.ErrClosed
	}
	if m.has("does not check requests") {
		return nil
	}
	return broker.CheckQueue("Queue", queue)
}

func (m *model) Queues(context.Context) ([]string, error) {
	if err := m.inspect("any"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	queues := slices.Clone(m.queues)
	for key := range m.schedules {
		if !slices.Contains(queues, key[0]) && !m.has("knows queues by their tasks only") {
			queues = append(queues, key[0])
		}
	}
	if !m.has("does not sort queues") {
		slices.Sort(queues)
	}
	return queues, nil
}

func (m *model) Counts(_ context.Context, queue string) (map[task.Status]int, error) {
	if err := m.inspect(queue); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep()
	counts := make(map[task.Status]int)
	for _, e := range m.entries {
		status := e.status
		if status == task.StatusRunning && m.has("counts running tasks as pending") {
			status = task.StatusPending
		}
		if e.queue == queue {
			counts[status]++
		}
	}
	return counts, nil
}

func (m *model) Task(_ context.Context, queue string, id uuid.UUID) (*task.Task, error) {
	if err := m.inspect(queue); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep()
	if e := m.find(queue, id); e != nil {
		return m.show(e), nil
	}
	if m.has("finds what is unknown") {
		return &task.Task{ID: id}, nil
	}
	return nil, task.ErrNotFound
}

// show returns a task as it stands.
func (m *model) show(e *entry) *task.Task {
	t := e.task.Clone()
	if m.has("hands out its own task") {
		t = e.task
	}
	t.Status = e.status
	delayed := e.status == task.StatusScheduled || e.status == task.StatusRetrying
	if e.parked && !m.has("shows when a parked task is due") {
		delayed = false
	}
	if e.held && !m.has("makes up when a task is due that waits for another") {
		delayed = false
	}
	if delayed && !m.has("shows the first RunAt of a retry") {
		t.RunAt = e.at
	}
	return t
}

func (m *model) Tasks(_ context.Context, queue string, status task.Status, cursor string, limit int) ([]*task.Task, string, error) {
	if err := m.inspect(queue); err != nil {
		return nil, "", err
	}
	start, err := m.page(status, cursor, limit)
	if err != nil {
		return nil, "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep()
	var listed []*task.Task
	for _, e := range m.standing(queue, status) {
		listed = append(listed, m.show(e))
	}
	listed, limit = listed[min(start, len(listed)):], max(limit, 0)
	if len(listed) <= limit {
		return listed, "", nil
	}
	end := start + limit
	if m.has("shows a task on two pages") && limit > 1 {
		end--
	}
	return listed[:limit], strconv.Itoa(end), nil
}

func (m *model) page(status task.Status, cursor string, limit int) (int, error) {
	if m.has("does not check requests") {
		return 0, nil
	}
	if !slices.Contains(task.Statuses(), status) || limit < 1 {
		return 0, &task.FieldError{Field: "limit", Rule: "must be positive"}
	}
	if cursor == "" {
		return 0, nil
	}
	start, err := strconv.Atoi(cursor)
	if err != nil {
		return 0, &task.FieldError{Field: "cursor", Rule: "must be that of a page"}
	}
	return start, nil
}

// standing returns the entries of one status, in their order.
func (m *model) standing(queue string, status task.Status) []*entry {
	var found []*entry
	for _, e := range m.entries {
		if e.queue == queue && e.status == status {
			found = append(found, e)
		}
	}
	switch {
	case m.has("lists tasks as they came"):
	case status == task.StatusPending:
		slices.SortStableFunc(found, m.compare)
	default:
		slices.SortStableFunc(found, func(a, b *entry) int { return a.at.Compare(b.at) })
	}
	return found
}

type schedule struct {
	anchor, last time.Time
	task         uuid.UUID // of the last tick that was enqueued
	plan         broker.Plan
	halted       bool
}

func (m *model) schedule(queue, name string) *schedule {
	key := [2]string{queue, name}
	if m.has("knows a schedule once for all queues") {
		key[0] = ""
	}
	if m.schedules[key] == nil || m.has("anchors a schedule at every Join") {
		m.schedules[key] = &schedule{anchor: m.now()}
	}
	return m.schedules[key]
}

func (m *model) Join(_ context.Context, queue, name string) (broker.ScheduleState, error) {
	if err := m.inspect(queue); err != nil {
		return broker.ScheduleState{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.schedule(queue, name)
	return broker.ScheduleState{Now: m.now(), Anchor: s.anchor, Last: s.last}, nil
}

func (m *model) Leave(_ context.Context, queue, name string) error {
	if err := m.inspect(queue); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.has("Leave does nothing") {
		delete(m.schedules, [2]string{queue, name})
	}
	return nil
}

func (m *model) Tick(_ context.Context, tick broker.Tick) (broker.Ticked, error) {
	if m.isClosed() {
		return broker.Ticked{}, task.ErrClosed
	}
	var ticked broker.Ticked
	var err error
	m.act(func(bool) {
		if tick.Task == nil {
			err = tick.Check()
			return
		}
		if err = cmp.Or(broker.CheckName("Schedule", tick.Schedule), tick.Check()); err == nil || m.has("records a tick before it checks the task") {
			ticked = m.tick(m.schedule(tick.Task.Queue, tick.Schedule), tick)
			ticked.Enqueued = ticked.Enqueued && err == nil
		}
	})
	if ticked.Enqueued {
		m.tellStatus(tick.Task)
	}
	if m.has("does not say what a tick waits for") {
		ticked.Behind = uuid.Nil
	}
	ticked.Now = m.now()
	return ticked, err
}

func (m *model) tick(s *schedule, tick broker.Tick) (ticked broker.Ticked) {
	t := tick.Task
	if m.has("takes every tick but the last one again") && tick.At.Equal(s.last) {
		return ticked
	}
	if !tick.At.After(s.last) && !m.has("takes every tick") && !m.has("takes every tick but the last one again") {
		return ticked
	}
	if m.find(t.Queue, t.ID) != nil && m.has("does not record a tick with a used ID") {
		return ticked
	}
	if s.halted && m.has("a tick of a paused schedule is made up for") {
		return ticked
	}
	s.last = tick.At
	if s.halted || m.find(t.Queue, t.ID) != nil {
		return ticked
	}
	if ticked.Behind = m.behind(s, tick); ticked.Behind != uuid.Nil {
		if m.has("forgets the task of a skipped tick") {
			s.task = uuid.Nil
		}
		return ticked
	}
	s.task, ticked.Enqueued = t.ID, true
	m.know(t.Queue)
	if key := m.lockKey(t); key == [2]string{} || m.has("a tick takes no lock") {
		m.add(t)
	} else {
		m.hold(key, t)
	}
	if !m.has("does not count ticks") {
		m.arrivals[t.Queue]++
	}
	return ticked
}

// behind returns the task for which a tick passes without its own.
func (m *model) behind(s *schedule, tick broker.Tick) uuid.UUID {
	if m.overlaps(s, tick) {
		return s.task
	}
	l := m.locks[m.lockKey(tick.Task)]
	if l == nil || m.has("a tick ignores locks") {
		return uuid.Nil
	}
	excludes := m.waits(l.holder)
	switch l.mode {
	case task.Throttle:
		excludes = l.until.After(m.now())
	case task.UntilEnded, task.Latest:
		excludes = m.open(l.holder)
	}
	if excludes {
		return l.id
	}
	return uuid.Nil
}

// overlaps reports whether the task of the last tick has not ended.
func (m *model) overlaps(s *schedule, tick broker.Tick) bool {
	if !tick.NoOverlap && !m.has("never lets ticks overlap") || m.has("lets every tick overlap") {
		return false
	}
	last := m.find(tick.Task.Queue, s.task)
	switch {
	case last == nil:
		return false
	case m.has("takes a delayed task for ended") && last.status != task.StatusPending && last.status != task.StatusRunning:
		return false
	case tick.IgnoreDelayed && !m.has("IgnoreDelayed does nothing") && last.status != task.StatusPending &&
		last.status != task.StatusRunning && !last.parked && last.at.After(m.now()):
		return false
	case m.has("takes a running task for ended") && last.status == task.StatusRunning:
		return false
	case m.has("takes a kept task for running"):
		return true
	}
	return !last.status.Ended()
}
