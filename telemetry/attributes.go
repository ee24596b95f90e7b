package telemetry

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

// The names of the operations.
const (
	opCreate  = "create"
	opEnqueue = "enqueue"
	opProcess = "process"
)

// What the conventions have no attribute for.
const (
	nameKey       = attribute.Key("jobsy.task.name")
	attemptKey    = attribute.Key("jobsy.task.attempt")
	deliveriesKey = attribute.Key("jobsy.task.deliveries")
	outcomeKey    = attribute.Key("jobsy.task.outcome")
)

func operation(name string, kind attribute.KeyValue) []attribute.KeyValue {
	return []attribute.KeyValue{semconv.MessagingSystemKey.String(system), semconv.MessagingOperationName(name), kind}
}

// aboutTask returns what a span tells of the one task that it is about.
func aboutTask(t *task.Task) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingDestinationName(queueOf(t)),
		semconv.MessagingMessageBodySize(len(t.Payload)),
		nameKey.String(t.Name),
	}
}

func queueOf(t *task.Task) string { return cmp.Or(t.Queue, task.DefaultQueue) }

// fail marks a span as one of an operation that went wrong, and tells of the
// error in an event, by the conventions for exceptions.
func fail(span trace.Span, err error) {
	text := err.Error()
	span.SetAttributes(errorType(err))
	span.SetStatus(codes.Error, text)
	span.AddEvent("exception", trace.WithAttributes(semconv.ExceptionType(typeOf(err)), semconv.ExceptionMessage(text)))
}

var errUnwound = errors.New("it panicked or called runtime.Goexit")

// errorTypes names the errors that users branch on.
var errorTypes = []struct {
	err  error
	name string
}{
	{task.ErrDuplicate, "duplicate"},
	{task.ErrInvalid, "invalid"},
	{task.ErrUnavailable, "unavailable"},
	{task.ErrClosed, "closed"},
	{task.ErrLeaseLost, "lease_lost"},
	{task.ErrTimeout, "timeout"},
	{task.ErrDeadline, "deadline"},
	{context.DeadlineExceeded, "context_deadline"},
	{context.Canceled, "context_canceled"},
	{errUnwound, "panic"},
}

// errorType returns the attribute of an error: a name of a few, or its Go type.
func errorType(err error) attribute.KeyValue {
	for _, one := range errorTypes {
		if errors.Is(err, one.err) {
			return semconv.ErrorTypeKey.String(one.name)
		}
	}
	return semconv.ErrorTypeKey.String(typeOf(err))
}

// typeOf returns the Go type of an error, of the one within if packages fmt and
// jobsy have only wrapped it.
func typeOf(err error) string {
	for wraps(err) {
		within := errors.Unwrap(err)
		if within == nil {
			break
		}
		err = within
	}
	return reflect.TypeOf(err).String()
}

func wraps(err error) bool {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	root := reflect.TypeFor[jobsy.BatchError]().PkgPath()
	return t.PkgPath() == "fmt" || t.PkgPath() == root || strings.HasPrefix(t.PkgPath(), root+"/internal/")
}
