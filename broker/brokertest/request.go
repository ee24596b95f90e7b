package brokertest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func requestRules() []rule {
	return []rule{
		{whole, "a bad lease request is refused", badRequests},
		{whole, "a lease request beyond MaxBatch is served or refused", oversizedRequest},
		{whole, "an unknown outcome is refused and leaves the lease", unknownOutcome},
	}
}

func badRequests(s *trial) {
	s.enqueue(newTask("untouched"))
	for what, spoil := range map[string]func(*broker.LeaseRequest){
		"Max 0":            func(r *broker.LeaseRequest) { r.Max = 0 },
		"Max -1":           func(r *broker.LeaseRequest) { r.Max = -1 },
		"Duration 0":       func(r *broker.LeaseRequest) { r.Duration = 0 },
		"a short Duration": func(r *broker.LeaseRequest) { r.Duration = grain - 1 },
		"no Queues":        func(r *broker.LeaseRequest) { r.Queues = nil },
		"an empty queue":   func(r *broker.LeaseRequest) { r.Queues = []string{task.DefaultQueue, ""} },
		"a bad queue":      func(r *broker.LeaseRequest) { r.Queues = []string{"{" + strings.Repeat("q", 200)} },
	} {
		req := s.request(s.worker(), 1)
		spoil(&req)
		ctx, cancel := context.WithTimeout(s.ctx, s.prompt)
		leases, err := s.broker.Lease(ctx, req)
		cancel()
		if len(leases) > 0 || !errors.Is(err, task.ErrInvalid) {
			s.Errorf("Lease with %s returned %d leases and error %v, want ErrInvalid", what, len(leases), err)
		}
	}
	s.onlyOne("untouched")
}

func oversizedRequest(s *trial) {
	s.enqueue(newTasks(broker.MaxBatch)...)
	s.enqueue(newTask("beyond"))
	leases, err := s.broker.Lease(s.ctx, s.request(s.worker(), broker.MaxBatch+1))
	if err != nil && (len(leases) > 0 || !errors.Is(err, task.ErrInvalid)) {
		s.Errorf("Lease returned %d leases and error %v, want leases or ErrInvalid", len(leases), err)
	}
	leases = append(leases, s.leases(broker.MaxBatch+1-len(leases), broker.MaxBatch)...)
	errs := s.broker.Settle(s.ctx, become(task.StatusCompleted, leases...))
	if errs != nil && len(errs) != len(leases) {
		s.Errorf("Settle returned %d errors for %d outcomes", len(errs), len(leases))
	}
	for i, err := range errs {
		if err != nil {
			s.end(leases[i])
		}
	}
	s.leavesNothing()
}

// unknownOutcome hands in what is no status to settle with, beside one that is.
func unknownOutcome(s *trial) {
	s.enqueue(newTasks(2)...)
	got := s.leases(2, 2)
	for _, status := range []task.Status{"", task.StatusRunning, "done"} {
		outcomes := become(status, got[0])
		errs := s.broker.Settle(s.ctx, outcomes)
		if len(errs) != 1 || !errors.Is(errs[0], task.ErrInvalid) {
			s.Fatalf("Settle as %q returned %v, want ErrInvalid", status, errs)
		}
		s.extend(long, got[0])
	}
	errs := s.broker.Settle(s.ctx, append(become("done", got[0]), become(task.StatusCompleted, got[1])...))
	s.match("Settle", errs, task.ErrInvalid, nil)
	s.end(got[0])
	s.isLost(fmt.Sprintf("Extend of %s", got[1].ID), s.broker.Extend(s.ctx, got[1:], long))
	s.leavesNothing()
}
