package redis

import (
	"slices"

	"github.com/nex-gen-tech/jobsy/broker"
)

const (
	// parked is the score from which on a task is parked, up to held.
	parked = sequences / 2 * 256
	// namesTold is how many names of parked tasks one call of the lease script
	// tells, and namesCalled of how many it is told.
	namesTold   = 50
	namesCalled = 100
)

func isParked(score float64) bool { return score >= parked && score < held }

// roll is what a place knows of the parked tasks of its queue.
type roll struct {
	after   string   // where the next call goes on telling
	whole   bool     // all were told once
	handled []string // of those told, for the next call
}

// hear takes the names that a call has told, which has leased everything of those
// that it was called with unless it was full. It reports whether there are such as
// that call was not called with, so that another one may get more.
func (n *roll) hear(told []string, req *broker.LeaseRequest, full bool) (more bool) {
	before := n.handled
	if !full {
		n.handled = nil
	}
	for _, name := range told {
		if len(n.handled) < namesCalled && !slices.Contains(n.handled, name) && req.Knows(name) {
			n.handled = append(n.handled, name)
			more = more || !slices.Contains(before, name)
		}
	}
	n.after = ""
	if len(told) >= namesTold {
		n.after = told[len(told)-1]
	}
	n.whole = n.whole || n.after == ""
	return more || !n.whole
}

// leaseArgs are the arguments of the lease script for the next call.
func (p *place) leaseArgs(req *broker.LeaseRequest) []any {
	lasts := 1
	if req.NoLast {
		lasts = 0
	}
	args := []any{p.call, req.Max, ceil(req.Duration), req.Last, lasts, p.roll.after}
	for _, name := range p.roll.handled {
		args = append(args, name)
	}
	return args
}
