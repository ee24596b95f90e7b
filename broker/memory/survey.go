package memory

import (
	"context"

	"github.com/nex-gen-tech/jobsy/broker"
)

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
		if err := broker.CheckQueue("Queue", name); err != nil {
			errs.add(i, err)
			continue
		}
		q := b.queues[name]
		surveys[i] = broker.QueueSurvey{Counts: b.counts(q, now.UnixNano()), QueueInfo: b.info(name, q, now)}
	}
	return surveys, errs.errs
}
