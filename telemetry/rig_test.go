package telemetry_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/telemetry"
)

// book has what was recorded.
type book struct {
	spans   *tracetest.InMemoryExporter
	metrics *metric.ManualReader
	tracing *trace.TracerProvider
}

// record returns options that record into a book.
func record(t *testing.T) (*book, *telemetry.Options) {
	t.Helper()
	b := &book{spans: tracetest.NewInMemoryExporter(), metrics: metric.NewManualReader()}
	b.tracing = trace.NewTracerProvider(trace.WithSyncer(b.spans))
	return b, &telemetry.Options{
		TracerProvider: b.tracing,
		MeterProvider:  metric.NewMeterProvider(metric.WithReader(b.metrics)),
		Propagator:     propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
	}
}

// span returns the one span of that name.
func (b *book) span(t *testing.T, name string) tracetest.SpanStub {
	t.Helper()
	found := b.named(name)
	if len(found) != 1 {
		t.Fatalf("there are %d spans %q, want one, among %v", len(found), name, b.names())
	}
	return found[0]
}

func (b *book) named(name string) (found tracetest.SpanStubs) {
	for _, span := range b.spans.GetSpans() {
		if span.Name == name {
			found = append(found, span)
		}
	}
	return found
}

func (b *book) names() (names []string) {
	for _, span := range b.spans.GetSpans() {
		names = append(names, span.Name)
	}
	return names
}

// has checks the attributes of a span.
func has(t *testing.T, span tracetest.SpanStub, want map[attribute.Key]any) {
	t.Helper()
	set := attribute.NewSet(span.Attributes...)
	for key, value := range want {
		got, ok := set.Value(key)
		if value == nil && ok || value != nil && got.AsInterface() != value {
			t.Errorf("span %q has %s %v, want %v", span.Name, key, got.AsInterface(), value)
		}
	}
}

// counts returns, by the values of some attributes, what an instrument counted:
// the sum of a counter, or how often a histogram was recorded to.
func (b *book) counts(t *testing.T, instrument string, keys ...attribute.Key) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := b.metrics.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	found := make(map[string]int64)
	for _, scope := range all.ScopeMetrics {
		for _, one := range scope.Metrics {
			if one.Name == instrument {
				count(found, one.Data, keys)
			}
		}
	}
	return found
}

func count(found map[string]int64, data metricdata.Aggregation, keys []attribute.Key) {
	label := func(set attribute.Set) (text string) {
		for _, key := range keys {
			value, _ := set.Value(key)
			text += value.AsString() + " "
		}
		return text
	}
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		for _, point := range data.DataPoints {
			found[label(point.Attributes)] += point.Value
		}
	case metricdata.Histogram[float64]:
		for _, point := range data.DataPoints {
			found[label(point.Attributes)] += int64(point.Count)
		}
	}
}

func newMemory(t *testing.T) *memory.Broker {
	t.Helper()
	b := memory.New(nil)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}
