package brokertest

import (
	"context"
	"slices"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func wakeRules() []rule {
	return []rule{
		{idle, "a blocked Lease is woken by an enqueue", wokenByEnqueue},
		{idle, "a blocked Lease is woken by an enqueue in another process", wokenByOtherProcess},
		{idle, "a blocked Lease is woken by any of its queues", wokenByAnyQueue},
		{idle, "a blocked Lease is woken by a release", wokenByRelease},
		{idle, "a blocked Lease is woken when a task falls due", wokenByDueTask},
		{idle, "a blocked Lease is woken by a task due before the others", wokenByEarlierTask},
		{idle, "a blocked Lease is woken when a retry falls due", wokenByRetry},
		{idle, "a blocked Lease is woken when another lease runs out", wokenByExpiry},
		{idle, "each of many blocked calls gets one of many tasks", manyWakeups},
		{idle, "one batch wakes many blocked calls", oneBatchWakesMany},
		{idle, "many processes are woken", manyProcesses},
		{idle, "a wake-up that meets a leaving call goes to another", wakeupsArePassedOn},
	}
}

// isUsuallyQuick judges the median, so that a machine that stalls once does
// not fail the trial, and a broker that polls does.
func (s *trial) isUsuallyQuick(took []time.Duration) {
	s.Helper()
	slices.Sort(took)
	if median := took[len(took)/2]; median > quick {
		s.Errorf("it usually takes %v, want at most %v: %v", median, quick, took)
	}
}

// wakes blocks a call, acts, and measures how long it takes until the call has
// the task, several times over.
func (s *trial) wakes(req broker.LeaseRequest, act func(round int)) {
	s.Helper()
	var took []time.Duration
	for round := range 5 {
		done := s.blocked(req)
		began := time.Now()
		act(round)
		got := s.await(done, s.prompt)
		if got.err != nil || len(got.leases) != 1 {
			s.Fatalf("Lease returned %d leases and error %v", len(got.leases), got.err)
		}
		took = append(took, got.at.Sub(began))
		s.end(got.leases...)
	}
	s.isUsuallyQuick(took)
	s.leavesNothing(req.Queues...)
}

func wokenByEnqueue(s *trial) {
	s.wakes(s.request(s.worker(), 1), func(int) { s.enqueue(newTask("wake")) })
}

func wokenByOtherProcess(s *trial) {
	other := s.another()
	s.wakes(s.request(s.worker(), 1), func(int) { other.enqueue(newTask("wake")) })
}

func wokenByAnyQueue(s *trial) {
	req := s.request(s.worker(), 1)
	req.Queues = []string{"a", "b", "c"}
	s.wakes(req, func(round int) {
		t := newTask("wake")
		t.Queue = req.Queues[round%3]
		s.enqueue(t)
	})
}

func wokenByRelease(s *trial) {
	s.enqueue(newTask("released"))
	held := s.lease()
	done := s.blocked(s.request(s.worker(), 1))
	s.settle(become(task.StatusPending, held)...)
	got := s.await(done, s.prompt)
	s.end(got.leases...)
	s.leavesNothing()
}

// startsWithin checks that a blocked call gets its task at its time, and soon.
func (s *trial) startsWithin(done <-chan leased, due time.Time) time.Duration {
	s.Helper()
	got := s.await(done, s.prompt)
	if got.err != nil || len(got.leases) != 1 {
		s.Fatalf("Lease returned %d leases and error %v", len(got.leases), got.err)
	}
	late := got.leases[0].Task.StartedAt.Sub(due)
	if late < -grain {
		s.as(timely).Errorf("the task started %v early", -late)
	}
	s.end(got.leases...)
	return late
}

func wokenByDueTask(s *trial) {
	s.needsRealTime()
	var late []time.Duration
	for range 5 {
		t := newTask("due")
		t.RunAt = s.now().Add(short)
		s.enqueue(t)
		late = append(late, s.startsWithin(s.start(s.ctx, s.request(s.worker(), 1)), t.RunAt))
	}
	s.isUsuallyQuick(late)
	s.leavesNothing()
}

func wokenByEarlierTask(s *trial) {
	s.needsRealTime()
	later := newTask("later")
	later.RunAt = s.now().Add(long)
	s.enqueue(later)
	var late []time.Duration
	for range 3 {
		sooner := newTask("sooner")
		sooner.RunAt = s.now().Add(blink + short)
		done := s.blocked(s.request(s.worker(), 1))
		s.enqueue(sooner)
		late = append(late, s.startsWithin(done, sooner.RunAt))
	}
	s.isUsuallyQuick(late)
}

func wokenByRetry(s *trial) {
	s.needsRealTime()
	var late []time.Duration
	for _, status := range []task.Status{task.StatusRetrying, task.StatusScheduled, task.StatusRetrying} {
		s.enqueue(newTask("again"))
		held := s.lease()
		due := s.now().Add(blink + short)
		done := s.blocked(s.request(s.worker(), 1))
		s.settle(broker.Outcome{Lease: held, Status: status, Delay: short + blink})
		late = append(late, s.startsWithin(done, due))
	}
	s.isUsuallyQuick(late)
	s.leavesNothing()
}

func wokenByExpiry(s *trial) {
	s.needsRealTime()
	var late []time.Duration
	for range 5 {
		s.enqueue(newTask("abandoned"))
		held := s.leaseFor(short)
		done := s.start(s.ctx, s.request(s.worker(), 1))
		late = append(late, s.startsWithin(done, held.Task.StartedAt.Add(short)))
	}
	s.isUsuallyQuick(late)
	s.leavesNothing()
}

// manyBlocked makes a call of its own for each of n workers, and gives them
// the time to block.
func (s *trial) manyBlocked(n int) []<-chan leased {
	s.Helper()
	var done []<-chan leased
	for range n {
		done = append(done, s.start(s.ctx, s.request(s.worker(), 1)))
	}
	s.block(blink)
	return done
}

// awaitAll checks that each call gets one task, and ends the tasks.
func (s *trial) awaitAll(done []<-chan leased) {
	s.Helper()
	for _, one := range done {
		got := s.await(one, s.prompt)
		if got.err != nil || len(got.leases) != 1 {
			s.Fatalf("Lease returned %d leases and error %v, want one lease", len(got.leases), got.err)
		}
		s.end(got.leases...)
	}
}

const crowd = 8

func manyWakeups(s *trial) {
	for range 3 {
		done := s.manyBlocked(crowd)
		for _, t := range newTasks(crowd) {
			s.running.Go(func() {
				if errs := s.broker.Enqueue(s.ctx, []*task.Task{t}); errs != nil {
					s.Errorf("Enqueue returned %v", errs)
				}
			})
		}
		s.awaitAll(done)
	}
	s.leavesNothing()
}

func oneBatchWakesMany(s *trial) {
	for range 3 {
		done := s.manyBlocked(crowd)
		s.enqueue(newTasks(crowd)...)
		s.awaitAll(done)
	}
	s.leavesNothing()
}

func manyProcesses(s *trial) {
	other := s.another()
	for range 3 {
		done := append(s.manyBlocked(crowd/2), other.manyBlocked(crowd/2)...)
		s.enqueue(newTasks(crowd / 2)...)
		for _, t := range newTasks(crowd / 2) {
			other.enqueue(t)
		}
		s.awaitAll(done)
	}
	s.leavesNothing()
}

// wakeupsArePassedOn has one of two blocked calls leave as a task arrives.
func wakeupsArePassedOn(s *trial) {
	for range 10 {
		ctx, leave := context.WithCancel(s.ctx)
		leaving := s.start(ctx, s.request(s.worker(), 1))
		stay, end := context.WithCancel(s.ctx)
		staying := s.start(stay, s.request(s.worker(), 1))
		s.block(5 * grain)
		s.running.Go(leave)
		s.enqueue(newTask("either"))
		got := s.await(leaving, s.prompt)
		if len(got.leases) == 0 {
			got = s.await(staying, s.prompt)
			end()
		} else {
			end()
			s.await(staying, s.prompt)
		}
		if len(got.leases) != 1 || got.leases[0].Deliveries != 1 {
			s.Fatalf("got %s and error %v, want the first delivery of the task", describe(got.leases), got.err)
		}
		s.end(got.leases...)
	}
	s.leavesNothing()
}
