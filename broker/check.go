package broker

import (
	"math"
	"strconv"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// Check returns a *task.FieldError unless the request is one that every broker
// serves.
func (r *LeaseRequest) Check() error {
	switch {
	case r.Max < 1 || r.Max > MaxBatch:
		return &task.FieldError{Field: "LeaseRequest.Max", Rule: "must be 1 to " + strconv.Itoa(MaxBatch), Value: strconv.Itoa(r.Max)}
	case r.Duration < time.Millisecond:
		return &task.FieldError{Field: "LeaseRequest.Duration", Rule: "must be at least 1ms", Value: r.Duration.String()}
	case r.Last < 0 || r.Last == 1:
		return &task.FieldError{Field: "LeaseRequest.Last", Rule: "must be 0 or at least 2", Value: strconv.Itoa(r.Last)}
	case r.NoLast && r.Last == 0:
		return &task.FieldError{Field: "LeaseRequest.NoLast", Rule: "goes with Last"}
	case len(r.Queues) == 0:
		return &task.FieldError{Field: "LeaseRequest.Queues", Rule: "must name a queue"}
	}
	for _, queue := range r.Queues {
		if err := CheckQueue("LeaseRequest.Queues", queue); err != nil {
			return err
		}
	}
	return nil
}

// Knows asks Handles about a name, in a goroutine apart: a function of a user's
// that panics, or ends its goroutine, harms nobody, and says no.
func (r *LeaseRequest) Knows(name string) bool {
	if r.Handles == nil {
		return true
	}
	answer := make(chan bool, 1)
	go func() {
		knows := false
		defer func() {
			if recover() != nil {
				knows = false
			}
			answer <- knows
		}()
		knows = r.Handles(name)
	}()
	return <-answer
}

// Check returns a *task.FieldError unless a lease can end like this.
func (o *Outcome) Check() error {
	switch {
	case o.Parked && o.Status != task.StatusScheduled:
		return &task.FieldError{Field: "Outcome.Parked", Rule: "goes with Status scheduled"}
	case o.Parked && o.Name() == "":
		return &task.FieldError{Field: "Outcome.Parked", Rule: "needs the task, for its name"}
	}
	switch o.Status {
	case task.StatusCompleted, task.StatusFailed, task.StatusCancelled,
		task.StatusRetrying, task.StatusScheduled, task.StatusPending:
		return nil
	}
	return &task.FieldError{
		Field: "Outcome.Status", Value: strconv.Quote(string(o.Status)),
		Rule: "must be completed, failed, cancelled, retrying, scheduled or pending",
	}
}

// Name is that of the task, as far as the outcome tells: that of Task, or else of
// the lease's.
func (o *Outcome) Name() string {
	switch {
	case o.Task != nil:
		return o.Task.Name
	case o.Lease.Task != nil:
		return o.Lease.Task.Name
	}
	return ""
}

// Check returns a *task.FieldError unless tasks can be changed like this.
func (c *Change) Check() error {
	switch {
	case c.Status != "" && c.Status != task.StatusCancelled && c.Status != task.StatusPending:
		return &task.FieldError{Field: "Change.Status", Rule: "must be cancelled, pending or empty", Value: strconv.Quote(string(c.Status))}
	case c.Status != "" && c.Delete:
		return &task.FieldError{Field: "Change.Delete", Rule: "cannot be combined with Status"}
	case (c.Delete || c.Status == task.StatusCancelled) && (c.Priority != 0 || c.Payload != nil):
		return &task.FieldError{Field: "Change.Status", Rule: "must be pending or empty if Priority or Payload is set"}
	case c.Delay < 0 || c.Spacing < 0:
		return &task.FieldError{Field: "Change.Delay", Rule: "must not be negative, and Spacing neither", Value: min(c.Delay, c.Spacing).String()}
	case c.Status != task.StatusPending && c.Delay+c.Spacing != 0:
		return &task.FieldError{Field: "Change.Delay", Rule: "must be 0 but with Status pending", Value: c.Delay.String()}
	}
	return CheckPriority("Change.Priority", c.Priority)
}

// Wait is how long the task at position i of the IDs waits. It does not overflow.
func (c *Change) Wait(i int) time.Duration {
	if i > 0 && c.Spacing > (math.MaxInt64-c.Delay)/time.Duration(i) {
		return math.MaxInt64
	}
	return c.Delay + time.Duration(i)*c.Spacing
}

// Check returns a *task.FieldError unless the task of a tick can be enqueued.
func (t *Tick) Check() error {
	switch {
	case t.Task == nil:
		return &task.FieldError{Field: "Tick.Task", Rule: "must not be nil"}
	case t.Task.Unique.Mode == task.Debounce, t.Task.Unique.Mode == task.Latest:
		return &task.FieldError{Field: "Unique.Mode", Rule: "must be UntilStarted, UntilEnded or Throttle for a schedule"}
	case t.Task.Gather.Key != "":
		return &task.FieldError{Field: "Gather", Rule: "cannot be combined with a schedule"}
	}
	return Prepare(t.Task)
}

// Default counts of Bounds.
const (
	DefaultCompleted = 100_000
	DefaultFailed    = 10_000
	DefaultCancelled = 10_000
)

// Of returns the bound of a status, with its default filled in.
func (b Bounds) Of(status task.Status) Bound {
	bound, count := b.Completed, DefaultCompleted
	switch status {
	case task.StatusFailed:
		bound, count = b.Failed, DefaultFailed
	case task.StatusCancelled:
		bound, count = b.Cancelled, DefaultCancelled
	}
	if bound.Count == 0 {
		bound.Count = count
	}
	bound.Count = max(bound.Count, 0)
	return bound
}

// Keep returns how long an ended task of the status is kept that asks for keep.
func (b Bounds) Keep(status task.Status, keep time.Duration) time.Duration {
	bound := b.Of(status)
	if bound.Count == 0 {
		return 0
	}
	if bound.Age > 0 {
		keep = min(keep, bound.Age)
	}
	return keep
}

// Suits returns a *task.FieldError if the change may not be made of that task as
// it stands: while a task is unique by its payload, its payload stays.
func (c Change) Suits(t *task.Task) error {
	if c.Payload == nil || t.Status.Ended() || LockKey(t) == "" {
		return nil
	}
	changed := *t
	changed.Payload = c.Payload
	if LockKey(&changed) == LockKey(t) {
		return nil
	}
	return &task.FieldError{Field: "Change.Payload", Rule: "must stay while the task is unique by it; a Unique.Key makes it free"}
}
