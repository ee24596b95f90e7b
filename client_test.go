package jobsy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

func TestClientWritesDefaults(t *testing.T) {
	t.Parallel()
	work := &task.Task{Name: "work"}
	if err := jobsy.NewClient(memory.New(nil), nil).Enqueue(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	if work.ID == uuid.Nil || work.Queue != "default" || work.Priority != task.MediumPriority || work.MaxRetry != 25 ||
		work.Timeout != 30*time.Minute || work.Status != task.StatusPending || work.EnqueuedAt.IsZero() {
		t.Errorf("task after Enqueue: %+v", work)
	}
}

func TestClientRefusesBadInputWhole(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(*task.Task){
		"Name must not be empty":                                           func(t *task.Task) { t.Name = "" },
		`Name must not contain control characters, got "a\nb"`:             func(t *task.Task) { t.Name = "a\nb" },
		"Name must be at most 255 bytes, got 256":                          func(t *task.Task) { t.Name = strings.Repeat("x", 256) },
		`Name must be valid UTF-8, got "\xff"`:                             func(t *task.Task) { t.Name = "\xff" },
		"Queue must be at most 128 bytes, got 129":                         func(t *task.Task) { t.Queue = strings.Repeat("q", 129) },
		`Queue must not contain braces, got "a{b}"`:                        func(t *task.Task) { t.Queue = "a{b}" },
		"Priority must be 1 to 255, or 0 for the default, got 256":         func(t *task.Task) { t.Priority = 256 },
		"Priority must be 1 to 255, or 0 for the default, got -1":          func(t *task.Task) { t.Priority = -1 },
		"Timeout must be 0 for the default, -1 for none, or positive, got": func(t *task.Task) { t.Timeout = -2 },
		"MaxRetry must be 0 for the default, -1 for none":                  func(t *task.Task) { t.MaxRetry = -2 },
		"Retention must not be negative, got -1s":                          func(t *task.Task) { t.Retention = -time.Second },
		"Payload must be at most 1048576 bytes, got 1048577":               func(t *task.Task) { t.Payload = make([]byte, 1<<20+1) },
		"RunAt must be between 1970 and 2262":                              func(t *task.Task) { t.RunAt = time.Unix(-1, 0) },
		"Headers must not have an empty key":                               func(t *task.Task) { t.Headers = map[string]string{"": ""} },
	} {
		b := memory.New(nil)
		bad, good := task.New("bad", nil), task.New("good", nil)
		spoil(bad)
		err := jobsy.NewClient(b, nil).Enqueue(t.Context(), good, bad)
		if err == nil || !strings.Contains(err.Error(), "task 2 of 2: "+want) || !errors.Is(err, task.ErrInvalid) {
			t.Errorf("P10: error %v, want %q", err, want)
		}
		if queues, _ := b.Queues(t.Context()); len(queues) != 0 {
			t.Errorf("P10: %s: something was written", want)
		}
	}
}

func TestClientRefusesNil(t *testing.T) {
	t.Parallel()
	if err := jobsy.NewClient(memory.New(nil), nil).Enqueue(t.Context(), nil); err == nil || err.Error() != "task must not be nil" {
		t.Errorf("nil task: %v", err)
	}
	if err := jobsy.NewClient(nil, nil).Enqueue(t.Context(), task.New("a", nil)); err == nil || err.Error() != "broker must not be nil" {
		t.Errorf("nil broker: %v", err)
	}
	opts := &jobsy.ClientOptions{MaxPayload: -1}
	if err := jobsy.NewClient(memory.New(nil), opts).Enqueue(t.Context(), task.New("a", nil)); !errors.Is(err, task.ErrInvalid) {
		t.Errorf("negative MaxPayload: %v", err)
	}
	if err := jobsy.NewClient(memory.New(nil), nil).Enqueue(t.Context()); err != nil {
		t.Errorf("no tasks: %v", err)
	}
}

func TestClientSurfacesAFailedEncoding(t *testing.T) {
	t.Parallel()
	kind := task.Kind[chan int]{Name: "channel"}
	err := jobsy.NewClient(memory.New(nil), nil).Enqueue(t.Context(), kind.New(make(chan int)))
	if err == nil || !strings.Contains(err.Error(), "encode arguments of channel") {
		t.Errorf("error %v", err)
	}
}

func TestClientReportsDuplicates(t *testing.T) {
	t.Parallel()
	client := jobsy.NewClient(memory.New(nil), nil)
	first := task.New("work", []byte("one"))
	if err := client.Enqueue(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := client.Enqueue(t.Context(), first); err != nil {
		t.Errorf("P6: enqueuing the identical task again: %v", err)
	}
	other := task.New("work", []byte("two"))
	other.ID = first.ID
	err := client.Enqueue(t.Context(), other)
	var duplicate *task.DuplicateError
	if !errors.Is(err, task.ErrDuplicate) || !errors.As(err, &duplicate) || duplicate.ID != first.ID {
		t.Errorf("another task with the same ID: %v", err)
	}
	fresh := task.New("work", nil)
	err = client.Enqueue(t.Context(), fresh, other)
	var batch *jobsy.BatchError
	if !errors.As(err, &batch) || batch.Errs[0] != nil || batch.Errs[1] == nil || !errors.Is(err, task.ErrDuplicate) {
		t.Errorf("batch: %v", err)
	}
	if want := "1 of 2 tasks gave an error; task 2: "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("batch: %v, want %s…", err, want)
	}
}

func TestClientSplitsLargeBatches(t *testing.T) {
	t.Parallel()
	b := memory.New(nil)
	tasks := make([]*task.Task, 2*broker.MaxBatch+1)
	for i := range tasks {
		tasks[i] = task.New("work", nil)
	}
	if err := jobsy.NewClient(b, nil).Enqueue(t.Context(), tasks...); err != nil {
		t.Fatal(err)
	}
	if counts, _ := b.Counts(t.Context(), "default"); counts[task.StatusPending] != len(tasks) {
		t.Errorf("counts %v, want %d pending", counts, len(tasks))
	}
}

// More than one batch, in two queues and with two retentions.
func TestClientSplitsWhatItRevises(t *testing.T) {
	t.Parallel()
	b := memory.New(nil)
	client := jobsy.NewClient(b, nil)
	tasks := make([]*task.Task, 2*broker.MaxBatch+4)
	for i := range tasks {
		tasks[i] = task.New("work", nil)
		tasks[i].Queue = []string{"a", "b"}[i%2]
		tasks[i].Retention = time.Duration(i%3) * 30 * 24 * time.Hour
	}
	if err := errors.Join(client.Enqueue(t.Context(), tasks...), client.Cancel(t.Context(), tasks...)); err != nil {
		t.Fatal(err)
	}
	for _, queue := range []string{"a", "b"} {
		if counts, _ := b.Counts(t.Context(), queue); counts[task.StatusCancelled] != len(tasks)/2 {
			t.Errorf("queue %s has %v, want %d cancelled", queue, counts, len(tasks)/2)
		}
	}
	tasks[7] = task.New("work", nil)
	err := client.Delete(t.Context(), tasks...)
	var batch *jobsy.BatchError
	if !errors.As(err, &batch) || len(batch.Errs) != len(tasks) || len(batch.Unwrap()) != 1 || !errors.Is(batch.Errs[7], task.ErrNotFound) {
		t.Errorf("deleting with an unknown one among them: %v", err)
	}
	if want := fmt.Sprintf("1 of %d tasks gave an error; task 8: task not found", len(tasks)); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
