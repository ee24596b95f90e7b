package task_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

// What Again keeps is what a producer sets, and nothing else: also of a field that
// somebody adds.
func TestAgain(t *testing.T) {
	t.Parallel()
	full := filled(t)
	again := full.Again()
	if again.ID == full.ID || again.ID == uuid.Nil || again.ID.Version() != 7 {
		t.Errorf("ID %s, want a new UUIDv7 instead of %s", again.ID, full.ID)
	}
	kept := []string{
		"Name", "Payload", "Headers", "Queue", "Priority", "MaxRetry", "Timeout", "Deadline", "Retention", "Unique", "Gather",
	}
	was, is := reflect.ValueOf(full).Elem(), reflect.ValueOf(again).Elem()
	for i := range was.NumField() {
		field := was.Type().Field(i)
		switch {
		case !field.IsExported() || field.Name == "ID":
		case slices.Contains(kept, field.Name):
			if !reflect.DeepEqual(was.Field(i).Interface(), is.Field(i).Interface()) {
				t.Errorf("%s is %v, want %v", field.Name, is.Field(i), was.Field(i))
			}
		case !is.Field(i).IsZero():
			t.Errorf("%s is %v, want nothing: it is not the producer's", field.Name, is.Field(i))
		}
	}
	again.Payload[0], again.Headers["a"] = 'X', "X"
	if full.Payload[0] == 'X' || full.Headers["a"] == "X" {
		t.Error("the copy shares memory with the task")
	}
}

// filled returns a task all of whose fields are set.
func filled(t *testing.T) *task.Task {
	now := time.Now()
	full := &task.Task{
		ID: uuid.New(), Name: "name", Payload: []byte("payload"), Headers: map[string]string{"a": "b"}, Queue: "queue",
		Priority: 7, RunAt: now, MaxRetry: 3, Timeout: time.Second, Deadline: now.Add(time.Hour), Retention: time.Minute,
		Unique: task.Unique{Mode: task.UntilEnded, Key: "key"}, Gather: task.Gather{Quiet: 1},
		Status: task.StatusRunning, Attempt: 2, LastError: "error", Result: []byte("result"), EnqueuedAt: now, StartedAt: now,
		EndedAt: now, Deliveries: 3, Snoozes: 1, Excused: 1, Token: 4, Worker: "worker", Progress: task.Progress{Fraction: 1}, History: make([]task.Run, 1),
		Members: []*task.Task{task.New("member", nil)},
	}
	for v, i := reflect.ValueOf(full).Elem(), 0; i < v.NumField(); i++ {
		if v.Type().Field(i).IsExported() && v.Field(i).IsZero() {
			t.Fatalf("the test does not set %s", v.Type().Field(i).Name)
		}
	}
	return full
}

func TestNamedID(t *testing.T) {
	t.Parallel()
	namespace := uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/nex-gen-tech/jobsy"))
	for _, name := range []string{"invoice-42", "invoice-43", ""} {
		if id := task.NamedID(name); id != uuid.NewSHA1(namespace, []byte(name)) || id.Version() != 5 {
			t.Errorf("the ID of %q is %s", name, id)
		}
	}
}

func ExampleNamedID() {
	t := task.New("invoice:send", []byte(`{"invoice":42}`))
	t.ID = task.NamedID("invoice-42") // a second one is task.ErrDuplicate
	t.Retention = 24 * time.Hour      // for so long after it was sent
	fmt.Println(t.ID)
	// Output: ccc6e68c-5222-59c5-bbd4-221e7f88d5eb
}

func ExampleTask_Again() {
	template := task.New("report:build", []byte(`{"month":"May"}`))
	first, second := template.Again(), template.Again()
	fmt.Println(first.ID != second.ID, string(second.Payload))
	// Output: true {"month":"May"}
}
