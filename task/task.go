// Package task holds what a unit of work is: the Task itself, the Kind that
// declares one for producers and handlers alike, its priority, its status,
// the backoff between its attempts, its encoding and the errors that a user
// branches on.
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
	// Priority orders the tasks of one queue, 1 (last) to 255 (first).
	// Default: MediumPriority.
	Priority Priority
	// RunAt is when the task is due, by the broker's clock. It never starts
	// earlier. Zero: as soon as possible.
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

	// Status is where the task stands.
	Status Status
	// Attempt counts the attempts that were answered for; to the handler of a
	// running one, that one as well: 1 in a task's first run. An attempt that
	// a dead worker left behind does not count.
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
	// Deliveries counts how often the task has been leased since an attempt
	// of it was last answered for, this lease included. More than 1 means
	// that workers died, or lost their lease, while they ran it.
	Deliveries int
	// Token is the fencing token of the latest lease. It only grows within a
	// queue: a store that remembers the greatest token it has seen can
	// refuse the writes of a worker whose lease has passed to another.
	Token int64
	// Worker names the server that leased the task last.
	Worker string
	// Progress is what the handler reported last.
	Progress Progress
	// History has the attempts that were answered for, the last ten, the
	// oldest first.
	History []Run
	// Members are the tasks that were gathered into this one, in the order in
	// which they came: ID, Name, Payload, Headers and EnqueuedAt of each.
	Members []*Task

	rare *rare // nil: none of it
}

// rare is what few tasks have. It is kept apart, and never changed once it is
// there, so that a task fits 512 bytes: beyond, memory comes in coarser sizes.
type rare struct {
	encodeErr error  // why Kind.New could not encode the arguments
	unknown   []byte // fields of a newer writer, kept for the next reader
}

func (t *Task) encodeErr() error {
	if t.rare == nil {
		return nil
	}
	return t.rare.encodeErr
}

func (t *Task) unknown() []byte {
	if t.rare == nil {
		return nil
	}
	return t.rare.unknown
}

// New returns a task with a fresh UUIDv7 and every other field at its
// default.
func New(name string, payload []byte) *Task {
	return &Task{ID: uuid.Must(uuid.NewV7()), Name: name, Payload: payload}
}

// Clone returns a deep copy.
func (t *Task) Clone() *Task {
	c := new(Task)
	t.CloneInto(c)
	return c
}

// CloneInto is Clone into memory that the caller has: that of c and of its
// Payload, which nobody else may use. What was in them is lost.
func (t *Task) CloneInto(c *Task) {
	payload := c.Payload
	*c = *t
	if len(t.Payload) <= cap(payload) && len(t.Payload) > 0 {
		c.Payload = append(payload[:0], t.Payload...)
	} else {
		c.Payload = slices.Clone(t.Payload)
	}
	c.Headers = maps.Clone(t.Headers)
	c.Result = slices.Clone(t.Result)
	c.History = slices.Clone(t.History)
	c.Members = slices.Clone(t.Members)
	for i, m := range c.Members {
		c.Members[i] = m.Clone()
	}
}

// Prepare makes the task ready to be enqueued: it checks what the producer
// set, writes the defaults into zero fields, and clears what the broker
// records. Brokers call it for every task they are given. The error is a
// *FieldError, or says why the arguments of a Kind could not be encoded; the
// task is then left as it was.
func (t *Task) Prepare() error {
	if err := t.check(); err != nil {
		return err
	}
	t.fillDefaults()
	if t.EnqueuedAt.IsZero() {
		t.EnqueuedAt = time.Now().Round(0)
	}
	t.Status, t.Attempt, t.LastError, t.Result = "", 0, "", nil
	t.StartedAt, t.EndedAt = time.Time{}, time.Time{}
	t.Deliveries, t.Token, t.Worker = 0, 0, ""
	t.Progress, t.History, t.Members = Progress{}, nil, nil
	return nil
}

func (t *Task) fillDefaults() {
	if t.ID == uuid.Nil {
		t.ID = uuid.Must(uuid.NewV7())
	}
	if t.Queue == "" {
		t.Queue = DefaultQueue
	}
	if t.Priority == 0 {
		t.Priority = MediumPriority
	}
	if t.MaxRetry == 0 {
		t.MaxRetry = DefaultMaxRetry
	}
	if t.Timeout == 0 {
		t.Timeout = DefaultTimeout
	}
	t.Gather.fill()
}
