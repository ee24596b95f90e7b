package jobsy

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	// asideAtLeast is how long a suspect is put aside at least.
	asideAtLeast = 200 * time.Millisecond
	// holdFor is how long a suspect waits for others. It is less than
	// asideAtLeast, or those put aside would be back.
	holdFor = 100 * time.Millisecond
)

// suspects are tasks whose workers died so often that this delivery is the last.
// One of them may be what kills the workers; the others only shared a process
// with it. So a server runs one at a time, and hands back the rest of them before
// that one begins: the next death is not theirs.
//
// The leases of those who died together run out together, though they come in
// several calls, and of several queues. So the one that is to run is held for a
// while, and until a call has brought no other: what has run out is leased before
// all else of its queue.
type suspects struct {
	most int           // deliveries of a task; at most 1: there are no suspects
	hold time.Duration // for so long at least

	mu     sync.Mutex
	picked bool // one is held or runs
	since  time.Time
	held   []broker.Lease // at most one
}

func (s *suspects) are(l broker.Lease) bool { return s.most > 1 && l.Deliveries == s.most }

// pick parts the leases that are to run from those to be put aside for a while:
// the longer the one that runs has been running, the longer.
func (s *suspects) pick(leases []broker.Lease) (run, aside []broker.Lease, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(leases, s.are) {
		if time.Since(s.since) >= s.hold {
			leases, s.held = append(leases, s.held...), nil
		}
		return leases, nil, 0
	}
	for _, l := range leases {
		switch {
		case !s.are(l):
			run = append(run, l)
		case s.picked:
			aside = append(aside, l)
		default:
			s.picked, s.since, s.held = true, time.Now(), []broker.Lease{l}
		}
	}
	return run, aside, max(time.Since(s.since), asideAtLeast)
}

func (s *suspects) isHeld() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held) > 0
}

// letGo returns the one that is held, if any, for it is not to run any more.
func (s *suspects) letGo() []broker.Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.held
	s.held = nil
	return held
}

// settled is told of every attempt that was.
func (s *suspects) settled(settlements []settlement) {
	for i := range settlements {
		if s.are(settlements[i].attempt.lease) {
			s.mu.Lock()
			s.picked = false
			s.mu.Unlock()
		}
	}
}

// isolate returns the leases that are to run now. Others are held or handed back.
func (p *pool) isolate(ctx context.Context, leases []broker.Lease) []broker.Lease {
	run, aside, wait := p.suspects.pick(leases)
	if len(aside) == 0 {
		return run
	}
	wait = min(wait, max(p.server.opts.LeaseDuration, asideAtLeast))
	outcomes := make([]broker.Outcome, len(aside))
	for i, l := range aside {
		outcomes[i] = broker.Outcome{Lease: l, Status: task.StatusPending, Delay: wait}
	}
	p.server.log.Info("tasks with which workers died again and again run one at a time; these wait", "tasks", len(aside))
	for i, err := range p.server.broker.Settle(ctx, outcomes) {
		if err != nil {
			p.server.log.Warn("cannot put a task aside; it runs again once its lease has passed", "task", outcomes[i].Lease.ID, "error", err)
		}
	}
	return run
}
