package memory_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

// A task in each status is found where it was, with all that was recorded.
func TestRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		r.enqueue(labelled(numbers(5)...)...)
		held := r.lease(5)
		for i, status := range []task.Status{task.StatusCompleted, task.StatusFailed, task.StatusCancelled, task.StatusRetrying} {
			l := held[i]
			l.Task.Attempt, l.Task.Result, l.Task.LastError = 3, []byte("result"), "error"
			r.settleAll([]broker.Outcome{{Lease: l, Status: status, Task: l.Task, Delay: time.Hour, Keep: time.Hour}})
		}
		r.enqueue(labelled("pending")[0], due(time.Hour, "scheduled"))
		before := make(map[task.Status]*task.Task)
		for _, status := range task.Statuses() {
			tasks, _, err := r.Tasks(t.Context(), task.DefaultQueue, status, "", 1)
			if err != nil || len(tasks) != 1 {
				t.Fatalf("Tasks returned %d %s tasks, %v, want 1", len(tasks), status, err)
			}
			before[status] = tasks[0]
		}
		time.Sleep(time.Minute)
		r = s.reopen(r)
		for status, was := range before {
			is, err := r.Broker.Task(t.Context(), task.DefaultQueue, was.ID)
			if err != nil {
				t.Fatalf("the %s task: %v", status, err)
			}
			if status.Ended() {
				is.Retention = 0 // says how long it is kept, see below
			}
			wasRecord := record.Encode(was)
			isRecord := record.Encode(is)
			if !bytes.Equal(isRecord, wasRecord) || !is.RunAt.Equal(was.RunAt) {
				t.Errorf("the %s task is %+v, want %+v", status, *is, *was)
			}
		}
	})
}

// A task may be put off beyond its deadline, though it cannot be enqueued so.
func TestRestartOfATaskPutOffBeyondItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		short := labelled("short")[0]
		short.Deadline = time.Now().Add(time.Minute)
		r.enqueue(short)
		held := r.lease(1)[0]
		r.settleAll([]broker.Outcome{{Lease: held, Status: task.StatusScheduled, Task: held.Task, Delay: time.Hour}})
		r = s.reopen(r)
		is, err := r.Broker.Task(t.Context(), task.DefaultQueue, short.ID)
		if err != nil || is.Status != task.StatusScheduled || !is.Deadline.Equal(short.Deadline) {
			t.Errorf("the task is %+v, %v, want it as it was", is, err)
		}
	})
}

// What a former process was running is leasable at once and before all else.
func TestRestartWhileRunning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		r.enqueue(labelled("a", "b")...)
		was := r.lease(2)
		high := labelled("high")
		high[0].Priority = task.HighPriority
		r.enqueue(high...)
		for deliveries := 2; deliveries < 5; deliveries++ {
			r = s.reopen(r)
			got := r.lease(2)
			r.isLeased(got, "a", "b")
			for i := range got {
				if got[i].Deliveries != deliveries || got[i].Token <= was[i].Token {
					t.Errorf("leased as delivery %d with token %d after %d, want delivery %d and a greater token",
						got[i].Deliveries, got[i].Token, was[i].Token, deliveries)
				}
			}
			if errs := r.Settle(t.Context(), outcomes(broker.Outcome{Status: task.StatusCompleted}, was...)); len(errs) != 2 {
				t.Errorf("Settle of the former leases returned %v, want them lost", errs)
			}
			was = got
		}
		r.settle(task.StatusRetrying, was...)
		r = s.reopen(r)
		got := r.lease(3)
		r.isLeased(got, "high", "a", "b")
		if got[1].Deliveries != 1 {
			t.Errorf("an answered task is delivery %d, want 1", got[1].Deliveries)
		}
	})
}

// Tokens grow over a restart even if nothing is left that says how far they were.
func TestTokensGrowOverRestart(t *testing.T) {
	t.Parallel()
	s := newRecords(t)
	r := s.open(t)
	var last int64
	for range 3 {
		r.enqueue(labelled("a")...)
		got := r.lease(1)
		if got[0].Token <= last || got[0].Token >= 1<<53 {
			t.Errorf("token %d after %d", got[0].Token, last)
		}
		last = got[0].Token
		r.settle(task.StatusCompleted, got...)
		r = s.reopen(r)
	}
}

func TestOrderAfterRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		var want []string
		for i := range 50 {
			label := fmt.Sprint(i)
			next := labelled(label)
			if i%2 == 1 {
				next[0].ID = uuid.New() // in no order
			}
			r.enqueue(next...)
			want = append(want, label)
			time.Sleep(time.Millisecond)
		}
		low, high := labelled("low")[0], labelled("high")[0]
		low.Priority, low.EnqueuedAt, high.Priority = 1, time.Now().Add(-time.Hour), 255
		r.enqueue(low, high)
		r = s.reopen(r)
		got := r.lease(99)
		r.isLeased(got, slices.Concat([]string{"high"}, want, []string{"low"})...)
		if n := r.Looks(); got[0].Token > n {
			t.Errorf("token %d is over the counter %d", got[0].Token, n)
		}
	})
}

// A restart neither prolongs nor shortens how long an ended task is kept, also
// where the server keeps it longer than its Retention says.
func TestRetentionOverRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		tasks := labelled("a", "b")
		tasks[1].Retention = time.Minute
		r.enqueue(tasks...)
		held := r.lease(2)
		held[1].Task.EndedAt = time.Now()
		time.Sleep(time.Second) // on its way to the broker
		r.settleAll([]broker.Outcome{
			{Lease: held[0], Status: task.StatusCompleted, Keep: time.Hour},
			{Lease: held[1], Status: task.StatusFailed, Task: held[1].Task, Keep: time.Hour},
		})
		end := time.Now().Add(time.Hour)
		for range 3 {
			time.Sleep(10 * time.Minute)
			r = s.reopen(r)
		}
		time.Sleep(time.Until(end) - time.Nanosecond)
		r = s.reopen(r)
		for _, status := range []task.Status{task.StatusCompleted, task.StatusFailed} {
			if found := r.list(status); len(found) != 1 {
				t.Errorf("%s tasks are %q, want one", status, found)
			}
		}
		time.Sleep(time.Nanosecond)
		r = s.reopen(r)
		r.leavesNothing()
		if n := s.count(); n != 0 {
			t.Errorf("the storage has %d tasks, want none", n)
		}
	})
}

// An ended record that does not say how long is kept for a day from its end, or
// from now.
func TestRetentionByDefault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tasks := labelled("no end", "ended")
		for _, t := range tasks {
			t.Status = task.StatusCompleted
		}
		tasks[1].EndedAt = time.Now().Add(-time.Hour)
		r := newRig(t, &memory.Options{Storage: &loose{newRecords(t), tasks}})
		if found := r.list(task.StatusCompleted); !slices.Equal(found, []string{"ended", "no end"}) {
			t.Errorf("tasks %q are kept, want both", found)
		}
		time.Sleep(23 * time.Hour)
		if found := r.list(task.StatusCompleted); !slices.Equal(found, []string{"no end"}) {
			t.Errorf("tasks %q are kept after 23 hours, want no end", found)
		}
		time.Sleep(time.Hour)
		r.leavesNothing()
	})
}

// A bound holds for what was loaded, too.
func TestBoundsOverRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		for i := range 5 {
			next := labelled(fmt.Sprint(i))
			next[0].ID[0] = byte(9 - i)
			r.enqueue(next...)
			keep := time.Hour - time.Duration(i)*time.Minute
			r.settleAll(outcomes(broker.Outcome{Status: task.StatusFailed, Keep: keep}, r.lease(1)...))
			time.Sleep(time.Second)
		}
		_ = r.Close()
		r = newRig(t, &memory.Options{Storage: s, Bounds: bounds(2)})
		if found := r.list(task.StatusFailed); !slices.Equal(found, []string{"1", "0"}) {
			t.Errorf("failed tasks are %q, want 1 and 0, which are kept longest", found)
		}
		if n := s.count(); n != 2 {
			t.Errorf("the storage has %d tasks, want 2", n)
		}
	})
}

// spoilers make a task malformed, each so that the reason contains its key.
func spoilers() map[string]func(*task.Task) {
	return map[string]func(*task.Task){
		"Name":    func(t *task.Task) { t.Name = "" },
		"status":  func(t *task.Task) { t.Status = "lost" },
		"ID":      func(t *task.Task) { t.ID = uuid.Nil },
		"Queue":   func(t *task.Task) { t.Queue = "{}" },
		"must be": func(t *task.Task) { t.Priority = 300 },
		"token":   func(t *task.Task) { t.Token = 1<<63 - 1 },
		"attempt": func(t *task.Task) { t.Attempt = -1 },
	}
}

// spoiled returns a storage with a malformed task of each kind, a nil task, and
// a good one, which comes twice.
func spoiled(tb testing.TB) *loose {
	s := &loose{records: newRecords(tb)}
	for reason, spoil := range spoilers() {
		next := labelled(reason)[0]
		next.Status, next.Queue = task.StatusPending, task.DefaultQueue
		spoil(next)
		s.tasks = append(s.tasks, next)
		s.stored[next.ID] = nil
	}
	good := labelled("good")[0]
	good.Status = task.StatusPending
	s.tasks = append(s.tasks, nil, good, good)
	return s
}

// Malformed tasks become failed ones that say why.
func TestMalformed(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := spoiled(t)
	r := newRig(t, &memory.Options{Storage: s, Logger: slog.New(slog.NewTextHandler(&log, nil))})

	r.isLeased(r.lease(99), "good")
	bad := spoilers()
	failed, _, err := r.Tasks(t.Context(), task.DefaultQueue, task.StatusFailed, "", 99)
	if err != nil || len(failed) != len(bad) {
		t.Fatalf("Tasks returned %d failed tasks, %v, want %d", len(failed), err, len(bad))
	}
	for reason := range bad {
		if !slices.ContainsFunc(failed, func(t *task.Task) bool {
			return strings.Contains(t.LastError, reason) && bytes.Contains(t.Payload, []byte(reason))
		}) {
			t.Errorf("no failed task has %q in its LastError, and in the record that is its payload", reason)
		}
	}
	if n := strings.Count(log.String(), "ERROR"); n != len(bad)+2 {
		t.Errorf("logged %d errors, want one for each malformed task, the nil and the double:\n%s", n, log.String())
	}
	if _, ok := s.stored[uuid.Nil]; ok {
		t.Error("the task without an ID was not deleted")
	}
}

// What was set aside is a failed task as any other to the next broker, and goes
// after a week.
func TestMalformedOverRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := spoiled(t)
		r := newRig(t, &memory.Options{Storage: s})
		r.settle(task.StatusCompleted, r.lease(1)...)
		time.Sleep(time.Hour)
		_ = r.Close()
		r = newRig(t, &memory.Options{Storage: s.records, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if n := r.counts(task.DefaultQueue)[task.StatusFailed]; n != len(spoilers()) || log.Len() > 0 {
			t.Errorf("%d tasks have failed after a restart, want %d, and nothing to log:\n%s", n, len(spoilers()), log.String())
		}
		time.Sleep(7*24*time.Hour - time.Hour)
		r.leavesNothing()
		if n := s.count(); n != 0 {
			t.Errorf("the storage has %d tasks, want none", n)
		}
	})
}

// A malformed task that the storage does not take back is set aside all the same.
func TestMalformedWithStorageOutOfOrder(t *testing.T) {
	t.Parallel()
	bad := labelled("bad")[0]
	s := &loose{newRecords(t), []*task.Task{bad}}
	s.breakDown("SaveTask")
	r := newRig(t, &memory.Options{Storage: s})
	if n := r.counts(task.DefaultQueue)[task.StatusFailed]; n != 1 {
		t.Errorf("%d tasks have failed, want 1", n)
	}
}

// Of two tasks with one ID, the one that has not ended is kept: the other is
// what could not be deleted when its time had come.
func TestLeftBehindTwin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := newRig(t, &memory.Options{Storage: s, Bounds: bounds(1)})
		id := uuid.New()
		twins := labelled("a", "b")
		twins[0].ID, twins[0].Queue, twins[1].ID, twins[1].Queue = id, "a", id, "b"
		r.enqueue(twins...)
		r.settleAll(outcomes(broker.Outcome{Status: task.StatusFailed, Keep: time.Hour}, r.lease(1, "b")...))
		r.settle(task.StatusCompleted, r.lease(1, "a")...)
		s.breakDown("DeleteTask")
		other := labelled("other")[0]
		other.Queue = "b"
		r.enqueue(other)
		r.settleAll(outcomes(broker.Outcome{Status: task.StatusFailed, Keep: time.Hour}, r.lease(1, "b")...))
		s.breakDown("")
		again := labelled("again")[0]
		again.ID, again.Queue = id, "b"
		r.enqueue(again)
		if n := s.count(); n != 3 {
			t.Fatalf("the storage has %d tasks, want the twins and the other", n)
		}
		r = s.reopen(r)
		time.Sleep(2 * time.Hour)
		held := r.lease(9, "b")
		r.isLeased(held, "again")
		r.settle(task.StatusCompleted, held...)
	})
}

// An identical task is no conflict after a restart either, until it was
// answered for.
func TestIdenticalOverRestart(t *testing.T) {
	t.Parallel()
	s := newRecords(t)
	r := s.open(t)
	a := labelled("a")[0]
	r.enqueue(a)
	r = s.reopen(r)
	r.enqueue(a.Clone())
	held := r.lease(9)
	r.isLeased(held, "a")
	r = s.reopen(r)
	r.enqueue(a.Clone())
	held = r.lease(9)
	r.isLeased(held, "a")
	r.settle(task.StatusRetrying, held...)
	r = s.reopen(r)
	if errs := r.Enqueue(t.Context(), []*task.Task{a.Clone()}); len(errs) != 1 || !errors.Is(errs[0], task.ErrDuplicate) {
		t.Errorf("Enqueue of a task that is retrying returned %v, want ErrDuplicate", errs)
	}

	kept := labelled("kept")[0]
	kept.Retention = time.Hour
	r.enqueue(kept)
	for _, l := range r.lease(9) {
		r.settleAll([]broker.Outcome{{Lease: l, Status: task.StatusCompleted, Keep: time.Hour}})
	}
	r = s.reopen(r)
	if errs := r.Enqueue(t.Context(), []*task.Task{kept.Clone()}); len(errs) != 1 || !errors.Is(errs[0], task.ErrDuplicate) {
		t.Errorf("Enqueue of a task that has ended returned %v, want ErrDuplicate", errs)
	}
}
