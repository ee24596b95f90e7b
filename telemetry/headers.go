package telemetry

import (
	"context"
	"maps"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/nex-gen-tech/jobsy/task"
)

// maxHeaders is how many bytes the headers of a task may have.
const maxHeaders = 64 << 10

// inject writes the context into the task's headers. The map that the caller
// gave may be that of other tasks too, so it is left as it is. A context that is
// too large is left out: the task matters more.
func (i *instruments) inject(ctx context.Context, t *task.Task) {
	headers := make(map[string]string, len(t.Headers)+2)
	maps.Copy(headers, t.Headers)
	i.propagator.Inject(ctx, propagation.MapCarrier(headers))
	size := 0
	for key, value := range headers {
		size += len(key) + len(value)
	}
	if size <= maxHeaders && !maps.Equal(headers, t.Headers) {
		t.Headers = headers
	}
}

// extract returns ctx with what the task's headers say.
func (i *instruments) extract(ctx context.Context, t *task.Task) context.Context {
	return i.propagator.Extract(ctx, propagation.MapCarrier(t.Headers))
}

// origin returns the span that created the task; it is not valid if the headers
// do not say.
func (i *instruments) origin(t *task.Task) trace.SpanContext {
	return trace.SpanContextFromContext(i.extract(context.Background(), t))
}
