package jobsy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// found returns the payloads of what a query finds, page by page.
func (f *feature) found(q jobsy.Query, limit int) (payloads []string) {
	f.Helper()
	q.Queue = f.queue
	for cursor, more := "", true; more; more = cursor != "" {
		page, next, err := f.client.Search(f.Context(), q, cursor, limit)
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
		query jobsy.Query
		want  []string
	}{
		{jobsy.Query{Status: task.StatusPending}, []string{"a: user 1", "b: user 2", "c: nobody", "d: user 7"}},
		{jobsy.Query{Status: task.StatusPending, Name: "other"}, []string{"d: user 7"}},
		{jobsy.Query{Status: task.StatusPending, Name: "work", Text: "user"}, []string{"a: user 1", "b: user 2"}},
		{jobsy.Query{Status: task.StatusFailed, Error: "disk 8"}, []string{"y"}},
		{jobsy.Query{Status: task.StatusFailed, Fingerprint: "disk … is full"}, []string{"x", "y"}},
		{jobsy.Query{Status: task.StatusCompleted}, nil},
	} {
		for _, limit := range []int{1, 3, 1000} {
			got := f.found(test.query, limit)
			if slices.Sort(got); !slices.Equal(got, test.want) {
				f.Errorf("%+v by %d finds %q, want %q", test.query, limit, got, test.want)
			}
		}
	}
	for _, err := range []error{
		third(f.client.Search(f.Context(), jobsy.Query{Queue: f.queue}, "", 1)),
		third(f.client.Search(f.Context(), jobsy.Query{Queue: f.queue, Status: task.StatusPending}, "", 0)),
	} {
		if !errors.Is(err, task.ErrInvalid) {
			f.Errorf("error %v, want task.ErrInvalid", err)
		}
	}
}

func third[A, B any](_ A, _ B, err error) error { return err }

func changeAll(f *feature) {
	f.fails(map[string]string{"x": "disk 7 is full", "y": "disk 8 is full", "z": "no network"})
	full := jobsy.Query{Queue: f.queue, Status: task.StatusFailed, Error: "full"}
	if n, err := f.client.ForAll(f.Context(), full, f.client.Retry); n != 2 || err != nil {
		f.Errorf("ran %d again, %v, want 2", n, err)
	}
	if got := f.found(jobsy.Query{Status: task.StatusPending}, 10); len(got) != 2 {
		f.Errorf("%q are pending, want two", got)
	}
	broken := errors.New("broken")
	waiting := jobsy.Query{Queue: f.queue, Status: task.StatusPending}
	if n, err := f.client.ForAll(f.Context(), waiting, func(context.Context, ...*task.Task) error { return broken }); n != 0 || !errors.Is(err, broken) {
		f.Errorf("changed %d, %v, want the error", n, err)
	}
	n, err := f.client.ForAll(f.Context(), waiting, func(_ context.Context, tasks ...*task.Task) error {
		return &jobsy.BatchError{Errs: []error{task.ErrRunning, broken}[:len(tasks)]}
	})
	if n != 0 || !errors.Is(err, broken) || errors.Is(err, task.ErrRunning) {
		f.Errorf("changed %d, %v, want what is broken alone", n, err)
	}
	for _, status := range []task.Status{task.StatusPending, task.StatusFailed} {
		if _, err := f.client.ForAll(f.Context(), jobsy.Query{Queue: f.queue, Status: status}, f.client.Delete); err != nil {
			f.Error(err)
		}
	}
	if counts, err := f.broker.Counts(f.Context(), f.queue); err != nil || len(counts) != 0 {
		f.Errorf("left are %v, %v", counts, err)
	}
}

func moveTasks(f *feature) {
	to := f.queue + "-target"
	pending, delayed, running := f.task("pending"), f.task("delayed"), f.task("running")
	delayed.RunAt, running.Priority = time.Now().Add(time.Hour).Truncate(time.Millisecond), 255
	f.enqueue(pending, delayed, running)
	_, err := f.broker.Lease(f.Context(), broker.LeaseRequest{Worker: f.queue, Queues: []string{f.queue}, Max: 1, Duration: time.Minute})
	f.must(err)
	var batch *jobsy.BatchError
	err = f.client.Move(f.Context(), to, pending, delayed, running, f.task("unknown"))
	if !errors.As(err, &batch) || batch.Errs[0] != nil || batch.Errs[1] != nil || !errors.Is(batch.Errs[2], task.ErrRunning) ||
		!errors.Is(batch.Errs[3], task.ErrNotFound) {
		f.Fatalf("moved with %v", err)
	}
	for _, moved := range []*task.Task{pending, delayed} {
		if _, err := f.client.Get(f.Context(), moved); !errors.Is(err, task.ErrNotFound) {
			f.Errorf("a moved task is still there: %v", err)
		}
	}
	f.get(&task.Task{Queue: to, ID: pending.ID}, task.StatusPending)
	if got := f.get(&task.Task{Queue: to, ID: delayed.ID}, task.StatusScheduled); !got.RunAt.Equal(delayed.RunAt) || string(got.Payload) != "delayed" {
		f.Errorf("moved as %+v", got)
	}
	f.must(f.client.Move(f.Context(), to, &task.Task{Queue: to, ID: pending.ID}))
	if err := f.client.Move(f.Context(), "", pending); !errors.Is(err, task.ErrInvalid) {
		f.Errorf("moved to no queue: %v", err)
	}
	if err := f.client.Move(f.Context(), to, nil); !errors.Is(err, task.ErrInvalid) {
		f.Errorf("moved nothing: %v", err)
	}
}

// A process died between the two steps of a move.
func moveAgain(f *feature) {
	to := f.queue + "-target"
	sent := f.enqueue(f.task(""))
	there := f.get(sent, task.StatusPending)
	there.Queue = to
	f.enqueue(there)
	f.must(f.client.Move(f.Context(), to, sent))
	if _, err := f.client.Get(f.Context(), sent); !errors.Is(err, task.ErrNotFound) {
		f.Errorf("a moved task is still there: %v", err)
	}
	f.get(&task.Task{Queue: to, ID: sent.ID}, task.StatusPending)
}

// A task may be put off beyond its deadline, though it cannot be enqueued so.
func moveBeyondDeadline(f *feature) {
	to := f.queue + "-target"
	sent := f.task("")
	sent.Deadline = time.Now().Add(time.Hour).Round(time.Second)
	f.enqueue(sent)
	lease := f.lease()
	f.must(errors.Join(f.broker.Settle(f.Context(), []broker.Outcome{{Lease: lease, Status: task.StatusScheduled, Delay: 2 * time.Hour}})...))
	f.must(f.client.Move(f.Context(), to, sent))
	if found := f.get(&task.Task{Queue: to, ID: sent.ID}, task.StatusScheduled); !found.RunAt.Equal(sent.Deadline) {
		f.Errorf("it is due %v, want at its deadline, %v", found.RunAt, sent.Deadline)
	}
}

// What waits for the end of another task has nobody to wait for elsewhere.
func moveLatest(f *feature) {
	to := f.queue + "-target"
	running, waiting := f.task("running"), f.task("waiting")
	running.Unique = task.Unique{Mode: task.Latest, Key: f.queue}
	waiting.Unique = running.Unique
	f.enqueue(running)
	_, err := f.broker.Lease(f.Context(), broker.LeaseRequest{Worker: f.queue, Queues: []string{f.queue}, Max: 1, Duration: time.Minute})
	f.must(err)
	f.enqueue(waiting)
	f.must(f.client.Move(f.Context(), to, waiting))
	f.get(&task.Task{Queue: to, ID: waiting.ID}, task.StatusPending)
}

// leasingBroker has a worker take each task that was looked at.
type leasingBroker struct{ fullBroker }

func (b leasingBroker) Task(ctx context.Context, queue string, id uuid.UUID) (*task.Task, error) {
	t, err := b.fullBroker.Task(ctx, queue, id)
	if err == nil {
		_, err = b.Lease(ctx, broker.LeaseRequest{Worker: queue, Queues: []string{queue}, Max: 1, Duration: time.Minute})
	}
	return t, err
}

// A worker was quicker than the move.
func moveTooLate(f *feature) {
	to := f.queue + "-target"
	sent := f.enqueue(f.task(""))
	client := jobsy.NewClient(leasingBroker{f.broker}, nil)
	if err := client.Move(f.Context(), to, sent); !errors.Is(err, task.ErrRunning) {
		f.Errorf("moved with %v, want task.ErrRunning", err)
	}
	f.get(sent, task.StatusRunning)
	if _, err := f.client.Get(f.Context(), &task.Task{Queue: to, ID: sent.ID}); !errors.Is(err, task.ErrNotFound) {
		f.Errorf("the copy is still there: %v", err)
	}
}

func moveNone(f *feature) {
	gathered := f.task("")
	gathered.Gather = task.Gather{Key: "k"}
	f.fails(map[string]string{"x": "no"})
	f.enqueue(gathered)
	failed, _, err := f.client.Search(f.Context(), jobsy.Query{Queue: f.queue, Status: task.StatusFailed}, "", 10)
	f.must(err)
	err = f.client.Move(f.Context(), f.queue+"-target", failed[0], gathered)
	var batch *jobsy.BatchError
	if !errors.As(err, &batch) || !errors.Is(batch.Errs[0], task.ErrEnded) || !errors.Is(batch.Errs[1], task.ErrInvalid) {
		f.Errorf("moved with %v", err)
	}
}

// ForAll does something to all tasks that a query finds.
func ExampleClient_ForAll() {
	ctx := context.Background()
	client := jobsy.NewClient(memory.New(nil), nil)
	_ = client.Enqueue(ctx, task.New("mail", []byte("ada@example.org")), task.New("mail", []byte("grace@example.org")))
	query := jobsy.Query{Status: task.StatusPending, Name: "mail", Text: "ada"}
	fmt.Println(client.ForAll(ctx, query, client.Cancel))
	found, _, _ := client.Search(ctx, jobsy.Query{Status: task.StatusCancelled}, "", 100)
	fmt.Println(len(found), string(found[0].Payload))
	// Output:
	// 1 <nil>
	// 1 ada@example.org
}

// Move puts a waiting task into another queue.
func ExampleClient_Move() {
	ctx := context.Background()
	client := jobsy.NewClient(memory.New(nil), nil)
	t := task.New("report", nil)
	_ = client.Enqueue(ctx, t)
	fmt.Println(client.Move(ctx, "slow", t))
	moved, err := client.Get(ctx, &task.Task{Queue: "slow", ID: t.ID})
	fmt.Println(moved.Queue, moved.Status, err)
	// Output:
	// <nil>
	// slow pending <nil>
}
