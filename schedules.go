package jobsy

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/internal/engine"
	"github.com/nex-gen-tech/jobsy/scheduler"
	"github.com/nex-gen-tech/jobsy/task"
)

// recurring is a schedule of a Worker.
type recurring struct {
	scheduler.Schedule
	stands *task.Task // for the schedule
	run    Handler    // nil: what is registered under the name of the task
}

// schedules are those of a Worker, by their IDs.
type schedules struct {
	mu   sync.RWMutex
	byID map[string]*recurring
}

// add adds a schedule if the scheduler takes it, and lets no tick of it look for
// its function before.
func (s *schedules) add(r *recurring, take func(scheduler.Schedule) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := take(r.Schedule); err != nil {
		return err
	}
	if s.byID == nil {
		s.byID = make(map[string]*recurring)
	}
	s.byID[r.ID] = r
	return nil
}

// remove returns the schedule that the task stood for, or nil.
func (s *schedules) remove(id uuid.UUID) *recurring {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.byID {
		if r.stands.ID == id {
			delete(s.byID, r.ID)
			return r
		}
	}
	return nil
}

func (s *schedules) get(id string) *recurring {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id]
}

// function returns the function of a schedule, or nil.
func (s *schedules) function(id string) Handler {
	if r := s.get(id); r != nil {
		return r.run
	}
	return nil
}

// find returns the task that stands for a schedule, by its ID, or nil.
func (s *schedules) find(id uuid.UUID) *task.Task {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range s.byID {
		if r.stands.ID == id {
			return r.stands.Clone()
		}
	}
	return nil
}

// tasks returns those that stand for the schedules, in the order in which they
// were made.
func (s *schedules) tasks() []*task.Task {
	s.mu.RLock()
	defer s.mu.RUnlock()
	tasks := make([]*task.Task, 0, len(s.byID))
	for _, r := range s.byID {
		tasks = append(tasks, r.stands.Clone())
	}
	slices.SortFunc(tasks, func(a, b *task.Task) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return tasks
}

// again has a run that has failed tried again no later than at the next tick,
// which passes while it waits.
func (r *recurring) again(err error, backoff time.Duration) error {
	var (
		snooze *engine.Snooze
		skip   *engine.Skip
		after  *engine.After
	)
	if r.Overlap != scheduler.OverlapSkip || errors.As(err, &snooze) || errors.As(err, &skip) || errors.As(err, &after) {
		return err
	}
	now := time.Now()
	next, _ := scheduler.Upcoming(r.Spec, nil, now, now, 1) // it was understood before
	if len(next) == 0 {
		return err
	}
	return RetryAfter(min(backoff, next[0].Sub(now)), err)
}

// paced is a function that knows of the schedule whose tick it may run for.
func (s *schedules) paced(fn Handler, backoff func(name string) task.Backoff) Handler {
	return func(ctx context.Context, t *task.Task) error {
		r, name, attempt := s.get(t.Headers[scheduler.HeaderSchedule]), t.Name, t.Attempt
		err := fn(ctx, t)
		if err == nil || r == nil {
			return err
		}
		return r.again(err, backoff(name)(attempt))
	}
}

func checkInterval(d time.Duration) error {
	if d < time.Millisecond || d%time.Millisecond != 0 {
		return &task.FieldError{Field: "interval", Rule: "must be at least 1ms, in whole milliseconds", Value: strconv.Quote(d.String())}
	}
	return nil
}
