package task

import (
	"bytes"
	"maps"

	"github.com/google/uuid"
)

// Again returns a deep copy that is to be enqueued as another task. It has a new
// UUIDv7, is due at once, and has nothing of what enqueuing and brokers record; all
// else is as the producer had set it, the Deadline too, which may have passed. Of a
// group it is the first task alone.
func (t *Task) Again() *Task {
	return &Task{
		ID: uuid.Must(uuid.NewV7()), Name: t.Name, Payload: bytes.Clone(t.Payload), Headers: maps.Clone(t.Headers),
		Queue: t.Queue, Priority: t.Priority, MaxRetry: t.MaxRetry, Timeout: t.Timeout,
		Deadline: t.Deadline, Retention: t.Retention, Unique: t.Unique, Gather: t.Gather, rare: t.rare,
	}
}
