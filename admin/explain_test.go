package admin_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// because checks why a task does not run, and returns the first reason.
func (f *feature) because(t *task.Task, want ...admin.ReasonCode) admin.Reason {
	f.Helper()
	e, err := f.admin.Explain(f.Context(), t)
	f.must(err)
	var got []admin.ReasonCode
	for _, r := range e.Reasons {
		got = append(got, r.Code)
		if r.Text == "" || r.Hint == "" && r.Code != admin.ReasonNext {
			f.Errorf("a reason without words: %+v", r)
		}
	}
	if !slices.Equal(got, want) {
		f.Fatalf("it does not run because of %v, want %v: %+v", got, want, e.Reasons)
	}
	return e.Reasons[0]
}

// beats makes a server known that does nothing.
func (f *feature) beats(name string, change func(*broker.ServerInfo)) {
	f.Helper()
	s := broker.ServerInfo{Name: name, Queues: map[string]int{f.queue: 1}, Concurrency: 2, Handlers: []string{"work"}}
	if change != nil {
		change(&s)
	}
	f.must(f.broker.(broker.Monitor).Beat(f.Context(), s, time.Minute))
}

func explainWaiting(f *feature) {
	f.because(f.task("nowhere"), admin.ReasonUnknown)
	low, delayed := f.task("low"), f.task("delayed")
	low.Priority, delayed.RunAt = 1, time.Now().Add(time.Hour)
	f.enqueue(f.task("first"), f.task("second"), low, delayed)
	f.because(delayed, admin.ReasonNotDue, admin.ReasonNoServer)
	f.beats(f.queue, func(s *broker.ServerInfo) { s.Handlers = []string{"other"} })
	f.because(delayed, admin.ReasonNotDue, admin.ReasonNoName)
	f.beats(f.queue, nil)
	if r := f.because(delayed, admin.ReasonNotDue); r.At.Sub(delayed.RunAt).Abs() > time.Millisecond {
		f.Errorf("it is due at %s, want %s", r.At, delayed.RunAt)
	}
	if r := f.because(low, admin.ReasonAhead); r.Count != 2 {
		f.Errorf("%d go before it, want 2", r.Count)
	}
	f.must(f.admin.SetPriority(f.Context(), low, 255))
	f.because(low, admin.ReasonNext)
	f.must(f.admin.Pause(f.Context(), f.queue))
	f.because(low, admin.ReasonPaused)
	f.must(f.admin.Resume(f.Context(), f.queue))
	f.beats(f.queue, func(s *broker.ServerInfo) { s.Busy = 3 })
	f.because(low, admin.ReasonBusy)
	f.beats(f.queue, func(s *broker.ServerInfo) { s.Stopping = true })
	f.because(low, admin.ReasonNoServer)
}

func explainRunning(f *feature) {
	sent := f.enqueue(f.task(""))
	req := broker.LeaseRequest{Worker: f.queue, Queues: []string{f.queue}, Max: 1, Duration: time.Minute}
	leases, err := f.broker.Lease(f.Context(), req)
	f.must(err)
	lease := leases[0]
	if r := f.because(sent, admin.ReasonRunning); r.Server != "" || r.At.IsZero() {
		f.Errorf("a lease of an unknown worker: %+v", r)
	}
	f.beats(f.queue, func(s *broker.ServerInfo) {
		s.Running = []broker.RunningTask{{ID: sent.ID, Name: "work", Queue: f.queue, Since: time.Now()}}
	})
	if r := f.because(sent, admin.ReasonRunning); r.Server != f.queue || !strings.Contains(r.Text, "on "+f.queue) {
		f.Errorf("it runs on %q: %s", r.Server, r.Text)
	}
	lease.Task.LastError, lease.Task.Attempt = "no disk", 1
	retry := broker.Outcome{Lease: lease, Status: task.StatusRetrying, Task: lease.Task, Delay: time.Hour}
	f.must(errors.Join(f.broker.Settle(f.Context(), []broker.Outcome{retry})...))
	if r := f.because(sent, admin.ReasonRetrying); !strings.Contains(r.Text, "attempt 1 failed") || !strings.Contains(r.Text, "no disk") {
		f.Errorf("it waits for a retry: %s", r.Text)
	}
	f.must(f.client.Cancel(f.Context(), sent))
	if r := f.because(sent, admin.ReasonEnded); !strings.Contains(r.Text, "cancelled") || r.At.IsZero() {
		f.Errorf("it has ended: %+v", r)
	}
}

func explainLapsed(f *feature) {
	sent := f.enqueue(f.task(""))
	req := broker.LeaseRequest{Worker: "dies", Queues: []string{f.queue}, Max: 1, Duration: time.Millisecond}
	_, err := f.broker.Lease(f.Context(), req)
	f.must(err)
	<-time.After(20 * time.Millisecond)
	f.because(sent, admin.ReasonLapsed, admin.ReasonNoServer)
}

func explainUnique(f *feature) {
	unique := func() *task.Task {
		t := f.task("")
		t.Unique = task.Unique{Mode: task.Latest, Key: "k"}
		return t
	}
	f.beats(f.queue, nil)
	first := f.enqueue(unique())
	f.lease()
	if r := f.because(f.enqueue(unique()), admin.ReasonUnique); r.Other != first.ID {
		f.Errorf("it waits for %s, want %s", r.Other, first.ID)
	}
}

// Explain says what stands against a task, and what would change it.
func ExampleClient_Explain() {
	ctx := context.Background()
	b := memory.New(nil)
	client, operator := jobsy.NewClient(b, nil), admin.New(b, nil)
	t := task.New("email:welcome", nil)
	t.Queue = "mail"
	_ = client.Enqueue(ctx, t)
	_ = operator.Pause(ctx, "mail")
	why, _ := operator.Explain(ctx, t)
	for _, r := range why.Reasons {
		fmt.Printf("%s: %s (%s)\n", r.Code, r.Text, r.Hint)
	}
	// Output:
	// paused: queue "mail" is paused (admin.Client.Resume ends that)
	// no server: none of the 0 servers that live works on queue "mail" (start a server with the queue in ServerOptions.Queues, or admin.Client.Move to a queue that has one)
}
