package brokertest

import (
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func pauseRules() []rule {
	return []rule{
		{obeyed, "a paused queue hands out nothing and takes all", pausedQueue},
		{obeyed, "a queue is paused for every process", pausedElsewhere},
		{idle, "a blocked Lease is woken when its queue is resumed", resumeWakes},
		{announced, "News tells of pauses, of its queues alone", newsOfPauses},
		{announced, "News tells of pauses by another process", newsOfPausesElsewhere},
	}
}

// hearsPauses listens for pauses, in a goroutine.
func (s *trial) hearsPauses(queues ...string) <-chan string {
	s.Helper()
	notifier, heard := s.notifier(), make(chan string, 10)
	s.running.Go(func() {
		_ = notifier.News(s.ctx, queues, broker.Listener{Paused: func(queue string) { heard <- queue }})
	})
	s.block(2 * short) // until it listens
	return heard
}

func (s *trial) mustHearOf(heard <-chan string, want string) {
	s.Helper()
	select {
	case queue := <-heard:
		if queue != want {
			s.Errorf("News told of a pause of %q, want %q", queue, want)
		}
	case <-time.After(s.prompt):
		s.Fatalf("News has not told of a pause within %v", s.prompt)
	}
}

func newsOfPauses(s *trial) {
	operator := s.operator()
	heard := s.hearsPauses("a", task.DefaultQueue)
	if err := operator.Pause(s.ctx, "b"); err != nil {
		s.Fatalf("Pause: %v", err)
	}
	s.pause()
	s.mustHearOf(heard, task.DefaultQueue)
	held := s.cancelledAside()
	s.resume()
	if err := operator.Pause(s.ctx, "a"); err != nil {
		s.Fatalf("Pause: %v", err)
	}
	s.mustHearOf(heard, "a")
	s.settle(become(task.StatusCancelled, held)...)
}

// cancelledAside returns the lease of a task in another queue that is to be
// cancelled, which is no pause.
func (s *trial) cancelledAside() broker.Lease {
	s.Helper()
	t := newTask("aside")
	t.Queue = "a"
	s.enqueue(t)
	req := s.request(s.worker(), 1)
	req.Queues = []string{"a"}
	held := s.leaseAs(req)
	if errs := s.operator().Revise(s.ctx, "a", []uuid.UUID{t.ID}, broker.Change{Status: task.StatusCancelled}); errs != nil {
		s.Fatalf("Revise: %v", errs)
	}
	return held
}

func newsOfPausesElsewhere(s *trial) {
	s.operator()
	heard := s.another().hearsPauses(task.DefaultQueue)
	s.pause()
	s.mustHearOf(heard, task.DefaultQueue)
}

func (s *trial) pause() {
	s.Helper()
	if err := s.operator().Pause(s.ctx, task.DefaultQueue); err != nil {
		s.Fatalf("Pause: %v", err)
	}
}

func (s *trial) resume() {
	s.Helper()
	if err := s.operator().Resume(s.ctx, task.DefaultQueue); err != nil {
		s.Fatalf("Resume: %v", err)
	}
}

// isPaused checks what inspection says of the queue.
func (s *trial) isPaused(want bool) {
	s.Helper()
	info, err := s.inspector().Queue(s.ctx, task.DefaultQueue)
	if err != nil || info.Paused != want {
		s.Errorf("Queue returned %+v, %v, want Paused %v", info, err, want)
	}
}

func pausedQueue(s *trial) {
	s.operator()
	s.inspector()
	s.enqueue(newTask("held"), newTask("lost"), newTask("before"))
	held := s.lease()
	s.leaseFor(short)
	s.isPaused(false)
	s.pause()
	s.pause()
	s.isPaused(true)
	s.enqueue(newTask("meanwhile"))
	s.pass(short)
	s.nothing()
	s.now() // another queue goes on
	s.extend(long, held)
	s.end(held)
	s.resume()
	s.resume()
	s.isPaused(false)
	s.inOrder("lost", "before", "meanwhile")
}

func pausedElsewhere(s *trial) {
	s.operator()
	other := s.another()
	s.enqueue(newTask("waits"))
	other.pause()
	s.nothing()
	other.nothing()
	s.resume()
	other.end(other.lease())
	s.leavesNothing()
}

func resumeWakes(s *trial) {
	s.operator()
	s.pause()
	done := []<-chan leased{s.start(s.ctx, s.request(s.worker(), 1)), s.start(s.ctx, s.request(s.worker(), 1))}
	s.enqueue(newTasks(2)...)
	s.block(blink)
	for _, one := range done {
		select {
		case got := <-one:
			s.Fatalf("a paused queue handed out %s, error %v", describe(got.leases), got.err)
		default:
		}
	}
	s.resume()
	s.awaitAll(done)
	s.leavesNothing()
}
