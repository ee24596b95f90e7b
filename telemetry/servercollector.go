package telemetry

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// ServerCollector is a prometheus.Collector of what one server does. It asks the
// broker nothing. The label task is the name of a task that has a handler: with
// jobsy.Server.HandleUnknown, any name.
//
//	jobsy_attempts_total{queue,task,outcome}  attempts that have ended
//	jobsy_retries_total{queue,task}           attempts begun that were not the first
//	jobsy_wait_duration_seconds{queue,task}   how long tasks had been due when an attempt began
//	jobsy_run_duration_seconds{queue,task}    how long handlers ran
//	jobsy_tasks_failed_total{queue}           tasks that have ended as failed
//	jobsy_handlers_running                    handlers that run now
//	jobsy_handlers_max                        how many may run at once
//	jobsy_handlers_overdue                    handlers that ignore their ended contexts: jobsy.Server.Overdue
//
// An outcome is completed; error, after which the task is retried or has failed;
// snoozed; cancelled; released, for the server stops; or lost, for its lease was
// lost while it ran. A wait is that of broker.Tally.Wait: EnqueuedAt is by the
// producer's clock, and what cannot be told is left out. Durations are in seconds,
// in buckets from 1 ms to an hour, and as a native histogram for servers that ask
// for one. Overdue handlers are told of once Watch has been called.
type ServerCollector struct {
	attempts *prometheus.CounterVec
	retries  *prometheus.CounterVec
	failures *prometheus.CounterVec
	waits    *prometheus.HistogramVec
	runs     *prometheus.HistogramVec
	running  prometheus.Gauge
	limit    prometheus.Gauge
	watched  atomic.Pointer[jobsy.Server] // nil: there is none
}

var overdueDesc = prometheus.NewDesc("jobsy_handlers_overdue", "Handlers that go on although their contexts ended ten seconds ago and more.", nil, nil)

// NewServerCollector returns the collector of a server that is made with opts
// next. It reads the server's concurrency and queues from them, and sets
// OnFailed, which goes on to call what was there. Nil opts are those of a server
// with the defaults, whose failed tasks are then not counted.
//
// The server needs Middleware too, and is given to Watch.
func NewServerCollector(opts *jobsy.ServerOptions) *ServerCollector {
	if opts == nil {
		opts = &jobsy.ServerOptions{}
	}
	s := &ServerCollector{
		attempts: counters("jobsy_attempts_total", "Attempts that have ended, by how.", "queue", "task", "outcome"),
		retries:  counters("jobsy_retries_total", "Attempts begun that were not the first of their task.", "queue", "task"),
		failures: counters("jobsy_tasks_failed_total", "Tasks that have ended as failed.", "queue"),
		waits:    durations("jobsy_wait_duration_seconds", "How long tasks had been due when an attempt began."),
		runs:     durations("jobsy_run_duration_seconds", "How long handlers ran."),
		running:  gauge("jobsy_handlers_running", "Handlers that run now."),
		limit:    gauge("jobsy_handlers_max", "How many handlers may run at once."),
	}
	s.limit.Set(jobsy.DefaultConcurrency)
	if opts.Concurrency > 0 {
		s.limit.Set(float64(opts.Concurrency))
	}
	s.count(opts)
	return s
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

// durations returns a histogram by queue and task.
func durations(name, help string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    name,
		Help:    help,
		Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10, 30, 60, 300, 900, 3600},

		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	}, []string{"queue", "task"})
}

// count counts failed tasks. Each queue begins with none, so that its first one
// is seen as a rise.
func (s *ServerCollector) count(opts *jobsy.ServerOptions) {
	for queue := range opts.Queues {
		s.failures.WithLabelValues(queue)
	}
	if len(opts.Queues) == 0 {
		s.failures.WithLabelValues(task.DefaultQueue)
	}
	then := opts.OnFailed
	opts.OnFailed = func(ctx context.Context, t *task.Task, err error) {
		s.failures.WithLabelValues(t.Queue).Inc()
		if then != nil {
			then(ctx, t, err)
		}
	}
}

// Middleware counts and measures each attempt. Add it before others, to have
// what they do measured.
func (s *ServerCollector) Middleware(next jobsy.Handler) jobsy.Handler {
	return func(ctx context.Context, t *task.Task) error {
		queue, name, began := t.Queue, t.Name, time.Now() // the handler may change its task
		if t.Attempt > 1 {
			s.retries.WithLabelValues(queue, name).Inc()
		}
		if waited, ok := broker.Waited(t); ok {
			s.waits.WithLabelValues(queue, name).Observe(waited.Seconds())
		}
		s.running.Inc()
		err := errUnwound // what is left by a panic, which goes on
		defer func() {
			s.running.Dec()
			s.runs.WithLabelValues(queue, name).Observe(time.Since(began).Seconds())
			s.attempts.WithLabelValues(queue, name, string(outcomeOf(ctx, err))).Inc()
		}()
		err = next(ctx, t)
		return err
	}
}

// Watch has the collector tell of the server's overdue handlers, too. It may be
// called at any time; of several servers the last one counts.
func (s *ServerCollector) Watch(server *jobsy.Server) { s.watched.Store(server) }

func (s *ServerCollector) all() []prometheus.Collector {
	return []prometheus.Collector{s.attempts, s.retries, s.failures, s.waits, s.runs, s.running, s.limit}
}

// Describe implements prometheus.Collector.
func (s *ServerCollector) Describe(out chan<- *prometheus.Desc) {
	for _, one := range s.all() {
		one.Describe(out)
	}
	out <- overdueDesc
}

// Collect implements prometheus.Collector.
func (s *ServerCollector) Collect(out chan<- prometheus.Metric) {
	for _, one := range s.all() {
		one.Collect(out)
	}
	if server := s.watched.Load(); server != nil {
		out <- prometheus.MustNewConstMetric(overdueDesc, prometheus.GaugeValue, float64(server.Overdue()))
	}
}
