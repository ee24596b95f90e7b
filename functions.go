package jobsy

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/internal/engine"
	"github.com/nex-gen-tech/jobsy/scheduler"
	"github.com/nex-gen-tech/jobsy/task"
)

// functions finds the function of a task: the one it was made with, or the one
// registered last under its name.
type functions struct {
	mu         sync.RWMutex
	byID       map[uuid.UUID]func() error
	bySchedule map[string]func() error
	byName     map[string]func() error
	learned    func() // is told of new names
}

func put[K comparable](m *map[K]func() error, key K, fn func() error) {
	if *m == nil {
		*m = make(map[K]func() error)
	}
	(*m)[key] = fn
}

func (f *functions) name(name string, fn func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.put(name, fn)
}

func (f *functions) put(name string, fn func() error) {
	known := f.byName[name] != nil
	put(&f.byName, name, fn)
	if !known {
		f.learned()
	}
}

func (f *functions) add(id uuid.UUID, name string, fn func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	put(&f.byID, id, fn)
	f.put(name, fn)
}

// addSchedule registers the function of a schedule if add takes the schedule,
// and lets no tick of it look for its function before.
func (f *functions) addSchedule(schedule, name string, fn func() error, add func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := add(); err != nil {
		return err
	}
	put(&f.bySchedule, schedule, fn)
	f.put(name, fn)
	return nil
}

func (f *functions) forget(t *task.Task) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.byID, t.ID)
}

func (f *functions) find(t *task.Task, nameOnly bool) func() error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if nameOnly {
		return f.byName[t.Name]
	}
	if fn := f.byID[t.ID]; fn != nil {
		return fn
	}
	if fn := f.bySchedule[t.Headers[scheduler.HeaderSchedule]]; fn != nil {
		return fn
	}
	return f.byName[t.Name]
}

// function is how the worker's server finds a handler.
func (w *Worker) function(t *task.Task) (engine.Handler, bool) {
	fn := w.functions.find(t, w.shared)
	if fn == nil {
		return nil, false
	}
	return func(ctx context.Context, _ *task.Task) error {
		err := fn()
		if limit, ok := ctx.Deadline(); err == nil && ok && time.Now().After(limit) {
			return task.ErrTimeout
		}
		return err
	}, true
}

// recurring are the tasks that stand for schedules.
type recurring struct {
	mu         sync.Mutex
	bySchedule map[string]*task.Task
}

func (r *recurring) add(schedule string, t *task.Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bySchedule == nil {
		r.bySchedule = make(map[string]*task.Task)
	}
	r.bySchedule[schedule] = t
}

func (r *recurring) find(id uuid.UUID) *task.Task {
	for _, t := range r.all() {
		if t.ID == id {
			return t
		}
	}
	return nil
}

func (r *recurring) all() []*task.Task {
	r.mu.Lock()
	defer r.mu.Unlock()
	tasks := make([]*task.Task, 0, len(r.bySchedule))
	for _, t := range r.bySchedule {
		tasks = append(tasks, t.Clone())
	}
	slices.SortFunc(tasks, func(a, b *task.Task) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return tasks
}
