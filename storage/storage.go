// Package storage holds the interface that a user implements to keep the
// tasks of the in-memory broker over a restart.
package storage

import (
	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

// Storage keeps tasks. Plug one into memory.Options or jobsy.WorkerOptions:
// every change is then written through before it counts, and what a former
// process left is there again after a restart.
//
// The broker makes one call at a time, from changing goroutines, and waits for it:
// those who enqueue, lease and settle take turns, so a slow storage slows them, and
// one that hangs holds up the call that is in it, whatever its context, and, if that
// is a lease call, the end of its server. An
// error or a panic fails the call that it belongs to, as task.ErrUnavailable; the
// task is then as it was. The task that is handed over must not be changed or kept;
// record.Encode of package broker/record makes a compact record of it, which
// record.Decode reads back whole. A storage is shared by no two brokers at once.
type Storage interface {
	// SaveTask inserts the task or replaces the one with its ID.
	SaveTask(t *task.Task) error
	// LoadTask returns the task, or an error that is task.ErrNotFound.
	LoadTask(id uuid.UUID) (*task.Task, error)
	// LoadAllTasks returns every task, in any order. The broker calls it when it
	// starts, and again for as long as it fails.
	LoadAllTasks() ([]*task.Task, error)
	// DeleteTask removes the task. That there is none is no error.
	DeleteTask(id uuid.UUID) error
	// UpdateTaskStatus changes nothing but the task's Status.
	UpdateTaskStatus(id uuid.UUID, status task.Status) error
}
