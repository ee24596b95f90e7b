package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Middleware gives each attempt a span, and records it in the metrics
// messaging.process.duration and messaging.client.consumed.messages, and how long
// the task had been due in jobsy.task.wait.duration. Nil opts are the defaults. Add it before others, to have what they do in the span.
//
// The span's parent is the one that enqueued the task, so that the work for one
// request is one trace however often it is retried, and what its Headers carry
// beside it, such as baggage, is in the handler's context. The tasks gathered
// into one are linked to. A task without a context begins a trace.
//
// The span has failed if the handler returned an error, panicked, or lost its
// lease: an event tells the type of the error, the one within what packages fmt
// and jobsy wrap around it. A task that was snoozed, cancelled, or handed back by a server that
// stops has not failed; jobsy.task.outcome tells these apart.
func Middleware(opts *Options) jobsy.Middleware {
	tools := newInstruments(opts)
	return func(next jobsy.Handler) jobsy.Handler {
		return func(ctx context.Context, t *task.Task) error {
			ctx, run := tools.process(ctx, t)
			err := errUnwound // what is left by a panic, which goes on
			defer func() { run.end(ctx, err) }()
			err = next(ctx, t)
			return err
		}
	}
}

// processing is one attempt.
type processing struct {
	tools *instruments
	span  trace.Span
	queue string
	began time.Time
}

func (i *instruments) process(ctx context.Context, t *task.Task) (context.Context, *processing) {
	p := &processing{tools: i, queue: queueOf(t), began: time.Now()}
	attrs := append(operation(opProcess, semconv.MessagingOperationTypeProcess), aboutTask(t)...)
	attrs = append(attrs,
		semconv.MessagingMessageID(t.ID.String()), semconv.MessagingClientID(t.Worker),
		attemptKey.Int(t.Attempt), deliveriesKey.Int(int(t.Deliveries)))
	if len(t.Members) > 0 {
		attrs = append(attrs, semconv.MessagingBatchMessageCount(1+len(t.Members)))
	}
	ctx = i.extract(ctx, t)
	ctx, p.span = i.tracer.Start(ctx, opProcess+" "+p.queue,
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attrs...), trace.WithLinks(i.linksOf(t)...))
	if waited, ok := broker.Waited(t); ok {
		i.waits.Record(ctx, waited.Seconds(), metric.WithAttributes(
			semconv.MessagingSystemKey.String(system), semconv.MessagingDestinationName(p.queue)))
	}
	return ctx, p
}

// linksOf returns links to what created the task and its members. By the
// conventions there is a link, whether or not there is a parent as well.
func (i *instruments) linksOf(t *task.Task) (links []trace.Link) {
	for _, one := range append([]*task.Task{t}, t.Members...) {
		if origin := i.origin(one); origin.IsValid() {
			links = append(links, trace.Link{SpanContext: origin})
		}
	}
	return links
}

func (p *processing) end(ctx context.Context, err error) {
	defer p.span.End()
	how := outcomeOf(ctx, err)
	p.span.SetAttributes(outcomeKey.String(string(how)))
	if how == lost {
		err = task.ErrLeaseLost
	}
	attrs := []attribute.KeyValue{semconv.MessagingDestinationName(p.queue)}
	if how == failed || how == lost {
		fail(p.span, err)
		attrs = append(attrs, errorType(err))
	}
	p.tools.runs.Record(ctx, time.Since(p.began).Seconds(), opProcess, system, attrs...)
	p.tools.consumed.Add(ctx, 1, opProcess, system, attrs...)
}
