package brokertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// newTask returns a task that a trial tells from others by its label.
func newTask(label string) *task.Task {
	return task.New("brokertest", []byte(label))
}

func newTasks(n int) []*task.Task {
	tasks := make([]*task.Task, n)
	for i := range tasks {
		tasks[i] = newTask(fmt.Sprint(i))
	}
	return tasks
}

func newTaskOf(label string, p task.Priority) *task.Task {
	t := newTask(label)
	t.Priority = p
	return t
}

// labels returns the labels of leased tasks, in their order.
func labels(leases []broker.Lease) []string {
	found := make([]string, len(leases))
	for i, l := range leases {
		found[i] = string(l.Task.Payload)
	}
	return found
}

func describe(leases []broker.Lease) string {
	var found []string
	for _, l := range leases {
		found = append(found, fmt.Sprintf("%.40q (delivery %d, token %d)", l.Task.Payload, l.Deliveries, l.Token))
	}
	return strings.Join(found, ", ")
}

// enqueue hands in tasks that must be taken.
func (s *trial) enqueue(tasks ...*task.Task) {
	s.Helper()
	if errs := s.broker.Enqueue(s.ctx, tasks); errs != nil {
		s.Fatalf("Enqueue returned %v, want nil", errs)
	}
}

func (s *trial) request(worker string, most int) broker.LeaseRequest {
	return broker.LeaseRequest{Worker: worker, Queues: []string{task.DefaultQueue}, Max: most, Duration: long}
}

// lease returns one lease, which lasts for the whole trial.
func (s *trial) lease() broker.Lease {
	s.Helper()
	return s.leaseFor(long)
}

// leaseFor returns one lease of a worker that nobody hears of again.
func (s *trial) leaseFor(d time.Duration) broker.Lease {
	s.Helper()
	req := s.request(s.worker(), 1)
	req.Duration = d
	return s.leaseAs(req)
}

// leaseAs returns the one lease that a request gets.
func (s *trial) leaseAs(req broker.LeaseRequest) broker.Lease {
	s.Helper()
	leases := s.ask(req)
	if len(leases) != 1 {
		s.Fatalf("Lease returned %d tasks with Max 1: %s", len(leases), describe(leases))
	}
	return leases[0]
}

// ask makes a Lease call that must get something.
func (s *trial) ask(req broker.LeaseRequest) []broker.Lease {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, s.patience)
	defer cancel()
	got := s.await(s.start(ctx, req), s.patience+s.prompt)
	if got.err != nil {
		s.Fatalf("Lease got no task: %v", got.err)
	}
	if len(got.leases) == 0 {
		s.Fatalf("Lease returned neither a task nor an error")
	}
	if len(got.leases) > req.Max {
		s.as(bounded).Fatalf("Lease returned %d tasks with Max %d", len(got.leases), req.Max)
	}
	return got.leases
}

// leases returns n leases, got in calls for up to most.
func (s *trial) leases(n, most int) []broker.Lease {
	s.Helper()
	worker := s.worker()
	var found []broker.Lease
	for len(found) < n {
		found = append(found, s.ask(s.request(worker, min(most, n-len(found))))...)
	}
	return found
}

// nothing checks that there is nothing to lease.
func (s *trial) nothing(queues ...string) {
	s.Helper()
	if len(queues) == 0 {
		queues = []string{task.DefaultQueue}
	}
	s.blockOn(blink, queues...)
}

// leased is what a Lease call in a goroutine came back with, and when.
type leased struct {
	leases []broker.Lease
	err    error
	at     time.Time
}

// start makes a Lease call in a goroutine.
func (s *trial) start(ctx context.Context, req broker.LeaseRequest) <-chan leased {
	done := make(chan leased, 1)
	s.running.Go(func() {
		leases, err := s.broker.Lease(ctx, req)
		done <- leased{leases, err, time.Now()}
	})
	return done
}

// blocked makes a Lease call in a goroutine, and gives it the time to block.
func (s *trial) blocked(req broker.LeaseRequest) <-chan leased {
	s.Helper()
	done := s.start(s.ctx, req)
	s.block(blink)
	return done
}

// await returns what a call in a goroutine came back with.
func (s *trial) await(done <-chan leased, within time.Duration) leased {
	s.Helper()
	select {
	case got := <-done:
		return got
	case <-time.After(within):
		s.Fatalf("a blocked Lease has not returned within %v", within)
		return leased{}
	}
}

// settle ends leases that must be held.
func (s *trial) settle(outcomes ...broker.Outcome) {
	s.Helper()
	if errs := s.broker.Settle(s.ctx, outcomes); errs != nil {
		s.Fatalf("Settle returned %v, want nil", errs)
	}
}

// end completes tasks, which leaves nothing of them.
func (s *trial) end(leases ...broker.Lease) {
	s.Helper()
	s.settle(become(task.StatusCompleted, leases...)...)
}

func become(status task.Status, leases ...broker.Lease) []broker.Outcome {
	outcomes := make([]broker.Outcome, len(leases))
	for i, l := range leases {
		outcomes[i] = broker.Outcome{Lease: l, Status: status}
	}
	return outcomes
}

// extend makes leases last that must be held.
func (s *trial) extend(by time.Duration, leases ...broker.Lease) {
	s.Helper()
	if errs := s.broker.Extend(s.ctx, leases, by); errs != nil {
		s.Fatalf("Extend returned %v, want nil", errs)
	}
}

// mustLose checks that a lease can neither be extended nor settled.
func (s *trial) mustLose(l broker.Lease) {
	s.Helper()
	s.isLost("Extend", s.broker.Extend(s.ctx, []broker.Lease{l}, long))
	s.isLost("Settle", s.broker.Settle(s.ctx, become(task.StatusCompleted, l)))
}

func (s *trial) isLost(call string, errs []error) {
	s.Helper()
	s.match(call, errs, task.ErrLeaseLost)
}

// match checks the errors of one call: nil stands for an element that went
// well.
func (s *trial) match(call string, errs []error, want ...error) {
	s.Helper()
	if !slices.ContainsFunc(want, func(err error) bool { return err != nil }) {
		want = nil
	}
	if len(errs) != len(want) {
		s.Fatalf("%s returned %d errors %v, want %v", call, len(errs), errs, want)
	}
	for i := range want {
		if !errors.Is(errs[i], want[i]) {
			s.Errorf("%s returned for element %d: %v, want %v", call, i, errs[i], want[i])
		}
	}
}

// overtaken enqueues a task and returns the lease of a worker that was late,
// and that of the one that has taken the task over.
func (s *trial) overtaken(t *task.Task) (late, current broker.Lease) {
	s.Helper()
	s.enqueue(t)
	late = s.leaseFor(short)
	s.advance(short)
	current = s.lease()
	if current.ID != late.ID {
		s.Fatalf("the task leased after the first lease ran out is %s, want %s", current.ID, late.ID)
	}
	return late, current
}

// leavesNothing checks that no trace is left of what has ended. Sweeping is up
// to the Lease calls of workers, and may take several.
func (s *trial) leavesNothing(queues ...string) {
	s.Helper()
	if len(queues) == 0 {
		queues = []string{task.DefaultQueue}
	}
	s.nothing(queues...)
	if s.harness.Leftovers == nil {
		s.Log("not checked whether anything is left: Harness.Leftovers is nil")
		return
	}
	deadline := time.Now().Add(s.patience)
	for left := s.leftovers(); len(left) > 0; left = s.leftovers() {
		if time.Now().After(deadline) {
			s.as(clean).Fatalf("after everything has ended there is left: %s", strings.Join(left, ", "))
		}
		s.advance(time.Second)
		s.nothing(append(queues, "clock")...)
	}
}

func (s *trial) leftovers() []string { return s.harness.Leftovers(s.TB, s.broker) }
