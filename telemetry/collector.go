package telemetry

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nex-gen-tech/jobsy/broker"
)

// DefaultCollectTimeout is how long a Collector asks the broker at most, unless
// its options say otherwise: half of what Prometheus waits by default.
const DefaultCollectTimeout = 5 * time.Second

// DefaultMaxQueues is how many queues a Collector tells apart, unless its options
// say otherwise.
const DefaultMaxQueues = 100

// Others is the label queue of all queues beyond CollectorOptions.MaxQueues. No
// queue can have that name.
const Others = "{others}"

// CollectorOptions are what a Collector can be told. The zero value of each
// field is its default.
type CollectorOptions struct {
	// Queues names the queues to tell of. Default: all that the broker knows.
	Queues []string
	// MaxQueues is how many queues have a label of their own; all others have
	// one together: see Collector. It does not bound Queues. Default:
	// DefaultMaxQueues, 100.
	MaxQueues int
	// Timeout bounds what one collection asks of the broker. Default:
	// DefaultCollectTimeout, 5 seconds.
	Timeout time.Duration
	// Logger is told why a collection was incomplete. Default: silent.
	Logger *slog.Logger
}

// Collector is a prometheus.Collector of the state of queues. It asks the broker
// when it is collected, and at no other time; concurrent collections each ask.
//
//	jobsy_queue_tasks{queue,status}          tasks by task.Status
//	jobsy_queue_oldest_seconds{queue}        age of the oldest waiting task: broker.QueueInfo.Oldest
//	jobsy_queue_paused{queue}                1 while it is paused, else 0; of Others: how many are
//	jobsy_queue_dropped_total{queue,status}  ended tasks dropped for a bound
//	jobsy_queues                             how many queues these are
//	jobsy_collect_errors_total               queues that could not be told of
//
// Queues may come and go without end, one a tenant perhaps, and each is a handful
// of time series. So only MaxQueues of them have a label of their own: those that
// the collector has seen first, in the order of their names, for as long as they
// exist. The rest are under queue="{others}": their tasks in all, and the oldest
// one among them. When one of them gets a label, for another queue is gone, the
// counters of Others begin anew.
//
// What cannot be told of one queue leaves out that queue, and no other. If the
// broker does not answer, jobsy_collect_errors_total is all there is.
//
// On Redis 100 queues take two round trips, and each further 200 one more; on a
// Cluster these go to each node. A broker that is no broker.Surveyor is asked
// queue by queue.
type Collector struct {
	broker  broker.Broker
	queues  []string
	labels  labels
	timeout time.Duration
	log     *slog.Logger
	errors  prometheus.Counter
}

var (
	queuesDesc  = prometheus.NewDesc("jobsy_queues", "How many queues are told of.", nil, nil)
	tasksDesc   = prometheus.NewDesc("jobsy_queue_tasks", "Tasks of a queue by their status.", []string{"queue", "status"}, nil)
	oldestDesc  = prometheus.NewDesc("jobsy_queue_oldest_seconds", "How long the oldest waiting task of a queue has been due.", []string{"queue"}, nil)
	pausedDesc  = prometheus.NewDesc("jobsy_queue_paused", "Whether a queue is paused.", []string{"queue"}, nil)
	droppedDesc = prometheus.NewDesc("jobsy_queue_dropped_total", "Ended tasks that were dropped before their time.", []string{"queue", "status"}, nil)
)

// NewCollector returns a collector of the broker's queues. Nil opts are the
// defaults. A broker that is no broker.Inspector gives nothing but errors.
func NewCollector(b broker.Broker, opts *CollectorOptions) *Collector {
	if opts == nil {
		opts = &CollectorOptions{}
	}
	c := &Collector{broker: b, queues: slices.Compact(slices.Sorted(slices.Values(opts.Queues))), timeout: opts.Timeout, log: opts.Logger}
	c.labels.most = opts.MaxQueues
	if c.labels.most <= 0 {
		c.labels.most = DefaultMaxQueues
	}
	if c.timeout <= 0 {
		c.timeout = DefaultCollectTimeout
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.errors = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "jobsy_collect_errors_total", Help: "Queues whose state could not be told, and lists of queues.",
	})
	return c
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{queuesDesc, tasksDesc, oldestDesc, pausedDesc, droppedDesc, c.errors.Desc()} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	defer c.errors.Collect(out)
	inspector, ok := c.broker.(broker.Inspector)
	if !ok {
		c.fail("the broker is no broker.Inspector")
		return
	}
	queues, err := c.names(ctx, inspector)
	if err != nil {
		c.fail("the queues cannot be listed", "error", err)
		return
	}
	out <- prometheus.MustNewConstMetric(queuesDesc, prometheus.GaugeValue, float64(len(queues)))
	c.survey(ctx, inspector, queues, out)
}

func (c *Collector) survey(ctx context.Context, inspector broker.Inspector, queues []string, out chan<- prometheus.Metric) {
	surveyor, ok := c.broker.(broker.Surveyor)
	if !ok {
		surveyor = onlyInspector{inspector}
	}
	surveys, errs := surveyor.Survey(ctx, queues)
	own := queues
	if len(c.queues) == 0 {
		own = c.labels.give(queues)
	}
	rest := sum{queue: Others}
	for i, queue := range queues {
		if errs != nil && errs[i] != nil {
			c.fail("a queue cannot be surveyed", "queue", queue, "error", errs[i])
			continue
		}
		if _, labelled := slices.BinarySearch(own, queue); !labelled {
			rest.add(&surveys[i])
			continue
		}
		one := sum{queue: queue}
		one.add(&surveys[i])
		one.tell(out)
	}
	if len(own) < len(queues) {
		rest.tell(out)
	}
}

func (c *Collector) names(ctx context.Context, inspector broker.Inspector) ([]string, error) {
	if len(c.queues) > 0 {
		return c.queues, nil
	}
	return inspector.Queues(ctx)
}

func (c *Collector) fail(what string, args ...any) {
	c.errors.Inc()
	c.log.Warn(what, args...)
}

// onlyInspector surveys a broker that is no Surveyor.
type onlyInspector struct{ broker.Inspector }

func (o onlyInspector) Survey(ctx context.Context, queues []string) ([]broker.QueueSurvey, []error) {
	surveys, errs := make([]broker.QueueSurvey, len(queues)), make([]error, len(queues))
	for i, queue := range queues {
		if surveys[i].Counts, errs[i] = o.Counts(ctx, queue); errs[i] == nil {
			surveys[i].QueueInfo, errs[i] = o.Queue(ctx, queue)
		}
	}
	return surveys, errs
}
