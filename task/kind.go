package task

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// Kind declares a task once, for both ends: its name, the type of its
// arguments, and its defaults. Producers call New; jobsy.Handle registers a
// handler for it. Arguments travel as JSON. A Kind is a plain value, is
// usually a package variable, and may be used concurrently.
//
//	var Welcome = task.Kind[User]{Name: "email:welcome", MaxRetry: 5}
//
// A zero field leaves the Task's own default.
type Kind[Args any] struct {
	Name      string
	Queue     string
	Priority  Priority
	MaxRetry  int
	Timeout   time.Duration
	Retention time.Duration
	Unique    Unique
	Gather    Gather
	// Backoff says how long a task of this kind waits after a failed attempt.
	// It does not travel: the server that runs the task asks its own. Default:
	// that of the server.
	Backoff Backoff
}

// New returns a task of this kind. Arguments that cannot be encoded surface
// when the task is enqueued, and in its Err.
func (k Kind[Args]) New(args Args) *Task {
	payload, err := json.Marshal(args)
	t := New(k.Name, payload)
	t.Queue, t.Priority = k.Queue, k.Priority
	t.MaxRetry, t.Timeout, t.Retention = k.MaxRetry, k.Timeout, k.Retention
	t.Unique, t.Gather = k.Unique, k.Gather
	if err != nil {
		t.rare = &rare{err: fmt.Errorf("encode arguments of %s: %w", k.Name, err)}
	}
	return t
}

// Args decodes the payload of a task of this kind. Where Args has nothing to
// decode into, such as struct{}, the payload may be empty.
func (k Kind[Args]) Args(t *Task) (Args, error) {
	var args Args
	if len(t.Payload) == 0 && reflect.TypeFor[Args]().Size() == 0 {
		return args, nil
	}
	if err := json.Unmarshal(t.Payload, &args); err != nil {
		return args, fmt.Errorf("decode arguments of %s: %w", k.Name, err)
	}
	return args, nil
}
