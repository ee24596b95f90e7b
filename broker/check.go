package broker

import (
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
	case len(r.Queues) == 0:
		return &task.FieldError{Field: "LeaseRequest.Queues", Rule: "must name a queue"}
	}
	for _, queue := range r.Queues {
		if err := task.CheckQueue("LeaseRequest.Queues", queue); err != nil {
			return err
		}
	}
	return nil
}

// Check returns a *task.FieldError unless a lease can end like this.
func (o *Outcome) Check() error {
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
