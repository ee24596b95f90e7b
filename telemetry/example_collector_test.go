package telemetry_test

import (
	"context"
	"fmt"
	"log"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
	"github.com/nex-gen-tech/jobsy/telemetry"
)

// Prometheus is told of the queues, and of what this server does. In a program,
// promhttp.HandlerFor(registry, …) serves what is printed here.
func Example_prometheus() {
	b := memory.New(nil)
	defer b.Close()
	opts := &jobsy.ServerOptions{Concurrency: 5}
	attempts := telemetry.NewServerCollector(opts)
	registry := prometheus.NewRegistry()
	registry.MustRegister(attempts, telemetry.NewCollector(b, nil))

	server := jobsy.NewServer(b, opts)
	server.Use(attempts.Middleware)
	attempts.Watch(server)
	ctx, stop := context.WithCancel(context.Background())
	server.HandleFunc("email", func(context.Context, *task.Task) error {
		stop()
		return nil
	})
	if err := server.Client().Enqueue(ctx, task.New("email", nil)); err != nil {
		log.Fatal(err)
	}
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}

	families, err := registry.Gather()
	if err != nil {
		log.Fatal(err)
	}
	for _, family := range families {
		fmt.Println(family.GetName(), family.GetType())
	}
	// Output:
	// jobsy_attempts_total COUNTER
	// jobsy_collect_errors_total COUNTER
	// jobsy_handlers_max GAUGE
	// jobsy_handlers_overdue GAUGE
	// jobsy_handlers_running GAUGE
	// jobsy_queue_dropped_total COUNTER
	// jobsy_queue_oldest_seconds GAUGE
	// jobsy_queue_paused GAUGE
	// jobsy_queue_tasks GAUGE
	// jobsy_queues GAUGE
	// jobsy_run_duration_seconds HISTOGRAM
	// jobsy_tasks_failed_total COUNTER
	// jobsy_wait_duration_seconds HISTOGRAM
}
