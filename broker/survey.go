package broker

import (
	"context"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// Surveyor is what a broker offers to those who watch many queues: at the cost
// of a few round trips for all of them together. It is optional; both of Jobsy's
// brokers implement it. It may be called concurrently.
type Surveyor interface {
	// Survey tells how each of the queues stands, in their order. An unknown
	// queue is empty. The slice of errors is as that of Broker: nil when all
	// went well, and else with one entry a queue, whose survey is then empty.
	Survey(ctx context.Context, queues []string) ([]QueueSurvey, []error)
}

// QueueSurvey is how a queue stood at one moment.
type QueueSurvey struct {
	// Counts has how many tasks there are of each status, as Inspector.Counts.
	Counts map[task.Status]int
	QueueInfo
	// Lag is how long the next tasks could have been handed out already: since
	// the first delayed task fell due, since the first lease ran out, or since
	// one of the first few pending tasks was enqueued and due, whichever is
	// longest. Zero: nothing waits.
	//
	// It is told from the head of the line: a task behind others that go first
	// may have waited longer. A pending task that has run before tells nothing,
	// for how long it was put off is not kept, nor does one whose record is long
	// (16 KiB in Redis); one that was cancelled and is to run after all tells of
	// all the time since. EnqueuedAt is by the clock of the producer.
	Lag time.Duration
}

// LagOf returns how long a pending task has been waiting at the broker's time,
// as QueueSurvey.Lag says, for those who write a Surveyor. It is never negative.
func LagOf(t *task.Task, now time.Time) time.Duration {
	if !t.StartedAt.IsZero() {
		return 0
	}
	since := t.EnqueuedAt
	if t.RunAt.After(since) {
		since = t.RunAt
	}
	return max(now.Sub(since), 0)
}
