package telemetry

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// labels says which queues have a label of their own.
type labels struct {
	most int

	mu  sync.Mutex
	own []string // sorted
}

// give returns those of the queues, which are sorted, that have a label. Who has
// one keeps it, for a series that ends and begins is hard to read.
func (l *labels) give(queues []string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var own, rest []string
	for _, queue := range queues {
		if _, had := slices.BinarySearch(l.own, queue); had {
			own = append(own, queue)
		} else {
			rest = append(rest, queue)
		}
	}
	own = append(own, rest[:min(len(rest), l.most-len(own))]...)
	slices.Sort(own)
	l.own = own
	return own
}

// sum is what the queues of one label hold.
type sum struct {
	queue           string
	counts, dropped map[task.Status]int
	oldest          time.Duration
	paused          int
}

func (s *sum) add(one *broker.QueueSurvey) {
	if s.counts == nil {
		s.counts, s.dropped = make(map[task.Status]int), make(map[task.Status]int)
	}
	for _, status := range task.Statuses() {
		s.counts[status] += one.Counts[status]
		s.dropped[status] += one.Dropped[status]
	}
	s.oldest = max(s.oldest, one.Oldest)
	if one.Paused {
		s.paused++
	}
}

// tell sends the metrics.
func (s *sum) tell(out chan<- prometheus.Metric) {
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, kind, value, append([]string{s.queue}, labels...)...)
	}
	for _, status := range task.Statuses() {
		send(tasksDesc, prometheus.GaugeValue, float64(s.counts[status]), string(status))
		if status.Ended() {
			send(droppedDesc, prometheus.CounterValue, float64(s.dropped[status]), string(status))
		}
	}
	send(oldestDesc, prometheus.GaugeValue, s.oldest.Seconds())
	send(pausedDesc, prometheus.GaugeValue, float64(s.paused))
}
