package jobsy

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// asideAtLeast is how long a suspect is put aside at least.
const asideAtLeast = 100 * time.Millisecond

// suspects are tasks whose workers died so often that this delivery is the last.
// One of them may be what kills the workers; the others only shared a process
// with it. So a server runs one at a time, and hands back the rest of them before
// that one begins: the next death is not theirs.
type suspects struct {
	most int // deliveries of a task; at most 1: there are no suspects

	mu      sync.Mutex
	running bool
	since   time.Time
}

func (s *suspects) are(l broker.Lease) bool { return s.most > 1 && l.Deliveries == s.most }

// pick parts the leases that are to run from those to be put aside for a while:
// the longer the one that runs has been running, the longer.
func (s *suspects) pick(leases []broker.Lease) (run, aside []broker.Lease, wait time.Duration) {
	if !slices.ContainsFunc(leases, s.are) {
		return leases, nil, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range leases {
		switch {
		case !s.are(l):
			run = append(run, l)
		case s.running:
			aside = append(aside, l)
		default:
			s.running, s.since = true, time.Now()
			run = append(run, l)
		}
	}
	return run, aside, max(time.Since(s.since), asideAtLeast)
}

// settled is told of every attempt that was.
func (s *suspects) settled(settlements []settlement) {
	for i := range settlements {
		if s.are(settlements[i].attempt.lease) {
			s.mu.Lock()
			s.running = false
			s.mu.Unlock()
		}
	}
}

// isolate returns the leases that are to run now. The others are handed back.
func (p *pool) isolate(ctx context.Context, leases []broker.Lease) []broker.Lease {
	run, aside, wait := p.suspects.pick(leases)
	if len(aside) == 0 {
		return run
	}
	outcomes := make([]broker.Outcome, len(aside))
	for i, l := range aside {
		outcomes[i] = broker.Outcome{Lease: l, Status: task.StatusPending, Delay: min(wait, p.server.opts.LeaseDuration)}
	}
	p.server.log.Info("tasks with which workers died again and again run one at a time; these wait", "tasks", len(aside))
	for i, err := range p.server.broker.Settle(ctx, outcomes) {
		if err != nil {
			p.server.log.Warn("cannot put a task aside; it runs again once its lease has passed", "task", outcomes[i].Lease.ID, "error", err)
		}
	}
	return run
}
