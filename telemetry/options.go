package telemetry

import (
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Options say where spans and metrics of OpenTelemetry go. The zero value of
// each field is its default, which is looked up when the middleware is made.
type Options struct {
	// TracerProvider makes the spans. Default: otel.GetTracerProvider().
	TracerProvider trace.TracerProvider
	// MeterProvider makes the metrics. Default: otel.GetMeterProvider().
	MeterProvider metric.MeterProvider
	// Propagator writes the context into a task's Headers, and reads it from
	// there. Producers and servers need the same. Default:
	// otel.GetTextMapPropagator().
	Propagator propagation.TextMapPropagator
}

func (o *Options) filled() Options {
	var own Options
	if o != nil {
		own = *o
	}
	if own.TracerProvider == nil {
		own.TracerProvider = otel.GetTracerProvider()
	}
	if own.MeterProvider == nil {
		own.MeterProvider = otel.GetMeterProvider()
	}
	if own.Propagator == nil {
		own.Propagator = otel.GetTextMapPropagator()
	}
	return own
}
