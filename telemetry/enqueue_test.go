package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/scheduler"
	"github.com/nex-gen-tech/jobsy/task"
	"github.com/nex-gen-tech/jobsy/telemetry"
)

func newClient(t *testing.T) (*jobsy.Client, *book) {
	t.Helper()
	b, opts := record(t)
	return jobsy.NewClient(newMemory(t), traced(opts)), b
}

// traced returns options of a client whose calls are traced.
func traced(opts *telemetry.Options) *jobsy.ClientOptions {
	return &jobsy.ClientOptions{Use: []jobsy.EnqueueMiddleware{telemetry.EnqueueMiddleware(opts)}}
}

func TestASingleTaskCarriesTheSpanThatEnqueuedIt(t *testing.T) {
	t.Parallel()
	client, b := newClient(t)
	one := task.New("email", []byte("hello"))
	one.Headers = map[string]string{"tenant": "7"}
	headers := one.Headers
	if err := client.Enqueue(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	span := b.span(t, "enqueue default")
	if span.SpanKind != trace.SpanKindProducer || span.Status.Code != codes.Unset {
		t.Errorf("the span is a %v with status %v, want a producer without", span.SpanKind, span.Status)
	}
	has(t, span, map[attribute.Key]any{
		"messaging.system":            "jobsy",
		"messaging.operation.name":    "enqueue",
		"messaging.operation.type":    "send",
		"messaging.destination.name":  "default",
		"messaging.message.id":        one.ID.String(),
		"messaging.message.body.size": int64(5),
		"jobsy.task.name":             "email",
		"error.type":                  nil,
	})
	if got := one.Headers["traceparent"]; !strings.Contains(got, span.SpanContext.SpanID().String()) {
		t.Errorf("the task carries %q, want span %s", got, span.SpanContext.SpanID())
	}
	if one.Headers["tenant"] != "7" || !maps.Equal(headers, map[string]string{"tenant": "7"}) {
		t.Errorf("the headers are %v, and the caller's map is %v", one.Headers, headers)
	}
	got, err := client.Get(t.Context(), one)
	if err != nil || got.Headers["traceparent"] != one.Headers["traceparent"] {
		t.Errorf("the broker has %v, %v, want the same headers", got, err)
	}
}

func TestEachOfSeveralTasksCarriesASpanOfItsOwn(t *testing.T) {
	t.Parallel()
	client, b := newClient(t)
	tasks := []*task.Task{task.New("email", nil), task.New("email", nil)}
	if err := client.Enqueue(t.Context(), tasks...); err != nil {
		t.Fatal(err)
	}
	call, created := b.span(t, "enqueue default"), b.named("create default")
	if call.SpanKind != trace.SpanKindClient || len(created) != 2 || len(call.Links) != 2 {
		t.Fatalf("the call is a %v with %d links, and %d tasks were created", call.SpanKind, len(call.Links), len(created))
	}
	has(t, call, map[attribute.Key]any{"messaging.batch.message_count": int64(2), "messaging.destination.name": "default", "messaging.message.id": nil})
	for i, span := range created {
		id := span.SpanContext.SpanID()
		if span.SpanKind != trace.SpanKindProducer || !strings.Contains(tasks[i].Headers["traceparent"], id.String()) {
			t.Errorf("span %s is a %v, and the task carries %v", id, span.SpanKind, tasks[i].Headers)
		}
		if call.Links[i].SpanContext.SpanID() != id {
			t.Errorf("the call links to %s, want %s", call.Links[i].SpanContext.SpanID(), id)
		}
	}
}

func TestTasksOfSeveralQueuesHaveNoCommonDestination(t *testing.T) {
	t.Parallel()
	client, b := newClient(t)
	mail := task.New("email", nil)
	mail.Queue = "mail"
	if err := client.Enqueue(t.Context(), task.New("email", nil), mail); err != nil {
		t.Fatal(err)
	}
	has(t, b.span(t, "enqueue"), map[attribute.Key]any{"messaging.destination.name": nil})
	want := map[string]int64{"default ": 1, "mail ": 1}
	if got := b.counts(t, "messaging.client.sent.messages", "messaging.destination.name"); !maps.Equal(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
}

// The same task enqueued again, after a lost answer, has to stay the same.
func TestATaskKeepsTheContextItHas(t *testing.T) {
	t.Parallel()
	client, b := newClient(t)
	one := task.New("email", nil)
	if err := client.Enqueue(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	one.Status = task.StatusUnknown // as if no answer had come
	if err := client.Enqueue(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	spans := b.named("enqueue default")
	if len(spans) != 2 || !strings.Contains(one.Headers["traceparent"], spans[0].SpanContext.SpanID().String()) {
		t.Fatalf("after %d calls the task carries %v", len(spans), one.Headers)
	}
	again := spans[1]
	if again.SpanKind != trace.SpanKindClient || len(again.Links) != 1 || again.Links[0].SpanContext.SpanID() != spans[0].SpanContext.SpanID() {
		t.Errorf("the second call is a %v with links %v, want one to the first", again.SpanKind, again.Links)
	}
}

// What is not the task's must not have it refused.
func TestAContextTooLargeIsLeftOut(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	one := task.New("email", nil)
	one.Headers = map[string]string{"large": strings.Repeat("x", 64<<10-len("large"))}
	if err := client.Enqueue(t.Context(), one); err != nil || len(one.Headers) != 1 {
		t.Errorf("Enqueue returned %v, with headers of %d keys", err, len(one.Headers))
	}
}

func TestBaggageTravels(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t)
	member, err := baggage.NewMember("tenant", "7")
	if err != nil {
		t.Fatal(err)
	}
	carried, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	one := task.New("email", nil)
	if err := client.Enqueue(baggage.ContextWithBaggage(t.Context(), carried), one); err != nil || one.Headers["baggage"] != "tenant=7" {
		t.Errorf("Enqueue returned %v, with headers %v", err, one.Headers)
	}
}

func TestAFailedEnqueueIsRecorded(t *testing.T) {
	t.Parallel()
	client, b := newClient(t)
	first := task.New("email", nil)
	second := task.New("other", nil)
	second.ID = first.ID
	if err := client.Enqueue(t.Context(), first, second); !errors.Is(err, task.ErrDuplicate) {
		t.Fatalf("Enqueue returned %v, want ErrDuplicate", err)
	}
	nameless := task.New("", nil)
	nameless.Queue = "mail"
	if err := client.Enqueue(t.Context(), nameless); !errors.Is(err, task.ErrInvalid) {
		t.Fatalf("Enqueue returned %v, want ErrInvalid", err)
	}
	span := b.span(t, "enqueue default")
	has(t, span, map[attribute.Key]any{"error.type": "duplicate"})
	if span.Status.Code != codes.Error {
		t.Errorf("the span has status %v, want an error", span.Status)
	}
	has(t, b.span(t, "enqueue mail"), map[attribute.Key]any{"error.type": "invalid"})
	want := map[string]int64{"default  ": 1, "default duplicate ": 1, "mail invalid ": 1}
	if got := b.counts(t, "messaging.client.sent.messages", "messaging.destination.name", "error.type"); !maps.Equal(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
	want = map[string]int64{"enqueue duplicate ": 1, "enqueue invalid ": 1}
	if got := b.counts(t, "messaging.client.operation.duration", "messaging.operation.name", "error.type"); !maps.Equal(got, want) {
		t.Errorf("calls %v, want %v", got, want)
	}
}

func TestAServersClientAWorkerAndSchedulesAreTraced(t *testing.T) {
	t.Parallel()
	for name, enqueue := range map[string]func(ctx context.Context, b *memory.Broker, opts *jobsy.ClientOptions) error{
		"Server.Client": func(ctx context.Context, b *memory.Broker, opts *jobsy.ClientOptions) error {
			return jobsy.NewServer(b, &jobsy.ServerOptions{Client: opts}).Client().Enqueue(ctx, task.New("email", nil))
		},
		"Worker": func(_ context.Context, b *memory.Broker, opts *jobsy.ClientOptions) error {
			w := jobsy.NewWorker(&jobsy.WorkerOptions{Broker: b, Client: opts})
			if err := w.Register("email", func() error { return nil }); err != nil {
				return err
			}
			_, err := w.RunNow("email", nil)
			return err
		},
		"schedule": func(ctx context.Context, b *memory.Broker, opts *jobsy.ClientOptions) error {
			s := scheduler.New(b, &scheduler.Options{Use: opts.Use})
			ctx, stop := context.WithTimeout(ctx, 90*time.Second)
			defer stop()
			return errors.Join(s.Every("s", time.Minute, task.New("email", nil)), s.Run(ctx))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rec, opts := record(t)
				b := memory.New(nil)
				if err := enqueue(t.Context(), b, traced(opts)); err != nil {
					t.Fatal(err)
				}
				span := rec.span(t, "enqueue default")
				found, _, err := b.Tasks(t.Context(), task.DefaultQueue, task.StatusPending, "", 10)
				if err != nil || len(found) != 1 || !strings.Contains(found[0].Headers["traceparent"], span.SpanContext.SpanID().String()) {
					t.Errorf("the broker has %v, %v, want a task that carries span %s", found, err, span.SpanContext.SpanID())
				}
			})
		})
	}
}

// Of two processes each has a span for a tick, and one a message.
func TestATickThatIsTakenElsewhereIsNoMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec, opts := record(t)
		b := memory.New(nil)
		ctx, stop := context.WithTimeout(t.Context(), 90*time.Second)
		defer stop()
		ended := make(chan error)
		for range 2 {
			s := scheduler.New(b, &scheduler.Options{Use: traced(opts).Use})
			if err := s.Every("s", time.Minute, task.New("email", nil)); err != nil {
				t.Fatal(err)
			}
			go func() { ended <- s.Run(ctx) }()
		}
		if err := errors.Join(<-ended, <-ended); err != nil {
			t.Fatal(err)
		}
		sent := rec.counts(t, "messaging.client.sent.messages", "messaging.destination.name")
		if spans := rec.named("enqueue default"); len(spans) != 2 || !maps.Equal(sent, map[string]int64{"default ": 1}) {
			t.Errorf("%d spans, sent %v; want 2 and one", len(spans), sent)
		}
	})
}

type apiError struct{ code int }

func (e *apiError) Error() string { return fmt.Sprint("answer ", e.code) }

// However jobsy and fmt wrap an error, a span has the type of the one within.
func TestASpanKeepsTheTypeOfTheError(t *testing.T) {
	t.Parallel()
	real := &apiError{503}
	for want, err := range map[string]error{
		"*telemetry_test.apiError":  real,
		"*telemetry_test.apiError ": jobsy.RetryAfter(time.Minute, fmt.Errorf("send: %w", jobsy.SkipRetry(real))),
		"*errors.errorString":       jobsy.SkipRetry(errDisk),
		"*fmt.wrapErrors":           fmt.Errorf("%w and %w", real, errDisk),
		"*errors.joinError":         errors.Join(real, errDisk),
	} {
		want = strings.TrimSpace(want)
		rec, opts := record(t)
		ended{err: err}.attempt(t, telemetry.Middleware(opts), task.New("email", nil))
		refuse := func(jobsy.Enqueue) jobsy.Enqueue {
			return func(context.Context, ...*task.Task) error { return err }
		}
		enqueuing := traced(opts)
		enqueuing.Use = append(enqueuing.Use, refuse)
		if got := jobsy.NewClient(newMemory(t), enqueuing).Enqueue(t.Context(), task.New("email", nil)); got != err {
			t.Errorf("Enqueue returned %v, want %v", got, err)
		}
		for _, name := range []string{"process default", "enqueue default"} {
			span := rec.span(t, name)
			has(t, span, map[attribute.Key]any{"error.type": want})
			if len(span.Events) != 1 || span.Events[0].Name != "exception" {
				t.Fatalf("%s: the events are %v, want an exception", name, span.Events)
			}
			event := attribute.NewSet(span.Events[0].Attributes...)
			kind, _ := event.Value("exception.type")
			text, _ := event.Value("exception.message")
			if kind.AsString() != want || text.AsString() != err.Error() {
				t.Errorf("%s: the event tells of %q: %q, want %s: %v", name, kind.AsString(), text.AsString(), want, err)
			}
		}
	}
}

// A panic of what is called within is told of, and goes on.
func TestAPanicWhileEnqueuingIsRecorded(t *testing.T) {
	t.Parallel()
	rec, opts := record(t)
	enqueuing := traced(opts)
	enqueuing.Use = append(enqueuing.Use, func(jobsy.Enqueue) jobsy.Enqueue {
		return func(context.Context, ...*task.Task) error { panic("oh no") }
	})
	err := jobsy.NewClient(newMemory(t), enqueuing).Enqueue(t.Context(), task.New("email", nil))
	if err == nil || err.Error() != "panic: oh no" {
		t.Errorf("Enqueue returned %v, want the panic", err)
	}
	has(t, rec.span(t, "enqueue default"), map[attribute.Key]any{"error.type": "panic"})
}

func TestWithoutOptionsNothingIsWritten(t *testing.T) {
	t.Parallel()
	client := jobsy.NewClient(newMemory(t), traced(nil))
	one := task.New("email", nil)
	if err := client.Enqueue(t.Context(), one); err != nil || one.Headers != nil {
		t.Errorf("Enqueue returned %v, with headers %v", err, one.Headers)
	}
	if err := client.Enqueue(t.Context()); err != nil {
		t.Errorf("Enqueue of nothing returned %v", err)
	}
}
