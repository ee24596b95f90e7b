package admin_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// found returns the payloads of what a query finds, page by page.
func (f *feature) found(q admin.Query, limit int) (payloads []string) {
	f.Helper()
	q.Queue = f.queue
	for cursor, more := "", true; more; more = cursor != "" {
		page, next, err := f.admin.Search(f.Context(), q, cursor, limit)
		f.must(err)
		for _, t := range page {
			payloads = append(payloads, string(t.Payload))
		}
		cursor = next
	}
	return payloads
}

// fails has tasks end as failed.
func (f *feature) fails(payloads map[string]string) {
	f.Helper()
	for payload, reason := range payloads {
		f.enqueue(f.task(payload))
		leases, err := f.broker.Lease(f.Context(), broker.LeaseRequest{Worker: f.queue, Queues: []string{f.queue}, Max: 1, Duration: time.Minute})
		f.must(err)
		leases[0].Task.LastError = reason
		outcome := broker.Outcome{Lease: leases[0], Status: task.StatusFailed, Task: leases[0].Task, Keep: time.Hour}
		f.must(errors.Join(f.broker.Settle(f.Context(), []broker.Outcome{outcome})...))
	}
}

func searchTasks(f *feature) {
	other := f.task("d: user 7")
	other.Name = "other"
	f.fails(map[string]string{"x": "disk 7 is full", "y": "disk 8 is full", "z": "no network"})
	f.enqueue(f.task("a: user 1"), f.task("b: user 2"), f.task("c: nobody"), other)
	for _, test := range []struct {
		query admin.Query
		want  []string
	}{
		{admin.Query{Status: task.StatusPending}, []string{"a: user 1", "b: user 2", "c: nobody", "d: user 7"}},
		{admin.Query{Status: task.StatusPending, Name: "other"}, []string{"d: user 7"}},
		{admin.Query{Status: task.StatusPending, Name: "work", Text: "user"}, []string{"a: user 1", "b: user 2"}},
		{admin.Query{Status: task.StatusFailed, Error: "disk 8"}, []string{"y"}},
		{admin.Query{Status: task.StatusFailed, Fingerprint: "disk … is full"}, []string{"x", "y"}},
		{admin.Query{Status: task.StatusCompleted}, nil},
	} {
		for _, limit := range []int{1, 3, 1000} {
			got := f.found(test.query, limit)
			if slices.Sort(got); !slices.Equal(got, test.want) {
				f.Errorf("%+v by %d finds %q, want %q", test.query, limit, got, test.want)
			}
		}
	}
	for _, err := range []error{
		third(f.admin.Search(f.Context(), admin.Query{Queue: f.queue}, "", 1)),
		third(f.admin.Search(f.Context(), admin.Query{Queue: f.queue, Status: task.StatusPending}, "", 0)),
	} {
		if !errors.Is(err, task.ErrInvalid) {
			f.Errorf("error %v, want task.ErrInvalid", err)
		}
	}
}

func third[A, B any](_ A, _ B, err error) error { return err }

func changeAll(f *feature) {
	f.fails(map[string]string{"x": "disk 7 is full", "y": "disk 8 is full", "z": "no network"})
	full := admin.Query{Queue: f.queue, Status: task.StatusFailed, Error: "full"}
	if n, err := f.admin.ForAll(f.Context(), full, f.client.Retry); n != 2 || err != nil {
		f.Errorf("ran %d again, %v, want 2", n, err)
	}
	if got := f.found(admin.Query{Status: task.StatusPending}, 10); len(got) != 2 {
		f.Errorf("%q are pending, want two", got)
	}
	broken := errors.New("broken")
	waiting := admin.Query{Queue: f.queue, Status: task.StatusPending}
	if n, err := f.admin.ForAll(f.Context(), waiting, func(context.Context, ...*task.Task) error { return broken }); n != 0 || !errors.Is(err, broken) {
		f.Errorf("changed %d, %v, want the error", n, err)
	}
	n, err := f.admin.ForAll(f.Context(), waiting, func(_ context.Context, tasks ...*task.Task) error {
		return &jobsy.BatchError{Errs: []error{task.ErrRunning, broken}[:len(tasks)]}
	})
	if n != 0 || !errors.Is(err, broken) || errors.Is(err, task.ErrRunning) {
		f.Errorf("changed %d, %v, want what is broken alone", n, err)
	}
	for _, status := range []task.Status{task.StatusPending, task.StatusFailed} {
		if _, err := f.admin.ForAll(f.Context(), admin.Query{Queue: f.queue, Status: status}, f.client.Delete); err != nil {
			f.Error(err)
		}
	}
	if counts, err := f.broker.Counts(f.Context(), f.queue); err != nil || len(counts) != 0 {
		f.Errorf("left are %v, %v", counts, err)
	}
}

// ForAll does something to all tasks that a query finds.
func ExampleClient_ForAll() {
	ctx := context.Background()
	b := memory.New(nil)
	client, operator := jobsy.NewClient(b, nil), admin.New(b, nil)
	_ = client.Enqueue(ctx, task.New("mail", []byte("ada@example.org")), task.New("mail", []byte("grace@example.org")))
	query := admin.Query{Status: task.StatusPending, Name: "mail", Text: "ada"}
	fmt.Println(operator.ForAll(ctx, query, client.Cancel))
	found, _, _ := operator.Search(ctx, admin.Query{Status: task.StatusCancelled}, "", 100)
	fmt.Println(len(found), string(found[0].Payload))
	// Output:
	// 1 <nil>
	// 1 ada@example.org
}
