package brokertest

import (
	"context"

	"github.com/nex-gen-tech/jobsy/broker"
)

func (m *model) Survey(ctx context.Context, queues []string) ([]broker.QueueSurvey, []error) {
	surveys, errs := make([]broker.QueueSurvey, len(queues)), make([]error, len(queues))
	for i, queue := range queues {
		if surveys[i].Counts, errs[i] = m.Counts(ctx, queue); errs[i] != nil {
			if m.has("fails a call as a whole") {
				return surveys, allOf(len(queues), errs[i])
			}
			continue
		}
		surveys[i].QueueInfo, errs[i] = m.Queue(ctx, queue)
		if m.has("surveys without a clock") {
			surveys[i].Oldest = 0
		}
	}
	return surveys, m.spread(errs)
}
