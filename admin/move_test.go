package admin_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

func moveTasks(f *feature) {
	to := f.queue + "-target"
	pending, delayed, running := f.task("pending"), f.task("delayed"), f.task("running")
	delayed.RunAt, running.Priority = time.Now().Add(time.Hour).Truncate(time.Millisecond), 255
	f.enqueue(pending, delayed, running)
	_, err := f.broker.Lease(f.Context(), broker.LeaseRequest{Worker: f.queue, Queues: []string{f.queue}, Max: 1, Duration: time.Minute})
	f.must(err)
	var batch *jobsy.BatchError
	err = f.admin.Move(f.Context(), to, pending, delayed, running, f.task("unknown"))
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
	f.must(f.admin.Move(f.Context(), to, &task.Task{Queue: to, ID: pending.ID}))
	if err := f.admin.Move(f.Context(), "", pending); !errors.Is(err, task.ErrInvalid) {
		f.Errorf("moved to no queue: %v", err)
	}
	if err := f.admin.Move(f.Context(), to, nil); !errors.Is(err, task.ErrInvalid) {
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
	f.must(f.admin.Move(f.Context(), to, sent))
	if _, err := f.client.Get(f.Context(), sent); !errors.Is(err, task.ErrNotFound) {
		f.Errorf("a moved task is still there: %v", err)
	}
	f.get(&task.Task{Queue: to, ID: sent.ID}, task.StatusPending)
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
	f.must(f.admin.Move(f.Context(), to, waiting))
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
	operator := admin.New(leasingBroker{f.broker}, nil)
	if err := operator.Move(f.Context(), to, sent); !errors.Is(err, task.ErrRunning) {
		f.Errorf("moved with %v, want task.ErrRunning", err)
	}
	f.get(sent, task.StatusRunning)
	if _, err := f.client.Get(f.Context(), &task.Task{Queue: to, ID: sent.ID}); !errors.Is(err, task.ErrNotFound) {
		f.Errorf("the copy is still there: %v", err)
	}
}

// A task may be put off beyond its deadline, though it cannot be enqueued so.
func moveBeyondDeadline(f *feature) {
	to := f.queue + "-target"
	sent := f.task("")
	sent.Deadline = time.Now().Add(time.Hour).Round(time.Second)
	f.enqueue(sent)
	leases, err := f.broker.Lease(f.Context(), broker.LeaseRequest{Worker: f.queue, Queues: []string{f.queue}, Max: 1, Duration: time.Minute})
	f.must(err)
	f.must(errors.Join(f.broker.Settle(f.Context(), []broker.Outcome{{Lease: leases[0], Status: task.StatusScheduled, Delay: 2 * time.Hour}})...))
	f.must(f.admin.Move(f.Context(), to, sent))
	if found := f.get(&task.Task{Queue: to, ID: sent.ID}, task.StatusScheduled); !found.RunAt.Equal(sent.Deadline) {
		f.Errorf("it is due %v, want at its deadline, %v", found.RunAt, sent.Deadline)
	}
}

func moveNone(f *feature) {
	gathered := f.task("")
	gathered.Gather = task.Gather{Key: "k"}
	f.fails(map[string]string{"x": "no"})
	f.enqueue(gathered)
	failed, _, err := f.admin.Search(f.Context(), admin.Query{Queue: f.queue, Status: task.StatusFailed}, "", 10)
	f.must(err)
	err = f.admin.Move(f.Context(), f.queue+"-target", failed[0], gathered)
	var batch *jobsy.BatchError
	if !errors.As(err, &batch) || !errors.Is(batch.Errs[0], task.ErrEnded) || !errors.Is(batch.Errs[1], task.ErrInvalid) {
		f.Errorf("moved with %v", err)
	}
}

// Move puts a waiting task into another queue.
func ExampleClient_Move() {
	ctx := context.Background()
	b := memory.New(nil)
	client, operator := jobsy.NewClient(b, nil), admin.New(b, nil)
	t := task.New("report", nil)
	_ = client.Enqueue(ctx, t)
	fmt.Println(operator.Move(ctx, "slow", t))
	moved, err := client.Get(ctx, &task.Task{Queue: "slow", ID: t.ID})
	fmt.Println(moved.Queue, moved.Status, err)
	// Output:
	// <nil>
	// slow pending <nil>
}
