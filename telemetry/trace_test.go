package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
	"github.com/nex-gen-tech/jobsy/telemetry"
)

// workerURL has the broker of the process that runs the tasks.
const workerURL = "JOBSY_TELEMETRY_WORKER"

// seen is what one process tells the other of a span.
type seen struct{ Name, Trace, ID, Parent, Kind string }

func seenOf(span tracetest.SpanStub) seen {
	return seen{
		span.Name, span.SpanContext.TraceID().String(), span.SpanContext.SpanID().String(),
		span.Parent.SpanID().String(), span.SpanKind.String(),
	}
}

func open(t *testing.T, url string) *redis.Broker {
	t.Helper()
	b, err := redis.Open(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

// TestOneTraceFromARequestToAnotherProcess is run again, in another process, as
// the worker.
func TestOneTraceFromARequestToAnotherProcess(t *testing.T) {
	t.Parallel()
	if url := os.Getenv(workerURL); url != "" {
		work(t, url)
		return
	}
	url := "redis://" + redistest.Start(t).Addr()
	b, opts := record(t)
	client := jobsy.NewClient(open(t, url), traced(opts))
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := b.tracing.Tracer("site").Start(r.Context(), "POST /letters")
		defer span.End()
		if err := client.Enqueue(ctx, task.New("letter", nil)); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	}))
	defer site.Close()
	answer, err := http.Post(site.URL+"/letters", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("the site answered %s", answer.Status)
	}

	run, inner := elsewhere(t, url)
	site.Close() // waits for the handler, and so for its span
	request, sent := seenOf(b.span(t, "POST /letters")), seenOf(b.span(t, "enqueue default"))
	for _, one := range []seen{sent, run, inner} {
		if one.Trace != request.Trace {
			t.Errorf("span %q is in trace %s, want %s", one.Name, one.Trace, request.Trace)
		}
	}
	if sent.Parent != request.ID || run.Parent != sent.ID || inner.Parent != run.ID {
		t.Errorf("the spans are no chain: %+v", []seen{request, sent, run, inner})
	}
	if sent.Kind != "producer" || run.Kind != "consumer" {
		t.Errorf("the spans are of kind %s and %s", sent.Kind, run.Kind)
	}
}

// elsewhere runs the task in another process, and returns the span of the
// attempt and the one within.
func elsewhere(t *testing.T, url string) (run, inner seen) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	worker := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestOneTraceFromARequestToAnotherProcess$")
	worker.Env = append(os.Environ(), workerURL+"="+url)
	worker.ExtraFiles = []*os.File{writer}
	worker.Stdout, worker.Stderr = t.Output(), t.Output()
	err = worker.Start()
	writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	told, err := io.ReadAll(reader)
	if err = errors.Join(err, worker.Wait()); err != nil {
		t.Fatalf("the worker: %v", err)
	}
	var spans [2]seen
	if err := json.Unmarshal(told, &spans); err != nil {
		t.Fatalf("the worker told %q: %v", told, err)
	}
	return spans[0], spans[1]
}

// work runs one task, and tells of its spans.
func work(t *testing.T, url string) {
	b, opts := record(t)
	server := jobsy.NewServer(open(t, url), nil)
	server.Use(telemetry.Middleware(opts))
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	server.HandleFunc("letter", func(ctx context.Context, _ *task.Task) error {
		defer stop()
		_, inner := b.tracing.Tracer("worker").Start(ctx, "write the letter")
		inner.End()
		return nil
	})
	if err := server.Run(ctx); err != nil {
		t.Fatal(err)
	}
	told := os.NewFile(3, "told")
	defer told.Close()
	spans := [2]seen{seenOf(b.span(t, "process default")), seenOf(b.span(t, "write the letter"))}
	if err := json.NewEncoder(told).Encode(spans); err != nil {
		t.Fatal(err)
	}
}
