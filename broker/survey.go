package broker

import (
	"context"

	"github.com/nex-gen-tech/jobsy/task"
)

// Surveyor is what a broker offers to those who watch many queues: what Inspector
// tells of each, at the cost of a few round trips for all of them together. It is
// optional; both of Jobsy's brokers implement it. It may be called concurrently.
type Surveyor interface {
	// Survey tells how each of the queues stands, in their order. An unknown
	// queue is empty. The slice of errors is as that of Broker: nil when all
	// went well, and else with one entry a queue, whose survey is then empty.
	Survey(ctx context.Context, queues []string) ([]QueueSurvey, []error)
}

// QueueSurvey is how a queue stands: what Inspector.Counts and Inspector.Queue
// return.
type QueueSurvey struct {
	Counts map[task.Status]int
	QueueInfo
}
