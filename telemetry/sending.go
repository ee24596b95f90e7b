package telemetry

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

// sending is one call of Enqueue.
type sending struct {
	tools *instruments
	tasks []*task.Task
	span  trace.Span
	began time.Time
}

// send begins the span of a call, and sees that each task carries a context. By
// the conventions the span is that of a producer if the task carries its
// context, and else that of a client.
func (i *instruments) send(ctx context.Context, tasks []*task.Task) (context.Context, *sending) {
	s := &sending{tools: i, tasks: tasks, began: time.Now()}
	attrs, kind := operation(opEnqueue, semconv.MessagingOperationTypeSend), trace.SpanKindClient
	name, links := opEnqueue, i.origins(ctx, tasks)
	if queue := commonQueue(tasks); queue != "" {
		name += " " + queue
	}
	own := len(tasks) == 1 && len(links) == 0
	if own {
		kind = trace.SpanKindProducer
	}
	ctx, s.span = i.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithLinks(links...),
		trace.WithAttributes(append(attrs, aboutTasks(tasks)...)...))
	if own {
		i.inject(ctx, tasks[0])
	}
	return ctx, s
}

// origins returns links to what created the tasks. For each of several that is a
// span of its own, unless its headers name one.
func (i *instruments) origins(ctx context.Context, tasks []*task.Task) (links []trace.Link) {
	for _, t := range tasks {
		origin := i.origin(t)
		if !origin.IsValid() && len(tasks) > 1 {
			origin = i.create(ctx, t)
		}
		if origin.IsValid() {
			links = append(links, trace.Link{SpanContext: origin})
		}
	}
	return links
}

func (i *instruments) create(ctx context.Context, t *task.Task) trace.SpanContext {
	attrs := append(operation(opCreate, semconv.MessagingOperationTypeCreate), aboutTask(t)...)
	ctx, span := i.tracer.Start(ctx, opCreate+" "+queueOf(t), trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(attrs...))
	defer span.End()
	i.inject(ctx, t)
	return span.SpanContext()
}

// aboutTasks returns what the span of a call tells of its tasks.
func aboutTasks(tasks []*task.Task) []attribute.KeyValue {
	if len(tasks) == 1 {
		return aboutTask(tasks[0])
	}
	attrs := []attribute.KeyValue{semconv.MessagingBatchMessageCount(len(tasks))}
	if queue := commonQueue(tasks); queue != "" {
		attrs = append(attrs, semconv.MessagingDestinationName(queue))
	}
	return attrs
}

// commonQueue returns the queue of all the tasks, or "" if they have several.
func commonQueue(tasks []*task.Task) (queue string) {
	for _, t := range tasks {
		switch {
		case queue == "":
			queue = queueOf(t)
		case queue != queueOf(t):
			return ""
		}
	}
	return queue
}

// end records what became of the call.
func (s *sending) end(ctx context.Context, err error) {
	defer s.span.End()
	if len(s.tasks) == 1 {
		s.span.SetAttributes(semconv.MessagingMessageID(s.tasks[0].ID.String()))
	}
	if err != nil {
		fail(s.span, err)
	}
	s.measure(ctx, err)
}

func (s *sending) measure(ctx context.Context, err error) {
	attrs := []attribute.KeyValue{semconv.MessagingOperationTypeSend}
	if queue := commonQueue(s.tasks); queue != "" {
		attrs = append(attrs, semconv.MessagingDestinationName(queue))
	}
	if err != nil {
		attrs = append(attrs, errorType(err))
	}
	s.tools.calls.Record(ctx, time.Since(s.began).Seconds(), opEnqueue, system, attrs...)
	for kind, n := range s.count(err) {
		attrs := []attribute.KeyValue{semconv.MessagingDestinationName(kind.queue)}
		if kind.failure.Valid() {
			attrs = append(attrs, kind.failure)
		}
		s.tools.sent.Add(ctx, n, opEnqueue, system, attrs...)
	}
}

// lot is what tasks of one call have in common.
type lot struct {
	queue   string
	failure attribute.KeyValue // not valid: none
}

func (s *sending) count(err error) map[lot]int64 {
	counts := make(map[lot]int64)
	for n, t := range s.tasks {
		one, failure := lot{queue: queueOf(t)}, failureOf(err, n)
		if failure == nil && t.Status == "" {
			continue // a tick that was taken elsewhere
		}
		if failure != nil {
			one.failure = errorType(failure)
		}
		counts[one]++
	}
	return counts
}

// failureOf returns what the error of a call means for its nth task.
func failureOf(err error, n int) error {
	var batch *jobsy.BatchError
	if errors.As(err, &batch) && n < len(batch.Errs) {
		return batch.Errs[n]
	}
	return err
}
