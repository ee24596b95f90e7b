package task_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

func TestFieldError(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("enqueue: %w", &task.FieldError{Field: "Priority", Rule: "must be even", Value: "3"})
	if !errors.Is(err, task.ErrInvalid) || errors.Is(err, task.ErrDuplicate) {
		t.Errorf("%v is not ErrInvalid, or is ErrDuplicate", err)
	}
	var field *task.FieldError
	if !errors.As(err, &field) || field.Field != "Priority" {
		t.Errorf("%v is not a FieldError of Priority", err)
	}
	if want := "enqueue: Priority must be even, got 3"; err.Error() != want {
		t.Errorf("message is %q, want %q", err, want)
	}
	if want, bare := "Name must be there", (&task.FieldError{Field: "Name", Rule: "must be there"}); bare.Error() != want {
		t.Errorf("message is %q, want %q", bare, want)
	}
}

func TestDuplicateError(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("0192f0c1-0000-7000-8000-00000000002a")
	err := fmt.Errorf("enqueue: %w", &task.DuplicateError{ID: id})
	if !errors.Is(err, task.ErrDuplicate) || errors.Is(err, task.ErrInvalid) {
		t.Errorf("%v is not ErrDuplicate, or is ErrInvalid", err)
	}
	var duplicate *task.DuplicateError
	if !errors.As(err, &duplicate) || duplicate.ID != id {
		t.Errorf("%v is not a DuplicateError of %v", err, id)
	}
	if want := "enqueue: ID must be unique in its queue: task 0192f0c1-0000-7000-8000-00000000002a stands already"; err.Error() != want {
		t.Errorf("message is %q, want %q", err, want)
	}
}

func TestSentinelsAreDistinct(t *testing.T) {
	t.Parallel()
	all := []error{
		task.ErrInvalid, task.ErrDuplicate, task.ErrUnavailable, task.ErrClosed, task.ErrNotFound, task.ErrRecord,
		task.ErrLeaseLost, task.ErrCancelled, task.ErrTimeout, task.ErrDeadline, task.ErrShutdown,
	}
	for i, a := range all {
		for j, b := range all {
			if (i == j) != errors.Is(a, b) {
				t.Errorf("errors.Is(%q, %q) is %t", a, b, i != j)
			}
		}
	}
}
