package brokertest

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func reviseRules() []rule {
	return []rule{
		{obeyed, "a waiting task gets a new payload and priority", revisesWaiting},
		{obeyed, "a waiting task can be cancelled", cancelsWaiting},
		{obeyed, "a task that waits or has ended can be deleted", deletes},
		{obeyed, "each revised task is judged by itself", judgesEach},
		{obeyed, "a task that has ended is not cancelled", endedIsNotCancelled},
		{obeyed, "a waiting task can be made due", makesDue},
		{ordered, "a pending task keeps its turn when its priority changes", keepsTurn},
		{idle, "a blocked Lease is woken by a revision", revisionWakes},
		{whole, "a bad change is refused", badChange},
		{repeatable, "a revision is answered as it was", lostRevision},
	}
}

func rerunRules() []rule {
	return []rule{
		{obeyed, "an ended task that runs again begins anew and keeps its history", rerunsAnew},
		{obeyed, "tasks that run again are spaced", rerunsSpaced},
		{exclusive, "a task that runs again takes its lock again", rerunTakesLock},
		{exclusive, "a task that is unique by its payload keeps it until its end", uniquePayloadStays},
	}
}

// revise changes tasks that must be changed.
func (s *trial) revise(change broker.Change, ids ...uuid.UUID) {
	s.Helper()
	if errs := s.operator().Revise(s.ctx, task.DefaultQueue, ids, change); errs != nil {
		s.Fatalf("Revise returned %v, want nil", errs)
	}
}

// refuses checks the errors of a revision.
func (s *trial) refuses(change broker.Change, ids []uuid.UUID, want ...error) {
	s.Helper()
	s.match("Revise", s.operator().Revise(s.ctx, task.DefaultQueue, ids, change), want...)
}

// waiting are the statuses of a task that waits.
func waiting() []task.Status {
	return []task.Status{task.StatusScheduled, task.StatusPending, task.StatusRetrying}
}

func (s *trial) isNotFound(id uuid.UUID) {
	s.Helper()
	if got, err := s.inspector().Task(s.ctx, task.DefaultQueue, id); !errors.Is(err, task.ErrNotFound) {
		s.Errorf("Task returned %v, %v, want ErrNotFound", got, err)
	}
}

func uniquePayloadStays(s *trial) {
	byPayload, byKey := newTask("old"), unique("key", task.UntilEnded)
	byPayload.Unique.Mode = task.UntilEnded
	s.enqueue(byPayload, byKey)
	change := broker.Change{Payload: []byte("new")}
	var refused *task.FieldError
	errs := s.operator().Revise(s.ctx, task.DefaultQueue, []uuid.UUID{byPayload.ID, byKey.ID}, change)
	if len(errs) != 2 || !errors.As(errs[0], &refused) || errs[1] != nil {
		s.Errorf("Revise of the payload of a task unique by it, and of one by a key: %v, want the first refused with a *task.FieldError", errs)
	}
	got := s.lease()
	if string(got.Task.Payload) != "old" {
		s.Errorf("leased %s, want the task as it was", describe([]broker.Lease{got}))
	}
	s.settle(broker.Outcome{Lease: got, Status: task.StatusFailed, Task: got.Task, Keep: long})
	s.revise(change, byPayload.ID)
	s.end(s.lease())
}

func revisesWaiting(s *trial) {
	s.operator()
	s.inspector()
	ids := s.populate()
	for _, status := range waiting() {
		before := s.shown(ids[status], status)
		s.revise(broker.Change{Priority: 7, Payload: []byte("new")}, ids[status])
		got := s.shown(ids[status], status)
		if string(got.Payload) != "new" || got.Priority != 7 || got.Headers["key"] != "value" || got.Attempt != before.Attempt ||
			!got.RunAt.Equal(before.RunAt) {
			s.Errorf("the revised %s task is %+v", status, *got)
		}
		s.revise(broker.Change{}, ids[status])
	}
	got := s.lease()
	if string(got.Task.Payload) != "new" || got.Priority != 7 || got.Task.Priority != 7 {
		s.Errorf("leased %+v with priority %d, want the revised task", *got.Task, got.Priority)
	}
}

func cancelsWaiting(s *trial) {
	s.operator()
	s.inspector()
	ids := s.populate()
	for _, status := range waiting() {
		s.revise(broker.Change{Status: task.StatusCancelled, Keep: long}, ids[status])
		s.shown(ids[status], task.StatusCancelled)
		s.revise(broker.Change{Status: task.StatusCancelled, Keep: long}, ids[status])
	}
	s.nothing()
	t := newTask("not kept")
	s.enqueue(t)
	s.revise(broker.Change{Status: task.StatusCancelled}, t.ID)
	s.isNotFound(t.ID)
	s.nothing()
}

func deletes(s *trial) {
	s.operator()
	s.inspector()
	ids := s.populate()
	for status, id := range ids {
		if status != task.StatusRunning {
			s.revise(broker.Change{Delete: true}, id)
			s.isNotFound(id)
		}
	}
	s.nothing()
}

func judgesEach(s *trial) {
	s.operator()
	s.inspector()
	ids := s.populate()
	three := []uuid.UUID{ids[task.StatusRunning], uuid.New(), ids[task.StatusFailed]}
	s.refuses(broker.Change{Payload: []byte("new")}, three, task.ErrRunning, task.ErrNotFound, nil)
	s.refuses(broker.Change{Status: task.StatusPending, Delay: long}, three, task.ErrRunning, task.ErrNotFound, nil)
	s.refuses(broker.Change{Delete: true}, three, task.ErrRunning, task.ErrNotFound, nil)
	if got := s.shown(ids[task.StatusRunning], task.StatusRunning); string(got.Payload) != string(task.StatusRunning) {
		s.Errorf("a refused revision has made the payload %q", got.Payload)
	}
	errs := s.operator().Revise(s.ctx, "unknown", three[:1], broker.Change{Delete: true})
	s.match("Revise in an unknown queue", errs, task.ErrNotFound)
}

func endedIsNotCancelled(s *trial) {
	s.operator()
	s.inspector()
	ids := s.populate()
	ended := []uuid.UUID{ids[task.StatusCompleted], ids[task.StatusFailed], ids[task.StatusCancelled]}
	s.refuses(broker.Change{Status: task.StatusCancelled}, ended, task.ErrEnded, task.ErrEnded, nil)
	for _, status := range endStatuses() {
		s.shown(ids[status], status)
	}
}

func makesDue(s *trial) {
	s.operator()
	s.inspector()
	ids := s.populate()
	s.end(s.lease())
	for _, status := range []task.Status{task.StatusScheduled, task.StatusRetrying} {
		s.revise(broker.Change{Status: task.StatusPending}, ids[status])
		got := s.lease()
		if got.ID != ids[status] {
			s.Errorf("leased %s, want the %s task", describe([]broker.Lease{got}), status)
		}
		s.settle(broker.Outcome{Lease: got, Status: status, Delay: long})
	}
	id := ids[task.StatusScheduled]
	s.revise(broker.Change{Status: task.StatusPending, Delay: short}, id)
	s.advance(short)
	got := s.lease()
	if got.ID != id {
		s.Errorf("leased %s, want what was made due", describe([]broker.Lease{got}))
	}
	s.end(got)
}

func keepsTurn(s *trial) {
	moved := newTaskOf("b", 1)
	s.operator()
	s.enqueue(newTask("a"), moved, newTask("c"))
	s.revise(broker.Change{Priority: task.MediumPriority}, moved.ID)
	s.inOrder("a", "b", "c")
}

func revisionWakes(s *trial) {
	s.operator()
	t := newTask("later")
	t.RunAt = s.now().Add(long)
	s.enqueue(t)
	done := s.blocked(s.request(s.worker(), 1))
	s.revise(broker.Change{Status: task.StatusPending}, t.ID)
	s.awaitAll([]<-chan leased{done})
	s.leavesNothing()
}

func badChange(s *trial) {
	s.operator()
	t := newTask("as it was")
	s.enqueue(t)
	for _, change := range []broker.Change{
		{Status: task.StatusCompleted}, {Status: "done"}, {Status: task.StatusPending, Delete: true}, {Priority: 256}, {Priority: -1},
	} {
		s.refuses(change, []uuid.UUID{t.ID}, task.ErrInvalid)
	}
	s.onlyOne("as it was")
}

func lostRevision(s *trial) {
	s.operator()
	tasks := newTasks(4)
	s.enqueue(tasks...)
	s.lose()
	s.revise(broker.Change{Delete: true}, tasks[0].ID)
	s.lose()
	s.refuses(broker.Change{Delete: true}, []uuid.UUID{tasks[1].ID, uuid.New()}, nil, task.ErrNotFound)
	s.inOrder("2", "3")
}

// fail has a task fail at its third attempt, and stay readable.
func (s *trial) fail(t *task.Task) {
	s.Helper()
	s.enqueue(t)
	held := s.lease()
	held.Task.Attempt, held.Task.LastError = 3, "why"
	held.Task.Snoozes, held.Task.Excused = 5, 7
	broker.AddRun(held.Task, task.Run{Attempt: 3, Error: "why"})
	s.settle(broker.Outcome{Lease: held, Status: task.StatusFailed, Task: held.Task, Keep: long})
}

func rerunsAnew(s *trial) {
	s.operator()
	t := newTask("again")
	s.fail(t)
	s.revise(broker.Change{Status: task.StatusPending}, t.ID)
	got := s.lease()
	if got.ID != t.ID || got.Task.Attempt != 0 || got.Deliveries != 1 {
		s.Errorf("leased %s with Attempt %d, want the failed task with Attempt 0", describe([]broker.Lease{got}), got.Task.Attempt)
	}
	if got.Task.Snoozes != 0 || got.Task.Excused != 0 {
		s.Errorf("it has Snoozes %d and Excused %d, want 0", got.Task.Snoozes, got.Task.Excused)
	}
	if len(got.Task.History) != 1 || got.Task.History[0].Error != "why" || got.Task.LastError != "why" {
		s.Errorf("it has the history %+v and LastError %q, want both as they were", got.Task.History, got.Task.LastError)
	}
	s.end(got)
	s.leavesNothing()
}

func rerunsSpaced(s *trial) {
	s.operator()
	s.inspector()
	var ids []uuid.UUID
	for i := range 3 {
		t := newTask(fmt.Sprint(i))
		s.fail(t)
		ids = append(ids, t.ID)
	}
	before := s.now()
	s.revise(broker.Change{Status: task.StatusPending, Delay: long, Spacing: 2 * long}, ids...)
	for i, id := range ids {
		want := long + time.Duration(i)*2*long
		if wait := s.shown(id, task.StatusScheduled).RunAt.Sub(before); wait < want-grain || wait > want+s.patience {
			s.Errorf("task %d is due in %v, want %v", i, wait, want)
		}
	}
	s.nothing()
}

func rerunTakesLock(s *trial) {
	s.operator()
	for _, mode := range []task.UniqueMode{task.UntilStarted, task.UntilEnded} {
		failed, other := unique("failed", mode), unique("other", mode)
		s.fail(failed)
		s.standsAlone(other)
		errs := s.operator().Revise(s.ctx, task.DefaultQueue, []uuid.UUID{failed.ID}, broker.Change{Status: task.StatusPending})
		s.isExcluded("Revise", errs, other.ID)
		s.end(s.lease())
		s.revise(broker.Change{Status: task.StatusPending}, failed.ID)
		s.excluded(failed.ID, unique("refused", mode))
		s.onlyOne("failed")
	}
}
