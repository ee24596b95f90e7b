package faults

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// Handlers that misbehave in their process do not keep the others from running.
func TestHandlersMisbehave(t *testing.T) {
	t.Parallel()
	s := newStage(t, redistest.Start(t).URL())
	s.check.Concurrency = 10
	s.start(nil)
	bad := map[string]*task.Task{}
	for _, how := range []string{"panic", "goexit", "leak", "deaf"} {
		for range 5 {
			one := newTask(work{Does: how})
			one.MaxRetry, one.Timeout = 2, time.Second
			bad[how] = one
			if err := s.client.Enqueue(t.Context(), one); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.enqueue(500, work{Millis: 1})
	s.drain(60 * time.Second)
	for how, want := range map[string]task.Status{
		"panic": task.StatusFailed, "goexit": task.StatusFailed, "leak": task.StatusCompleted, "deaf": task.StatusCompleted,
	} {
		got, err := s.broker.Task(t.Context(), queue, bad[how].ID)
		if err != nil || got.Status != want {
			t.Errorf("a handler that does %q: %+v, %v, want %s", how, got, err, want)
		}
	}
	s.finish()
}

// A task that ends each process that runs it ends as failed after so many
// deliveries, and the others are done, also those that shared a process with it.
func TestHandlersExit(t *testing.T) {
	t.Parallel()
	for _, how := range []struct {
		name, always, once string
		memory             int64
	}{
		{name: "exit", always: "exit", once: "exit once"},
		{name: "use all memory", always: "hoard", once: "hoard once", memory: 256 << 20},
	} {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			if how.memory > 0 && !memoryHasLimits {
				t.Skip("a process cannot be given a limit of its memory here")
			}
			handlersEndTheirProcess(t, how.always, how.once, how.memory)
		})
	}
}

func handlersEndTheirProcess(t *testing.T, always, sometimes string, memory int64) {
	s := newStage(t, redistest.Start(t).URL())
	deadly, once := newTask(work{Does: always}), newTask(work{Does: sometimes})
	deaths := 0
	quick := func(to *settings) { to.Lease, to.MaxDeliveries, to.Memory = time.Second, 3, memory }
	s.check.MaxDeliveries = 3
	w := s.start(quick)
	deadly.Priority = task.HighPriority // so that it starts with others beside it
	for _, one := range []*task.Task{deadly, once} {
		if err := s.client.Enqueue(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		s.enqueue(15, work{Millis: 100})
		s.until("it to end", 60*time.Second, func(ctx context.Context) bool {
			if !w.alive() { // as a supervisor would
				deaths++
				w = s.start(quick)
			}
			return s.left(ctx) == 0
		})
	}
	s.enqueue(50, work{Millis: 5})
	s.drain(10 * time.Second)
	if counts := s.counts(t.Context()); counts[task.StatusFailed] != 1 || counts[task.StatusCompleted] != 81 {
		t.Errorf("P7: %v, want all but one completed: only that one ends its worker", counts)
	}
	got, err := s.broker.Task(t.Context(), queue, deadly.ID)
	if err != nil || got.Status != task.StatusFailed {
		t.Errorf("P7: the task that ends its worker: %+v, %v, want it failed", got, err)
	}
	if got, err := s.broker.Task(t.Context(), queue, once.ID); err != nil || got.Status != task.StatusCompleted {
		t.Errorf("P7: the task that ended one worker: %+v, %v, want it completed", got, err)
	}
	if deaths < 2 || deaths > 4 {
		t.Errorf("P7: %d workers died, want 4 at most, three deliveries and one, and one of each task at least", deaths)
	}
	s.finish()
}

// A worker is told to stop while a handler ignores its context: it goes all the
// same, says so, and the task runs elsewhere.
func TestHandlerDeafAtShutdown(t *testing.T) {
	t.Parallel()
	s := newStage(t, redistest.Start(t).URL())
	first := s.start(func(to *settings) { to.Shutdown, to.Lease = 100*time.Millisecond, 30*time.Second })
	deaf := newTask(work{Does: "deaf"})
	if err := s.client.Enqueue(t.Context(), deaf); err != nil {
		t.Fatal(err)
	}
	s.until("its run", 10*time.Second, func(context.Context) bool { return s.runs(first) == 1 })
	if err := first.stop(t, 10*time.Second); err == nil {
		t.Error("a worker that left a handler behind ended with 0, want it to say so")
	}
	s.start(nil)
	s.drain(10 * time.Second)
	if got, err := s.broker.Task(t.Context(), queue, deaf.ID); err != nil || got.Status != task.StatusCompleted {
		t.Errorf("the task of the handler left behind: %+v, %v, want it completed", got, err)
	}
	s.finish()
}

// Payloads and names at the limits are served, or refused with what is wrong.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := newStage(t, redistest.Start(t).URL())
	for _, c := range []struct {
		field  string // that is refused; "": none
		change func(*task.Task)
	}{
		{"", func(t *task.Task) { t.Payload = nil }},
		{"", func(t *task.Task) { t.Payload = make([]byte, 1<<20) }},
		{"Payload", func(t *task.Task) { t.Payload = make([]byte, 1<<20+1) }},
		{"Queue", func(t *task.Task) { t.Queue = "a\x00b" }},
		{"Queue", func(t *task.Task) { t.Queue = "{tag}" }},
		{"Queue", func(t *task.Task) { t.Queue = "\xff\xfe" }},
		{"Name", func(t *task.Task) { t.Name = "" }},
		{"", func(t *task.Task) { t.Name = "любое имя/with spaces and <b>" }},
	} {
		one := task.New("nobody", []byte("{}"))
		c.change(one)
		err := s.client.Enqueue(t.Context(), one)
		var field *task.FieldError
		switch {
		case c.field == "" && err != nil:
			t.Errorf("Enqueue of %q in %q with %d bytes: %v, want it taken", one.Name, one.Queue, len(one.Payload), err)
		case c.field != "" && (!errors.As(err, &field) || field.Field != c.field):
			t.Errorf("Enqueue of %q in %q with %d bytes: %v, want a FieldError of %s", one.Name, one.Queue, len(one.Payload), err, c.field)
		}
	}
}
