package telemetry_test

import (
	"context"
	"fmt"
	"log"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
	"github.com/nex-gen-tech/jobsy/telemetry"
)

// A request enqueues a task, and whichever process runs it goes on with the
// request's trace.
func Example_trace() {
	spans := tracetest.NewInMemoryExporter() // in a program: one that sends them away
	tracing := trace.NewTracerProvider(trace.WithSyncer(spans))
	opts := &telemetry.Options{TracerProvider: tracing, Propagator: propagation.TraceContext{}}

	enqueuing := &jobsy.ClientOptions{Use: []jobsy.EnqueueMiddleware{telemetry.EnqueueMiddleware(opts)}}
	server := jobsy.NewServer(nil, &jobsy.ServerOptions{Client: enqueuing})
	server.Use(telemetry.Middleware(opts))
	ctx, stop := context.WithCancel(context.Background())
	server.HandleFunc("email", func(context.Context, *task.Task) error {
		stop()
		return nil
	})

	request, span := tracing.Tracer("shop").Start(ctx, "POST /orders")
	if err := server.Client().Enqueue(request, task.New("email", nil)); err != nil {
		log.Fatal(err)
	}
	span.End()
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
	for _, one := range spans.GetSpans() {
		same := one.SpanContext.TraceID() == span.SpanContext().TraceID()
		fmt.Println(one.Name, one.SpanKind, "same trace:", same)
	}
	// Output:
	// enqueue default producer same trace: true
	// POST /orders internal same trace: true
	// process default consumer same trace: true
}
