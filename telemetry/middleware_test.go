package telemetry_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
	"github.com/nex-gen-tech/jobsy/telemetry"
)

const (
	parent = "00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01"
	member = "00-1102030405060708090a0b0c0d0e0f10-1102030405060708-01"
)

// ended is how an attempt of a test ends.
type ended struct {
	err    error
	cause  error // of the end of its context
	panics bool
}

// attempt runs one attempt in a middleware.
func (e ended) attempt(t *testing.T, mw jobsy.Middleware, one *task.Task) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	handler := mw(func(context.Context, *task.Task) error {
		if e.cause != nil {
			cancel(e.cause)
		}
		if e.panics {
			panic("oh no")
		}
		return e.err
	})
	defer func() {
		if value := recover(); (value != nil) != e.panics {
			t.Errorf("the middleware let %v through", value)
		}
	}()
	if err := handler(ctx, one); err != e.err {
		t.Errorf("the middleware returned %v, want %v", err, e.err)
	}
}

var errDisk = errors.New("no disk")

// endings has how attempts can end, by what is told of them.
var endings = []struct {
	ended
	outcome, errorType string
}{
	{ended{}, "completed", ""},
	{ended{err: errDisk}, "error", "*errors.errorString"},
	{ended{err: jobsy.SkipRetry(task.ErrTimeout)}, "error", "timeout"},
	{ended{err: jobsy.Snooze(time.Minute)}, "snoozed", ""},
	{ended{panics: true}, "error", "panic"},
	{ended{cause: task.ErrLeaseLost}, "lost", "lease_lost"},
	{ended{err: errDisk, cause: task.ErrLeaseLost}, "lost", "lease_lost"},
	{ended{err: errDisk, cause: task.ErrCancelled}, "cancelled", ""},
	{ended{cause: task.ErrCancelled}, "completed", ""},
	{ended{err: context.Canceled, cause: task.ErrShutdown}, "released", ""},
	{ended{err: context.DeadlineExceeded, cause: task.ErrTimeout}, "error", "context_deadline"},
}

func TestASpanTellsHowItsAttemptEnded(t *testing.T) {
	t.Parallel()
	for _, e := range endings {
		b, opts := record(t)
		one := task.New("email", nil)
		e.attempt(t, telemetry.Middleware(opts), one)
		span := b.span(t, "process default")
		want := map[attribute.Key]any{"jobsy.task.outcome": e.outcome, "error.type": nil}
		status := codes.Unset
		if e.errorType != "" {
			want["error.type"], status = e.errorType, codes.Error
		}
		has(t, span, want)
		if span.Status.Code != status {
			t.Errorf("%+v: the span has status %v, want %v", e.ended, span.Status, status)
		}
		counted := map[string]int64{"process default " + e.errorType + " ": 1}
		for _, instrument := range []string{"messaging.process.duration", "messaging.client.consumed.messages"} {
			got := b.counts(t, instrument, "messaging.operation.name", "messaging.destination.name", "error.type")
			if !maps.Equal(got, counted) {
				t.Errorf("%+v: %s has %v, want %v", e.ended, instrument, got, counted)
			}
		}
	}
}

func TestAnAttemptGoesOnWithTheTraceOfItsTask(t *testing.T) {
	t.Parallel()
	b, opts := record(t)
	one := task.New("email", []byte("hello"))
	one.Queue, one.Worker, one.Attempt, one.Deliveries = "mail", "server-1", 3, 2
	one.Headers = map[string]string{"traceparent": parent, "baggage": "tenant=7"}
	handler := telemetry.Middleware(opts)(func(ctx context.Context, _ *task.Task) error {
		if got := baggage.FromContext(ctx).Member("tenant").Value(); got != "7" {
			t.Errorf("the handler has baggage %q, want 7", got)
		}
		_, inner := b.tracing.Tracer("handler").Start(ctx, "inner")
		inner.End()
		return nil
	})
	if err := handler(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	span, inner := b.span(t, "process mail"), b.span(t, "inner")
	if span.SpanKind != trace.SpanKindConsumer || span.Parent.SpanID().String() != parent[36:52] || len(span.Links) != 1 {
		t.Errorf("the span is a %v of parent %s with %d links", span.SpanKind, span.Parent.SpanID(), len(span.Links))
	}
	if inner.Parent.SpanID() != span.SpanContext.SpanID() || inner.SpanContext.TraceID().String() != parent[3:35] {
		t.Errorf("the handler's span has parent %s in trace %s", inner.Parent.SpanID(), inner.SpanContext.TraceID())
	}
	has(t, span, map[attribute.Key]any{
		"messaging.system":            "jobsy",
		"messaging.operation.name":    "process",
		"messaging.operation.type":    "process",
		"messaging.destination.name":  "mail",
		"messaging.message.id":        one.ID.String(),
		"messaging.message.body.size": int64(5),
		"messaging.client.id":         "server-1",
		"jobsy.task.name":             "email",
		"jobsy.task.attempt":          int64(3),
		"jobsy.task.deliveries":       int64(2),
	})
}

func TestAnAttemptLinksToWhatWasGathered(t *testing.T) {
	t.Parallel()
	b, opts := record(t)
	one, two, three := task.New("email", nil), task.New("email", nil), task.New("email", nil)
	one.Headers, two.Headers = map[string]string{"traceparent": parent}, map[string]string{"traceparent": member}
	one.Members = []*task.Task{two, three}
	ended{}.attempt(t, telemetry.Middleware(opts), one)
	span := b.span(t, "process default")
	if len(span.Links) != 2 || span.Links[1].SpanContext.TraceID().String() != member[3:35] {
		t.Errorf("the span links to %v, want the task and its first member", span.Links)
	}
	has(t, span, map[attribute.Key]any{"messaging.batch.message_count": int64(3)})
}

func TestATaskWithoutAContextBeginsATrace(t *testing.T) {
	t.Parallel()
	b, opts := record(t)
	one := task.New("email", nil)
	one.Headers = map[string]string{"traceparent": "malformed"}
	ended{}.attempt(t, telemetry.Middleware(opts), one)
	if span := b.span(t, "process default"); span.Parent.IsValid() || len(span.Links) != 0 {
		t.Errorf("the span has parent %v and links %v, want none", span.Parent, span.Links)
	}
}
