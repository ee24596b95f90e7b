package brokertest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func orderRules() []rule {
	return []rule{
		{ordered, "higher priority first, then first-in first-out", priorityThenAge},
		{ordered, "a batch of leases is in order", batchesAreOrdered},
		{ordered, "priority goes from 1 to 255", extremesAreOrdered},
		{ordered, "due tasks are ordered by priority, not by due time", dueByPriority},
		{ordered, "due tasks of one priority run in the order of their time", dueByTime},
		{ordered, "a due task goes before pending ones of lower priority", dueBeforeLower},
		{ordered, "a released task goes before others of its priority", releasedGoesFirst},
		{ordered, "a retried task keeps its priority", retriedKeepsPriority},
		{ordered, "leases that have run out go first, the oldest first", expiredGoFirst},
		{ordered, "queues named earlier are preferred", queuesArePreferred},
	}
}

// inOrder leases the tasks one by one, in this order, and ends them.
func (s *trial) inOrder(want ...string) {
	s.Helper()
	s.inOrderBy(1, want...)
}

// inOrderBy leases up to most a call.
func (s *trial) inOrderBy(most int, want ...string) {
	s.Helper()
	got := s.leases(len(want), most)
	if found := labels(got); !slices.Equal(found, want) {
		s.Errorf("leased %q, want %q", found, want)
	}
	s.end(got...)
	s.leavesNothing()
}

func priorityThenAge(s *trial)   { randomOrder(s, 1) }
func batchesAreOrdered(s *trial) { randomOrder(s, 7) }

func randomOrder(s *trial, most int) {
	random := s.random()
	levels := []task.Priority{1, task.LowPriority, 0, task.HighPriority, 255}
	var tasks []*task.Task
	for i := range 60 {
		tasks = append(tasks, newTaskOf(fmt.Sprint(i), levels[random.IntN(len(levels))]))
	}
	for rest := tasks; len(rest) > 0; {
		n := 1 + random.IntN(min(10, len(rest)))
		s.enqueue(rest[:n]...)
		rest = rest[n:]
	}
	slices.SortStableFunc(tasks, func(a, b *task.Task) int { return int(b.Priority) - int(a.Priority) })
	var want []string
	for _, t := range tasks {
		want = append(want, string(t.Payload))
	}
	s.inOrderBy(most, want...)
}

// random returns a source whose seed a failure shows.
func (s *trial) random() *rand.Rand {
	seed := rand.Uint64()
	s.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func extremesAreOrdered(s *trial) {
	s.enqueue(newTaskOf("1", 1), newTaskOf("2", 2), newTaskOf("254", 254), newTaskOf("255", 255),
		newTaskOf("127", 127), newTaskOf("default", 0), newTaskOf("129", 129))
	s.inOrder("255", "254", "129", "default", "127", "2", "1")
}

// enqueueDue enqueues tasks that fall due one after another, and waits until
// all have.
func (s *trial) enqueueDue(tasks ...*task.Task) {
	s.Helper()
	due := s.now().Add(short)
	for i, t := range tasks {
		t.RunAt = due.Add(time.Duration(i) * 5 * grain)
	}
	s.enqueue(tasks...)
	s.pass(short + time.Duration(len(tasks))*5*grain)
}

func dueByPriority(s *trial) {
	s.enqueueDue(newTaskOf("low", 1), newTask("medium"), newTaskOf("high", 255))
	s.inOrder("high", "medium", "low")
}

func dueByTime(s *trial) {
	s.enqueueDue(newTasks(4)...)
	s.inOrder("0", "1", "2", "3")
}

func dueBeforeLower(s *trial) {
	s.enqueue(newTask("pending"), newTaskOf("first", 255))
	s.enqueueDue(newTaskOf("due", task.HighPriority), newTaskOf("due last", task.LowPriority))
	s.inOrder("first", "due", "pending", "due last")
}

func releasedGoesFirst(s *trial) {
	s.enqueue(newTask("a"), newTask("b"), newTask("c"))
	got := s.lease()
	s.enqueue(newTaskOf("urgent", task.HighPriority), newTaskOf("idle", task.LowPriority))
	s.settle(broker.Outcome{Lease: got, Status: task.StatusPending, Task: got.Task})
	s.inOrder("urgent", "a", "b", "c", "idle")
}

func retriedKeepsPriority(s *trial) {
	s.enqueue(newTaskOf("high", 255), newTaskOf("low", 1), newTask("medium"))
	for _, l := range slices.Backward(s.leases(3, 3)) {
		s.settle(broker.Outcome{Lease: l, Status: task.StatusRetrying, Task: l.Task})
	}
	s.pass(grain)
	s.inOrder("high", "medium", "low")
}

func expiredGoFirst(s *trial) {
	s.enqueue(newTaskOf("oldest", 1), newTask("older"), newTaskOf("urgent", 255))
	durations := map[string]time.Duration{"oldest": short, "older": short + 20*grain, "urgent": long}
	held := s.leases(3, 3)
	for _, l := range held {
		s.extend(durations[string(l.Task.Payload)], l)
	}
	s.enqueue(newTaskOf("pending", 255))
	s.pass(short + 20*grain)
	got := s.leases(3, 2)
	if found := labels(got); !slices.Equal(found, []string{"oldest", "older", "pending"}) {
		s.Errorf("leased %q, want those that ran out, the oldest first, then the pending one", found)
	}
	s.end(append(got, held[0])...)
	s.leavesNothing()
}

func queuesArePreferred(s *trial) {
	for _, queue := range []string{"a", "b", "c"} {
		t := newTask("of " + queue)
		t.Queue = queue
		s.enqueue(t)
	}
	req := s.request(s.worker(), 1)
	for _, want := range []string{"c", "a", "b"} {
		req.Queues = []string{"c", "a", "b"}
		got := s.leaseAs(req)
		if got.Queue != want {
			s.Errorf("leased a task of queue %s, want one of %s, which is preferred", got.Queue, want)
		}
		s.end(got)
	}
	s.leavesNothing("a", "b", "c")
}
