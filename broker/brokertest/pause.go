package brokertest

import (
	"github.com/nex-gen-tech/jobsy/task"
)

func pauseRules() []rule {
	return []rule{
		{obeyed, "a paused queue hands out nothing and takes all", pausedQueue},
		{obeyed, "a queue is paused for every process", pausedElsewhere},
		{idle, "a blocked Lease is woken when its queue is resumed", resumeWakes},
	}
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
