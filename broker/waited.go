package broker

import (
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// Waited returns for how long a task had been due when its attempt began, as
// [Tally] has it. OK is false where the task cannot tell: a worker lost it, it was
// run anew, or it waited for others of its kind.
func Waited(t *task.Task) (waited time.Duration, ok bool) {
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
