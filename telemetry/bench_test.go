package telemetry_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
	"github.com/nex-gen-tech/jobsy/telemetry"
)

// What the middleware add to an attempt.
func BenchmarkMiddleware(b *testing.B) {
	options := func(s trace.Sampler) *telemetry.Options {
		return &telemetry.Options{TracerProvider: trace.NewTracerProvider(trace.WithSampler(s)), Propagator: propagation.TraceContext{}}
	}
	for name, mw := range map[string]jobsy.Middleware{
		"none":       func(next jobsy.Handler) jobsy.Handler { return next },
		"unsampled":  telemetry.Middleware(options(trace.NeverSample())),
		"sampled":    telemetry.Middleware(options(trace.AlwaysSample())),
		"prometheus": telemetry.NewServerCollector(nil).Middleware,
	} {
		b.Run(name, func(b *testing.B) {
			handler := mw(func(context.Context, *task.Task) error { return nil })
			one := task.New("email", nil)
			one.Headers = map[string]string{"traceparent": parent}
			b.ReportAllocs()
			for b.Loop() {
				if err := handler(b.Context(), one); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
