package brokertest

import (
	"context"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
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
		surveys[i].Lag = m.lag(queue)
	}
	return surveys, m.spread(errs)
}

func (m *model) lag(queue string) (lag time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		switch waits := m.now().Sub(e.at); {
		case e.queue != queue || e.status.Ended() || m.has("never lags"):
		case e.how != "" && m.has("surveys nothing behind a malformed task"):
			return 0
		case e.status == task.StatusPending:
			lag = max(lag, broker.LagOf(e.task, m.now()))
		case e.status == task.StatusRunning && m.has("surveys no leases"):
		case m.has("lags before a task is due"):
			lag = max(lag, waits.Abs())
		default:
			lag = max(lag, waits)
		}
	}
	return lag
}
