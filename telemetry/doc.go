// Package telemetry shows what a fleet does: traces and metrics by
// OpenTelemetry, and metrics for Prometheus. It is a module of its own, so that
// nobody else links either.
//
// # Traces
//
// EnqueueMiddleware has what is enqueued in a span, whose context travels in the
// task's Headers, and Middleware gives each attempt a span that goes on with it,
// in whichever process it runs:
//
//	use := []jobsy.EnqueueMiddleware{telemetry.EnqueueMiddleware(nil)}
//	client := jobsy.NewClient(b, &jobsy.ClientOptions{Use: use})
//	schedules := scheduler.New(b, &scheduler.Options{Use: use})
//
//	server := jobsy.NewServer(b, &jobsy.ServerOptions{Client: &jobsy.ClientOptions{Use: use}})
//	server.Use(telemetry.Middleware(nil))
//
// Spans and metrics follow the semantic conventions for messaging, where a queue
// is the destination and a task the message. Without options they go to the
// global providers of package otel, and the global propagator carries the
// context; that is none unless the program sets one, such as
// propagation.TraceContext.
//
// # Prometheus
//
// A Collector tells of queues and belongs to one process of the fleet, or to a
// few; a ServerCollector tells of one server and belongs to each:
//
//	registry.MustRegister(telemetry.NewCollector(b, nil))
//
//	opts := &jobsy.ServerOptions{Concurrency: 50}
//	attempts := telemetry.NewServerCollector(opts)
//	registry.MustRegister(attempts)
//	server := jobsy.NewServer(b, opts)
//	server.Use(attempts.Middleware)
//	attempts.Watch(server)
//
// Several of a kind share a registry behind prometheus.WrapRegistererWith, which
// gives each a label. A dashboard for Grafana is in grafana/jobsy.json, and
// alert rules to start from are in alerts.yml.
package telemetry
