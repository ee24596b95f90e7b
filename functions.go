package jobsy

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/scheduler"
	"github.com/nex-gen-tech/jobsy/task"
)

// functions are those that tasks were made with. Each is kept until its task is
// gone from the broker, for until then it may run again.
type functions struct {
	schedules schedules
	byName    bool // a schedule's tasks are known by their name, not by its ID
	lends     bool // the broker tells which tasks are gone

	mu     sync.RWMutex
	byTask map[uuid.UUID]Handler
}

// lend gives a task its function, and reports whether it had none.
func (f *functions) lend(id uuid.UUID, fn Handler) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byTask[id] != nil {
		return false
	}
	if f.byTask == nil {
		f.byTask = make(map[uuid.UUID]Handler)
	}
	f.byTask[id] = fn
	return true
}

func (f *functions) forget(id uuid.UUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.byTask, id)
}

func (f *functions) of(id uuid.UUID) Handler {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.byTask[id]
}

// gone is told of tasks that have left the worker's own broker.
func (f *functions) gone(queue string, id uuid.UUID) {
	if queue == task.DefaultQueue {
		f.forget(id)
	}
}

// plain makes a handler of a function without a context. It cannot know that its
// time is over, so it has failed if it took longer.
func plain(fn func() error) Handler {
	return func(ctx context.Context, _ *task.Task) error {
		err := fn()
		if limit, ok := ctx.Deadline(); err == nil && ok && time.Now().After(limit) {
			return task.ErrTimeout
		}
		return err
	}
}

func noFunction(name string) error {
	return &task.FieldError{Field: "function", Rule: "must not be nil", Value: "nil for " + strconv.Quote(name)}
}

// own returns the function that a task has of its own, or nil.
func (f *functions) own(t *task.Task) Handler {
	if fn := f.of(t.ID); fn != nil {
		return fn
	}
	if f.byName {
		return f.schedules.function(t.Name)
	}
	return f.schedules.function(t.Headers[scheduler.HeaderSchedule])
}

// has reports whether a task has a function of its own. It keeps that of a
// schedule, for when the schedule is no more.
func (f *functions) has(t *task.Task) bool {
	fn := f.own(t)
	if fn != nil && f.lends && t.Status == task.StatusRunning {
		f.lend(t.ID, fn)
	}
	return fn != nil
}

// run runs a task's own function.
func (f *functions) run(ctx context.Context, t *task.Task) error {
	fn := f.own(t)
	if fn == nil {
		return fmt.Errorf("task %s of %s has no function any more", t.ID, t.Name)
	}
	return fn(ctx, t)
}

// timetable is a worker's own broker, which gives each tick the function of its
// schedule.
type timetable struct {
	*memory.Broker
	functions *functions
}

// Tick implements broker.Timetable. What is unscheduled ticks no more.
func (b *timetable) Tick(ctx context.Context, tick broker.Tick) (broker.Ticked, error) {
	r := b.functions.schedules.get(tick.Schedule)
	switch {
	case r == nil:
		return broker.Ticked{}, task.ErrNotFound
	case r.run == nil || tick.Task == nil:
		return b.Broker.Tick(ctx, tick)
	}
	lent := b.functions.lend(tick.Task.ID, r.run)
	ticked, err := b.Broker.Tick(ctx, tick)
	if lent && !ticked.Enqueued {
		b.functions.forget(tick.Task.ID)
	}
	return ticked, err
}
