package jobsy_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// mute is a broker whose answers to Enqueue can get lost: it has acted by
// then, or, where its calls get lost, it has not.
type mute struct {
	*memory.Broker
	answer error // instead of the true one
	calls  bool  // get lost as well
}

func (f *mute) Enqueue(ctx context.Context, tasks []*task.Task) []error {
	if f.answer == nil {
		return f.Broker.Enqueue(ctx, tasks)
	}
	if !f.calls {
		sent := make([]*task.Task, len(tasks))
		for i, t := range tasks {
			sent[i] = t.Clone()
		}
		f.Broker.Enqueue(context.WithoutCancel(ctx), sent)
	}
	errs := make([]error, len(tasks))
	for i := range errs {
		errs[i] = f.answer
	}
	return errs
}

var errAway = fmt.Errorf("test: %w", task.ErrUnavailable)

// lossy is a client of a mute broker.
type lossy struct {
	*testing.T
	*jobsy.Client
	broker *mute
}

func newLossy(t *testing.T) *lossy {
	f := &mute{Broker: memory.New(nil)}
	t.Cleanup(func() { _ = f.Close() })
	return &lossy{t, jobsy.NewClient(f, nil), f}
}

// lose enqueues without an answer, and wants to be told so.
func (l *lossy) lose(tasks ...*task.Task) {
	l.Helper()
	l.broker.answer = errAway
	if err := l.Enqueue(l.Context(), tasks...); !errors.Is(err, task.ErrUnavailable) {
		l.Fatalf("without an answer: %v", err)
	}
	l.broker.answer = nil
}

// taken wants the tasks enqueued, and refused wants each a duplicate.
func (l *lossy) taken(tasks ...*task.Task) {
	l.Helper()
	if err := l.Enqueue(l.Context(), tasks...); err != nil {
		l.Errorf("P6: Enqueue of a repeat: %v", err)
	}
	for _, t := range tasks {
		if t.Status == "" || t.Status == task.StatusUnknown {
			l.Errorf("a task that was taken is %q", t.Status)
		}
	}
}

func (l *lossy) refused(tasks ...*task.Task) {
	l.Helper()
	for _, t := range tasks {
		if err := l.Enqueue(l.Context(), t); !errors.Is(err, task.ErrDuplicate) {
			l.Errorf("Enqueue of what is no repeat: %v, want ErrDuplicate", err)
		}
		if t.Status == task.StatusUnknown {
			l.Error("what was refused is left as unknown")
		}
	}
}

func (l *lossy) has(n int) {
	l.Helper()
	if counts, err := l.broker.Counts(l.Context(), task.DefaultQueue); err != nil || counts[task.StatusPending] != n {
		l.Errorf("%v pending, %v, want %d", counts, err, n)
	}
}

func (l *lossy) lease() broker.Lease {
	l.Helper()
	request := broker.LeaseRequest{Worker: "w", Queues: []string{task.DefaultQueue}, Max: 1, Duration: time.Hour}
	leases, err := l.broker.Lease(l.Context(), request)
	if err != nil || len(leases) != 1 {
		l.Fatalf("leased %v, %v", leases, err)
	}
	return leases[0]
}

func (l *lossy) settle(o broker.Outcome) {
	l.Helper()
	if errs := l.broker.Settle(l.Context(), []broker.Outcome{o}); errs != nil {
		l.Fatal(errs)
	}
}

func TestATemplateIsEnqueuedOnce(t *testing.T) {
	t.Parallel()
	l := newLossy(t)
	template := task.New("work", nil)
	l.taken(template)
	l.refused(template, template.Clone())
	l.taken(template.Again(), template.Again())
	l.has(3)
}

// A handler that enqueues the task it runs has it refused, whatever it tries.
func TestARunningTaskIsNoRepeatOfItself(t *testing.T) {
	t.Parallel()
	l := newLossy(t)
	l.taken(task.New("work", nil))
	running := l.lease().Task
	own := running.Clone()
	l.refused(running, running.Clone())
	l.lose(own)
	l.refused(own)
	l.taken(own.Again())
	l.has(1)
}

func TestARepeatIsNoConflict(t *testing.T) {
	t.Parallel()
	l := newLossy(t)
	work, later := task.New("work", nil), task.New("work", nil)
	later.RunAt = time.Now().Add(time.Hour)
	l.lose(work, later)
	if work.Status != task.StatusUnknown || later.Status != task.StatusUnknown {
		t.Errorf("the tasks are %q and %q, want them unknown", work.Status, later.Status)
	}
	l.lose(work) // and once more
	l.taken(work.Clone())
	l.taken(work, later, task.New("another", nil))
	if later.Status != task.StatusScheduled {
		t.Errorf("what is due in an hour is %s", later.Status)
	}
	l.refused(work, later)
	l.has(2)
}

func TestARepeatIsEnqueuedIfTheCallWasLost(t *testing.T) {
	t.Parallel()
	l := newLossy(t)
	l.broker.calls = true
	work := task.New("work", nil)
	l.lose(work)
	l.taken(work)
	l.refused(work)
	l.has(1)
}

func TestARepeatAfterTheContextHasEnded(t *testing.T) {
	t.Parallel()
	l := newLossy(t)
	cause := errors.New("the request is over")
	for _, answer := range []error{context.Canceled, cause} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		work := task.New("work", nil)
		l.broker.answer = answer
		if err := l.Enqueue(ctx, work); !errors.Is(err, answer) {
			t.Errorf("Enqueue: %v, want %v", err, answer)
		}
		l.broker.answer = nil
		l.taken(work)
	}
	l.has(2)
}

// A task that is twice in a batch is told of as it is in the first call.
func TestARepeatOfABatchHasEachTaskOnce(t *testing.T) {
	t.Parallel()
	l := newLossy(t)
	twice, other := task.New("work", nil), task.New("work", nil)
	l.lose(twice, other, twice)
	err := l.Enqueue(t.Context(), twice, other, twice)
	var batch *jobsy.BatchError
	if !errors.As(err, &batch) || batch.Errs[0] != nil || batch.Errs[1] != nil || !errors.Is(batch.Errs[2], task.ErrDuplicate) {
		t.Errorf("Enqueue: %v, want ErrDuplicate for the third alone", err)
	}
	l.has(2)
}

func TestARepeatSurvivesABadTaskInItsBatch(t *testing.T) {
	t.Parallel()
	l := newLossy(t)
	work := task.New("work", nil)
	l.lose(work)
	if err := l.Enqueue(t.Context(), work, task.New("", nil)); !errors.Is(err, task.ErrInvalid) {
		t.Errorf("a task without a name: %v", err)
	}
	l.taken(work)
	l.has(1)
}

// What became of a task meanwhile makes no conflict of its repeat.
func TestARepeatOfWhatWasWorkedOn(t *testing.T) {
	t.Parallel()
	for _, status := range []task.Status{task.StatusRunning, task.StatusRetrying, task.StatusScheduled, task.StatusCompleted} {
		l := newLossy(t)
		work := task.New("work", nil)
		work.Unique = task.Unique{Mode: task.UntilEnded}
		l.lose(work)
		held := l.lease()
		if status != task.StatusRunning {
			held.Task.Attempt, held.Task.LastError = 1, "error"
			l.settle(broker.Outcome{Lease: held, Status: status, Task: held.Task, Delay: time.Hour, Keep: time.Hour})
		}
		l.taken(work)
		l.refused(work)
		l.has(0)
	}
}

// One that is gone holds its throttle.
func TestARepeatOfWhatIsGoneMeetsItsOwnLock(t *testing.T) {
	t.Parallel()
	l := newLossy(t)
	work := task.New("work", nil)
	work.Unique = task.Unique{Mode: task.Throttle, For: time.Hour}
	l.lose(work)
	l.settle(broker.Outcome{Lease: l.lease(), Status: task.StatusCompleted})
	l.taken(work)
	l.refused(work.Again(), work)
	l.has(0)
}

// Two producers that come with one name are in conflict, whatever they know.
func TestARepeatDoesNotTakeAnothersTaskForItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLossy(t)
		invoice := func() *task.Task {
			time.Sleep(time.Microsecond) // fake time: two are not enqueued at once
			named := task.New("invoice", nil)
			named.ID = task.NamedID("invoice-42")
			return named
		}
		mine := invoice()
		l.broker.calls = true
		l.lose(mine)
		l.taken(invoice())
		l.refused(mine)
		l.has(1)
	})
}

// A member is told the ID of its group, as if it had been answered at once.
func TestARepeatOfAMember(t *testing.T) {
	t.Parallel()
	l := newLossy(t)
	member := func() *task.Task {
		m := task.New("work", nil)
		m.Gather = task.Gather{Key: "key", Size: 5, Delay: time.Hour}
		return m
	}
	first, second := member(), member()
	l.taken(first)
	l.lose(second)
	l.taken(second)
	if second.ID != first.ID {
		t.Errorf("the member has the ID %s, want that of its group, %s", second.ID, first.ID)
	}
	if group, err := l.broker.Task(t.Context(), task.DefaultQueue, first.ID); err != nil || len(group.Members) != 1 {
		t.Errorf("the group is %+v, %v, want one member", group, err)
	}
}

// A handler that tries to enqueue the task it runs does itself no harm.
func TestAHandlerThatEnqueuesItsOwnTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		client := jobsy.NewClient(b, nil)
		var refused error
		r := start(t, b, b, &jobsy.ServerOptions{Backoff: func(int) time.Duration { return time.Hour }}, func(s *jobsy.Server) {
			s.HandleFunc("work", func(ctx context.Context, own *task.Task) error {
				refused = client.Enqueue(ctx, own)
				return errors.New("once more")
			})
		})
		defer r.stop()
		work := r.enqueue(task.New("work", nil))
		synctest.Wait()
		r.want(work, task.StatusRetrying, 1)
		if !errors.Is(refused, task.ErrDuplicate) {
			t.Errorf("Enqueue: %v, want ErrDuplicate", refused)
		}
	})
}
