package brokertest

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func parkedRules() []rule {
	return []rule{
		{lossless, "a parked task waits for a worker that handles its name", parkedWaits},
		{lossless, "a parked task of any of many names is found by a new call", parkedAmongMany},
		{lossless, "parked tasks outlive a restart", parkedOutlivesRestart},
		{crashproof, "parking forgets no lost worker", parkingForgetsNothing},
		{crashproof, "only an answered attempt forgets lost workers", answersAloneForget},
		{crashproof, "a lost worker's parked task runs again", parkedIsRecovered},
		{repeatable, "parking is answered as it was", lostParking},
		{repeatable, "leases of parked tasks are not stranded", lostUnparking},
		{ordered, "parked tasks go after leases that have run out, before pending ones, in their order", parkedInOrder},
		{observed, "a parked task is shown as scheduled, with the RunAt that it had", parkedIsShown},
		{obeyed, "a parked task can be cancelled, deleted and changed", parkedIsRevised},
		{obeyed, "a parked task that is made pending is for everybody", parkedIsRerun},
		{obeyed, "a task that was parked again is leased once", parkedAgain},
		{obeyed, "parked tasks of a paused queue wait for its end", parkedWhilePaused},
		{idle, "a blocked Lease is woken by the parking of a task that it handles", wokenByParking},
		{idle, "parked tasks wake nobody who does not handle them", parkedWakesNobody},
		{exclusive, "a parked task keeps its lock, and gives its place to a newcomer", parkedIsUnique},
		{together, "a group that was parked takes no more", parkedGroup},
		{whole, "a bad parking is refused", badParking},
		{tolerant, "a Handles that panics or ends its goroutine says no", badHandles},
		{clean, "nothing is left of parked tasks", parkedLeavesNothing},
	}
}

// handles says yes to these names.
func handles(names ...string) func(string) bool {
	return func(name string) bool { return slices.Contains(names, name) }
}

func named(name, label string) *task.Task {
	t := newTask(label)
	t.Name = name
	return t
}

// knowing is the request of a worker that handles these names.
func (s *trial) knowing(most int, names ...string) broker.LeaseRequest {
	req := s.request(s.worker(), most)
	req.Handles = handles(names...)
	return req
}

func parking(leases ...broker.Lease) []broker.Outcome {
	outcomes := become(task.StatusScheduled, leases...)
	for i := range outcomes {
		outcomes[i].Parked = true
	}
	return outcomes
}

// parked enqueues tasks and parks them, each by itself.
func (s *trial) parked(tasks ...*task.Task) {
	s.Helper()
	for _, t := range tasks {
		s.enqueue(t)
		held := s.leaseAs(s.knowing(1))
		if held.ID != t.ID {
			s.Fatalf("leased %s, want the task that is to be parked", describe([]broker.Lease{held}))
		}
		s.settle(parking(held)...)
	}
}

// nothingFor checks that there is nothing for a worker that handles these names.
func (s *trial) nothingFor(names ...string) {
	s.Helper()
	s.blockAs(s.knowing(1, names...), blink)
}

func parkedWaits(s *trial) {
	s.parked(named("a", "parked"))
	s.nothingFor()
	s.nothingFor("b", "aa", "")
	s.enqueue(named("b", "other"))
	other := s.leaseAs(s.knowing(1, "b"))
	if other.Task.Name != "b" {
		s.Errorf("leased %s, want the pending task", describe([]broker.Lease{other}))
	}
	got := s.leaseAs(s.knowing(1, "b", "a"))
	if got.Deliveries != 1 || got.Task.Attempt != 0 || string(got.Task.Payload) != "parked" {
		s.Errorf("leased %s with Attempt %d, want the parked task as it was", describe([]broker.Lease{got}), got.Task.Attempt)
	}
	s.nothing()
	s.end(got, other)
	s.leavesNothing()
}

func parkedAmongMany(s *trial) {
	const many = 230
	for i := range many {
		s.enqueue(named(fmt.Sprintf("unknown-%03d", i), "parked"))
	}
	held := s.leases(many, many)
	s.settle(parking(held...)...)
	got := s.leaseAs(s.knowing(1, "unknown-229"))
	more := s.leaseAs(s.knowing(1, "unknown-117"))
	if got.Task.Name != "unknown-229" || more.Task.Name != "unknown-117" {
		s.Errorf("leased %q and %q, want unknown-229 and unknown-117", got.Task.Name, more.Task.Name)
	}
	s.end(got, more)
	s.end(s.leases(many-2, many)...)
	s.leavesNothing()
}

func parkedOutlivesRestart(s *trial) {
	_, current := s.overtaken(named("a", "parked"))
	s.settle(parking(current)...)
	s = s.restarted()
	got := s.lease()
	if got.Deliveries != 2 || got.Token <= current.Token || got.Task.Name != "a" {
		s.Errorf("leased %s after token %d, want delivery 2 with a greater token", describe([]broker.Lease{got}), current.Token)
	}
	s.end(got)
	s.leavesNothing()
}

func parkingForgetsNothing(s *trial) {
	_, current := s.overtaken(newTask("unlucky"))
	for range 2 {
		s.settle(parking(current)...)
		s.mustLose(current)
		s.nothingFor()
		current = s.lease()
		s.allDeliveries([]broker.Lease{current}, 2)
	}
	s.end(current)
	s.leavesNothing()
}

// answersAloneForget settles a second delivery in each way that lets the task run
// again.
func answersAloneForget(s *trial) {
	for _, way := range []struct {
		outcome broker.Outcome
		want    int
	}{
		{broker.Outcome{Status: task.StatusRetrying}, 1},
		{broker.Outcome{Status: task.StatusScheduled}, 1},
		{broker.Outcome{Status: task.StatusPending}, 2},
		{broker.Outcome{Status: task.StatusPending, Delay: short}, 2},
		{broker.Outcome{Status: task.StatusScheduled, Parked: true}, 2},
	} {
		_, current := s.overtaken(newTask("unlucky"))
		way.outcome.Lease = current
		s.settle(way.outcome)
		s.pass(way.outcome.Delay)
		got := s.lease()
		if got.Deliveries != way.want {
			s.Errorf("after %s, Parked %v, leased as delivery %d, want %d", way.outcome.Status, way.outcome.Parked, got.Deliveries, way.want)
		}
		s.end(got)
	}
	s.leavesNothing()
}

func parkedIsRecovered(s *trial) {
	s.parked(named("a", "poison"))
	req := s.knowing(1, "a")
	req.Duration = short
	first := s.leaseAs(req)
	s.advance(short)
	got := s.leaseAs(s.knowing(1))
	s.allDeliveries([]broker.Lease{got}, 2)
	s.mustLose(first)
	s.settle(parking(got)...)
	got = s.leaseAs(s.knowing(1, "a"))
	s.allDeliveries([]broker.Lease{got}, 2)
	s.end(got)
	s.leavesNothing()
}

func lostParking(s *trial) {
	s.enqueue(named("a", "parked"))
	held := s.lease()
	s.lose()
	s.settle(parking(held)...)
	s.nothingFor()
	s.end(s.leaseAs(s.knowing(1, "a")))
	s.nothing()
	s.mustLose(held)
	s.leavesNothing()
}

func lostUnparking(s *trial) {
	s.parked(named("a", "0"), named("a", "1"), named("a", "2"))
	s.lose()
	req := s.knowing(3, "a")
	got := s.ask(req)
	for len(got) < 3 {
		got = append(got, s.ask(req)...)
	}
	s.allDeliveries(got, 1)
	s.nothing()
	s.end(got...)
	s.leavesNothing()
}

func parkedInOrder(s *trial) {
	s.parked(named("a", "first"), named("b", "second"))
	high := named("a", "high")
	high.Priority = task.HighPriority
	s.parked(high, named("b", "raised"))
	raised := named("b", "raised, too")
	s.parked(raised)
	if _, ok := s.broker.(broker.Operator); ok {
		s.revise(broker.Change{Priority: task.HighPriority}, raised.ID)
	}
	s.enqueue(named("a", "run out"))
	dies := s.knowing(1)
	dies.Duration = short
	s.leaseAs(dies)
	s.pass(short)
	s.enqueue(newTaskOf("pending", 255))
	req := s.request(s.worker(), 1)
	var got []broker.Lease
	for len(got) < 7 {
		got = append(got, s.ask(req)...) // the first learns of the names
	}
	want := []string{"run out", "high", "raised, too", "first", "second", "raised", "pending"}
	if _, ok := s.broker.(broker.Operator); !ok {
		want = []string{"run out", "high", "first", "second", "raised", "raised, too", "pending"}
	}
	if found := labels(got); !slices.Equal(found, want) {
		s.Errorf("leased %q, want %q", found, want)
	}
	s.end(got...)
	s.leavesNothing()
}

func parkedIsShown(s *trial) {
	inspector := s.inspector()
	due := named("a", "was due")
	due.RunAt = s.now().Add(-time.Minute)
	s.parked(named("a", "parked"), due)
	counts, err := inspector.Counts(s.ctx, task.DefaultQueue)
	if err != nil || counts[task.StatusScheduled] != 2 || len(counts) != 1 {
		s.Errorf("Counts returned %v, %v, want 2 scheduled", counts, err)
	}
	listed, _, err := inspector.Tasks(s.ctx, task.DefaultQueue, task.StatusScheduled, "", 10)
	if err != nil || len(listed) != 2 || !listed[0].RunAt.IsZero() || !listed[1].RunAt.Equal(due.RunAt) {
		s.Errorf("Tasks returned %+v, %v, want both with their RunAt", listed, err)
	}
	if got := s.shown(due.ID, task.StatusScheduled); !got.RunAt.Equal(due.RunAt) {
		s.Errorf("the task has RunAt %v, want %v", got.RunAt, due.RunAt)
	}
	s.isParked(due, true)
	s.end(s.leases(2, 2)...)
	s.leavesNothing()
}

// isParked checks what a broker that can tell says of a task.
func (s *trial) isParked(t *task.Task, want bool) {
	s.Helper()
	if _, ok := s.broker.(broker.Monitor); !ok {
		return
	}
	if got := s.standing(t); got.Parked != want {
		s.Errorf("Standing of %s says Parked %v, want %v", t.Payload, got.Parked, want)
	}
}

func parkedIsRevised(s *trial) {
	s.operator()
	cancelled, deleted, changed := named("a", "cancelled"), named("a", "deleted"), named("a", "changed")
	s.parked(cancelled, deleted, changed)
	s.revise(broker.Change{Status: task.StatusCancelled, Keep: long}, cancelled.ID)
	s.revise(broker.Change{Delete: true}, deleted.ID)
	s.revise(broker.Change{Payload: []byte("new"), Priority: 200}, changed.ID)
	s.shown(cancelled.ID, task.StatusCancelled)
	s.isNotFound(deleted.ID)
	s.isParked(changed, true)
	s.nothingFor()
	got := s.leaseAs(s.knowing(10, "a"))
	if string(got.Task.Payload) != "new" || got.Priority != 200 {
		s.Errorf("leased %s with priority %d, want the changed task", describe([]broker.Lease{got}), got.Priority)
	}
	s.nothing()
	s.end(got)
}

func parkedIsRerun(s *trial) {
	s.operator()
	_, current := s.overtaken(named("a", "unlucky"))
	s.settle(parking(current)...)
	later := named("a", "later")
	s.parked(later)
	s.revise(broker.Change{Status: task.StatusPending}, current.ID)
	s.revise(broker.Change{Status: task.StatusPending, Delay: short}, later.ID)
	s.isParked(later, false)
	s.shown(current.ID, task.StatusPending)
	got := s.leaseAs(s.knowing(1))
	s.allDeliveries([]broker.Lease{got}, 1)
	s.pass(short)
	s.end(got, s.leaseAs(s.knowing(1)))
	s.leavesNothing()
}

func parkedAgain(s *trial) {
	s.operator()
	t := named("a", "again")
	s.parked(t)
	for range 3 {
		s.revise(broker.Change{Status: task.StatusPending}, t.ID)
		s.settle(parking(s.leaseAs(s.knowing(1)))...)
	}
	got := s.leaseAs(s.knowing(10, "a"))
	s.allDeliveries([]broker.Lease{got}, 1)
	s.nothing()
	s.settle(parking(got)...)
	s.end(s.leaseAs(s.knowing(10, "a")))
	s.leavesNothing()
}

func parkedWhilePaused(s *trial) {
	s.operator()
	s.parked(named("a", "parked"))
	s.pause()
	s.nothing()
	done := s.blocked(s.knowing(1, "a"))
	s.resume()
	got := s.await(done, s.prompt)
	s.end(got.leases...)
	s.leavesNothing()
}

// wokenByParking blocks a call that handles the task, which a worker that does not
// handle it has leased.
func wokenByParking(s *trial) {
	other := s
	if s.harness.Again != nil {
		other = s.another()
	}
	var took []time.Duration
	for range 5 {
		s.enqueue(named("a", "parked"))
		held := s.leaseAs(s.knowing(1))
		done := other.blocked(other.knowing(1, "a"))
		began := time.Now()
		s.settle(parking(held)...)
		got := other.await(done, s.prompt)
		if len(got.leases) != 1 {
			s.Fatalf("Lease returned %d leases and error %v", len(got.leases), got.err)
		}
		took = append(took, got.at.Sub(began))
		other.end(got.leases...)
	}
	s.isUsuallyQuick(took)
	s.leavesNothing()
}

func parkedWakesNobody(s *trial) {
	s.enqueue(named("a", "parked"))
	held := s.leaseAs(s.knowing(1))
	var asked atomic.Int32
	req := s.request(s.worker(), 1)
	req.Handles = func(string) bool { asked.Add(1); return false }
	done := s.blocked(req)
	s.settle(parking(held)...)
	s.block(4 * blink)
	s.enqueue(named("b", "pending"))
	got := s.await(done, s.prompt)
	if len(got.leases) != 1 || got.leases[0].Task.Name != "b" {
		s.Fatalf("leased %s, error %v, want the pending task", describe(got.leases), got.err)
	}
	if n := asked.Load(); n > 5 {
		s.Errorf("one call was asked %d times about one name", n)
	}
	s.end(got.leases...)
	s.end(s.lease())
	s.leavesNothing()
}

func parkedIsUnique(s *trial) {
	started := unique("started", task.UntilStarted)
	s.parked(started)
	s.refusedAs(started, unique("another", task.UntilStarted))
	s.end(s.leaseAs(s.knowing(1, started.Name)))

	latest, newcomer := unique("latest", task.Latest), unique("newcomer", task.Latest)
	s.parked(latest)
	s.enqueue(newcomer)
	if newcomer.ID != latest.ID {
		s.Fatalf("the newcomer has not taken the parked task's place")
	}
	got := s.leaseAs(s.knowing(1)) // it is parked no more
	if string(got.Task.Payload) != "newcomer" {
		s.Errorf("leased %s, want the newcomer", describe([]broker.Lease{got}))
	}
	s.nothing()
	s.end(got)
	s.leavesNothing()
}

// refusedAs checks that a task is refused for the lock of another.
func (s *trial) refusedAs(holder, t *task.Task) {
	s.Helper()
	var duplicate *task.DuplicateError
	errs := s.broker.Enqueue(s.ctx, []*task.Task{t})
	if len(errs) != 1 || !errors.As(errs[0], &duplicate) || duplicate.ID != holder.ID {
		s.Errorf("Enqueue returned %v, want a duplicate of %s", errs, holder.ID)
	}
}

func parkedGroup(s *trial) {
	group := func(label string) *task.Task {
		t := newTask(label)
		t.Gather = task.Gather{Key: "group", Size: 2, Delay: short}
		return t
	}
	s.enqueue(group("alone"))
	s.advance(short)
	s.settle(parking(s.leaseAs(s.knowing(1)))...)
	s.enqueue(group("first"), group("second"))
	full := s.leaseAs(s.knowing(1))
	alone := s.lease()
	if len(full.Task.Members) != 1 || string(full.Task.Payload) != "first" || string(alone.Task.Payload) != "alone" {
		s.Errorf("leased %s, want the full group and the parked one", describe([]broker.Lease{full, alone}))
	}
	s.end(full, alone)
	s.leavesNothing()
}

func badParking(s *trial) {
	s.enqueue(newTask("held"))
	held := s.lease()
	bad := held
	bad.Task = nil
	for what, o := range map[string]broker.Outcome{
		"a retry":     {Lease: held, Status: task.StatusRetrying, Parked: true},
		"an end":      {Lease: held, Status: task.StatusCompleted, Parked: true},
		"without any": {Lease: bad, Status: task.StatusScheduled, Parked: true},
	} {
		if errs := s.broker.Settle(s.ctx, []broker.Outcome{o}); len(errs) != 1 || !errors.Is(errs[0], task.ErrInvalid) {
			s.Errorf("parking as %s returned %v, want ErrInvalid", what, errs)
		}
	}
	s.end(held)
	s.leavesNothing()
}

func badHandles(s *trial) {
	s.parked(named("a", "parked"))
	for _, bad := range []func(string) bool{
		func(string) bool { panic("handles") },
		func(string) bool { runtime.Goexit(); return true },
	} {
		req := s.request(s.worker(), 1)
		req.Handles = bad
		s.blockAs(req, blink)
	}
	s.end(s.leaseAs(s.knowing(1, "a")))
	s.leavesNothing()
}

func parkedLeavesNothing(s *trial) {
	s.operator()
	var tasks []*task.Task
	for i := range 10 {
		tasks = append(tasks, named(fmt.Sprint("name ", i%3), fmt.Sprint(i)))
	}
	s.parked(tasks...)
	for i, t := range tasks {
		switch i % 3 {
		case 0:
			s.revise(broker.Change{Status: task.StatusCancelled}, t.ID)
		case 1:
			s.revise(broker.Change{Delete: true}, t.ID)
		}
	}
	s.end(s.leases(3, 10)...)
	s.leavesNothing()
}
