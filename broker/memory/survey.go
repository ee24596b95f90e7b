package memory

import (
	"context"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// surveyHeads is how many of a queue's first pending tasks are looked at.
const surveyHeads = 4

var _ broker.Surveyor = (*Broker)(nil)

// Survey implements broker.Surveyor.
func (b *Broker) Survey(_ context.Context, queues []string) ([]broker.QueueSurvey, []error) {
	surveys := make([]broker.QueueSurvey, len(queues))
	now, err := b.enter(context.Background())
	if err != nil {
		return surveys, all(len(queues), err)
	}
	defer b.exit(now, 0)
	errs := failures{n: len(queues)}
	for i, name := range queues {
		if err := task.CheckQueue("Queue", name); err != nil {
			errs.add(i, err)
			continue
		}
		q := b.queues[name]
		surveys[i] = broker.QueueSurvey{Counts: b.counts(q, now.UnixNano()), QueueInfo: b.info(name), Lag: q.lag(now)}
	}
	return surveys, errs.errs
}

// lag returns how long the queue's next tasks could have been leased already.
func (q *queue) lag(now time.Time) time.Duration {
	if q == nil {
		return 0
	}
	first := min(q.scheduled.next(), q.retrying.next(), q.running.next())
	lag := max(time.Duration(now.UnixNano()-first), 0)
	// The first items of a heap are the first one and some that come soon.
	for _, it := range q.pending.items[:min(q.pending.len(), surveyHeads)] {
		lag = max(lag, broker.LagOf(it.entry.task, now))
	}
	return lag
}
