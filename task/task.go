// Package task holds what a unit of work is: the Task itself, the Kind that
// declares one for producers and handlers alike, its priority, its status,
// the backoff between its attempts and the errors that a user branches on. What
// only those need who write a broker is in package broker.
package task

import (
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// What a zero field of a Task means.
const (
	DefaultQueue    = "default"
	DefaultMaxRetry = 25
	DefaultTimeout  = 30 * time.Minute
)

// Task is one unit of work: a name that says which handler runs it, and the
// payload that the handler works on.
//
// A producer sets the first part; a zero field stands for its default, and
// enqueuing writes the defaults into the task. The second part is recorded by
// the broker and is read-only to users: what they put there is cleared on
// enqueuing. A Task is not safe for concurrent use.
type Task struct {
	// ID identifies the task within its queue. New sets a UUIDv7; a zero ID
	// gets one on enqueuing.
	ID uuid.UUID
	// Name says which handler runs the task: "email:welcome". 1 to 255
	// bytes of UTF-8 without control characters.
	Name string
	// Payload is what the handler works on, in any encoding.
	Payload []byte
	// Headers travel beside the payload, for middleware: trace context,
	// tenant. UTF-8, at most 64 KiB in all.
	Headers map[string]string
	// Queue names the queue. 1 to 128 bytes of UTF-8 without control
	// characters and braces. Default: "default".
	Queue string
	// RunAt is when the task is due, by the broker's clock. It never starts
	// earlier. Not after the Deadline. Zero: as soon as possible.
	RunAt time.Time
	// MaxRetry is how many times the task runs again after an attempt that
	// failed. Default: 25; -1: never again.
	MaxRetry int
	// Timeout bounds one attempt: the handler's context ends after it.
	// Default: 30 minutes; -1: no bound.
	Timeout time.Duration
	// Deadline bounds the task as a whole: no attempt starts after it, and
	// a running one is cancelled. Zero: none.
	Deadline time.Time
	// Retention is how long the task stays readable once it has completed.
	// Default: not at all. A task that failed or was cancelled stays at
	// least as long as the server's options say.
	Retention time.Duration
	// Unique makes the task exclude others with the same key. Zero: none.
	Unique Unique
	// Gather makes tasks with the same key run together. Zero: alone.
	Gather Gather
	// Priority orders the tasks of one queue, 1 (last) to 255 (first).
	// Default: MediumPriority.
	Priority Priority

	// Snoozes counts how often the task was snoozed since it was enqueued, or
	// run anew by an operator.
	Snoozes int32
	// Excused counts how often an error that is no failure, as
	// ServerOptions.IsFailure has it, put the task off, since it was enqueued
	// or run anew by an operator.
	Excused int32
	// Deliveries counts how often the task has been leased since an attempt
	// of it was last answered for, this lease included. More than 1 means
	// that workers died, or lost their lease, while they ran it.
	Deliveries int32
	// Status is where the task stands.
	Status Status
	// Attempt counts the attempts that were answered for; to the handler of a
	// running one, that one as well: 1 in a task's first run. An attempt that
	// a dead worker left behind does not count, nor one that was snoozed, or whose
	// error was no failure: see Snoozes and Excused.
	Attempt int
	// LastError is the message of the attempt that failed last.
	LastError string
	// Result is what the handler left for whoever waits.
	Result []byte
	// EnqueuedAt is when the producer enqueued the task, by its own clock.
	// Enqueuing sets it if it is zero, and else keeps it: a task that is
	// enqueued again stays the same task.
	EnqueuedAt time.Time
	// StartedAt is when the latest attempt began, by the broker's clock.
	StartedAt time.Time
	// EndedAt is when the task ended, by the broker's clock.
	EndedAt time.Time
	// Token is the fencing token of the latest lease. It only grows within a
	// queue: a store that remembers the greatest token it has seen can
	// refuse the writes of a worker whose lease has passed to another.
	Token int64
	// Worker names the server that leased the task last.
	Worker string
	// Progress is what the handler reported last.
	Progress Progress
	// History has the attempts that were answered for, the last ten, the
	// oldest first: those whose error was no failure among them, which the next
	// attempt has its number from; not those that were snoozed.
	History []Run
	// Members are the tasks that were gathered into this one, in the order in
	// which they came: ID, Name, Payload, Headers and EnqueuedAt of each.
	Members []*Task

	rare *rare // nil: none of it
}

// rare is what few tasks have. It is kept apart, and never changed once it is
// there, so that a task fits 512 bytes: beyond, memory comes in coarser sizes.
// The counts and the priority stand together, in 32 bits each, for that, too.
type rare struct {
	err     error  // why Kind.New could not encode the arguments
	foreign []byte // fields of a newer writer, kept for the next reader
}

// Err returns why Kind.New could not encode the arguments; nil: it could, or the
// task was made otherwise. Enqueuing the task returns that error.
func (t *Task) Err() error {
	if t.rare == nil {
		return nil
	}
	return t.rare.err
}

// Foreign returns the fields, encoded, of a newer version of Jobsy that wrote the
// task's record. Brokers keep them for the next reader; they are not to be changed.
func (t *Task) Foreign() []byte {
	if t.rare == nil {
		return nil
	}
	return t.rare.foreign
}

// SetForeign sets what Foreign returns. It keeps the fields, which must not be
// changed from then on.
func (t *Task) SetForeign(fields []byte) {
	if t.rare != nil || len(fields) > 0 {
		t.rare = &rare{err: t.Err(), foreign: fields}
	}
}

// New returns a task with a fresh UUIDv7 and every other field at its
// default.
func New(name string, payload []byte) *Task {
	return &Task{ID: uuid.Must(uuid.NewV7()), Name: name, Payload: payload}
}

// Clone returns a deep copy.
func (t *Task) Clone() *Task {
	c := *t
	c.Payload = slices.Clone(t.Payload)
	c.Headers = maps.Clone(t.Headers)
	c.Result = slices.Clone(t.Result)
	c.History = slices.Clone(t.History)
	c.Members = slices.Clone(t.Members)
	for i, m := range c.Members {
		c.Members[i] = m.Clone()
	}
	return &c
}
