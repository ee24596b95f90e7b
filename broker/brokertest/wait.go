package brokertest

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func waitRules() []rule {
	return []rule{
		{announced, "Wait returns when the task ends, and it stays readable", waitsForEnd},
		{announced, "Wait is in time while an ended task is kept", waitsLate},
		{announced, "Wait tells what is unknown or deleted", waitsForNothing},
		{announced, "Wait returns when another process ends the task", waitsElsewhere},
		{announced, "Wait returns when a waiting task is cancelled", waitsForCancelled},
		{announced, "Wait ends with its context", waitEnds},
		{announced, "Close ends a blocked Wait with ErrClosed", waitCloses},
	}
}

// awaited is what a Wait call in a goroutine came back with.
type awaited struct {
	task *task.Task
	err  error
}

// waits calls Wait in a goroutine, and gives it the time to block.
func (s *trial) waits(ctx context.Context, id uuid.UUID) <-chan awaited {
	s.Helper()
	notifier, done := s.notifier(), make(chan awaited, 1)
	s.running.Go(func() {
		t, err := notifier.Wait(ctx, task.DefaultQueue, id)
		done <- awaited{t, err}
	})
	s.block(short)
	return done
}

// ends checks what Wait returns.
func (s *trial) ends(done <-chan awaited, status task.Status, want error) *task.Task {
	s.Helper()
	select {
	case got := <-done:
		if !errors.Is(got.err, want) {
			s.Fatalf("Wait returned %v, %v, want error %v", got.task, got.err, want)
		}
		if want == nil && (got.task == nil || got.task.Status != status) {
			s.Fatalf("Wait returned %+v, want a task that is %s", got.task, status)
		}
		return got.task
	case <-time.After(s.prompt):
		s.Fatalf("Wait has not returned within %v", s.prompt)
		return nil
	}
}

func waitsForEnd(s *trial) {
	s.notifier()
	s.inspector()
	for _, status := range endStatuses() {
		t := newTask("awaited")
		s.enqueue(t)
		first, second := s.waits(s.ctx, t.ID), s.waits(s.ctx, t.ID)
		held := s.lease()
		held.Task.Result = []byte("result")
		s.settle(broker.Outcome{Lease: held, Status: status, Task: held.Task})
		for _, done := range []<-chan awaited{first, second} {
			if got := s.ends(done, status, nil); string(got.Result) != "result" || got.ID != t.ID {
				s.Errorf("Wait returned %+v, want the task with its result", *got)
			}
		}
		s.shown(t.ID, status)
	}
	s.nothing()
}

func waitsLate(s *trial) {
	s.notifier()
	for _, status := range endStatuses() {
		t := newTask("kept")
		s.enqueue(t)
		s.settle(broker.Outcome{Lease: s.lease(), Status: status, Keep: long})
		s.ends(s.waits(s.ctx, t.ID), status, nil)
	}
}

func waitsForNothing(s *trial) {
	s.notifier()
	s.ends(s.waits(s.ctx, uuid.New()), "", task.ErrNotFound)
	gone := newTask("gone")
	s.enqueue(gone)
	s.end(s.lease())
	s.ends(s.waits(s.ctx, gone.ID), "", task.ErrNotFound)
	s.operator()
	deleted := newTask("deleted")
	s.enqueue(deleted)
	done := s.waits(s.ctx, deleted.ID)
	s.revise(broker.Change{Delete: true}, deleted.ID)
	s.ends(done, "", task.ErrNotFound)
}

func waitsElsewhere(s *trial) {
	s.notifier()
	other := s.another()
	t := newTask("awaited")
	s.enqueue(t)
	done := other.waits(s.ctx, t.ID)
	s.settle(become(task.StatusFailed, s.lease())...)
	s.ends(done, task.StatusFailed, nil)
}

func waitsForCancelled(s *trial) {
	s.notifier()
	s.operator()
	t := newTask("awaited")
	s.enqueue(t)
	done := s.waits(s.ctx, t.ID)
	s.revise(broker.Change{Status: task.StatusCancelled}, t.ID)
	s.ends(done, task.StatusCancelled, nil)
	s.nothing()
}

func waitEnds(s *trial) {
	s.notifier()
	t := newTask("awaited")
	s.enqueue(t)
	ctx, cancel := context.WithTimeout(s.ctx, blink)
	defer cancel()
	s.ends(s.waits(ctx, t.ID), "", context.DeadlineExceeded)
	s.end(s.lease())
}

func waitCloses(s *trial) {
	s.notifier()
	t := newTask("awaited")
	s.enqueue(t)
	done := s.waits(s.ctx, t.ID)
	if err := s.broker.Close(); err != nil {
		s.Errorf("Close: %v", err)
	}
	s.ends(done, "", task.ErrClosed)
}
