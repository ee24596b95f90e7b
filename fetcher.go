package jobsy

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	firstPause = 10 * time.Millisecond  // after a failed call
	lastPause  = 500 * time.Millisecond // at most: ready again within a second
)

// fetch leases tasks and starts their attempts, until ctx ends.
func (p *pool) fetch(ctx context.Context) {
	var outage outage
	for {
		leases, err := p.lease(ctx)
		if ctx.Err() == nil {
			p.accept(p.isolate(ctx, leases))
		} else {
			p.refuse(append(leases, p.suspects.letGo()...))
		}
		if ctx.Err() == nil {
			p.server.health.leased(err)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if outage.begins() {
				p.server.log.Warn("cannot lease tasks; trying again until it works", "error", err)
			}
			pause(ctx, outage.pause())
		case outage.ends():
			p.server.log.Info("leasing tasks again")
		}
	}
}

// lease leases as many tasks as the server would take on. While a suspect waits
// for it, it returns after a moment, perhaps with none.
func (p *pool) lease(ctx context.Context) ([]broker.Lease, error) {
	if p.suspects.isHeld() {
		moment, cancel := context.WithTimeout(ctx, p.suspects.hold)
		defer cancel()
		leases, err := p.leaseUntil(moment)
		if moment.Err() != nil && len(leases) == 0 {
			err = nil
		}
		return leases, err
	}
	return p.leaseUntil(ctx)
}

func (p *pool) leaseUntil(ctx context.Context) ([]broker.Lease, error) {
	n, err := p.backlog.want(ctx)
	if err != nil {
		return nil, err
	}
	return p.server.broker.Lease(ctx, broker.LeaseRequest{
		Worker:   p.server.opts.Name,
		Queues:   preference(p.server.opts.Queues),
		Max:      n,
		Duration: p.server.opts.LeaseDuration,
	})
}

// accept has the leased tasks run as slots are free.
func (p *pool) accept(leases []broker.Lease) {
	attempts := newAttempts(p, leases)
	p.running.Add(len(attempts))
	p.keeper.add(attempts)
	p.backlog.add(attempts)
}

// refuse hands back what was leased as the server was told to stop.
func (p *pool) refuse(leases []broker.Lease) {
	p.running.Add(len(leases))
	p.backlog.settled(-len(leases))
	releaseAll(newAttempts(p, leases))
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

// outage paces the calls to a broker that does not answer, and tells its
// beginning and its end.
type outage struct{ failures int }

func (o *outage) begins() bool {
	o.failures++
	return o.failures == 1
}

func (o *outage) ends() bool {
	ended := o.failures > 0
	o.failures = 0
	return ended
}

func (o *outage) pause() time.Duration {
	return task.Exponential(firstPause, lastPause, rand.Float64)(o.failures)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
