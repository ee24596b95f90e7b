package task

// Status is where a task stands between being enqueued and its end.
type Status string

// A task is waiting (scheduled, pending, retrying), running, or has ended
// (completed, failed, cancelled).
const (
	StatusScheduled Status = "scheduled" // waits for its time, for another task (Latest), or for a server that handles its name
	StatusPending   Status = "pending"   // may run now
	StatusRunning   Status = "running"   // a worker holds its lease
	StatusRetrying  Status = "retrying"  // an attempt failed; waits for the next
	StatusCompleted Status = "completed" // its handler returned nil
	StatusFailed    Status = "failed"    // given up; LastError says why
	StatusCancelled Status = "cancelled" // called off before it could complete
)

// StatusUnknown is what Client.Enqueue leaves in a task of which it was not told
// whether it was taken. Enqueuing that task again, or a copy of it, is a repeat
// of that call: no error if it was taken. No broker keeps this status.
const StatusUnknown Status = "unknown"

// Statuses returns every status that a broker keeps, in the order of a task's life.
func Statuses() []Status {
	return []Status{
		StatusScheduled, StatusPending, StatusRunning, StatusRetrying,
		StatusCompleted, StatusFailed, StatusCancelled,
	}
}

// Ended reports whether a task with this status has reached its end.
func (s Status) Ended() bool {
	return s == StatusCompleted || s == StatusFailed || s == StatusCancelled
}
