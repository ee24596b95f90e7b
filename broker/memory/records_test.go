package memory_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/storage"
	"github.com/nex-gen-tech/jobsy/task"
)

var errStorage = errors.New("storage is out of order")

// records is a storage that keeps records, and fails when told to. It notices
// whether the tasks it was given are changed later.
type records struct {
	mu     sync.Mutex
	stored map[uuid.UUID][]byte
	given  map[*task.Task][]byte
	calls  []string
	fail   func(call string, id uuid.UUID) bool
	delay  time.Duration // of each SaveTask
}

var _ storage.Storage = (*records)(nil)

func newRecords(tb testing.TB) *records {
	s := &records{stored: make(map[uuid.UUID][]byte), given: make(map[*task.Task][]byte)}
	tb.Cleanup(func() {
		for t, was := range s.given {
			if is := record.Encode(t); !bytes.Equal(was, is) {
				tb.Errorf("task %s was changed after the storage was given it", t.ID)
			}
		}
	})
	return s
}

// call books a call and says whether it is to fail.
func (s *records) call(name string, id uuid.UUID) error {
	s.calls = append(s.calls, name)
	if s.fail != nil && s.fail(name, id) {
		return errStorage
	}
	return nil
}

// breakDown makes calls of that name fail from now on, or none.
func (s *records) breakDown(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = func(call string, _ uuid.UUID) bool { return call == name }
}

func (s *records) SaveTask(t *task.Task) error {
	if s.delay > 0 {
		time.Sleep(s.delay)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("SaveTask", t.ID); err != nil {
		return err
	}
	kept := record.Encode(t)
	s.stored[t.ID], s.given[t] = kept, kept
	return nil
}

func (s *records) LoadTask(id uuid.UUID) (*task.Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, ok := s.stored[id]
	if !ok {
		return nil, task.ErrNotFound
	}
	return record.Decode(kept, id)
}

func (s *records) LoadAllTasks() ([]*task.Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("LoadAllTasks", uuid.Nil); err != nil {
		return nil, err
	}
	var all []*task.Task
	for _, id := range slices.Collect(maps.Keys(s.stored)) { // in random order
		t, err := record.Decode(s.stored[id], id)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func (s *records) DeleteTask(id uuid.UUID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("DeleteTask", id); err != nil {
		return err
	}
	delete(s.stored, id)
	return nil
}

func (s *records) UpdateTaskStatus(id uuid.UUID, status task.Status) error {
	t, err := s.LoadTask(id)
	if err != nil {
		return err
	}
	t.Status = status
	return s.SaveTask(t)
}

func (s *records) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.stored)
}

// status returns what the storage says of a task, or "" if it has none.
func (s *records) status(id uuid.UUID) task.Status {
	t, err := s.LoadTask(id)
	if err != nil {
		return ""
	}
	return t.Status
}

// open returns a broker on the storage.
func (s *records) open(tb testing.TB) *rig {
	return newRig(tb, &memory.Options{Storage: s})
}

// reopen returns a broker on what another has left.
func (s *records) reopen(r *rig) *rig {
	_ = r.Close()
	return s.open(r.TB)
}

// loose is a storage whose contents are what a test says, valid or not.
type loose struct {
	*records
	tasks []*task.Task
}

func (s *loose) LoadAllTasks() ([]*task.Task, error) { return s.tasks, nil }
