package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
	"github.com/nex-gen-tech/jobsy/telemetry"
)

// enqueue enqueues a task to each of the queues.
func enqueue(t *testing.T, b broker.Broker, queues ...string) {
	t.Helper()
	var tasks []*task.Task
	for _, queue := range queues {
		one := task.New("email", nil)
		one.Queue = queue
		tasks = append(tasks, one)
	}
	if err := jobsy.NewClient(b, nil).Enqueue(t.Context(), tasks...); err != nil {
		t.Fatal(err)
	}
}

func compare(t *testing.T, c prometheus.Collector, want string, metrics ...string) {
	t.Helper()
	if err := testutil.CollectAndCompare(c, strings.NewReader(want), metrics...); err != nil {
		t.Error(err)
	}
}

func TestTheCollectorTellsOfEachQueue(t *testing.T) {
	t.Parallel()
	b := newMemory(t)
	enqueue(t, b, "default", "mail", "mail")
	if err := b.Pause(t.Context(), "mail"); err != nil {
		t.Fatal(err)
	}
	compare(t, telemetry.NewCollector(b, nil), `
# HELP jobsy_queue_paused Whether a queue is paused.
# TYPE jobsy_queue_paused gauge
jobsy_queue_paused{queue="default"} 0
jobsy_queue_paused{queue="mail"} 1
# HELP jobsy_queue_tasks Tasks of a queue by their status.
# TYPE jobsy_queue_tasks gauge
jobsy_queue_tasks{queue="default",status="cancelled"} 0
jobsy_queue_tasks{queue="default",status="completed"} 0
jobsy_queue_tasks{queue="default",status="failed"} 0
jobsy_queue_tasks{queue="default",status="pending"} 1
jobsy_queue_tasks{queue="default",status="retrying"} 0
jobsy_queue_tasks{queue="default",status="running"} 0
jobsy_queue_tasks{queue="default",status="scheduled"} 0
jobsy_queue_tasks{queue="mail",status="cancelled"} 0
jobsy_queue_tasks{queue="mail",status="completed"} 0
jobsy_queue_tasks{queue="mail",status="failed"} 0
jobsy_queue_tasks{queue="mail",status="pending"} 2
jobsy_queue_tasks{queue="mail",status="retrying"} 0
jobsy_queue_tasks{queue="mail",status="running"} 0
jobsy_queue_tasks{queue="mail",status="scheduled"} 0
# HELP jobsy_collect_errors_total Queues whose state could not be told, and lists of queues.
# TYPE jobsy_collect_errors_total counter
jobsy_collect_errors_total 0
`, "jobsy_queue_paused", "jobsy_queue_tasks", "jobsy_collect_errors_total")
}

func TestTheCollectorTellsTheAgeOfTheOldestTask(t *testing.T) {
	t.Parallel()
	b := newMemory(t)
	late := task.New("email", nil)
	late.EnqueuedAt = time.Now().Add(-time.Hour)
	if errs := b.Enqueue(t.Context(), []*task.Task{late}); errs != nil {
		t.Fatal(errs)
	}
	if age := value(t, registered(telemetry.NewCollector(b, nil)), "jobsy_queue_oldest_seconds"); age < 3600 || age > 3660 {
		t.Errorf("the oldest task has waited for %v seconds, want an hour", age)
	}
}

// registered returns a registry that checks what the collectors tell.
func registered(all ...prometheus.Collector) *prometheus.Registry {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(all...)
	return registry
}

// value returns the first value of a gauge or counter.
func value(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			one := family.GetMetric()[0]
			return one.GetGauge().GetValue() + one.GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func TestTheCollectorTellsOfNamedQueuesOnly(t *testing.T) {
	t.Parallel()
	b := newMemory(t)
	enqueue(t, b, "default", "mail")
	compare(t, telemetry.NewCollector(b, &telemetry.CollectorOptions{Queues: []string{"mail", "later", "mail"}}), `
# HELP jobsy_queue_paused Whether a queue is paused.
# TYPE jobsy_queue_paused gauge
jobsy_queue_paused{queue="later"} 0
jobsy_queue_paused{queue="mail"} 0
`, "jobsy_queue_paused")
}

func TestTheCollectorTellsWhatWasDropped(t *testing.T) {
	t.Parallel()
	b := memory.New(&memory.Options{Bounds: broker.Bounds{Failed: broker.Bound{Count: 1}}})
	t.Cleanup(func() { b.Close() })
	enqueue(t, b, "default", "default", "default")
	leases, err := b.Lease(t.Context(), broker.LeaseRequest{Worker: "w", Queues: []string{"default"}, Max: 3, Duration: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for _, lease := range leases {
		if errs := b.Settle(t.Context(), []broker.Outcome{{Lease: lease, Status: task.StatusFailed, Keep: time.Hour}}); errs != nil {
			t.Fatal(errs)
		}
	}
	compare(t, telemetry.NewCollector(b, nil), `
# HELP jobsy_queue_dropped_total Ended tasks that were dropped before their time.
# TYPE jobsy_queue_dropped_total counter
jobsy_queue_dropped_total{queue="default",status="cancelled"} 0
jobsy_queue_dropped_total{queue="default",status="completed"} 0
jobsy_queue_dropped_total{queue="default",status="failed"} 2
`, "jobsy_queue_dropped_total")
}

// bare is a broker that is nothing else.
type bare struct{ broker.Broker }

// plain is a broker that is an Inspector and no Surveyor, with a bad queue.
type plain struct {
	broker.Broker
	broker.Inspector
}

var errBad = errors.New("bad queue")

func (p plain) Counts(ctx context.Context, queue string) (map[task.Status]int, error) {
	if queue == "bad" {
		return nil, errBad
	}
	return p.Inspector.Counts(ctx, queue)
}

func TestTheCollectorAsksAPlainInspector(t *testing.T) {
	t.Parallel()
	b := newMemory(t)
	enqueue(t, b, "bad", "good")
	var log bytes.Buffer
	c := telemetry.NewCollector(plain{b, b}, &telemetry.CollectorOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, errs := range []string{"1", "2"} {
		compare(t, c, `
# HELP jobsy_collect_errors_total Queues whose state could not be told, and lists of queues.
# TYPE jobsy_collect_errors_total counter
jobsy_collect_errors_total `+errs+`
# HELP jobsy_queue_paused Whether a queue is paused.
# TYPE jobsy_queue_paused gauge
jobsy_queue_paused{queue="good"} 0
`, "jobsy_collect_errors_total", "jobsy_queue_paused")
	}
	if !strings.Contains(log.String(), "queue=bad") || !strings.Contains(log.String(), errBad.Error()) {
		t.Errorf("the log says %q", log.String())
	}
}

func TestTheCollectorOutlivesItsBroker(t *testing.T) {
	t.Parallel()
	b := newMemory(t)
	enqueue(t, b, "default")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for _, broken := range []broker.Broker{b, bare{b}} {
		compare(t, telemetry.NewCollector(broken, nil), `
# HELP jobsy_collect_errors_total Queues whose state could not be told, and lists of queues.
# TYPE jobsy_collect_errors_total counter
jobsy_collect_errors_total 1
`)
	}
}

// trips is a hook that counts what goes to Redis and back.
type trips struct{ n atomic.Int64 }

func (h *trips) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (h *trips) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		h.n.Add(1)
		return next(ctx, cmd)
	}
}

func (h *trips) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		h.n.Add(1)
		return next(ctx, cmds)
	}
}

// fleet returns a broker of 100 queues in Redis, its client, and its trips.
func fleet(t *testing.T) (*redis.Broker, *goredis.Client, *trips) {
	t.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: redistest.Start(t).Addr()})
	hook := &trips{}
	client.AddHook(hook)
	b := redis.New(client, nil)
	t.Cleanup(func() {
		if err := errors.Join(b.Close(), client.Close()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	var queues []string
	for i := range 100 {
		queues = append(queues, fmt.Sprintf("queue-%02d", i))
	}
	enqueue(t, b, queues...)
	return b, client, hook
}

func TestACollectionTakesFewRoundTrips(t *testing.T) {
	t.Parallel()
	b, _, hook := fleet(t)
	c := telemetry.NewCollector(b, nil)
	for i, most := range []int64{10, 2} { // the first one sends the script
		before := hook.n.Load()
		found := testutil.CollectAndCount(c, "jobsy_queue_tasks")
		took := hook.n.Load() - before
		t.Logf("collection %d of 100 queues took %d round trips", i+1, took)
		if found != 700 || took > most {
			t.Errorf("collection %d told %d counts in %d round trips, want 700 in at most %d", i+1, found, took, most)
		}
	}
}

func TestABadQueueInRedisSpoilsNoOther(t *testing.T) {
	t.Parallel()
	b, client, _ := fleet(t)
	if err := client.Set(t.Context(), "jobsy:{queue-07}:failed", "no set", 0).Err(); err != nil {
		t.Fatal(err)
	}
	c := telemetry.NewCollector(b, nil)
	if errs := value(t, registered(c), "jobsy_collect_errors_total"); errs != 1 {
		t.Errorf("there were %v errors, want 1", errs)
	}
	if found := testutil.CollectAndCount(c, "jobsy_queue_paused"); found != 99 {
		t.Errorf("%d queues were told of, want 99", found)
	}
}

func TestMetricsAreNamedAsPrometheusHasIt(t *testing.T) {
	t.Parallel()
	b := newMemory(t)
	enqueue(t, b, "default")
	for _, c := range []prometheus.Collector{telemetry.NewCollector(b, nil), worked(t)} {
		problems, err := testutil.CollectAndLint(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// tenants returns the status of each label, "queue status" → tasks.
func tenants(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	families, err := registered(c).Gather()
	if err != nil {
		t.Fatal(err)
	}
	told := make(map[string]float64)
	for _, family := range families {
		for _, one := range family.GetMetric() {
			name := family.GetName()
			for _, label := range one.GetLabel() {
				name += " " + label.GetValue()
			}
			if value := one.GetGauge().GetValue(); value != 0 {
				told[name] = value
			}
		}
	}
	return told
}

func TestTheCollectorIsBoundedInQueues(t *testing.T) {
	t.Parallel()
	b := newMemory(t)
	enqueue(t, b, "b", "c", "c")
	c := telemetry.NewCollector(b, &telemetry.CollectorOptions{MaxQueues: 2})
	want := map[string]float64{"jobsy_queues": 2, "jobsy_queue_tasks b pending": 1, "jobsy_queue_tasks c pending": 2}
	check := func() {
		t.Helper()
		told := tenants(t, c)
		for name := range told {
			if strings.HasPrefix(name, "jobsy_queue_oldest") {
				delete(told, name)
			}
		}
		if !maps.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
	}
	check()
	// Who has a label keeps it.
	enqueue(t, b, "a", "d", "d", "e", "e")
	if err := errors.Join(b.Pause(t.Context(), "a"), b.Pause(t.Context(), "e")); err != nil {
		t.Fatal(err)
	}
	want["jobsy_queues"], want["jobsy_queue_tasks {others} pending"], want["jobsy_queue_paused {others}"] = 5, 5, 2
	check()
	// A list is not bounded.
	all := &telemetry.CollectorOptions{MaxQueues: 1, Queues: []string{"a", "b"}}
	if told := tenants(t, telemetry.NewCollector(b, all)); told["jobsy_queue_tasks a pending"] != 1 || told["jobsy_queue_tasks b pending"] != 1 {
		t.Errorf("told %v, want both queues of the list", told)
	}
}

func TestTheOthersTellOfTheOldest(t *testing.T) {
	t.Parallel()
	b := newMemory(t)
	enqueue(t, b, "a")
	for queue, age := range map[string]time.Duration{"b": time.Hour, "c": time.Minute} {
		late := task.New("email", nil)
		late.Queue, late.EnqueuedAt = queue, time.Now().Add(-age)
		if errs := b.Enqueue(t.Context(), []*task.Task{late}); errs != nil {
			t.Fatal(errs)
		}
	}
	c := telemetry.NewCollector(b, &telemetry.CollectorOptions{MaxQueues: 1})
	if age := tenants(t, c)["jobsy_queue_oldest_seconds {others}"]; age < 3600 || age > 3660 {
		t.Errorf("the oldest task of the others has waited for %v seconds, want an hour", age)
	}
}

func TestALabelThatIsFreeIsGivenAway(t *testing.T) {
	t.Parallel()
	b := &listed{Broker: newMemory(t)}
	enqueue(t, b, "a", "b", "c")
	c := telemetry.NewCollector(b, &telemetry.CollectorOptions{MaxQueues: 1})
	for _, step := range []struct {
		queues []string
		label  string
	}{
		{[]string{"b", "c"}, "b"},
		{[]string{"a", "b", "c"}, "b"},
		{[]string{"a", "c"}, "a"},
		{[]string{"c"}, "c"},
	} {
		b.queues = step.queues
		if told := tenants(t, c); told["jobsy_queue_tasks "+step.label+" pending"] != 1 {
			t.Errorf("of %v the collector told %v, want a label for %s", step.queues, told, step.label)
		}
	}
}

// listed is a broker that knows the queues that a test says.
type listed struct {
	*memory.Broker
	queues []string
}

func (l *listed) Queues(context.Context) ([]string, error) { return l.queues, nil }
