package telemetry_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
	"github.com/nex-gen-tech/jobsy/telemetry"
)

// worked returns the collector of a server that has run tasks: one completes in
// a second, one fails twice and once and for all, and one completes later.
func worked(t *testing.T) *telemetry.ServerCollector {
	t.Helper()
	var c *telemetry.ServerCollector
	synctest.Test(t, func(t *testing.T) {
		told := 0
		opts := &jobsy.ServerOptions{Concurrency: 7, OnFailed: func(context.Context, *task.Task, error) { told++ }}
		c = telemetry.NewServerCollector(opts)
		b := memory.New(nil)
		server := jobsy.NewServer(b, opts)
		server.Use(c.Middleware)
		c.Watch(server)
		server.HandleFunc("good", func(ctx context.Context, _ *task.Task) error {
			if running := value(t, registered(c), "jobsy_handlers_running"); running != 1 {
				t.Errorf("%v handlers run, want 1", running)
			}
			<-time.After(time.Second)
			return nil
		})
		server.HandleFunc("bad", func(context.Context, *task.Task) error { return errors.New("no disk") })
		server.HandleFunc("later", func(context.Context, *task.Task) error {
			if time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) < time.Minute {
				return jobsy.Snooze(time.Minute)
			}
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- server.Run(ctx) }()
		bad := task.New("bad", nil)
		bad.MaxRetry = 1
		if err := server.Client().Enqueue(ctx, task.New("good", nil), bad, task.New("later", nil)); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Hour)
		stop()
		if err := errors.Join(<-done, b.Close()); err != nil {
			t.Error(err)
		}
		if told != 1 {
			t.Errorf("the function that the options had was told of %d tasks, want 1", told)
		}
	})
	return c
}

func TestTheServerCollectorCounts(t *testing.T) {
	t.Parallel()
	compare(t, worked(t), `
# HELP jobsy_attempts_total Attempts that have ended, by how.
# TYPE jobsy_attempts_total counter
jobsy_attempts_total{outcome="completed",queue="default",task="good"} 1
jobsy_attempts_total{outcome="completed",queue="default",task="later"} 1
jobsy_attempts_total{outcome="error",queue="default",task="bad"} 2
jobsy_attempts_total{outcome="snoozed",queue="default",task="later"} 1
# HELP jobsy_handlers_max How many handlers may run at once.
# TYPE jobsy_handlers_max gauge
jobsy_handlers_max 7
# HELP jobsy_handlers_running Handlers that run now.
# TYPE jobsy_handlers_running gauge
jobsy_handlers_running 0
# HELP jobsy_retries_total Attempts begun that were not the first of their task.
# TYPE jobsy_retries_total counter
jobsy_retries_total{queue="default",task="bad"} 1
# HELP jobsy_tasks_failed_total Tasks that have ended as failed.
# TYPE jobsy_tasks_failed_total counter
jobsy_tasks_failed_total{queue="default"} 1
`, "jobsy_attempts_total", "jobsy_handlers_max", "jobsy_handlers_running", "jobsy_retries_total", "jobsy_tasks_failed_total")
}

// means returns the mean of a histogram by task, in seconds.
func means(t *testing.T, c prometheus.Collector, histogram string) map[string]float64 {
	t.Helper()
	families, err := registered(c).Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]float64)
	for _, family := range families {
		if family.GetName() != histogram {
			continue
		}
		for _, one := range family.GetMetric() {
			h := one.GetHistogram()
			seen[one.GetLabel()[1].GetValue()] = h.GetSampleSum() / float64(h.GetSampleCount())
		}
	}
	return seen
}

func TestTheServerCollectorMeasures(t *testing.T) {
	t.Parallel()
	seen := means(t, worked(t), "jobsy_run_duration_seconds")
	if want := map[string]float64{"good": 1, "bad": 0, "later": 0}; !maps.Equal(seen, want) {
		t.Errorf("runs took %v seconds, want %v", seen, want)
	}
}

// A task waits from when it is due; of one that lost its worker, was run anew or
// waited for others nobody can tell how long.
func TestWaitsAreMeasuredFromWhenATaskIsDue(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := telemetry.NewServerCollector(nil)
	b, opts := record(t)
	for name, change := range map[string]func(*task.Task){
		"due":        func(*task.Task) {},
		"scheduled":  func(t *task.Task) { t.RunAt = now.Add(-2 * time.Second) },
		"clock":      func(t *task.Task) { t.EnqueuedAt = now.Add(time.Second) },
		"redelivery": func(t *task.Task) { t.Deliveries = 2 },
		"anew":       func(t *task.Task) { t.History = []task.Run{{}} },
		"debounced":  func(t *task.Task) { t.Unique.Mode = task.Debounce },
		"latest":     func(t *task.Task) { t.Unique.Mode = task.Latest },
		"gathered":   func(t *task.Task) { t.Gather.Key = "k" },
		"bare":       func(t *task.Task) { t.StartedAt = time.Time{} },
	} {
		one := task.New(name, nil)
		one.EnqueuedAt, one.StartedAt, one.Deliveries = now.Add(-time.Hour), now, 1
		change(one)
		ended{}.attempt(t, c.Middleware, one)
		ended{}.attempt(t, telemetry.Middleware(opts), one)
	}
	want := map[string]float64{"due": 3600, "scheduled": 2, "clock": 0}
	if seen := means(t, c, "jobsy_wait_duration_seconds"); !maps.Equal(seen, want) {
		t.Errorf("tasks waited for %v seconds, want %v", seen, want)
	}
	if got := b.counts(t, "jobsy.task.wait.duration", "messaging.destination.name"); !maps.Equal(got, map[string]int64{"default ": 3}) {
		t.Errorf("waits counted %v, want 3", got)
	}
}

// A server's own tasks tell their waits, too.
func TestAServersTasksTellTheirWait(t *testing.T) {
	t.Parallel()
	seen := means(t, worked(t), "jobsy_wait_duration_seconds")
	if want := map[string]float64{"good": 0, "bad": 0, "later": 0}; !maps.Equal(seen, want) {
		t.Errorf("tasks waited for %v seconds, want %v", seen, want)
	}
}

func TestTheServerCollectorTellsEveryOutcome(t *testing.T) {
	t.Parallel()
	c := telemetry.NewServerCollector(nil)
	for _, e := range endings {
		one := task.New("email", nil)
		one.Queue = "mail"
		e.attempt(t, c.Middleware, one)
	}
	compare(t, c, `
# HELP jobsy_attempts_total Attempts that have ended, by how.
# TYPE jobsy_attempts_total counter
jobsy_attempts_total{outcome="cancelled",queue="mail",task="email"} 1
jobsy_attempts_total{outcome="completed",queue="mail",task="email"} 2
jobsy_attempts_total{outcome="error",queue="mail",task="email"} 4
jobsy_attempts_total{outcome="lost",queue="mail",task="email"} 2
jobsy_attempts_total{outcome="released",queue="mail",task="email"} 1
jobsy_attempts_total{outcome="snoozed",queue="mail",task="email"} 1
# HELP jobsy_handlers_max How many handlers may run at once.
# TYPE jobsy_handlers_max gauge
jobsy_handlers_max 10
# HELP jobsy_handlers_running Handlers that run now.
# TYPE jobsy_handlers_running gauge
jobsy_handlers_running 0
`, "jobsy_attempts_total", "jobsy_handlers_max", "jobsy_handlers_running")
}

func TestEachQueueOfAServerBeginsWithNoFailedTask(t *testing.T) {
	t.Parallel()
	opts := &jobsy.ServerOptions{Queues: map[string]int{"mail": 1, "default": 1}}
	compare(t, telemetry.NewServerCollector(opts), `
# HELP jobsy_tasks_failed_total Tasks that have ended as failed.
# TYPE jobsy_tasks_failed_total counter
jobsy_tasks_failed_total{queue="default"} 0
jobsy_tasks_failed_total{queue="mail"} 0
`, "jobsy_tasks_failed_total")
}

func TestTheServerCollectorTellsOfOverdueHandlers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, release := memory.New(nil), make(chan struct{})
		opts := &jobsy.ServerOptions{}
		c := telemetry.NewServerCollector(opts)
		compare(t, c, "", "jobsy_handlers_overdue") // not known
		server := jobsy.NewServer(b, opts)
		c.Watch(server)
		server.HandleFunc("stubborn", func(context.Context, *task.Task) error { <-release; return nil })
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- server.Run(ctx) }()
		stubborn := task.New("stubborn", nil)
		stubborn.Timeout = time.Minute
		if err := server.Client().Enqueue(ctx, stubborn); err != nil {
			t.Fatal(err)
		}
		for _, want := range []float64{0, 1, 0} {
			<-time.After(time.Minute)
			if overdue := value(t, registered(c), "jobsy_handlers_overdue"); overdue != want {
				t.Errorf("%v handlers are overdue, want %v", overdue, want)
			}
			if want == 1 {
				close(release)
			}
		}
		stop()
		if err := errors.Join(<-done, b.Close()); err != nil {
			t.Error(err)
		}
	})
}
