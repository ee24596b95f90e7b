package telemetry

import (
	"errors"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/messagingconv"
	"go.opentelemetry.io/otel/trace"
)

const (
	scope  = "github.com/nex-gen-tech/jobsy/telemetry"
	system = "jobsy" // of messaging
)

// instruments are what spans and metrics are made with.
type instruments struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator

	sent     messagingconv.ClientSentMessages
	calls    messagingconv.ClientOperationDuration
	consumed messagingconv.ClientConsumedMessages
	runs     messagingconv.ProcessDuration
	waits    metric.Float64Histogram // the conventions have none
}

// newInstruments makes them. An instrument that the provider refuses measures
// nothing, and the handler of errors of package otel is told.
func newInstruments(opts *Options) *instruments {
	o := opts.filled()
	meter := o.MeterProvider.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
	i := &instruments{
		tracer:     o.TracerProvider.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL)),
		propagator: o.Propagator,
	}
	var errs [5]error
	i.sent, errs[0] = messagingconv.NewClientSentMessages(meter)
	i.calls, errs[1] = messagingconv.NewClientOperationDuration(meter)
	i.consumed, errs[2] = messagingconv.NewClientConsumedMessages(meter)
	i.runs, errs[3] = messagingconv.NewProcessDuration(meter)
	i.waits, errs[4] = meter.Float64Histogram("jobsy.task.wait.duration", metric.WithUnit("s"),
		metric.WithDescription("How long tasks had been due when an attempt began."))
	if err := errors.Join(errs[:]...); err != nil {
		otel.Handle(err)
	}
	return i
}
