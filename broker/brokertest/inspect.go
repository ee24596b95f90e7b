package brokertest

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func inspectRules() []rule {
	return []rule{
		{lossless, "every task counts under one status", countsAddUp},
		{lossless, "every task can be found where it stands", tasksAreFound},
		{lossless, "the queues that had a task are known", queuesAreKnown},
		{lossless, "what is unknown is not found", unknownIsNotFound},
		{lossless, "pages show every task once", pagesShowAll},
		{lossless, "what inspection returns may be changed", inspectedMayChange},
		{ordered, "pending tasks are listed in the order in which they will run", pendingInOrder},
		{ordered, "delayed tasks are listed in the order in which they will run", delayedInOrder},
		{ordered, "ended tasks are listed in the order in which they will go", endedInOrder},
		{whole, "a bad inspection is refused", badInspection},
	}
}

// populate brings one task into each status, and returns their IDs.
func (s *trial) populate() map[task.Status]uuid.UUID {
	s.Helper()
	ids := make(map[task.Status]uuid.UUID)
	for _, status := range append(endStatuses(), task.StatusRetrying) {
		s.enqueue(headed(string(status)))
		held := s.lease()
		held.Task.Attempt = 1
		s.settle(broker.Outcome{Lease: held, Status: status, Task: held.Task, Delay: long, Keep: long})
		ids[status] = held.ID
	}
	s.enqueue(headed(string(task.StatusRunning)))
	ids[task.StatusRunning] = s.lease().ID
	scheduled, pending := headed(string(task.StatusScheduled)), headed(string(task.StatusPending))
	scheduled.RunAt = s.now().Add(long)
	s.enqueue(scheduled, pending)
	ids[task.StatusScheduled], ids[task.StatusPending] = scheduled.ID, pending.ID
	return ids
}

func countsAddUp(s *trial) {
	inspector := s.inspector()
	s.populate()
	counts, err := inspector.Counts(s.ctx, task.DefaultQueue)
	if err != nil {
		s.Fatalf("Counts: %v", err)
	}
	for _, status := range task.Statuses() {
		if counts[status] != 1 {
			s.Errorf("Counts returned %d %s tasks, want 1", counts[status], status)
		}
	}
	s.enqueue(newTasks(3)...)
	s.end(s.leases(2, 2)...)
	counts, err = inspector.Counts(s.ctx, task.DefaultQueue)
	if err != nil || counts[task.StatusPending] != 2 || counts[task.StatusCompleted] != 1 {
		s.Errorf("Counts returned %v, %v, want 2 pending and 1 completed", counts, err)
	}
}

func tasksAreFound(s *trial) {
	inspector := s.inspector()
	before := s.now()
	for status, id := range s.populate() {
		got, err := inspector.Task(s.ctx, task.DefaultQueue, id)
		if err != nil {
			s.Errorf("the %s task: %v", status, err)
			continue
		}
		s.standsAt(got, status, id, before)
		listed, next, err := inspector.Tasks(s.ctx, task.DefaultQueue, status, "", 10)
		if err != nil || next != "" || len(listed) != 1 {
			s.Errorf("Tasks returned %d %s tasks, cursor %q, error %v, want 1 on the last page", len(listed), status, next, err)
			continue
		}
		s.standsAt(listed[0], status, id, before)
	}
}

// standsAt checks what inspection says of the task of populate.
func (s *trial) standsAt(got *task.Task, status task.Status, id uuid.UUID, before time.Time) {
	s.Helper()
	if got.ID != id || got.Status != status || string(got.Payload) != string(status) || got.Headers["key"] != "value" {
		s.Errorf("the %s task is shown as %+v", status, *got)
	}
	if status == task.StatusScheduled || status == task.StatusRetrying {
		if wait := got.RunAt.Sub(before); wait < long-grain || wait > long+s.patience {
			s.Errorf("the %s task has RunAt in %v, want about %v", status, wait, long)
		}
	}
	if (status.Ended() || status == task.StatusRetrying) && got.Attempt != 1 {
		s.Errorf("the %s task has Attempt %d, want 1 as its worker said", status, got.Attempt)
	}
}

func queuesAreKnown(s *trial) {
	inspector := s.inspector()
	for _, queue := range []string{"b", "a", "c", "a"} {
		t := newTask("known")
		t.Queue = queue
		s.enqueue(t)
	}
	queues, err := inspector.Queues(s.ctx)
	if err != nil || !slices.Equal(queues, []string{"a", "b", "c"}) {
		s.Errorf("Queues returned %q, %v, want a, b, c", queues, err)
	}
}

func unknownIsNotFound(s *trial) {
	inspector := s.inspector()
	s.enqueue(newTask("known"))
	for _, queue := range []string{task.DefaultQueue, "unknown"} {
		if got, err := inspector.Task(s.ctx, queue, uuid.New()); !errors.Is(err, task.ErrNotFound) {
			s.Errorf("Task of queue %s returned %v, %v, want ErrNotFound", queue, got, err)
		}
	}
	counts, err := inspector.Counts(s.ctx, "unknown")
	for status, n := range counts {
		if n != 0 {
			s.Errorf("an unknown queue has %d %s tasks", n, status)
		}
	}
	if err != nil {
		s.Errorf("Counts: %v", err)
	}
	if tasks, next, err := inspector.Tasks(s.ctx, "unknown", task.StatusPending, "", 10); len(tasks) > 0 || next != "" || err != nil {
		s.Errorf("Tasks of an unknown queue returned %d tasks, cursor %q, error %v", len(tasks), next, err)
	}
}

// list returns the labels of all tasks of one status, page by page.
func (s *trial) list(status task.Status, limit int) []string {
	s.Helper()
	var found []string
	cursor := ""
	for range 50 {
		tasks, next, err := s.inspector().Tasks(s.ctx, task.DefaultQueue, status, cursor, limit)
		if err != nil {
			s.Fatalf("Tasks: %v", err)
		}
		if len(tasks) > limit {
			s.Errorf("Tasks returned %d tasks, want at most %d", len(tasks), limit)
		}
		for _, t := range tasks {
			found = append(found, string(t.Payload))
		}
		if next == "" {
			return found
		}
		cursor = next
	}
	s.Fatalf("Tasks returned no last page of %d", limit)
	return nil
}

func (s *trial) isListed(status task.Status, want ...string) {
	s.Helper()
	for _, limit := range []int{1, 3, len(want), broker.MaxBatch} {
		if found := s.list(status, limit); !slices.Equal(found, want) {
			s.Errorf("the %s tasks in pages of %d are %q, want %q", status, limit, found, want)
		}
	}
}

func pagesShowAll(s *trial) {
	s.inspector()
	s.enqueue(newTasks(10)...)
	s.leases(10, 10)
	for _, limit := range []int{1, 3, 10, 100} {
		found := s.list(task.StatusRunning, limit)
		slices.Sort(found)
		if got := strings.Join(found, ""); got != "0123456789" {
			s.Errorf("pages of %d show %q, want each of 0 to 9 once", limit, found)
		}
	}
}

func inspectedMayChange(s *trial) {
	inspector := s.inspector()
	t := headed("kept")
	s.enqueue(t)
	got, err := inspector.Task(s.ctx, task.DefaultQueue, t.ID)
	if err != nil {
		s.Fatalf("Task: %v", err)
	}
	scribble(got)
	listed, _, err := inspector.Tasks(s.ctx, task.DefaultQueue, task.StatusPending, "", 1)
	if err != nil || len(listed) != 1 {
		s.Fatalf("Tasks returned %d tasks, %v", len(listed), err)
	}
	scribble(listed[0])
	held := s.lease()
	if !bytes.Equal(given(held.Task), given(t)) {
		s.Errorf("the leased task shows what was done to an inspected one: %+v", *held.Task)
	}
	s.end(held)
}

func pendingInOrder(s *trial) {
	s.inspector()
	s.enqueue(newTask("released"))
	held := s.lease()
	s.enqueue(newTask("a"), newTaskOf("low", 1), newTask("b"), newTaskOf("high", 255), newTask("c"))
	s.settle(become(task.StatusPending, held)...)
	want := []string{"high", "released", "a", "b", "c", "low"}
	s.isListed(task.StatusPending, want...)
	s.inOrder(want...)
}

func delayedInOrder(s *trial) {
	s.inspector()
	now := s.now()
	for _, label := range []string{"3", "1", "2", "4"} {
		t := newTask(label)
		t.RunAt = now.Add(time.Duration(label[0]-'0') * long)
		s.enqueue(t)
	}
	s.isListed(task.StatusScheduled, "1", "2", "3", "4")
	s.settleInSteps(task.StatusRetrying)
	s.isListed(task.StatusRetrying, "1", "2", "3", "4")
}

func endedInOrder(s *trial) {
	s.inspector()
	for _, status := range endStatuses() {
		s.settleInSteps(status)
		s.isListed(status, "1", "2", "3", "4")
	}
}

// settleInSteps settles task n to wait, or to be kept, for n hours.
func (s *trial) settleInSteps(status task.Status) {
	s.Helper()
	for _, label := range []string{"3", "1", "2", "4"} {
		s.enqueue(newTask(label))
		steps := time.Duration(label[0]-'0') * long
		s.settle(broker.Outcome{Lease: s.lease(), Status: status, Delay: steps, Keep: steps})
	}
}

func badInspection(s *trial) {
	inspector := s.inspector()
	s.enqueue(newTasks(3)...)
	refused := func(what string, err error) {
		s.Helper()
		if !errors.Is(err, task.ErrInvalid) {
			s.Errorf("%s returned error %v, want ErrInvalid", what, err)
		}
	}
	_, _, err := inspector.Tasks(s.ctx, task.DefaultQueue, "done", "", 1)
	refused("Tasks of an unknown status", err)
	_, _, err = inspector.Tasks(s.ctx, task.DefaultQueue, task.StatusPending, "", 0)
	refused("Tasks with limit 0", err)
	_, _, err = inspector.Tasks(s.ctx, task.DefaultQueue, task.StatusPending, "", -1)
	refused("Tasks with limit -1", err)
	_, _, err = inspector.Tasks(s.ctx, task.DefaultQueue, task.StatusPending, "no cursor", 1)
	refused("Tasks with a made-up cursor", err)
	_, err = inspector.Counts(s.ctx, "{bad}")
	refused("Counts of a bad queue", err)
	_, err = inspector.Task(s.ctx, "", uuid.New())
	refused("Task of a queue without name", err)
}
