package telemetry

import (
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// waitOf returns how long a task had been due when its attempt began, as
// broker.Tally has it. It cannot be told of one that a worker lost, that was run
// anew, or that waited for others of its kind.
func waitOf(t *task.Task) (waited time.Duration, ok bool) {
	due, mode := t.EnqueuedAt, t.Unique.Mode
	if t.RunAt.After(due) {
		due = t.RunAt
	}
	anew := t.RunAt.IsZero() && len(t.History) > 0
	if due.IsZero() || t.StartedAt.IsZero() || t.Deliveries > 1 || anew || mode == task.Debounce || mode == task.Latest || t.Gather.Key != "" {
		return 0, false
	}
	return max(t.StartedAt.Sub(due), 0), true
}
