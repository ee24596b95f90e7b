package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// intake leases as many tasks as there is room for.
//
// Of tasks on their last delivery it holds one at a time: one of them may be what
// kills its workers, and the others only shared a process with it. The broker
// keeps the rest of them back, for other servers and for later.
type intake struct {
	cfg    *Config
	env    *environment
	slots  *slots
	leases *leases
	health *health
	begins func(n int) // is told of attempts that begin

	mu        sync.Mutex
	last      int                // tasks on their last delivery that are held
	interrupt context.CancelFunc // of the call that is blocked; nil: none is
	stale     bool               // what the next call asks for has changed
}

// run leases until ctx ends, or the broker is closed, which is an error.
func (in *intake) run(ctx context.Context) error {
	var outage outage
	for {
		leases, err := in.lease(ctx)
		if ctx.Err() != nil {
			in.refuse(leases)
			return nil
		}
		in.accept(leases)
		in.health.leased(err)
		switch {
		case errors.Is(err, task.ErrClosed):
			return fmt.Errorf("lease tasks: %w", err)
		case err != nil:
			if outage.begins() {
				in.cfg.Log.Warn("cannot lease tasks; trying again until it works", "error", err)
			}
			outage.sleep(ctx)
		case outage.ends():
			in.cfg.Log.Info("leasing tasks again")
		}
	}
}

// lease makes one call, which blocks until there is something to lease, or
// something else to ask for.
func (in *intake) lease(ctx context.Context) ([]broker.Lease, error) {
	n, err := in.slots.want(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req := broker.LeaseRequest{
		Worker: in.cfg.Name, Queues: preference(in.cfg.Queues), Max: n, Duration: in.cfg.LeaseDuration,
		Handles: in.cfg.Handles, Last: in.cfg.Policy.last(), NoLast: in.blocks(cancel),
	}
	leases, err := in.cfg.Broker.Lease(ctx, req)
	if in.unblocked() && errors.Is(err, context.Canceled) {
		err = nil
	}
	return leases, err
}

// blocks notes that a call is made, and returns whether a task on its last
// delivery is held.
func (in *intake) blocks(interrupt context.CancelFunc) (holdsLast bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.interrupt, in.stale = interrupt, false
	return in.last > 0
}

// unblocked notes that a call has returned, and reports whether it was
// interrupted.
func (in *intake) unblocked() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.interrupt = nil
	return in.stale
}

// reconsider has a blocked call made again.
func (in *intake) reconsider() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.again()
}

func (in *intake) again() {
	in.stale = true
	if in.interrupt != nil {
		in.interrupt()
	}
}

func (in *intake) isLast(l *broker.Lease) bool {
	return l.Deliveries == in.cfg.Policy.last()
}

// accept has the leased tasks run as slots are free.
func (in *intake) accept(leases []broker.Lease) {
	if len(leases) == 0 {
		return
	}
	in.mu.Lock()
	for i := range leases {
		if in.isLast(&leases[i]) {
			in.last++
		}
	}
	in.mu.Unlock()
	attempts := newAttempts(in.env, leases)
	in.begins(len(attempts))
	in.leases.add(leasesOf(attempts))
	in.slots.add(attempts)
}

// refuse hands back what was leased as the server was told to stop.
func (in *intake) refuse(leases []broker.Lease) {
	in.begins(len(leases))
	in.slots.makeRoom(-len(leases))
	releaseAll(newAttempts(in.env, leases))
}

// forget is told of settlements: another task on its last delivery may come.
func (in *intake) forget(settlements []settlement) {
	for i := range settlements {
		if !in.isLast(&settlements[i].outcome.Lease) {
			continue
		}
		in.mu.Lock()
		if in.last = max(in.last-1, 0); in.last == 0 {
			in.again()
		}
		in.mu.Unlock()
	}
}

// preference orders the queues at random, so that each comes first as often as
// its weight says (Efraimidis and Spirakis, "Weighted random sampling with a
// reservoir", 2006).
func preference(weights map[string]int) []string {
	if len(weights) == 1 {
		for name := range weights {
			return []string{name}
		}
	}
	type ranked struct {
		name string
		key  float64
	}
	order := make([]ranked, 0, len(weights))
	for name, weight := range weights {
		order = append(order, ranked{name, -math.Log(1-rand.Float64()) / float64(weight)})
	}
	slices.SortFunc(order, func(a, b ranked) int { return cmp.Compare(a.key, b.key) })
	names := make([]string, len(order))
	for i, r := range order {
		names[i] = r.name
	}
	return names
}
